// The command as a user types it: what it prints, where, and how it exits. No host is needed for any of this.
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, expect, test } from 'vitest';
import { checks } from '../src/checks/index.ts';
import { SAMPLE } from './sample.ts';

const BIN = join(import.meta.dirname, '../bin/fabric.js');
const dir = mkdtempSync(join(tmpdir(), 'fabric-cli-'));
afterAll(() => rmSync(dir, { recursive: true }));

const fabric = async (args: readonly string[], { file, env = {} }: { readonly file?: string; readonly env?: NodeJS.ProcessEnv } = {}) => {
  const cwd = mkdtempSync(join(dir, 'cwd-'));
  if (file !== undefined) writeFileSync(join(cwd, 'fabric.yaml'), file);
  const { exitCode, stdout, stderr } = await execa(process.execPath, [BIN, ...args], {
    cwd,
    reject: false,
    stdin: 'ignore',
    env: { HOME: join(dir, 'home'), PATH: process.env['PATH'], ...env },
    extendEnv: false,
  });
  return { code: exitCode, out: stdout, err: stderr, cwd };
};

test('--help lists everything, on stdout', async () => {
  const { code, out, err } = await fabric(['--help']);
  expect([code, err]).toEqual([0, '']);
  for (const word of ['deploy', 'rollback', 'remove', 'validate', 'status', 'Exit codes']) expect(out).toContain(word);
});

test('doctor --help names every subject that there is', async () => {
  const { out } = await fabric(['doctor', '--help']);
  const [, subjects = ''] = /what to look at: ([a-z0-9,\s]+)/.exec(out) ?? [];
  expect(
    subjects
      .split(/[,\s]+/)
      .filter((word) => word !== 'rex')
      .toSorted(),
  ).toEqual(expect.arrayContaining([...new Set(checks.map(({ id }) => id.slice(0, id.indexOf('/'))))]));
});

test.each<[string, readonly string[], string]>([
  ['an unknown command', ['destroy'], "unknown command 'destroy'"],
  ['a misspelled command', ['validat'], 'Did you mean validate?'],
  ['an unknown option', ['validate', '--sudo'], "unknown option '--sudo'"],
  ['a format that is none', ['validate', '--format', 'xml'], 'Allowed choices are human, json'],
  ['a service that is none', ['deploy', 'n8n'], "unknown command 'n8n'"],
  ['nothing at all', [], 'Usage: fabric'],
])('%s: exit 2, on stderr', async (_, args, message) => {
  const { code, out, err } = await fabric(args);
  expect([code, out]).toEqual([2, '']);
  expect(err).toContain(message);
});

test('no fabric.yaml anywhere: exit 2, where it was looked for, and the next step', async () => {
  const { code, err } = await fabric(['validate']);
  expect(code).toBe(2);
  expect(err).toMatch(/fabric: .*fabric\.yaml/);
  expect(err).toContain('/etc/fabric/fabric.yaml');
  expect(err).toContain('→');
});

test('every problem of the file at once, with its place: exit 2, and nothing is connected to', async () => {
  const { code, err } = await fabric(['deploy', 'litellm'], {
    file: SAMPLE.replace('user: ops', 'usr: ops').replace('default: akira/qwen2.5-7b', 'default: akira/qwen'),
  });
  expect(code).toBe(2);
  expect(err).toMatch(/fabric\.yaml:5:5 hosts\.akira\.usr: .*did you mean "user"\?/);
  expect(err).toMatch(/fabric\.yaml:\d+:\d+ litellm\.aliases\.default: /);
});

test.each(['akira; reboot', '$(reboot)', '-oProxyCommand=reboot', 'akira\nreboot', '`reboot`'])(
  'a host address such as %j is refused',
  async (address) => {
    const { code, err } = await fabric(['validate'], { file: SAMPLE.replace('100.64.0.14', JSON.stringify(address)) });
    expect([code, err]).toEqual([2, expect.stringContaining('hosts.akira.address: expected')]);
  },
);

test.each([
  ['no names', SAMPLE, 'fabric.yaml: dns: there is none'],
  ['no Headscale', `${SAMPLE}\ndns:\n  names: { n8n.example.net: 100.64.0.14 }\n`, 'fabric.yaml: dns.headscale: there is none'],
])('deploy dns with %s: exit 2, and nothing is connected to', async (_, file, why) => {
  const { code, err } = await fabric(['deploy', 'dns'], { file });
  expect([code, err]).toEqual([2, expect.stringContaining(why)]);
  expect(err).toContain('→');
});

test('secrets that are missing: all at once, each with its source: exit 4', async () => {
  const { code, err } = await fabric(['deploy', 'litellm'], { file: SAMPLE });
  expect(code).toBe(4);
  expect(err).toContain('2 secrets could not be had');
  expect(err).toContain('LITELLM_MASTER_KEY: the environment variable LITELLM_MASTER_KEY is not set');
  expect(err).toMatch(/OPENROUTER_API_KEY: .*\.secrets\/openrouter/);
});

test.each([
  ['two lines', 'CANARY\nCANARY', 'more than one line'],
  ['nothing', '', 'its value is empty'],
])('a secret that an env file cannot carry (%s) is refused and not shown', async (_, value, message) => {
  mkdirSync(join(dir, 'home/.secrets'), { recursive: true });
  writeFileSync(join(dir, 'home/.secrets/openrouter'), 'fine');
  const { code, err } = await fabric(['deploy', 'litellm'], { file: SAMPLE, env: { LITELLM_MASTER_KEY: value } });
  expect([code, err]).toEqual([4, expect.stringContaining(message)]);
  expect(err).not.toContain('CANARY');
});

test('on this machine itself, without SSH: what is not there is said, and the exit is not 0', async () => {
  const { code, out } = await fabric(['validate', '--format', 'json'], {
    file: SAMPLE.replace('    user: ops\n', '    client: local\n    become: none\n').replace(
      'kind: openrouter\n',
      'kind: openrouter\n      url: http://127.0.0.1:9\n',
    ),
  });
  const report = JSON.parse(out);
  expect(report.schema).toBe('fabric.report/1');
  expect([1, 3]).toContain(code);
  expect(report.summary.pass).toBeLessThan(report.results.length);
});

test('client: ssh2, as Node itself loads it: a port where nobody listens is a loss that names the phase', async () => {
  const { code, out, err } = await fabric(['validate', '--format', 'json'], {
    file: SAMPLE.replace('100.64.0.14', '127.0.0.1').replace(
      '    user: ops\n',
      `    user: ops\n    port: 1\n    client: ssh2\n    hostKey: SHA256:${'a'.repeat(43)}\n`,
    ),
  });
  expect([code, out, err]).toEqual([3, expect.stringMatching(/akira \(ops@127\.0\.0\.1:1\): connecting failed: .*ECONNREFUSED/), '']);
});

test('--timeout is over before the connection is begun: the report, and the end of it', async () => {
  let visits = 0;
  const silent = createServer(() => visits++).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const address = silent.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const before = Date.now();
  const { code, out, err } = await fabric(['validate', '--timeout', '0.001'], {
    file: SAMPLE.replace('100.64.0.14', '127.0.0.1').replace(
      '    user: ops\n',
      `    user: ops\n    port: ${port}\n    client: ssh2\n    hostKey: SHA256:${'a'.repeat(43)}\n`,
    ),
  });
  silent.close();
  expect([code, out, err, visits]).toEqual([3, expect.stringContaining('timeout: akira: no answer within 0.001 s'), '', 0]);
  expect(Date.now() - before).toBeLessThan(9000); // it would wait 10 s for the host's greeting
});

test.each<[string, string | null, number, string]>([
  ['is not there', null, 0, 'cannot be read'],
  ['may be read by others', 'CANARY', 0o644, 'may be read by others (mode 644)'],
  ['is empty', '\n', 0o600, 'is empty'],
  ['has two lines', 'CANARY\nCANARY\n', 0o600, 'more than one line'],
])("a file for sudo's password that %s is refused before anything is connected to", async (_, content, mode, message) => {
  const path = join(dir, 'become');
  if (content !== null) writeFileSync(path, content);
  if (content !== null) chmodSync(path, mode);
  const { code, err } = await fabric(['validate', '--become-pass-file', path], { file: SAMPLE });
  rmSync(path, { force: true });
  expect([code, err]).toEqual([2, expect.stringContaining(message)]);
  expect(err).not.toContain('CANARY');
});

test('--ask-become-pass where nobody can be asked: exit 2, and the flag that answers it', async () => {
  const { code, err } = await fabric(['status', '--ask-become-pass'], { file: SAMPLE });
  expect([code, err]).toEqual([2, expect.stringContaining('--become-pass-file')]);
});

test('the README lists every check, with its title', () => {
  const readme = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8');
  expect(checks.filter(({ id, title }) => !readme.includes(`| \`${id}\` | ${title} |`))).toEqual([]);
});
