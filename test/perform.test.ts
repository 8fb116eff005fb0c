// Steps that touch files, done and taken back by a real shell in a scratch folder.
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { scriptOf } from '../src/hosts/perform.ts';
import { type FileState, type Line, type Step, sha256 } from '../src/plan.ts';
import { type Keyring, Secret } from '../src/secret.ts';
import { quote } from '../src/shell.ts';
import { spliced } from '../src/splice.ts';
import { STATE } from '../src/state.ts';

const owner = `${execFileSync('id', ['-un'], { encoding: 'utf8' }).trim()}:${execFileSync('id', ['-gn'], { encoding: 'utf8' }).trim()}`;
const VALUE = `sk-a'b"c$(touch pwned)\\n\\t%s&\\\\ü`;
const keyring: Keyring = new Map([['KEY', new Secret('KEY', VALUE)]]);
let dir = '';
let path = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'fabric-perform-'));
  path = join(dir, 'apps/litellm/file');
});
afterEach(() => rmSync(dir, { recursive: true }));

/** The state folder is a scratch one here. */
const sh = (step: Exclude<Step, { do: 'gate' }>, way: 'do' | 'undo'): { readonly code: number | null; readonly err: string } => {
  const { status, stderr } = spawnSync('sh', ['-s'], {
    input: scriptOf(step, way, 'run1', 3, keyring).replaceAll(STATE, join(dir, 'state')),
    encoding: 'utf8',
  });
  return { code: status, err: stderr };
};
const text = (): string => readFileSync(path, 'utf8');
const mode = (): string => (statSync(path).mode & 0o777).toString(8);
const put = (content: string, bits = 0o640): FileState => {
  execFileSync('mkdir', ['-p', join(dir, 'apps/litellm')]);
  writeFileSync(path, content);
  chmodSync(path, bits);
  return { sha256: sha256(content), text: content, mode: bits.toString(8), owner };
};
const write = (was: FileState | null, now: string | null): Step & { do: 'write' } => ({
  do: 'write',
  host: 'akira',
  path,
  mode: '644',
  owner,
  was,
  now,
});
const patch = (lines: readonly Line[], exists: boolean): Step & { do: 'patch' } => ({
  do: 'patch',
  host: 'akira',
  path,
  mode: '600',
  owner,
  was: exists ? { mode: '640', owner } : null,
  lines,
});
const leftovers = (): readonly string[] => readdirSync(join(dir, 'apps/litellm')).filter((name) => name.startsWith('.fabric'));

test.each(['plain\n', `it's "quoted" $HOME \`id\` \\n %s\n\n`, 'no final newline', ''])(
  'write a new file, exactly: %j; undone, it is gone',
  (content) => {
    expect(sh(write(null, content), 'do')).toEqual({ code: 0, err: '' });
    expect([text(), mode()]).toEqual([content, '644']);
    expect(statSync(join(dir, 'apps/litellm')).mode & 0o777).toBe(0o755);
    expect(sh(write(null, content), 'undo').code).toBe(0);
    expect(readdirSync(dir)).toEqual(['state']); // the folders that it made are gone too
  },
);

test('write over a file; undone, its content and mode are back', () => {
  const was = put('old\n');
  expect(sh(write(was, 'new\n'), 'do').code).toBe(0);
  expect([text(), mode()]).toEqual(['new\n', '644']);
  expect(sh(write(was, 'new\n'), 'undo').code).toBe(0);
  expect([text(), mode()]).toEqual(['old\n', '640']);
});

test('delete a file; undone, it is back', () => {
  const was = put('old\n');
  sh(write(was, null), 'do');
  expect(existsSync(path)).toBe(false);
  sh(write(was, null), 'undo');
  expect([text(), mode()]).toEqual(['old\n', '640']);
});

test('a file that changed since the plan, appeared, or is a link: refused and untouched', () => {
  const was = put('old\n');
  put('edited meanwhile\n');
  expect(sh(write(was, 'new\n'), 'do')).toMatchObject({ code: 75, err: expect.stringContaining('changed since the plan was made') });
  expect(sh(write(null, 'new\n'), 'do')).toMatchObject({ code: 75, err: expect.stringContaining('appeared since the plan was made') });
  expect(text()).toBe('edited meanwhile\n');
  const target = join(dir, 'target');
  writeFileSync(target, 'theirs');
  rmSync(path);
  symlinkSync(target, path);
  expect(sh(write({ ...was, sha256: sha256('theirs') }, 'new\n'), 'do')).toMatchObject({
    code: 75,
    err: expect.stringContaining('symbolic link'),
  });
  expect(readFileSync(target, 'utf8')).toBe('theirs');
});

test('taking back a step that never began changes nothing', () => {
  put('old\n');
  expect(sh(write(null, 'new\n'), 'undo').code).toBe(0);
  expect(text()).toBe('old\n');
});

const set = (name: string, was: Line['was'] = 'other'): Line => ({ begins: `${name}=`, was, now: [`${name}=`, { secret: 'KEY' }] });
test.each<[string, string | null, readonly Line[], string]>([
  ['a new file', null, [set('A', 'absent'), set('B', 'absent')], `A=${VALUE}\nB=${VALUE}\n`],
  ['in place, comments and hand-made keys kept', '# mine\nHAND=1\nA=old\nLAST=2\n', [set('A')], `# mine\nHAND=1\nA=${VALUE}\nLAST=2\n`],
  ['appended when absent', 'HAND=1\n', [set('A', 'absent')], `HAND=1\nA=${VALUE}\n`],
  ['a last line without its new line', 'HAND=1', [set('A', 'absent')], `HAND=1\nA=${VALUE}\n`],
  ['twins go', 'A=1\nHAND=1\nA=2\n', [set('A')], `A=${VALUE}\nHAND=1\n`],
  ['a name that begins with another', 'AB=1\nA=1\n', [set('A')], `AB=1\nA=${VALUE}\n`],
  ['removed', 'A=1\nB=2\n', [{ begins: 'A=', was: 'other', now: null }], 'B=2\n'],
  ['mode alone', 'A=1\n', [], 'A=1\n'],
])('patch: %s', (_, before, lines, after) => {
  if (before !== null) put(before);
  const step = patch(lines, before !== null);
  expect(sh(step, 'do')).toEqual({ code: 0, err: '' });
  expect([text(), mode()]).toEqual([after, '600']);
  expect(sh(step, 'undo').code).toBe(0);
  if (before === null) expect(existsSync(path)).toBe(false);
  else expect([text(), mode()]).toEqual([before, '640']);
  expect(readdirSync('.')).not.toContain('pwned');
});

test('a new .env is nobody else’s from its first byte', () => {
  const step = patch([set('A', 'absent')], false);
  const script = scriptOf(step, 'do', 'run1', 3, keyring);
  // Nothing is written before mode and owner are set, and the name appears only by the rename.
  expect(script.indexOf('chmod 600')).toBeLessThan(script.indexOf('>"$tmp"'));
  expect(script.indexOf('>"$tmp"')).toBeLessThan(script.indexOf('mv -f "$tmp" "$path"'));
  const open = spawnSync('sh', ['-s'], {
    input: `umask 000; ${script.replaceAll(STATE, join(dir, 'state')).replace('mv -f "$tmp"', 'stat -c %a "$tmp" >&2; mv -f "$tmp"')}`,
    encoding: 'utf8',
  });
  expect(open.stderr.trim()).toBe('600');
});

test('restore: from where the host keeps it, refused when that is not what the plan showed', () => {
  const was = put('newer\n');
  const from = join(dir, 'kept');
  writeFileSync(from, 'older\n');
  const step: Step & { do: 'restore' } = {
    do: 'restore',
    host: 'akira',
    path,
    mode: '600',
    owner,
    was,
    from,
    now: { ...was, sha256: sha256('older\n'), text: 'older\n' },
  };
  expect(sh({ ...step, now: { ...step.now, sha256: sha256('another') } }, 'do')).toMatchObject({
    code: 75,
    err: expect.stringContaining('is not what the plan showed'),
  });
  expect(sh(step, 'do')).toEqual({ code: 0, err: '' });
  expect([text(), mode()]).toEqual(['older\n', '600']);
  sh(step, 'undo');
  expect([text(), mode()]).toEqual(['newer\n', '640']);
});

test('a full disk: the step fails, names it, and the file is the old one', () => {
  const was = put('old\n');
  const script = scriptOf(write(was, 'x'.repeat(4096)), 'do', 'run1', 3, keyring)
    .replaceAll(STATE, join(dir, 'state'))
    .replace(`>"$tmp"`, '>/dev/full');
  const { status, stderr } = spawnSync('sh', ['-s'], { input: script, encoding: 'utf8' });
  expect([status === 0, stderr, text()]).toEqual([false, expect.stringMatching(/No space left|I\/O error|error/), 'old\n']);
  expect(leftovers()).toEqual([]);
});

const splice = (was: FileState, now: string): Step & { do: 'splice' } => ({ do: 'splice', host: 'akira', path, was, now });

test('splice: the lines change, and what is redacted above and below stays as the host has it', () => {
  const real = `a: 1\nsecret: hunter2hunter2\ndns:\n  x: 1\n  y: it's\nlast: hunter3hunter3`;
  const shown = real.replaceAll(/hunter\d+hunter\d+/g, '[redacted]');
  const was = { ...put(real), text: shown };
  const step = splice(was, shown.replace('  x: 1\n', "  x: 2\n  z: '$(touch pwned)'\n"));
  expect(sh(step, 'do')).toEqual({ code: 0, err: '' });
  expect([text(), mode()]).toEqual([real.replace('  x: 1\n', "  x: 2\n  z: '$(touch pwned)'\n"), '640']);
  expect(sh(step, 'undo')).toEqual({ code: 0, err: '' });
  expect([text(), mode()]).toEqual([real, '640']);
  expect(leftovers()).toEqual([]);
});

test.each<readonly [what: string, shown: (real: string) => string, now: (shown: string) => string]>([
  [
    'a redacted line among those to be replaced',
    (it) => it.replace('b: hunter', 'b: [redacted]'),
    (it) => it.replace('a: 1', 'a: 2').replace('c: 1', 'c: 2'),
  ],
  ['lines that redaction took away above them', (it) => it.replace('a: 1\n', ''), (it) => it.replace('c: 1', 'c: 2')],
])('splice refuses %s, and nothing changed', (_, redacted, change) => {
  const real = 'a: 1\nb: hunter\nc: 1\nd: 1\n';
  const was = { ...put(real), text: redacted(real) };
  expect(sh(splice(was, change(was.text)), 'do')).toMatchObject({
    code: 75,
    err: expect.stringContaining('are not those that the plan shows'),
  });
  expect(text()).toBe(real);
  expect(leftovers()).toEqual([]);
});

test('splice says of any two texts what write would', () => {
  const texts = ['a', 'a\n', '\n', 'a\nb', 'a\nb\n', 'b\na\n\n', 'a\r\nb\r\n', 'x\na\nb\n', 'a\nx\nb\n', 'a\nb\nx', '\n\na'];
  const pairs = texts.flatMap((was) => ['', ...texts].filter((now) => now !== was).map((now) => [was, now] as const));
  const script = pairs.map(
    ([was, now]) => `printf '%s' ${quote(was)} >was; ( ${spliced(was, now, 'was', 'now')} ) || echo refused; cat now; printf '='`,
  );
  const { stdout, stderr } = spawnSync('sh', ['-s'], { cwd: dir, input: script.join('\n'), encoding: 'utf8' });
  expect([stdout.split('=').slice(0, -1), stderr]).toEqual([pairs.map(([, now]) => now), '']);
});

test('splice at the end of a file, of whose last end of line nothing was heard', () => {
  const was = { ...put('[]\n'), text: '[]' };
  expect(sh(splice(was, '[1]\n'), 'do')).toEqual({ code: 0, err: '' });
  expect(text()).toBe('[1]\n');
});

test('splice refuses a file that is another by now', () => {
  const was = put('a: 1\n');
  put('a: 2\n');
  expect(sh(splice(was, 'a: 3\n'), 'do')).toMatchObject({ code: 75, err: expect.stringContaining('changed since the plan was made') });
});
