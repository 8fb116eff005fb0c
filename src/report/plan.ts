import type { ChalkInstance } from 'chalk';
import { structuredPatch } from 'diff';
import type { FileState, Plan, Step } from '../plan.ts';
import { sealed } from '../secret.ts';
import { visible } from '../shell.ts';

/** Lines of a diff, coloured, three lines of context. */
const diff = (paint: ChalkInstance, was: string, now: string): readonly string[] => {
  const ended = (text: string): string => (text === '' || text.endsWith('\n') ? text : `${text}\n`);
  return structuredPatch('', '', ended(was), ended(now), '', '', { context: 3 }).hunks.flatMap((hunk, n) => [
    ...(n > 0 ? [paint.dim('…')] : []),
    ...hunk.lines.map((line) => {
      const text = visible(line);
      return line.startsWith('+') ? paint.green(text) : line.startsWith('-') ? paint.red(text) : paint.dim(text);
    }),
  ]);
};

/** The lines that change, by their numbers. What stands around them may not have been heard. */
const replaced = (paint: ChalkInstance, was: string, now: string): readonly string[] =>
  structuredPatch('', '', was, now, '', '', { context: 0 }).hunks.flatMap(({ oldStart, lines }) => [
    paint.dim(`line ${oldStart}`),
    ...lines.filter((line) => !line.startsWith('\\')).map((line) => (line.startsWith('+') ? paint.green : paint.red)(visible(line))),
  ]);

const changed = (was: FileState | null, now: { readonly mode: string; readonly owner: string }): string =>
  was === null
    ? `new, ${now.mode} ${now.owner}`
    : was.mode === now.mode && was.owner === now.owner
      ? 'changed'
      : `changed, ${was.mode} ${was.owner} → ${now.mode} ${now.owner}`;

/** What a step does, in one line. */
export const title = (step: Step): string => {
  switch (step.do) {
    case 'write':
      return step.now === null ? `delete ${step.path}` : `write ${step.path} (${changed(step.was, step)})`;
    case 'restore':
      return `restore ${step.path} from ${step.from}`;
    case 'patch':
      return `${step.was === null ? 'write' : 'edit'} ${step.path} (${step.was === null ? 'new, ' : ''}${step.mode} ${step.owner})`;
    case 'splice':
      return `edit ${step.path}`;
    case 'run':
      return step.undo === 'impossible' ? `${step.title}: CANNOT BE TAKEN BACK` : step.title;
    case 'gate':
      return `gate: ${step.title}`;
    default:
      return step satisfies never;
  }
};

const MAY = { pass: '', warn: ' (may warn)', unknown: ' (must not fail)' } as const;
const body = (step: Step, paint: ChalkInstance, verbose: boolean): readonly string[] => {
  switch (step.do) {
    case 'write':
      return diff(paint, step.was?.text ?? '', step.now ?? '');
    case 'restore':
      return diff(paint, step.was?.text ?? '', step.now.text);
    case 'patch':
      return step.lines.map(({ begins, was, now }) => {
        if (now === null) return paint.red(`- ${visible(begins)}…`);
        return was === 'absent' ? paint.green(`+ ${visible(sealed(now))}`) : paint.yellow(`~ ${visible(sealed(now))}  (another value now)`);
      });
    case 'splice':
      return replaced(paint, step.was.text, step.now);
    case 'run':
      return [
        ...(typeof step.undo === 'object' && step.undo.armedFor !== undefined
          ? [paint.dim(`the host takes this back by itself after ${step.undo.armedFor} s, unless a new connection comes through by then`)]
          : []),
        ...(verbose ? step.script.split('\n').map((line) => paint.dim(visible(`$ ${line}`))) : []),
      ];
    case 'gate':
      return [
        ...(verbose ? step.must.map(({ id, atWorst }) => paint.dim(`${id}${MAY[atWorst]}`)) : []),
        ...step.unverified.map((id) => paint.magenta(`cannot be asked, so it is not verified: ${visible(id)}`)),
      ];
    default:
      return step satisfies never;
  }
};

/** The plan for people: numbered, with diffs. `verbose` adds the scripts and the gates' conditions. */
export const humanPlan = (plan: Plan, paint: ChalkInstance, verbose: boolean): string => {
  const width = String(plan.length).length;
  return plan
    .flatMap((step, n) => [
      `${paint.dim(String(n + 1).padStart(width))}  ${step.do === 'gate' ? paint.cyan(visible(title(step))) : visible(title(step))}`,
      ...body(step, paint, verbose).map((line) => `${' '.repeat(width + 4)}${line}`),
    ])
    .join('\n')
    .concat('\n');
};
