// What is new since the last run, told by stories: a status a run, and what each run says.
import { Chalk } from 'chalk';
import { expect, test } from 'vitest';
import { compare, type Memory, memoryText, readMemory } from '../src/changes.ts';
import { type Check, defineCheck, type Result } from '../src/check.ts';
import { changesJson, humanChanges } from '../src/report/changes.ts';

const check: Check = defineCheck({ id: 'litellm/exposure', title: 'Strangers are out', story: '', decides: '', each: () => [] });
const finding = { severity: 'fail', saw: 's', want: 'w', advice: 'a' } as const;
const result = (status: Result['status'] | 'absent', subject = 'a'): readonly Result[] => {
  const who = { id: `litellm/exposure@${subject}` as const, check, subject };
  switch (status) {
    case 'absent':
      return [];
    case 'pass':
      return [{ ...who, status }];
    case 'warn':
    case 'fail':
      return [{ ...who, status, findings: [finding], lost: [] }];
    case 'unknown':
      return [{ ...who, status, findings: [], lost: [{ lost: 'unreachable', why: 'gone' }] }];
    case 'blocked':
      return [{ ...who, status, by: 'litellm/exposure@root' }];
    case 'accepted':
      return [{ ...who, status, reason: 'r', until: '2027-01-01', findings: [finding] }];
    default:
      return status satisfies never;
  }
};

/** Runs in a row, as `pass fail`; what each says, as `- changed`. Another result always passes. */
const story = (statuses: string): string => {
  let memory: Memory | null = null;
  const said: string[] = [];
  for (const [n, status] of statuses.split(' ').entries()) {
    const one = (['pass', 'warn', 'fail', 'unknown', 'blocked', 'accepted', 'absent'] as const).find((known) => known === status) ?? 'pass';
    const { changes, memory: next } = compare(memory, { at: 1000 + n, results: [...result('pass', 'other'), ...result(one)] });
    said.push(changes.map(({ is }) => is).join('+') || '-');
    // Between two runs it is a file.
    memory = readMemory(memoryText(next));
    expect(memory).toEqual(next);
  }
  return said.join(' ');
};

test.each([
  ['the first run says what does not pass', 'fail', 'new'],
  ['and nothing of what does', 'pass', '-'],
  ['also what cannot be known', 'unknown', 'unknown'],
  ['a failure is said once', 'pass fail fail fail', '- changed - -'],
  ['a recovery too', 'fail pass pass', 'new changed -'],
  ['worse, and better', 'warn fail warn pass', 'new changed changed changed'],
  ['one run without an answer is none', 'pass unknown pass unknown pass', '- - - - -'],
  ['two in a row are, and so is their end', 'pass unknown unknown unknown pass', '- - unknown - known'],
  ['a failure behind them is not said twice', 'fail unknown fail', 'new - -'],
  ['after a long silence it is still one', 'fail unknown unknown fail', 'new - unknown known'],
  ['recovered behind them', 'fail unknown pass', 'new - changed'],
  ['broken behind them', 'pass unknown unknown fail', '- - unknown changed'],
  ['an echo is no news, and changes nothing', 'pass blocked pass', '- - -'],
  ['not for a failure either', 'fail blocked fail', 'new - -'],
  ['what stays broken when its root is mended is', 'pass blocked fail', '- - changed'],
  ['an echo between unknowns does not count, nor start anew', 'pass unknown blocked unknown pass', '- - - unknown known'],
  ['a risk that is accepted, and that expires', 'fail accepted fail', 'new changed changed'],
  ['a failure that is no longer checked', 'fail absent absent', 'new gone -'],
  ['what passed and is no longer checked', 'pass absent pass', '- - -'],
  ['a check that is new and fails', 'absent fail', '- new'],
  ['a check that is new, and cannot be known at once', 'absent unknown unknown pass', '- - unknown known'],
  ['a check that is new, unknown, and then passes', 'absent unknown pass', '- - -'],
  ['a check that is new, unknown, and then fails', 'absent unknown fail', '- - new'],
])('%s: %s', (_, statuses, said) => {
  expect(story(statuses)).toBe(said);
});

test('since when: the first time that it was seen so', () => {
  const first = compare(null, { at: 1000, results: result('fail') }).memory;
  const second = compare(first, { at: 2000, results: result('unknown') }).memory;
  const third = compare(second, { at: 3000, results: result('fail') }).memory;
  expect(compare(third, { at: 4000, results: result('pass') }).changes).toMatchObject([{ is: 'changed', was: 'fail', since: 1000 }]);
});

test.each([
  ['nothing', ''],
  ['half of it', '{"schema":"fabric.memory/1","results":{"a/b@c":{"sta'],
  ['another version', '{"schema":"fabric.memory/2","results":{}}'],
  ['another shape', '{"schema":"fabric.memory/1","results":{"a/b@c":{"status":"broken","since":1,"unknown":0}}}'],
  ['a list', '[]'],
  ['null', 'null'],
])('a memory of %s is none', (_, text) => {
  expect(readMemory(text)).toBe(null);
});

const plain = new Chalk({ level: 0 });
test('for people: what changed, what to do about it, how things stand', () => {
  const memory = compare(null, { at: 0, results: [...result('fail', 'a'), ...result('pass', 'b'), ...result('fail', 'c')] }).memory;
  const report = { at: 60, results: [...result('pass', 'a'), ...result('fail', 'b'), ...result('pass', 'd')] };
  const { changes } = compare(memory, report);
  expect(humanChanges(changes, report, plain)).toBe(`✓ litellm/exposure@a  Strangers are out: recovered (fail since 1970-01-01T00:00:00Z)
> litellm/exposure@b  fail (was pass since 1970-01-01T00:00:00Z)
- litellm/exposure@c  is no longer checked (fail since 1970-01-01T00:00:00Z)
✗ litellm/exposure@b  Strangers are out
    saw   s
    want  w
    do    a
now: 1 fail, 2 pass
`);
  expect(humanChanges([], report, plain)).toBe('');
  expect(changesJson(changes, report)).toMatchObject({
    schema: 'fabric.changes/1',
    changes: [
      { id: 'litellm/exposure@a', is: 'changed', was: 'fail', now: 'pass', since: '1970-01-01T00:00:00Z' },
      { id: 'litellm/exposure@b', is: 'changed', was: 'pass', now: 'fail' },
      { id: 'litellm/exposure@c', is: 'gone', was: 'fail', now: null },
    ],
    report: { schema: 'fabric.report/1' },
  });
});
