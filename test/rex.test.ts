// `fabric rex`: the proof of a check (pure, on checks that are not proven), the document's headings, and the commands as a user types them.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { asDeclared, type Case, type Check, defineCheck } from '../src/check.ts';
import { checks } from '../src/checks/index.ts';
import { readRecordings, recordingsFolder } from '../src/commands/recordings.ts';
import { headings } from '../src/coverage.ts';
import { type Answer, isLost, type Lost, type Probe, succeeded } from '../src/evidence.ts';
import { needsOf } from '../src/examine.ts';
import { alterations, type Moment, prove, type Recorded } from '../src/prove.ts';
import { questionMark } from '../src/wire.ts';
import { answersOf, playback } from './playback.ts';
import { sample } from './sample.ts';

const said = (out: string, code = 0): Answer => ({ code, out, err: '' });
const asks = (key: string): Probe<string> => ({ key, question: { at: 'akira', via: 'sh', script: `ask ${key}` }, read: succeeded });
const check = (
  judge: Case['judge'],
  { spared = {}, keys = ['door'] }: { readonly spared?: Record<string, string>; readonly keys?: readonly string[] } = {},
): Check =>
  defineCheck({
    id: 'host/door',
    title: 'The door is shut',
    story: '',
    decides: '',
    ...(Object.keys(spared).length === 0 ? {} : { spared }),
    each: () => [{ subject: 'akira', needs: keys.map(asks), judge }],
  });
const finding = { severity: 'fail', saw: 'open', want: 'shut', advice: 'shut it' } as const;
/** What was answered, under the marks of today's questions. */
const recorded = (moment: Moment, answers: Readonly<Record<string, Answer | Lost>>, script = 'ask'): Recorded => ({
  moment,
  fabric: sample,
  vantages: [
    {
      evidence: { vantage: 'akira', at: 0, answers: new Map(Object.entries(answers)) },
      marks: new Map(Object.keys(answers).map((key) => [key, questionMark({ at: 'akira', via: 'sh', script: `${script} ${key}` })])),
    },
  ],
});
const BOTH = [recorded('before', { door: said('open'), lamp: said('on') }), recorded('after', { door: said('shut'), lamp: said('on') })];
const good: Case['judge'] = ({ know }) => (know(asks('door')) === 'shut' ? [] : [finding]);

test('a check that is red, green, and moved by its fact is proven', () => {
  expect(prove(check(good), BOTH, new Map())).toMatchObject({
    red: [true],
    green: [true],
    facts: 1,
    survivors: [],
    explained: [],
    problems: [],
  });
});

const silent: Case['judge'] = ({ know }) => (know(asks('door')) === 'nonsense' ? [finding] : []);
const blind: Case['judge'] = ({ maybe }) => (maybe(asks('door')) === 'shut' ? [] : [finding]);
const dead = { keys: ['door', 'lamp'] };
const UNPROVEN: readonly (readonly [title: string, check: Check, recorded: readonly Recorded[], problems: readonly string[]])[] = [
  ['no recordings', check(good), [], ['it has no recording of its incident: before/', 'it has no recording of the fix: after/']],
  [
    'finds nothing in its incident',
    check(silent),
    BOTH,
    ['before: it finds nothing: host/door@akira pass', 'no alteration of door at akira turns its verdict'],
  ],
  [
    'one of two incidents is passed over',
    check(good),
    [...BOTH, recorded('before-again', { door: said('shut') })],
    ['before-again: it finds nothing: host/door@akira pass'],
  ],
  [
    'does not pass after the fix',
    check(good),
    [...BOTH, recorded('after-too', { door: said('ajar') })],
    ['after-too: it does not pass: host/door@akira fail'],
  ],
  [
    'fails where nothing was answered',
    check(blind),
    BOTH,
    ['before: host/door@akira: fail although nothing was answered', 'after: host/door@akira: fail although nothing was answered'],
  ],
  ['asks what decides nothing', check(good, dead), BOTH, ['no alteration of lamp at akira turns its verdict']],
  [
    'a verdict that only a loss would turn',
    check((facts) => (facts.know(asks('lamp')) === null ? [] : good(facts)), dead),
    BOTH,
    ['no alteration of lamp at akira turns its verdict'],
  ],
  ['spares what does decide', check(good, { spared: { 'do*': 'x' } }), BOTH, ['spared names do*, which is no survivor: take it out']],
  ['spares what it does not ask', check(good, { spared: { lamp: 'x' } }), BOTH, ['spared names lamp, which is no survivor: take it out']],
  [
    'was asked in other words',
    check(good),
    [...BOTH, recorded('after-old', { door: said('shut') }, 'asked')],
    [
      'after-old: it does not pass: host/door@akira unknown (it was asked differently at akira, by another version of fabric or for another fabric.yaml)',
      'after-old: door is not recorded as it is asked today: record it again',
    ],
  ],
];
test.each(UNPROVEN)('not proven: %s', (_, one, recordings, problems) => {
  expect(prove(one, recordings, new Map()).problems).toEqual(problems);
});

test('what only decorates is named in spared, by key or with a star, and is listed as explained', () => {
  for (const pattern of ['lamp', 'la*', '*p'])
    expect(prove(check(good, { ...dead, spared: { [pattern]: 'for the eye' } }), BOTH, new Map())).toMatchObject({
      facts: 2,
      survivors: [],
      explained: [{ vantage: 'akira', key: 'lamp', why: 'for the eye' }],
      problems: [],
    });
});

test('what was accepted in the fabric.yaml of a recording is a finding all the same', () => {
  const accept = [{ check: 'host/door', reason: 'draught', until: '2999-01-01' }];
  expect(
    prove(
      check(good),
      BOTH.map((one) => ({ ...one, fabric: { ...sample, accept } })),
      new Map(),
    ).problems,
  ).toEqual([]);
});

test('recordings: fabric’s own stand in its package, a user’s beside fabric.yaml', () => {
  expect(recordingsFolder('litellm/readiness', sample)).toBe(join(import.meta.dirname, '../fixtures/litellm/readiness'));
  expect(recordingsFolder('rex/REX-41', sample)).toBe('/etc/fabric/rex/REX-41');
  expect(readRecordings('/etc/fabric/rex/REX-41')).toEqual([]);
});

test('a warning is red as well', () => {
  const warns: Case['judge'] = (facts) => good(facts).map(() => ({ ...finding, severity: 'warn' as const }));
  expect(prove(check(warns), BOTH, new Map()).problems).toEqual([]);
});

test('alterations: what was really said comes first; then codes, lines, numbers and words', () => {
  const all = [...alterations(said('Up=yes\nport 4000'), [said('Up=maybe')])];
  expect(all[0]).toEqual(said('Up=maybe'));
  expect(all).toContainEqual(said('Up=yes\nport 4000', 7));
  for (const out of ['', 'port 4000', 'Up=yes', 'Up=no\nport 4000', 'Up=yes\nport 4001', 'Up=yes\nportx 4000'])
    expect(all.map((one) => one.out)).toContain(out);
});

// Checks that ask several things, made deaf to one of them: the question goes on being asked, and what is heard is what was said in its
// `before`. The proof must notice.
const SEVERAL = ['litellm/access', 'litellm/image-moved', 'litellm/host-network'];
test.each(SEVERAL)('%s would not be proven if it stopped looking at any of its facts', (id) => {
  const one = checks.find((each) => each.id === id);
  const recordings = readRecordings(join(import.meta.dirname, '../fixtures', id));
  if (!one) throw new Error(`there is no ${id}`);
  const keys = new Set(recordings.flatMap(({ fabric }) => needsOf(fabric, [one], asDeclared).map(({ key }) => key)));
  const unnoticed = [...keys].filter((key) => {
    const then = recordings
      .flatMap(({ vantages }) => vantages.flatMap(({ evidence }) => evidence.answers.get(key) ?? []))
      .find((answer) => !isLost(answer));
    const heard = <T>(probe: Probe<T>, value: T): T => (probe.key === key && then && !isLost(then) ? probe.read(then, 0) : value);
    const deaf: Check = {
      ...one,
      each: (fabric, options) =>
        one.each(fabric, options).map((item) => ({
          ...item,
          judge: ({ know, maybe }) =>
            item.judge({
              know: (probe) => heard(probe, know(probe)),
              maybe: (probe) => {
                const value = maybe(probe);
                return isLost(value) ? value : heard(probe, value);
              },
            }),
        })),
    };
    return prove(deaf, recordings, new Map()).problems.length === 0;
  });
  expect([keys.size > 1, unnoticed]).toEqual([true, []]);
});

describe('headings of a document', () => {
  const FRENCH = `# Retour d’expérience : REX-33 à REX-38

Session du 12 mars.

### REX-33 — Un nom se résout en adresse publique
### REX‑34 – Sites injoignables avec l’ACL du VPN
## REX 35 : Caddy redémarre en boucle (\`unrecognized directive: 200\`)
\`\`\`markdown
### REX-99 — un exemple
\`\`\`
#### **REX-36** — 1 488 appels d’un modèle payant en 16 h, 11,64 $
### [REX-37](#rex-37) — « Context overflow » et 402
### Rex-38 — n8n journalise ERR_ERL_UNEXPECTED_X_FORWARDED_FOR
### REX-36 — suite
### Leçons de REX-36
### REX-39 — une panne de demain
`;
  test('in French', () => {
    expect(headings(FRENCH)).toEqual([
      { id: 'REX-33', title: 'Un nom se résout en adresse publique', line: 5 },
      { id: 'REX-34', title: 'Sites injoignables avec l’ACL du VPN', line: 6 },
      { id: 'REX-35', title: 'Caddy redémarre en boucle (unrecognized directive: 200)', line: 7 },
      { id: 'REX-36', title: '1 488 appels d’un modèle payant en 16 h, 11,64 $', line: 11 },
      { id: 'REX-37', title: '« Context overflow » et 402', line: 12 },
      {
        id: 'REX-38',
        title: 'n8n journalise ERR_ERL_UNEXPECTED_X_FORWARDED_FOR',
        line: 13,
      },
      { id: 'REX-39', title: 'une panne de demain', line: 16 },
    ]);
  });
  test('in English, with Windows line ends', () => {
    const text =
      '## REX-36: a model is called every 38 s\r\n\r\n~~~\r\n## REX-1 no\r\n~~~\r\n1. REX-37 no heading\r\n### 2. REX-37 - 402 fewer max_tokens ###\r\n##### REX38\r\n';
    expect(headings(text)).toEqual([
      { id: 'REX-36', title: 'a model is called every 38 s', line: 1 },
      { id: 'REX-37', title: '402 fewer max_tokens', line: 7 },
      { id: 'REX-38', title: '', line: 8 },
    ]);
  });

  const { dir, run, says, config } = playback();

  test('rex coverage: which have a check; exit 1 where one has none, 2 where there are none', async () => {
    writeFileSync(join(dir, 'rex.md'), FRENCH);
    const { code, out } = await run(['rex', 'coverage', 'rex.md']);
    expect(out).toMatch(/^- REX-39 {2}no check yet {2}une panne de demain/m);
    expect([code, out]).toEqual([1, expect.stringMatching(/\n\d of 7 have a check\n$/)]);
    const { out: json } = await run(['rex', 'coverage', 'rex.md', '--format', 'json']);
    expect(JSON.parse(json)).toMatchObject({
      schema: 'fabric.rex-coverage/1',
      entries: expect.arrayContaining([{ id: 'REX-39', title: expect.any(String), line: 16, checks: [] }]),
    });
    writeFileSync(join(dir, 'none.md'), '# Notes\n');
    expect(await run(['rex', 'coverage', 'none.md'])).toMatchObject({ code: 2, err: expect.stringContaining('### REX-36') });
    expect(await run(['rex', 'coverage', 'nowhere.md'])).toMatchObject({ code: 2, err: expect.stringContaining('nowhere.md') });
    expect(await run(['rex', 'coverage', '.'])).toMatchObject({ code: 2, err: expect.stringContaining('cannot read .: it is a folder') });
  });

  test('rex list: entries by number, then checks; in columns, and as JSON', async () => {
    const { code, out } = await run(['rex', 'list']);
    const lines = out.trimEnd().split('\n');
    expect([code, lines[0]]).toEqual([0, expect.stringMatching(/^id +last run +last fired +times {2}title$/)]);
    expect(out).toMatch(/^REX-36 .* 1,488 calls/m);
    const column = lines[0]?.indexOf('title') ?? 0;
    expect(lines.slice(1).filter((line) => !/ {2}$/.test(line.slice(0, column)))).toEqual([]);
    const { rows } = JSON.parse((await run(['rex', 'list', '--format', 'json'])).out);
    for (const { id } of checks) expect(rows.map((row: { readonly id: string }) => row.id)).toContain(id);
  });

  test('rex run asks exactly what it names, and keeps a recording that rex test can read', async () => {
    says(answersOf('litellm/env-private/before'));
    const { code, out } = await run(['rex', 'run', 'litellm/env-private', 'litellm/readiness@akira', '--record', 'kept/before']);
    expect([code, out]).toEqual([1, expect.stringMatching(/1 fail, 1 pass\n$/)]);
    expect(readFileSync(join(dir, 'kept/before/akira.evidence'), 'utf8').match(/^= /gm)?.length).toBe(3);
    expect(readRecordings(join(dir, 'kept')).map(({ moment }) => moment)).toEqual(['before']);
    expect(await run(['rex', 'run', 'litellm/redines'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('nearest: litellm/readiness'),
    });
    expect(await run(['rex', 'run', 'litellm/front'])).toMatchObject({ code: 2, err: expect.stringContaining('has nothing to ask') });
  });

  test('rex test: a line a check and a sum; exit 0 where all are proven', async () => {
    const { code, out } = await run(['rex', 'test'], { PATH: '/nowhere' });
    expect([code, out]).toEqual([
      0,
      expect.stringMatching(
        /\n\d+ checks: 100 % red on their incident, 100 % green on the fix, \d+ facts altered, 0 survivors \(\d+ explained\)\n$/,
      ),
    ]);
    expect(out.match(/^✓ /gm)?.length).toBe(checks.length);
    const one = await run(['rex', 'test', 'litellm/readiness', '--format', 'json']);
    expect(JSON.parse(one.out)).toMatchObject({
      schema: 'fabric.rex-test/1',
      checks: [{ id: 'litellm/readiness', proven: true, red: [true], green: [true], facts: 1 }],
    });
  }, 120_000); // it proves every check

  test('a user’s own entry: not proven without recordings, then recorded, proven, explained and counted', async () => {
    mkdirSync(join(dir, 'rex'));
    const ask =
      'ask:\n  file: /etc/marker\nexpect:\n  contains: done\nseverity: warn\nadvice: Look at its timer.\nerrors: ["repository is locked"]\n';
    writeFileSync(
      join(dir, 'rex/REX-41.md'),
      `# REX-41: the backup is old\n\nNobody noticed.\n\n\`\`\`yaml fabric-check\ntitle: The backup is fresh\nat: akira\n${ask}\`\`\`\n`,
    );
    expect(await run(['rex', 'test', 'rex 41'])).toEqual({
      code: 0,
      out: expect.stringMatching(/^- rex\/REX-41 {2}not proven: no recordings in rex\/REX-41\/before and rex\/REX-41\/after\n$/),
      err: '',
    });
    says(new Map([['file/etc/marker', said('absent')]]));
    expect((await run(['rex', 'run', '41', '--record', 'rex/REX-41/before'])).out).toMatch(/\n1 warn\n$/);
    says(new Map([['file/etc/marker', said(`644 root:root ${'0'.repeat(64)}\ndone`)]]));
    expect((await run(['rex', 'run', 'rex/REX-41', '--record', 'rex/REX-41/after'])).out).toBe('1 pass\n');
    expect(await run(['rex', 'test', 'REX-41'])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^✓ rex\/REX-41 {2}1 red, 1 green, 1 fact\n1 check: 100 % red/),
    });
    const { out } = await run(['explain', 'rex/REX-41']);
    expect([out.match(/Nobody noticed/g)?.length, out.includes('✓ after: passes')]).toEqual([1, true]);
    expect((await run(['explain', 'Fatal: repository  is locked by PID 3'])).out).toMatch(/^REX-41 {2}The backup is fresh/);
    expect((await run(['rex', 'list'])).out).toMatch(/^REX-41 .* 1 {2}The backup is fresh\n {2}rex\/REX-41 .* 1 {2}The backup is fresh$/m);
  });

  test('rex test: a package whose recordings were swapped is found out: exit 1', async () => {
    const root = join(dir, 'package');
    mkdirSync(root);
    for (const name of ['bin', 'dist', 'package.json', 'fixtures'])
      cpSync(join(import.meta.dirname, '..', name), join(root, name), { recursive: true });
    const folder = join(root, 'fixtures/litellm/readiness');
    rmSync(join(folder, 'before'), { recursive: true });
    cpSync(join(folder, 'after'), join(folder, 'before'), { recursive: true });
    expect(readdirSync(folder).toSorted()).toEqual(['after', 'before']);
    const { execa } = await import('execa');
    const { exitCode, stdout } = await execa(
      process.execPath,
      [join(root, 'bin/fabric.js'), 'rex', 'test', 'litellm/readiness', '--config', config],
      { reject: false },
    );
    expect([exitCode, stdout]).toEqual([1, expect.stringContaining('before: it finds nothing: litellm/readiness@akira pass')]);
    expect(stdout).toContain('1 check: 0 % red on their incident, 100 % green on the fix');
  });
});
