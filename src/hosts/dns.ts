// A DNS client: one question, one answer, in the words of dig, so that what another machine's dig said is read in the same way. The server
// may be anybody's: its packets are bounded, and one that does not answer the question is no answer.
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { getServers } from 'node:dns';
import { connect, isIPv6 } from 'node:net';
import { type Answer as DnsRecord, decode, encode, RECURSION_DESIRED } from 'dns-packet';
import { type Answer, type DnsQuestion, isLost, type Lost, type RecordType } from '../evidence.ts';

const PORT = 53;
const PATIENCE = 4;
/** dig's `+tries=2 +time=2`: a lost datagram is no finding. */
const AGAIN = 2000;
/** What fits into any path's datagram: dnsflagday.net/2020. */
const PAYLOAD = 1232;
/** Records of all sections. No resolver gives one name as many. */
const RECORDS = 512;
const TYPES: Readonly<Record<RecordType, number>> = { A: 1, AAAA: 28, HTTPS: 65 };
// RFC 1035 4.1.1, RFC 2136 2.2.
const STATUS = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'];

/** What came of asking one server: its answer as text, or that it said nothing (exit 9, as dig has it). Lost: it said what is no answer. */
export const dig = async (question: DnsQuestion): Promise<Answer | Lost> => {
  if (question.server !== 'os' && question.server !== 'each') return digAt(question, question.server, PORT);
  const servers = getServers();
  if (servers.length === 0) return { lost: 'unsupported', why: 'this machine has no resolver' };
  const ask = (one: string): Promise<Answer | Lost> => {
    const [, v6, v4, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(one) ?? [];
    return digAt(question, v6 ?? v4 ?? one, Number(port ?? PORT));
  };
  if (question.server === 'each') {
    const said = await Promise.all(servers.slice(0, 6).map(async (one) => ({ one, answer: await ask(one) })));
    return { code: 0, out: said.map(({ one, answer }) => `= ${one}\n${isLost(answer) ? answer.why : answer.out}`).join('\n'), err: '' };
  }
  // As a resolver of libc's does: the next where one is silent.
  let last: Answer | Lost = { lost: 'unsupported', why: 'this machine has no resolver' };
  for (const one of servers.slice(0, 3)) {
    last = await ask(one);
    if (!isLost(last) && last.code === 0) return last;
  }
  return last;
};

export const digAt = async (question: DnsQuestion, server: string, port: number): Promise<Answer | Lost> => {
  const started = performance.now();
  const { transport, seconds = PATIENCE } = question;
  const deadline = started + seconds * 1000;
  const first = await (transport === 'udp' ? overUdp : overTcp)(question, server, port, deadline);
  // Truncated: RFC 1035 4.2.1, and what comes over TCP is the answer.
  const again = first.is === 'reply' && first.truncated;
  const said = again ? await overTcp(question, server, port, deadline) : first;
  switch (said.is) {
    case 'junk':
      return { lost: 'unreadable', why: `${server} answered, and not the question: ${said.why}` };
    case 'silence':
      return {
        code: 9,
        out: `;; communications error to ${server}#${port}: ${said.why}\n;; no servers could be reached`,
        err: '',
      };
    case 'reply': {
      const lines = [
        ...(again ? [';; Truncated, retrying in TCP mode.'] : []),
        ...said.lines,
        `;; Query time: ${Math.round(performance.now() - started)} msec`,
        `;; SERVER: ${server}#${port}(${server}) (${again || transport === 'tcp' ? 'TCP' : 'UDP'})`,
      ];
      return { code: 0, out: lines.join('\n'), err: '' };
    }
    default:
      return said satisfies never;
  }
};

type Said =
  | { readonly is: 'reply'; readonly truncated: boolean; readonly lines: readonly string[] }
  /** Nothing came, or nothing could be sent. */
  | { readonly is: 'silence'; readonly why: string }
  | { readonly is: 'junk'; readonly why: string };

interface Query {
  readonly id: number;
  readonly packet: Buffer;
}
/** dns-packet knows no type 65 and would ask for type 0 without a word, so the type is written into the packet. */
const queryOf = ({ name, type }: DnsQuestion): Query => {
  const id = randomInt(0x10000);
  const packet = encode({
    type: 'query',
    id,
    flags: RECURSION_DESIRED,
    questions: [{ type: 'A', name }],
    additionals: [
      { type: 'OPT', name: '.', udpPayloadSize: PAYLOAD, extendedRcode: 0, ednsVersion: 0, flags: 0, flag_do: false, options: [] },
    ],
  });
  packet.writeUInt16BE(TYPES[type], 12 + Buffer.byteLength(name) + 2);
  return { id, packet };
};

const overUdp = (question: DnsQuestion, server: string, port: number, deadline: number): Promise<Said> =>
  new Promise((resolve) => {
    const { id, packet } = queryOf(question);
    const socket = createSocket(isIPv6(server) ? 'udp6' : 'udp4');
    let junk: readonly string[] = [];
    const end = (said: Said): void => {
      clearTimeout(over);
      clearTimeout(again);
      socket.removeAllListeners();
      socket.on('error', () => {}); // nobody waits for it any more
      socket.close();
      resolve(said);
    };
    const over = setTimeout(
      () =>
        end(
          junk.length === 0
            ? { is: 'silence', why: 'timed out' }
            : { is: 'junk', why: `${junk.length} datagram${junk.length === 1 ? '' : 's'}, the last: ${junk.at(-1)}` },
        ),
      Math.max(0, deadline - performance.now()),
    );
    let again: NodeJS.Timeout | undefined;
    socket.on('error', (error) => end({ is: 'silence', why: reason(error) }));
    socket.on('message', (message) => {
      const read = readReply(message, question, id);
      // Somebody may guess at the answer: it is waited for until the time is over.
      if (read.is === 'junk') junk = [...junk.slice(-99), read.why];
      else end(read);
    });
    // Connected, so that the kernel passes on what that server sent and nothing else.
    socket.on('connect', () => {
      socket.send(packet, (error) => error && end({ is: 'silence', why: reason(error) }));
      again = setTimeout(() => socket.send(packet, () => {}), AGAIN);
    });
    // Without a callback: an address that nothing leads to is an error event then.
    socket.connect(port, server);
  });

const overTcp = (question: DnsQuestion, server: string, port: number, deadline: number): Promise<Said> =>
  new Promise((resolve) => {
    const { id, packet } = queryOf(question);
    const socket = connect({ host: server, port });
    let heard = Buffer.alloc(0);
    const end = (said: Said): void => {
      clearTimeout(over);
      socket.removeAllListeners();
      socket.on('error', () => {});
      socket.destroy();
      resolve(said);
    };
    const cut = (how: string): Said =>
      heard.length === 0 ? { is: 'silence', why: how } : { is: 'junk', why: `${how} after ${heard.length} bytes` };
    const over = setTimeout(() => end(cut('timed out')), Math.max(0, deadline - performance.now()));
    socket.on('error', (error) => end(cut(reason(error))));
    socket.on('end', () => end(cut('end of file')));
    socket.on('connect', () => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(packet.length);
      socket.write(Buffer.concat([length, packet]));
    });
    socket.on('data', (chunk) => {
      heard = Buffer.concat([heard, chunk]);
      if (heard.length < 2) return;
      // A length of two bytes: no message is longer than 64 KiB, and what follows it is not read.
      const size = heard.readUInt16BE(0);
      if (heard.length >= 2 + size) end(readReply(heard.subarray(2, 2 + size), question, id));
    });
  });

/** dig's words where it has some. */
const reason = (error: Error): string => {
  const code = 'code' in error ? String(error.code) : '';
  const words: Readonly<Record<string, string>> = {
    ECONNREFUSED: 'connection refused',
    ENETUNREACH: 'network unreachable',
    EHOSTUNREACH: 'host unreachable',
    EADDRNOTAVAIL: 'network unreachable',
    EACCES: 'permission denied',
    EPERM: 'permission denied',
    ETIMEDOUT: 'timed out',
    ECONNRESET: 'connection reset',
  };
  return words[code] ?? error.message;
};

/** A packet as lines of text; `junk` where it does not answer that question. Never throws. */
export const readReply = (packet: Buffer, { name, type }: DnsQuestion, id: number): Exclude<Said, { is: 'silence' }> => {
  const junk = (why: string) => ({ is: 'junk', why }) as const;
  if (packet.length < 12) return junk(`${packet.length} bytes are no DNS message`);
  if (packet.readUInt16BE(0) !== id) return junk('another id than the question’s');
  const flags = packet.readUInt16BE(2);
  if ((flags & 0x8000) === 0) return junk('a question');
  const counts = [4, 6, 8, 10].map((at) => packet.readUInt16BE(at));
  if (counts.reduce((sum, one) => sum + one, 0) > RECORDS) return junk(`it claims ${counts.join(' + ')} records`);
  try {
    const { questions = [], answers = [] } = decode(packet);
    const [asked] = questions;
    // A server that refuses to parse may leave the question out (RFC 1035 says nothing of it; dig takes it).
    const status = STATUS[flags & 0xf] ?? `RCODE${flags & 0xf}`;
    const same =
      asked?.name.toLowerCase() === name.toLowerCase() && packet.readUInt16BE(12 + Buffer.byteLength(asked.name) + 2) === TYPES[type];
    if (questions.length !== 1 || !same)
      return junk(`it answers ${asked === undefined ? 'no question' : `about ${shown(asked.name)} ${asked.type}`}`);
    const set = [
      'qr',
      ...[
        ['aa', 0x400],
        ['tc', 0x200],
        ['rd', 0x100],
        ['ra', 0x80],
        ['ad', 0x20],
        ['cd', 0x10],
      ].flatMap(([flag, bit]) => ((flags & Number(bit)) !== 0 ? [String(flag)] : [])),
    ];
    const [query, answer, authority, additional] = counts;
    return {
      is: 'reply',
      truncated: (flags & 0x200) !== 0,
      lines: [
        `;; ->>HEADER<<- opcode: QUERY, status: ${status}, id: ${id}`,
        `;; flags: ${set.join(' ')}; QUERY: ${query}, ANSWER: ${answer}, AUTHORITY: ${authority}, ADDITIONAL: ${additional}`,
        ...answers.flatMap(recordLine),
      ],
    };
  } catch (error) {
    return junk(`it cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
};

/** As dig writes it; type 65 in the form of types that nobody knows (RFC 3597), which old digs write as well. */
const recordLine = (record: DnsRecord): readonly string[] => {
  const type: string = record.type;
  const ttl = 'ttl' in record ? (record.ttl ?? 0) : 0;
  const data: unknown = 'data' in record ? record.data : undefined;
  const line = (kind: string, text: string): readonly string[] => [`${shown(record.name)}.\t${ttl}\tIN\t${kind}\t${text}`];
  if ((type === 'A' || type === 'AAAA') && typeof data === 'string') return line(type, data);
  if (type === 'CNAME' && typeof data === 'string') return line(type, `${shown(data)}.`);
  if (type === 'UNKNOWN_65' && Buffer.isBuffer(data)) return line('TYPE65', `\\# ${data.length} ${data.toString('hex').toUpperCase()}`);
  return [];
};

/** What else a label may hold is written as a number (RFC 1035 5.1): it must not end the line. */
const shown = (name: string): string =>
  name.replaceAll(/[^A-Za-z0-9._*-]/g, (char) => [...Buffer.from(char)].map((byte) => `\\${String(byte).padStart(3, '0')}`).join(''));
