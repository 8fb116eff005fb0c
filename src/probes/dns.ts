import { type Answer, type DnsQuestion, type Probe, type RecordType, succeeded, Unreadable, type Vantage } from '../evidence.ts';
import type { Address, Fabric } from '../fabric.ts';
import { quotePowerShell } from '../powershell.ts';
import { digCommand, onHost } from '../reproduce.ts';
import { canonical, readSvcb, type Svcb } from '../services/svcb.ts';

export type Reply =
  | {
      readonly is: 'answer';
      readonly status: string;
      /** `null`: whoever asked does not say. */
      readonly aa: boolean | null;
      readonly records: readonly DnsAnswer[];
      readonly milliseconds: number | null;
    }
  /** Nothing came back, and how the network put it: `timed out`, `connection refused`. */
  | { readonly is: 'silent'; readonly why: string };
export interface DnsAnswer {
  readonly ttl: number;
  readonly type: string;
  readonly data: string;
}

export interface Ask extends Pick<DnsQuestion, 'server' | 'name' | 'type' | 'transport'> {
  readonly at: Vantage;
}
/** As a person asks the same there. */
export const askCommand = (fabric: Fabric, { at, ...question }: Ask): string =>
  onHost(
    fabric,
    at,
    fabric.hosts.get(at)?.shell === 'powershell'
      ? `powershell -Command "Resolve-DnsName ${resolveArguments({ at, ...question })}"`
      : digCommand(question),
  );

/**
 * What a DNS server says. This machine asks it itself; elsewhere dig does, and what ours prints is what dig prints:
 *
 *   ;; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 4711
 *   ;; flags: qr aa rd ra; QUERY: 1, ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 1
 *   mayi.example.net.	600	IN	A	100.64.0.14
 *   ;; Query time: 3 msec
 *   ;; SERVER: 100.100.100.100#53(100.100.100.100) (UDP)
 *
 * Exit 9, where nobody answers, of dig 9.20 and of older ones:
 *
 *   ;; communications error to 100.100.100.100#53: timed out
 *   ;; connection timed out; no servers could be reached
 */
export const dnsReply = (ask: Ask): Probe<Reply> => {
  const { at, server, name, type, transport } = ask;
  return {
    key: `dns/${transport}/${type}/${server}/${name}`,
    question:
      at === 'here'
        ? { at, via: 'dns', server, name, type, transport }
        : { at, via: 'sh', script: digCommand(ask), powershell: resolveDnsName(ask) },
    read: replyOf,
  };
};
const NO_DIG = 'dig is not installed there (Debian: bind9-dnsutils, Fedora: bind-utils)';
const replyOf = ({ code, out, err }: Answer): Reply => {
  if (code === 127) throw new Unreadable(NO_DIG, 'unsupported');
  const status = /->>HEADER<<-.*status: (\w+)/.exec(out)?.[1];
  if (status === undefined) {
    if (code !== 9 && !out.includes(';; no servers could be reached'))
      throw new Unreadable(`dig ended with ${code}: ${(err || out).trim().split('\n')[0] ?? ''}`);
    return {
      is: 'silent',
      why:
        /(timed out|refused|unreachable|reset|denied|end of file)/.exec(`${out}\n${err}`)?.[1]?.replace('refused', 'connection refused') ??
        'no answer',
    };
  }
  return {
    is: 'answer',
    status,
    aa: /^;; flags:/m.test(out) ? /^;; flags:[^;]* aa\b/m.test(out) : null,
    records: [...out.matchAll(/^[^;\s]\S*\s+(\d+)\s+IN\s+(\S+)\s+(.+)$/gm)].map(([, ttl = '', kind = '', data = '']) => ({
      ttl: Number(ttl),
      type: kind,
      data,
    })),
    milliseconds: numberOf(/^;; Query time: (\d+) msec/m.exec(out)?.[1]),
  };
};

/** What one of a machine's resolvers says by itself. */
export interface Resolved {
  readonly server: Address;
  readonly reply: Reply;
}
/** Of resolv.conf and of systemd-resolved's links, but for its own stub: whoever is asked through it is among the links. */
const SERVERS = [
  "sed -n 's/^nameserver[ \t]*\\([^ \t]*\\).*/\\1/p' /etc/resolv.conf 2>/dev/null",
  `if command -v resolvectl >/dev/null && systemctl -q is-active systemd-resolved; then resolvectl dns | sed 's/^[^:]*: *//' | tr ' ' '\\n' | sed 's/#.*//'; fi`,
].join('\n');
/**
 * Each of the machine's resolvers, asked by itself over UDP, all at once: the first six.
 *
 *   = 203.0.113.53
 *   ;; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 4711
 *   …
 */
export const resolversSay = (at: Vantage, name: string, type: RecordType): Probe<readonly Resolved[]> => {
  const ask = { at, name, type, transport: 'udp' } as const;
  return {
    key: `resolvers-say/${type}/${name}`,
    question: {
      at,
      via: 'sh',
      seconds: 12,
      ...(at === 'here' ? { otherwise: { at, via: 'dns' as const, server: 'each' as const, name, type, transport: 'udp' as const } } : {}),
      powershell: [
        'foreach ($s in @(Get-DnsClientServerAddress | ForEach-Object { $_.ServerAddresses } | Select-Object -Unique -First 6)) {',
        `"= $s"; try { & {\n${resolveDnsName({ ...ask, server: 'each' })}\n} } catch { ';; no servers could be reached' } }`,
      ].join('\n'),
      script: [
        'command -v dig >/dev/null || exit 127',
        't=$(mktemp -d) || exit; trap \'rm -rf "$t"\' EXIT',
        `{ ${SERVERS}\n} | awk '/^[0-9A-Za-z.:%_-]+$/ && !/^127\\.0\\.0\\.5[34]$/ && !seen[$0]++' | head -n 6 >"$t/all"`,
        `while read -r s; do ${digCommand({ ...ask, server: 'each' })} "@$s" >"$t/$s" 2>&1 & done <"$t/all"; wait`,
        'while read -r s; do echo "= $s"; cat "$t/$s"; done <"$t/all"',
      ].join('\n'),
    },
    read: (answer) => {
      if (answer.code === 127) throw new Unreadable(NO_DIG, 'unsupported');
      return succeeded(answer)
        .split(/^= /m)
        .slice(1)
        .map((part) => {
          const [server = '', ...lines] = part.split('\n');
          const out = lines.join('\n');
          return { server: canonical(server.trim()), reply: replyOf({ code: 9, out, err: '' }) };
        });
    },
  };
};
/**
 * Resolve-DnsName, in dig's words. It obeys the name resolution policy table where no server is named. What it throws is named by
 * Windows: DNS_ERROR_RCODE_NAME_ERROR, …SERVER_FAILURE, …REFUSED, ERROR_TIMEOUT. Type 65 by its number, as older ones have no name for it.
 */
const resolveDnsName = (ask: Ask): string => {
  const how = resolveArguments(ask);
  return [
    "$status = 'NOERROR'; $found = @()",
    `try { $found = @(Resolve-DnsName ${how} -ErrorAction Stop) } catch {`,
    '  $id = "$($_.FullyQualifiedErrorId)"',
    "  if ($id -match 'NAME_ERROR') { $status = 'NXDOMAIN' } elseif ($id -match 'SERVER_FAILURE') { $status = 'SERVFAIL' } elseif ($id -match 'REFUSED') { $status = 'REFUSED' }",
    "  elseif ($id -match 'TIMEOUT') { ';; no servers could be reached: timed out'; return } else { throw }",
    '}',
    "';; ->>HEADER<<- opcode: QUERY, status: ' + $status + ', id: 0'",
    "foreach ($one in $found) { if ($one.Section -eq 'Answer') {",
    '  if ($one.IPAddress) { "$($one.Name). $($one.TTL) IN $($one.Type) $($one.IPAddress)" } elseif ($one.NameHost) { "$($one.Name). $($one.TTL) IN CNAME $($one.NameHost)." }',
    '} }',
  ].join('\n');
};
const resolveArguments = ({ server, name, type, transport }: Ask): string =>
  `-Name ${quotePowerShell(name)} -Type ${type === 'HTTPS' ? 65 : type} -DnsOnly -NoHostsFile${transport === 'tcp' ? ' -TcpOnly' : ''}${server === 'os' ? '' : ` -Server ${server === 'each' ? '$s' : quotePowerShell(server)}`}`;
const numberOf = (digits: string | undefined): number | null => (digits === undefined ? null : Number(digits));

/** Addresses that the answer leads to: of A and AAAA themselves, of HTTPS those of its hints. */
export const leadsTo = (reply: Reply): readonly Address[] =>
  reply.is === 'silent'
    ? []
    : [
        ...new Set(
          reply.records.flatMap(({ type, data }) =>
            type === 'A' || type === 'AAAA' ? [canonical(data)] : (svcbOf(type, data)?.hints ?? []),
          ),
        ),
      ];

/** Whether it gives keys for an encrypted ClientHello. */
export const givesKeys = (reply: Reply): boolean =>
  reply.is === 'answer' && reply.records.some(({ type, data }) => svcbOf(type, data)?.ech === true);

const svcbOf = (type: string, data: string): Svcb | null => (type === 'HTTPS' || type === 'TYPE65' ? readSvcb(data) : null);

/** For people: `203.0.113.14`, `NXDOMAIN`, `no such record`, `silence (timed out)`. */
export const saidBy = (reply: Reply): string => {
  if (reply.is === 'silent') return `silence (${reply.why})`;
  const to = leadsTo(reply);
  const keys = givesKeys(reply) ? ['keys for ECH'] : [];
  if (to.length + keys.length > 0) return [...to, ...keys].join(', ');
  return reply.status === 'NOERROR' ? 'no such record' : reply.status;
};

/** What Firefox asks before it turns DNS-over-HTTPS on by itself: support.mozilla.org/kb/canary-domain-use-application-dnsnet */
export const CANARY = 'use-application-dns.net';
export const TYPES: readonly RecordType[] = ['A', 'AAAA', 'HTTPS'];
