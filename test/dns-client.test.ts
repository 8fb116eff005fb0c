// The DNS client: against servers of every kind, and against packets that no server should send.
import { createSocket, type RemoteInfo } from 'node:dgram';
import { getServers, setServers } from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
import { createServer, type Socket } from 'node:net';
import { encode } from 'dns-packet';
import { afterAll, describe, expect, test } from 'vitest';
import { type Answer, type DnsQuestion, isLost, type Lost } from '../src/evidence.ts';
import { dig, digAt, readReply } from '../src/hosts/dns.ts';

const NAME = 'mayi.example.net';
const asked = (more: Partial<DnsQuestion> = {}): DnsQuestion => ({
  at: 'here',
  via: 'dns',
  server: '127.0.0.1',
  name: NAME,
  type: 'A',
  transport: 'udp',
  seconds: 10,
  ...more,
});

/** `reply`, `question` and all: what a server sends back. */
const answered = (query: Buffer, flags: number, answers: readonly Buffer[] = [], more = 0): Buffer => {
  const end = query.indexOf(0, 12) + 5; // header and question
  const head = Buffer.from(query.subarray(0, end));
  head.writeUInt16BE(0x8000 | flags, 2);
  head.writeUInt16BE(answers.length + more, 6);
  head.writeUInt16BE(0, 8);
  head.writeUInt16BE(0, 10);
  return Buffer.concat([head, ...answers]);
};
const record = (type: number, ttl: number, data: Buffer): Buffer => {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(ttl, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
};
const A = record(1, 600, Buffer.from([100, 64, 0, 14]));
const OWN = 0x0400 | 0x0100 | 0x0080; // aa rd ra

const open: (() => void)[] = [];
afterAll(() => {
  for (const close of open) close();
});
type OnPacket = (query: Buffer, reply: (packet: Buffer) => void, from: RemoteInfo) => void;
const udp = (on: OnPacket, address = '127.0.0.1'): Promise<number> =>
  new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.on('message', (query, from) => on(query, (packet) => socket.send(packet, from.port, from.address), from));
    open.push(() => socket.close());
    socket.bind(0, address, () => resolve(socket.address().port));
  });
const tcp = (on: (query: Buffer, socket: Socket) => void, port = 0): Promise<number> =>
  new Promise((resolve) => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => {});
      socket.on('data', (data) => on(data.subarray(2), socket));
    });
    open.push(() => {
      for (const one of sockets) one.destroy();
      server.close();
    });
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : 0);
    });
  });
const framed = (packet: Buffer): Buffer => {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(packet.length);
  return Buffer.concat([length, packet]);
};
const lines = (answer: Answer | Lost): readonly string[] =>
  isLost(answer)
    ? [`lost ${answer.lost}: ${answer.why}`]
    : answer.out
        .split('\n')
        .filter((line) => !/Query time|SERVER/.test(line))
        .map((line) => line.replace(/id: \d+/, 'id: 1'));

describe('a server that answers', () => {
  test('over UDP: what dig prints', async () => {
    const port = await udp((query, reply) => reply(answered(query, OWN, [A])));
    const answer = await digAt(asked(), '127.0.0.1', port);
    expect(lines(answer)).toEqual([
      ';; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 1',
      ';; flags: qr aa rd ra; QUERY: 1, ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 0',
      'mayi.example.net.\t600\tIN\tA\t100.64.0.14',
    ]);
    expect(isLost(answer) ? '' : answer.out).toMatch(/^;; SERVER: 127\.0\.0\.1#\d+\(127\.0\.0\.1\) \(UDP\)$/m);
  });

  test('it is asked with EDNS, for recursion, for each type by its number, and with another id each time', async () => {
    const queries: Buffer[] = [];
    const port = await udp((query, reply) => {
      queries.push(query);
      reply(answered(query, OWN));
    });
    for (const type of ['A', 'AAAA', 'HTTPS'] as const) await digAt(asked({ type }), '127.0.0.1', port);
    expect(queries.map((query) => query.readUInt16BE(query.indexOf(0, 12) + 1))).toEqual([1, 28, 65]);
    for (const query of queries) {
      expect(query.readUInt16BE(2)).toBe(0x0100);
      expect(query.readUInt16BE(10)).toBe(1); // OPT, of 1232 bytes
      expect(query.subarray(query.indexOf(0, 12) + 5).subarray(0, 5)).toEqual(Buffer.from([0, 0, 41, 1232 >> 8, 1232 & 255]));
    }
    expect(new Set(queries.map((query) => query.readUInt16BE(0))).size).toBeGreaterThan(1);
  });

  test('truncated: again over TCP, and that is the answer', async () => {
    const port = await tcp((query, socket) =>
      socket.write(
        framed(
          answered(
            query,
            OWN,
            Array.from({ length: 200 }, () => A),
          ),
        ),
      ),
    );
    const socket = createSocket('udp4');
    open.push(() => socket.close());
    socket.on('message', (query, from) => socket.send(answered(query, OWN | 0x0200), from.port, from.address));
    await new Promise<void>((resolve) => socket.bind(port, '127.0.0.1', resolve));
    const answer = lines(await digAt(asked(), '127.0.0.1', port));
    expect(answer[0]).toBe(';; Truncated, retrying in TCP mode.');
    expect(answer.filter((line) => line.includes('100.64.0.14'))).toHaveLength(200);
  });

  test.each([
    ['NXDOMAIN', OWN | 3],
    ['SERVFAIL', 2],
    ['REFUSED', 5],
    ['RCODE11', 11],
  ])('its status: %s', async (status, flags) => {
    const port = await udp((query, reply) => reply(answered(query, flags)));
    expect(lines(await digAt(asked(), '127.0.0.1', port))[0]).toBe(`;; ->>HEADER<<- opcode: QUERY, status: ${status}, id: 1`);
  });

  test('type 65 comes as its bytes; a name cannot end a line', async () => {
    const port = await udp((query, reply) =>
      reply(
        answered(query, OWN, [record(5, 1, Buffer.from('\x0ca\n;; flags b\x00', 'latin1')), record(65, 300, Buffer.from('000100', 'hex'))]),
      ),
    );
    expect(lines(await digAt(asked({ type: 'HTTPS' }), '127.0.0.1', port)).slice(2)).toEqual([
      'mayi.example.net.\t1\tIN\tCNAME\ta\\010\\059\\059\\032flags\\032b.',
      'mayi.example.net.\t300\tIN\tTYPE65\t\\# 3 000100',
    ]);
  });

  test('the first datagram is lost: asked again', async () => {
    let heard = 0;
    const port = await udp((query, reply) => {
      heard += 1;
      if (heard === 2) reply(answered(query, OWN, [A]));
    });
    expect(lines(await digAt(asked(), '127.0.0.1', port))).toHaveLength(3);
  });
});

test('each of this machine’s own resolvers, or the first that answers', async () => {
  const mute = await udp(() => {});
  const tells = await udp((query, reply) => reply(answered(query, OWN, [A])));
  const was = getServers();
  setServers([`127.0.0.1:${mute}`, `127.0.0.1:${tells}`]);
  syncBuiltinESMExports();
  try {
    const each = lines(await dig(asked({ server: 'each' })));
    expect(each.filter((line) => /^=|^;; no servers|100\.64/.test(line))).toEqual([
      `= 127.0.0.1:${mute}`,
      ';; no servers could be reached',
      `= 127.0.0.1:${tells}`,
      `${NAME}.\t600\tIN\tA\t100.64.0.14`,
    ]);
    expect(lines(await dig(asked({ server: 'os' }))).at(-1)).toBe(`${NAME}.\t600\tIN\tA\t100.64.0.14`);
  } finally {
    setServers(was);
    syncBuiltinESMExports();
  }
});

describe('a server that does not', () => {
  /** Waited for in full. Not so long that the question is put twice, nor so short that a busy machine hears nothing. */
  const briefly = (more: Partial<DnsQuestion> = {}): DnsQuestion => asked({ seconds: 1.9, ...more });
  const silent = [';; communications error to 127.0.0.1#PORT: timed out', ';; no servers could be reached'];
  const table: readonly (readonly [string, OnPacket | 'nobody', readonly (string | RegExp)[]])[] = [
    ['nobody there', 'nobody', [';; communications error to 127.0.0.1#PORT: connection refused', ';; no servers could be reached']],
    ['silence', () => {}, silent],
    [
      'the wrong id',
      (query, reply) => {
        const packet = answered(query, OWN, [A]);
        packet.writeUInt16BE(query.readUInt16BE(0) ^ 1, 0);
        reply(packet);
      },
      [/^lost unreadable: 127\.0\.0\.1 answered, and not the question: 1 datagram, the last: another id than the question’s$/],
    ],
    ['its own question back', (query, reply) => reply(query), [/the last: a question$/]],
    [
      'another name',
      (query, reply) =>
        reply(
          answered(Buffer.concat([query.subarray(0, 12), Buffer.from('\x04evil\x07example\x03net\0\0\x01\0\x01', 'latin1')]), OWN, [A]),
        ),
      [/the last: it answers about evil\.example\.net A$/],
    ],
    [
      'another type',
      (query, reply) => {
        const packet = answered(query, OWN, [A]);
        packet.writeUInt16BE(28, packet.indexOf(0, 12) + 1);
        reply(packet);
      },
      [/the last: it answers about mayi\.example\.net AAAA$/],
    ],
    [
      'a pointer to itself',
      (query, reply) => reply(answered(query, OWN, [Buffer.from('c022000100010000000000040102030', 'hex')])),
      [/cannot be read: Cannot decode name \(bad pointer\)$/],
    ],
    ['an answer that is cut off', (query, reply) => reply(answered(query, OWN, [A.subarray(0, 6)])), [/the last: it cannot be read: /]],
    [
      'records that are not there',
      (query, reply) => reply(answered(query, OWN, [], 60_000)),
      [/the last: it claims 1 \+ 60000 \+ 0 \+ 0 records$/],
    ],
    ['a few bytes', (_, reply) => reply(Buffer.from('hello')), [/the last: 5 bytes are no DNS message$/]],
    [
      'a flood',
      (_, reply) => {
        for (let n = 0; n < 500; n += 1) reply(Buffer.alloc(1000, n));
      },
      [/answered, and not the question: \d+ datagrams, the last: /],
    ],
  ];
  test.concurrent.each(table)('over UDP: %s', async (_, on, expected) => {
    const port = on === 'nobody' ? 9 : await udp(on);
    const said = lines(await digAt(briefly(), '127.0.0.1', port)).map((line) => line.replace(`#${port}`, '#PORT'));
    expect(said).toHaveLength(expected.length);
    for (const [n, one] of expected.entries()) expect(said[n]).toMatch(one);
  });

  test('an address that nothing leads to is silence, at once or in time', async () => {
    for (const server of ['2001:db8::53', '255.255.255.255'])
      for (const transport of ['udp', 'tcp'] as const)
        expect(await digAt(briefly({ transport }), server, 53)).toMatchObject({
          code: 9,
          out: expect.stringContaining('no servers could be reached'),
        });
  });

  test('what another address sends is not heard', async () => {
    const other = createSocket('udp4');
    open.push(() => other.close());
    await new Promise<void>((resolve) => other.bind(0, '127.0.0.2', resolve));
    const port = await udp((query, _, from) => other.send(answered(query, OWN, [A]), from.port, from.address));
    expect(lines(await digAt(briefly(), '127.0.0.1', port))[0]).toContain('timed out');
  });

  test.concurrent.each<readonly [string, (query: Buffer, socket: Socket) => void, RegExp]>([
    ['it never says anything and never closes', () => {}, /timed out$/],
    ['it closes', (_, socket) => socket.end(), /end of file$/],
    ['it resets', (_, socket) => socket.resetAndDestroy(), /connection reset$/],
    [
      'half an answer, and never closing',
      (query, socket) => socket.write(framed(answered(query, OWN, [A])).subarray(0, 30)),
      /lost unreadable: .*timed out after 30 bytes$/,
    ],
    ['64 KB of junk and more', (_, socket) => socket.write(Buffer.alloc(1_000_000, 0xff)), /lost unreadable: .*another id/],
    [
      'a byte at a time',
      (query, socket) => {
        const all = framed(answered(query, OWN, [A]));
        let n = 0;
        const timer = setInterval(() => {
          if (socket.destroyed) clearInterval(timer);
          else socket.write(all.subarray(n, ++n));
        }, 100);
      },
      /lost unreadable: .*timed out after \d+ bytes$/,
    ],
  ])('over TCP: %s', async (_, on, expected) => {
    const port = await tcp(on);
    const started = performance.now();
    expect(lines(await digAt(briefly({ transport: 'tcp' }), '127.0.0.1', port))[0]).toMatch(expected);
    expect(performance.now() - started).toBeLessThan(20_000);
  });
});

test('100,000 packets that nobody should send: an answer or a reason, and in no time', () => {
  let seed = 33;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    return Math.floor((seed / 0x80000000) * below);
  };
  const query = encode({ type: 'query', id: 7, flags: 0x100, questions: [{ type: 'A', name: NAME }] });
  const good = answered(query, OWN, [
    A,
    record(5, 1, Buffer.from('\x04loop\xc0\x0c', 'latin1')),
    record(65, 300, Buffer.from('0001000001000302683204', 'hex')),
    record(16, 1, Buffer.from('\x04text')),
    record(6, 1, Buffer.alloc(22)),
  ]);
  const seen = { reply: 0, junk: 0 };
  const started = performance.now();
  for (let n = 0; n < 100_000; n += 1) {
    // A third is noise, the rest a good answer that was damaged: most damage is where names and lengths are.
    const packet =
      n % 3 === 0 ? Buffer.alloc(random(600)) : Buffer.from(good.subarray(0, random(8) === 0 ? random(good.length) : good.length));
    if (n % 3 === 0) for (let at = 0; at < packet.length; at += 1) packet[at] = random(256);
    else
      for (let hits = random(6); hits > 0 && packet.length > 0; hits -= 1)
        packet[random(packet.length)] = random(3) === 0 ? 0xc0 : random(256);
    if (packet.length > 12 && n % 2 === 0) {
      packet.writeUInt16BE(7, 0);
      packet[2] = 0x84;
    }
    const { is } = readReply(packet, asked(), 7);
    seen[is] += 1;
  }
  expect(seen.reply).toBeGreaterThan(1000);
  expect(seen.junk).toBeGreaterThan(1000);
  // A hang is minutes; a busy machine is not.
  expect(performance.now() - started).toBeLessThan(25_000);
});

test('the worst that 64 KB can hold: names that each follow thousands of pointers', () => {
  const packet = Buffer.alloc(65_535);
  const query = encode({ type: 'query', id: 7, flags: 0x100, questions: [{ type: 'A', name: NAME }] });
  answered(query, OWN).copy(packet);
  packet.writeUInt16BE(500, 6);
  const start = query.length;
  // One record whose data is a chain of pointers, and 499 that begin at its end.
  record(10, 1, Buffer.alloc(16_000)).copy(packet, start);
  for (let at = start + 12; at < start + 16_000; at += 2) packet.writeUInt16BE(0xc000 | Math.max(12, at - 2), at);
  let at = start + 12 + 16_000;
  for (let n = 0; n < 499; n += 1, at += 16) {
    record(1, 1, Buffer.from([1, 2, 3, 4])).copy(packet, at);
    packet.writeUInt16BE(0xc000 | (start + 15_998), at);
  }
  const started = performance.now();
  expect(['reply', 'junk']).toContain(readReply(packet, asked(), 7).is);
  expect(performance.now() - started).toBeLessThan(5000);
});
