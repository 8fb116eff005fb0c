// Reports for other programs, each read by its real consumer: promtool, a reader of JUnit XML, Nagios's table.
import { execFileSync, spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { type Check, defineCheck, type Report, type Result } from '../src/check.ts';
import { junit } from '../src/report/junit.ts';
import { nagios, nagiosCode, nagiosUnknown } from '../src/report/nagios.ts';
import { prometheus } from '../src/report/prometheus.ts';

const check: Check = defineCheck({ id: 'litellm/exposure', title: 'Strangers are <out> & "away"', story: '', decides: '', each: () => [] });
const who = (subject: string) => ({ id: `litellm/exposure@${subject}` as const, check, subject });
// What a host may print: ends of elements, quotes, bars, an escape, NUL, what is no character, half a pair, several lines.
const NASTY = `]]> </failure> & "q" 'a' | load=9 \u001b[31m\u0000 \ufffe \ud800 \\ {x="1"} 9\nsecond | line\r`;
const finding = { severity: 'fail', saw: NASTY, want: 'w', advice: 'do it', reproduce: 'ssh x | cat' } as const;
const of = {
  pass: { ...who('a'), status: 'pass' },
  warn: { ...who('w'), status: 'warn', findings: [{ ...finding, severity: 'warn' }], lost: [] },
  fail: { ...who('akira/"b"\\ n\u001b'), status: 'fail', findings: [finding], lost: [{ lost: 'timeout', why: NASTY }] },
  unknown: { ...who('e'), status: 'unknown', findings: [], lost: [{ lost: 'timeout', why: NASTY }] },
  blocked: { ...who('c'), status: 'blocked', by: 'litellm/exposure@b' },
  accepted: { ...who('d'), status: 'accepted', reason: NASTY, until: '2027-01-01', findings: [finding] },
} as const satisfies Readonly<Record<Result['status'], Result>>;
const AT = 1_771_400_000;
const reportOf = (...statuses: readonly Result['status'][]): Report => ({ at: AT, results: statuses.map((status) => of[status]) });
const ALL = reportOf('pass', 'warn', 'fail', 'unknown', 'blocked', 'accepted');

/** CI has the consumer (.ci/run installs it); a laptop without it is told, not failed. */
const withConsumer = (command: string, args: readonly string[]) =>
  spawnSync(command, args).status === 0 || process.env['CI'] !== undefined ? test : test.skip;

// Debian: prometheus
withConsumer('promtool', ['--version'])('promtool has nothing against the metrics', () => {
  for (const report of [ALL, reportOf('pass'), reportOf()]) {
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: prometheus(report), encoding: 'utf8' });
    expect([status, stdout, stderr]).toEqual([0, '', '']);
  }
  // It can fail.
  expect(spawnSync('promtool', ['check', 'metrics'], { input: prometheus(ALL).replace('\\"b\\"', '"b"') }).status).not.toBe(0);
});

test('metrics: a series for each status of each check, counts, and when', () => {
  const lines = prometheus(ALL).split('\n');
  expect(lines).toContain('fabric_check_status{check="litellm/exposure",subject="a",status="pass"} 1');
  expect(lines).toContain('fabric_check_status{check="litellm/exposure",subject="a",status="fail"} 0');
  expect(lines).toContain('fabric_report_results{status="fail"} 1');
  expect(lines).toContain(`fabric_report_timestamp_seconds ${AT}`);
  expect(lines.filter((line) => line.startsWith('fabric_check_status{')).length).toBe(36);
});

interface Read {
  readonly suite: string;
  readonly counts: readonly number[];
  readonly cases: readonly {
    readonly name: string;
    readonly classname: string;
    readonly result: readonly string[];
    readonly message: string;
    readonly text: string;
  }[];
}
// Debian: python3-junitparser
const PYTHON = '/usr/bin/python3';
const READER = `
import json, sys
from junitparser import JUnitXml
for suite in JUnitXml.fromstring(sys.stdin.buffer.read()):
    print(json.dumps({'suite': suite.name, 'counts': [suite.tests, suite.failures, suite.errors, suite.skipped],
      'cases': [{'name': c.name, 'classname': c.classname, 'result': [type(r).__name__ for r in c.result],
                 'message': ''.join(r.message or '' for r in c.result), 'text': ''.join(r.text or '' for r in c.result)} for c in suite]}))
`;
const read = (xml: string): Read => JSON.parse(execFileSync(PYTHON, ['-c', READER], { input: xml, encoding: 'utf8' }));
withConsumer(PYTHON, ['-c', 'import junitparser'])('a reader of JUnit XML finds a case a result, with what was seen', () => {
  const { suite, counts, cases } = read(junit(ALL, 'fail'));
  expect([suite, counts]).toEqual(['fabric', [6, 1, 0, 3]]);
  expect(cases.map(({ result }) => result.join())).toEqual(['', '', 'Failure', 'Skipped', 'Skipped', 'Skipped']);
  expect(cases[0]).toMatchObject({ classname: 'litellm/exposure', name: 'a: Strangers are <out> & "away"' });
  const failure = cases[2];
  expect(failure?.name).toContain('akira/"b"\\ n\\x1b');
  expect(failure?.message).toBe(`]]> </failure> & "q" 'a' | load=9 \\x1b[31m\\x00 \ufffd \ufffd \\ {x="1"} 9\nsecond | line\\x0d`);
  expect(failure?.text).toMatch(/^fail: saw \]\]>[\s\S]*\nwant w\ndo do it\ntry ssh x \| cat\n\ntimeout: /);
  expect(cases.slice(3).map(({ message }) => message.slice(0, 28))).toEqual([
    'unknown: timeout: ]]> </fail',
    'blocked by litellm/exposure@',
    'accepted until 2027-01-01: ]',
  ]);
  expect(read(junit(ALL, 'warn')).counts).toEqual([6, 2, 0, 3]);
  expect(read(junit(reportOf(), 'fail')).counts).toEqual([0, 0, 0, 0]);
});

// https://nagios-plugins.org/doc/guidelines.html, table 2: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN
test.each<[readonly Result['status'][], number, string]>([
  [['pass'], 0, 'OK'],
  [[], 0, 'OK'],
  [['pass', 'accepted'], 0, 'OK'],
  [['pass', 'warn'], 1, 'WARNING'],
  [['warn', 'unknown'], 3, 'UNKNOWN'],
  [['pass', 'unknown'], 3, 'UNKNOWN'],
  [['fail', 'blocked'], 2, 'CRITICAL'],
  [['fail', 'unknown', 'warn'], 2, 'CRITICAL'],
])('Nagios: %j is %i %s', (statuses, code, name) => {
  const report = reportOf(...statuses);
  expect(nagiosCode(report)).toBe(code);
  expect(nagios(report)).toMatch(new RegExp(`^FABRIC ${name} - `));
});

test('Nagios: one bar, which begins the performance data; the rest is long text without one', () => {
  const [first, ...rest] = nagios(ALL).split('\n');
  expect(first).toBe(
    'FABRIC CRITICAL - 1 fail, 1 unknown, 1 warn, 1 accepted, 1 blocked, 1 pass, litellm/exposure@akira/"b"\\ n\\x1b | pass=1 warn=1 fail=1 unknown=1 blocked=1 accepted=1',
  );
  // 'label'=value[UOM], separated by blanks
  expect(
    first
      ?.split(' | ')[1]
      ?.split(' ')
      .every((one) => /^[a-z]+=\d+$/.test(one)),
  ).toBe(true);
  expect(rest.join('\n')).not.toMatch(/\||[\u0000-\u0009\u000b-\u001f]/);
  expect(rest.join('\n')).toContain('try   ssh x ¦ cat');
  expect(nagiosUnknown('no\nfabric.yaml | here')).toBe('FABRIC UNKNOWN - no fabric.yaml ¦ here\n');
});
