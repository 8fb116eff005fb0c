// Type 65 (HTTPS, RFC 9460): what a browser is told before it connects. It holds addresses, so a name can lead outside by it alone.
import { isIP } from 'node:net';

export interface Svcb {
  /** 0: an alias of `target`. */
  readonly priority: number;
  /** Without a dot at the end; empty: the name itself. */
  readonly target: string;
  readonly alpn: readonly string[];
  /** Both hints, the IPv4 addresses first. */
  readonly hints: readonly string[];
  /** It holds keys for an encrypted ClientHello, which only their owner's server can read. */
  readonly ech: boolean;
}

/** A record's data as dig writes it: as bytes (`\# 13 0001…`), or in words (`1 . alpn="h3,h2" ipv4hint=192.0.2.1`). `null`: neither. */
export const readSvcb = (text: string): Svcb | null => {
  const [, length, hex] = /^\\# (\d+) ([0-9A-Fa-f \t]+)$/.exec(text) ?? [];
  if (hex === undefined) return inWords(text);
  const bytes = Buffer.from(hex.replaceAll(/\s/g, ''), 'hex');
  return bytes.length === Number(length) ? decodeSvcb(bytes) : null;
};

/** RFC 9460 2.2: a priority, a name that is not compressed, and parameters: key, length, value. `null` where that is not what it is. */
export const decodeSvcb = (bytes: Buffer): Svcb | null => {
  if (bytes.length < 3) return null;
  const labels: string[] = [];
  let at = 2;
  for (;;) {
    const length = bytes[at];
    if (length === undefined || length > 63 || at + 1 + length > bytes.length) return null;
    at += 1 + length;
    if (length === 0) break;
    labels.push(bytes.toString('latin1', at - length, at));
  }
  const found: { alpn: string[]; v4: string[]; v6: string[]; ech: boolean } = { alpn: [], v4: [], v6: [], ech: false };
  while (at < bytes.length) {
    if (at + 4 > bytes.length) return null;
    const [key, length] = [bytes.readUInt16BE(at), bytes.readUInt16BE(at + 2)];
    const value = bytes.subarray(at + 4, at + 4 + length);
    if (value.length !== length) return null;
    at += 4 + length;
    switch (key) {
      case 1: // alpn
        for (let n = 0; n < length; ) {
          const size = value[n] ?? 0;
          if (size === 0 || n + 1 + size > length) return null;
          found.alpn.push(value.toString('latin1', n + 1, n + 1 + size));
          n += 1 + size;
        }
        break;
      case 4: // ipv4hint
        if (length === 0 || length % 4 !== 0) return null;
        for (let n = 0; n < length; n += 4) found.v4.push([...value.subarray(n, n + 4)].join('.'));
        break;
      case 5: // ech
        found.ech = true;
        break;
      case 6: // ipv6hint
        if (length === 0 || length % 16 !== 0) return null;
        for (let n = 0; n < length; n += 16) found.v6.push(v6(value.subarray(n, n + 16)));
        break;
      default: // mandatory, port, and what is to come
    }
  }
  return { priority: bytes.readUInt16BE(0), target: labels.join('.'), alpn: found.alpn, hints: [...found.v4, ...found.v6], ech: found.ech };
};

const v6 = (bytes: Buffer): string => canonical(Array.from({ length: 8 }, (_, n) => bytes.readUInt16BE(2 * n).toString(16)).join(':'));

/** An address as everybody writes it: RFC 5952. A zone stays behind it (fe80::1%eth0: RFC 4007), and what is no address as it is. */
export const canonical = (address: string): string => {
  const [bare = '', zone] = address.split('%');
  return isIP(bare) === 6 ? `${new URL(`http://[${bare}]`).hostname.slice(1, -1)}${zone === undefined ? '' : `%${zone}`}` : address;
};

const inWords = (text: string): Svcb | null => {
  const [, priority, target, rest = ''] = /^(\d+) (\S+)(?: (.*))?$/.exec(text) ?? [];
  if (priority === undefined || target === undefined) return null;
  const value = (key: string): readonly string[] =>
    (new RegExp(`(?:^| )${key}="?([^" ]*)"?`).exec(rest)?.[1] ?? '').split(',').filter(Boolean);
  return {
    priority: Number(priority),
    target: target.replace(/\.$/, ''),
    alpn: value('alpn'),
    hints: [...value('ipv4hint'), ...value('ipv6hint')].map(canonical),
    ech: value('ech').length > 0,
  };
};
