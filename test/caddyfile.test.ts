// A Caddyfile's words against what Caddy 2.11.4 made of the same files, and edits that may touch nothing else.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { statusMoved, type Word, withoutRanges, wordsOf } from '../src/services/caddyfile.ts';

const FILES = join(import.meta.dirname, 'caddy-samples/heredoc');
const sample = (name: string): string => readFileSync(join(FILES, name), 'utf8');
/** As Caddy says them: a directive that is none, on its line. */
const REFUSED: Readonly<Record<string, readonly [line: number, word: string]>> = {
  '1-bad-status-next-line': [6, '200'],
  '5-bad-space-after-markers': [3, 'echo'],
  '8-bad-status-next-line-handle': [6, '200'], // it says 7, which is where the block ends
  '10-terminator-as-prefix-of-content': [5, 'EOF'],
};

describe('heredocs', () => {
  test.each(readdirSync(FILES))('%s: the word that Caddy complains of stands where it says', (name) => {
    const [line, text] = REFUSED[name] ?? [];
    if (line === undefined) return expect(Object.keys(REFUSED)).not.toContain(name);
    const first = wordsOf(sample(name)).find((word) => word.line === line);
    expect(first?.text).toBe(text);
  });
  test('the status code goes behind the marker, and nowhere else', () => {
    const moved = readdirSync(FILES).filter((name) => statusMoved(sample(name)) !== sample(name));
    expect(moved).toEqual(['1-bad-status-next-line', '8-bad-status-next-line-handle']);
    const file = sample('1-bad-status-next-line');
    expect(statusMoved(file)).toBe(file.replace('BOOTSTRAP\n\t\t200\n', 'BOOTSTRAP 200\n'));
  });
  test.each([
    ['a blank line between', 'respond <<A\n\tx\n\tA\n\n\t404\n', 'respond <<A\n\tx\n\tA 404\n\n'],
    ['carriage returns', 'respond <<A\r\n\tx\r\n\tA\r\n\t404\r\n', 'respond <<A\r\n\tx\r\n\tA 404\r\n'],
    ['a status that a comment follows', 'respond <<A\n\tx\n\tA\n\t404 # no\n', null],
    ['something stands behind the marker', 'respond <<A\n\tx\n\tA 200\n\t404\n', null],
    ['a number that is no status', 'respond <<A\n\tx\n\tA\n\t42\n', null],
    ['two of them', 'respond <<A\n\tA\n200\nrespond <<B\n\tB\n500\n', 'respond <<A\n\tA 200\nrespond <<B\n\tB 500\n'],
  ])('%s', (_, file, now) => expect(statusMoved(file)).toBe(now ?? file));
});

const B = '172.20.1.0/24';
describe('a range is taken out', () => {
  test.each([
    ['of a negated matcher', `@b not client_ip 100.64.0.0/10 ${B}\nerror @b 403\n`, '@b not client_ip 100.64.0.0/10\nerror @b 403\n'],
    ['first of several', `@b not remote_ip ${B} 100.64.0.0/10 # vpn\n`, '@b not remote_ip 100.64.0.0/10 # vpn\n'],
    ['in a block', `@b {\n\tnot client_ip   100.64.0.0/10   ${B}\n}\n`, '@b {\n\tnot client_ip   100.64.0.0/10\n}\n'],
    ['behind a backslash', `@b not client_ip 100.64.0.0/10 \\\n\tfd7a::/48 ${B}\n`, '@b not client_ip 100.64.0.0/10 \\\n\tfd7a::/48\n'],
    ['quoted', `@b not client_ip 100.64.0.0/10 "${B}"\n`, '@b not client_ip 100.64.0.0/10\n'],
    [
      'in two sites',
      `@b not client_ip 1.0.0.0/8 ${B}\n@c not client_ip 1.0.0.0/8 ${B}\n`,
      '@b not client_ip 1.0.0.0/8\n@c not client_ip 1.0.0.0/8\n',
    ],
    [
      'elsewhere it stays',
      `# ${B}\n@b not client_ip 1.0.0.0/8 ${B}\nrespond "${B}"\ntrusted_proxies static ${B}\n`,
      `# ${B}\n@b not client_ip 1.0.0.0/8\nrespond "${B}"\ntrusted_proxies static ${B}\n`,
    ],
    ['in a comment alone', `@b not client_ip 1.0.0.0/8 # ${B}\n`, null],
    ['in a heredoc alone', `respond <<A\n@b not client_ip ${B} 1.0.0.0/8\nA 200\n`, null],
    ['nothing would be left', `@b not client_ip ${B}\n`, null],
    ['of a placeholder', `@b not client_ip 1.0.0.0/8 {$RANGES}\n`, null],
    ['first on a line of its own', `@b not client_ip 1.0.0.0/8 \\\n\t${B}\n`, null],
  ])('%s', (_, file, now) => {
    expect(withoutRanges(file, [B])).toBe(now);
  });
});

/** A generator of its own seed: the same files each time. */
const random = (seed: number) => {
  let state = seed;
  return (below: number): number => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return Math.floor((state / 2 ** 32) * below);
  };
};
const WORDS = [
  'handle',
  '{',
  '}',
  '@b',
  'not',
  'client_ip',
  '10.0.0.0/8',
  B,
  '"a b"',
  '"say \\"no\\" # here"',
  '`raw \\n`',
  '"two\nlines"',
  'x#y',
  '{$VAR}',
  '<<',
  '<<E\n\t# text\n\tE',
];
const GAPS = [' ', '  ', '\t', ' \\\n\t', '\n', '\n\n', ' # a comment with words\n', '\n# 172.20.1.0/24\n', '\r\n'];
const made = (seed: number): { readonly file: string; readonly words: readonly string[] } => {
  const pick = random(seed);
  const words: string[] = [];
  let file = ['', '\n', '# head\n', '\t'][pick(4)] ?? '';
  for (let n = pick(40) + 1; n > 0; n -= 1) {
    const word = WORDS[pick(WORDS.length)] ?? '';
    words.push(word);
    file += word + (GAPS[pick(GAPS.length)] ?? '');
  }
  return { file, words };
};
const sourceOf = (file: string, { line, last, from, to }: Word): string => {
  const lines = file.split('\n').slice(line - 1, last);
  return lines.map((text, n) => text.slice(n === 0 ? from : 0, n === last - line ? to : undefined)).join('\n');
};

test('whatever stands between them, words are found, where they stand', () => {
  for (let seed = 1; seed <= 2000; seed += 1) {
    const { file, words } = made(seed);
    expect(
      wordsOf(file).map((word) => sourceOf(file, word)),
      `seed ${seed}`,
    ).toEqual(words);
  }
});
test('what a range is taken out of has all its other words, and its comments', () => {
  let edits = 0;
  for (let seed = 1; seed <= 2000; seed += 1) {
    const { file } = made(seed);
    const now = withoutRanges(file, [B]);
    if (now === null) continue;
    edits += 1;
    const [before, after] = [file, now].map((text) => wordsOf(text).map(({ text }) => text));
    expect(
      after?.filter((text) => text !== B),
      `seed ${seed}`,
    ).toEqual(before?.filter((text) => text !== B));
    expect(now.replaceAll(/\s/g, '').length).toBe(
      file.replaceAll(/\s/g, '').length - ((before?.length ?? 0) - (after?.length ?? 0)) * B.length,
    );
    expect(withoutRanges(now, [B])).toBe(null);
  }
  expect(edits).toBeGreaterThan(20);
});
