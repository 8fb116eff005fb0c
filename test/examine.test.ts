import { expect, test } from 'vitest';
import { asDeclared, type Check, defineCheck, type Finding, resultId } from '../src/check.ts';
import { type Answer, type Evidence, type Lost, type Probe, succeeded } from '../src/evidence.ts';
import { examine } from '../src/examine.ts';
import type { Accepted } from '../src/fabric.ts';
import { exitCode, summary } from '../src/report/json.ts';
import { sample } from './sample.ts';

const options = asDeclared;
const NOON = Date.UTC(2026, 10, 21, 12) / 1000;
const bad: Finding = { severity: 'fail', saw: 's', want: 'w', advice: 'a' };
const probe: Probe<string> = { key: 'p', question: { at: 'akira', via: 'sh', script: 'p' }, read: succeeded };
const hear = (answer: Answer | Lost): readonly Evidence[] => [{ vantage: 'akira', at: 1, answers: new Map([['p', answer]]) }];
const ok = hear({ code: 0, out: 'text', err: '' });

const make = (
  id: Check['id'],
  judge: Check['each'] extends (...args: never) => readonly (infer C)[] ? (C extends { judge: infer J } ? J : never) : never,
  blockedBy: readonly string[] = [],
  subjects = ['h1'],
): Check =>
  defineCheck({
    id,
    title: 't',
    story: 's',
    decides: '',
    each: () =>
      subjects.map((subject) => ({ subject, needs: [probe], blockedBy: blockedBy.map((one) => resultId(`x/${one}`, subject)), judge })),
  });
const statuses = (checks: readonly Check[], evidence = ok, fabric = sample): readonly string[] =>
  examine(fabric, checks, evidence, options, NOON).results.map(({ id, status }) => `${id} ${status}`);

test.each<[string, Check, readonly Evidence[], string]>([
  ['nothing found', make('x/a', () => []), ok, 'pass'],
  ['a warning', make('x/a', () => [{ ...bad, severity: 'warn' }]), ok, 'warn'],
  ['a failure outweighs what was lost', make('x/a', () => [bad, { lost: 'timeout', why: '' }]), ok, 'fail'],
  [
    'what was lost outweighs a warning',
    make('x/a', () => [
      { ...bad, severity: 'warn' },
      { lost: 'timeout', why: '' },
    ]),
    ok,
    'unknown',
  ],
  ['know, and it was lost', make('x/a', ({ know }) => (know(probe) ? [] : [bad])), hear({ lost: 'unreachable', why: 'gone' }), 'unknown'],
  ['know, and the command failed', make('x/a', ({ know }) => (know(probe) ? [] : [bad])), hear({ code: 1, out: '', err: 'no' }), 'unknown'],
  [
    'maybe, and it was lost',
    make('x/a', ({ maybe }) => (typeof maybe(probe) === 'string' ? [bad] : [])),
    hear({ lost: 'timeout', why: '' }),
    'pass',
  ],
])('%s', (_, check, evidence, status) => {
  expect(statuses([check], evidence)).toEqual([`x/a@h1 ${status}`]);
});

test('blocked: an echo names its root, through echoes, per subject, and cycles end', () => {
  const failing = (): readonly Finding[] => [bad];
  const chain = [make('x/c', failing, ['b']), make('x/b', failing, ['a']), make('x/a', failing)];
  const { results } = examine(sample, chain, ok, options, NOON);
  expect(results.map((one) => ('by' in one ? one.by : one.status))).toEqual(['x/a@h1', 'x/a@h1', 'fail']);
  expect(statuses([make('x/a', failing, ['b']), make('x/b', failing, ['a'])])).toEqual(['x/a@h1 blocked', 'x/b@h1 blocked']);
  expect(statuses([make('x/b', failing, ['a'], ['h2']), make('x/a', failing, [], ['h1'])])).toEqual(['x/b@h2 fail', 'x/a@h1 fail']);
  expect(statuses([make('x/b', () => [], ['a']), make('x/a', failing)])).toEqual(['x/b@h1 pass', 'x/a@h1 fail']);
  // What holds explains nothing, whatever stands behind it.
  expect(statuses([make('x/c', failing, ['b']), make('x/b', () => [], ['a']), make('x/a', failing)])).toEqual([
    'x/c@h1 fail',
    'x/b@h1 pass',
    'x/a@h1 fail',
  ]);
});

test('a reader that chokes on a hostile answer costs its own case, not the run', () => {
  const chokes: Probe<string> = { ...probe, read: (answer) => JSON.parse(answer.out) };
  const check = defineCheck({
    id: 'x/a',
    title: '',
    story: '',
    decides: '',
    each: () => [{ subject: 'h', needs: [chokes], judge: ({ know }) => (know(chokes) ? [] : []) }],
  });
  expect(statuses([check, make('x/b', () => [])])).toEqual(['x/a@h unknown', 'x/b@h1 pass']);
});

test('a fact that was not declared is a bug', () => {
  const sly = defineCheck({
    id: 'x/a',
    title: '',
    story: '',
    decides: '',
    each: () => [{ subject: 'h', needs: [], judge: ({ know }) => (know(probe) ? [] : []) }],
  });
  expect(() => statuses([sly])).toThrow('is not in needs');
});

const accepting = (accept: Partial<Accepted>) => ({
  ...sample,
  accept: [{ check: 'x/a', reason: 'known', until: '2026-11-21', ...accept }],
});
test.each([
  ['until today', {}, 'accepted'],
  ['expired yesterday', { until: '2026-11-20' }, 'fail'],
  ['its subject', { subject: 'h1' }, 'accepted'],
  ['another subject', { subject: 'h2' }, 'fail'],
  ['another check', { check: 'x/b' }, 'fail'],
])('an accepted risk: %s', (_, accept, status) => {
  expect(statuses([make('x/a', () => [bad])], ok, accepting(accept))).toEqual([`x/a@h1 ${status}`]);
});
test('a risk that was accepted until yesterday is a finding that says so', () => {
  const [result] = examine(accepting({ until: '2026-11-20' }), [make('x/a', () => [bad])], ok, options, NOON).results;
  expect(result).toMatchObject({ findings: [{ saw: `${bad.saw} (accepted until 2026-11-20, which is over)` }] });
});

test.each<[string, Check, readonly Evidence[], 'fail' | 'warn', number]>([
  ['healthy', make('x/a', () => []), ok, 'fail', 0],
  ['warnings pass', make('x/a', () => [{ ...bad, severity: 'warn' }]), ok, 'fail', 0],
  ['warnings fail where asked', make('x/a', () => [{ ...bad, severity: 'warn' }]), ok, 'warn', 1],
  ['a failure', make('x/a', () => [bad]), ok, 'fail', 1],
  ['unknown alone', make('x/a', ({ know }) => (know(probe) ? [] : [])), hear({ lost: 'unreachable', why: '' }), 'fail', 3],
  ['login alone', make('x/a', ({ know }) => (know(probe) ? [] : [])), hear({ lost: 'login', why: '' }), 'fail', 4],
])('exit code: %s', (_, check, evidence, failOn, code) => {
  const report = examine(sample, [check], evidence, options, NOON);
  expect(exitCode(report, failOn)).toBe(code);
  expect(Object.values(summary(report)).reduce((sum, one) => sum + one)).toBe(1);
});
