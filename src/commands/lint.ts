import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { Refusal } from '../errors.ts';
import { problemText } from '../fabric/places.ts';
import { lint as judge, MEASURED, readEnvironment } from '../lint/lint.ts';
import { rules } from '../lint/rules.ts';
import { humanLint, lintJson } from '../report/lint.ts';
import { sarif } from '../report/sarif.ts';
import { parseVersion } from '../services/version.ts';
import { painter } from './session.ts';

export interface LintCommandOptions {
  readonly env?: string;
  readonly litellm?: string;
  readonly format: 'human' | 'json' | 'sarif';
  readonly failOn: 'fail' | 'warn';
}

/** `fabric lint FILE`: what LiteLLM will make of a config.yaml. Exit 0, 1 (problems), or 2 (no such file, or no YAML). */
export const lint = async (file: string, { env, litellm, format, failOn }: LintCommandOptions, program: string): Promise<number> => {
  const version = parseVersion(litellm ?? MEASURED);
  if (version === null) throw new Refusal(`--litellm ${litellm} is no version of LiteLLM`, { next: [`write one like ${MEASURED}`] });
  const stdin = file === '-';
  const name = stdin ? '<stdin>' : file;
  const linted = judge(read(stdin ? 0 : file, name, 'FILE'), {
    version,
    ...(env === undefined ? {} : { env: readEnvironment(read(env, env, '--env')) }),
    // What standard input includes stands beside a file that nobody knows.
    ...(stdin ? {} : { read: (path: string) => readIfThere(resolve(dirname(file), path)) }),
  });
  if ('unreadable' in linted)
    throw new Refusal(
      ['it is no YAML, and LiteLLM does not boot with it', ...linted.unreadable.map((one) => problemText(name, one))].join('\n'),
      {
        next: ['correct it, then run the same command again'],
      },
    );
  const { problems } = linted;
  if (format === 'human') process.stdout.write(humanLint(name, problems, painter(process.stdout)));
  else
    process.stdout.write(
      `${JSON.stringify(format === 'json' ? lintJson(name, litellm ?? MEASURED, problems) : sarif(name, problems, rules, program), null, 2)}\n`,
    );
  return problems.some(({ severity }) => severity === 'fail' || failOn === 'warn') ? 1 : 0;
};

const CAUSES: Readonly<Record<string, string>> = { ENOENT: 'there is no such file', EACCES: 'permission denied', EISDIR: 'it is a folder' };

const read = (file: string | 0, name: string, by: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && typeof cause.code === 'string')) throw cause;
    throw new Refusal(`cannot read ${name}: ${CAUSES[cause.code] ?? cause.message}`, {
      next: [`name a file that can be read as ${by}`],
      cause,
    });
  }
};

const readIfThere = (path: string): string | null => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
};
