import { type DnsQuestion, type Probe, type RecordType, Unreadable, type Vantage } from '../evidence.ts';
import type { Address } from '../fabric.ts';
import { quotePowerShell } from '../powershell.ts';
import { digCommand } from '../reproduce.ts';
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
/** As a person asks the same. */
export const askCommand = ({ at: _, ...question }: Ask): string => digCommand(question);

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
        : { at, via: 'sh', script: askCommand(ask), powershell: resolveDnsName(ask) },
    read: ({ code, out, err }) => {
      if (code === 127) throw new Unreadable('dig is not installed there (Debian: bind9-dnsutils, Fedora: bind-utils)', 'unsupported');
      const status = /->>HEADER<<-.*status: (\w+)/.exec(out)?.[1];
      if (status === undefined) {
        if (code !== 9 && !out.includes(';; no servers could be reached'))
          throw new Unreadable(`dig ended with ${code}: ${(err || out).trim().split('\n')[0] ?? ''}`);
        return {
          is: 'silent',
          why:
            /(timed out|refused|unreachable|reset|denied|end of file)/
              .exec(`${out}\n${err}`)?.[1]
              ?.replace('refused', 'connection refused') ?? 'no answer',
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
    },
  };
};
/**
 * Resolve-DnsName, in dig's words. It obeys the name resolution policy table where no server is named. What it throws is named by
 * Windows: DNS_ERROR_RCODE_NAME_ERROR, …SERVER_FAILURE, …REFUSED, ERROR_TIMEOUT. Type 65 by its number, as older ones have no name for it.
 */
const resolveDnsName = ({ server, name, type, transport }: Ask): string => {
  const how = `-Name ${quotePowerShell(name)} -Type ${type === 'HTTPS' ? 65 : type} -DnsOnly -NoHostsFile${transport === 'tcp' ? ' -TcpOnly' : ''}${server === 'os' ? '' : ` -Server ${quotePowerShell(server)}`}`;
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
