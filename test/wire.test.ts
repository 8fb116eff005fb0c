// The script that asks, run by a real shell; sudo is a stand-in here (test/e2e has the real one).
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type Answer, type Evidence, facts, type Lost, type Probe, type Question, type Script, succeeded } from '../src/evidence.ts';
import { collect, type World } from '../src/hosts/collect.ts';
import { Secret } from '../src/secret.ts';
import { decode, encode, LIMIT, marks, questionMark } from '../src/wire.ts';
import { sample } from './sample.ts';

const bin = mkdtempSync(join(tmpdir(), 'fabric-bin-'));
afterAll(() => rmSync(bin, { recursive: true }));
writeFileSync(
  join(bin, 'sudo'),
  '#!/bin/sh\n[ "$1" = -n ] || exit 9\nshift\n[ -e "${0%/*}/refuse" ] && { echo "sudo: a password is required" >&2; exit 1; }\nAS_ROOT=1 exec "$@"\n',
);
chmodSync(join(bin, 'sudo'), 0o755);

const NASTY = `k'"$(touch pwned)\\ü%s CANARY`;
const sightings: string[] = [];
/** Runs the script as a host would, and looks into every process's argv and environment meanwhile. */
const exec =
  (log: string[]) =>
  (command: string, stdin: string): Promise<Answer | Lost> =>
    new Promise((resolve) => {
      log.push(command);
      const child = spawn('sh', ['-c', command], { env: { ...process.env, PATH: `${bin}:${process.env['PATH'] ?? ''}` } });
      let out = '';
      let err = '';
      const watch = setInterval(() => {
        for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
          for (const part of ['cmdline', 'environ']) {
            try {
              if (readFileSync(`/proc/${pid}/${part}`, 'utf8').includes('CANARY')) sightings.push(`${pid} ${part}`);
            } catch {
              // it ended while we looked
            }
          }
        }
      }, 5);
      child.stdout.on('data', (chunk) => (out += String(chunk)));
      child.stderr.on('data', (chunk) => (err += String(chunk)));
      child.on('close', (code) => {
        clearInterval(watch);
        resolve({ code: code ?? -1, out, err });
      });
      child.stdin.end(stdin);
    });

const world = (log: string[], fabric = sample): World => ({
  fabric,
  keyring: new Map([['MASTER', new Secret('MASTER', NASTY)]]),
  connector: async () => ({ exec: exec(log), close: async () => {} }),
  now: () => 1,
});
const raw = (key: string, script: string, more: Partial<Script> = {}): Probe<string> => ({
  key,
  question: { at: 'akira', via: 'sh', script, ...more },
  read: succeeded,
});

test('any number of questions, with and without sudo: one exec, no secret in argv, no answer imitates another', async () => {
  const log: string[] = [];
  const probes = [
    raw('plain', 'echo "[$AS_ROOT]"'),
    raw('root', 'echo "[$AS_ROOT]"', { sudo: true }),
    raw('secret', 'cat | wc -c; sleep 0.2', { stdin: [{ secret: 'MASTER' }] }),
    raw('secret-as-root', 'cat; sleep 0.2', { stdin: [{ secret: 'MASTER' }], sudo: true }),
    raw('huge', `head -c ${LIMIT + 1} /dev/zero | tr '\\0' x`),
    raw('just-fits', `head -c ${LIMIT} /dev/zero | tr '\\0' x`),
    raw('imitates', `printf '= plain 0\\n| x\\n. end'`),
    raw('eats', 'cat; echo left'),
    raw('fails', 'echo complaint >&2; exit 3'),
    raw('slow', 'sleep 5', { seconds: 1 }),
    ...Array.from({ length: 60 }, (_, n) => raw(`many/${n}`, `echo ${n}`)),
  ];
  const evidence = await collect(probes, world(log));
  const { maybe } = facts(evidence, probes);
  const at = (key: string): unknown => probes.filter((one) => one.key === key).map(maybe)[0];
  expect(log).toEqual(['sh -s']);
  expect(at('plain')).toBe('[]');
  expect(at('root')).toBe('[1]');
  expect(at('secret')).toContain(String(Buffer.byteLength(NASTY)));
  expect(at('secret-as-root')).toBe('[secret MASTER]'); // it went there whole, and came back redacted
  expect(at('huge')).toMatchObject({ lost: 'unreadable', why: expect.stringContaining('longer than') });
  expect(String(at('just-fits')).length).toBe(LIMIT);
  expect(at('imitates')).toBe('= plain 0\n| x\n. end');
  expect(at('eats')).toBe('left');
  expect(at('fails')).toMatchObject({ lost: 'unreadable', why: expect.stringContaining('exit 3: complaint') });
  expect(at('slow')).toMatchObject({ lost: 'timeout' });
  expect(at('many/59')).toBe('59');
  expect(sightings).toEqual([]);
  expect(readdirSync('.')).not.toContain('pwned');
});

test('no sudo: only the questions that need it are lost, as a login; as root nobody needs it', async () => {
  writeFileSync(join(bin, 'refuse'), '');
  const probes = [raw('plain', 'echo ok'), raw('root', 'echo as root', { sudo: true })];
  const refused = facts(await collect(probes, world([])), probes);
  const akira = sample.hosts.get('akira');
  const rooted = { ...sample, hosts: new Map(akira ? [['akira', { ...akira, become: 'none' as const }]] : []) };
  const root = facts(await collect(probes, world([], rooted)), probes);
  rmSync(join(bin, 'refuse'));
  expect(probes.map(refused.maybe)).toEqual([
    'ok',
    { lost: 'login', why: expect.stringMatching(/^sudo: a password is required: --ask-become-pass /) },
  ]);
  expect(probes.map(root.maybe)).toEqual(['ok', 'as root']);
});

test('an unreachable host, and one that says something else, are evidence: every answer is lost with the reason', async () => {
  const probes = [raw('a', 'true'), raw('b', 'true', { sudo: true })];
  const lost: Lost = { lost: 'unreachable', why: 'akira: timed out' };
  const gone = await collect(probes, { ...world([]), connector: async () => ({ exec: async () => lost, close: async () => {} }) });
  expect(probes.map(facts(gone, probes).maybe)).toEqual([lost, lost]);
  const babble = await collect(probes, {
    ...world([]),
    connector: async () => ({ exec: async () => ({ code: 0, out: 'This account is not available.\n', err: '' }), close: async () => {} }),
  });
  expect(probes.map(facts(babble, probes).maybe)[0]).toMatchObject({
    lost: 'unreadable',
    why: expect.stringContaining('This account is not available'),
  });
});

test.each([
  ['two questions under one key', [raw('a', 'true'), raw('a', 'false')], 'two questions share the key a'],
  ['white space in a key', [raw('a b', 'true')], 'white space in the key'],
])('%s is a bug', async (_, probes, message) => {
  await expect(collect(probes, world([]))).rejects.toThrow(message);
});

const evidence: Evidence = {
  vantage: 'akira',
  at: 1_771_400_000,
  answers: new Map<string, Answer | Lost>([
    ['a', { code: 0, out: 'one\n\n= not a header\n. end', err: 'w' }],
    ['b', { code: 3, out: '', err: '' }],
    ['c', { lost: 'login', why: 'sudo: no' }],
  ]),
};

test('what is encoded is decoded, whatever it holds, and notes the questions', () => {
  const question: Question = { at: 'akira', via: 'sh', script: 'x' };
  const text = encode(evidence, new Map([['a', question]]));
  expect(decode(text)).toEqual(evidence);
  expect(marks(text)).toEqual(new Map([['a', questionMark(question)]]));
});

test.each([
  ['another text', 'hello', 'not an evidence stream'],
  ['nothing', '', 'not an evidence stream'],
  ['a stream without its end', encode(evidence, new Map()).replace(/\. end\n$/, ''), 'cut short after "c"'],
])('%s is an error, not an empty answer', (_, text, message) => {
  expect(() => decode(text)).toThrow(message);
});
