// `fabric doctor dns`: a name layer by layer, what changed, and what the command line may say. What it finds: test/e2e/dns.test.ts.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Chalk } from 'chalk';
import { execa } from 'execa';
import { afterAll, expect, test } from 'vitest';
import { trailChanges, trailJson, trailTable } from '../src/report/trail.ts';
import { divergence, type Layer, type Trail } from '../src/trail.ts';
import { SAMPLE } from './sample.ts';

const dir = mkdtempSync(join(tmpdir(), 'fabric-dns-'));
afterAll(() => rmSync(dir, { recursive: true }));

const layer = (layer: Layer['layer'], who: string, is: Layer['is'], says: string, milliseconds: number | null = null): Layer => ({
  layer,
  who,
  says,
  is,
  milliseconds,
});
const trail = (os: Layer): Trail => ({
  name: 'mayi.example.net',
  at: 'motoko',
  wanted: ['100.64.0.14'],
  layers: [
    layer('headscale', 'Headscale’s files', 'aside', '100.64.0.14; clients with split DNS are not told to ask for it'),
    layer('tailnet resolver', '100.100.100.100', 'right', '100.64.0.14 (its own record, TTL 600)', 3),
    os,
    layer('public', 'public (9.9.9.9)', 'aside', '203.0.113.14', 20),
  ],
});
const wrong = layer('operating system', 'applications on motoko', 'wrong', '203.0.113.14');
const right = layer('operating system', 'applications on motoko', 'right', '100.64.0.14');

test('a table of layers, and the first that diverges', () => {
  expect(trailTable([trail(wrong)], new Chalk({ level: 0 }))).toBe(
    [
      'mayi.example.net should be 100.64.0.14 for motoko',
      '  · Headscale’s files       100.64.0.14; clients with split DNS are not told to ask for it',
      '  ✔ 100.100.100.100         100.64.0.14 (its own record, TTL 600) 3 ms',
      '  ✖ applications on motoko  203.0.113.14  ← diverges here first',
      '  · public (9.9.9.9)        203.0.113.14 20 ms',
      '',
    ].join('\n'),
  );
  expect(divergence(trail(right))).toBeUndefined();
  expect(trailJson([trail(wrong)])).toMatchObject([
    { name: 'mayi.example.net', at: 'motoko', divergence: 'operating system', layers: [{}, { milliseconds: 3 }, {}, {}] },
  ]);
  expect(trailTable([trail({ ...wrong, says: '\u001b[2Jgone' })], new Chalk({ level: 0 }))).toContain('\\x1b[2Jgone');
});

test('a machine that could not be asked anything is told of once', () => {
  const lost = 'not known: unreachable (motoko: connection refused)';
  const deaf = {
    ...trail(wrong),
    layers: trail(wrong).layers.map((one) =>
      one.layer === 'headscale' ? one : { ...one, is: 'unknown' as const, says: lost, milliseconds: null },
    ),
  };
  const table = trailTable([deaf], new Chalk({ level: 0 }));
  expect(table.split('\n').map((line) => line.replaceAll(/ {2,}/g, '  '))).toEqual([
    'mayi.example.net should be 100.64.0.14 for motoko',
    expect.stringContaining('· Headscale’s files'),
    `  ? motoko  ${lost}`,
    '',
  ]);
});

test('changes: what is otherwise, with its latency; neither a TTL that counts down nor another latency', () => {
  const before = [trail(wrong)];
  expect(trailChanges(before, before)).toEqual([]);
  const [, , os, outside] = trail(right).layers;
  const now: Trail = {
    ...trail(right),
    layers: [
      ...trail(right).layers.slice(0, 1),
      layer('tailnet resolver', '100.100.100.100', 'right', '100.64.0.14 (its own record, TTL 540)', 9),
      ...(os ? [os] : []),
      ...(outside ? [{ ...outside, says: '203.0.113.15' }] : []),
    ],
  };
  expect(trailChanges(before, [now])).toEqual([
    '✔ mayi.example.net for motoko: applications on motoko: 203.0.113.14 → 100.64.0.14',
    '· mayi.example.net for motoko: public (9.9.9.9): 203.0.113.14 → 203.0.113.15 (20 ms)',
  ]);
});

const DNS = 'dns:\n  names: { mayi.example.invalid: 100.64.0.14, n8n.example.invalid: 100.64.0.14 }\n  public: 127.0.0.1\n';
const fabric = async (args: readonly string[], more = DNS) => {
  const file = join(dir, 'fabric.yaml');
  writeFileSync(
    file,
    `${SAMPLE.replace('  range: 100.64.0.0/10', '  range: 100.64.0.0/10\n  resolver: 127.0.0.1\n  resolver6: "::1"')}${more}`,
  );
  const { exitCode, stdout, stderr } = await execa(
    process.execPath,
    [join(import.meta.dirname, '../bin/fabric.js'), 'doctor', ...args, '--config', file],
    {
      reject: false,
      stdin: 'ignore',
      env: { HOME: dir, PATH: process.env['PATH'], XDG_STATE_HOME: dir },
      extendEnv: false,
    },
  );
  return { code: exitCode, out: stdout, err: stderr };
};

test.each<readonly [string, readonly string[], string]>([
  ['a name that is not declared', ['dns', 'maji.example.invalid'], 'maji.example.invalid: not under dns.names of'],
  ['a place that is no host', ['dns', '--at', 'motoko'], '--at motoko: no host of'],
  ['names of another subject', ['litellm', 'mayi.example.invalid'], 'mayi.example.invalid: of DNS alone'],
  ['--watch of everything', ['--watch'], '--watch: of DNS alone'],
  ['--watch as JSON', ['dns', '--watch', '--format', 'json'], '--watch prints lines, and not JSON'],
  [
    'a recording of some names',
    ['dns', 'mayi.example.invalid', '--record', '/tmp/none'],
    '--record keeps what the whole file asks, and mayi.example.invalid asks less',
  ],
])('%s: exit 2', async (_, args, message) => {
  expect(await fabric(args)).toMatchObject({ code: 2, out: '', err: expect.stringContaining(message) });
});
test('no names declared: exit 2 for a name, and nothing to judge otherwise', async () => {
  expect(await fabric(['dns', 'a.example'], '')).toMatchObject({ code: 2, err: expect.stringContaining('declares no names') });
  expect((await fabric(['dns'], '')).code).toBe(0);
});

test('from here, where nobody answers: what is not known is said, one name is asked for, and JSON has the layers', async () => {
  const { code, out, err } = await fabric(['dns', 'MayI.example.invalid.', '--at', 'here', '--format', 'json']);
  const report: { names: { name: string; layers: { layer: string; says: string }[] }[] } = JSON.parse(out);
  expect([code, err]).toEqual([1, '']);
  expect(report.names.map(({ name }) => name)).toEqual(['mayi.example.invalid']);
  expect(report.names[0]?.layers.find(({ layer: one }) => one === 'tailnet resolver')?.says).toMatch(/^silence \(connection refused\)/);
});
