// The script that asks everything, under the shells and with the commands that hosts have: BusyBox, dash, bash, mksh, zsh; and with a
// command gone at a time, as on macOS. What cannot be answered is lost, the stream is whole, and nothing hangs or stays behind.
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { checks } from '../src/checks/index.ts';
import { questions as deployQuestions } from '../src/deploy/needs.ts';
import { type Answer, facts, isLost, type Lost, type Probe, type Script, succeeded } from '../src/evidence.ts';
import { needsOf } from '../src/examine.ts';
import { collect, type World } from '../src/hosts/collect.ts';
import { RUN_KEY, Secret } from '../src/secret.ts';
import { fabricOf, SAMPLE } from './sample.ts';

vi.setConfig({ testTimeout: 60_000 });
const dir = mkdtempSync(join(tmpdir(), 'fabric-shells-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const where = (command: string): string | undefined =>
  (process.env['PATH'] ?? '')
    .split(':')
    .concat('/usr/sbin', '/sbin')
    .map((folder) => join(folder, command))
    .find(existsSync);

const BUSYBOX = where('busybox');
/** What the script and the questions use. No podman, docker, firewall-cmd or journalctl: those are lost or absent everywhere here. */
const COMMANDS =
  'awk cat cmp curl cut date du find getent grep head id ip ls mktemp printf rm sed setsid sh sha256sum sleep sort ss stat systemctl tail timeout touch tr true uname wc'.split(
    ' ',
  );
const folder = (name: string): string => join(dir, name);

/** A folder to be the whole PATH: the commands without some. `sudo` stands in for the real one, which asks who runs the tests. */
const pathWithout = (...gone: readonly string[]): string => {
  const path = folder(`without-${gone.join('-')}`);
  if (existsSync(path)) return path;
  mkdirSync(path);
  for (const command of COMMANDS.filter((one) => !gone.includes(one))) {
    const real = where(command);
    if (real !== undefined) symlinkSync(real, join(path, command));
  }
  if (!gone.includes('sudo')) writeFileSync(join(path, 'sudo'), '#!/bin/sh\nshift\nexec "$@"\n', { mode: 0o755 });
  return path;
};
beforeAll(() => {
  mkdirSync(folder('app'));
  writeFileSync(folder('app/config.yaml'), 'model_list: []\n');
  writeFileSync(folder('app/.env'), 'LITELLM_MASTER_KEY=sk-0123456789\n');
  if (BUSYBOX === undefined) return;
  mkdirSync(folder('busybox'));
  for (const applet of execFileSync(BUSYBOX, ['--list'], { encoding: 'utf8' }).split('\n').filter(Boolean))
    symlinkSync(BUSYBOX, join(folder('busybox'), applet));
  cpSync(folder('busybox'), folder('busybox-without-timeout'), { recursive: true, verbatimSymlinks: true });
  rmSync(join(folder('busybox-without-timeout'), 'timeout'));
});

interface Host {
  readonly shell: string;
  readonly path: string;
}
const ADDED = 'PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin';
const fabric = fabricOf(
  SAMPLE.replace('  image:', `  listen: 0.0.0.0:47471\n  directory: ${folder('app')}\n  image:`)
    .replace('kind: openrouter\n', 'kind: openrouter\n      url: http://127.0.0.1:9\n')
    .replace('http://127.0.0.1:8000/v1', `http://${hostname()}:9`),
);
/** Asks as a connector would, with that shell and nothing but that PATH. The sbin folders that the script adds are left out. */
const world = ({ shell, path }: Host): World => ({
  fabric,
  keyring: new Map([[RUN_KEY.secret, new Secret(RUN_KEY.secret, 'k')]]),
  connector: async () => ({
    exec: (_, stdin): Promise<Answer | Lost> =>
      new Promise((resolve) => {
        expect(stdin).toContain(ADDED);
        const child = spawn(shell, ['-s'], { env: { PATH: path, HOME: dir } });
        let out = '';
        let err = '';
        child.stdout.on('data', (chunk) => (out += String(chunk)));
        child.stderr.on('data', (chunk) => (err += String(chunk)));
        child.on('close', (code) => resolve({ code: code ?? -1, out, err }));
        child.stdin.end(stdin.replaceAll(ADDED, 'PATH=$PATH'));
      }),
    close: async () => {},
  }),
  now: () => 1,
});
const everything: readonly Probe<unknown>[] = [
  ...needsOf(fabric, checks, { smoke: true, at: [] }).filter(({ question }) => question.at === 'akira'),
  ...Object.values(deployQuestions(fabric)),
];
/** What became of every question: `read`, or why it was lost. */
const asked = async (host: Host): Promise<ReadonlyMap<string, string>> => {
  const [evidence] = await collect(everything, world(host));
  if (!evidence) throw new Error('no evidence');
  expect([...new Set(everything.map(({ key }) => key))].filter((key) => !evidence.answers.has(key))).toEqual([]);
  const { maybe } = facts([evidence], everything);
  return new Map(
    everything.map((probe) => {
      const value = maybe(probe);
      return [probe.key, isLost(value) ? value.lost : 'read'];
    }),
  );
};
const of = (seen: ReadonlyMap<string, string>, begins: string): readonly string[] => [
  ...new Set([...seen].filter(([key]) => key.startsWith(begins)).map(([, what]) => what)),
];

const sh = { shell: 'sh', path: '' };
test.each<[string, readonly string[], readonly (readonly [string, string])[]]>([
  [
    'nothing',
    [],
    [
      ['listen/', 'read'],
      ['interfaces', 'read'],
      ['resolved/', 'read'],
      ['litellm/health', 'read'],
      [`env`, 'read'],
      [`file${dir}`, 'read'],
      ['changed', 'read'],
      ['firewall/runtime', 'read'],
    ],
  ],
  ['timeout (macOS)', ['timeout'], [['litellm/health', 'read']]],
  ['timeout and setsid (macOS: perl)', ['timeout', 'setsid'], [['litellm/health', 'read']]],
  [
    'awk: which sets answers in order',
    ['awk'],
    [
      ['listen/', 'unsupported'],
      ['env', 'unsupported'],
    ],
  ],
  ['ss', ['ss'], [['listen/', 'unsupported']]],
  ['ip', ['ip'], [['interfaces', 'unsupported']]],
  ['getent: not "no such name"', ['getent'], [['resolved/', 'unsupported']]],
  ['systemctl', ['systemctl'], [['unit/', 'unsupported']]],
  [
    'curl',
    ['curl'],
    [
      ['litellm/', 'unsupported'],
      ['backend/vllm/from-host', 'unsupported'],
      ['backend/vllm/on-loopback', 'unsupported'],
    ],
  ],
  [
    'stat: not a file without mode and owner',
    ['stat'],
    [
      [`file${dir}`, 'unsupported'],
      ['env', 'unsupported'],
      ['changed', 'unsupported'],
    ],
  ],
  [
    'sha256sum: not a file without hash',
    ['sha256sum'],
    [
      [`file${dir}`, 'unsupported'],
      ['env', 'unsupported'],
    ],
  ],
  [
    'sudo: root’s questions are lost as a login',
    ['sudo'],
    [
      ['listen/', 'read'],
      ['firewall/', 'login'],
      ['env', 'login'],
    ],
  ],
])('a host without %s', async (_, gone, expected) => {
  const seen = await asked({ ...sh, path: pathWithout(...gone) });
  expect(expected.map(([begins]) => [begins, of(seen, begins)])).toEqual(expected.map(([begins, what]) => [begins, [what]]));
});

test('another system’s firewall is not "no firewall"', async () => {
  const path = pathWithout('uname');
  writeFileSync(join(path, 'uname'), '#!/bin/sh\necho Darwin\n', { mode: 0o755 });
  expect(of(await asked({ ...sh, path }), 'firewall/runtime')).toEqual(['unsupported']);
});

const raw = (key: string, script: string, more: Partial<Script> = {}): Probe<string> => ({
  key,
  question: { at: 'akira', via: 'sh', script, ...more },
  read: succeeded,
});
let sleepers = 0;
/** Questions that hang, among others. They sleep for lengths of their own, so that what stays behind is known by them. */
const hangingOnes = (mark: string): readonly Probe<string>[] => [
  raw('quick', 'echo ok'),
  raw('stdin', 'cat; echo end', { stdin: 'one\ntwo\n' }),
  raw('root-stdin', 'cat; echo end', { stdin: 'one\ntwo\n', sudo: true }),
  raw('no-stdin', 'cat; echo end'),
  raw('complains', 'echo no >&2; exit 3'),
  raw('missing', 'no-such-command'),
  raw('hangs', `${mark}1`, { seconds: 1 }),
  raw('hangs-as-root', `${mark}2`, { seconds: 1, sudo: true }),
  raw('its-children', `${mark}3 & (${mark}4 &) ; ${mark}5 | cat`, { seconds: 1 }),
  raw('will-not-end', `trap '' TERM; while :; do sleep 0.2; done`, { seconds: 1 }),
  ...Array.from({ length: 30 }, (_, n) => raw(`many/${n}`, `echo ${n}`)),
];
const running = (what: string): readonly string[] =>
  readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').includes(what);
      } catch {
        return false; // it ended while we looked
      }
    });
const bounded = async (host: Host): Promise<void> => {
  sleepers += 1;
  const mark = `sleep 3${process.pid}.${sleepers}`;
  const hanging = hangingOnes(mark);
  const began = Date.now();
  const evidence = await collect(hanging, world(host));
  expect(Date.now() - began).toBeLessThan(40_000);
  const { maybe } = facts(evidence, hanging);
  const at = (key: string): unknown => hanging.filter((one) => one.key === key).map(maybe)[0];
  expect(at('quick')).toBe('ok');
  expect(at('stdin')).toBe('one\ntwo\nend');
  expect(at('root-stdin')).toBe('one\ntwo\nend');
  expect(at('no-stdin')).toBe('end');
  expect(at('complains')).toMatchObject({ lost: 'unreadable', why: expect.stringContaining('exit 3: no') });
  expect(at('missing')).toMatchObject({ lost: 'unsupported' });
  for (const key of ['hangs', 'hangs-as-root', 'its-children', 'will-not-end']) expect(at(key), key).toMatchObject({ lost: 'timeout' });
  expect(at('many/29')).toBe('29');
  expect(running(mark)).toEqual([]);
};

// Like the real sshd in connectors.test.ts: left out where a shell is not installed, never where everything must hold.
const having = (command: string) => (where(command) === undefined && process.env['CI'] === undefined ? describe.skip : describe.concurrent);
const WITHOUT: readonly (readonly [string, string, readonly string[]])[] = [
  ['dash', 'timeout itself', []],
  ['dash', 'setsid', ['timeout']],
  ['dash', 'perl', ['timeout', 'setsid']],
  ['bash', 'setsid', ['timeout']],
  ['mksh', 'setsid', ['timeout']],
  ['zsh', 'setsid', ['timeout']],
];
for (const [shell, by, gone] of WITHOUT)
  having(shell)(shell, () => {
    test(`a question that hangs is cut by ${by}, with its children, and nothing stays behind`, async () => {
      const path = pathWithout(...gone);
      if (by === 'perl' && !existsSync(join(path, 'perl'))) symlinkSync(where('perl') ?? 'perl', join(path, 'perl'));
      await bounded({ shell: where(shell) ?? shell, path });
    });
  });
having('bash')('bash', () => {
  test('without timeout, setsid and perl its own job control makes the group', async () => {
    const bash = where('bash') ?? 'bash';
    const path = pathWithout('timeout', 'setsid', 'perl', 'sh');
    symlinkSync(bash, join(path, 'sh')); // as on macOS
    await bounded({ shell: bash, path });
  });
});

having('busybox')('BusyBox alone', () => {
  test.each(['busybox', 'busybox-without-timeout'])(
    '%s: cut, with its children',
    async (name) => {
      if (!existsSync(join(folder(name), 'sudo')))
        writeFileSync(join(folder(name), 'sudo'), '#!/bin/sh\nshift\nexec "$@"\n', { mode: 0o755 });
      await bounded({ shell: join(folder(name), 'sh'), path: folder(name) });
    },
    30_000,
  );
  test('every question is answered or lost', async () => {
    const seen = await asked({ shell: join(folder('busybox'), 'sh'), path: folder('busybox') });
    expect(['listen/', 'resolved/', 'unit/', 'litellm/', 'env', `file${dir}`, 'interfaces'].map((one) => [one, of(seen, one)])).toEqual([
      ['listen/', ['unsupported']],
      ['resolved/', ['unsupported']],
      ['unit/', ['unsupported']],
      ['litellm/', ['unsupported']],
      ['env', ['read']],
      [`file${dir}`, ['read']],
      ['interfaces', ['read']],
    ]);
  });
});
