// Secrets from real stores on this machine: SOPS with age, pass with GnuPG, Vault's own server. What they are: test/stores/build.sh.
// Azure Key Vault's emulator, Lowkey Vault, could not be downloaded, and 1Password's CLI is in no registry: test/secrets.test.ts has stand-ins.
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SecretSource } from '../../src/fabric.ts';
import { Secret } from '../../src/secret.ts';
import { askAll, fetchSecrets } from '../../src/secrets/fetch.ts';
import { storeSecret } from '../../src/secrets/store.ts';
import { fabricOf, SAMPLE } from '../sample.ts';
import { contract } from '../store-contract.ts';
import { STORES, storesBuilt } from '../stores/built.ts';

const BIN = join(import.meta.dirname, '../../bin/fabric.js');
const PATH = `${STORES}:/usr/bin:/bin`;

storesBuilt();
const folder = mkdtempSync(join(tmpdir(), 'fabric-stores-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const why = async (source: SecretSource, env: NodeJS.ProcessEnv): Promise<string> => {
  const said = (await askAll(new Map([['KEY', source]]), env)).get('KEY');
  if (said === undefined || !('missing' in said)) throw new Error('it is not missing');
  return said.login === undefined ? said.missing : `${said.missing} → ${said.login}`;
};
const value = async (source: SecretSource, env: NodeJS.ProcessEnv): Promise<string | undefined> =>
  (await fetchSecrets(new Map([['KEY', source]]), env)).get('KEY')?.reveal();

const KEYS = join(folder, 'age.txt');
const sopsEnv = { PATH, HOME: folder, SOPS_AGE_KEY_FILE: KEYS };
beforeAll(async () => {
  await execa('age-keygen', ['-o', KEYS]);
});
const recipient = async (keys: string): Promise<string> => (await execa('age-keygen', ['-y', keys])).stdout;
const encrypt = async (name: string, plain: string): Promise<string> => {
  const file = join(folder, name);
  writeFileSync(file, plain, { mode: 0o600 });
  await execa('sops', ['encrypt', '--in-place', '--age', await recipient(KEYS), file], { env: sopsEnv });
  return file;
};

describe('SOPS with age', () => {
  const file = join(folder, 'secrets.yaml');
  const source = (...keys: readonly string[]): SecretSource => ({ from: 'sops', path: file, keys });
  beforeAll(async () => {
    await encrypt('secrets.yaml', 'litellm:\n  first: "1"\n  list: [a, sk-in-a-list]\n  one: { only: sk-x }\n  number: 5\n');
  });
  contract(() => ({
    env: sopsEnv,
    source: (name) => source('litellm', name),
    put: async (name, text) => {
      await execa('sops', ['set', '--value-stdin', file, `["litellm"]["${name}"]`], { env: sopsEnv, input: JSON.stringify(text) });
    },
  }));

  test('an item of a list, a number, and the file stays ours alone', async () => {
    expect(await value(source('litellm', 'list', '1'), sopsEnv)).toBe('sk-in-a-list');
    expect(await value(source('litellm', 'number'), sopsEnv)).toBe('5');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8')).not.toContain('sk-');
  });
  test('an env file', async () => {
    const path = await encrypt('secrets.env', 'A=sk-a\nB=two words\n');
    expect(await value({ from: 'sops', path, keys: ['B'] }, sopsEnv)).toBe('two words');
    await storeSecret({ from: 'sops', path, keys: ['B'] }, new Secret('B', 'three = "words"'), sopsEnv);
    expect(await value({ from: 'sops', path, keys: ['B'] }, sopsEnv)).toBe('three = "words"');
  });
  test('what goes wrong is named', async () => {
    const at = (path: string): SecretSource => ({ from: 'sops', path, keys: ['litellm', 'first'] });
    writeFileSync(join(folder, 'plain.yaml'), 'litellm: { first: sk-plain }\n');
    expect(await why(source('litellm', 'one'), sopsEnv)).toMatch(/one: it is no value but a mapping or a list$/);
    expect(await why(source('litellm', 'none'), sopsEnv)).toMatch(/none: the file has no such key$/);
    expect(await why(at('/no/file.yaml'), sopsEnv)).toMatch(/: \/no\/file.yaml does not exist$/);
    expect(await why(at(join(folder, 'plain.yaml')), sopsEnv)).toMatch(/ is not encrypted by sops$/);
    await execa('age-keygen', ['-o', join(folder, 'other.txt')]);
    for (const keys of [join(folder, 'other.txt'), '/no/keys'])
      expect(await why(source('litellm', 'first'), { ...sopsEnv, SOPS_AGE_KEY_FILE: keys })).toMatch(
        /: locked: none of the keys that can decrypt it is here → SOPS_AGE_KEY_FILE=… sops decrypt /,
      );
  });
});

describe('pass with GnuPG', () => {
  const GNUPGHOME = join(folder, 'gnupg');
  const PHRASE = 'a phrase of no account';
  const env = { PATH, HOME: folder, GNUPGHOME, PASSWORD_STORE_DIR: join(folder, 'store') };
  const source = (name: string): SecretSource => ({ from: 'pass', name });
  /** The agent forgets the phrase, as it does after some time; or is told it, as by pinentry. */
  const lock = () => execa('gpgconf', ['--kill', 'gpg-agent'], { env });
  const unlock = () =>
    execa('pass', ['show', 'litellm/first'], {
      env: { ...env, PASSWORD_STORE_GPG_OPTS: '--batch --pinentry-mode=loopback --passphrase-fd 0' },
      input: PHRASE,
    });
  const put = async (name: string, text: string) => {
    await execa('pass', ['insert', '--multiline', '--force', name], { env, input: `${text}\n` });
  };
  beforeAll(async () => {
    mkdirSync(GNUPGHOME, { mode: 0o700 });
    const key = [
      '--batch',
      '--quiet',
      '--pinentry-mode',
      'loopback',
      '--passphrase-fd',
      '0',
      '--quick-generate-key',
      'throwaway@example.net',
    ];
    await execa('gpg', [...key, 'rsa2048', 'encr', 'never'], { env, input: PHRASE });
    await execa('pass', ['init', 'throwaway@example.net'], { env });
    await put('litellm/first', 'sk-first\nurl: https://example.net\nuser: ann');
    await unlock();
  });
  afterAll(lock);

  contract(() => ({ env, source: (name) => source(`litellm/${name}`), put: (name, text) => put(`litellm/${name}`, text) }), {
    lines: 'notes',
  });

  test('a new value leaves the notes below it', async () => {
    await storeSecret(source('litellm/first'), new Secret('KEY', 'sk-second'), env);
    expect((await execa('pass', ['show', 'litellm/first'], { env })).stdout).toBe('sk-second\nurl: https://example.net\nuser: ann');
  });
  test('a folder is no entry, and a key that nobody unlocked asks nobody', async () => {
    expect(await why(source('litellm'), env)).toBe('pass:litellm: it is a folder of entries');
    expect(await why(source('none'), env)).toBe('pass:none: it is not there');
    await lock();
    const before = performance.now();
    expect(await why(source('litellm/first'), { ...env, GPG_TTY: '/dev/tty', DISPLAY: ':9' })).toBe(
      'pass:litellm/first: locked, or the key is not here (gpg: decryption failed: No secret key) → pass show litellm/first',
    );
    await expect(storeSecret(source('litellm/first'), new Secret('KEY', 'sk-third'), env)).rejects.toThrow(/locked/);
    expect(performance.now() - before).toBeLessThan(60_000);
    await unlock();
    expect(await value(source('litellm/first'), env)).toBe('sk-second');
  });
});

describe("Vault's own server", () => {
  let server: ChildProcessByStdio<null, Readable, null>;
  let [address, token] = ['', ''];
  const env = () => ({ PATH, HOME: folder, VAULT_ADDR: address, VAULT_TOKEN: token });
  const api = async (method: string, path: string, body: unknown = {}): Promise<unknown> => {
    const init = method === 'GET' ? {} : { body: JSON.stringify(body) };
    const reply = await fetch(`${address}/v1/${path}`, { method, headers: { 'X-Vault-Token': token }, ...init });
    if (!reply.ok) throw new Error(`${path}: ${reply.status} ${await reply.text()}`);
    return reply.status === 204 ? null : reply.json();
  };
  const source = (mount: string, path: string, field = 'key'): SecretSource => ({ from: 'vault', mount, path, field });
  beforeAll(async () => {
    server = spawn(join(STORES, 'vault-server'), [], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = await new Promise<string[]>((resolve) => createInterface(server.stdout).once('line', (text) => resolve([text])));
    const [listens = '', root = ''] = (line ?? '').split(' ');
    [address, token] = [`http://${listens}`, root];
    await api('POST', 'sys/mounts/secret', { type: 'kv', options: { version: '2' } });
    await api('POST', 'sys/mounts/team/kv', { type: 'kv', options: { version: '1' } });
    // Version 2 prepares itself for some moments.
    for (let tries = 0; tries < 600; tries++)
      if (await api('POST', 'secret/data/first', { data: { key: 'sk-first' } }).catch(() => null)) break;
      else await new Promise((resolve) => setTimeout(resolve, 100));
  });
  afterAll(() => server.kill('SIGKILL'));

  describe('version 2', () => {
    contract(() => ({
      env: env(),
      source: (name) => source('secret', `litellm/${name}`),
      put: async (name, text) => void (await api('POST', `secret/data/litellm/${name}`, { data: { key: text } })),
    }));
  });
  describe('version 1, below a mount of two parts', () => {
    contract(() => ({
      env: env(),
      source: (name) => source('team/kv', `litellm/${name}`),
      put: async (name, text) => void (await api('POST', `team/kv/litellm/${name}`, { key: text })),
    }));
  });

  test('the token may be the one that `vault login` left at home', async () => {
    writeFileSync(join(folder, '.vault-token'), token, { mode: 0o600 });
    expect(await value(source('secret', 'first'), { HOME: folder, BAO_ADDR: `${address}/` })).toBe('sk-first');
    rmSync(join(folder, '.vault-token'));
  });
  test('the other fields stay, and a secret that is to be deleted says when', async () => {
    await api('POST', 'secret/metadata/aging', { delete_version_after: '1h' });
    await api('POST', 'secret/data/aging', { data: { key: 'sk-old', user: 'ann' } });
    await storeSecret(source('secret', 'aging'), new Secret('KEY', 'sk-new'), env());
    expect(await api('GET', 'secret/data/aging')).toMatchObject({
      data: { data: { key: 'sk-new', user: 'ann' }, metadata: { version: 2 } },
    });
    const had = (await askAll(new Map([['KEY', source('secret', 'aging')]]), env())).get('KEY');
    const expiry = had !== undefined && 'expiry' in had ? had.expiry : 0;
    expect(Math.abs((expiry ?? 0) - (Date.now() / 1000 + 3600))).toBeLessThan(60);
  });
  test('what was deleted can be written again', async () => {
    await api('POST', 'secret/data/gone', { data: { key: 'sk-old' } });
    await api('DELETE', 'secret/data/gone');
    expect(await why(source('secret', 'gone'), env())).toMatch(/its newest version was deleted or has expired \(20/);
    await storeSecret(source('secret', 'gone'), new Secret('KEY', 'sk-back'), env());
    expect(await value(source('secret', 'gone'), env())).toBe('sk-back');
  });
  test('what goes wrong is named', async () => {
    expect(await why(source('secret', 'none'), env())).toBe('vault secret/none, field key: not there');
    expect(await why(source('secret', 'first', 'other'), env())).toBe('vault secret/first, field other: the secret has no such field');
    expect(await why(source('nowhere', 'first'), env())).toMatch(
      /^vault nowhere\/first, field key: mount nowhere: forbidden for this token/,
    );
    expect(await why(source('secret', 'first'), { ...env(), VAULT_TOKEN: 's.wrong' })).toBe(
      `vault secret/first, field key: mount secret: forbidden for this token, or the token has expired (permission denied) → vault login -address=${address}`,
    );
    await api('PUT', 'sys/policies/acl/reader', { policy: 'path "secret/data/litellm/*" { capabilities = ["read"] }' });
    const made = JSON.stringify(await api('POST', 'auth/token/create', { policies: ['reader'], ttl: '10s' }));
    const reader = { ...env(), VAULT_TOKEN: /"client_token":"([^"]+)"/.exec(made)?.[1] };
    expect(await value(source('secret', 'litellm/created'), reader)).toBe('sk-created');
    expect(await why(source('secret', 'first'), reader)).toMatch(/: forbidden for this token, .* → vault login/);
    await expect(storeSecret(source('secret', 'litellm/created'), new Secret('KEY', 'x'), reader)).rejects.toThrow(
      /forbidden for this token/,
    );
    // The server's own word that it is over.
    const alive = async () =>
      (await fetch(`${address}/v1/auth/token/lookup-self`, { headers: { 'X-Vault-Token': reader.VAULT_TOKEN ?? '' } })).ok;
    await expect.poll(alive, { timeout: 60_000, interval: 500 }).toBe(false);
    expect(await why(source('secret', 'litellm/created'), reader)).toMatch(/or the token has expired .* → vault login/);
  });
  test('a deployment whose secrets are missing in four stores names them all, and says how to log in', async () => {
    const file = join(folder, 'fabric.yaml');
    const secrets = [
      '    LITELLM_MASTER_KEY: pass:litellm/none',
      '    OPENROUTER_API_KEY: sops:secrets.yaml#litellm.none',
      '    FROM_VAULT: { vault: { path: none, field: key } }',
      '    FROM_AZURE: { azure: { vault: kv-ops, name: none } }',
      '',
    ].join('\n');
    const text = SAMPLE.replace(/(?<= {2}secrets:\n)(?: {4}.*\n)+/, () => secrets);
    expect(fabricOf(text).litellm.secrets.size).toBe(4);
    writeFileSync(file, text);
    const all = {
      ...sopsEnv,
      GNUPGHOME: join(folder, 'gnupg'),
      PASSWORD_STORE_DIR: join(folder, 'store'),
      VAULT_ADDR: address,
      VAULT_TOKEN: 's.wrong',
    };
    const ran = await execa('/usr/bin/env', ['-u', 'NODE_OPTIONS', process.execPath, BIN, 'deploy', 'litellm', '--yes', '--config', file], {
      env: all,
      extendEnv: false,
      reject: false,
    });
    expect(ran.exitCode).toBe(4);
    expect(ran.stderr).toContain('4 secrets could not be had:');
    for (const said of [
      'LITELLM_MASTER_KEY: pass:litellm/none: it is not there',
      `OPENROUTER_API_KEY: sops:${folder}/secrets.yaml#litellm.none: the file has no such key`,
      'FROM_VAULT: vault secret/none, field key: mount secret: forbidden for this token',
      'FROM_AZURE: Key Vault kv-ops, secret none: az is not installed',
      `vault login -address=${address}`,
      'nothing was changed',
    ])
      expect(ran.stderr).toContain(said);
  });

  test('sealed', async () => {
    await api('PUT', 'sys/seal');
    expect(await why(source('secret', 'first'), env())).toBe(
      'vault secret/first, field key: mount secret: the vault is sealed: unseal it first',
    );
  });
});
