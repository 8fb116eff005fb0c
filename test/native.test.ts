// What is asked from this machine without a tool, of servers that answer as real ones do and of some that do not.
import { createSocket, type Socket } from 'node:dgram';
import { afterEach, expect, test } from 'vitest';
import { isLost, type Native, type Probe } from '../src/evidence.ts';
import { collect } from '../src/hosts/collect.ts';
import { askNatively } from '../src/hosts/native.ts';
import { fabricOf, SAMPLE } from './sample.ts';

const open: Socket[] = [];
afterEach(() => {
  for (const socket of open.splice(0)) socket.close();
});
/** A server on loopback, and its port. */
const serving = async (answer: (datagram: Buffer) => Buffer | null, family: 'udp4' | 'udp6' = 'udp4'): Promise<number> => {
  const socket = createSocket(family);
  open.push(socket);
  socket.on('message', (datagram, from) => {
    const reply = answer(datagram);
    if (reply) socket.send(reply, from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, family === 'udp4' ? '127.0.0.1' : '::1', resolve));
  return socket.address().port;
};
const asked = async (port: number, to = '127.0.0.1', seconds = 5): Promise<string> => {
  const answer = await askNatively({ at: 'here', via: 'quic', to, port, seconds }, undefined);
  return isLost(answer) ? `lost: ${answer.lost}` : `${answer.code} ${answer.out}${answer.err}`;
};

/** RFC 9000, 17.2.1, as quic-go answers it: ids swapped, then the versions. */
const negotiated = (datagram: Buffer): Buffer | null => {
  if (datagram.length < 1200 || ((datagram[0] ?? 0) & 0xc0) !== 0xc0 || datagram.readUInt32BE(1) === 1) return null;
  const to = datagram.subarray(5, 6 + (datagram[5] ?? 0));
  const from = datagram.subarray(5 + to.length, 6 + to.length + (datagram[5 + to.length] ?? 0));
  return Buffer.concat([Buffer.from([0x80, 0, 0, 0, 0]), from, to, Buffer.from('000000016b3343cfaaaaaaaa', 'hex')]);
};

test('QUIC is spoken there, in both families', async () => {
  expect(await asked(await serving(negotiated))).toBe('0 negotiation 00000001 6b3343cf aaaaaaaa');
  expect(await asked(await serving(negotiated, 'udp6'), '::1')).toBe('0 negotiation 00000001 6b3343cf aaaaaaaa');
});

test('a datagram that is lost is sent again', async () => {
  let heard = 0;
  const port = await serving((datagram) => {
    heard += 1;
    return heard === 1 ? null : negotiated(datagram);
  });
  expect(await asked(port, '127.0.0.1', 2)).toMatch(/^0 negotiation /);
});

test.each([
  ['nothing', () => null, '0 silent'],
  ['something else', () => Buffer.from('hello'), '0 strange 68656c6c6f'],
  [
    'versions for another connection',
    (it: Buffer) => negotiated(Buffer.from(it.map((byte, n) => (n === 8 ? byte ^ 1 : byte)))),
    '0 strange ',
  ],
  ['no versions', (it: Buffer) => negotiated(it)?.subarray(0, 23) ?? null, '0 strange '],
] as const)('a server that answers %s', async (_, answer, said) => {
  expect((await asked(await serving(answer), '127.0.0.1', 1)).slice(0, said.length)).toBe(said);
});

test('nobody is there', async () => {
  const port = await serving(() => null);
  await new Promise<void>((resolve) => open.pop()?.close(() => resolve()));
  expect(await asked(port)).toBe('0 refused');
});

test.each([
  ['which answers', { code: 0, out: '#fabric-evidence/1 here 1\n= date 0\n| now\n. end\n', err: '' }, { code: 0, out: 'now', err: '' }],
  ['which is lost', { lost: 'timeout', why: 'late' } as const, { lost: 'timeout', why: 'late' }],
])('it is asked beside the shell, %s', async (_, said, date) => {
  const port = await serving(negotiated);
  const probes: readonly Probe<unknown>[] = [
    { key: 'date', question: { at: 'here', via: 'sh', script: 'date' }, read: String },
    { key: 'quic', question: { at: 'here', via: 'quic', to: '127.0.0.1', port }, read: String },
  ];
  const connector = async () => ({ exec: async () => said, close: async () => {} });
  const heard = await collect(probes, { fabric: fabricOf(SAMPLE), keyring: new Map(), connector, now: () => 1 });
  expect(heard.map(({ answers }) => [answers.get('date'), answers.get('quic')])).toEqual([
    [date, { code: 0, out: 'negotiation 00000001 6b3343cf aaaaaaaa', err: '' }],
  ]);
});

test('where a tool is not there, we ask in its place; what we cannot ask either stays as it was said', async () => {
  const port = await serving(negotiated);
  const asking = (key: string, otherwise: Native): Probe<unknown> => ({
    key,
    question: { at: 'here', via: 'sh', script: key, otherwise },
    read: String,
  });
  const quic = { at: 'here', via: 'quic', to: '127.0.0.1', port } as const;
  const stream = ['missing', 'neither', 'there']
    .map((key) => `= ${key} ${key === 'there' ? 0 : 127}\n${key === 'there' ? '|' : '!'} said\n`)
    .join('');
  const said = { code: 0, out: `#fabric-evidence/1 here 1\n${stream}. end\n`, err: '' };
  const connector = async () => ({ exec: async () => said, close: async () => {} });
  const probes = [asking('missing', quic), asking('neither', { at: 'here', via: 'store', secret: 'KEY' }), asking('there', quic)];
  const [heard] = await collect(probes, { fabric: fabricOf(SAMPLE), keyring: new Map(), connector, now: () => 1 });
  expect([...(heard?.answers ?? [])]).toEqual([
    ['missing', { code: 0, out: 'negotiation 00000001 6b3343cf aaaaaaaa', err: '' }],
    ['neither', { code: 127, out: '', err: 'said; stores are asked where a fabric.yaml names them' }],
    ['there', { code: 0, out: 'said', err: '' }],
  ]);
});
