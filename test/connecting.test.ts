// What may stand in the way of a connection, for both clients of SSH: agents, keys, jump hosts, and silence in each phase.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Host } from '../src/fabric.ts';
import type { Connector } from '../src/hosts/connector.ts';
import { openssh } from '../src/hosts/openssh.ts';
import { ssh2 } from '../src/hosts/ssh2.ts';
import { answer, dir, freePort, host, known, listening, pinned, port, real, SSHD, withEnv } from './sshd.ts';

/** An agent of one's own: what ssh is told of it, and its process. */
const withAgent = async <T>(keys: readonly string[], run: (agent: ChildProcess, env: NodeJS.ProcessEnv) => Promise<T>): Promise<T> => {
  agents += 1;
  const socket = join(dir, `agent-${agents}`);
  const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
  const env = { SSH_AUTH_SOCK: socket, TEST_SSH_CONFIG: join(dir, 'config-agent') };
  // Its socket is there a moment before it listens. 2: no agent answers.
  while (spawnSync('ssh-add', ['-l'], { env: { ...process.env, ...env }, stdio: 'ignore' }).status === 2)
    await new Promise((resolve) => setTimeout(resolve, 10));
  const askpass = join(dir, 'askpass');
  writeFileSync(askpass, '#!/bin/sh\necho passphrase\n', { mode: 0o755 });
  for (const one of keys)
    execFileSync('ssh-add', ['-q', join(dir, one)], {
      env: { ...process.env, ...env, SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force', DISPLAY: ':0' },
      stdio: 'ignore',
    });
  try {
    return await withEnv(env, () => run(agent, env));
  } finally {
    agent.kill('SIGKILL');
  }
};
let agents = 0;

real('both clients', () => {
  /** A config without `IdentityAgent none`. */
  beforeAll(() => {
    const common = `  UserKnownHostsFile ${dir}/known_hosts\n  GlobalKnownHostsFile /dev/null\n`;
    writeFileSync(join(dir, 'config-agent'), `Host *\n  IdentityFile ${dir}/none\n${common}`);
    writeFileSync(join(dir, 'config-encrypted'), `Host *\n  IdentityFile ${dir}/encrypted\n  IdentitiesOnly yes\n${common}`);
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', 'passphrase', '-f', join(dir, 'encrypted')]);
    execFileSync('sh', ['-c', `cat ${dir}/encrypted.pub >>${dir}/authorized_keys`]);
  });
  const clients: readonly (readonly [string, (more?: Partial<Host>, patience?: number) => Promise<Connector>])[] = [
    ['openssh', (more, patience) => openssh(host(more), patience)],
    [
      'ssh2',
      (more, patience) => {
        const { identity: _, ...rest } = pinned(more);
        return ssh2(more?.identity === undefined ? rest : { ...rest, identity: more.identity }, patience, {
          HOME: join(dir, 'nobody'),
          ...(process.env['SSH_AUTH_SOCK'] === undefined ? {} : { SSH_AUTH_SOCK: process.env['SSH_AUTH_SOCK'] }),
        });
      },
    ],
  ];

  describe.each(clients)('%s', (name, make) => {
    test('a key of the agent', async () => {
      expect(await withAgent(['id'], () => answer(() => make()))).toMatchObject({ code: 0, out: 'hello\n' });
    });
    test('an encrypted key, through the agent that holds it', async () => {
      const encrypted = { TEST_SSH_CONFIG: join(dir, 'config-encrypted') };
      expect(
        await withAgent(['encrypted'], () => withEnv(encrypted, () => answer(() => make({ identity: join(dir, 'encrypted') })))),
      ).toMatchObject({
        code: 0,
        out: 'hello\n',
      });
    });
    test('an encrypted key that no agent holds: a login, and what to do', async () => {
      const env = { TEST_SSH_CONFIG: join(dir, 'config-encrypted'), SSH_AUTH_SOCK: '' };
      expect(await withEnv(env, () => answer(() => make({ identity: join(dir, 'encrypted') })))).toEqual({
        lost: 'login',
        why: expect.stringMatching(/the key .*encrypted.*ssh-add it/),
      });
    });
    test.each(['nobody made it', 'nobody listens'])('a dead agent (its socket: %s) is named', async (why) => {
      const socket = join(dir, `dead-${why.length}-${name}`);
      if (why === 'nobody listens') {
        const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
        while (!existsSync(socket)) await new Promise((resolve) => setTimeout(resolve, 10));
        agent.kill('SIGKILL'); // it leaves its socket behind
        await new Promise((resolve) => agent.once('exit', resolve));
        expect(existsSync(socket)).toBe(true);
      }
      const env = { TEST_SSH_CONFIG: join(dir, 'config-agent'), SSH_AUTH_SOCK: socket };
      expect(await withEnv(env, () => answer(() => make()))).toEqual({
        lost: 'login',
        why: expect.stringMatching(/login failed: .*the agent at \S+ does not answer/),
      });
    });
    test('an agent that never answers: a login that names it, within its time', async () => {
      const began = Date.now();
      const said = await withAgent(['id'], async (agent) => {
        agent.kill('SIGSTOP');
        return answer(() => make({}, 4000)); // time for what comes before: a busy machine takes seconds for a key exchange
      });
      expect(said).toEqual({ lost: 'login', why: expect.stringMatching(/login .*agent/) });
      expect(Date.now() - began).toBeLessThan(30_000);
    });
    test('a host that never says who may log in: a login', async () => {
      const { Server } = await import('ssh2');
      const server = new Server({ hostKeys: [readFileSync(join(dir, 'host'))] }, (client) => {
        client.on('authentication', () => {}).on('error', () => {}); // and nothing more
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const address = server.address();
      const at = typeof address === 'object' ? (address?.port ?? 0) : 0;
      writeFileSync(join(dir, 'known_hosts'), readFileSync(join(dir, 'known_hosts'), 'utf8').replace(`:${port} `, `:${at} `));
      const said = await answer(() => make({ port: at, identity: join(dir, 'id') }, 4000));
      known('host');
      server.close();
      expect(said).toEqual({ lost: 'login', why: expect.stringMatching(/login timed out after 4 s, waiting for the host/) });
    });
    test.each([
      ['nothing', ''],
      ['its version alone', 'SSH-2.0-mute\r\n'],
    ])('a host that says %s: the key exchange timed out', async (_, greeting) => {
      const sockets: Socket[] = [];
      const server = createServer((socket) => sockets.push(socket.on('error', () => {})) && socket.write(greeting));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const address = server.address();
      const said = await answer(() =>
        make({ port: typeof address === 'object' ? (address?.port ?? 0) : 0, identity: join(dir, 'id') }, 2000),
      );
      for (const socket of sockets) socket.destroy();
      server.close();
      expect(said).toEqual({ lost: 'unreachable', why: expect.stringMatching(/key exchange .*timed out/) });
    });
    test('a host that does not take the connection: connecting timed out', async () => {
      // Its process is stopped and its queue is full: the kernel drops what knocks.
      const listener = `require('net').createServer().listen({port:0,host:'127.0.0.1',backlog:1},function(){console.log(this.address().port)})`;
      const full = spawn(process.execPath, ['-e', listener], { stdio: ['ignore', 'pipe', 'inherit'] });
      const at = Number(await new Promise((resolve) => full.stdout.once('data', resolve)));
      full.kill('SIGSTOP');
      const knocks = Array.from({ length: 4 }, () => connect(at, '127.0.0.1').on('error', () => {}));
      await new Promise((resolve) => setTimeout(resolve, 100));
      const said = await answer(() => make({ port: at, identity: join(dir, 'id') }, 2000));
      for (const one of knocks) one.destroy();
      full.kill('SIGKILL');
      expect(said).toEqual({ lost: 'unreachable', why: expect.stringMatching(/connecting .*timed out/) });
    });
    test('a host that falls silent while a command runs is lost, and the command is named', async () => {
      // The proxy stands for the network: it goes on accepting, and delivers nothing more.
      const pairs: Socket[] = [];
      const proxy = createServer((near) => {
        const far = connect(port, '127.0.0.1').on('error', () => {});
        near
          .on('error', () => {})
          .pipe(far)
          .pipe(near);
        pairs.push(near, far);
      });
      await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
      const address = proxy.address();
      const at = typeof address === 'object' ? (address?.port ?? 0) : 0;
      writeFileSync(join(dir, 'known_hosts'), readFileSync(join(dir, 'known_hosts'), 'utf8').replace(`:${port} `, `:${at} `));
      const connector = await make({ port: at, identity: join(dir, 'id') }, 4000);
      expect(await connector.exec('echo hello', '')).toMatchObject({ code: 0 });
      const running = connector.exec('sleep 60', '');
      setTimeout(() => {
        for (const one of pairs) one.unpipe().pause();
      }, 300);
      const said = await running;
      await connector.close();
      for (const one of pairs) one.destroy();
      proxy.close();
      known('host');
      expect(said).toEqual({ lost: 'unreachable', why: expect.stringMatching(/while a command ran/) });
    });
  });

  describe('openssh behind a jump host', () => {
    let jump: ChildProcess | undefined;
    let through: Host;
    beforeAll(async () => {
      const at = await freePort();
      writeFileSync(join(dir, 'sshd_jump'), readFileSync(join(dir, 'sshd_config'), 'utf8').replace(`:${port}\n`, `:${at}\n`));
      jump = spawn(SSHD ?? '', ['-D', '-e', '-f', join(dir, 'sshd_jump')], { stdio: 'ignore' });
      writeFileSync(
        join(dir, 'config-jump'),
        `Host inner\n  HostName 127.0.0.1\n  Port ${port}\n  HostKeyAlias inner\n  ProxyJump jump\nHost jump\n  HostName 127.0.0.1\n  Port ${at}\n  HostKeyAlias jump\n${readFileSync(join(dir, 'config'), 'utf8').replaceAll('/known_hosts', '/known_jump')}`,
      );
      const key = readFileSync(join(dir, 'host.pub'), 'utf8').split(' ').slice(0, 2).join(' ');
      writeFileSync(join(dir, 'known_jump'), `inner ${key}\njump ${key}\n`);
      through = { name: 'inner', address: 'inner', user: userInfo().username, become: 'none', client: 'openssh' };
      await listening(at);
    });
    afterAll(() => void jump?.kill());
    const env = { TEST_SSH_CONFIG: join(dir, 'config-jump') };

    test('ProxyJump of ssh_config is honoured', async () => {
      expect(await withEnv(env, () => answer(() => openssh(through)))).toMatchObject({ code: 0, out: 'hello\n' });
    });
    test('a jump host that is down is named', async () => {
      jump?.kill();
      await new Promise((resolve) => jump?.once('exit', resolve));
      expect(await withEnv(env, () => answer(() => openssh(through)))).toEqual({
        lost: 'unreachable',
        why: expect.stringMatching(/connecting through a jump host failed: .*/),
      });
    });
  });
});
