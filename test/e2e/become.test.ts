// sudo's password, on a real host with the real sudo: given to sudo alone, and to nobody where sudo asks for none.
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeAll, expect, test } from 'vitest';
import { fabricYaml, findingsOf, having, lab, type Ran } from './lab.ts';

const NET = 'fbecome';
const it = lab(NET);
const BIN = join(import.meta.dirname, '../../bin/fabric.js');
const LAB = join(import.meta.dirname, '../lab/lab');
/** With what a shell would trip over. */
const PASSWORD = `Canary-'"$(id)\\ü %s 1`;
const WRONG = 'Wrong-Canary-2';
const CANARY = /Canary-/;

const file = (content: string, mode = 0o600): string => {
  const path = join(it.dir, 'password');
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
};
const evidence = (folder: string): string =>
  readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('\n');

beforeAll(async () => {
  await it.root(
    [
      'set -eu',
      'useradd -m -s /bin/bash asked; cp -a /home/ops/.ssh /home/asked/; chown -R asked:asked /home/asked/.ssh',
      `chpasswd <<'END'\nasked:${PASSWORD}\nEND`,
      `echo 'asked ALL=(ALL) ALL' >/etc/sudoers.d/asked; chmod 440 /etc/sudoers.d/asked`,
      // Every `sh -s` keeps what it reads, by its user: 0 is root's.
      `cat >/usr/local/bin/sh <<'END'`,
      '#!/bin/bash',
      'if [ "${1-}" = -s ]; then tee -a "/tmp/stdin-of-$(id -u)" | /bin/sh "$@"; else exec /bin/sh "$@"; fi',
      'END',
      'chmod 755 /usr/local/bin/sh',
      // What any process shows of itself, over and over.
      `cat >/usr/local/bin/watch-all <<'END'`,
      '#!/bin/bash',
      'while :; do grep -alF -f /run/canary /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null >>/run/seen; echo >>/run/rounds; sleep 0.05; done',
      'END',
      'echo Canary- >/run/canary', // from a file: grep's own arguments are looked through too
      'chmod 755 /usr/local/bin/watch-all; systemd-run -q --unit=watch-all /usr/local/bin/watch-all',
    ].join('\n'),
  );
});

/** What the host has seen since it was last asked. */
const traces = async (): Promise<{
  readonly processes: string;
  readonly rounds: number;
  readonly journal: string;
  readonly root: string;
  readonly users: string;
}> => {
  const read = async (script: string): Promise<string> => it.root(`PATH=/usr/bin:/bin\n${script}`);
  const found = {
    processes: await read('sort -u /run/seen 2>/dev/null; :'),
    rounds: Number(await read('wc -l </run/rounds')),
    journal: await read('journalctl --sync; journalctl --no-pager -o cat | cat; cat /var/log/auth.log 2>/dev/null; :'),
    root: await read('cat /tmp/stdin-of-0 2>/dev/null; :'),
    users: await read('cat /tmp/stdin-of-[1-9]* 2>/dev/null; :'),
  };
  await read('rm -f /tmp/stdin-of-* /run/seen; :>/run/rounds');
  return found;
};
const validate = (user: string, password: string, ...args: readonly string[]): Promise<Ran> =>
  it.fabric(fabricYaml({ user }), ['validate', '--format', 'json', '--become-pass-file', file(password), ...args]);

test('the watch sees what there is to see', async () => {
  await it.root('/bin/sh -c "for i in \\$(seq 600); do grep -q cmdline /run/seen 2>/dev/null && break; sleep 0.1; done" Canary-control');
  expect((await traces()).processes).toMatch(/^\/proc\/\d+\/cmdline$/m);
});

test('where sudo asks for no password, it never leaves this machine', async () => {
  await traces();
  const record = join(it.dir, 'record-ops');
  const { code, out, err } = await validate('ops', PASSWORD, '--record', record);
  const seen = await traces();
  expect([0, 1]).toContain(code);
  expect(evidence(record)).toMatch(/^#fabric-evidence/);
  expect(evidence(record)).not.toContain(' login\n');
  expect(`${out}${err}${evidence(record)}`).not.toMatch(CANARY);
  // The shells' stdin is what we think it is, and holds no password: neither the user's nor root's.
  expect(seen.users).toContain('#fabric-evidence/1');
  expect(seen.root).toContain('LC_ALL=C');
  expect(`${seen.users}${seen.root}`).not.toMatch(CANARY);
  expect(seen.rounds).toBeGreaterThan(2);
  expect([seen.processes, seen.journal.match(CANARY)]).toEqual(['', null]);
});

test('where it asks, it gets it, and nobody else does: not root’s shell, no argv, no environment, no log, no evidence', async () => {
  const record = join(it.dir, 'record-asked');
  const { out, err } = await validate('asked', PASSWORD, '--record', record);
  const seen = await traces();
  expect(evidence(record)).toMatch(/^#fabric-evidence/);
  expect(evidence(record)).not.toContain(' login\n');
  expect(`${out}${err}${evidence(record)}`).not.toMatch(CANARY);
  expect(seen.root).toContain('LC_ALL=C');
  expect(seen.root).not.toMatch(CANARY);
  expect(seen.rounds).toBeGreaterThan(2);
  expect([seen.processes, seen.journal.match(CANARY)]).toEqual(['', null]);
  expect(await it.root('ls -d /tmp/tmp.* 2>/dev/null; :')).toBe('');
});

test('a ticket that sudo has kept changes nothing', async () => {
  await it.root(
    `echo 'Defaults:asked timestamp_type=global' >/etc/sudoers.d/ticket; chmod 440 /etc/sudoers.d/ticket\nsu asked -c 'sudo -S -v' <<'END'\n${PASSWORD}\nEND\nsu asked -c 'sudo -n true'`,
  );
  await traces();
  const { out, err } = await validate('asked', PASSWORD);
  const seen = await traces();
  await it.root('rm /etc/sudoers.d/ticket; su asked -c "sudo -K"');
  expect(`${out}${err}`).not.toContain('sudo:');
  expect(seen.root).toContain('LC_ALL=C');
  expect(`${out}${err}${seen.root}${seen.journal}${seen.processes}`).not.toMatch(CANARY);
});

test('without one: the loss names the option', async () => {
  const { out } = await it.fabric(fabricYaml({ user: 'asked' }), ['validate', '--format', 'json']);
  expect(out).toMatch(/sudo: a password is required: --ask-become-pass /);
  const refused = await it.fabric(fabricYaml({ user: 'asked' }), ['deploy', 'litellm', '--yes']);
  expect([refused.code, refused.err]).toEqual([
    4,
    expect.stringMatching(/→ or give sudo its password: --ask-become-pass, or --become-pass-file FILE/),
  ]);
});

test('a wrong one is tried once, and named as what it is', async () => {
  await it.root('journalctl --rotate -q; journalctl --vacuum-time=1s -q; :');
  const { code, err } = await it.fabric(fabricYaml({ user: 'asked' }), ['deploy', 'litellm', '--yes', '--become-pass-file', file(WRONG)]);
  expect([code, err]).toEqual([4, expect.stringContaining('sudo: the password was refused (it was tried once)')]);
  const { journal } = await traces();
  expect(journal).toContain('1 incorrect password attempt');
  expect(journal.match(/authentication failure/g)?.length).toBe(1);
  expect(`${journal}${err}`).not.toMatch(CANARY);
});

test('a whole deployment, with a password', async () => {
  await traces();
  await it.vllm('--port 8000 --model qwen2.5-7b');
  const { code, out, err } = await it.fabric(fabricYaml({ user: 'asked' }), [
    'deploy',
    'litellm',
    '--yes',
    '--become-pass-file',
    file(PASSWORD),
  ]);
  const seen = await traces();
  expect([code, err]).toEqual([0, expect.any(String)]);
  expect(`${out}${err}${seen.root}${seen.journal}`).not.toMatch(CANARY);
  expect(seen.processes).toBe('');
  const again = await validate('asked', PASSWORD);
  expect([again.code, having(again.out, 'fail'), findingsOf(again.out, 'litellm/unit-active')]).toEqual([0, [], '']);
});

test('asked for on a terminal, it is not shown', async () => {
  const config = join(it.dir, 'asked.yaml');
  writeFileSync(config, fabricYaml({ user: 'asked' }));
  const command = `stty cols 120 rows 40; exec ${process.execPath} ${BIN} status --ask-become-pass --config ${config}`;
  const running = execa(LAB, ['exec', 'ops', 'script', '-qec', command, '/dev/null'], {
    env: { LAB_NET: NET, PATH: `${it.dir}/bin:${process.env['PATH']}` },
    reject: false,
    timeout: 300_000,
  });
  let shown = '';
  running.stdout.on('data', (chunk: Buffer) => {
    const before = shown;
    shown += String(chunk);
    if (!before.includes("sudo's password:") && shown.includes("sudo's password:"))
      setTimeout(() => running.stdin.write(`${PASSWORD}\n`), 200);
  });
  const { exitCode } = await running;
  expect([exitCode, shown]).toEqual([0, expect.stringContaining('litellm.service')]);
  expect(shown).not.toMatch(CANARY);
});
