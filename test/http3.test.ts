// HTTP/3 without curl: streams as Caddy 2.11.4 sent them, and nobody there.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { type Http3Question, isLost } from '../src/evidence.ts';
import { readAnswer } from '../src/hosts/http3.ts';
import { ask } from '../src/hosts/http3-apart.ts';
import { questionText } from '../src/reproduce.ts';

/** Behind the status: server, content-type, date, content-length. */
const REST = '5f4d84bc3924f52df2b507aa6f9b1c6490b2cd39ba75a29a8f5f6b109b7bf8f3ebd802265a6dc75e7f';
const headers = (status: string): string => {
  const payload = `0000${status}${REST}`;
  return `01${(payload.length / 2).toString(16).padStart(2, '0')}${payload}`;
};
const DATA = `000c${Buffer.from('hello marker').toString('hex')}`;
test.each([
  ['200, of the static table', headers('d9') + DATA, 200, 'hello marker'],
  ['403, of its second half', headers('ff05'), 403, ''],
  ['425', headers('ff07'), 425, ''],
  ['502, packed by Huffman’s code', headers('5f09826c02'), 502, ''],
  ['301', headers('5f09826401c4'.slice(0, 10)), 301, ''],
  ['401', headers('5f09826801'), 401, ''],
  ['418, as it is', headers(`5f0903${Buffer.from('418').toString('hex')}`), 418, ''],
  ['103 and then 200, in two frames of text', headers('d8') + headers('d9') + DATA + DATA, 200, 'hello markerhello marker'],
  ['trailers, and a frame of a kind that is nobody’s', `21024142${headers('d9')}${DATA}${headers('ff05')}`, 200, 'hello marker'],
  ['cut short', headers('d9') + DATA.slice(0, 12), 200, 'hell'],
])('%s', (_, stream, status, body) => {
  const answer = readAnswer(Buffer.from(stream, 'hex'));
  expect([answer.status, answer.body.toString()]).toEqual([status, body]);
});
test.each([
  ['nothing', ''],
  ['no headers', DATA],
  ['another field first', '0104000051'],
])('%s is no answer', (_, stream) => expect(() => readAnswer(Buffer.from(stream, 'hex'))).toThrow(/answer|status/));

test.each([
  ['203.0.113.14', 'a.lab.test:443:203.0.113.14'],
  ['2001:db8:1::14', "'a.lab.test:443:[2001:db8:1::14]'"],
])('as a shell would ask %s', (to, written) =>
  expect(questionText({ at: 'here', via: 'http3', to, port: 443, name: 'a.lab.test', path: '/x', marker: null })).toBe(
    `curl --http3-only -k --resolve ${written} https://a.lab.test:443/x`,
  ),
);

const NOBODY: Http3Question = {
  at: 'here',
  via: 'http3',
  to: '127.0.0.1',
  port: 9,
  name: 'a.lab.test',
  path: '/',
  marker: null,
  seconds: 1,
};
test('nobody is there: what curl would print', async () => {
  const answer = await ask(NOBODY, new URL('../dist/http3-program.js', import.meta.url));
  // Where the optional part is not for this machine, it says so.
  if (isLost(answer)) expect(answer.lost).toBe('unsupported');
  else expect([answer.code === 28 || answer.code === 7, answer.out]).toEqual([true, '000 0 0 0.000000 0.000000']);
});

const folder = mkdtempSync(join(tmpdir(), 'fabric-http3-'));
afterAll(() => rmSync(folder, { recursive: true }));
const THROWS = `setImmediate(() => { throw new Error('InvalidStreamState(3)'); });`;
test.each([
  [
    'answers, and then throws where nobody catches it',
    `process.stdout.write('{"code":0,"out":"200","err":""}', () => { ${THROWS} });`,
    { out: '200' },
  ],
  [
    'throws before it answers',
    THROWS,
    { lost: 'unreadable', why: 'the QUIC library ended before it answered: Error: InvalidStreamState(3)' },
  ],
  ['aborts', 'process.abort();', { lost: 'unreadable', why: expect.stringContaining('the QUIC library ended before it answered') }],
])('a library that %s does not end fabric', async (_, program, answer) => {
  const file = join(folder, 'program.mjs');
  writeFileSync(file, program);
  expect(await ask(NOBODY, pathToFileURL(file))).toMatchObject(answer);
});

test('as a person asks it, by IPv6', () =>
  expect(questionText({ at: 'here', via: 'http3', to: '2001:db8::14', port: 443, name: 'a.lab.test', path: '/x', marker: null })).toBe(
    "curl --http3-only -k --resolve 'a.lab.test:443:[2001:db8::14]' https://a.lab.test:443/x",
  ));
