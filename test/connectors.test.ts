// The connectors against a real sshd.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Host } from '../src/fabric.ts';
import { local } from '../src/hosts/local.ts';
import { diagnose, openssh } from '../src/hosts/openssh.ts';
import { ssh2 } from '../src/hosts/ssh2.ts';
import { contract, KILL_SSHD } from './connector-contract.ts';
import { answer, dir, freePort, host, known, pin, pinned, real, withEnv } from './sshd.ts';

describe('local', () => contract(async () => local(host()), null));

real('openssh, against a real sshd', () => {
  contract(() => openssh(host()), KILL_SSHD);

  test('one connection for a run, however many execs', async () => {
    const connector = await openssh(host());
    const first = await connector.exec('echo $SSH_CONNECTION', '');
    const second = await connector.exec('echo $SSH_CONNECTION', '');
    await connector.close();
    expect(first).toEqual(second);
  });

  const lostBecause = async (change: () => void, at: Host = host()): Promise<unknown> => {
    change();
    const connector = await openssh(at);
    const answer = await connector.exec('echo hello', '');
    await connector.close();
    known('host');
    return answer;
  };
  test('a changed host key is refused, and the message says what it may mean', async () => {
    expect(await lostBecause(() => known('other'))).toMatchObject({
      lost: 'unreachable',
      why: expect.stringMatching(/host key has CHANGED.*ssh-keygen -R 127\.0\.0\.1.*stand in between/s),
    });
  });
  test('an unknown host key is refused: nothing is trusted on first use', async () => {
    expect(await lostBecause(() => writeFileSync(join(dir, 'known_hosts'), ''))).toMatchObject({
      lost: 'unreachable',
      why: expect.stringContaining('its host key is not known'),
    });
  });
  test('a key that the host does not know is a login', async () => {
    writeFileSync(join(dir, 'config-stranger'), readFileSync(join(dir, 'config'), 'utf8').replace(`${dir}/id`, `${dir}/stranger`));
    expect(await withEnv({ TEST_SSH_CONFIG: join(dir, 'config-stranger') }, () => lostBecause(() => {}))).toMatchObject({
      lost: 'login',
      why: expect.stringContaining('Permission denied'),
    });
  });
  test('nobody listens', async () => {
    expect(await lostBecause(() => {}, host({ port: await freePort() }))).toMatchObject({
      lost: 'unreachable',
      why: expect.stringContaining('Connection refused'),
    });
  });
  test('a name that nobody knows', async () => {
    expect(await lostBecause(() => {}, host({ address: 'no-such-host.invalid' }))).toMatchObject({
      lost: 'unreachable',
      why: expect.stringMatching(/akira .*no-such-host\.invalid/),
    });
  });
});

real('ssh2, against a real sshd', () => {
  contract(() => ssh2(pinned()), KILL_SSHD);

  test('one connection for a run, however many execs, and a new one when it died', async () => {
    const connector = await ssh2(pinned());
    const ask = (): ReturnType<typeof connector.exec> => connector.exec('echo $SSH_CONNECTION', '');
    const [first, second] = [await ask(), await ask()];
    await connector.exec(KILL_SSHD, '');
    const third = await ask();
    await connector.close();
    expect(first).toEqual(second);
    expect(third).toMatchObject({ code: 0 });
    expect(third).not.toEqual(first);
  });

  test('a host key that is not the pinned one is refused before anything is sent, and the message says what it may mean', async () => {
    expect(await answer(() => ssh2(pinned({ hostKey: pin('other') })))).toEqual({
      lost: 'unreachable',
      why: expect.stringMatching(
        /host key is not the pinned one: it shows SHA256:\S+ \(ssh-ed25519\), fabric\.yaml says SHA256:.*ssh-keygen -lf \/etc\/ssh\/ssh_host_ed25519_key\.pub.*stand in between/,
      ),
    });
  });
  test('a key that the host does not know is a login', async () => {
    expect(await answer(() => ssh2(pinned({ identity: join(dir, 'stranger') })))).toEqual({
      lost: 'login',
      why: expect.stringMatching(/^akira \(.*\): login failed: it refused the key .*stranger$/),
    });
  });
  test('without HOME and without an agent, it says what it could not look for', async () => {
    const { identity: _, ...anonymous } = pinned();
    expect(await answer(() => ssh2(anonymous, 5000, {}))).toEqual({
      lost: 'login',
      why: expect.stringMatching(
        /login failed: there is no key to offer; .*HOME is not set: ~\/\.ssh cannot be found; there is no agent: SSH_AUTH_SOCK is not set$/,
      ),
    });
  });
  test('the usual files are tried', async () => {
    mkdirSync(join(dir, 'home/.ssh'), { recursive: true });
    execFileSync('cp', [join(dir, 'stranger'), join(dir, 'home/.ssh/id_ed25519')]);
    execFileSync('cp', [join(dir, 'id'), join(dir, 'home/.ssh/id_rsa')]); // whatever is in it
    const { identity: _, ...anonymous } = pinned();
    expect(await answer(() => ssh2(anonymous, 5000, { HOME: join(dir, 'home') }))).toMatchObject({ code: 0, out: 'hello\n' });
  });
  test('an alias of ssh_config, or a host behind a jump host, is not known here, and that is said', async () => {
    expect(await answer(() => ssh2(pinned({ address: 'inner.invalid' })))).toEqual({
      lost: 'unreachable',
      why: expect.stringMatching(/resolving its name failed: .*inner\.invalid.*reads no ssh_config.*ProxyJump.*client: openssh/),
    });
  });
});

test.each([
  ['nothing said: a shared connection died', '', 'unreachable'],
  ['a dropped link', 'client_loop: send disconnect: Broken pipe\r\n', 'unreachable'],
  ['a silent link', 'Timeout, server 100.64.0.14 not responding.\r\n', 'unreachable'],
  ['no route', 'ssh: connect to host 100.64.0.14 port 22: No route to host', 'unreachable'],
  ['no key', 'ops@100.64.0.14: Permission denied (publickey).', 'login'],
])('255 means: %s', (_, stderr, lost) => {
  expect(diagnose(host(), stderr).lost).toBe(lost);
});
