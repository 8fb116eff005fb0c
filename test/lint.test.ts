import { expect, test } from 'vitest';
import { lint } from '../src/lint/lint.ts';
import { cases } from './lint/cases.ts';

test.each(cases)('$name', ({ config, env, files = {}, found }) => {
  const linted = lint(config, { env: new Map(Object.entries(env)), read: (path) => files[path] ?? null });
  const said = 'problems' in linted ? linted.problems.map(({ rule, line }) => `${rule}@${line}`) : ['unreadable'];
  expect(said.toSorted()).toEqual(found.toSorted());
});
