// `fabric secrets` on the demo's simulated host: what is refused, taken back, killed on the way. The same on a real host, and what only
// that shows, is in test/e2e/secrets.test.ts.
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Host, startHost } from './demo/host.ts';
import { asRoot, runFabric, startFabric, statusOf } from './operator.ts';

const FIRST = 'sk-first-0123456789abcdef';
let host: Host;
let folder = '';
const root = (script: string): Promise<string> => asRoot(host, script);
const fabric = (args: readonly string[], env: NodeJS.ProcessEnv = {}) => runFabric(folder, args, env);
const sync = (...args: readonly string[]) => fabric(['secrets', 'sync', ...args]);
const key = (): string => readFileSync(join(folder, 'master'), 'utf8').trim();
const put = (value: string): void => writeFileSync(join(folder, 'master'), `${value}\n`, { mode: 0o600 });
const inForce = (): Promise<string> => root("sed -n 's/^LITELLM_MASTER_KEY=//p' /flux/apps/litellm/.env");
const status = (value: string): Promise<string> => statusOf(host, value);

const declare = (more = '', secrets = ''): void => {
  const { port, hostKey, identity, user } = host.login;
  writeFileSync(
    join(folder, 'fabric.yaml'),
    `hosts:
  akira: { address: 127.0.0.1, port: ${port}, user: ${user}, client: ssh2, hostKey: "${hostKey}", identity: ${identity} }
litellm:
  host: akira
  image: ghcr.io/berriai/litellm:v1.109.1
  secrets:
    LITELLM_MASTER_KEY: file:master
${secrets}  backends:
    vllm: { kind: vllm, url: "http://127.0.0.1:8000", models: [{ id: qwen2.5-7b, alias: default }] }
${more}`,
  );
};

beforeAll(async () => {
  host = await startHost();
  folder = join(host.scratch, 'operator');
  mkdirSync(folder);
  put(FIRST);
  declare();
  await root(`echo 'ARGS="--port 8000 --host 127.0.0.1 --model qwen2.5-7b"' >/etc/default/vllm; systemctl restart vllm`);
});
afterAll(async () => {
  await host.close();
});

test('before anything is deployed: .env alone, and nothing is restarted', async () => {
  expect(await sync('--yes')).toMatchObject({ code: 0, out: expect.stringMatching(/^LITELLM_MASTER_KEY {2}added {2}file:.*\/master\n/) });
  expect(await root('stat -c "%a %U:%G" /flux/apps/litellm/.env; ls -A /flux/apps/litellm')).toBe('600 root:root\n.env');
  expect(await sync('--dry-run', '--exit-code')).toMatchObject({ code: 0, out: expect.stringContaining('akira: nothing to change') });
  expect(await fabric(['deploy', 'litellm', '--yes'])).toMatchObject({ code: 0 });
  expect(await status(FIRST)).toBe('200');
}, 60_000);

test('a host with another key than fabric.yaml pins gets nothing', async () => {
  const path = join(folder, 'fabric.yaml');
  const before = await root('cat /flux/apps/litellm/.env');
  writeFileSync(path, readFileSync(path, 'utf8').replace(/hostKey: "[^"]+"/, `hostKey: "SHA256:${'a'.repeat(43)}"`));
  put('sk-other-0123456789abcdef');
  expect(await sync('--yes')).toMatchObject({ code: 3, err: expect.stringContaining('host key is not the pinned one') });
  expect(await root('cat /flux/apps/litellm/.env')).toBe(before);
  put(FIRST);
  declare();
});

test('the commands of docs/secrets.md are understood', async () => {
  const page = readFileSync(join(import.meta.dirname, '../docs/secrets.md'), 'utf8');
  const lines = [...page.matchAll(/^fabric (secrets .*?)(?: +#.*)?$/gm)].flatMap(([, args]) =>
    args === undefined ? [] : [args.split(' ')],
  );
  expect(lines.length).toBeGreaterThan(5);
  for (const args of lines) {
    const { code, err } = await fabric([...args, ...(args[1] === 'diff' || args.includes('--dry-run') ? [] : ['--dry-run'])]);
    expect([args, err, code]).toEqual([args, expect.not.stringContaining('error:'), args[1] === 'diff' ? 3 : 0]);
  }
}, 120_000);

test('diff: a source that cannot be asked is named once, with the reason', async () => {
  declare('', '    ONE: pass:litellm/one\n    TWO: file:nowhere\n');
  const { code, out } = await fabric(['secrets', 'diff']);
  expect([code, out.split('\n').slice(1, 3)]).toEqual([
    1, // .env has neither
    [
      expect.stringMatching(/^ONE +source ≠ not in \.env \? process +pass:litellm\/one: [^:]+$/),
      expect.stringMatching(/^TWO +source ≠ not in \.env \? process +\/\S*\/nowhere does not exist$/),
    ],
  ]);
  declare();
});

test('as JSON: names, what becomes of them, and sealed steps', async () => {
  put('sk-third-0123456789abcdef');
  const { out, code } = await sync('--dry-run', '--format', 'json');
  expect([code, JSON.parse(out)]).toEqual([
    0,
    expect.objectContaining({
      schema: 'fabric.secrets-sync/1',
      outcome: 'planned',
      names: [{ name: 'LITELLM_MASTER_KEY', is: 'changed', source: expect.stringContaining('file:') }],
    }),
  ]);
  expect(out).not.toContain('sk-');
  put(FIRST);
});

test('a name that config.yaml still takes stays until a deployment; then it goes, and what was put in by hand stays', async () => {
  writeFileSync(join(folder, 'other'), 'other-0123456789\n', { mode: 0o600 });
  const more = '  config:\n    litellm_settings:\n      other: os.environ/OTHER_KEY\n';
  declare(more, '    OTHER_KEY: file:other\n');
  await root('echo HAND=1 >>/flux/apps/litellm/.env');
  expect(await fabric(['deploy', 'litellm', '--yes'])).toMatchObject({ code: 0 });
  declare();
  expect(await sync('--dry-run')).toMatchObject({
    out: expect.stringMatching(/\nHAND {16}kept: put there by hand\nOTHER_KEY {11}kept: .*config\.yaml still names it/),
  });
  const deployed = await fabric(['deploy', 'litellm', '--yes']);
  expect([deployed.code, deployed.out]).toEqual([0, expect.stringContaining('- OTHER_KEY=…')]);
  expect(await root("sed -n 's/=.*//p' /flux/apps/litellm/.env")).toBe('LITELLM_MASTER_KEY\nHAND');
}, 60_000);

test.each<[string, string, readonly string[], NodeJS.ProcessEnv, number, RegExp]>([
  [
    'a source that cannot be written',
    'LITELLM_MASTER_KEY',
    [],
    { KEY: FIRST },
    2,
    /env:KEY, which fabric cannot write: .*\n {2}→ put a new key there/,
  ],
  ['the salt', 'LITELLM_SALT_KEY', [], {}, 2, /LiteLLM encrypts the credentials in its database with it/],
  ['a stranger', 'NO_SUCH_KEY', [], {}, 2, /no secret of .*fabric\.yaml\n {2}→ litellm\.secrets has LITELLM_MASTER_KEY/],
  ['a key that others issue', 'OTHER_KEY', [], {}, 2, /does not know who takes OTHER_KEY/],
])('rotate refuses %s', async (_, name, args, env, code, message) => {
  declare('', env['KEY'] === undefined ? '    OTHER_KEY: file:other\n' : '');
  if (env['KEY'] !== undefined) {
    const path = join(folder, 'fabric.yaml');
    writeFileSync(path, readFileSync(path, 'utf8').replace('file:master', 'env:KEY'));
  }
  const before = await root('cat /flux/apps/litellm/.env');
  const ran = await fabric(['secrets', 'rotate', name, '--yes', ...args], env);
  expect([ran.code, ran.err]).toEqual([code, expect.stringMatching(message)]);
  expect(await root('cat /flux/apps/litellm/.env')).toBe(before);
  declare();
});

test('rotate refuses while source and host disagree, and where the key encrypts a database', async () => {
  const good = key();
  put('sk-elsewhere-0123456789');
  expect(await fabric(['secrets', 'rotate', 'LITELLM_MASTER_KEY', '--yes'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('akira has another value than its source'),
  });
  put(good);
  await root('echo DATABASE_URL=postgres://x >>/flux/apps/litellm/.env');
  expect(await fabric(['secrets', 'rotate', 'LITELLM_MASTER_KEY', '--yes'])).toMatchObject({
    code: 2,
    err: expect.stringMatching(/has a database and no LITELLM_SALT_KEY[\s\S]*\/key\/regenerate/),
  });
  expect([key(), await inForce()]).toEqual([good, good]);
  await root("sed -i.bak '/^DATABASE_URL/d' /flux/apps/litellm/.env; rm /flux/apps/litellm/.env.bak");
}, 60_000);

test('rotated: the releases and what a fix replaced hold the new key alone', async () => {
  const old = key();
  await root(
    `mkdir -p /var/lib/fabric/journal/feed; cp /flux/apps/litellm/.env /var/lib/fabric/journal/feed/3; cp /var/lib/fabric/journal/feed/3 /var/lib/fabric/journal/feed/3.note`,
  );
  const { code, out, err } = await fabric(['secrets', 'rotate', 'LITELLM_MASTER_KEY', '--yes']);
  expect([code, err]).toEqual([0, expect.stringContaining('the old key is refused')]);
  expect([key() === old, await inForce(), await status(old), await status(key())]).toEqual([false, key(), '400', '200']);
  expect(await root(`cd /var/lib/fabric; grep -rlE 'sk-first' . || true`)).toBe('./journal/feed/3.note');
  expect(await root(`cd /var/lib/fabric; grep -rl ${key()} litellm/releases | grep -c env`)).toBe(
    await root('ls /var/lib/fabric/litellm/releases | wc -l'),
  );
  for (const value of [old, key()]) expect(`${out}${err}`).not.toContain(value);
  await root('rm -r /var/lib/fabric/journal/feed');
}, 60_000);

/** While this lasts LiteLLM takes the old key, whatever .env says: its unit gives it that. */
const stubborn = async (old: string, work: () => Promise<void>): Promise<void> => {
  const unit = '/etc/containers/systemd/litellm.container';
  await root(`cp ${unit} /root/kept; sed 's/^EnvironmentFile=.*/&\\nEnvironment=LITELLM_MASTER_KEY=${old}/' /root/kept >${unit}`);
  await work();
  await root(`cp /root/kept ${unit}; systemctl daemon-reload; systemctl restart litellm`);
};

test('the old key is let in all the same: taken back, the source too', async () => {
  const old = key();
  await stubborn(old, async () => {
    const { code, err } = await fabric(['secrets', 'rotate', 'LITELLM_MASTER_KEY', '--yes']);
    expect([code, err]).toEqual([
      1,
      expect.stringMatching(/with the old key: HTTP 200, let in[\s\S]*everything is as it was\n.*has the old key again/),
    ]);
  });
  expect([key(), await inForce()]).toEqual([old, old]);
  expect(statSync(join(folder, 'master')).mode & 0o777).toBe(0o600);
}, 60_000);

test('the source cannot be given the old key back: said, exit 7, and sync goes on with the new one', async () => {
  const old = key();
  mkdirSync(join(folder, 'keys'));
  const path = join(folder, 'fabric.yaml');
  writeFileSync(path, readFileSync(path, 'utf8').replace('file:master', 'file:keys/master'));
  renameSync(join(folder, 'master'), join(folder, 'keys/master'));
  await stubborn(old, async () => {
    const running = startFabric(folder, ['secrets', 'rotate', 'LITELLM_MASTER_KEY', '--yes']);
    running.stderr?.on('data', (chunk) => {
      if (String(chunk).includes('has a new key')) renameSync(join(folder, 'keys'), join(folder, 'away'));
    });
    expect(await running).toMatchObject({
      exitCode: 7,
      stderr: expect.stringMatching(/could not be given the old key back: it has the new one, LiteLLM the old one\n {2}→ mend/),
    });
  });
  expect(await inForce()).toBe(old);
  renameSync(join(folder, 'away/master'), join(folder, 'master'));
  declare();
  expect((await sync('--yes')).code).toBe(0);
  expect([await inForce(), key() === old]).toEqual([key(), false]);
}, 60_000);

/** Runs until it says a word, and is killed then. */
const killedAt = async (word: string, args: readonly string[]): Promise<void> => {
  const running = startFabric(folder, args);
  running.stderr?.on('data', (chunk) => {
    if (String(chunk).includes(word)) running.kill('SIGKILL');
  });
  expect((await running).signal).toBe('SIGKILL');
  // The lock of a run that died is taken over when its lease has expired.
  await root('echo "dead 1000 ann@laptop" >/var/lib/fabric/lock');
};

test.each(['has a new key', 'edit /flux/apps/litellm/.env'])(
  'rotate, killed at "%s": the next sync makes the new key the one in force, everywhere',
  async (word) => {
    const old = key();
    await root('sleep 1');
    await killedAt(word, ['secrets', 'rotate', 'LITELLM_MASTER_KEY', '--yes']);
    expect(key()).not.toBe(old);
    expect([old, key()]).toContain(await inForce());
    const { code, err } = await sync('--yes');
    expect([code, err]).toEqual([0, expect.stringContaining('had expired: taken over')]);
    expect([await inForce(), await status(old), await status(key())]).toEqual([key(), '400', '200']);
    expect(await root(`grep -rl ${old} /var/lib/fabric/litellm /flux || true`)).toBe('');
  },
  60_000,
);
