// HTTP/3 where curl does not speak it: one request, over QUIC by @matrixai/quic, which is optional and loaded on use. It prints what a
// curl would (src/probes/entry.ts), so that one reader serves both. The codec is RFC 9114's and RFC 9204's least: no dynamic table.
// Its packages for macOS and Windows were never published for this version, by which `npm ci` fails: package.json's `overrides` puts there what
// npm installs on neither, so that it is not there and is said not to be.
import { randomFillSync, X509Certificate } from 'node:crypto';
import { isIPv6 } from 'node:net';
import type { Answer, Http3Question, Lost } from '../evidence.ts';

/** Bytes of an answer that are looked at. */
const ENOUGH = 4_000_000;

/** Says the answer, then closes the connection. The library may end the process in either (src/hosts/http3-apart.ts). */
export const request = async (question: Http3Question, say: (answer: Answer | Lost) => void): Promise<void> => {
  const quic = await load();
  if (quic === null) return say({ lost: 'unsupported', why: '@matrixai/quic, which is optional, is not installed' });
  const { to, port, name, path, marker, seconds = 6 } = question;
  const began = performance.now();
  const since = (): string => ((performance.now() - began) / 1000).toFixed(6);
  const nothing = (code: number, err: string, secured = '0.000000'): Answer => ({ code, out: `000 0 0 0.000000 ${secured}`, err });
  let client: Awaited<ReturnType<typeof quic.QUICClient.createQUICClient>>;
  try {
    client = await quic.QUICClient.createQUICClient(
      {
        host: to,
        port,
        serverName: name,
        localHost: isIPv6(to) ? '::' : '0.0.0.0',
        crypto: { ops: { randomBytes: async (data) => void randomFillSync(new Uint8Array(data)) } },
        // Who may enter is asked, not who answers: the certificate is looked at apart.
        // And no byte is wanted of the server's own streams (its settings): where one comes with the end of the handshake, as Caddy's does, the
        // library takes itself for stopped and throws InvalidStreamState. Caddy answers all the same.
        config: { verifyPeer: false, applicationProtos: ['h3'], maxIdleTimeout: seconds * 1000, initialMaxStreamDataUni: 0 },
        logger: quic.silent,
      },
      { timer: seconds * 1000 },
    );
  } catch (error) {
    const said = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return say(nothing(/TLS/.test(said) ? 35 : /Timeout|timed out/i.test(said) ? 28 : 7, said));
  }
  const secured = since();
  try {
    const answering = answerOf(client.connection, name, path, () => performance.now() - began > seconds * 1000);
    const { status, body } = await answering;
    const [certificate] = client.connection.getRemoteCertsChain();
    const names = certificate === undefined ? undefined : new X509Certificate(certificate).subjectAltName;
    say({
      code: 0,
      out: [
        `${status} 3 ${body.length} ${secured} ${secured}`,
        ...((marker === null ? body.length > 0 : body.includes(marker)) ? ['own'] : []),
        ...(names === undefined ? [] : [`names ${names}`]),
      ].join('\n'),
      err: '',
    });
  } catch (error) {
    say(nothing(56, error instanceof Error ? `${error.name}: ${error.message}` : String(error), secured));
  }
  await client.destroy({ force: true }).catch(() => {});
};

const load = async () => {
  try {
    const [{ QUICClient }, { default: Logger, LogLevel }] = await Promise.all([import('@matrixai/quic'), import('@matrixai/logger')]);
    return { QUICClient, silent: new Logger('quic', LogLevel.SILENT, []) };
  } catch {
    return null; // not there, or not for this machine
  }
};

/** What is needed of a connection. */
interface Connection {
  newStream(type: 'uni' | 'bidi'): {
    readonly writable: { getWriter(): { write(data: Uint8Array): Promise<void>; close(): Promise<void> } };
    readonly readable: AsyncIterable<Uint8Array>;
  };
}
const answerOf = async (
  connection: Connection,
  name: string,
  path: string,
  late: () => boolean,
): Promise<{ readonly status: number; readonly body: Buffer }> => {
  // A control stream with its settings comes first (RFC 9114, 6.2.1).
  await connection
    .newStream('uni')
    .writable.getWriter()
    .write(Buffer.concat([Buffer.from([0]), frame(SETTINGS, Buffer.alloc(0))]));
  const stream = connection.newStream('bidi');
  const writer = stream.writable.getWriter();
  const fields = { ':method': 'GET', ':scheme': 'https', ':authority': name, ':path': path, 'user-agent': 'fabric' };
  await writer.write(
    frame(HEADERS, Buffer.concat([Buffer.from([0, 0]), ...Object.entries(fields).map(([key, value]) => literal(key, value))])),
  );
  await writer.close();
  const heard: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream.readable) {
    heard.push(chunk);
    size += chunk.length;
    if (size > ENOUGH || late()) break;
  }
  return readAnswer(Buffer.concat(heard));
};

const [DATA, HEADERS, SETTINGS] = [0, 1, 4];
/** RFC 9000, 16. */
const varint = (value: number): Buffer => {
  if (value < 64) return Buffer.from([value]);
  const bytes = Buffer.alloc(value < 16_384 ? 2 : 4);
  if (value < 16_384) bytes.writeUInt16BE(0x4000 + value);
  else bytes.writeUInt32BE(0x80000000 + value);
  return bytes;
};
const frame = (type: number, payload: Buffer): Buffer => Buffer.concat([varint(type), varint(payload.length), payload]);

/** RFC 9204, 4.5.6: a field line with its name and value as they are. */
const literal = (name: string, value: string): Buffer => Buffer.concat([prefixed(0x20, 3, name), prefixed(0, 7, value)]);
const prefixed = (flags: number, bits: number, text: string): Buffer => {
  const [payload, most] = [Buffer.from(text), 2 ** bits - 1];
  if (payload.length < most) return Buffer.concat([Buffer.from([flags + payload.length]), payload]);
  const length = [flags + most];
  let rest = payload.length - most;
  for (; rest >= 128; rest = Math.floor(rest / 128)) length.push(128 + (rest % 128));
  return Buffer.concat([Buffer.from([...length, rest]), payload]);
};

/** The status and the body of what came over a request's stream. Throws where it is no answer. */
export const readAnswer = (stream: Buffer): { readonly status: number; readonly body: Buffer } => {
  const body: Buffer[] = [];
  let status: number | null = null;
  for (let at = 0; at < stream.length; ) {
    const type = readVarint(stream, at);
    const length = type === null ? null : readVarint(stream, type.end);
    if (type === null || length === null) break;
    const payload = stream.subarray(length.end, length.end + length.value);
    // Before the answer there may be others, such as 103. Behind it may be trailers.
    if (type.value === HEADERS && (status === null || status < 200)) status = statusOf(payload);
    else if (type.value === DATA) body.push(payload);
    at = length.end + length.value;
  }
  if (status === null) throw new Error('the stream ended without an answer');
  return { status, body: Buffer.concat(body) };
};
const readVarint = (bytes: Buffer, at: number): { readonly value: number; readonly end: number } | null => {
  const first = bytes[at];
  if (first === undefined) return null;
  const end = at + 2 ** (first >> 6);
  if (end > bytes.length) return null;
  const value = [...bytes.subarray(at + 1, end)].reduce((all, byte) => all * 256 + byte, first & 63);
  return { value, end };
};

/** RFC 9204, appendix A: the entries of the static table that are whole statuses. */
const STATUSES: ReadonlyMap<number, number> = new Map([
  [24, 103],
  [25, 200],
  [26, 304],
  [27, 404],
  [28, 503],
  [63, 100],
  [64, 204],
  [65, 206],
  [66, 302],
  [67, 400],
  [68, 403],
  [69, 421],
  [70, 425],
  [71, 500],
]);
/** Pseudo fields come first (RFC 9114, 4.3), and an answer has one alone. Behind two bytes that say that no dynamic table is needed. */
const statusOf = (fields: Buffer): number => {
  const [, , line = 0, more = 0] = fields;
  if ((line & 0xc0) === 0xc0) {
    const status = STATUSES.get((line & 63) === 63 ? 63 + more : line & 63);
    if (status !== undefined) return status;
  }
  // A value of its own for a name of the static table, whose entries of that name are those above: 0x5f 0x09 is :status.
  if ((line & 0xf0) === 0x50) {
    const at = (line & 15) === 15 ? 4 : 3;
    const length = fields[at] ?? 0;
    const value = fields.subarray(at + 1, at + 1 + (length & 127));
    const digits = (length & 128) === 0 ? value.toString('latin1') : unpacked(value);
    if (/^[1-5]\d\d$/.test(digits)) return Number(digits);
  }
  throw new Error(`no status is read in ${fields.subarray(0, 12).toString('hex')}`);
};
/** RFC 7541, appendix B: digits alone. */
const DIGITS = ['00000', '00001', '00010', '011001', '011010', '011011', '011100', '011101', '011110', '011111'];
const unpacked = (bytes: Buffer): string => {
  let bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  let text = '';
  for (;;) {
    const digit = DIGITS.findIndex((code) => bits.startsWith(code));
    if (digit < 0) return text;
    text += digit;
    bits = bits.slice((DIGITS[digit] ?? '').length);
  }
};
