// What is noted of live runs: pure, then by the commands as a user types them.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { type Check, defineCheck, type Report, type Result, resultId } from '../src/check.ts';
import { type Ledger, ledgerText, noted, readLedger, together } from '../src/ledger.ts';
import { answersOf, playback } from './playback.ts';

const check: Check = defineCheck({ id: 'host/x', title: 'x', story: '', decides: '', each: () => [] });
const report = (at: number, ...statuses: readonly Result['status'][]): Report => ({
  at,
  results: statuses.map((status, n): Result => {
    const who = { id: resultId(check, `h${n}`), check, subject: `h${n}` };
    switch (status) {
      case 'pass':
        return { ...who, status };
      case 'blocked':
        return { ...who, status, by: 'host/y@h' };
      case 'accepted':
        return { ...who, status, reason: '', until: '2027-01-01', findings: [] };
      default:
        return { ...who, status, findings: [], lost: [] };
    }
  }),
});
const over = (...runs: readonly Result['status'][]): Ledger =>
  runs.reduce<Ledger>((ledger, status, n) => noted(ledger, report(100 + n, status)), new Map());

test.each<[string, readonly Result['status'][], unknown]>([
  ['a pass', ['pass'], { run: 100, fired: null, times: 0, firing: false }],
  ['a failure is one time, however long it lasts', ['pass', 'fail', 'fail', 'warn'], { run: 103, fired: 103, times: 1, firing: true }],
  ['it comes back: a second time', ['fail', 'pass', 'fail', 'pass'], { run: 103, fired: 102, times: 2, firing: false }],
  [
    'what could not be known in between changes nothing',
    ['fail', 'unknown', 'blocked', 'fail'],
    { run: 103, fired: 103, times: 1, firing: true },
  ],
  ['it was never known', ['unknown', 'blocked'], undefined],
  ['what is accepted is known, and does not fire', ['fail', 'accepted'], { run: 101, fired: 100, times: 1, firing: false }],
])('%s', (_, runs, expected) => {
  expect(over(...runs).get('host/x@h0')).toEqual(expected);
});

test('all subjects of some checks together; another check whose id begins alike is none of them', () => {
  const ledger = new Map([...noted(noted(new Map(), report(100, 'fail', 'pass')), report(200, 'unknown', 'fail'))]);
  ledger.set('host/xy@h0', { run: 900, fired: 900, times: 9, firing: true });
  expect(together(ledger, ['host/x'])).toEqual({ run: 200, fired: 200, times: 2 });
  expect(together(ledger, ['host/z'])).toBeNull();
  expect(together(ledger, [])).toBeNull();
});

test('it is read back as it was written; what is damaged or of another version is not', () => {
  const ledger = over('fail', 'pass');
  const text = ledgerText(ledger);
  expect(readLedger(text)).toEqual(ledger);
  for (const bad of [
    '',
    '{',
    'null',
    '[]',
    text.replace('ledger/1', 'ledger/2'),
    text.replace('"times": 1', '"times": "1"'),
    text.replace('host/x@h0', 'host'),
  ])
    expect(readLedger(bad)).toBeNull();
});

const { dir, run, says } = playback();
const state = join(dir, 'home/.local/state/fabric');
const kept = (folder = state): Ledger => {
  const [file = ''] = readdirSync(folder).filter((name) => name.endsWith('.ledger'));
  return readLedger(readFileSync(join(folder, file), 'utf8')) ?? new Map();
};
beforeAll(() => says(answersOf('litellm/env-private/before')));

test('validate, doctor and rex run note what they found, and rex list tells it', async () => {
  expect((await run(['validate'])).code).toBe(1);
  expect(kept().get('litellm/env-private@akira')).toMatchObject({ times: 1, firing: true });
  expect(kept().get('litellm/liveliness@akira')).toMatchObject({ times: 0, fired: null });
  says(answersOf());
  expect((await run(['rex', 'run', 'litellm/env-private'])).code).toBe(0);
  expect(kept().get('litellm/env-private@akira')).toMatchObject({ times: 1, firing: false });
  says(answersOf('litellm/env-private/before'));
  await run(['doctor', 'litellm']);
  expect(kept().get('litellm/env-private@akira')).toMatchObject({ times: 2, firing: true });
  expect((await run(['rex', 'list'])).out).toMatch(
    /^litellm\/env-private +\d+ s ago +\d+ s ago +2 {2}\.env and its copies are root’s alone$/m,
  );
  expect(readdirSync(state).filter((name) => !/^[0-9a-f]{12}\.ledger$/.test(name))).toEqual([]);
});

test('what is judged again, from a recording, is not noted', async () => {
  await run(['validate', '--record', 'kept']);
  const before = ledgerText(kept());
  expect((await run(['validate', '--from', 'kept'])).code).toBe(1);
  expect(ledgerText(kept())).toBe(before);
});

test('a damaged one is begun anew', async () => {
  const [file = ''] = readdirSync(state).filter((name) => name.endsWith('.ledger'));
  writeFileSync(join(state, file), '{"schema":"fabric.led');
  expect((await run(['rex', 'list'])).out).toMatch(/^litellm\/env-private +never/m);
  const { err } = await run(['validate']);
  expect([err, kept().get('litellm/env-private@akira')?.times]).toEqual(['', 1]);
});

test('where it cannot be kept the run is as good as ever: one line, and none in cron', async () => {
  mkdirSync(join(dir, 'shut'));
  writeFileSync(join(dir, 'shut/fabric'), 'a file where the folder should be');
  const env = { XDG_STATE_HOME: join(dir, 'shut') };
  const { code, out, err } = await run(['validate'], env);
  expect([code, out.includes('1 fail')]).toEqual([1, true]);
  expect(err).toMatch(/^fabric: this run could not be noted for `fabric rex list`: .*\n$/);
  // Where the lock can be kept, and a folder stands in the ledger's place.
  says(answersOf());
  const half = join(dir, 'half');
  await run(['validate', '--quiet'], { XDG_STATE_HOME: half });
  const [file = ''] = readdirSync(join(half, 'fabric')).filter((name) => name.endsWith('.ledger'));
  rmSync(join(half, 'fabric', file));
  mkdirSync(join(half, 'fabric', file, 'x'), { recursive: true });
  const quiet = await run(['validate', '--quiet'], { XDG_STATE_HOME: half });
  expect(quiet).toEqual({ code: 0, out: '', err: '' });
});
