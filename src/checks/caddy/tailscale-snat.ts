import { defineCheck, resultId } from '../../check.ts';
import { isLost } from '../../evidence.ts';
import { accessLog, firewall, instance, type Seen } from '../../probes/caddy.ts';
import { file } from '../../probes/file.ts';
import { interfaces } from '../../probes/network.ts';
import { onHost } from '../../reproduce.ts';
import { clientOf, family, guarded } from '../../services/caddy.ts';
import { EXCEPTION_FILE, excepted, exceptionCommand } from '../../services/caddy-remedies.ts';
import { masksOf, spoken, subnetOf } from '../../services/masking.ts';
import alive from './alive.ts';

export default defineCheck({
  id: 'caddy/tailscale-snat',
  rex: ['REX-34'],
  title: 'Tailscale leaves the VPN’s clients their addresses',
  story:
    'Tailscale masquerades what it forwards (`--snat-subnet-routes`, on by default): `ts-forward` marks whatever comes in by tailscale0, `ts-postrouting` gives it the address of the interface that it leaves by. To a container every client of the VPN is then the bridge’s gateway, over HTTP/1.1, 2 and 3 alike, and an ACL of the VPN’s network refuses them all. ' +
    'Whether it happens is a matter of whose rules stand first, which changes when either is restarted. Browsers speak HTTP/3, so it was taken for a fault of QUIC.',
  decides:
    'A packet of a client of the VPN, walked through the rules of iptables’ both backends as the kernel does: whether ts-postrouting masquerades it on its way to Caddy’s container. An exception before that rule, its mark taken off in mangle, Docker’s rules before Tailscale’s, and SNAT turned off all leave it as it is.',
  sources: [
    'Tailscale: util/linuxfw/iptables_runner.go; issues 10205 and 13754',
    'measured: Docker 20.10, 26.1 and 28.5 with Tailscale’s rules above and below, in nft and legacy',
  ],
  spared: {
    'caddy/access-log': 'over which protocols the gateway came: that it is all of them is the proof that HTTP/3 is not the cause',
    'file/etc/systemd/system/fabric-caddy-snat.service': 'whether a fix was here before: its own file',
  },
  each: (fabric) => {
    const { caddy } = fabric;
    if (caddy === undefined || guarded(caddy).length === 0) return [];
    const [it, links, rules, unit] = [instance(caddy), interfaces(caddy.host), firewall(caddy), file(caddy.host, EXCEPTION_FILE)];
    const log = accessLog(caddy);
    return [
      {
        subject: caddy.host,
        needs: [it, links, rules, unit, log],
        blockedBy: [resultId(alive, caddy.host)],
        judge: ({ know, maybe }) => {
          const found = know(it);
          if (found === null) return [{ lost: 'unreadable', why: 'Caddy does not run' }];
          if (found.mode === 'host') return [];
          const host = { instance: found, links: know(links), sockets: [], rules: know(rules) };
          const all = masksOf(host, caddy, (side, of) => clientOf(caddy, side, of));
          const masks = all.filter(({ cause }) => cause === 'tailscale-snat');
          const once = [...new Map(masks.map((mask) => [family(mask.as), mask])).values()];
          const [was, logged] = [maybe(unit), maybe(log)];
          const fix = isLost(was) ? null : excepted(caddy, found, all, was);
          return once.map((mask) => {
            const { as, by, protocols, door } = mask;
            const tables = door.family === 6 ? 'ip6tables' : 'iptables';
            const exception = exceptionCommand(caddy, found, mask);
            return {
              severity: 'fail',
              saw: `the VPN’s clients reach Caddy as ${as} over ${spoken(protocols)}: ${by}${requestsOf(isLost(logged) ? [] : logged, as)}`,
              want: 'Caddy sees the VPN’s clients by their own addresses',
              advice:
                `${fix === null ? '' : '`fabric fix caddy/tailscale-snat` excepts Caddy’s network, and does so again after a restart. Or k'}${fix === null ? 'K' : ''}eep Tailscale from masquerading: sudo tailscale set --snat-subnet-routes=false (a subnet router’s LAN then needs a route back). ` +
                `${fix === null && exception !== null ? `Or except Caddy’s network, and keep the line where it outlives a restart: ${exception}. ` : ''}Or give Caddy the host’s network. ` +
                `Admitting ${subnetOf(found, door.family) ?? ''} in the ACL is none of these: it is a hole (REX-34). Flows over HTTP/3 that are open stay masked until: sudo conntrack -D -p udp --orig-port-dst ${caddy.port}`,
              ...(fix === null ? {} : { fix }),
              reproduce: onHost(fabric, caddy.host, `sudo ${tables} -t nat -S ts-postrouting; sudo ${tables} -S FORWARD`),
            };
          });
        },
      },
    ];
  },
});

/** What the access log has of it: `; its log has 172.20.1.1 12 times over HTTP/1.1, 8 times over HTTP/3.0`. */
const requestsOf = (log: readonly Seen[], as: string): string => {
  const counts = new Map<string, number>();
  for (const { client, protocol, count } of log) if (client === as) counts.set(protocol, (counts.get(protocol) ?? 0) + count);
  const said = [...counts]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([protocol, count]) => `${count === 1 ? 'once' : `${count} times`} over ${protocol}`);
  return said.length === 0 ? '' : `; its last requests have ${as} ${said.join(', ')}`;
};
