// `fabric init` off a terminal: flags, refusals, the file it writes by the project's own parser, and the Makefile by the real make.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, expect, test, vi } from 'vitest';
import { completed, KINDS, questionsFor, startOf } from '../src/draft/start.ts';
import { fabricText } from '../src/draft/write.ts';
import { parse } from '../src/fabric/parse.ts';
import { fabricOf } from './sample.ts';

vi.setConfig({ testTimeout: 30_000 }); // each starts several processes
const BIN = join(import.meta.dirname, '../bin/fabric.js');
const dir = mkdtempSync(join(tmpdir(), 'fabric-init-'));
afterAll(() => rmSync(dir, { recursive: true }));
const folder = (): string => mkdtempSync(join(dir, 'in-'));
const run = async (cwd: string, file: string, args: readonly string[]) => {
  const { exitCode, stdout, stderr } = await execa(file, args, {
    cwd,
    reject: false,
    stdin: 'ignore',
    extendEnv: false,
    env: { PATH: process.env['PATH'], HOME: dir },
  });
  return { code: exitCode, out: stdout, err: stderr };
};
const init = (cwd: string, ...args: readonly string[]) => run(cwd, process.execPath, [BIN, 'init', ...args]);
const FLAGS = ['--host', 'akira.example.ts.net', '--model', 'qwen2.5-7b'];

test('off a terminal, every flag that is missing or wrong is named at once: exit 2, nothing is written', async () => {
  const cwd = folder();
  const { code, out, err } = await init(cwd, '--kind', 'openai', '--image', 'litellm:latest', '--user', 'a b');
  expect([code, out]).toEqual([2, '']);
  for (const said of [
    '--host is missing',
    '--url is missing',
    '--model is missing',
    '--image "litellm:latest": expected',
    '--user "a b": expected',
    '--from-host user@host',
  ])
    expect(err).toContain(said);
  expect(existsSync(join(cwd, 'fabric.yaml')) || existsSync(join(cwd, 'Makefile'))).toBe(false);
});

test.each<[string, readonly string[], string]>([
  [
    'a host and the flags of another',
    ['--from-host', 'ops@akira', '--model', 'x'],
    "'--from-host <target>' cannot be used with option '--model <id>'",
  ],
  ['no target', ['--from-host', 'ops@'], 'names no host'],
  ['shell for a target', ['--from-host', '$(reboot)'], 'names no host'],
  ['a kind that is none', ['--kind', 'mlx'], 'Allowed choices are vllm, ollama, openrouter, openai'],
])('%s: exit 2', async (_, args, message) => {
  const { code, err } = await init(folder(), ...args);
  expect([code, err]).toEqual([2, expect.stringContaining(message)]);
});

test('writes fabric.yaml and a Makefile, says the next two commands; neither is ever written over unasked', async () => {
  const cwd = folder();
  const { code, out } = await init(cwd, ...FLAGS);
  expect([code, out]).toEqual([
    0,
    expect.stringMatching(
      /wrote .*fabric\.yaml\nwrote .*Makefile[\s\S]*next:\n {2}export LITELLM_MASTER_KEY=sk-\$\(openssl rand -hex 24\)\n {2}fabric deploy litellm --dry-run$/,
    ),
  ]);
  const file = readFileSync(join(cwd, 'fabric.yaml'), 'utf8');
  expect(fabricOf(file).litellm).toMatchObject({
    host: 'akira',
    backends: [{ kind: 'vllm', url: 'http://127.0.0.1:8000', models: [{ id: 'qwen2.5-7b' }] }],
  });
  writeFileSync(join(cwd, 'Makefile'), 'mine:\n');
  const again = await init(cwd, ...FLAGS, '--alias', 'other');
  expect([again.code, again.err]).toEqual([2, expect.stringMatching(/fabric\.yaml is there already\n {2}→ --force/)]);
  expect(readFileSync(join(cwd, 'fabric.yaml'), 'utf8')).toBe(file);
  const forced = await init(cwd, ...FLAGS, '--alias', 'other', '--force');
  expect([forced.code, forced.out]).toEqual([
    0,
    expect.stringMatching(/Makefile is there already and was not touched\. To have the targets, add:[\s\S]*validate-litellm:/),
  ]);
  expect(readFileSync(join(cwd, 'Makefile'), 'utf8')).toBe('mine:\n');
  expect(fabricOf(readFileSync(join(cwd, 'fabric.yaml'), 'utf8')).litellm.aliases.get('default')).toBe('other');
});

test('--no-makefile writes none', async () => {
  const cwd = folder();
  expect((await init(cwd, ...FLAGS, '--no-makefile')).code).toBe(0);
  expect(existsSync(join(cwd, 'Makefile'))).toBe(false);
});

test('the Makefile: make lists it, and each target calls a command that fabric has', async () => {
  const cwd = folder();
  await init(cwd, ...FLAGS);
  const make = (...args: readonly string[]) => run(cwd, 'make', [`FABRIC=${process.execPath} ${BIN}`, ...args]);
  expect((await run(cwd, 'make', [])).out.split('\n').map((line) => line.split(' ')[0])).toEqual([
    'help',
    'deploy-litellm',
    'validate-litellm',
    'doctor',
    'secrets-sync',
  ]);
  expect((await run(cwd, 'make', ['-n', 'deploy-litellm', 'ARGS=--yes'])).out).toBe('fabric deploy litellm --yes');
  expect((await run(cwd, 'make', ['-n', 'validate-litellm'])).out.trim()).toBe('fabric validate');
  // A host that nobody has: reached by nothing, so 3, through make's own 2.
  const validated = await make('validate-litellm', 'ARGS=--format json --config fabric.yaml');
  expect(
    JSON.parse(
      validated.out
        .split('\n')
        .filter((line) => !line.startsWith('make'))
        .join('\n'),
    ).schema,
  ).toBe('fabric.report/1');
  expect(validated.err).toMatch(/Error 3/);
  for (const target of ['doctor', 'secrets-sync', 'deploy-litellm']) {
    // Exit 3 is fabric's: it looked for the host; an exit 2 would be a command or a flag that it does not know.
    const { err } = await make(target, target === 'doctor' ? 'ARGS=' : 'ARGS=--dry-run');
    expect([target, err]).toEqual([target, expect.stringMatching(/Error [34]/)]);
  }
});

test('every path of answers writes a file that the parser takes', () => {
  for (const kind of KINDS)
    for (const host of ['akira.ts.net', '100.64.0.14', 'fd7a::1', 'here'])
      for (const user of ['', 'root'])
        for (const alias of [undefined, 'default', 'a/b:c'])
          for (const url of kind === 'openai' ? ['https://llm.example.net/v1/'] : [undefined, 'http://[::1]:1']) {
            const { answers, missing, wrong } = completed({
              host,
              user,
              kind,
              model: 'q:7b',
              ...(alias === undefined ? {} : { alias }),
              ...(url === undefined ? {} : { url }),
            });
            expect([missing, wrong]).toEqual([[], []]);
            const { file, notes } = startOf(answers);
            const parsed = parse(fabricText(file, ['heading'], notes), '/x/fabric.yaml');
            expect('problems' in parsed && parsed.problems, JSON.stringify(answers)).toBe(false);
          }
  expect(questionsFor({}).map(({ name }) => name)).toEqual(['host', 'user', 'kind', 'url', 'model', 'alias', 'image']);
});

test('validate names no host: exit 2 before anything is asked; a host of a broken fabric.yaml shows what is broken', async () => {
  const cwd = folder();
  const bad = await run(cwd, process.execPath, [BIN, 'validate', '-o@x']);
  expect(bad.code).toBe(2);
  const none = await run(cwd, process.execPath, [BIN, 'validate', 'ops@']);
  expect([none.code, none.err]).toEqual([2, expect.stringMatching(/names no host\n {2}→ write user@host/)]);
  writeFileSync(join(cwd, 'fabric.yaml'), 'hosts: {akira: {usr: x}}\n');
  const broken = await run(cwd, process.execPath, [BIN, 'validate', 'akira']);
  expect([broken.code, broken.err]).toEqual([2, expect.stringContaining('hosts.akira.usr')]);
});
