// `fabric doctor` and `fabric fix` on the demo's simulated host: found, mended by one plan, taken back. The same on a real host is in
// test/e2e/fix.test.ts.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Check, defineCheck, type Finding, type Fix, type Result, resultId } from '../src/check.ts';
import { unmet } from '../src/plan.ts';
import { fixGate, remedy } from '../src/remedy.ts';
import { type Host, hostsYaml, startHost } from './demo/host.ts';
import { runbook, UNTIL_ALIVE } from './demo/runbook.ts';
import { asRoot, runFabric } from './operator.ts';

const KEY = 'sk-fix-0123456789abcdef';
let host: Host;
let folder = '';
const root = (script: string): Promise<string> => asRoot(host, script);
const fabric = (...args: readonly string[]) => runFabric(folder, args, { LITELLM_MASTER_KEY: KEY });
const failing = async (): Promise<readonly string[]> => {
  const { out } = await fabric('doctor', '--format', 'json');
  const report: { results: { id: string; status: string }[] } = JSON.parse(out);
  return report.results.filter(({ status }) => status === 'fail').map(({ id }) => id);
};
const state = (): readonly string[] => {
  const path = join(folder, '.local/state/fabric');
  return existsSync(path) ? readdirSync(path).filter((name) => name.endsWith('.fix.json')) : [];
};

beforeAll(async () => {
  host = await startHost();
  await root(`${runbook(KEY)}\n${UNTIL_ALIVE}`);
  folder = join(host.scratch, 'operator');
  mkdirSync(folder);
  writeFileSync(
    join(folder, 'fabric.yaml'),
    `${hostsYaml(host.login)}litellm:
  host: akira
  image: ghcr.io/berriai/litellm:v1.109.1
  secrets:
    LITELLM_MASTER_KEY: env:LITELLM_MASTER_KEY
  backends:
    vllm: { kind: vllm, url: "http://127.0.0.1:8000", models: [{ id: qwen2.5-7b, alias: default }] }
`,
  );
});
afterAll(async () => {
  await host.close();
});

test('doctor: root causes with what follows from them, what mends them, and where to read more; exit 1', async () => {
  const { code, out } = await fabric('doctor', 'litellm');
  expect(code).toBe(1);
  expect(out).toMatch(
    /✗ litellm\/unit-active@akira[\s\S]* {4}more {2}fabric explain litellm\/unit-active\n {4}↳ \d+ only follow from it: litellm\//,
  );
  expect(out).toMatch(/`fabric fix --all` mends \d+ of them, and shows its plan first$/);
  expect(out).not.toContain('host/disk');
});

test.each([
  ['zzz', 2, 'choose among litellm, '],
  ['litelm', 2, 'did you mean litellm?'],
  ['rex-36', 2, 'fabric rex run REX-36'],
  ['rex', 2, 'docs/own-entries.md'],
  ['n8n', 0, 'n8n: this fabric.yaml declares nothing to look at'],
])('doctor %s: exit %i, and what to do instead', async (subject, code, err) => {
  expect(await fabric('doctor', subject)).toMatchObject({ code, err: expect.stringContaining(err) });
});

test('a risk accepted for a check that is none: exit 2', async () => {
  const file = join(folder, 'accepting.yaml');
  const accept = 'accept: [{ check: litellm/exposur, reason: known, until: 2999-01-01 }]';
  writeFileSync(file, `${readFileSync(join(folder, 'fabric.yaml'), 'utf8')}${accept}\n`);
  expect(await fabric('doctor', '--config', file)).toMatchObject({
    code: 2,
    err: expect.stringContaining('accepting.yaml accepts litellm/exposur, which is no check (did you mean litellm/exposure?)'),
  });
});

test.each<[string, readonly string[], string]>([
  ['nothing is named', [], 'what is to be fixed is not said'],
  ['a check that is none', ['litellm/exposur'], 'litellm/exposur: no check of this fabric.yaml'],
  ['a result that is none', ['litellm/image@motoko'], 'no check of this fabric.yaml'],
  ['all and one', ['--all', 'litellm/image'], 'ids, --all and --undo exclude each other'],
  ['nobody can be asked', ['--all'], 'nobody can be asked'],
  ['no fix was made', ['--undo'], 'there is no fix to take back'],
])('fix, %s: exit 2', async (_, args, message) => {
  const { code, err } = await fabric('fix', ...args);
  expect([code, err]).toEqual([2, expect.stringContaining(message)]);
});

test('fix: one plan, shown; applied; gated; the doctor is content; taken back, it is as it was', async () => {
  // A deployment closes it as well: one step. Opening it again is no taking back.
  await root('chmod 755 /var/lib/containers/storage');
  const before = await failing();
  expect(before).toContain('litellm/env-private@akira');
  expect(before).toContain('litellm/engine-private@akira');
  const files =
    'cd /flux/apps/litellm; sha256sum config.yaml .env; stat -c "%a %U" config.yaml .env; systemctl show -p FragmentPath litellm';
  const was = await root(files);

  const plan = await fabric('fix', '--all', '--dry-run', '--exit-code');
  expect(plan).toMatchObject({ code: 6, out: expect.stringContaining('Plan to fix this on akira:') });
  const close = 'make /var/lib/containers/storage 700 (it is 755), which is not taken back';
  expect(plan.out.split(close).length).toBe(2);
  expect([await root(files), state()]).toEqual([was, []]);

  const done = await fabric('fix', '--all', '--yes');
  expect(done).toMatchObject({
    code: 0,
    err: expect.stringMatching(
      /✓ gate: .*litellm\/env-private@akira.* hold(?:, and so does what followed from them)?; nothing else is worse/,
    ),
  });
  expect(await failing()).toEqual([]);
  expect(await fabric('fix', '--all', '--yes')).toMatchObject({ code: 0, out: 'nothing to fix' });

  expect(await fabric('fix', '--undo', '--dry-run')).toMatchObject({
    code: 0,
    out: expect.stringMatching(
      /take back: write \/flux\/apps\/litellm\/config\.yaml[\s\S]*\n- {2}stays: make \/var\/lib\/containers\/storage 700/,
    ),
  });
  expect(state()).toHaveLength(1);
  // As an undo leaves it that was interrupted: one file is back already.
  await root(`cp -p "$(grep -l '100.64.0.14:8000' /var/lib/fabric/journal/*/[0-9]* | head -n 1)" /flux/apps/litellm/config.yaml`);
  expect(await fabric('fix', '--undo', '--yes')).toMatchObject({ code: 0, out: expect.stringContaining('the fix is taken back') });
  await root(UNTIL_ALIVE);
  expect(await root(files)).toBe(was);
  expect(await failing()).toEqual(before.filter((id) => id !== 'litellm/engine-private@akira'));
  expect(state()).toEqual([]);
}, 120_000);

test('a host that cannot be asked is not "nothing to fix": what is unknown is said, exit 3', async () => {
  const file = join(folder, 'nowhere.yaml');
  writeFileSync(file, readFileSync(join(folder, 'fabric.yaml'), 'utf8').replace(/port: \d+/, 'port: 1'));
  expect(await fabric('fix', '--all', '--yes', '--config', file)).toMatchObject({
    code: 3,
    out: '',
    err: expect.stringMatching(/checks could not be made: unreachable/),
  });
});

test('an echo goes with its cause: fix says which', async () => {
  await root('systemctl stop litellm');
  expect(await fabric('fix', 'litellm/liveliness')).toMatchObject({
    code: 0,
    out: 'follows  litellm/liveliness@akira: from litellm/unit-active@akira alone: fabric fix litellm/unit-active@akira\nnothing to fix',
  });
  // Of what is done, or left to a person, it was said already what becomes of it.
  const both = await fabric('fix', 'litellm/liveliness', 'litellm/unit-active', '--dry-run');
  expect(both.out).toMatch(/^follows {2}litellm\/liveliness@akira: from litellm\/unit-active@akira alone$/m);
  await root(`systemctl start litellm\n${UNTIL_ALIVE}`);
});

test('fix one of them: the rest stays as it is', async () => {
  const { code, err } = await fabric('fix', 'litellm/env-private', '--yes');
  expect([code, err]).toEqual([0, expect.stringContaining('litellm/env-private@akira holds')]);
});

test('something changed since: the fix is not taken back, and nothing is touched', async () => {
  await root('echo "# mine" >>/flux/apps/litellm/config.yaml');
  const undone = await fabric('fix', '--undo', '--yes');
  expect(undone).toMatchObject({
    code: 2,
    err: expect.stringContaining('akira: changed since the fix, so it is not taken back: /flux/apps/litellm/config.yaml'),
  });
  expect(await root('tail -n 1 /flux/apps/litellm/config.yaml; ls /var/lib/fabric/journal | wc -l')).toBe('# mine\n1');
});

const run = (title: string, host = 'akira'): Exclude<Fix, string>[number] => ({
  do: 'run',
  host,
  title,
  script: title,
  undo: { script: `un${title}` },
});
const check: Check = defineCheck({ id: 'host/x', rex: ['REX-9'], title: 'x', story: '', decides: '', each: () => [] });
const failed = (subject: string, ...fixes: readonly (Fix | undefined)[]): Result => ({
  id: resultId(check, subject),
  check,
  subject,
  status: 'fail',
  findings: fixes.map((fix, n): Finding => ({ severity: 'fail', saw: String(n), want: '', advice: '', ...(fix ? { fix } : {}) })),
  lost: [],
});
const titles = (results: readonly Result[]) => {
  const { steps, mended, byHand, deploy } = remedy({ at: 0, results }, () => true);
  return [steps.map((step) => (step.do === 'run' ? step.title : '')), mended, byHand.map(({ result }) => result.subject), deploy];
};
test.each<[string, readonly Result[], ReturnType<typeof titles>]>([
  ['its own steps', [failed('a', [run('stop')])], [['stop'], ['host/x@a'], [], []]],
  [
    'a restart that two want comes once, last',
    [failed('a', [run('edit'), run('restart')]), failed('b', [run('more'), run('restart')])],
    [['edit', 'more', 'restart'], ['host/x@a', 'host/x@b'], [], []],
  ],
  ['half of it is left to a person', [failed('a', [run('stop')], undefined)], [['stop'], [], ['a'], []]],
  ['a deployment', [failed('a', 'deploy'), failed('b', 'deploy')], [[], ['host/x@a', 'host/x@b'], [], ['host/x@a', 'host/x@b']]],
  ['an echo goes with its cause', [{ id: 'host/x@a', check, subject: 'a', status: 'blocked', by: 'host/x@b' }], [[], [], [], []]],
])('remedy: %s', (_, results, expected) => {
  expect(titles(results)).toEqual(expected);
});

test('the gate of a fix: the cause holds, and what followed from it does not fail by itself; a log may still tell of what was', () => {
  const tried = defineCheck({ ...check, id: 'host/tried' });
  const log = defineCheck({ ...check, id: 'host/log', history: true });
  const of = (one: Check, by: Result['id']): Result => ({ id: resultId(one, 'a'), check: one, subject: 'a', status: 'blocked', by });
  const before = { at: 0, results: [failed('a', [run('mend')]), of(tried, 'host/x@a'), of(log, 'host/x@a'), failed('b')] };
  const step = fixGate([run('mend')], before, ['host/x@a']);
  const must = step.do === 'gate' ? step.must : [];
  expect([must, step.do === 'gate' && step.title]).toEqual([
    [
      { id: 'host/x@a', atWorst: 'pass' },
      { id: 'host/tried@a', atWorst: 'unknown' },
    ],
    'host/x@a holds, and so does what followed from it; nothing else is worse',
  ]);
  const mended: Result = { id: 'host/x@a', check, subject: 'a', status: 'pass' };
  const after = (echo: Result) => unmet(must, { at: 0, results: [mended, echo] }).map(({ id }) => id);
  expect(after({ ...of(tried, 'host/y@a') })).toEqual([]); // another cause, which is not ours
  expect(after({ ...failed('a'), id: 'host/tried@a', check: tried })).toEqual(['host/tried@a']);
});
