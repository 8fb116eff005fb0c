// Questions that this program asks itself, at `here`. One function a kind; what it prints is written down as an answer.
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { Answer, Lost, Native, QuicQuestion } from '../evidence.ts';

export const askNatively = async (question: Native): Promise<Answer | Lost> => {
  if (question.at !== 'here') return { lost: 'unsupported', why: `${question.via} is asked from this machine alone` };
  switch (question.via) {
    case 'quic':
      return negotiate(question);
    case 'http3':
      return (await import('./http3.ts')).request(question);
    default:
      return question satisfies never;
  }
};

/** RFC 9000, 15: versions of this form are nobody's, and exist to draw Version Negotiation. */
const UNKNOWN = 0x1a2a3a4a;
/** RFC 9000, 14.1: a server answers no smaller datagram that begins a connection. Measured: Caddy is silent at 1199. */
const INITIAL = 1200;

/**
 * `negotiation 00000001 6b3343cf`: a Version Negotiation packet with both connection ids of ours, swapped (RFC 9000, 17.2.1), and the
 * versions that the server has. `refused`: ICMP says that nobody is there. `silent`: nothing came, twice. `strange`: something else came.
 */
const negotiate = ({ to, port, seconds = 3 }: QuicQuestion): Promise<Answer> => {
  const [mine, theirs] = [randomBytes(8), randomBytes(8)];
  const datagram = Buffer.alloc(INITIAL);
  datagram[0] = 0xc0;
  datagram.writeUInt32BE(UNKNOWN, 1);
  Buffer.concat([Buffer.from([theirs.length]), theirs, Buffer.from([mine.length]), mine]).copy(datagram, 5);
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(to) ? 'udp6' : 'udp4');
    const end = (out: string, code = 0, err = ''): void => {
      clearTimeout(again);
      clearTimeout(over);
      socket.removeAllListeners('error').on('error', () => {});
      socket.close();
      resolve({ code, out, err });
    };
    const failed = (error: NodeJS.ErrnoException): void =>
      error.code === 'ECONNREFUSED' ? end('refused') : end('', 1, error.code ?? error.message);
    // UDP loses datagrams: one is sent again half way.
    const again = setTimeout(() => socket.send(datagram, () => {}), (seconds * 1000) / 2);
    const over = setTimeout(() => end('silent'), seconds * 1000);
    socket.on('error', failed);
    socket.on('message', (answer) => end(versions(answer, mine, theirs)));
    // Connected, so that the kernel hands over ICMP's refusal, and nobody else's datagrams.
    socket.connect(port, to, () => socket.send(datagram, (error) => (error ? failed(error) : undefined)));
  });
};

const versions = (answer: Buffer, mine: Buffer, theirs: Buffer): string => {
  const ids = Buffer.concat([Buffer.from([mine.length]), mine, Buffer.from([theirs.length]), theirs]);
  const [head, rest] = [answer.subarray(0, 5), answer.subarray(5 + ids.length)];
  const negotiation = ((head[0] ?? 0) & 0x80) !== 0 && head.length === 5 && head.readUInt32BE(1) === 0;
  if (!negotiation || !answer.subarray(5, 5 + ids.length).equals(ids) || rest.length === 0 || rest.length % 4 !== 0)
    return `strange ${answer.subarray(0, 32).toString('hex')}`;
  return ['negotiation', ...(rest.toString('hex').match(/.{8}/g) ?? [])].join(' ');
};
