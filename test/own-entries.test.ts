// A user's own entries, rex/REX-41.md: what is wrong with one, at its place; what each kind of question and of expectation makes of an
// answer. The program with them: test/own-program.test.ts.
import { expect, test } from 'vitest';
import { asDeclared, type Check } from '../src/check.ts';
import type { Answer, Lost } from '../src/evidence.ts';
import { examine, needsOf } from '../src/examine.ts';
import { problemText } from '../src/fabric/problems.ts';
import { asText, checkOf, entryOf } from '../src/own/check.ts';
import { at, parsePath } from '../src/own/json.ts';
import { parseEntry, type Told } from '../src/own/markdown.ts';
import { sample } from './sample.ts';

const WORLD = { hosts: ['akira', 'kaneda'], secret: (text: string) => text.includes('hunter2') };
const problems = (text: string): readonly string[] => {
  const parsed = parseEntry(text, WORLD);
  return 'problems' in parsed ? parsed.problems.map((one) => problemText('f', one)) : [];
};
const told = (text: string): Told => {
  const parsed = parseEntry(text, WORLD);
  if ('problems' in parsed) throw new Error(problems(text).join('\n'));
  return parsed.told;
};
/** A file whose block begins on line 6. */
const entry = (block: string): string =>
  `# REX-41 — The hook runs\n\nOne morning the certificate was old.\n\n\`\`\`yaml fabric-check\n${block}\n\`\`\`\n`;
const GOOD = `at: akira
ask:
  command: systemctl is-active certbot.timer
expect:
  equals: active
advice: Start it.`;
/** The good one, with a part replaced. */
const but = (was: string, now: string): string => {
  expect(GOOD).toContain(was);
  return GOOD.replace(was, () => now);
};
const asking = (ask: string): string => but('  command: systemctl is-active certbot.timer', ask);
const expecting = (expectation: string): string => but('  equals: active', expectation);

test('an entry: its title, its prose, what it asks', () => {
  expect(told(entry(GOOD))).toEqual({
    title: 'The hook runs',
    story: 'One morning the certificate was old.',
    at: ['akira'],
    ask: { kind: 'command', command: 'systemctl is-active certbot.timer' },
    expect: { equals: 'active' },
    advice: 'Start it.',
  });
  const more = told(entry(`${GOOD}\ntitle: Another title\nseverity: warn\nerrors: ["certificate has  expired (10)"]`));
  expect(more).toMatchObject({ title: 'Another title', severity: 'warn' });
  const { says, ...post } = entryOf('REX-41', 'rex/REX-41.md', more);
  expect(post).toEqual({
    id: 'REX-41',
    title: 'Another title',
    concluded: '',
    holds: 'One morning the certificate was old.',
    remedy: 'Start it.',
    sources: ['rex/REX-41.md'],
  });
  expect(says.map((one) => one.test('SSL: Certificate has expired  (10) at depth 0'))).toEqual([true]);
  expect(asText('a.b (c)').test('aXb (c)')).toBe(false);
});

test('Markdown: lines that end as in Windows, tildes, a block within a list, an example of a block in another block', () => {
  const plain = told(entry(GOOD));
  expect(told(entry(GOOD).replaceAll('\n', '\r\n'))).toEqual(plain);
  expect(told(`\ufeff${entry(GOOD)}`)).toEqual(plain);
  expect(told(entry(GOOD).replaceAll('```', '~~~~'))).toEqual(plain);
  expect(told(entry(GOOD).replace(/```[\s\S]*```/, (block) => block.replaceAll(/^/gm, '  ')))).toEqual(plain);
  const example = `\`\`\`\`markdown\n# No title\n\`\`\`yaml fabric-check\nat: nowhere\n\`\`\`\n\`\`\`\`\n`;
  expect(told(example + entry(GOOD))).toMatchObject({ title: 'The hook runs', at: ['akira'] });
});

const HOOK = '# T\n\nProse.\n\n';
const FILES: readonly (readonly [title: string, text: string, ...messages: string[]])[] = [
  ['no block', `${HOOK}Only prose.`, 'f:5:1: expected a block that begins with ```yaml fabric-check, found none'],
  [
    'a block of another name',
    `${HOOK}\`\`\`yaml fabric_check\nat: here\n\`\`\``,
    'f:5:1: expected ```yaml fabric-check, found "yaml fabric_check" behind the ```',
  ],
  ['two blocks', `${entry(GOOD)}${entry(GOOD)}`, 'f:17:1: expected one block a file, found a second one (already at line 5)'],
  ['a block without end', entry(GOOD).slice(0, -4), 'f:5:1: expected ``` on a line of its own after the block, found the end of the file'],
  [
    'no prose',
    `# T\n\`\`\`yaml fabric-check\n${GOOD}\n\`\`\``,
    'f:1:1: expected prose that tells what happened, found nothing but the block',
  ],
  [
    'no title',
    `Prose.\n\`\`\`yaml fabric-check\n${GOOD}\n\`\`\``,
    'f:2:1: expected a title, as a heading above or as title: in the block, found neither',
  ],
  [
    'a number for a title',
    `# REX-41\nProse.\n\`\`\`yaml fabric-check\n${GOOD}\n\`\`\``,
    'f:3:1: expected a title, as a heading above or as title: in the block, found neither',
  ],
  [
    'in a list, at its column',
    `- Prose.\n\n  \`\`\`yaml fabric-check\n  title: T\n${GOOD.replace('equals', 'equal').replaceAll(/^/gm, '  ')}\n  \`\`\``,
    'f:9:5 expect.equal: expected one of equals, contains, matches, at_least, at_most, not, absent, json, exit, found "equal" (did you mean "equals"?)',
  ],
];
test.each(FILES)('refused: %s', (_, text, ...messages) => {
  expect(problems(text)).toEqual(messages);
});

const COMMAND = 'equals, contains, matches, at_least, at_most, not, absent, json, exit';
const KINDS = 'command, file, http, dns, tcp, unit, container or port';
const BLOCKS: readonly (readonly [title: string, block: string, ...messages: string[]])[] = [
  ['an empty block', '', 'f:6:1: expected a mapping, found nothing'],
  ['a list', '- a', 'f:6:1: expected a mapping, found a list'],
  ['no YAML', 'at: [', 'f:6:6: Flow sequence in block collection must be sufficiently indented and end with a ]'],
  [
    'an expression without quotes',
    but('\n  equals: active', ' { matches: ^a[.]b[.]c$ }'),
    'f:9:22: Unexpected flow-seq-start at node end',
    'f:10:1: Unexpected scalar token in YAML stream',
  ],
  ['a key twice', `${GOOD}\nat: here`, 'f:12:1: Map keys must be unique'],
  [
    'everything at once',
    'at: akria\nask:\n  comand: x\nexpect: 1\nadvise: x\nseverity: error',
    'f:6:1 advice: expected what to do about it, found nothing',
    'f:6:5 at: expected the name of a host in hosts, here or all, found "akria" (did you mean "akira"?)',
    `f:8:3 ask.comand: expected ${KINDS}, found "comand" (did you mean "command"?)`,
    'f:10:1 advise: expected one of title, at, ask, expect, severity, advice, errors, found "advise" (did you mean "advice"?)',
    'f:11:11 severity: expected fail or warn, found "error"',
  ],
  ['nowhere', but('at: akira\n', ''), 'f:6:1 at: expected the name of a host in hosts, here, all, or a list of them, found nothing'],
  [
    'an empty list of hosts',
    but('akira', '[]'),
    'f:6:5 at: expected the name of a host in hosts, here, all, or a list of them, found an empty list',
  ],
  [
    'no such host in a list',
    but('akira', '[here, kanda]'),
    'f:6:12 at[1]: expected the name of a host in hosts, here or all, found "kanda" (did you mean "kaneda"?)',
  ],
  ['a host that is a number', but('akira', '1'), 'f:6:5 at: expected the name of a host in hosts, here or all, found 1'],
  [
    'a host that is nothing',
    but('akira', '[here, ~]'),
    'f:6:12 at[1]: expected the name of a host in hosts, here, all, or a list of them, found nothing',
  ],
  ['a host twice', but('akira', '[here, here]'), 'f:6:12 at[1]: expected each host once, found "here"'],
  [
    'nothing asked',
    but('ask:\n  command: systemctl is-active certbot.timer\n', ''),
    `f:6:1 ask: expected a mapping with ${KINDS}, found nothing`,
  ],
  [
    'a command without its word',
    but('ask:\n  command:', 'ask:'),
    `f:7:6 ask: expected a mapping with ${KINDS}, found "systemctl is-active certbot.timer"`,
  ],
  [
    'two questions',
    asking('  command: x\n  file: /y'),
    'f:9:3 ask.file: expected one question (command is one already; another needs another file), found "file"',
  ],
  ['an empty command', asking('  command: " "'), 'f:8:12 ask.command: expected a command, found " "'],
  ['no time', asking('  command: x\n  seconds: 0'), 'f:9:12 ask.seconds: expected a whole number of seconds from 1 to 600, found 0'],
  ['sudo of a file', asking('  file: /x\n  sudo: true'), 'f:9:3 ask.sudo: expected one of file, found "sudo"'],
  [
    'sudo, misspelled',
    asking('  command: x\n  sudp: true'),
    'f:9:3 ask.sudp: expected one of command, sudo, seconds, found "sudp" (did you mean "sudo"?)',
  ],
  ['a relative path', asking('  file: etc/x'), 'f:8:9 ask.file: expected an absolute path without white space, found "etc/x"'],
  [
    'a URL without scheme',
    asking('  http: example.net'),
    'f:8:9 ask.http: expected an http or https address, such as https://cloud.example.net/status.php, found "example.net"',
  ],
  [
    'a URL with a password',
    asking('  http: https://a:b@example.net'),
    'f:8:9 ask.http: expected an address without user:password, found something else (not shown: it may be a secret)',
  ],
  [
    'a method that changes things',
    asking('  http: https://example.net\n  method: POST'),
    'f:9:11 ask.method: expected GET or HEAD, found "POST"',
  ],
  ['an option for a name', asking('  dns: -x'), 'f:8:8 ask.dns: expected a DNS name, found "-x"'],
  [
    'an unknown record type',
    asking('  dns: example.net\n  type: AAA'),
    'f:9:9 ask.type: expected A, AAAA, CAA, CNAME, MX, NS, PTR, SOA, SRV or TXT, found "AAA" (did you mean "AAAA"?)',
  ],
  [
    'a port without a host',
    asking('  tcp: 5432'),
    'f:8:8 ask.tcp: expected a host and a port, such as 127.0.0.1:5432 or [::1]:5432, found 5432',
  ],
  [
    'a host without a port',
    asking('  tcp: db'),
    'f:8:8 ask.tcp: expected a host and a port, such as 127.0.0.1:5432 or [::1]:5432, found "db"',
  ],
  [
    'a unit without its kind',
    asking('  unit: caddy'),
    'f:8:9 ask.unit: expected a unit such as caddy.service, found "caddy" (did you mean "caddy.service"?)',
  ],
  ['a container of shell', asking('  container: $(id)'), 'f:8:14 ask.container: expected a container\'s name, found "$(id)"'],
  ['a port beyond ports', asking('  port: 65536'), 'f:8:9 ask.port: expected a port from 1 to 65535, found 65536'],
  [
    'nothing expected',
    expecting('  {}'),
    'f:10:3 expect: expected a mapping with at least one expectation, such as equals:, found an empty mapping',
  ],
  [
    'an expectation that is a text',
    but('\n  equals: active', ' active'),
    'f:9:9 expect: expected a mapping with at least one expectation, such as equals:, found "active"',
  ],
  ['what another kind has', expecting('  mode: 600'), `f:10:3 expect.mode: expected one of ${COMMAND}, found "mode"`],
  ['a list that equals', expecting('  equals: [a]'), 'f:10:11 expect.equals: expected a text, a number, true or false, found a list'],
  ['a text that is a number', expecting('  at_least: "3"'), 'f:10:13 expect.at_least: expected a number, found "3"'],
  [
    'no number is between',
    expecting('  at_least: 3\n  at_most: 2'),
    'f:11:12 expect.at_most: expected at least 3, as at_least says, found 2',
  ],
  [
    'half an expression',
    expecting('  matches: (a'),
    'f:10:12 expect.matches: expected a regular expression as RE2 and Go have them (missing closing ): `(a`), found "(a"',
  ],
  [
    'half an expression in a list',
    expecting('  matches: [a, "[b"]'),
    'f:10:16 expect.matches[1]: expected a regular expression as RE2 and Go have them (missing closing ]: `[b`), found "[b"',
  ],
  [
    'a lookahead',
    expecting('  matches: a(?!b)'),
    'f:10:12 expect.matches: expected a regular expression as RE2 and Go have them (invalid or unsupported Perl syntax: `(?!`), found "a(?!b)"',
  ],
  [
    'a reference back',
    expecting('  not: { matches: (a)\\1 }'),
    'f:10:19 expect.not.matches: expected a regular expression as RE2 and Go have them (invalid escape sequence: `\\1`), found "(a)\\\\1"',
  ],
  ['an empty text to contain', expecting('  contains: ""'), 'f:10:13 expect.contains: expected a text, or a list of them, found ""'],
  [
    'not, of what it has not',
    expecting('  not: { at_least: 3 }'),
    'f:10:10 expect.not.at_least: expected one of equals, contains, matches, found "at_least"',
  ],
  [
    'absent, and yet',
    expecting('  absent: true\n  equals: x'),
    'f:11:3 expect.equals: expected nothing beside absent: true, found "equals"',
  ],
  ['absent, perhaps', expecting('  absent: maybe'), 'f:10:11 expect.absent: expected true or false, found "maybe"'],
  [
    'a name that is not there, as getent sees it',
    asking('  dns: x.example.net').replace('equals: active', 'absent: true'),
    "f:7:1 ask.type: expected a record type, such as A: only a DNS server's own answer tells that a name is not there, found nothing",
  ],
  [
    'a path that is none',
    expecting('  json:\n    a..b: 1'),
    'f:11:5 expect.json["a..b"]: expected a path such as data[0].id, found "a..b"',
  ],
  [
    'a path without its value',
    expecting('  json: data[0].id'),
    'f:10:9 expect.json: expected a mapping of paths such as data[0].id, found "data[0].id"',
  ],
  [
    'json, misspelled',
    expecting('  json:\n    a: { equal: 1 }'),
    'f:11:10 expect.json.a.equal: expected one of equals, contains, matches, at_least, at_most, not, absent, found "equal" (did you mean "equals"?)',
  ],
  ['an exit code that is a list', expecting('  exit: [1]'), 'f:10:9 expect.exit: expected a text, a number, or a mapping, found a list'],
  ['a control character', but('Start it.', '"\\e[31m"'), 'f:11:9 advice: expected text without control characters, found "\\u001b[31m"'],
  [
    'a secret',
    asking('  command: curl -H hunter2'),
    'f:8:12 ask.command: expected no secret, found what looks like one (not shown): it would show in `ps` on the host. Let the command read it there',
  ],
  ['errors that are one text', `${GOOD}\nerrors: x`, 'f:12:9 errors: expected a list of texts, found "x"'],
  [
    'a merge key',
    `x: &x {}\n${GOOD}\n<<: *x`,
    'f:6:1 x: expected one of title, at, ask, expect, severity, advice, errors, found "x"',
    'f:13:1 ["<<"]: expected another key, found "<<"',
  ],
];
test.each(BLOCKS)('refused: %s', (_, block, ...messages) => {
  expect(problems(entry(block))).toEqual(messages);
});

const judged = (block: string, answer: Answer | Lost) => {
  const check: Check = checkOf('REX-41', 'rex/REX-41.md', told(entry(block)));
  const [need] = needsOf(sample, [check], asDeclared);
  if (!need) throw new Error('it asks nothing');
  const evidence = [{ vantage: need.question.at, at: 0, answers: new Map([[need.key, answer]]) }];
  const [result] = examine(sample, [check], evidence, asDeclared, 0).results;
  switch (result?.status) {
    case 'fail':
    case 'warn':
      return [result.status, ...result.findings.flatMap(({ saw, want }) => [saw, want])];
    case 'unknown':
      return [result.status, ...result.lost.map(({ lost, why }) => `${lost}: ${why.replace(/^\S+ at \S+: /, '')}`)];
    default:
      return [result?.status];
  }
};
const says = (out: string, code = 0, err = ''): Answer => ({ code, out, err });

const LIST = '{"data":[{"id":"a","n":3},{"id":"b"}],"a.b":{"ok":true},"none":null}';
const PAGE =
  'HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=300\r\nvia: a\r\nVia: b\r\n\r\n{"installed":true}\n200';
const FILE = '644 root:root 9f86d081\nserver_tokens on;\nuser www;';
const STAT = '644 root:root';
const UNIT =
  'LoadState=loaded\nActiveState=active\nSubState=running\nNRestarts=4\nFragmentPath=/x\nActiveEnterTimestamp=@1\nUnitFileState=disabled\nResult=success';
const DIG = (status: string, ...lines: readonly string[]): string =>
  [`;; Got answer:`, `;; ->>HEADER<<- opcode: QUERY, status: ${status}, id: 1`, ...lines].join('\n');
const PASS = ['pass'];
type Row = readonly [ask: string, expectation: string, answer: Answer | Lost, result: readonly (string | undefined)[]];
const ROWS: readonly Row[] = [
  // A command: what it prints.
  ['command: x', 'equals: active', says('active'), PASS],
  ['command: x', 'equals: active', says('  active \n'), PASS],
  ['command: x', 'equals: active', says('inactive', 3), ['fail', 'inactive', 'active']],
  ['command: x', 'equals: 4', says('4.0'), PASS],
  ['command: x', 'equals: "4"', says('4.0'), ['fail', '4.0', '4']],
  ['command: x', 'equals: true', says('true'), PASS],
  ['command: x', 'contains: b c', says('a\nb c'), PASS],
  ['command: x', 'contains: [a, z]', says('a\nb  c'), ['fail', 'a b c', 'text with "z"']],
  ['command: x', 'matches: ^b$', says('a\nb\nc'), PASS],
  ['command: x', 'matches: ^(A|[0-9]+)$', says('abc'), ['fail', 'abc', 'text like /^(A|[0-9]+)$/']],
  ['command: x', 'at_most: 90', says('87%'), PASS],
  ['command: x', 'at_most: 80', says('87%'), ['fail', '87%', 'a number up to 80']],
  ['command: x', '{ at_least: 3, at_most: 5 }', says('2'), ['fail', '2', 'a number from 3']],
  ['command: x', 'at_least: 0', says(''), ['fail', 'nothing', 'a number from 0']],
  ['command: x', 'at_least: 0', says('0x10'), ['fail', '0x10', 'a number from 0']],
  ['command: x', 'not: { contains: error }', says('fine'), PASS],
  ['command: x', 'not: { contains: error }', says('fine\nan error here\nfine'), ['fail', 'an error here', 'no "error" in it']],
  ['command: x', 'not: { matches: "(?i)ERROR" }', says('fine\nan error'), ['fail', 'an error', 'nothing like /(?i)ERROR/']],
  ['command: x', 'not: { equals: dead }', says('dead'), ['fail', 'dead', 'anything but dead']],
  ['command: x', '{ contains: a, not: { contains: b } }', says('b'), ['fail', 'b', 'text with "a"; no "b" in it']],
  ['command: x', 'absent: true', says('', 1), PASS],
  ['command: x', 'absent: true', says('one\ntwo'), ['fail', 'one two', 'nothing there']],
  ['command: x', 'absent: false', says(' '), ['fail', 'nothing', 'something there']],
  ['command: x', 'exit: 3', says('inactive', 3), PASS],
  ['command: x', 'exit: 0', says('', 1, 'it broke'), ['fail', 'exit 1', 'exit 0']],
  ['command: x', 'json: { data: { absent: false } }', says(LIST), PASS],
  ['command: x', 'equals: x', says('x'.repeat(1000)), ['fail', `${'x'.repeat(199)}… (1000 characters)`, 'x']],
  // One that complains and fails has not answered; unless its exit code is an answer.
  [
    'command: x',
    'not: { contains: error }',
    says('', 1, 'No journal files were opened due to insufficient permissions.'),
    ['unknown', 'unreadable: exit 1: No journal files were opened due to insufficient permissions.'],
  ],
  ['command: x', 'absent: true', says('', 127, 'sh: x: not found'), ['unknown', 'unsupported: sh: x: not found']],
  ['command: x', 'exit: 124', says('', 124), ['unknown', 'timeout: timed out']],
  ['command: x', 'absent: true', { lost: 'unreachable', why: 'no way' }, ['unknown', 'unreachable: no way']],
  // JSON.
  ['command: x', 'json: { "data[1].id": b }', says(LIST), PASS],
  ['command: x', 'json: { "data[0].n": { at_least: 3 } }', says(LIST), PASS],
  ['command: x', `json: { '["a.b"].ok': true }`, says(LIST), PASS],
  ['command: x', 'json: { "none": "null" }', says(LIST), PASS],
  ['command: x', 'json: { data: { contains: \'"id":"b"\' } }', says(LIST), PASS],
  ['command: x', 'json: { "data[2]": { absent: true } }', says(LIST), PASS],
  ['command: x', 'json: { "data[1].id": { absent: true } }', says(LIST), ['fail', 'data[1].id b', 'no data[1].id']],
  [
    'command: x',
    'json: { "data[2].id": c, "data[0].id": b }',
    says(LIST),
    ['fail', 'no data[2].id; data[0].id a', 'data[2].id c; data[0].id b'],
  ],
  ['command: x', 'json: { __proto__x: a, toString: { absent: true } }', says('{}'), ['fail', 'no __proto__x', '__proto__x a']],
  ['command: x', 'json: { a: b }', says('<html>'), ['fail', 'what is not JSON: <html>', 'JSON, with a b']],
  // A file.
  ['file: /etc/x', 'mode: 644', says(STAT), PASS],
  ['file: /etc/x', 'mode: "0644"', says(STAT), PASS],
  ['file: /etc/x', '{ mode: 644, matches: ^user }', says(FILE), PASS],
  ['file: /etc/x', '{ mode: 600, owner: root:root }', says(STAT), ['fail', 'mode 644', 'mode 600']],
  ['file: /etc/x', 'not: { contains: server_tokens on }', says(FILE), ['fail', 'server_tokens on;', 'no "server_tokens on" in it']],
  ['file: /etc/x', 'not: { contains: server_tokens on }', says('absent'), ['fail', '/etc/x is not there', 'no "server_tokens on" in it']],
  ['file: /etc/x', 'absent: true', says('absent'), PASS],
  ['file: /etc/x', 'absent: true', says(STAT), ['fail', '644 root:root', 'nothing there']],
  ['file: /etc/x', 'absent: false', says(STAT), PASS],
  ['file: /etc/x', 'absent: true', says('', 1, 'stat: Permission denied'), ['unknown', 'unreadable: exit 1: stat: Permission denied']],
  // HTTP.
  ['http: https://example.net/', '{ status: 200, protocol: 1.1 }', says(PAGE), PASS],
  ['http: https://example.net/', 'json: { installed: true }', says(PAGE), PASS],
  [
    'http: https://example.net/',
    'headers: { strict-transport-security: { matches: "max-age=[0-9]{3}" }, via: "a, b", x-powered-by: { absent: true } }',
    says(PAGE),
    PASS,
  ],
  [
    'http: https://example.net/',
    'headers: { server: { absent: false }, Via: { absent: true } }',
    says(PAGE),
    ['fail', 'no header server; header Via: a, b', 'header server: there; no header Via'],
  ],
  ['http: https://example.net/', 'status: { at_least: 300, at_most: 399 }', says(PAGE), ['fail', 'status 200', 'status a number from 300']],
  ['http: https://example.net/', 'status: 204', says('HTTP/2 204 \r\nx: y\r\n\r\n\n204'), PASS],
  ['http: https://example.net/', 'status: 200', says('', 7, 'curl: (7)'), ['fail', 'connection refused', 'status 200']],
  ['http: https://example.net/', 'absent: true', says('', 28), PASS],
  ['http: https://example.net/', 'absent: true', says('', 60), ['fail', 'no TLS', 'nothing there']],
  ['http: https://example.net/', 'absent: true', says('', 6), ['unknown', 'unreadable: the name has no address there']],
  ['http: https://example.net/', 'status: 200', says('', 127), ['unknown', 'unsupported: curl is not installed there']],
  // DNS.
  ['dns: example.net', 'contains: 10.0.0.1', says('10.0.0.1\nfd00::1'), PASS],
  ['dns: example.net', 'equals: 10.0.0.1', says(''), ['fail', 'example.net has no address', '10.0.0.1']],
  [
    'dns: example.net\n  type: MX',
    'equals: 10 mail.example.net',
    says(DIG('NOERROR', 'example.net.\t300\tIN\tMX\t10 mail.example.net.')),
    PASS,
  ],
  [
    'dns: www.example.net\n  type: A',
    'equals: 10.0.0.1',
    says(DIG('NOERROR', 'www.example.net. 1 IN CNAME example.net.', 'example.net. 1 IN A 10.0.0.1')),
    PASS,
  ],
  ['dns: example.net\n  type: TXT', 'equals: "v=spf1 -all"', says(DIG('NOERROR', 'example.net.\t3\tIN\tTXT\t"v=spf1 " "-all"')), PASS],
  ['dns: example.net\n  type: A\n  server: 10.0.0.53', 'absent: true', says(DIG('NXDOMAIN')), PASS],
  ['dns: example.net\n  type: A', 'absent: true', says(DIG('SERVFAIL')), ['unknown', 'unreadable: the DNS server said SERVFAIL']],
  [
    'dns: example.net\n  type: A',
    'absent: true',
    says(';; no servers could be reached', 9),
    ['unknown', 'unreadable: no servers could be reached'],
  ],
  // A port to connect to.
  ['tcp: db:5432', 'equals: open', says(''), PASS],
  ['tcp: "[::1]:5432"', 'equals: open', says('', 1, 'bash: connect: Connection refused'), ['fail', 'connection refused', 'open']],
  ['tcp: db:5432', 'absent: true', says('', 124), PASS],
  ['tcp: db:5432', 'absent: true', says(''), ['fail', 'open', 'nothing there']],
  [
    'tcp: db:5432',
    'absent: true',
    says('', 1, 'bash: db: Name or service not known'),
    ['unknown', 'unreadable: exit 1: bash: db: Name or service not known'],
  ],
  // A unit, a container, who listens.
  [
    'unit: x.service',
    '{ equals: active, enabled: enabled, restarts: { at_most: 3 } }',
    says(UNIT),
    ['fail', 'enabled disabled; restarts 4', 'enabled enabled; restarts a number up to 3'],
  ],
  ['unit: x.service', 'equals: active', says(UNIT.replace('loaded', 'not-found')), ['fail', 'there is no unit x.service', 'active']],
  ['unit: x.service', 'absent: true', says(UNIT), ['fail', 'active', 'nothing there']],
  [
    'container: web',
    '{ equals: running, image: { matches: ":2[.]" }, restart: always }',
    says('docker\trunning\tcaddy:2.8\tbridge\talways'),
    PASS,
  ],
  [
    'container: web',
    '{ equals: running, network: host }',
    says('podman\texited\tcaddy:2\tbridge\t'),
    ['fail', 'exited; network bridge', 'running; network host'],
  ],
  ['container: web', 'absent: true', says('absent'), PASS],
  [
    'container: web',
    'absent: true',
    says('', 127, 'neither podman nor docker is installed there'),
    ['unknown', 'unsupported: neither podman nor docker is installed there'],
  ],
  ['port: 4000', 'equals: 127.0.0.1', says('LISTEN 0 1 127.0.0.1:4000 0.0.0.0:*'), PASS],
  [
    'port: 4000',
    'not: { matches: "^(0[.]|[*]|::$)" }',
    says('LISTEN 0 1 0.0.0.0:4000 0.0.0.0:*'),
    ['fail', '0.0.0.0', 'nothing like /^(0[.]|[*]|::$)/'],
  ],
  ['port: 4000', 'absent: true', says(''), PASS],
  ['port: 4000', 'equals: 127.0.0.1', says(''), ['fail', 'nothing listens on 4000', '127.0.0.1']],
];
test.each(ROWS)('%s, expecting %s', (ask, expectation, answer, result) => {
  expect(judged(asking(`  ${ask}`).replace('  equals: active', `  ${expectation}`), answer)).toEqual(result);
});

test('severity: a warning', () => {
  expect(judged(`${GOOD}\nseverity: warn`, says('dead'))).toEqual(['warn', 'dead', 'active']);
});

test('a case for each place, each host once; the finding says what to do and how to see it', () => {
  const check = checkOf('REX-41', 'rex/REX-41.md', told(entry(but('akira', '[here, all, akira]'))));
  expect(check.each(sample, asDeclared).map(({ subject }) => subject)).toEqual(['here', 'akira']);
  const [, akira] = examine(sample, [check], [], asDeclared, 0).results;
  expect(akira?.status).toBe('unknown');
  const [need] = needsOf(sample, [check], asDeclared).slice(1);
  const evidence = [{ vantage: 'akira', at: 0, answers: new Map([[need?.key ?? '', says('inactive', 3)]]) }];
  expect(examine(sample, [check], evidence, asDeclared, 0).results[1]).toMatchObject({
    id: 'rex/REX-41@akira',
    findings: [{ severity: 'fail', advice: 'Start it.', reproduce: "ssh ops@100.64.0.14 'systemctl is-active certbot.timer'" }],
  });
});

test('what fabric asks as root elsewhere, it asks here as who runs it; a command, as its author says', () => {
  const asked = (place: string, ask: string) => {
    const block = asking(`  ${ask}`).replace('akira', place).replace('equals: active', 'absent: false');
    const [need] = needsOf(sample, [checkOf('REX-41', 'f', told(entry(block)))], asDeclared);
    return [need?.question.via === 'sh' && need.question.sudo, need?.key];
  };
  expect(asked('akira', 'file: /etc/x')).toEqual([true, 'standing/etc/x']);
  expect(asked('here', 'file: /etc/x')).toEqual([undefined, 'plain/standing/etc/x']);
  expect(asked('here', 'container: web')).toEqual([undefined, 'plain/any-container/web']);
  expect(asked('here', 'command: x y\n  sudo: true')[0]).toBe(true);
  expect(asked('akira', 'command: x y')).toEqual([undefined, expect.stringMatching(/^command\/x-y\/[0-9a-f]{8}$/)]);
});

test('an expression that would take a backtracking engine for ever takes no time', () => {
  const began = performance.now();
  expect(judged(expecting('  matches: ^(a+)+$'), says(`${'a'.repeat(50_000)}!`))[0]).toBe('fail');
  expect(performance.now() - began).toBeLessThan(2000);
});

test.each([
  ['a', ['a']],
  ['data[0].id', ['data', 0, 'id']],
  ['[1][2]', [1, 2]],
  ['["a.b \\"c"].d', ['a.b "c', 'd']],
  ['a-b_c.é', ['a-b_c', 'é']],
  ['', null],
  ['.a', null],
  ['a.', null],
  ['a..b', null],
  ['a[b]', null],
  ['a[0]b', null],
  ['a b', null],
])('the path %s', (path, steps) => {
  expect(parsePath(path)).toEqual(steps);
});
test('a path through what has no parts', () => {
  expect(at({ a: 'text' }, ['a', 'length'])).toBe(undefined);
  expect(at([1], ['length'])).toBe(undefined);
  expect(at(null, ['a'])).toBe(undefined);
});
