import { defineCheck, type Finding, resultId } from '../../check.ts';
import { isLost, type Lost } from '../../evidence.ts';
import { config } from '../../probes/caddy.ts';
import { entryCommand, quicThere, siteUrl, verdictOf } from '../../probes/entry.ts';
import { type Cell, cellsOf } from '../../probes/matrix.ts';
import { onHost } from '../../reproduce.ts';
import { serverOn } from '../../services/caddy.ts';
import { bracket, quote } from '../../shell.ts';
import alive from './alive.ts';
import caddyfile from './caddyfile.ts';

export default defineCheck({
  id: 'caddy/http3',
  rex: ['REX-34'],
  title: 'HTTP/3 is reachable where Caddy says that it is',
  story:
    'Caddy tells every client by Alt-Svc that HTTP/3 is there, and a browser believes it for a month. Where 443/udp is not published, or a firewall drops it, each visit begins with a wait. Turning HTTP/3 off is no remedy for REX-34 either: what masks the clients does so for all protocols.',
  decides:
    'At each vantage that may enter a site: an Alt-Svc with h3 in an answer over TCP, and HTTP/3 to the same address that nobody answers. Where curl there does not speak HTTP/3 it was not tried, which is unknown; from this machine QUIC is then tried by a version that nobody has. `protocols` without h3 in the configuration is a warning.',
  sources: [
    'RFC 9114, 3.1.1 (Alt-Svc); RFC 9000, 6.1 and 17.2.1',
    'measured: 443/udp not published, dropped, and refused; Version Negotiation of Caddy 2.11.4',
  ],
  each: (fabric) => {
    const { caddy } = fabric;
    if (caddy === undefined) return [];
    const it = config(caddy);
    return cellsOf(caddy).flatMap(({ at, cells }) => {
      const entered = cells.filter(({ may }) => may === true);
      // One site stands for an address: HTTP/3 is a matter of the port.
      const tried = [...new Map(entered.map((cell) => [cell.address, cell.site])).entries()].map(([address, site]) => {
        const of = (protocol: Cell['protocol']): Cell | undefined =>
          entered.find((cell) => cell.address === address && cell.site === site && cell.protocol === protocol);
        return { address, site, tcp: of('h1'), udp: of('h3'), quic: at === 'here' ? [quicThere(address, caddy.port)] : [] };
      });
      if (tried.length === 0) return [];
      return [
        {
          subject: at,
          needs: [
            it,
            ...tried.flatMap(({ tcp, udp, quic }) => [...[tcp, udp].flatMap((cell) => (cell === undefined ? [] : [cell.probe])), ...quic]),
          ],
          blockedBy: [caddyfile, alive].map((check) => resultId(check, caddy.host)),
          judge: ({ know, maybe }) => {
            const found = maybe(it);
            const server = isLost(found) || found === null ? undefined : serverOn(found.servers, caddy.port);
            if (server !== undefined && !server.protocols.includes('h3'))
              return [
                {
                  severity: 'warn',
                  saw: `HTTP/3 is turned off: protocols ${server.protocols.join(' ')}`,
                  want: 'HTTP/3, which is on where nobody says otherwise',
                  advice:
                    'If it was turned off because of REX-34: that helps nobody, since the clients are masked over TCP as well. Take the line out, or accept this in fabric.yaml.',
                },
              ];
            return tried.flatMap(({ address, site, tcp, udp, quic: [quic] }): readonly (Finding | Lost)[] => {
              if (tcp === undefined || udp === undefined) return [];
              const [over, answer] = [know(tcp.probe), maybe(udp.probe)];
              const spoken = quic === undefined ? null : maybe(quic);
              const reproduce = onHost(
                fabric,
                at,
                `${entryCommand(site, address, caddy.port, 'h3')} -i ${quote(siteUrl(site, caddy.port))}`,
              );
              const advertised = over.is === 'answered' && /\bh3(?:-\d+)?=/.test(over.altSvc ?? '');
              const dead = (how: string): Finding => ({
                severity: advertised ? 'fail' : 'warn',
                saw: `from ${at}, ${bracket(address)}:${caddy.port}/udp: ${how}${advertised ? `, though Alt-Svc says ${over.altSvc}` : ''}`,
                want: 'HTTP/3 answers where it is announced',
                advice: `Publish ${caddy.port}/udp beside ${caddy.port}/tcp, on the same addresses, and let it through the firewall. Or turn it off: servers { protocols h1 h2 }.`,
                reproduce,
              });
              if (isLost(answer)) {
                if (spoken === 'silent' || spoken === 'refused')
                  return [dead(spoken === 'refused' ? 'nobody is there' : 'QUIC is not answered')];
                const quicSaid = spoken === 'spoken' ? ' (QUIC answers there; who gets in over it is not known)' : '';
                return [{ ...answer, why: `HTTP/3 was not tried from ${at} by ${address}${quicSaid}: ${answer.why}` }];
              }
              return over.is === 'answered' && verdictOf(answer) === 'unreachable'
                ? [dead(answer.is === 'unreachable' ? answer.why : 'no answer')]
                : [];
            });
          },
        },
      ];
    });
  },
});
