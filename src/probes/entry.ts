import { type Answer, type Probe, Unreadable, type Vantage } from '../evidence.ts';
import type { Address, Site } from '../fabric.ts';
import { bracket, quote } from '../shell.ts';

export const PROTOCOLS = ['h1', 'h2', 'h3'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** What came of asking for a site, by one address and one protocol. */
export type Tried =
  | {
      readonly is: 'answered';
      readonly status: number;
      /** `1.1`, `2`, `3`: what was really spoken. */
      readonly version: string;
      /** Bytes of the body. */
      readonly size: number;
      /** Its text holds the site's marker; where none is declared, it is not empty. */
      readonly own: boolean;
      readonly altSvc: string | null;
      /** Names that the certificate is for. `null`: this curl does not tell. */
      readonly names: readonly string[] | null;
    }
  /** The port took the connection and ended it, or nothing came. `abort` in a Caddyfile looks so as well. */
  | { readonly is: 'cut off'; readonly why: string }
  | { readonly is: 'unreachable'; readonly why: 'connection refused' | 'no answer in time' | 'no way there' };

const FLAGS: Readonly<Record<Protocol, string>> = { h1: '--http1.1', h2: '--http2', h3: '--http3-only' };
const FEATURE: Readonly<Record<Protocol, string | null>> = { h1: null, h2: 'HTTP2', h3: 'HTTP3' };

export const siteUrl = ({ name, path }: Site, port: number): string => `https://${name}${port === 443 ? '' : `:${port}`}${path}`;

/** The command that tries, for people. The certificate is not believed or doubted here: it is looked at apart. */
export const entryCommand = (site: Site, address: Address, port: number, protocol: Protocol): string =>
  `curl -qsSk --noproxy '*' ${FLAGS[protocol]} -m 6 --resolve ${quote(`${site.name}:${port}:${bracket(address)}`)}`;

/**
 * A site asked by an address, with its name as SNI and Host. Of the answer's text only whether it holds the marker leaves the host.
 *
 *   200 1.1 58 0.001 0.004 0
 *   own
 *   alt-svc h3=":443"; ma=2592000
 *   names DNS:a.lab.test
 */
export const entry = (at: Vantage, site: Site, address: Address, port: number, protocol: Protocol): Probe<Tried> => ({
  key: `entry/${protocol}/${address}/${site.name}${site.path}`,
  question: {
    at,
    via: 'sh',
    seconds: 12,
    ...(protocol === 'h3' && at === 'here'
      ? { otherwise: { at, via: 'http3' as const, to: address, port, name: site.name, path: site.path, marker: site.marker } }
      : {}),
    script: [
      ...(FEATURE[protocol] === null
        ? []
        : [
            `curl -V 2>/dev/null | grep -qw ${FEATURE[protocol]} || { echo 'the curl there does not speak ${FEATURE[protocol]}' >&2; exit 127; }`,
          ]),
      `t=$(mktemp -d) || exit 70; trap 'rm -rf "$t"' EXIT; trap 'exit 124' TERM`,
      `${entryCommand(site, address, port, protocol)} --max-filesize 4000000 -D "$t/h" -o "$t/b" -w '%{http_code} %{http_version} %{size_download} %{time_connect} %{time_appconnect}\\n%{certs}' ${quote(siteUrl(site, port))} >"$t/w" 2>"$t/e"; c=$?`,
      'head -n 1 "$t/w"',
      site.marker === null ? 'if [ -s "$t/b" ]; then echo own; fi' : `if grep -qsF -e ${quote(site.marker)} "$t/b"; then echo own; fi`,
      `tr -d '\\r' 2>/dev/null <"$t/h" | sed -n 's/^[Aa]lt-[Ss]vc: */alt-svc /p' | head -n 1 | cut -c1-200`,
      `sed -n 's/^ *X509v3 Subject Alternative Name: */names /p' "$t/w" | head -n 1 | cut -c1-1000`,
      'grep -v "unknown --write-out" "$t/e" | head -n 1 >&2; exit $c',
    ].join('\n'),
  },
  read: triedOf(protocol),
});

const triedOf =
  (protocol: Protocol) =>
  ({ code, out, err }: Answer): Tried => {
    const [head = '', ...more] = out.split('\n');
    const why = err.trim().split('\n')[0] ?? '';
    if (code === 127) throw new Unreadable(why || 'curl is not installed there', 'unsupported');
    if (code === 6 || code === 2 || code === 4) throw new Unreadable(`curl ${code}: ${why}`, 'unsupported');
    const [, status, version = '', size, connected, secured] = /^(\d{3}) (\S+) (\d+) ([\d.,]+) ([\d.,]+)/.exec(head) ?? [];
    if (status === undefined && code !== 124) throw new Unreadable(`curl ${code}: ${why}`);
    const after = (word: string): string | null => more.find((line) => line.startsWith(`${word} `))?.slice(word.length + 1) ?? null;
    if (status !== undefined && status !== '000') {
      const names = after('names');
      return {
        is: 'answered',
        status: Number(status),
        version,
        size: Number(size),
        own: more.includes('own'),
        altSvc: after('alt-svc'),
        names: names === null ? null : names.split(/, */).flatMap((name) => (name.startsWith('DNS:') ? [name.slice('DNS:'.length)] : [])),
      };
    }
    // Over QUIC curl takes its own first packet for a connection.
    const touched = (protocol === 'h3' ? [secured] : [connected, secured]).some((seconds) => /[1-9]/.test(seconds ?? ''));
    if (code === 28 || code === 124)
      return touched ? { is: 'cut off', why: 'no answer in time' } : { is: 'unreachable', why: 'no answer in time' };
    if (code === 7 && !touched)
      return { is: 'unreachable', why: /unreachable|no route/i.test(why) ? 'no way there' : 'connection refused' };
    // 35: TLS failed; 52, 56, 92, 95, 96: it was ended.
    if ([7, 35, 52, 55, 56, 60, 92, 95, 96].includes(code)) return { is: 'cut off', why: why || `curl ${code}` };
    throw new Unreadable(`curl ${code}: ${why}`);
  };

/** Whether QUIC is spoken there, without TLS and HTTP: asked from `here` alone. */
export type Spoken = 'spoken' | 'refused' | 'silent' | 'strange';
/**
 *   negotiation 00000001 6b3343cf 1a2a3a4a
 *   silent
 */
export const quicThere = (address: Address, port: number): Probe<Spoken> => ({
  key: `quic/${address}/${port}`,
  question: { at: 'here', via: 'quic', to: address, port },
  read: ({ code, out, err }) => {
    if (code !== 0) throw new Unreadable(`no way there: ${err}`, 'unreachable');
    const [word] = out.split(' ');
    if (word === 'negotiation') return 'spoken';
    if (word === 'refused' || word === 'silent' || word === 'strange') return word;
    throw new Unreadable(`not an answer: ${JSON.stringify(out.slice(0, 60))}`);
  },
});

/** How a cell of the matrix reads. `other`: an answer, and not this site's own: Caddy's empty 200, or another site. */
export type Verdict = 'allowed' | 'refused' | 'unreachable' | 'other';
export const verdictOf = (tried: Tried): Verdict => {
  switch (tried.is) {
    case 'unreachable':
      return 'unreachable';
    case 'cut off':
      return 'refused';
    case 'answered':
      if (tried.status === 403 || tried.status === 404 || tried.status === 421) return 'refused';
      // A redirection, a login and a broken backend are behind the door; a 200 has to show whose it is.
      return tried.own || tried.status >= 300 ? 'allowed' : 'other';
    default:
      return tried satisfies never;
  }
};
/** For people. */
export const saidOf = (tried: Tried): string => {
  switch (tried.is) {
    case 'answered':
      return `HTTP ${tried.status}${verdictOf(tried) === 'other' ? (tried.size === 0 ? ' and nothing in it' : ' without its marker') : ''}`;
    case 'cut off':
    case 'unreachable':
      return tried.why;
    default:
      return tried satisfies never;
  }
};
