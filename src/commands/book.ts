import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { asDeclared, type Book, type Check, type Entry } from '../check.ts';
import { entries } from '../checks/entries.ts';
import { checks } from '../checks/index.ts';
import { Refusal } from '../errors.ts';
import type { Fabric } from '../fabric.ts';
import { redactText } from '../hosts/redact.ts';
import { nearest } from '../nearest.ts';
import type { RexId } from '../own/check.ts';
import { filesOf, readable } from './own-files.ts';

/** What this run knows: fabric's own checks and entries, and those in `rex/` beside fabric.yaml. `null`: without a fabric.yaml. */
export const readBook = async (fabric: Fabric | null): Promise<Book> => {
  const own = fabric === null || !existsSync(join(dirname(fabric.file), 'rex')) ? [] : await readOwn(fabric);
  return {
    checks: [...checks, ...own.flatMap((one) => one.checks)],
    entries: [...entries, ...own.map(({ entry }) => entry)],
  };
};

/** A risk accepted for a check that is none, or for a subject that it has not, accepts nothing, and nobody would notice. */
export const refuseStrangers = (fabric: Fabric, { checks: all }: Book): void => {
  const wrong = fabric.accept.flatMap(({ check, subject }): readonly string[] => {
    const found = all.find(({ id }) => id === check);
    if (found === undefined)
      return [
        `${check}, which is no check${meant(
          check,
          all.map(({ id }) => id),
        )}`,
      ];
    // Who else may be asked from (--at) is not known here.
    const subjects = found.each(fabric, asDeclared).map((one) => one.subject);
    return subject === undefined || subjects.includes(subject) || found.id === 'litellm/access'
      ? []
      : [`${check} for ${subject}, which it does not look at${meant(subject, subjects)}`];
  });
  if (wrong.length > 0)
    throw new Refusal(`${fabric.file} accepts ${wrong.join('; and ')}`, {
      next: ['`fabric rex list` lists the checks; correct it under accept:'],
    });
};
const meant = (word: string, known: readonly string[]): string => {
  const near = nearest(word, known);
  return near === undefined ? '' : ` (did you mean ${near}?)`;
};

/** One file of `rex/`. */
interface Own {
  readonly entry: Entry;
  readonly checks: readonly Check[];
}

const readOwn = async (fabric: Fabric): Promise<readonly Own[]> => {
  const files = filesOf(dirname(fabric.file));
  if (files.length === 0) return [];
  const twin = files.find(({ id }, index) => files.findIndex((one) => one.id === id) !== index);
  const first = files.find(({ id }) => id === twin?.id);
  if (twin && first) throw new Refusal(`${twin.name}: ${twin.id} is ${first.name} already`, { next: ['give one of them another number'] });
  for (const { id, name } of files) {
    const taken = entries.find((one) => one.id === id);
    if (taken) {
      throw new Refusal(`${name}: ${id} is one of fabric's own entries: ${taken.title}`, { next: ['give it another number'] });
    }
  }
  // Only who has entries of their own loads what reads them.
  const [{ parseEntry }, { checkOf, entryOf }, { problemText }] = await Promise.all([
    import('../own/markdown.ts'),
    import('../own/check.ts'),
    import('../fabric/problems.ts'),
  ]);
  const world = { hosts: [...fabric.hosts.keys()], secret: (text: string) => redactText(text, new Map()) !== text };
  const prose = files
    .filter(({ kind }) => kind === 'prose')
    .map((file) => ({
      file,
      parsed: parseEntry(
        readable(file.path, () => readFileSync(file.path, 'utf8')),
        world,
      ),
    }));
  const lines = prose.flatMap(({ file, parsed }) =>
    'problems' in parsed ? parsed.problems.map((one) => problemText(file.name, one)) : [],
  );
  if (lines.length > 0) {
    throw new Refusal([`${lines.length} problem${lines.length === 1 ? '' : 's'} in rex/ beside ${fabric.file}`, ...lines].join('\n'), {
      next: ['correct the file, then run the same command again'],
    });
  }
  const told = new Map<RexId, Own>(
    prose.flatMap(({ file: { id, name }, parsed }) =>
      'told' in parsed ? [[id, { entry: entryOf(id, name, parsed.told), checks: [checkOf(id, name, parsed.told)] }] as const] : [],
    ),
  );
  const modules = files.filter(({ kind }) => kind === 'module');
  if (modules.length > 0) {
    const { loadModules } = await import('./own-modules.ts');
    for (const [id, one] of await loadModules(modules, fabric)) told.set(id, one);
  }
  return files.flatMap(({ id }) => told.get(id) ?? []);
};
