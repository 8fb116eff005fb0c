// The real LiteLLM on every configuration of test/lint/cases.ts: what lint predicts is what it does.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { lint } from '../../src/lint/lint.ts';
import * as words from '../../src/lint/words.ts';
import { type Case, cases } from '../lint/cases.ts';

/** FABRIC_WHOLE=1: each LiteLLM is a process of its own, from its start; a few minutes more. */
const WHOLE = process.env['FABRIC_WHOLE'] === undefined ? [] : ['--whole'];
const image = (script: string, input = ''): string =>
  execFileSync(join(import.meta.dirname, '../lint/image.sh'), [script, ...WHOLE], {
    input,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['pipe', 'pipe', 'inherit'],
  });

interface Real {
  readonly name: string;
  readonly error?: string;
  /** `null`: it was still running. */
  readonly exit: number | null;
  readonly log: string;
  readonly backend: readonly string[];
  readonly ollama: boolean;
  /** These where it booted. */
  readonly open?: number;
  readonly models?: readonly string[] | null;
  readonly completions?: readonly (readonly [status: number, text: string])[];
}

const booted = (): ReadonlyMap<string, Real> => {
  const lines = image(
    'boot.py',
    JSON.stringify(
      cases.map(({ name, config, env, files, complete, some, calls }) => ({
        name,
        config,
        env,
        files: files ?? {},
        key: env['LITELLM_MASTER_KEY'] ?? 'sk-abc',
        complete: complete ?? some ?? [],
        wait: calls?.[0] ?? 0,
        least: calls?.[1] ?? 0,
      })),
    ),
  );
  return new Map(
    lines
      .trim()
      .split('\n')
      .map((line): readonly [string, Real] => {
        const one: Real = JSON.parse(line);
        return [one.name, one];
      }),
  );
};

const problemsOf = ({ config, env, files = {} }: Case) => {
  const linted = lint(config, { env: new Map(Object.entries(env)), read: (path) => files[path] ?? null });
  return 'problems' in linted ? linted.problems : [];
};

/** Each model_name that the file lists, as PyYAML reads quoted and plain names. */
const named = (config: string): readonly string[] => {
  const data: unknown = parseYaml(config, { merge: true, uniqueKeys: false, logLevel: 'silent' });
  const list: unknown = typeof data === 'object' && data !== null && 'model_list' in data ? data.model_list : [];
  return (Array.isArray(list) ? list : []).flatMap((entry: unknown) =>
    typeof entry === 'object' && entry !== null && 'model_name' in entry && typeof entry.model_name === 'string' ? [entry.model_name] : [],
  );
};

describe('what lint predicts, LiteLLM does', { tags: 'thorough' }, () => {
  let real: ReadonlyMap<string, Real>;
  beforeAll(() => {
    real = booted();
  });
  test.each(cases)('$name', (one) => {
    const problems = problemsOf(one);
    const has = (effect: string): boolean => problems.some((problem) => problem.effect === effect);
    const of = (effect: string): readonly string[] => problems.flatMap((problem) => (problem.effect === effect ? problem.models : []));
    const did = real.get(one.name);
    expect(did?.error).toBeUndefined();
    const all = `${did?.log}\n${did?.backend.join('\n')}\n${did?.completions?.map(([, text]) => text).join('\n')}`;

    expect(did?.exit === null ? 'boots' : 'refuses', did?.log.slice(-2000)).toBe(has('refuses') ? 'refuses' : 'boots');
    expect(did?.ollama).toBe(problems.some(({ rule }) => rule === 'ollama-without-base'));
    if (one.shows !== undefined) expect(all).toMatch(one.shows);
    if (did?.exit !== null) return;

    expect(did.open, 'a request without a key').toBe(has('open') ? 200 : 401);
    const gone = of('dropped');
    const listed = one.lists !== undefined ? one.lists : named(one.config).filter((name) => !gone.includes(name));
    expect(did.models).toEqual(listed === null ? null : [...new Set(listed)].sort());
    const failing = [...of('fails'), ...problems.flatMap(({ rule, models }) => (rule === 'ollama-without-base' ? models : []))];
    const answered = (one.complete ?? []).map((model, n) => `${model} ${did.completions?.[n]?.[0] === 200 ? 'answers' : 'fails'}`);
    expect(answered).toEqual((one.complete ?? []).map((model) => `${model} ${failing.includes(model) ? 'fails' : 'answers'}`));
    if (one.calls !== undefined) {
      const calls = did.backend.filter((line) => line.includes('POST /v1/chat/completions 200')).length;
      expect(calls).toBeGreaterThanOrEqual(one.calls[1]);
      expect(calls).toBeLessThanOrEqual(one.calls[2]);
    }
  });
});

test('the words are those of this LiteLLM', () => {
  const its: Readonly<Record<string, readonly string[]>> = JSON.parse(image('words.py'));
  const ours = Object.fromEntries(Object.entries(words).map(([name, set]) => [name.toLowerCase(), [...set].sort()]));
  expect(ours).toEqual(Object.fromEntries(Object.entries(its).map(([name, list]) => [name, [...list].sort()])));
});
