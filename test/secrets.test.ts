// Where secrets come from: the stores that need nothing installed, and the errors of programs and servers that a real one cannot be
// brought to show in a test. The real stores: test/e2e/stores.test.ts.
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SecretSource } from '../src/fabric.ts';
import { Secret } from '../src/secret.ts';
import { askAll, fetchSecrets, knownSecrets } from '../src/secrets/fetch.ts';
import { sourceText } from '../src/secrets/source.ts';
import { storeSecret, unwritable } from '../src/secrets/store.ts';
import { fabricOf, SAMPLE } from './sample.ts';
import { contract, type Store } from './store-contract.ts';
import { keyVault, TOKEN } from './stores/key-vault.ts';

const BIN = join(import.meta.dirname, '../bin/fabric.js');
const folder = mkdtempSync(join(tmpdir(), 'fabric-secrets-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A PATH of its own with these programs, and the system's. */
let made = 0;
const programs = (scripts: Readonly<Record<string, string>>): NodeJS.ProcessEnv => {
  const bin = join(folder, `bin${made++}`);
  mkdirSync(bin);
  for (const [name, script] of Object.entries(scripts)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  return { PATH: `${bin}:/usr/bin:/bin`, HOME: folder };
};
/** The processes that sleep for so long. */
const sleeping = (seconds: string): readonly string[] =>
  readdirSync('/proc').filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8') === `sleep\0${seconds}\0`;
    } catch {
      return false; // it has ended
    }
  });
const why = async (source: SecretSource, env: NodeJS.ProcessEnv, seconds = 30): Promise<string> => {
  const said = (await askAll(new Map([['KEY', source]]), env, seconds)).get('KEY');
  if (said === undefined || !('missing' in said)) throw new Error('it is not missing');
  return said.login === undefined ? said.missing : `${said.missing} → ${said.login}`;
};

describe('env', () => {
  const env: NodeJS.ProcessEnv = {};
  const store: Store = {
    env,
    source: (name) => ({ from: 'env', name }),
    put: (name, value) => {
      env[name] = value;
    },
  };
  contract(() => store);
});

const inFile = (name: string): string => join(folder, name);
const put = (name: string, value: string): void => writeFileSync(inFile(name), `${value}\n`, { mode: 0o600 });

describe('file', () => contract(() => ({ env: {}, source: (name) => ({ from: 'file', path: inFile(name) }), put })));

describe('command', () => {
  contract(() => ({ env: programs({}), source: (name) => ({ from: 'command', argv: ['cat', inFile(`${name}`)] }), put }), {
    named: /^2 secrets could not be had:\n {2}NOWHERE: command cat: exit 1: .*\n {2}NEITHER: command cat: exit 1: .*$/,
  });
});

/** az as far as it matters here: it notes how often it was asked. */
const az = (answer: string): NodeJS.ProcessEnv => programs({ az: `echo "$@" >>${inFile('az.log')}\n${answer}` });
const loggedIn = `echo '${JSON.stringify({ accessToken: TOKEN, expiresOn: '2026-11-25 20:00:00.000000', tokenType: 'Bearer' })}'`;

describe('Azure Key Vault (a stand-in)', () => {
  let vault: Awaited<ReturnType<typeof keyVault>>;
  beforeAll(async () => {
    vault = await keyVault();
  });
  afterAll(async () => vault.end());
  const source = (name: string, more: { version?: string; audience?: string } = {}): SecretSource => ({
    from: 'azure',
    vault: 'kv-ops',
    name,
    endpoint: vault.endpoint,
    audience: 'https://vault.azure.net',
    ...more,
  });
  const keep = (name: string, value: string, exp?: number): void => {
    const versions = vault.secrets.get(name) ?? [];
    const version = (versions.length + 1).toString(16).padStart(32, '0');
    vault.secrets.set(name, [...versions, { value, version, ...(exp === undefined ? {} : { exp }) }]);
  };

  contract(() => ({ env: az(loggedIn), source: (name) => source(name), put: (name, value) => keep(name, value) }));

  test('one token for all secrets of a run, and parallel reads, not too many at once', async () => {
    const names = Array.from({ length: 20 }, (_, n) => `many-${n}`);
    for (const name of names) keep(name, `sk-${name}`);
    rmSync(inFile('az.log'), { force: true });
    const keyring = await fetchSecrets(new Map(names.map((name) => [name, source(name)])), az(loggedIn));
    expect([...keyring.values()].slice(1).map((one) => one.reveal())).toEqual(names.map((name) => `sk-${name}`));
    expect(readFileSync(inFile('az.log'), 'utf8')).toBe('account get-access-token --resource https://vault.azure.net --output json\n');
    expect(vault.most()).toBeGreaterThan(1);
    expect(vault.most()).toBeLessThanOrEqual(6);
  });

  test('another cloud has a token of its own', async () => {
    keep('cloudy', 'sk-cloudy');
    rmSync(inFile('az.log'), { force: true });
    const sources = new Map([
      ['A', source('cloudy')],
      ['B', source('cloudy', { audience: 'https://vault.azure.cn' })],
    ]);
    await fetchSecrets(sources, az(loggedIn));
    expect(readFileSync(inFile('az.log'), 'utf8').split('\n').sort()).toEqual([
      '',
      'account get-access-token --resource https://vault.azure.cn --output json',
      'account get-access-token --resource https://vault.azure.net --output json',
    ]);
  });

  test('a version of its own, its expiry beside it', async () => {
    keep('aging', 'sk-first', 1767225600);
    keep('aging', 'sk-second');
    const had = await askAll(
      new Map([
        ['FIRST', source('aging', { version: '1'.padStart(32, '0') })],
        ['NEWEST', source('aging')],
      ]),
      az(loggedIn),
    );
    expect(had.get('FIRST')).toMatchObject({ expiry: 1767225600 });
    expect(had.get('NEWEST')).not.toHaveProperty('expiry');
    expect(unwritable(source('aging', { version: '1'.padStart(32, '0') }))).toMatch(/pins a version/);
    expect(vault.asked).toContain(`GET /secrets/aging/${'1'.padStart(32, '0')}?api-version=7.4`);
  });

  const inner = (code: string) => ({ error: { code: 'Forbidden', message: 'Caller is not authorized.', innererror: { code } } });
  const replies: readonly (readonly [
    title: string,
    instead: { status: number; body?: unknown; headers?: Record<string, string> },
    said: string,
  ])[] = [
    [
      'forbidden',
      { status: 403, body: inner('ForbiddenByRbac') },
      'forbidden for whom az is logged in, ForbiddenByRbac (Caller is not authorized.)',
    ],
    ['disabled', { status: 403, body: inner('SecretDisabled') }, 'disabled'],
    [
      'the firewall',
      { status: 403, body: inner('ForbiddenByFirewall') },
      "the vault's firewall does not let this machine in (Caller is not authorized.)",
    ],
    ['throttled', { status: 429 }, 'the vault answers no more for now: too many requests (429)'],
    ['broken', { status: 500 }, 'the vault answered 500'],
    ['no secret', { status: 200, body: [] }, 'the answer is no secret'],
    ['elsewhere', { status: 302, headers: { Location: 'https://evil.example/' } }, `HOST sends elsewhere (302): https://evil.example/`],
    [
      'a token that comes back',
      { status: 500, body: { error: { message: `bad ${TOKEN}` } } },
      'the vault answered 500 (bad [secret TOKEN])',
    ],
    ['silence', { status: 0 }, 'HOST did not answer within 3 s'],
  ];
  test.each(replies)('%s', async (title, instead, said) => {
    const name = title.replaceAll(' ', '-');
    vault.instead.set(name, instead);
    const expected = `Key Vault kv-ops, secret ${name}: ${said.replace('HOST', new URL(vault.endpoint).host)}`;
    expect(await why(source(name), az(loggedIn), 3)).toBe(expected);
  });

  const tokens: readonly (readonly [title: string, answer: string, said: string])[] = [
    // What az 2.91 says, to its letter.
    [
      'signed out',
      `echo "ERROR: Please run 'az login' to setup account." >&2; exit 1`,
      "az is not logged in (ERROR: Please run 'az login' to setup account.) → az login",
    ],
    [
      'a login that has expired',
      `echo 'ERROR: AADSTS700082: The refresh token has expired due to inactivity.' >&2; exit 1`,
      'az is not logged in (ERROR: AADSTS700082: The refresh token has expired due to inactivity.) → az login',
    ],
    ['another error', 'echo "ERROR: no disk space" >&2; exit 1', 'ERROR: no disk space'],
    ['no token', 'echo "{}"', 'az gave no token'],
    [
      'a token that is not accepted',
      `echo '{"accessToken":"eyJstale"}'`,
      'the login is not accepted (AKV10000: Request is missing a Bearer or PoP token.) → az login',
    ],
  ];
  test.each(tokens)('az: %s', async (_, answer, said) => {
    expect(await why(source('any'), az(answer))).toBe(`Key Vault kv-ops, secret any: ${said}`);
  });

  test('az is not installed: said of each, the login command once', async () => {
    const env = { PATH: '/nowhere', HOME: folder };
    await expect(fetchSecrets(new Map(['a', 'b'].map((name) => [name, source(name)])), env)).rejects.toThrow(
      '2 secrets could not be had:\n  a: Key Vault kv-ops, secret a: az is not installed\n  b: Key Vault kv-ops, secret b: az is not installed',
    );
    const signedOut = az(`echo "ERROR: Please run 'az login' to setup account." >&2; exit 1`);
    await expect(fetchSecrets(new Map(['a', 'b'].map((name) => [name, source(name)])), signedOut)).rejects.toMatchObject({
      exit: 4,
      next: ['az login', expect.stringContaining('nothing was changed')],
    });
  });

  test('a vault that is not there, and one whose certificate nobody trusts', async () => {
    const at = (endpoint: string): SecretSource => ({ ...base, endpoint });
    const base = { from: 'azure', vault: 'kv-ops', name: 'a', endpoint: '', audience: 'https://vault.azure.net' } as const;
    expect(await why(at('http://127.0.0.1:1'), az(loggedIn))).toBe('Key Vault kv-ops, secret a: 127.0.0.1:1 refuses connections');
    expect(await why(at('https://no-such-vault.invalid'), az(loggedIn))).toBe(
      'Key Vault kv-ops, secret a: the name of no-such-vault.invalid is not known (DNS)',
    );
    const pem = join(folder, 'self.pem');
    await execa('openssl', [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      pem,
      '-out',
      `${pem}.crt`,
      '-subj',
      '/CN=localhost',
      '-days',
      '1',
    ]);
    const server = createServer({ key: readFileSync(pem), cert: readFileSync(`${pem}.crt`) }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    expect(await why(at(`https://127.0.0.1:${port}`), az(loggedIn))).toBe(
      `Key Vault kv-ops, secret a: the certificate of 127.0.0.1:${port} is not trusted (DEPTH_ZERO_SELF_SIGNED_CERT): name its authority with NODE_EXTRA_CA_CERTS`,
    );
    server.close();
  });
});

describe('vault, without a server', () => {
  const source: SecretSource = { from: 'vault', mount: 'secret', path: 'litellm', field: 'key' };
  const cases: readonly (readonly [title: string, env: NodeJS.ProcessEnv, said: string])[] = [
    ['no address', {}, 'no address: neither fabric.yaml nor VAULT_ADDR or BAO_ADDR gives an http(s) one'],
    [
      'no token',
      { VAULT_ADDR: 'http://127.0.0.1:1/' },
      'no token: neither VAULT_TOKEN, BAO_TOKEN nor ~/.vault-token → vault login -address=http://127.0.0.1:1',
    ],
    [
      'no token of OpenBao',
      { BAO_ADDR: 'http://127.0.0.1:1' },
      'no token: neither VAULT_TOKEN, BAO_TOKEN nor ~/.vault-token → bao login -address=http://127.0.0.1:1',
    ],
    ['nobody there', { VAULT_ADDR: 'http://127.0.0.1:1', VAULT_TOKEN: 'x' }, 'mount secret: 127.0.0.1:1 refuses connections'],
    [
      'an authority that is not there',
      { VAULT_ADDR: 'https://127.0.0.1:1', VAULT_TOKEN: 'x', VAULT_CACERT: '/no/ca' },
      '/no/ca (VAULT_CACERT) cannot be read',
    ],
    [
      'a token of two lines',
      { VAULT_ADDR: 'http://127.0.0.1:1', VAULT_TOKEN: 'a\nb' },
      'the token is not one line of letters and digits → vault login -address=http://127.0.0.1:1',
    ],
  ];
  test.each(cases)('%s', async (_, env, said) => {
    expect(await why(source, { HOME: '/nowhere', ...env })).toBe(`vault secret/litellm, field key: ${said}`);
  });
});

describe('programs', () => {
  const op: SecretSource = { from: 'op', reference: 'op://homelab/litellm/key' };
  const command = (...argv: readonly string[]): SecretSource => ({ from: 'command', argv });

  test('1Password: what op prints, and signed out (op itself was not to be had: its words are from its issues)', async () => {
    const env = programs({ op: `[ "$*" = 'read --no-newline op://homelab/litellm/key' ] && printf 'sk-from-op'` });
    expect((await fetchSecrets(new Map([['KEY', op]]), env)).get('KEY')?.reveal()).toBe('sk-from-op');
    const signedOut = programs({
      op: 'echo "[ERROR] 2026/11/25 18:00:00 You are not currently signed in. Please run \\`op signin --help\\` for instructions" >&2; exit 1',
    });
    expect(await why(op, signedOut)).toMatch(/^op:\/\/homelab\/litellm\/key: signed out \(\[ERROR\].*\) → op signin$/);
    const none = programs({ op: 'echo "No accounts configured for use with 1Password CLI." >&2; exit 1' });
    expect(await why(op, none)).toMatch(/signed out .* → op signin$/);
    const other = programs({ op: `echo '[ERROR] 2026/11/25 18:00:00 "litellm" is not an item' >&2; exit 1` });
    expect(await why(op, other)).toBe('op://homelab/litellm/key: [ERROR] 2026/11/25 18:00:00 "litellm" is not an item');
    await expect(storeSecret(op, new Secret('KEY', 'x'), env)).rejects.toThrow(/op takes a new value in its arguments/);
  });

  const cases: readonly (readonly [title: string, script: string, said: RegExp | string])[] = [
    ['it fails in silence', 'exit 3', 'exit 3: get failed (exit 3) without a word'],
    ['it quotes its token', 'echo "bad token $GET_TOKEN" >&2; exit 1', 'exit 1: bad token [secret GET_TOKEN]'],
    ['it shows the value with an error', 'echo hunter2-hunter2; echo "half: hunter2-hunter2" >&2; exit 1', 'exit 1: half: [secret VALUE]'],
    ['it talks at length', 'yes word | head -c 5000 >&2; exit 1', /^exit 1: (?:word ){39}.*…$/],
    ['it writes to the terminal', String.raw`printf 'a\033[2Jb' >&2; exit 1`, String.raw`exit 1: a\x1b[2Jb`],
    ['it prints what is no text', String.raw`printf 'sk-\377\376'`, 'what get printed is not text (UTF-8)'],
    ['it never stops printing', 'yes', 'get printed more than 1 MiB'],
    ['it is killed', 'kill -9 $$', 'get was ended by SIGKILL'],
    ['it asks on its input', 'read -r line || { echo "nobody answers" >&2; exit 1; }', 'exit 1: nobody answers'],
    [
      'it asks on the terminal',
      '( exec </dev/tty ) 2>/dev/null && echo asked || { echo "no terminal" >&2; exit 1; }',
      'exit 1: no terminal',
    ],
    ['it prints nothing', 'true', 'its value is empty'],
  ];
  test.each(cases)('%s', async (_, script, said) => {
    const reason = await why(command('get'), { ...programs({ get: script }), GET_TOKEN: 'hush-hush-hush' });
    const bare = reason.replace('command get: ', '');
    if (typeof said === 'string') expect(bare).toBe(said);
    else expect(bare).toMatch(said);
  });

  test('one that hangs is ended with all that it started', async () => {
    const long = `987654.${process.pid}`;
    const env = programs({ get: `sleep ${long} & sleep ${long}` });
    expect(await why(command('get'), env, 2)).toBe('command get: get took more than 2 s and was ended');
    await expect.poll(() => sleeping(long), { timeout: 10_000 }).toEqual([]);
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('%s ends the program too, with all that it started', async (signal) => {
    const path = inFile('fabric.yaml');
    writeFileSync(path, SAMPLE.replace('file:~/.secrets/openrouter', '{ command: [get] }'));
    const long = `876543.${process.pid}`;
    const env = programs({ get: `sleep ${long} & sleep ${long}` });
    const args = [BIN, 'deploy', 'litellm', '--dry-run', '--config', path];
    const running = execa(process.execPath, args, { env, extendEnv: false, reject: false });
    await expect.poll(() => sleeping(long).length, { timeout: 20_000 }).toBe(2);
    running.kill(signal);
    expect(await running).toMatchObject({ signal });
    await expect.poll(() => sleeping(long), { timeout: 10_000 }).toEqual([]);
  });

  test('a signal that comes while a program starts ends that too', async () => {
    const path = inFile('fabric.yaml');
    writeFileSync(path, SAMPLE.replace('file:~/.secrets/openrouter', '{ command: [get] }'));
    const env = programs({ get: 'kill -INT $PPID; exec sleep 765432' });
    const args = [BIN, 'deploy', 'litellm', '--dry-run', '--config', path];
    for (let n = 0; n < 5; n += 1)
      expect(await execa(process.execPath, args, { env, extendEnv: false, reject: false })).toMatchObject({ signal: 'SIGINT' });
    await expect.poll(() => sleeping('765432'), { timeout: 10_000 }).toEqual([]);
  });

  test('not installed, not executable', async () => {
    writeFileSync(inFile('plain'), 'x', { mode: 0o644 });
    expect(await why(command('no-such-program'), programs({}))).toBe('command no-such-program: no-such-program is not installed');
    expect(await why(command(inFile('plain')), programs({}))).toBe(`command ${inFile('plain')}: ${inFile('plain')} may not be run by you`);
    for (const [source, program] of [
      [{ from: 'pass', name: 'a' }, 'pass'],
      [{ from: 'sops', path: '/a', keys: ['b'] }, 'sops'],
      [op, 'op'],
    ] as const)
      expect(await why(source, { PATH: '/nowhere' })).toBe(`${sourceText(source)}: ${program} is not installed`);
  });

  test('a program sees no secret of ours in its environment, nor a terminal for gpg', async () => {
    const env = { ...programs({ get: 'env | tr "\\n" ","' }), LITELLM_MASTER_KEY: 'sk-ours', GPG_TTY: '/dev/pts/0', KEPT: 'yes' };
    const sources = new Map<string, SecretSource>([
      ['LITELLM_MASTER_KEY', { from: 'env', name: 'LITELLM_MASTER_KEY' }],
      ['OTHER', command('get')],
    ]);
    const keyring = await fetchSecrets(sources, env);
    expect(keyring.get('LITELLM_MASTER_KEY')?.reveal()).toBe('sk-ours');
    expect(keyring.get('OTHER')?.reveal()).toContain('KEPT=yes');
    expect(keyring.get('OTHER')?.reveal()).not.toMatch(/sk-ours|GPG_TTY/);
  });

  test('a source is named without what may be a secret in its arguments', () => {
    expect(sourceText(command('curl', '-H', 'X-Token: hunter2'))).toBe('command curl');
  });

  test('what can be had is known, and nothing is said of the rest', async () => {
    const sources = new Map<string, SecretSource>([
      ['A', { from: 'env', name: 'A' }],
      ['B', { from: 'env', name: 'B' }],
    ]);
    expect([...(await knownSecrets(sources, { A: 'sk-a' })).keys()]).toEqual(['fabric/run-key', 'A']);
  });
});

describe('writing a file', () => {
  const file = (path: string): SecretSource => ({ from: 'file', path });
  test('0600, whole, through a link, and nothing beside it', async () => {
    const home = mkdtempSync(join(folder, 'home-'));
    writeFileSync(join(home, 'real'), 'old\n', { mode: 0o644 });
    symlinkSync('real', join(home, 'link'));
    writeFileSync(join(home, 'real.fabric-part'), 'left by a killed run', { mode: 0o644 });
    await storeSecret(file('~/link'), new Secret('KEY', 'new'), { HOME: home });
    expect(readFileSync(join(home, 'real'), 'utf8')).toBe('new\n');
    expect(lstatSync(join(home, 'link')).isSymbolicLink()).toBe(true);
    expect(statSync(join(home, 'real')).mode & 0o777).toBe(0o600);
    expect(readdirSync(home).sort()).toEqual(['link', 'real']);
  });
  test('a folder that is not there is not made', async () => {
    await expect(storeSecret(file(join(folder, 'no/where')), new Secret('KEY', 'new'), {})).rejects.toThrow(
      `KEY could not be written to file:${join(folder, 'no/where')}: ${join(folder, 'no/where')} cannot be written (its folder does not exist)`,
    );
    expect(existsSync(join(folder, 'no'))).toBe(false);
  });
});

// The vendors' own programs were not run: each recipe's YAML parses, and its words reach a stand-in that prints what the vendor's would.
describe('recipes of docs/secrets.md', () => {
  const docs = readFileSync(join(import.meta.dirname, '../docs/secrets.md'), 'utf8');
  const blocks = [...docs.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => text);
  const secrets = blocks.filter((text) => text.includes('FROM_')).join('');
  const sample = (text: string) => {
    const own = ['LITELLM_MASTER_KEY', 'OPENROUTER_API_KEY'].filter((name) => !text.includes(`${name}:`)).map((name) => `${name}: env:X\n`);
    const all = `${own.join('')}${text}`.replace(/^(?=.)/gm, '    ');
    return fabricOf(SAMPLE.replace(/(?<= {2}secrets:\n)(?: {4}.*\n)+/, () => all));
  };
  const value = 'sk-from-the-vendor';
  const standIns = {
    bws: `[ "$*" = 'secret get 4a2c6b1e-0000-4000-8000-b2f000000000' ] && printf '{"id":"x","key":"k","value":"%s"}' '${value}'`,
    bw: `[ "$*" = 'get password litellm-master-key' ] && printf %s '${value}'`,
    infisical: `[ "$*" = 'secrets get LITELLM_MASTER_KEY --plain --silent --env=prod --projectId=4a2c6b1e' ] && echo '${value}'`,
    doppler: `[ "$*" = 'secrets get LITELLM_MASTER_KEY --plain --project litellm --config prd' ] && echo '${value}'`,
  };
  const sources = [...sample(secrets).litellm.secrets].filter(([name]) => name.startsWith('FROM_'));
  test('each vendor has one', () => {
    expect(sources.map(([name]) => name)).toEqual(['FROM_BWS', 'FROM_BITWARDEN', 'FROM_INFISICAL', 'FROM_DOPPLER']);
  });
  test.each(sources)('%s', async (name, source) => {
    expect((await fetchSecrets(new Map([[name, source]]), programs(standIns))).get(name)?.reveal()).toBe(value);
    expect(
      await why(source, programs(Object.fromEntries(Object.keys(standIns).map((one) => [one, 'echo "not logged in" >&2; exit 1'])))),
    ).toMatch(/: exit 1: not logged in$/);
  });
  test('every block of YAML on that page is good', () => {
    expect(blocks.length).toBeGreaterThan(4);
    for (const text of blocks) expect(sample(text).litellm.secrets.has('LITELLM_MASTER_KEY')).toBe(true);
  });
});
