import { inspect } from 'node:util';
import { Chalk } from 'chalk';
import { expect, test } from 'vitest';
import { type Check, defineCheck, type Report, type Result } from '../src/check.ts';
import { redactText } from '../src/hosts/redact.ts';
import { humanReport } from '../src/report/human.ts';
import { reportJson } from '../src/report/json.ts';
import { Secret } from '../src/secret.ts';

const check: Check = defineCheck({
  id: 'litellm/exposure',
  rex: ['REX-36'],
  title: 'Strangers are out',
  story: '',
  decides: '',
  each: () => [],
});
const who = (subject: string) => ({ id: `litellm/exposure@${subject}` as const, check, subject });
const finding = { severity: 'fail', saw: 'a\u001b]0;owned\u0007 b\n\u202ec', want: 'w', advice: 'a', reproduce: 'ssh x' } as const;
const results: readonly Result[] = [
  { ...who('a'), status: 'pass' },
  { ...who('b'), status: 'fail', findings: [finding], lost: [] },
  { ...who('c'), status: 'blocked', by: 'litellm/exposure@b' },
  { ...who('d'), status: 'accepted', reason: 'known', until: '2027-01-01', findings: [finding] },
  { ...who('e'), status: 'unknown', findings: [], lost: [{ lost: 'timeout', why: 'slow' }] },
];
const report: Report = { at: 0, results };
const plain = new Chalk({ level: 0 });

test('the report for people: worst first, aligned, quiet about what passes, harmless to the terminal', () => {
  expect(humanReport(report, plain, false)).toBe(`✗ litellm/exposure@b REX-36  Strangers are out
    saw   a\\x1b]0;owned\\x07 b
          \\x202ec
    want  w
    do    a
    try   ssh x
? litellm/exposure@e REX-36  Strangers are out
    lost  timeout: slow
~ litellm/exposure@d  accepted until 2027-01-01: known
· litellm/exposure@c  blocked by litellm/exposure@b
1 fail, 1 unknown, 1 accepted, 1 blocked, 1 pass
`);
  expect(humanReport({ at: 0, results: [{ ...who('a'), status: 'pass' }] }, plain, false)).toBe('1 pass\n');
});

test('one unreachable host is one line, not one a check', () => {
  const gone = ['a', 'b', 'c', 'd'].map(
    (subject): Result => ({ ...who(subject), status: 'unknown', findings: [], lost: [{ lost: 'unreachable', why: 'akira: timed out' }] }),
  );
  expect(humanReport({ at: 0, results: gone }, plain, false)).toBe(
    '? 4 checks could not be made: unreachable: akira: timed out\n4 unknown\n',
  );
});

test('the report for programs', () => {
  expect(reportJson(report)).toMatchObject({
    schema: 'fabric.report/1',
    at: '1970-01-01T00:00:00.000Z',
    summary: { pass: 1, warn: 0, fail: 1, unknown: 1, blocked: 1, accepted: 1 },
    results: [
      {
        id: 'litellm/exposure@a',
        check: 'litellm/exposure',
        rex: ['REX-36'],
        title: 'Strangers are out',
        subject: 'a',
        status: 'pass',
        blockedBy: null,
        lost: [],
        findings: [],
      },
      { status: 'fail', findings: [{ severity: 'fail', want: 'w', advice: 'a', reproduce: 'ssh x' }] },
      { status: 'blocked', blockedBy: 'litellm/exposure@b' },
      { status: 'accepted', accepted: { reason: 'known', until: '2027-01-01' } },
      { status: 'unknown', lost: [{ lost: 'timeout', why: 'slow' }] },
    ],
  });
});

test('a secret prints as its name, however it is printed', () => {
  const secret = new Secret('KEY', 'sk-value');
  expect([`${secret}`, JSON.stringify({ secret }), inspect(secret), inspect({ deep: [secret] })].join()).not.toContain('sk-value');
});

const keyring = new Map([
  ['KEY', new Secret('KEY', 'hunter22')],
  ['LONG', new Secret('LONG', 'hunter22-and-more')],
  ['TINY', new Secret('TINY', 'a')],
]);
test.each([
  ['a known value', 'x hunter22 y', 'x [secret KEY] y'],
  ['the longer of two', 'hunter22-and-more', '[secret LONG]'],
  ['a key that nobody declared', 'api_key: sk-or-v1-0123456789', 'api_key: [redacted sk-…]'],
  ['a bearer', 'Authorization: Bearer abcdefgh.ijkl', 'Authorization: Bearer [redacted]'],
  [
    'a hash is spared',
    '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  ],
  ['a value too short to be one', 'banana', 'banana'],
])('redaction: %s', (_, text, safe) => {
  expect(redactText(text, keyring)).toBe(safe);
});
