// Secrets on a real host: from their sources into .env and into the running LiteLLM, and nowhere else.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { uncarried } from '../../src/env-file.ts';
import { scriptOf } from '../../src/hosts/perform.ts';
import { Secret } from '../../src/secret.ts';
import { STORES, storesBuilt } from '../stores/built.ts';
import { fabricYaml, having, IMAGE, keepFixture, lab } from './lab.ts';
import { type Seen, watch } from './traces.ts';

const it = lab('fsecrets');
storesBuilt();
const NOWHERE = {
  samples: expect.toSatisfy((n: number) => n > 5),
  inArguments: [],
  inEnvironments: [],
  inFiles: [],
  // Podman's database, where the container's environment is, was looked at, and was root's alone.
  inEngine: expect.arrayContaining(['db.sql']),
};
const STORAGE = '/var/lib/containers/storage';
/** Podman's folder as Debian 13 has it once it was booted with podman installed: by systemd's own tool, as it makes it. */
const TMPFILES_FIRST = `rm -rf ${STORAGE}; systemd-tmpfiles --create --boot --prefix=/var/lib/containers; stat -c %a ${STORAGE}`;
const [OLD, NEW] = ['sk-lab-old-4711aabbccddeeff', 'sk-lab-new-0815ffeeddccbbaa'];
const EXTRA = `tok#en $HOME "x" 'y' ä€ =;&`;
const source = (name: string): string => join(it.dir, 'keys', name);
const put = (name: string, value: string): void => writeFileSync(source(name), `${value}\n`, { mode: 0o600 });
const yaml = (...names: readonly string[]): string =>
  fabricYaml({}).replace(
    '    LITELLM_MASTER_KEY: env:LITELLM_MASTER_KEY\n',
    `    LITELLM_MASTER_KEY: file:${source('master')}\n${names.map((name) => `    ${name}: file:${source(name)}\n`).join('')}`,
  );
const YAML = yaml('EXTRA_KEY');
const secrets = (text: string, ...args: readonly string[]) => it.fabric(text, ['secrets', ...args]);
const env = (): Promise<string> => it.root('cat /flux/apps/litellm/.env');
const startedAt = (): Promise<string> => it.root('podman inspect --format "{{.State.StartedAt}}" litellm');
/** What LiteLLM says to a key, asked by curl on its own host. */
const status = (key: string): Promise<string> =>
  it.root(
    `printf 'Authorization: Bearer %s\\n' '${key}' | curl -s -m 5 -o /dev/null -w '%{http_code}' -H @- http://127.0.0.1:4000/v1/models`,
  );

let first: Seen;
beforeAll(async () => {
  mkdirSync(join(it.dir, 'keys'), { mode: 0o700 });
  put('master', OLD);
  put('EXTRA_KEY', EXTRA);
  await it.vllm('--host 127.0.0.1 --port 8000 --model qwen2.5-7b');
  expect(await it.root(TMPFILES_FIRST)).toBe('755');
  const watching = watch(it, [OLD, EXTRA], { sources: join(it.dir, 'keys'), given: /^$/ });
  const { code, err } = await it.fabric(YAML, ['deploy', 'litellm', '--yes']);
  first = await watching.end();
  expect(err).toContain('keep this as a release');
  expect(code).toBe(0);
});

test('the first deployment: at no moment was a key where others could read it, in what podman remembers neither', async () => {
  expect(first).toEqual(NOWHERE);
  expect(await it.root(`stat -c %a ${STORAGE}; runuser -u nosudo -- cat ${STORAGE}/db.sql 2>&1 | head -c 200`)).toMatch(
    /^700\n.*Permission denied$/,
  );
  // In root's hands it is readable, and holds the key: the look was not in vain.
  expect(await it.root(`grep -c -F '${OLD}' ${STORAGE}/db.sql`)).not.toBe('0');
  expect(await it.fabric(YAML, ['deploy', 'litellm', '--dry-run', '--exit-code'])).toMatchObject({
    code: 0,
    out: 'akira: nothing to change',
  });
});

test('after a deployment: nothing to sync, and source, .env and process are the same', async () => {
  expect(await secrets(YAML, 'sync', '--dry-run', '--exit-code')).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^LITELLM_MASTER_KEY {2}same .*\nEXTRA_KEY {11}same .*\nakira: nothing to change$/),
  });
  const { code, out } = await secrets(YAML, 'diff');
  expect([out, code]).toEqual([
    expect.stringMatching(/^LITELLM_MASTER_KEY {2}source = \.env {8}= process .*\nEXTRA_KEY {11}source = \.env {8}= process/),
    0,
  ]);
});

test('a key changed, one added by hand, one no longer declared: synced, restarted once through the gate', async () => {
  await it.root("echo 'HAND=made' >>/flux/apps/litellm/.env");
  put('master', NEW);
  put('SECOND_KEY', 'second-value-of-this-test');
  const text = yaml('SECOND_KEY');
  const before = await startedAt();
  const watching = watch(it, [OLD, NEW, 'second-value-of-this-test'], { sources: join(it.dir, 'keys'), given: /^$/ });
  const { code, out, err } = await secrets(text, 'sync', '--yes');
  const seen = await watching.end();
  expect([code, err]).toEqual([0, expect.stringContaining('gate: LiteLLM is up')]);
  expect(out).toMatch(
    /^LITELLM_MASTER_KEY {2}changed .*\nSECOND_KEY {10}added .*\nEXTRA_KEY {11}removed: .*\nHAND {16}kept: put there by hand\n/,
  );
  expect(await env()).toBe(`LITELLM_MASTER_KEY=${NEW}\nHAND=made\nSECOND_KEY=second-value-of-this-test`);
  expect(await startedAt()).not.toBe(before);
  expect([await status(OLD), await status(NEW)]).toEqual(['400', '200']);
  expect(await secrets(text, 'sync', '--dry-run', '--exit-code')).toMatchObject({ code: 0 });
  expect(await it.fabric(text, ['deploy', 'litellm', '--dry-run', '--exit-code'])).toMatchObject({ code: 0 });
  // Nowhere but where they belong, on both ends, while it ran.
  expect(`${out}${err}`).not.toMatch(/sk-lab-|second-value/);
  expect(seen).toEqual(NOWHERE);
});

test('diff tells which of the three differs; a restart that was put off comes with the next sync', async () => {
  const text = yaml('SECOND_KEY');
  const key = 'sk-lab-third-2342ccbbaaddeeff';
  const differs = async (sync: readonly string[]) => {
    if (sync.length > 0) {
      const { code, err } = await secrets(text, 'sync', '--yes', ...sync);
      expect([code, err.includes('LiteLLM was not restarted, and goes on with the values')]).toEqual([0, sync.includes('never')]);
    }
    const { code, out } = await secrets(text, 'diff');
    return [code, out.split('\n')[0]];
  };
  put('master', key);
  expect(await differs([])).toEqual([1, expect.stringMatching(/^LITELLM_MASTER_KEY {2}source ≠ \.env {8}= process /)]);
  expect(await differs(['--restart', 'never'])).toEqual([1, expect.stringMatching(/^LITELLM_MASTER_KEY {2}source = \.env {8}≠ process /)]);
  expect([await status(NEW), await status(key)]).toEqual(['200', '400']);
  put('master', NEW);
  expect(await differs(['--restart', 'auto'])).toEqual([0, expect.stringMatching(/^LITELLM_MASTER_KEY {2}source = \.env {8}= process /)]);
});

test('rotate: a new key in its source and in force, the old one refused, and in no kept release', async () => {
  const text = yaml('SECOND_KEY');
  await it.root(`chmod 755 ${STORAGE}`);
  const dry = await secrets(text, 'rotate', 'LITELLM_MASTER_KEY', '--dry-run', '--exit-code');
  expect(dry.out).toContain(`1  make ${STORAGE} 700 (it is 755)`);
  expect([dry.code, dry.out]).toEqual([6, expect.stringContaining('edit /var/lib/fabric/litellm/releases/1/env')]);
  expect(readFileSync(source('master'), 'utf8')).toBe(`${NEW}\n`);
  const { code, out, err } = await secrets(text, 'rotate', 'LITELLM_MASTER_KEY', '--yes');
  expect([code, err]).toEqual([0, expect.stringContaining('the old key is refused')]);
  const made = readFileSync(source('master'), 'utf8').trim();
  expect(made).toMatch(/^sk-[0-9a-f]{64}$/);
  expect(statSync(source('master')).mode & 0o777).toBe(0o600);
  expect(await it.root(`stat -c %a ${STORAGE}`)).toBe('700');
  expect([await status(NEW), await status(made)]).toEqual(['400', '200']);
  expect(`${out}${err}`).not.toContain(made);
  // Nothing that fabric keeps brings a revoked key back.
  expect(await it.root(`grep -rlE '${OLD}|${NEW}' /var/lib/fabric /flux || true`)).toBe('');
  const copies = await it.root(
    `cd /var/lib/fabric/litellm/releases; ls | wc -l; grep -lF ${made} */env | wc -l; stat -c %a */env | sort -u`,
  );
  expect(copies).toMatch(/^(\d+)\n\1\n600$/);
  expect((await secrets(text, 'diff')).code).toBe(0);
  const { out: json } = await it.fabric(text, ['validate', '--format', 'json']);
  expect(having(json, 'fail')).toEqual([]);
  expect((await it.fabric(text, ['rollback', 'litellm', '--yes'])).code).toBe(0);
  expect([await status(OLD), await status(NEW), await status(made)]).toEqual(['400', '400', '200']);
});

test('a sync closes podman’s folder first, and refuses where somebody has the database open, who would read the new key', {
  tags: 'thorough',
}, async () => {
  const text = yaml('SECOND_KEY');
  const next = 'sk-lab-after-a-reader-991122';
  put('master', next);
  const pid = await it.root(
    `chmod 755 ${STORAGE}; runuser -u nosudo -- sh -c 'exec 3<${STORAGE}/db.sql; exec sleep 600' >/dev/null 2>&1 & sleep 1; pgrep -u nosudo -x sleep`,
  );
  const refused = await secrets(text, 'sync', '--yes');
  expect([refused.code, refused.err]).toEqual([
    1,
    expect.stringMatching(
      new RegExp(
        `others than root have ${STORAGE}/db.sql open.* End these processes first: ${pid} \\(exit 1\\)\\n[^]*\\neverything is as it was, but for what stays: make ${STORAGE} 700 `,
      ),
    ),
  ]);
  expect(await it.root(`grep -cF '${next}' ${STORAGE}/db.sql /flux/apps/litellm/.env; stat -c %a ${STORAGE}`)).toBe(
    `${STORAGE}/db.sql:0\n/flux/apps/litellm/.env:0\n700`,
  );
  await it.root(`kill ${pid}; chmod 755 ${STORAGE}`);
  const watching = watch(it, [next], { sources: join(it.dir, 'keys'), given: /^$/ });
  const { code, out } = await secrets(text, 'sync', '--yes');
  const seen = await watching.end();
  expect([code, out]).toEqual([0, expect.stringContaining(`1  make ${STORAGE} 700 (it is 755), which is not taken back\n`)]);
  expect(seen).toEqual(NOWHERE);
  expect(await status(next)).toBe('200');
});

// Six stores at once: the real programs, as test/stores/build.sh has them.
const VALUES = {
  LITELLM_MASTER_KEY: 'sk-lab-from-pass-00112233445566',
  FROM_ENV: 'value-from-the-environment-1',
  FROM_FILE: 'value-from-a-file-2',
  FROM_SOPS: 'value "from" sops with age #3',
  FROM_VAULT: 'value-from-the-server-of-Vault-4',
  FROM_COMMAND: 'value-from-a-command-5',
};
const SIX = fabricYaml({}).replace(
  '    LITELLM_MASTER_KEY: env:LITELLM_MASTER_KEY\n',
  [
    '    LITELLM_MASTER_KEY: pass:litellm/master',
    '    FROM_ENV: env:FROM_ENV',
    `    FROM_FILE: file:${source('from-file')}`,
    `    FROM_SOPS: sops:${source('secrets.yaml')}#litellm.key`,
    '    FROM_VAULT: { vault: { path: litellm, field: key } }',
    `    FROM_COMMAND: { command: [${source('print')}] }`,
    '',
  ].join('\n'),
);
const PHRASE = 'a phrase of no account';
const gnupg = { GNUPGHOME: join(it.dir, 'keys/gnupg'), PASSWORD_STORE_DIR: join(it.dir, 'keys/store'), PATH: `${STORES}:/usr/bin:/bin` };
const lock = () => execa('gpgconf', ['--kill', 'gpg-agent'], { env: gnupg, extendEnv: false });
/** As somebody does who types the phrase. */
const unlock = () => {
  const PASSWORD_STORE_GPG_OPTS = '--batch --pinentry-mode=loopback --passphrase-fd 0';
  return execa('pass', ['show', 'litellm/master'], { env: { ...gnupg, PASSWORD_STORE_GPG_OPTS }, extendEnv: false, input: PHRASE });
};
let server: ChildProcess | undefined;
let vault: NodeJS.ProcessEnv = {};
/** Vault's API, asked where the operator stands. */
const api = async (path: string, body: unknown): Promise<string> => {
  const { VAULT_ADDR, VAULT_TOKEN } = vault;
  const args = ['exec', 'ops', 'curl', '-sf', '--noproxy', '*', '-H', `X-Vault-Token: ${VAULT_TOKEN}`, '-d', '@-'];
  const lab = join(import.meta.dirname, '../lab/lab');
  return (await execa(lab, [...args, `${VAULT_ADDR}/v1/${path}`], { env: { LAB_NET: 'fsecrets' }, input: JSON.stringify(body) })).stdout;
};
const env6 = (): NodeJS.ProcessEnv => ({
  ...gnupg,
  PATH: `${it.dir}/bin:${STORES}:${process.env['PATH']}`,
  FROM_ENV: VALUES.FROM_ENV,
  SOPS_AGE_KEY_FILE: source('age.txt'),
  ...vault,
});
const six = (...args: readonly string[]) => it.fabric(SIX, ['secrets', ...args], env6());

beforeAll(async () => {
  put('from-file', VALUES.FROM_FILE);
  put('command', VALUES.FROM_COMMAND);
  writeFileSync(source('print'), `#!/bin/sh\nexec cat ${source('command')}\n`, { mode: 0o700 });
  // SOPS with age
  const { stderr } = await execa('age-keygen', ['-o', source('age.txt')]);
  const recipient = /age1\w+/.exec(stderr)?.[0] ?? '';
  writeFileSync(source('secrets.yaml'), `litellm:\n  key: '${VALUES.FROM_SOPS}'\n`, { mode: 0o600 });
  await execa(join(STORES, 'sops'), ['encrypt', '--in-place', '--age', recipient, source('secrets.yaml')]);
  // pass with GnuPG
  mkdirSync(gnupg.GNUPGHOME, { mode: 0o700 });
  const options = { env: gnupg, extendEnv: false };
  const make = ['--batch', '--quiet', '--pinentry-mode', 'loopback', '--passphrase-fd', '0', '--quick-generate-key', 'ops@example.net'];
  await execa('gpg', [...make, 'rsa2048', 'encr', 'never'], { ...options, input: PHRASE });
  await execa('pass', ['init', 'ops@example.net'], options);
  await execa('pass', ['insert', '--multiline', '--force', 'litellm/master'], {
    ...options,
    input: `${VALUES.LITELLM_MASTER_KEY}\nnotes\n`,
  });
  // Vault's own server, beside the operator
  const started = spawn(join(import.meta.dirname, '../lab/lab'), ['exec', 'ops', join(STORES, 'vault-server')], {
    env: { ...process.env, LAB_NET: 'fsecrets' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  server = started;
  const [line] = await once(createInterface(started.stdout), 'line');
  const [address, token] = String(line).split(' ');
  vault = { VAULT_ADDR: `http://${address}`, VAULT_TOKEN: token };
  await api('sys/mounts/secret', { type: 'kv', options: { version: '2' } });
  // Version 2 prepares itself for some moments.
  const put5 = () => api('secret/data/litellm', { data: { key: VALUES.FROM_VAULT } }).catch(() => '');
  for (let tries = 0; tries < 600 && (await put5()) === ''; tries++) await new Promise((resolve) => setTimeout(resolve, 100));
});
afterAll(async () => {
  server?.kill('SIGKILL');
  await lock();
});

test('what is locked, expired or missing is named as that, all at once, with the way in; nothing is written', async () => {
  await lock();
  const before = await env();
  const args = ['secrets', 'sync', '--yes'];
  const { code, err } = await it.fabric(SIX, args, {
    ...env6(),
    VAULT_TOKEN: 's.expired',
    SOPS_AGE_KEY_FILE: '/none',
    FROM_ENV: undefined,
  });
  expect([code, err]).toEqual([
    4,
    expect.stringMatching(
      /^fabric: 4 secrets could not be had:\n {2}LITELLM_MASTER_KEY: pass:litellm\/master: locked, .*\n {2}FROM_ENV: the environment variable FROM_ENV is not set\n {2}FROM_SOPS: sops:.*: locked: .*\n {2}FROM_VAULT: vault secret\/litellm, field key: .*or the token has expired/,
    ),
  ]);
  for (const login of ['→ pass show litellm/master', '→ SOPS_AGE_KEY_FILE=… sops decrypt', '→ vault login -address=http://127.0.0.1:'])
    expect(err).toContain(login);
  expect(await env()).toBe(before);
  await unlock();
});

test('from six stores into .env and into force, and nowhere else', async () => {
  await unlock();
  const watching = watch(it, Object.values(VALUES), { sources: join(it.dir, 'keys'), given: /bin\/fabric\.js secrets sync/ });
  const { code, out, err } = await six('sync', '--yes');
  const seen = await watching.end();
  expect([code, err]).toEqual([0, expect.stringContaining('gate: LiteLLM is up')]);
  expect(seen).toEqual(NOWHERE);
  for (const value of Object.values(VALUES)) expect(`${out}${err}`).not.toContain(value);
  expect((await env()).split('\n')).toEqual(expect.arrayContaining(Object.entries(VALUES).map(([name, value]) => `${name}=${value}`)));
  expect(await status(VALUES.LITELLM_MASTER_KEY)).toBe('200');
  expect((await six('diff')).out).toMatch(/^(?:\w+ +source = \.env {8}= process .*\n){6}HAND /);
  const list = Object.values(VALUES).join('\n');
  const script = `umask 077; cat >/root/values <<'END'\n${list}\nEND\njournalctl -o cat | grep -cFf /root/values; rm /root/values`;
  expect(await it.root(script)).toBe('0');
});

test('rotated in pass: the notes below the key stay', { tags: 'thorough' }, async () => {
  const { code, err } = await six('rotate', 'LITELLM_MASTER_KEY', '--yes');
  expect([code, err]).toEqual([0, expect.stringContaining('✓ pass:litellm/master has a new key')]);
  const [made = '', ...notes] = (await unlock()).stdout.split('\n');
  expect([await status(VALUES.LITELLM_MASTER_KEY), await status(made), notes]).toEqual(['400', '200', ['notes']]);
});

test('a date that comes near in the store is a finding, and the value stays there', async () => {
  const text = fabricYaml({}).replace('  secrets:\n', '  secrets:\n    DATED_KEY: { vault: { path: dated, field: key } }\n');
  const validate = async (folder: string): Promise<string> =>
    (await it.fabric(text, ['validate', '--format', 'json', '--record', join(it.dir, folder)], env6())).out;
  await api('secret/data/dated', { data: { key: 'value-without-a-date' } });
  expect(having(await validate('undated'), 'pass')).toContain('litellm/secret-expiry@DATED_KEY');
  keepFixture('litellm/secret-expiry', 'after', text, join(it.dir, 'undated'));
  await api('secret/metadata/dated', { delete_version_after: '48h' });
  await api('secret/data/dated', { data: { key: 'value-with-a-date' } });
  const out = await validate('dated');
  expect(having(out, 'fail')).toContain('litellm/secret-expiry@DATED_KEY');
  expect(out).not.toContain('value-with');
  keepFixture('litellm/secret-expiry', 'before', text, join(it.dir, 'dated'));
  // Who is not logged in does not know.
  const locked = await it.fabric(text, ['validate', '--format', 'json'], { ...env6(), VAULT_TOKEN: 's.expired' });
  expect(having(locked.out, 'unknown')).toContain('litellm/secret-expiry@DATED_KEY');
});

test('three readers read back every value that fabric writes', async () => {
  const path = '/root/readers.env';
  const write = async (values: readonly string[]): Promise<void> => {
    await it.root(`rm -f ${path}`);
    const keyring = new Map(values.map((value, n) => [`V${n}`, new Secret(`V${n}`, value)]));
    const lines = values.map((_, n) => ({ begins: `V${n}=`, was: 'absent' as const, now: [`V${n}=`, { secret: `V${n}` }] }));
    await it.root(
      scriptOf({ do: 'patch', host: 'akira', path, mode: '600', owner: 'root:root', was: null, lines }, 'do', 'readers', 0, keyring),
    );
  };
  const ours = (pairs: readonly string[], values: readonly string[]): readonly (string | undefined)[] => {
    const found = new Map(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
    return values.map((_, n) => found.get(`V${n}`));
  };
  const reads = async (values: readonly string[]) => {
    await write(values);
    const podman: readonly string[] = JSON.parse(
      await it.root(
        `podman create -q --name readers --env-file ${path} ${IMAGE} >/dev/null && podman inspect --format '{{json .Config.Env}}' readers; podman rm -f readers >/dev/null 2>&1`,
      ),
    );
    const systemd = await it.root(`systemd-run --quiet --wait --pipe -p EnvironmentFile=${path} env -0`);
    writeFileSync(join(it.dir, 'readers.env'), `${await it.root(`cat ${path}`)}\n`);
    const docker: Readonly<Record<string, string>> = JSON.parse(
      (await execa(join(STORES, 'env-readers'), [join(it.dir, 'readers.env')])).stdout,
    );
    return {
      podman: ours(podman, values),
      systemd: ours(systemd.split('\0'), values),
      docker: values.map((_, n) => docker[`V${n}`]),
    };
  };
  const awkward = fc.constantFrom(
    '#',
    ' #',
    '"',
    "'",
    '$',
    '${HOME}',
    '$(id)',
    '`',
    '=',
    ';',
    '!',
    '%s',
    '%',
    '\t',
    ' ',
    '~',
    '&',
    '*',
    '[',
    '{',
    'export ',
  );
  const text = fc.oneof(
    {
      weight: 3,
      arbitrary: fc
        .array(fc.oneof(awkward, fc.string({ unit: 'grapheme', maxLength: 4 })), { minLength: 1, maxLength: 12 })
        .map((parts) => parts.join('')),
    },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }) },
    { weight: 1, arbitrary: fc.integer({ min: 1000, max: 32_768 }).map((length) => 'k'.repeat(length)) },
  );
  const carried = text.filter((value) => uncarried(value) === null);
  await fc.assert(
    fc.asyncProperty(fc.array(carried, { minLength: 40, maxLength: 80 }), async (values) => {
      expect(await reads(values)).toEqual({ podman: values, systemd: values, docker: values });
    }),
    { numRuns: 6, endOnFailure: true },
  );
  // What is refused is refused because one of them reads something else.
  for (const value of ['"quoted', "'quoted", 'back\\slash', ' before', 'after ', 'tab\t']) {
    expect(uncarried(value)).not.toBe(null);
    expect(
      Object.values(await reads([value])).every(([read]) => read === value),
      value,
    ).toBe(false);
  }
}, 600_000);
