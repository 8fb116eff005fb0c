import { defineCheck, resultId } from '../../check.ts';
import { instance, sockets } from '../../probes/caddy.ts';
import { interfaces } from '../../probes/network.ts';
import { onHost } from '../../reproduce.ts';
import { clientOf, guarded } from '../../services/caddy.ts';
import { masksOf, spoken } from '../../services/masking.ts';
import alive from './alive.ts';

export default defineCheck({
  id: 'caddy/docker-proxy',
  rex: ['REX-34'],
  title: 'Who comes by IPv6 comes in his own name',
  story:
    'Docker publishes a port on [::] as well, also for a container that has no IPv6 address. There are no rules for that: docker-proxy takes the connection and opens another one by IPv4, from the bridge’s gateway. So all of IPv6 is one client to Caddy, over every protocol, and an ACL that admits the gateway, as REX-34’s did, lets the internet in wherever the host has a public IPv6 address.',
  decides:
    'docker-proxy listening on the port by IPv6, for a container on a network without IPv6: a failure where fabric.yaml declares an IPv6 address that the VPN’s clients come by; a warning where strangers alone come by one, or the host has one that is not declared.',
  sources: ['Docker: docs on userland-proxy; moby: cmd/docker-proxy', 'measured: Docker 20.10, 26.1 and 28.5, curl by IPv6'],
  each: (fabric) => {
    const { caddy } = fabric;
    if (caddy === undefined || guarded(caddy).length === 0) return [];
    const [it, links, open] = [instance(caddy), interfaces(caddy.host), sockets(caddy)];
    return [
      {
        subject: caddy.host,
        needs: [it, links, open],
        blockedBy: [resultId(alive, caddy.host)],
        judge: ({ know }) => {
          const found = know(it);
          if (found === null) return [{ lost: 'unreadable', why: 'Caddy does not run' }];
          const host = { instance: found, links: know(links), sockets: know(open), rules: [] };
          const masks = masksOf(host, caddy, (side, of) => clientOf(caddy, side, of)).filter(({ cause }) => cause === 'docker-proxy');
          const [first] = masks;
          if (first === undefined) return [];
          const sides = masks.map(({ door }) => `${door.address}${door.declared ? '' : ' (not in caddy.addresses)'}`);
          return [
            {
              severity: masks.some(({ door }) => door.declared && door.side === 'vpn') ? 'fail' : 'warn',
              saw: `whoever comes by ${sides.join(' or ')} reaches Caddy as ${first.as} over ${spoken(first.protocols)}: ${first.by} listens there, and its container has no IPv6`,
              want: 'Caddy sees who comes by IPv6, or nobody comes by it',
              advice:
                'One of: `"userland-proxy": false` in /etc/docker/daemon.json and a restart of Docker (no IPv6 then); the ports published as 0.0.0.0:443:443 (no IPv6 then); or a network with IPv6 (`enable_ipv6: true`, Docker 27 or newer) and the VPN’s IPv6 network in the ACL.',
              reproduce: onHost(fabric, caddy.host, `sudo ss -ltunp 'sport = :${caddy.port}'`),
            },
          ];
        },
      },
    ];
  },
});
