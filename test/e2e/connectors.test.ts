// The connectors' contract against a lab host's sshd, across a network, as a user who has sudo; and as one who has not.
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Host } from '../../src/fabric.ts';
import { openssh } from '../../src/hosts/openssh.ts';
import { asRoot } from '../../src/hosts/perform.ts';
import { ssh2 } from '../../src/hosts/ssh2.ts';
import { contract, KILL_SSHD } from '../connector-contract.ts';
import { fabricYaml, lab } from './lab.ts';

const NET = 'fconn';
const it = lab(NET);
const path = process.env['PATH'];
const host = (user: string): Host => ({ name: 'akira', address: '100.64.0.14', user, become: 'sudo', client: 'openssh' });

/** A door into the lab for a client that runs in this process: each connection goes on in the operator's namespace. */
const RELAY =
  "const s = require('net').connect(22, '100.64.0.14'); process.stdin.pipe(s).pipe(process.stdout); s.on('close', () => process.exit())";
const door = createServer((socket) => {
  const relay = spawn('ip', ['netns', 'exec', `${NET}-ops`, process.execPath, '-e', RELAY], { stdio: ['pipe', 'pipe', 'ignore'] });
  socket.on('error', () => {}).on('close', () => relay.kill());
  relay.stdin.on('error', () => {});
  socket.pipe(relay.stdin);
  relay.stdout.pipe(socket);
});
let inside: Host = host('ops');

beforeAll(async () => {
  // This process stands outside the lab: its ssh is the operator's.
  writeFileSync(join(it.dir, 'bin/ssh'), `#!/bin/sh\nexec ip netns exec ${NET}-ops /usr/bin/ssh -F ${it.dir}/ssh_config "$@"\n`, {
    mode: 0o755,
  });
  process.env['PATH'] = `${it.dir}/bin:${path}`;
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
  const at = door.address();
  inside = {
    ...host('ops'),
    address: '127.0.0.1',
    port: typeof at === 'object' ? (at?.port ?? 0) : 0,
    client: 'ssh2',
    hostKey: await hostKey(),
    identity: KEYFILE,
  };
});
afterAll(() => {
  door.close();
  process.env['PATH'] = path;
});

const KEYFILE = `${process.env['LAB_DIR'] ?? '/var/lib/fabric-lab'}/keys/id`;
const hostKey = async (): Promise<string> => (await it.root('ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub')).split(' ')[1] ?? '';

describe('openssh', () => contract(() => openssh(host('ops')), KILL_SSHD));
describe('ssh2', () => contract(() => ssh2(inside), KILL_SSHD));

test('ssh2 from the command line, and root through it', async () => {
  const yaml = fabricYaml().replace(
    '    user: ops\n',
    `    user: ops\n    client: ssh2\n    hostKey: ${await hostKey()}\n    identity: ${KEYFILE}\n`,
  );
  mkdirSync(join(it.dir, 'no-ssh'));
  writeFileSync(join(it.dir, 'no-ssh/ssh'), '#!/bin/sh\necho "ssh was called" >&2; exit 127\n', { mode: 0o755 });
  const { code, out, err } = await it.fabric(yaml, ['status'], { PATH: `${it.dir}/no-ssh:${path}` });
  expect([code, out, err]).toEqual([0, expect.stringContaining('litellm.service is not there'), '']);
});

test.each(['openssh', 'ssh2'])('%s: a resolver that never answers ends in time, and the phase is named', async (client) => {
  // The mounts of `ip netns exec` are its own.
  writeFileSync(join(it.dir, 'resolv.conf'), 'nameserver 127.0.0.9\noptions timeout:16 attempts:1\n');
  const mute = "require('dgram').createSocket('udp4').bind(53, '127.0.0.9', () => console.log('bound'))";
  const resolver = spawn('ip', ['netns', 'exec', `${NET}-ops`, process.execPath, '-e', mute], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve) => resolver.stdout.once('data', resolve));
  const config = join(it.dir, `${client}.yaml`);
  const pin = client === 'ssh2' ? `\n    hostKey: ${await hostKey()}\n    identity: ${KEYFILE}` : '';
  writeFileSync(config, fabricYaml().replace('100.64.0.14', `nobody.example.net\n    client: ${client}${pin}`));
  const bin = join(import.meta.dirname, '../../bin/fabric.js');
  const command = `mount --bind ${it.dir}/resolv.conf /etc/resolv.conf && exec ${process.execPath} ${bin} status --config ${config}`;
  const { exitCode, stderr } = await execa('ip', ['netns', 'exec', `${NET}-ops`, 'sh', '-c', command], { reject: false, timeout: 300_000 });
  resolver.kill();
  expect([exitCode, stderr]).toEqual([
    3,
    expect.stringMatching(/akira \(ops@nobody\.example\.net\): resolving its name timed out after 10 s/),
  ]);
});

test('openssh: an encrypted key, by ssh’s own prompt on a terminal', async () => {
  const [key, config] = [join(it.dir, 'encrypted'), join(it.dir, 'prompt.yaml')];
  await execa('ssh-keygen', ['-q', '-t', 'ed25519', '-N', 'passphrase', '-f', key]);
  await it.root(`cat >>/home/ops/.ssh/authorized_keys <<'END'\n${readFileSync(`${key}.pub`, 'utf8')}\nEND`);
  mkdirSync(join(it.dir, 'prompt'));
  writeFileSync(
    join(it.dir, 'prompt-config'),
    readFileSync(join(it.dir, 'ssh_config'), 'utf8').replace(/IdentityFile.*/g, `IdentityFile ${key}`),
  );
  writeFileSync(join(it.dir, 'prompt/ssh'), `#!/bin/sh\nexec /usr/bin/ssh -F ${it.dir}/prompt-config "$@"\n`, {
    mode: 0o755,
  });
  writeFileSync(config, fabricYaml());
  const bin = join(import.meta.dirname, '../../bin/fabric.js');
  const command = `stty cols 120 rows 40; exec ${process.execPath} ${bin} status --config ${config}`;
  const running = execa('ip', ['netns', 'exec', `${NET}-ops`, 'script', '-qec', command, '/dev/null'], {
    env: { PATH: `${it.dir}/prompt:${path}`, SSH_AUTH_SOCK: '' },
    reject: false,
    timeout: 300_000,
  });
  let shown = '';
  running.stdout.on('data', (chunk: Buffer) => {
    const before = shown;
    shown += String(chunk);
    if (!before.includes('Enter passphrase') && shown.includes('Enter passphrase'))
      setTimeout(() => running.stdin.write('passphrase\n'), 200);
  });
  const { exitCode } = await running;
  expect([exitCode, shown]).toEqual([0, expect.stringMatching(/Enter passphrase for key .*encrypted.*litellm\.service is not there/s)]);
});

const whoami = async (user: string): Promise<string> => {
  const connector = await openssh(host(user));
  return asRoot(host(user), connector, new Map(), 'id -un').finally(() => connector.close());
};
test('sudo without a password makes root', async () => {
  expect(await whoami('ops')).toBe('root\n');
});
test('without sudo: said by sudo itself, and nothing is asked', async () => {
  await expect(whoami('nosudo')).rejects.toThrow(/akira: sudo: .*(password|not allowed)/);
});
