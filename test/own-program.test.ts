// The program with a folder `rex/` beside fabric.yaml: entries and modules, red and green; what is refused; docs/own-entries.md, whose
// examples all are what it says.
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeEach, expect, test, vi } from 'vitest';
import { asDeclared, isOwn } from '../src/check.ts';
import { entries } from '../src/checks/entries.ts';
import { readBook } from '../src/commands/book.ts';
import { filesOf } from '../src/commands/own-files.ts';
import { recordingsFolder } from '../src/commands/recordings.ts';
import { Refusal } from '../src/errors.ts';
import { examine, needsOf } from '../src/examine.ts';
import { loadFabric } from '../src/fabric/find.ts';
import { checkOf } from '../src/own/check.ts';
import { parseEntry } from '../src/own/markdown.ts';
import { command } from '../src/probes/ask.ts';
import { recording, replay } from '../src/replay.ts';
import { answersOf, FABRIC, playback } from './playback.ts';
import { fabricOf } from './sample.ts';

vi.setConfig({ testTimeout: 60_000 }); // many processes, one after the other
const ROOT = join(import.meta.dirname, '..');
const PAGE = readFileSync(join(ROOT, 'docs/own-entries.md'), 'utf8');
const { dir, env, config, says, run } = playback();
const REX = join(dir, 'rex');
const put = (files: Readonly<Record<string, string>>): void => {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(REX, name), text);
};
beforeEach(() => {
  rmSync(REX, { recursive: true, force: true });
  mkdirSync(REX, { mode: 0o755 });
});

/** The blocks of the page with that mark: ```` ```js ````. */
const blocks = (mark: string): readonly string[] => {
  const found = [...PAGE.matchAll(/^(`{3,})(.*)\n([\s\S]*?)^\1$/gm)].filter(([, , info]) => info === mark).map(([, , , text = '']) => text);
  expect(found.length).toBeGreaterThan(0);
  return found;
};
const [ENTRY = ''] = blocks('markdown');
const [MODULE = ''] = blocks('js');
const TIMER = 'systemctl is-active certbot.timer';
/** The host says that of the timer, and is healthy otherwise. */
const timer = (out: string, code: number): void => says(new Map([...answersOf(), [command('akira', TIMER).key, { code, out, err: '' }]]));

test('the page’s entry: red where the host says so, as the page shows it; green when it is mended', async () => {
  put({ 'REX-41.md': ENTRY, 'README.md': '# About these' });
  timer('inactive', 3);
  const red = await run(['validate']);
  const [shown = ''] = blocks('console');
  expect(`$ fabric validate\n${red.out.slice(0, red.out.lastIndexOf('1 fail'))}`).toBe(shown);
  expect([red.code, red.err]).toEqual([1, '']);
  timer('active', 0);
  const green = await run(['validate', '--verbose']);
  expect(green.out).toContain('✓ rex/REX-41@akira  The certificate is renewed by itself\n');
  expect([green.code, green.err]).toEqual([0, '']);
});

test('accepted in fabric.yaml, as the page says', async () => {
  put({ 'REX-41.md': ENTRY });
  timer('inactive', 3);
  const line = /`(accept: .*)`/.exec(PAGE)?.[1] ?? '';
  writeFileSync(join(dir, 'accepting.yaml'), `${FABRIC}\n${line.replace(/until: [\d-]+/, 'until: 2999-01-01')}\n`);
  const { out, code } = await run(['validate', '--config', join(dir, 'accepting.yaml')]);
  expect(out).toContain('~ rex/REX-41@akira  accepted until 2999-01-01: the new proxy does it\n');
  expect(code).toBe(0);
});

test('here: a file, a command, a port, a service, on this machine', async () => {
  timer('active', 0);
  const about = (expectation: string): string => `# T\n\nProse.\n\n\`\`\`yaml fabric-check\nat: here\n${expectation}\nadvice: x\n\`\`\`\n`;
  writeFileSync(join(dir, 'state.json'), '{"jobs":[{"name":"backup","failed":0}]}', { mode: 0o640 });
  put({
    'REX-51.md': about(`ask:\n  file: ${join(dir, 'state.json')}\nexpect:\n  mode: 640\n  json:\n    jobs[0].failed: 0`),
    'REX-52.md': about('ask:\n  command: |\n    cd /\n    pwd; exit 3\nexpect:\n  equals: /\n  exit: 3'),
    'REX-53.md': about(`ask:\n  file: ${join(dir, 'nothing')}\nexpect:\n  absent: true`),
    'REX-54.md': about('ask:\n  command: echo no; echo "it broke" >&2; exit 1\nexpect:\n  not:\n    contains: "yes"'),
    'REX-55.md': about('ask:\n  command: sleep 5\n  seconds: 1\nexpect:\n  absent: true'),
    'REX-56.md': about('ask:\n  tcp: 127.0.0.1:1\nexpect:\n  absent: true'),
  });
  const report = JSON.parse((await run(['validate', '--format', 'json'])).out);
  const own = report.results.filter(({ id }: { id: string }) => id.startsWith('rex/'));
  expect(
    own.map(({ id, status, lost }: { id: string; status: string; lost: readonly { why: string }[] }) => [
      id,
      status,
      ...lost.map(({ why }) => why.replace(/^\S+ at here: /, '')),
    ]),
  ).toEqual([
    ['rex/REX-51@here', 'pass'],
    ['rex/REX-52@here', 'pass'],
    ['rex/REX-53@here', 'pass'],
    ['rex/REX-54@here', 'unknown', 'exit 1: it broke'],
    ['rex/REX-55@here', 'unknown', 'timed out'],
    ['rex/REX-56@here', 'pass'],
  ]);
});

test('a recording is a folder of fixtures: judged again by the entry, with --config; without, it says what it leaves out', async () => {
  put({ 'REX-41.md': ENTRY });
  timer('inactive', 3);
  await run(['validate', '--record', join(REX, 'REX-41/before')]);
  timer('active', 0);
  await run(['validate', '--record', join(REX, 'REX-41/after')]);
  const again = await run(['validate', '--from', 'rex/REX-41/before', '--config', 'fabric.yaml']);
  expect([again.code, again.err, again.out]).toEqual([1, '', expect.stringContaining('✗ rex/REX-41@akira')]);
  expect(await run(['validate', '--from', 'rex/REX-41/before'])).toMatchObject({
    code: 0,
    err: 'fabric: not judged: rex/REX-41 (--config FILE judges them too: they stand in rex/ beside it)\n',
  });
  // What `rex test` does with them.
  const fabric = loadFabric(config, (file) => readFileSync(file, 'utf8'));
  const { checks, entries: all } = await readBook(fabric);
  expect(all.at(-1)).toMatchObject({ id: 'REX-41', sources: ['rex/REX-41.md'] });
  const check = checks.find(({ id }) => id === 'rex/REX-41');
  const folder = recordingsFolder('rex/REX-41', fabric);
  if (!check) throw new Error('there is no such check');
  expect(folder).toBe(join(REX, 'REX-41'));
  const verdicts = ['before', 'after'].map((moment) => {
    const then = fabricOf(readFileSync(join(folder, moment, 'fabric.yaml'), 'utf8'));
    const recordings = readdirSync(join(folder, moment))
      .filter((name) => name.endsWith('.evidence'))
      .map((name) => recording(readFileSync(join(folder, moment, name), 'utf8')));
    const whole = recordings.flatMap((one) => ('problem' in one ? [] : [one]));
    return examine(then, [check], replay(whole, needsOf(then, [check], asDeclared)), asDeclared, 0).results.map(({ status }) => status);
  });
  expect(verdicts).toEqual([['fail'], ['pass']]);
  rmSync(join(REX, 'REX-41.md'));
  expect((await run(['validate', '--from', 'rex/REX-41/before', '--config', 'fabric.yaml'])).err).toBe(
    'fabric: not judged: rex/REX-41 (they are no longer in rex/ beside it)\n',
  );
});

test('the page’s module, without node_modules, from another folder: red, green, unknown', async () => {
  put({ 'REX-42.js': MODULE });
  const tailscale = (text: string): void => writeFileSync(join(dir, 'bin/tailscale'), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  says(
    new Map([...answersOf(), [command('akira', 'tailscale version').key, { code: 0, out: '1.80.2\n  tailscale commit: abc', err: '' }]]),
  );
  const outcome = async (): Promise<unknown> => {
    const { out, err } = await run(['validate', '--format', 'json', '--config', config]);
    expect(err).toBe('');
    const { status, findings, lost } = JSON.parse(out).results.find(({ id }: { id: string }) => id === 'rex/REX-42@akira');
    return [
      status,
      ...findings.map(({ saw, want }: { saw: string; want: string }) => `${saw} / ${want}`),
      ...lost.map(({ lost }: { lost: string }) => lost),
    ];
  };
  tailscale('echo 1.80.2; echo x');
  expect(await outcome()).toEqual(['pass']);
  tailscale('echo 1.82.0');
  expect(await outcome()).toEqual(['warn', '1.80.2 / 1.82.0, as here']);
  tailscale('exit 127');
  expect(await outcome()).toEqual(['unknown', 'unsupported']);
});

const check = (more: string): string =>
  `import { command, defineCheck, Unreadable } from 'homelab-fabric';\nexport default defineCheck({ id: 'rex/REX-42', title: 'T', story: 'S', decides: 'D', ${more} });\n`;
const cases = (more: string): string => check(`each: () => [{ subject: 'x', needs: [], ${more} }]`);
const MODULES: readonly (readonly [title: string, text: string, message: string])[] = [
  [
    'that throws',
    'const a = 1;\nthrow new Error("no such thing");',
    'rex/REX-42.js cannot be run: Error: no such thing (rex/REX-42.js:2:7)',
  ],
  [
    'that is no JavaScript',
    'export default {',
    'rex/REX-42.js cannot be run: SyntaxError: Unexpected end of input\n  → see where: node --check rex/REX-42.js',
  ],
  ['that imports what is not there', 'import "./nothing.js";', 'rex/REX-42.js cannot be run: Error: Cannot find module'],
  ['without an export', 'const a = 1;', 'rex/REX-42.js exports no check: expected `export default defineCheck({ … })`, or a list of them'],
  ['with an empty list', 'export default [];', 'rex/REX-42.js exports no check'],
  ['that exports a text', 'export default "x";', 'rex/REX-42.js exports string where a check is expected: defineCheck({ … })'],
  [
    'of another id',
    check('each: () => []').replace('REX-42', 'REX-4'),
    "rex/REX-42.js has a check whose id is \"rex/REX-4\": expected 'rex/REX-42', or 'rex/REX-42-…' where the file has several",
  ],
  [
    'without a title',
    check('each: () => []').replace("title: 'T'", "title: ' '"),
    'rex/REX-42.js has a check without a title, which states health, as in "The certificate hook runs as root"',
  ],
  [
    'without a story',
    check('each: () => []').replace("story: 'S', ", ''),
    'rex/REX-42.js has a check without a story, which tells what went wrong, and why this is looked at',
  ],
  ['without cases', check(''), 'rex/REX-42.js has a check without each(fabric), which gives its cases'],
  [
    'twice the same',
    check('each: () => []')
      .replace('default defineCheck(', 'default [0, 1].map(() => (')
      .replace(/\);\n$/, '));\n'),
    'rex/REX-42.js exports two checks with the id rex/REX-42',
  ],
  [
    'whose cases fail',
    check('each: (fabric) => fabric.nothing.here'),
    "rex/REX-42.js failed where rex/REX-42 gives its cases: TypeError: Cannot read properties of undefined (reading 'here') (rex/REX-42.js:2:",
  ],
  [
    'whose cases are none',
    check('each: () => [{ subject: "x" }]'),
    'rex/REX-42.js gives cases that are none: each() of rex/REX-42 is to return a list of { subject, needs, judge }',
  ],
  [
    'that asks nobody',
    check('each: () => [{ subject: "x", needs: [command("akria", "true")], judge: () => [] }]'),
    'rex/REX-42.js asks "akria", which is no host of fabric.yaml and not here',
  ],
  [
    'with a secret in its script',
    check('each: () => [{ subject: "x", needs: [command("here", "curl -H x-api-key:sk-0123456789abcdef http://x")], judge: () => [] }]'),
    'rex/REX-42.js asks with what looks like a secret in the script: it would show in `ps` on the host',
  ],
  [
    'with errors that are none',
    `${check('each: () => []')}export const errors = 'x';`,
    'rex/REX-42.js exports errors that are no list of texts',
  ],
];
test.each(MODULES)('a module %s is refused', async (_, text, message) => {
  put({ 'REX-42.js': text });
  const { code, err, out } = await run(['validate']);
  expect([code, out]).toEqual([2, '']);
  expect(err).toContain(`fabric: ${message}`);
});

test('what a module’s judge() throws, or returns that is no finding, is unknown; its own Unreadable is known as one', async () => {
  timer('active', 0);
  const outcome = async (text: string): Promise<unknown> => {
    put({ 'REX-42.js': text });
    const { out } = await run(['validate', '--format', 'json']);
    const { status, lost } = JSON.parse(out).results.at(-1);
    return [status, lost[0]?.lost, lost[0]?.why];
  };
  expect(await outcome(cases('judge: () => null.x'))).toEqual([
    'unknown',
    'unreadable',
    expect.stringMatching(/^rex\/REX-42\.js failed in judge\(\): TypeError: .* \(rex\/REX-42\.js:2:\d+\)$/),
  ]);
  expect(await outcome(cases('judge: () => undefined'))).toEqual([
    'unknown',
    'unreadable',
    'rex/REX-42.js: judge() is to return a list of findings ({ severity, saw, want, advice }), [] where all is well',
  ]);
  expect(await outcome(cases("judge: () => { throw new Unreadable('not yet', 'timeout'); }"))).toEqual(['unknown', 'timeout', 'not yet']);
});

test('TypeScript: read where Node reads it, else the refusal says what to do', async () => {
  timer('active', 0);
  put({ 'REX-42.ts': cases('judge: (): readonly never[] => []').replace('import {', 'import { type Check,') });
  const { code, err, out } = await run(['validate', '--verbose']);
  if ('typescript' in process.features && process.features.typescript)
    expect([code, out]).toEqual([0, expect.stringContaining('✓ rex/REX-42@x')]);
  else
    expect([code, err]).toEqual([
      2,
      `fabric: rex/REX-42.ts: this Node (${process.version}) does not read TypeScript\n  → run fabric with Node 22.18 or newer\n  → or write it in JavaScript: rex/REX-42.js\n`,
    ]);
});

test('the problems of all files at once, each with its place; nobody is asked', async () => {
  put({
    'REX-41.md': ENTRY.replace('equals:', 'equal:'),
    'REX-44.md': ENTRY.replace('akira', 'akria').replace('systemctl', 'TOKEN=sk-0123456789abcdef systemctl'),
  });
  const { code, err } = await run(['validate']);
  expect([code, err]).toEqual([
    2,
    [
      `fabric: 3 problems in rex/ beside ${config}`,
      'rex/REX-41.md:11:3 expect.equal: expected one of equals, contains, matches, at_least, at_most, not, absent, json, exit, found "equal" (did you mean "equals"?)',
      'rex/REX-44.md:7:5 at: expected the name of a host in hosts, here or all, found "akria" (did you mean "akira"?)',
      'rex/REX-44.md:9:12 ask.command: expected no secret, found what looks like one (not shown): it would show in `ps` on the host. Let the command read it there',
      '  → correct the file, then run the same command again',
      '',
    ].join('\n'),
  ]);
});

const refusal = async (act: () => unknown): Promise<readonly string[]> => {
  try {
    await act();
  } catch (error) {
    if (error instanceof Refusal) return [error.message.replaceAll(dir, '.'), ...error.next.map((one) => one.replaceAll(dir, '.'))];
    throw error;
  }
  return [];
};
const book = () => readBook(loadFabric(config, (file) => readFileSync(file, 'utf8')));

test.each([
  [
    'rex-41.md',
    './rex/rex-41.md would not be read: an entry is REX-<number>.md, .js or .ts',
    'rename it to REX-41.md, or take it out of rex/',
  ],
  [
    'REX41.ts',
    './rex/REX41.ts would not be read: an entry is REX-<number>.md, .js or .ts',
    'rename it to REX-41.ts, or take it out of rex/',
  ],
  [
    'REX-041.yaml',
    './rex/REX-041.yaml would not be read: an entry is REX-<number>.md, .js or .ts',
    'rename it to REX-41.md, or take it out of rex/',
  ],
  ['rexes.mjs', './rex/rexes.mjs would not be read: an entry is REX-<number>.md, .js or .ts', 'rename it, or take it out of rex/'],
])('a file called %s is refused: its author thinks that it is read', async (name, ...said) => {
  put({ [name]: 'x' });
  expect(await refusal(book)).toEqual(said);
});

test('other files and folders are passed over', () => {
  put({ 'README.md': 'x', 'REX-41.md~': 'x', '.REX-41.md.swp': 'x', 'lib.js': 'x', 'REX-41.png': 'x' });
  mkdirSync(join(REX, 'REX-41'));
  expect(filesOf(dir)).toEqual([]);
});

test('a number that is taken', async () => {
  put({ 'REX-36.md': ENTRY });
  expect(await refusal(book)).toEqual([
    `rex/REX-36.md: REX-36 is one of fabric's own entries: ${entries.find(({ id }) => id === 'REX-36')?.title}`,
    'give it another number',
  ]);
  renameSync(join(REX, 'REX-36.md'), join(REX, 'REX-41.md'));
  put({ 'REX-41.js': MODULE });
  expect((await refusal(book))[0]).toMatch(/^rex\/REX-41\.(js|md): REX-41 is rex\/REX-41\.(md|js) already$/);
});

test('what others could have written is refused: modes, links', async () => {
  put({ 'REX-41.md': ENTRY });
  expect(await refusal(book)).toEqual([]);
  const file = join(REX, 'REX-41.md');
  chmodSync(file, 0o646);
  expect(await refusal(book)).toEqual([
    './rex/REX-41.md can be written by others (mode 646): what it says would run with your rights',
    'chmod go-w ./rex/REX-41.md',
  ]);
  chmodSync(file, 0o644);
  chmodSync(REX, 0o757);
  expect((await refusal(book))[0]).toBe('./rex can be written by others (mode 757): what it says would run with your rights');
  chmodSync(REX, 0o755);
  renameSync(file, join(dir, 'elsewhere.md'));
  symlinkSync(join(dir, 'elsewhere.md'), file);
  expect((await refusal(book))[0]).toMatch(
    /^\.\/rex\/REX-41\.md is a link to .*elsewhere\.md: entries are read from beside fabric\.yaml alone$/,
  );
  rmSync(join(dir, 'elsewhere.md'));
  expect((await refusal(book))[0]).toBe('./rex/REX-41.md is a link to nothing');
  rmSync(REX, { recursive: true });
  mkdirSync(join(dir, 'other'));
  symlinkSync('other', REX);
  expect((await refusal(book))[0]).toMatch(/^\.\/rex is a link to .*other: entries are read from beside fabric\.yaml alone$/);
  rmSync(REX);
  writeFileSync(REX, '');
  expect((await refusal(book))[0]).toBe('./rex is not a folder');
});

test.skipIf(process.getuid?.() !== 0)('what is somebody else’s is refused', async () => {
  put({ 'REX-41.md': ENTRY });
  const { chownSync } = await import('node:fs');
  chownSync(join(REX, 'REX-41.md'), 0, 12_345);
  chmodSync(join(REX, 'REX-41.md'), 0o664);
  expect((await refusal(book))[0]).toBe('./rex/REX-41.md can be written by others (mode 664): what it says would run with your rights');
  chownSync(join(REX, 'REX-41.md'), 0, 0); // a group of its user's alone
  expect(await refusal(book)).toEqual([]);
  chownSync(join(REX, 'REX-41.md'), 12_345, 12_345);
  expect(await refusal(book)).toEqual([
    './rex/REX-41.md is not yours (its owner is user 12345, and you are 0): what it says would run with your rights',
    'if you trust it: sudo chown 0 ./rex/REX-41.md',
  ]);
});

test('without a folder rex/, and without a fabric.yaml, the book is fabric’s own', async () => {
  rmSync(REX, { recursive: true });
  const own = await readBook(null);
  expect(await book()).toEqual(own);
  expect(own.checks.filter(({ id }) => isOwn(id))).toEqual([]);
});

test('every example of the page is an entry, and its check can be asked', () => {
  const examples = blocks('yaml fabric-check');
  const kinds = examples.map((block) => {
    const parsed = parseEntry(`Prose.\n\n\`\`\`yaml fabric-check\n${block}\`\`\`\n`, { hosts: ['akira'], secret: () => false });
    if ('problems' in parsed) throw new Error(`${block}\n${JSON.stringify(parsed.problems)}`);
    const fabric = fabricOf(FABRIC);
    const check = checkOf('REX-41', 'f', parsed.told);
    expect(examine(fabric, [check], [], asDeclared, 0).results.map(({ status }) => status)).toEqual(['unknown']);
    return parsed.told.ask.kind;
  });
  // The first entry of the page asks a command.
  expect(new Set(kinds)).toEqual(new Set(['command', 'port', 'http', 'file', 'dns', 'tcp', 'unit', 'container']));
});

test('the package: its types say what a module may write', async () => {
  expect(existsSync(join(ROOT, 'dist/types/index.d.ts'))).toBe(true);
  const folder = join(dir, 'typed');
  mkdirSync(join(folder, 'node_modules'), { recursive: true });
  symlinkSync(ROOT, join(folder, 'node_modules/homelab-fabric'));
  writeFileSync(
    join(folder, 'tsconfig.json'),
    '{"compilerOptions":{"module":"nodenext","target":"es2023","strict":true,"noEmit":true,"skipLibCheck":true,"types":[]},"include":["*.ts"]}',
  );
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  const compile = async (text: string): Promise<string> => {
    writeFileSync(join(folder, 'REX-42.ts'), text);
    const { stdout } = await execa(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', folder], { reject: false, env });
    return stdout;
  };
  const typed = MODULE.replace('(at) =>', '(at: Vantage) =>')
    .replace('import {', 'import { type Vantage,')
    .replace('saw: there,', "saw: there ?? '',");
  expect(await compile(typed)).toBe('');
  expect(await compile(typed.replace("'warn'", "'error'"))).toContain('is not assignable to type');
});
