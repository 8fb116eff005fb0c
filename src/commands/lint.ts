import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { Refusal } from '../errors.ts';
import { problemText } from '../fabric/places.ts';
import { lint as judge, MEASURED, readEnvironment } from '../lint/lint.ts';
import { rules } from '../lint/rules.ts';
import type { LintProblem } from '../lint.ts';
import { humanLint, lintJson } from '../report/lint.ts';
import { sarif } from '../report/sarif.ts';
import { parseVersion } from '../services/version.ts';
import { readInput } from './input.ts';
import { painter } from './session.ts';

export interface LintCommandOptions {
  readonly env?: string;
  readonly litellm?: string;
  readonly format: 'human' | 'json' | 'sarif';
  readonly failOn: 'fail' | 'warn';
}

/** `fabric lint FILE`: what LiteLLM will make of a config.yaml. Exit 0, 1 (problems), or 2 (no such file, or no YAML, which `json` and `sarif` report too). */
export const lint = async (file: string, { env, litellm, format, failOn }: LintCommandOptions, program: string): Promise<number> => {
  const version = parseVersion(litellm ?? MEASURED);
  if (version === null) throw new Refusal(`--litellm ${litellm} is no version of LiteLLM`, { next: [`write one like ${MEASURED}`] });
  const { name, text } = readInput(file, 'FILE');
  const linted = judge(text, {
    version,
    ...(env === undefined ? {} : { env: readEnvironment(readInput(env, '--env').text) }),
    // What standard input includes stands beside a file that nobody knows.
    ...(file === '-' ? {} : { read: (path: string) => readIfThere(resolve(dirname(file), path)) }),
  });
  const print = (problems: readonly LintProblem[]): void => {
    if (format === 'human') process.stdout.write(humanLint(name, problems, painter(process.stdout)));
    else
      process.stdout.write(
        `${JSON.stringify(format === 'json' ? lintJson(name, litellm ?? MEASURED, problems) : sarif(name, problems, rules, program), null, 2)}\n`,
      );
  };
  if ('unreadable' in linted) {
    // Whatever reads the report must see it too.
    if (format !== 'human') print(linted.unreadable.map((one) => ({ ...one, ...NO_YAML })));
    throw new Refusal(
      ['it is no YAML, and LiteLLM does not boot with it', ...linted.unreadable.map((one) => problemText(name, one))].join('\n'),
      { next: ['correct it, then run the same command again'] },
    );
  }
  const { problems } = linted;
  print(problems);
  return problems.some(({ severity }) => severity === 'fail' || failOn === 'warn') ? 1 : 0;
};

/** A file that is none is a problem of no rule: nothing could be judged. */
const NO_YAML = {
  rule: 'yaml',
  severity: 'fail',
  effect: 'refuses',
  advice: 'Correct it: LiteLLM does not boot with it',
  models: [],
} as const;

const readIfThere = (path: string): string | null => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
};
