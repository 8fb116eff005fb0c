// `fabric explain`: what a text finds (pure), and what is told of it, offline, by the command as a user types it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, expect, test } from 'vitest';
import { type Book, defineCheck } from '../src/check.ts';
import { entries } from '../src/checks/entries.ts';
import { checks } from '../src/checks/index.ts';
import { checksNamed, lookUp, nameOf, rexId } from '../src/lookup.ts';
import { FABRIC } from './playback.ts';

const book: Book = { checks, entries };
const found = (text: string): readonly string[] => lookUp(book, text).found.map(nameOf);

test.each<[string, string | null]>([
  ['REX-36', 'REX-36'],
  ['rex-36', 'REX-36'],
  ['Rex 36', 'REX-36'],
  ['REX36', 'REX-36'],
  ['rex_036', 'REX-36'],
  [' 36 ', 'REX-36'],
  ['36a', null],
  ['rex', null],
  ['402 error', null],
])('%j as an id of a post-mortem: %j', (text, id) => {
  expect(rexId(text)).toBe(id);
});

test.each<[string, readonly string[]]>([
  // Ids.
  ['REX-36', ['REX-36']],
  ['38', ['REX-38']],
  ['litellm/exposure', ['litellm/exposure']],
  ['LiteLLM/Exposure', ['litellm/exposure']],
  ['litellm/exposure@akira', ['litellm/exposure']],
  ['exposure', ['litellm/exposure']],
  // What is pasted.
  [
    'Error code: 402 - {"error":{"message":"This request requires more credits, or fewer max_tokens. You requested up to 16000 tokens"}}',
    ['REX-37'],
  ],
  ['402 … fewer max_tokens', ['REX-37']],
  ['Context overflow', ['REX-37']],
  ["ValidationError: The 'X-Forwarded-For' header is set but … code: 'ERR_ERL_UNEXPECTED_X_FORWARDED_FOR'", ['REX-38']],
  ['ERR_ERL_UNEXPECTED_X_FORWARDED_FOR', ['REX-38']],
  ['Error: adapting config using caddyfile: unrecognized directive: 200', ['REX-35']],
  ['{"level":"error"}\n{"msg":"dial tcp: lookup n8n: i/o timeout"}\n', ['REX-35']],
  ["ValueError: 'health_check_interval' is NOT a valid router_settings parameter.", ['REX-36']],
  // Words.
  ['certificate expired', ['litellm/front-certificate', 'dns/certificate', 'caddy/certificate']],
  ['disk full', ['host/disk']],
  ['Headscale extra records', ['dns/record', 'REX-33', 'dns/headscale-paths', 'dns/headscale-loaded']],
])('%j finds %j', (text, ids) => {
  expect(found(text)).toEqual(ids);
});

test('several may be meant, at most five, best first', () => {
  const many = found('litellm keeps restarting');
  expect([many[0], many.length]).toEqual(['litellm/unit-active', 5]);
});

test('what nobody knows finds nothing, and the ids most like it', () => {
  expect(lookUp(book, 'REX-99').found).toEqual([]);
  expect(lookUp(book, 'bind: address already in use').sure).toBe(false); // words in common are listed, not told as the answer
  expect(lookUp(book, 'litellm/redines')).toEqual({ found: [], sure: false, nearest: expect.arrayContaining(['litellm/readiness']) });
  expect(lookUp(book, 'dns/leek')).toEqual({ found: [], sure: false, nearest: expect.arrayContaining(['dns/leak']) });
  for (const text of ['zzz', '?', 'the quick brown fox'])
    expect(lookUp(book, text)).toEqual({ found: [], sure: false, nearest: [expect.any(String), expect.any(String), expect.any(String)] });
});

test('a pattern that remembers where it was finds the same text twice; an entry without checks, and checks of an entry', () => {
  const own = defineCheck({ id: 'rex/REX-41', rex: ['REX-41'], title: 'Backups are fresh', story: '', decides: '', each: () => [] });
  const entry = { id: 'REX-41', title: 'The backup is old', concluded: '', holds: '', remedy: '', sources: [], says: [/stale/g] } as const;
  const more: Book = { checks: [...checks, own], entries: [...entries, entry] };
  for (const _ of [1, 2]) expect(lookUp(more, 'stale').found.map(nameOf)).toEqual(['REX-41']);
  expect(checksNamed(more, 'rex 41')).toEqual([own]);
  expect(checksNamed(more, 'rex/rex-41@here')).toEqual([own]);
  expect(checksNamed(more, 'REX-99')).toEqual([]);
});

test('each entry is found by each of its own patterns, and each check by its title', () => {
  for (const { id, says } of entries) expect(says.length, id).toBeGreaterThan(0);
  for (const { id, title } of checks) expect(found(title), title).toContain(id);
});

const dir = mkdtempSync(join(tmpdir(), 'fabric-explain-'));
afterAll(() => rmSync(dir, { recursive: true }));
/** Without any program in PATH: nothing is asked of anybody. */
const fabric = async (args: readonly string[], { input = '', cwd = dir }: { readonly input?: string; readonly cwd?: string } = {}) => {
  const { exitCode, stdout, stderr } = await execa(process.execPath, [join(import.meta.dirname, '../bin/fabric.js'), ...args], {
    cwd,
    reject: false,
    input,
    env: { HOME: dir, PATH: '/nowhere' },
    extendEnv: false,
  });
  return { code: exitCode, out: stdout, err: stderr };
};

test('a check, without a fabric.yaml: story, questions, how it decides, and its incident as it would be found today', async () => {
  const { code, out, err } = await fabric(['explain', 'litellm/env-private']);
  expect([code, err]).toEqual([0, '']);
  const order = [
    'story',
    'looks at (by the fabric.yaml of its incident)',
    'env/flux/apps/litellm/.env at akira, as root, given [secret fabric/run-key]',
    'decides',
    'its incident, replayed',
    '✗ litellm/env-private@akira',
    'saw   ',
    'want  0600 root:root',
    'do    ',
    '✓ after: passes',
    'sources',
  ];
  const places = order.map((text) => out.indexOf(text));
  expect(places, order.join('\n')).not.toContain(-1);
  expect(places).toEqual(places.toSorted((a, b) => a - b));
});

test('a port of an IPv6 address is told from it', async () => {
  const { out } = await fabric(['explain', 'caddy/http3']);
  expect(out).toMatch(/also red on before-ipv6: from gaijin, \[2001:db8:1::14\]:443\/udp: /);
});

test('every check can be told so, with a finding that says saw, want and do', async () => {
  const { out } = await fabric(['explain', checks[0]?.id ?? '', '--format', 'json']);
  expect(JSON.parse(out)).toMatchObject({
    schema: 'fabric.explain/1',
    entry: null,
    check: { id: checks[0]?.id, by: 'its incident', replays: [{ moment: 'before' }, { moment: 'after' }] },
  });
  const { check } = JSON.parse(out);
  expect(check.asks[0]).toEqual({ vantage: 'akira', key: expect.any(String), root: false, script: expect.any(String), stdin: null });
  expect(check.replays[0].results[0].findings[0]).toMatchObject({
    severity: 'fail',
    saw: expect.any(String),
    want: expect.any(String),
    advice: expect.any(String),
  });
});

test('with a fabric.yaml: its own hosts, and what was accepted there', async () => {
  const accepted = 'accept:\n  - { check: litellm/exposure, subject: motoko, reason: behind a wall, until: 2030-01-01 }\n';
  writeFileSync(join(dir, 'own.yaml'), `${FABRIC.replaceAll('akira:', 'motoko:').replaceAll('host: akira', 'host: motoko')}${accepted}`);
  const { out } = await fabric(['explain', 'litellm/exposure', '--config', 'own.yaml']);
  expect(out).toContain('looks at\n    firewall/runtime at motoko, as root');
  expect(out).toContain('accepted\n    motoko until 2030-01-01: behind a wall');
});

test('a fabric.yaml that is broken is no reason to explain nothing, unless it was named', async () => {
  writeFileSync(join(dir, 'fabric.yaml'), 'hosts: 1\n');
  const { code, out, err } = await fabric(['explain', 'REX-36']);
  expect([code, out.startsWith('REX-36  '), err]).toEqual([0, true, expect.stringContaining('explained without it')]);
  expect((await fabric(['explain', 'REX-36', '--config', 'fabric.yaml'])).code).toBe(2);
  rmSync(join(dir, 'fabric.yaml'));
});

test('an entry: what was concluded, what holds, the remedy, its checks', async () => {
  const { code, out } = await fabric(['explain', '-'], { input: '2026-11-25 Error: unrecognized directive: 200\n' });
  expect([code, out]).toEqual([
    0,
    expect.stringMatching(/^REX-35 {2}[\s\S]*what was concluded[\s\S]*what holds[\s\S]*remedy[\s\S]*checks\n {4}caddy\/caddyfile /),
  ]);
  expect((await fabric(['rex', 'show', 'rex', '35'])).out).toBe(out);
});

test('several ids are told one after the other, each once', async () => {
  const { code, out } = await fabric(['explain', 'REX-36', 'disk', 'host/disk', '37']);
  expect([code, [...out.matchAll(/^(\S+) {2}\S/gm)].map(([, id]) => id)]).toEqual([0, ['REX-36', 'host/disk', 'REX-37']]);
});

test('several are listed; none is exit 1 with the nearest; nothing at all is a mistake', async () => {
  const several = await fabric(['explain', 'litellm', 'keeps', 'restarting']);
  expect([several.code, several.out]).toEqual([0, expect.stringMatching(/^5 may be meant:\n {2}litellm\/unit-active +The unit runs/)]);
  expect(await fabric(['explain', '\u001b[2Jzzz'])).toEqual({
    code: 1,
    out: '',
    err: expect.stringMatching(/^fabric: nothing is known about [^\u001b]*\n {2}→ nearest: /),
  });
  expect(await fabric(['explain', '-'], { input: ' \n' })).toMatchObject({ code: 2, out: '' });
  const { code, out } = await fabric(['explain', 'zzz', '--format', 'json']);
  expect([code, JSON.parse(out)]).toEqual([1, { schema: 'fabric.explain/1', found: [], entry: null, check: null }]);
});

test('whoever reads may stop reading: no stack', async () => {
  const { stdout, stderr } = await execa(
    'sh',
    ['-c', `"${process.execPath}" "${join(import.meta.dirname, '../bin/fabric.js')}" explain litellm/exposure | :; echo end`],
    { cwd: dir, env: { HOME: dir } },
  );
  expect([stdout, stderr]).toEqual(['end', '']);
});
