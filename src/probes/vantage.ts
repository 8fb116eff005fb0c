import { type Probe, succeeded, Unreadable, type Vantage } from '../evidence.ts';
import type { Address } from '../fabric.ts';
import { bracket, quote } from '../shell.ts';

/** What came of trying to get in. */
export type Tried =
  | { readonly is: 'answered'; readonly status: number }
  /** The port took the connection, and no HTTP came of it. */
  | { readonly is: 'connected' }
  | { readonly is: 'kept out'; readonly why: 'connection refused' | 'no answer in time' }
  | { readonly is: 'no such host' };

export const triedUrl = (address: Address, port: number, path: string): string => `http://${bracket(address)}:${port}${path}`;

/** The command that tries, for the vantage and for people. curl takes no proxy, which would go in by itself. */
export const tryCommand = (url: string): string =>
  `curl -qsS --noproxy '*' -m 5 -o /dev/null -w '%{http_code} %{time_connect}' ${quote(url)}`;

/**
 * Whether the vantage gets in: the status, and the seconds until TCP was connected, which are 0.000000 where it never was. curl prints
 * them also where it fails.
 *
 *   200 0.000412
 *   000 0.000000
 */
export const tried = (at: Vantage, address: Address, port: number, path: string): Probe<Tried> => ({
  key: `tried/${address}/${port}${path}`,
  question: { at, via: 'sh', script: tryCommand(triedUrl(address, port, path)) },
  read: ({ code, out, err }) => {
    if (code === 127) throw new Unreadable('curl is not installed there', 'unsupported');
    if (code === 6) return { is: 'no such host' };
    const [, status, seconds] = /^(\d{3}) ([\d.,]+)$/.exec(out.trim()) ?? [];
    if (status === undefined || seconds === undefined) throw new Unreadable(`curl ${code}: ${err.trim().split('\n')[0] ?? ''}`);
    if (code === 0) return { is: 'answered', status: Number(status) };
    if (/[1-9]/.test(seconds)) return { is: 'connected' };
    if (code === 7 || code === 28) return { is: 'kept out', why: code === 7 ? 'connection refused' : 'no answer in time' };
    throw new Unreadable(`curl ${code}: ${err.trim().split('\n')[0] ?? ''}`);
  },
});

/** For people. */
export const saidOf = (seen: Tried): string => {
  switch (seen.is) {
    case 'answered':
      return `HTTP ${seen.status}`;
    case 'connected':
      return 'the port takes the connection, and no HTTP answer comes';
    case 'kept out':
      return seen.why;
    case 'no such host':
      return 'no such host';
    default:
      return seen satisfies never;
  }
};

/**
 * The vantage's own addresses, loopback's aside: of Linux's ip, or of the ifconfig of macOS, the BSDs and old Linux systems.
 *
 *   2: tailscale0    inet 100.64.0.5/10 scope global tailscale0\       valid_lft forever preferred_lft forever
 *   	inet 100.64.0.5 --> 100.64.0.5 netmask 0xffffffff
 *             inet addr:192.168.1.7  Bcast:192.168.1.255  Mask:255.255.255.0
 *   	inet6 fe80::1%lo0 prefixlen 64 scopeid 0x1
 */
export const ownAddresses = (at: Vantage): Probe<readonly Address[]> => ({
  key: 'own-addresses',
  question: { at, via: 'sh', script: 'if command -v ip >/dev/null; then ip -o addr show; else ifconfig -a; fi' },
  read: (answer) =>
    [...succeeded(answer).matchAll(/\binet6? (?:addr: ?)?([0-9A-Fa-f.:]+)/g)]
      .flatMap(([, address]) => address ?? [])
      .filter((address) => address !== '::1' && !address.startsWith('127.')),
});
