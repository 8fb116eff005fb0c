import { defineCheck, resultId } from '../../check.ts';
import { firewall, instance } from '../../probes/caddy.ts';
import { interfaces } from '../../probes/network.ts';
import { onHost } from '../../reproduce.ts';
import { clientOf, family, guarded } from '../../services/caddy.ts';
import { masksOf, spoken } from '../../services/masking.ts';
import alive from './alive.ts';

export default defineCheck({
  id: 'caddy/tailscale-snat',
  rex: ['REX-34'],
  title: 'Tailscale leaves the VPN’s clients their addresses',
  story:
    'Tailscale masquerades what it forwards (`--snat-subnet-routes`, on by default): `ts-forward` marks whatever comes in by tailscale0, `ts-postrouting` gives it the address of the interface that it leaves by. To a container every client of the VPN is then the bridge’s gateway, over HTTP/1.1, 2 and 3 alike, and an ACL of the VPN’s network refuses them all. ' +
    'Whether it happens is a matter of whose rules stand first, which changes when either is restarted. Browsers speak HTTP/3, so it was taken for a fault of QUIC.',
  decides:
    'A packet of a client of the VPN, walked through the rules of iptables’ both backends as the kernel does: whether ts-postrouting masquerades it on its way to Caddy’s container. An exception before that rule, Docker’s rules before Tailscale’s, and SNAT turned off all leave it as it is.',
  sources: [
    'Tailscale: util/linuxfw/iptables_runner.go; issues 10205 and 13754',
    'measured: Docker 20.10, 26.1 and 28.5 with Tailscale’s rules above and below, in nft and legacy',
  ],
  each: (fabric) => {
    const { caddy } = fabric;
    if (caddy === undefined || guarded(caddy).length === 0) return [];
    const [it, links, rules] = [instance(caddy), interfaces(caddy.host), firewall(caddy)];
    return [
      {
        subject: caddy.host,
        needs: [it, links, rules],
        blockedBy: [resultId(alive, caddy.host)],
        judge: ({ know }) => {
          const found = know(it);
          if (found === null) return [{ lost: 'unreadable', why: 'Caddy does not run' }];
          if (found.mode === 'host') return [];
          const host = { instance: found, links: know(links), sockets: [], rules: know(rules) };
          const masks = masksOf(host, caddy, (side, of) => clientOf(caddy, side, of)).filter(({ cause }) => cause === 'tailscale-snat');
          const once = [...new Map(masks.map((mask) => [family(mask.as), mask])).values()];
          return once.map(({ as, by, protocols, door }) => {
            const tables = door.family === 6 ? 'ip6tables' : 'iptables';
            const network = caddy.allow.find((one) => family(one) === door.family) ?? clientOf(caddy, 'vpn', door.family);
            const subnet = found.networks.flatMap(({ v4, v6 }) => (door.family === 6 ? v6 : v4)?.subnet ?? [])[0] ?? '';
            const exception = `${tables} -t nat -I POSTROUTING 1 -s ${network} -d ${subnet} -j ACCEPT`;
            return {
              severity: 'fail',
              saw: `the VPN’s clients reach Caddy as ${as} over ${spoken(protocols)}: ${by}`,
              want: 'Caddy sees the VPN’s clients by their own addresses',
              advice:
                `Keep Tailscale from masquerading: sudo tailscale set --snat-subnet-routes=false (a subnet router’s LAN then needs a route back). ` +
                `Or except Caddy’s network, and keep the line where it outlives a restart: sudo ${exception}. Or give Caddy the host’s network. ` +
                `Admitting ${subnet} in the ACL is none of these: it is a hole (REX-34). Flows over HTTP/3 that are open stay masked until: sudo conntrack -D -p udp --orig-port-dst ${caddy.port}`,
              reproduce: onHost(fabric, caddy.host, `sudo ${tables} -t nat -S ts-postrouting; sudo ${tables} -S FORWARD`),
            };
          });
        },
      },
    ];
  },
});
