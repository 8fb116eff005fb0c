// A real sshd: this machine's, started on loopback for one test file, as whoever runs it.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, vi } from 'vitest';
import type { Host } from '../src/fabric.ts';
import type { Connector } from '../src/hosts/connector.ts';

vi.setConfig({ testTimeout: 120_000 }); // a busy machine takes seconds for a key exchange

export const SSHD = ['/usr/sbin/sshd', '/usr/bin/sshd', '/sbin/sshd'].find(existsSync);
export const dir = mkdtempSync(join(tmpdir(), 'fabric-sshd-'));
/** Nobody listens on it. Below those that the kernel gives to outgoing connections: one of these, or another test, could take it meanwhile. */
export const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const port = randomInt(10_000, 32_000);
    const server = createServer()
      .on('error', () => resolve(freePort()))
      .listen(port, '127.0.0.1', () => server.close(() => resolve(port)));
  });

export const listening = async (at: number): Promise<void> => {
  for (let n = 0; n < 600; n += 1) {
    try {
      execFileSync('ssh-keyscan', ['-p', String(at), '127.0.0.1'], { stdio: 'pipe' });
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
};

let daemon: ChildProcess | undefined;
export let port = 0;
const path = process.env['PATH'];
export const host = (more: Partial<Host> = {}): Host => ({
  name: 'akira',
  address: '127.0.0.1',
  port,
  user: userInfo().username,
  become: 'none',
  client: 'openssh',
  ...more,
});
const key = (name: string): void => void execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(dir, name)]);
export const known = (name: string): void =>
  writeFileSync(
    join(dir, 'known_hosts'),
    `[127.0.0.1]:${port} ${execFileSync('cut', ['-d', ' ', '-f1,2', join(dir, `${name}.pub`)], { encoding: 'utf8' })}`,
  );

beforeAll(async () => {
  if (SSHD === undefined) return;
  port = await freePort();
  for (const name of ['host', 'other', 'id', 'stranger']) key(name);
  execFileSync('cp', [join(dir, 'id.pub'), join(dir, 'authorized_keys')]);
  known('host');
  if (userInfo().uid === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  writeFileSync(
    join(dir, 'sshd_config'),
    `ListenAddress 127.0.0.1:${port}\nHostKey ${dir}/host\nAuthorizedKeysFile ${dir}/authorized_keys\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPidFile none\nPermitRootLogin yes\nMaxSessions 20\n`,
  );
  // What a user's ~/.ssh/config holds, held here by a wrapper: ssh itself is the real one.
  writeFileSync(
    join(dir, 'config'),
    `Host *\n  IdentityFile ${dir}/id\n  IdentitiesOnly yes\n  IdentityAgent none\n  UserKnownHostsFile ${dir}/known_hosts\n  GlobalKnownHostsFile /dev/null\n`,
  );
  mkdirSync(join(dir, 'bin'));
  writeFileSync(
    join(dir, 'bin/ssh'),
    `#!/bin/sh\nexec "$(PATH=\${PATH#*:} command -v ssh)" -F "\${TEST_SSH_CONFIG:-${dir}/config}" "$@"\n`,
    { mode: 0o755 },
  );
  process.env['PATH'] = `${dir}/bin:${path}`;
  daemon = spawn(SSHD, ['-D', '-e', '-f', join(dir, 'sshd_config')], { stdio: 'ignore' });
  await listening(port);
});
afterAll(() => {
  daemon?.kill();
  process.env['PATH'] = path;
  rmSync(dir, { recursive: true });
});

// CI has an sshd (.ci/run installs it); a laptop without one is told, not failed.
export const real = SSHD === undefined && process.env['CI'] === undefined ? describe.skip : describe;

export const pin = (name: string): string =>
  execFileSync('ssh-keygen', ['-lf', join(dir, `${name}.pub`)], { encoding: 'utf8' }).split(' ')[1] ?? '';
export const pinned = (more: Partial<Host> = {}): Host =>
  host({ client: 'ssh2', hostKey: pin('host'), identity: join(dir, 'id'), ...more });

export const answer = async (make: () => Promise<Connector>): Promise<unknown> => {
  const connector = await make();
  try {
    return await connector.exec('echo hello', '');
  } finally {
    await connector.close();
  }
};

/** Runs with other variables in this process's environment, which ssh inherits. */
export const withEnv = async <T>(more: NodeJS.ProcessEnv, run: () => Promise<T>): Promise<T> => {
  const before = { ...process.env };
  Object.assign(process.env, more);
  try {
    return await run();
  } finally {
    for (const name of Object.keys(more)) {
      const value = before[name];
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
};
