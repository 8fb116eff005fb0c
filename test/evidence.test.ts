// --record, --from and `evidence diff`: what is kept is whole, private and redacted, and says later what it said then.
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { readBundle } from '../src/commands/bundle.ts';
import { Refusal } from '../src/errors.ts';
import { recording } from '../src/replay.ts';
import { type Answers, answersOf, FABRIC, playback } from './playback.ts';
import { KINDS } from './secrets.ts';

vi.setConfig({ testTimeout: 60_000 }); // many processes, one after the other
const { dir, config, says, ssh, run, start } = playback();
const into = (name: string): string => join(dir, name);
/** Records what the host says now; the report of then. */
const record = async (name: string, ...more: readonly string[]): Promise<unknown> => {
  const { out, err } = await run(['validate', '--format', 'json', '--record', into(name), ...more]);
  expect(err).toBe('');
  return JSON.parse(out);
};
const unreachable = (): void => ssh('echo "ssh: connect to host akira port 22: No route to host" >&2; touch asked; exit 255');

test.each([
  ['a healthy host', []],
  ['a broken one', ['litellm/exposure/before', 'litellm/env-complete/before']],
  ['one that is down', ['litellm/unit-active/before']],
])('replayed, %s reads as it did: the same report, at the same moment, and nobody is asked', async (name, broken) => {
  says(answersOf(...broken));
  const live = await record(name);
  unreachable();
  const later = await run(['validate', '--from', into(name), '--format', 'json'], { FABRIC_CONFIG: '/nowhere' });
  expect([JSON.parse(later.out), later.err]).toEqual([live, '']);
  expect(later.code).toBe(broken.length === 0 ? 0 : 1);
  expect(existsSync(into('asked'))).toBe(false);
});

test('replayed, an unreachable host is still one', async () => {
  unreachable();
  const live = await record('gone');
  expect(await run(['validate', '--from', into('gone'), '--format', 'json'])).toMatchObject({
    code: 3,
    out: `${JSON.stringify(live, null, 2)}\n`,
  });
});

test('a bundle is private: the folder 0700, its files 0600, whatever the umask', async () => {
  says(answersOf());
  await record('private');
  expect(readdirSync(into('private')).sort()).toEqual(['akira.evidence', 'bundle.json', 'fabric.yaml']);
  expect(statSync(into('private')).mode & 0o777).toBe(0o700);
  for (const file of readdirSync(into('private'))) expect(statSync(join(into('private'), file)).mode & 0o777).toBe(0o600);
});

test('--config judges old evidence by another file; what that asks in other words is unknown, and says so', async () => {
  says(answersOf());
  await record('old');
  writeFileSync(into('other.yaml'), FABRIC.replace('litellm:\n', "litellm:\n  listen: '0.0.0.0:4001'\n"));
  const { code, out } = await run(['validate', '--from', into('old'), '--config', into('other.yaml')]);
  expect([code, out]).toEqual([
    1,
    expect.stringMatching(
      /^\? \d+ checks .*what this needs was not asked at akira when this was recorded\n\? \d+ checks .*it was asked differently at akira[\s\S]*✗ litellm\/config-drift@akira /,
    ),
  ]);
});

test('a question of another version is not answered by what was said to it', async () => {
  says(answersOf());
  await record('marked');
  const file = join(into('marked'), 'akira.evidence');
  writeFileSync(file, readFileSync(file, 'utf8').replace(/(= listen\/4000 0\n\? )[0-9a-f]{12}/, '$1000000000000'));
  const { code, out } = await run(['validate', '--from', into('marked')]);
  expect([code, out]).toEqual([
    3,
    expect.stringMatching(/\? litellm\/port-bound@akira .*\n {4}lost {2}unreadable: it was asked differently at akira/),
  ]);
});

test.each<[string, (folder: string) => void, RegExp]>([
  ['no bundle at all', (folder) => rmSync(join(folder, 'bundle.json')), /is not a whole bundle: bundle\.json is missing/],
  ['a vantage that is missing', (folder) => rmSync(join(folder, 'akira.evidence')), /akira\.evidence is missing/],
  [
    'a manifest cut short',
    (folder) => truncateSync(join(folder, 'bundle.json'), 30),
    /bundle\.json:\d: this is not JSON, or it is cut short/,
  ],
  [
    'a manifest of another version',
    (folder) => writeFileSync(join(folder, 'bundle.json'), '{"schema":"fabric.bundle/2"}'),
    /bundle\.json:1: expected "schema": "fabric\.bundle\/1"/,
  ],
  [
    'a manifest that leads elsewhere',
    (folder) =>
      writeFileSync(
        join(folder, 'bundle.json'),
        '{"schema":"fabric.bundle/1","at":1,"options":{"smoke":false,"at":[]},"vantages":["../x"]}',
      ),
    /bundle\.json:1: expected "at"/,
  ],
  [
    'evidence cut short',
    (folder) => truncateSync(join(folder, 'akira.evidence'), 300),
    /akira\.evidence:\d+: (it is cut short|this is not a line of recorded evidence)/,
  ],
  [
    'something else',
    (folder) => writeFileSync(join(folder, 'akira.evidence'), 'hello\n'),
    /akira\.evidence:1: this is not recorded evidence/,
  ],
  [
    'a foreign line',
    (folder) => writeFileSync(join(folder, 'akira.evidence'), '#fabric-evidence/1 akira 1\n= a 0\nhello\n. end\n'),
    /akira\.evidence:3: this is not a line of recorded evidence/,
  ],
  [
    'another host’s answers',
    (folder) => writeFileSync(join(folder, 'akira.evidence'), '#fabric-evidence/1 mallory 1\n. end\n'),
    /akira\.evidence:1: these are the answers of mallory/,
  ],
  ['a fabric.yaml that is none', (folder) => writeFileSync(join(folder, 'fabric.yaml'), 'hosts: 3\n'), /fabric\.yaml:1:\d+ hosts: /],
])('refused, with its file and line: %s', async (_, damage, message) => {
  rmSync(into('damaged'), { recursive: true, force: true });
  cpSync(into('private'), into('damaged'), { recursive: true });
  damage(into('damaged'));
  expect(() => readBundle(into('damaged'))).toThrow(message);
  expect(() => readBundle(into('damaged'))).toThrow(Refusal);
});

test('a line after the end is foreign', () => {
  expect(recording('#fabric-evidence/1 a 1\n. end\n| more\n')).toEqual({ line: 3, problem: 'something follows its end' });
});

test('evidence is never overwritten, nothing is asked first; an empty folder will do', async () => {
  says(answersOf());
  await record('once');
  unreachable();
  rmSync(into('asked'), { force: true });
  const again = await run(['validate', '--record', into('once')]);
  expect([again.code, again.err]).toEqual([2, expect.stringContaining('exists and is not an empty folder')]);
  const file = await run(['validate', '--record', config]);
  expect([file.code, file.err]).toEqual([2, expect.stringContaining('exists and is not an empty folder')]);
  expect(existsSync(into('asked'))).toBe(false);
  says(answersOf());
  mkdirSync(into('deep/empty'), { recursive: true });
  await record('deep/empty');
  await record('deep/er/new');
  expect(readdirSync(dir).filter((name) => name.endsWith('.part'))).toEqual([]);
});

test('a run that is killed while it asks leaves no folder', async () => {
  ssh(`touch ${dir}/begun; exec sleep 20`);
  const running = start(['validate', '--record', into('killed')]);
  await expect.poll(() => existsSync(into('begun')), { timeout: 10_000 }).toBe(true);
  running.kill('SIGKILL');
  await running;
  expect(existsSync(into('killed'))).toBe(false);
});

test('a folder that cannot be made is refused', async () => {
  says(answersOf());
  writeFileSync(into('file'), '');
  const { code, err } = await run(['validate', '--record', into('file/below')]);
  expect([code, err]).toEqual([
    2,
    expect.stringMatching(/the evidence cannot be kept in .*file\/below: |exists and is not an empty folder/),
  ]);
});

test('secrets planted in every answer, on stdout and on stderr: none is in the bundle or in the report', async () => {
  const planted = KINDS.map(([, secret, text]) => text(secret)).join('\n');
  const answers: Answers = new Map(
    [...answersOf()].map(([key, answer], n) => [
      key,
      'lost' in answer || n % 5 === 4
        ? { lost: 'unreadable', why: `${planted}\nknown: hunter-known-value` }
        : { code: answer.code, out: `${answer.out}\n${planted}`, err: `${planted}\nknown: hunter-known-value` },
    ]),
  );
  says(answers);
  const { out, err } = await run(['validate', '--format', 'json', '--record', into('planted')], {
    LITELLM_MASTER_KEY: 'hunter-known-value',
  });
  const kept = readdirSync(into('planted')).map((name) => readFileSync(join(into('planted'), name), 'utf8'));
  for (const text of [...kept, out, err]) {
    for (const [what, secret] of KINDS) for (const line of secret.split('\n')) expect(text.includes(line), what).toBe(false);
    expect(text).not.toContain('hunter-known-value');
  }
  expect(kept.join('')).toContain('[secret LITELLM_MASTER_KEY]');
});

test('fabric.yaml is kept without its comments, and not at all where it holds a secret', async () => {
  says(answersOf());
  writeFileSync(into('commented.yaml'), `# ask ann for sk-0123456789abcdef\n${FABRIC} # pass hunter2hunter2\n`);
  await record('commented', '--config', into('commented.yaml'));
  expect(readFileSync(join(into('commented'), 'fabric.yaml'), 'utf8')).not.toMatch(/#|hunter2|sk-0/);
  writeFileSync(
    into('leaky.yaml'),
    `${FABRIC}\n  config:\n    litellm_settings:\n      extra:\n        - x: postgres://ann:hunter2@db/x\n`,
  );
  const { code, err } = await run(['validate', '--record', into('leaky'), '--config', into('leaky.yaml')]);
  expect([code, err]).toEqual([2, expect.stringContaining('litellm.config.litellm_settings.extra[0].x holds what looks like a secret')]);
  expect(err).not.toContain('hunter2');
});

test('evidence diff: verdicts first, then what was said differently, with control characters visible', async () => {
  // The clock would always differ.
  const still = (answers: Answers): Answers => new Map([...answers].filter(([key]) => key !== 'clock'));
  const healthy = still(answersOf());
  says(healthy);
  await record('a');
  const listen = healthy.get('listen/4000');
  says(
    new Map(
      [...still(answersOf('litellm/env-private/before'))].map(([key, answer]) => [
        key,
        key === 'listen/4000' && listen && 'out' in listen ? { ...listen, err: 'a\u001b[31mred\rb' } : answer,
      ]),
    ),
  );
  await record('b');
  const { code, out, err } = await run(['evidence', 'diff', into('a'), into('b')]);
  expect([code, err]).toEqual([1, '']);
  expect(out).toMatch(/^litellm\/env-private@akira {2}pass → fail\n✗ litellm\/env-private@akira/);
  expect(out).toMatch(/~ akira env\/flux\/apps\/litellm\/\.env {2}changed\n {5}exit 0\n {4}-600 root:root\n/);
  expect(out).toContain('+! a\\x1b[31mred\\x0db\n');
  expect(out).toMatch(/1 verdict changed, 2 answers differ\n$/);
  const json = await run(['evidence', 'diff', into('a'), into('b'), '--format', 'json']);
  expect([json.code, JSON.parse(json.out)]).toMatchObject([
    1,
    {
      schema: 'fabric.evidence-diff/1',
      verdicts: [{ id: 'litellm/env-private@akira', was: 'pass', now: 'fail' }],
      answers: [
        { vantage: 'akira', key: 'env/flux/apps/litellm/.env', is: 'changed', askedDifferently: false },
        { key: 'listen/4000', now: { err: 'a\\x1b[31mred\\x0db' } },
      ],
      fabric: null,
    },
  ]);
});

test('evidence diff: each run has its own key for fingerprints, so what counts is which of them are equal', async () => {
  const healthy = new Map(
    [...answersOf()]
      .filter(([key]) => key !== 'clock')
      .map(([key, answer]) => [
        key,
        'out' in answer && key.startsWith('env/') ? { ...answer, out: `${answer.out}\nHAND_MADE ${'1f'.repeat(32)}` } : answer,
      ]),
  );
  /** Every fingerprint made anew, the same for the same. */
  const anew = (instead: (fingerprint: string) => string): Answers =>
    new Map(
      [...healthy].map(([key, answer]) => [
        key,
        'out' in answer && key.startsWith('env/') ? { ...answer, out: answer.out.replace(/\b[0-9a-f]{64}\b/g, instead) } : answer,
      ]),
    );
  const flipped = (fingerprint: string): string => [...fingerprint].toReversed().join('');
  says(healthy);
  await record('key1');
  says(anew(flipped));
  await record('key2');
  const same = await run(['evidence', 'diff', into('key1'), into('key2')]);
  expect([same.code, same.out]).toEqual([0, '0 verdicts changed, 0 answers differ\n']);
  says(anew(() => 'a'.repeat(64)));
  await record('key3');
  const { code, out } = await run(['evidence', 'diff', into('key1'), into('key3')]);
  expect(code).toBe(1);
  expect(out).toContain('    -HAND_MADE [value of HAND_MADE]\n    +HAND_MADE [value of LITELLM_MASTER_KEY]\n');
  expect(out).not.toMatch(/[0-9a-f]{64}/);
});

test('evidence diff: the same is exit 0; an answer that vanished, another file, a host that was not asked', async () => {
  const same = await run(['evidence', 'diff', into('a'), into('a')]);
  expect([same.code, same.out]).toEqual([0, '0 verdicts changed, 0 answers differ\n']);
  cpSync(into('a'), into('c'), { recursive: true });
  const file = join(into('c'), 'akira.evidence');
  chmodSync(file, 0o600);
  writeFileSync(file, readFileSync(file, 'utf8').replace(/= listen\/4000 0\n(?:[?|!] .*\n)+/, ''));
  writeFileSync(join(into('c'), 'fabric.yaml'), readFileSync(join(into('c'), 'fabric.yaml'), 'utf8').replace('32768', '16384'));
  const { code, out } = await run(['evidence', 'diff', into('a'), into('c')]);
  expect(code).toBe(1);
  expect(out).toContain('litellm/port-bound@akira  pass → unknown');
  expect(out).toContain('- akira listen/4000  vanished');
  expect(out).toMatch(/~ fabric\.yaml\n(?:.*\n)*? {4}- +context: 32768\n {4}\+ +context: 16384\n/);
  const none = await run(['evidence', 'diff', into('a'), into('nowhere')]);
  expect([none.code, none.err]).toEqual([2, expect.stringContaining('is not a whole bundle')]);
});
