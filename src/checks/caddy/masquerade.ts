import { defineCheck, resultId } from '../../check.ts';
import { isLost } from '../../evidence.ts';
import { firewall, instance } from '../../probes/caddy.ts';
import { file } from '../../probes/file.ts';
import { interfaces } from '../../probes/network.ts';
import { onHost } from '../../reproduce.ts';
import { clientOf, family, guarded } from '../../services/caddy.ts';
import { EXCEPTION_FILE, excepted } from '../../services/caddy-remedies.ts';
import { masksOf, spoken } from '../../services/masking.ts';
import alive from './alive.ts';

export default defineCheck({
  id: 'caddy/masquerade',
  rex: ['REX-34'],
  title: 'No rule gives all that comes to Caddy one address',
  story:
    'A line such as `POSTROUTING -j MASQUERADE`, from a guide for an exit node or a WireGuard server, names no interface: it masquerades what goes into containers as well as what leaves the host. Then everyone is the bridge’s gateway to Caddy, strangers as well, and an ACL that admits the gateway admits the internet.',
  decides:
    'A packet of a stranger and one of the VPN, walked through iptables’ both backends: whether a rule outside of Tailscale’s chain gives it another source on its way to Caddy’s container.',
  sources: ['iptables-extensions(8): MASQUERADE', 'measured: a blanket MASQUERADE beside Docker, curl from a public address'],
  spared: {
    interfaces: 'it names the bridge that a packet leaves by, and a rule that masquerades all does not look at it',
    'file/etc/systemd/system/fabric-caddy-snat.service': 'whether a fix was here before: its own file',
  },
  each: (fabric) => {
    const { caddy } = fabric;
    if (caddy === undefined || guarded(caddy).length === 0) return [];
    const [it, links, rules, unit] = [instance(caddy), interfaces(caddy.host), firewall(caddy), file(caddy.host, EXCEPTION_FILE)];
    return [
      {
        subject: caddy.host,
        needs: [it, links, rules, unit],
        blockedBy: [resultId(alive, caddy.host)],
        judge: ({ know, maybe }) => {
          const found = know(it);
          if (found === null) return [{ lost: 'unreadable', why: 'Caddy does not run' }];
          if (found.mode === 'host') return [];
          const host = { instance: found, links: know(links), sockets: [], rules: know(rules) };
          const all = masksOf(host, caddy, (side, of) => clientOf(caddy, side, of));
          const masks = all.filter(({ cause }) => cause === 'masquerade');
          const was = maybe(unit);
          const fix = isLost(was) ? null : excepted(caddy, found, all, was);
          const once = [...new Map(masks.map((mask) => [`${family(mask.as)} ${mask.by}`, mask])).values()];
          return once.map(({ as, by, protocols, door }) => ({
            severity: 'fail',
            saw: `all who come by IPv${door.family} reach Caddy as ${as} over ${spoken(protocols)}: ${by}`,
            want: 'only what leaves the host is masqueraded',
            advice: `${fix === null ? '' : '`fabric fix caddy/masquerade` leaves whoever comes to Caddy’s container his address, and the rule as it is. Better: n'}${fix === null ? 'N' : ''}ame the interface that it is meant for (\`-o eth0\`), or the network (\`-s\`), in that rule. Until then nobody’s address counts, and an ACL that admits ${as} is open to all.`,
            ...(fix === null ? {} : { fix }),
            reproduce: onHost(fabric, caddy.host, `sudo ${door.family === 6 ? 'ip6tables' : 'iptables'} -t nat -S POSTROUTING`),
          }));
        },
      },
    ];
  },
});
