import { defineCheck, resultId } from '../../check.ts';
import { firewall, flows, instance } from '../../probes/caddy.ts';
import { interfaces } from '../../probes/network.ts';
import { onHost } from '../../reproduce.ts';
import { clientOf, family, guarded } from '../../services/caddy.ts';
import { forgotten } from '../../services/caddy-remedies.ts';
import { wayOf } from '../../services/masking.ts';
import alive from './alive.ts';

export default defineCheck({
  id: 'caddy/stale-udp',
  rex: ['REX-34'],
  title: 'Open flows over HTTP/3 go by the rules of today',
  story:
    'A flow over UDP keeps the translation that it began with for as long as it is used, whatever the rules say by now. One that began while Docker’s or Tailscale’s rules stood otherwise (Docker before 23 at each start of a container) stays masked: HTTP/3 is refused, HTTP/1.1 and 2 are not. It is the one state in which REX-34’s words, “HTTP/3 shows the gateway”, are true.',
  decides:
    'Flows to the declared addresses in the kernel’s connection tracking whose answers go to another address than the client’s, or come from another than the container’s, where today’s rules would leave a new one as it is.',
  sources: ['moby: pull request 44742', 'measured: Docker 20.10 at container start; rules that were missing for a moment; conntrack -L'],
  each: (fabric) => {
    const { caddy } = fabric;
    if (caddy === undefined || guarded(caddy).length === 0) return [];
    const [it, links, rules, open] = [instance(caddy), interfaces(caddy.host), firewall(caddy), flows(caddy)];
    return [
      {
        subject: caddy.host,
        needs: [it, links, rules, open],
        blockedBy: [resultId(alive, caddy.host)],
        judge: ({ know }) => {
          const found = know(it);
          if (found === null) return [{ lost: 'unreadable', why: 'Caddy does not run' }];
          if (found.mode === 'host' || found.user !== null) return [];
          const addresses = know(links);
          const host = { instance: found, links: addresses, sockets: [], rules: know(rules) };
          const legs = found.networks.flatMap(({ v4, v6 }) => [v4, v6].flatMap((leg) => leg ?? []));
          const gateways = legs.map(({ gateway }) => gateway);
          const stale = know(open).filter(({ from, to, answers, answered }) => {
            // docker-proxy's own flow to the container is none of a client's.
            const outside = caddy.addresses.vpn.includes(to) || caddy.addresses.public.includes(to);
            if (!outside || gateways.includes(from) || (answered === from && legs.some(({ address }) => address === answers))) return false;
            const of = family(to);
            const [link] = addresses.filter((one) => one.addresses.includes(to));
            const side = caddy.addresses.vpn.includes(to) ? 'vpn' : 'public';
            const door = { side, family: of, address: to, link: link?.name ?? '', declared: true } as const;
            return wayOf(host, door, 'udp', from === '' ? clientOf(caddy, side, of) : from, caddy.port).is === 'as it is';
          });
          const [first] = stale;
          if (first === undefined) return [];
          return [
            {
              severity: 'fail',
              saw: `${stale.length === 1 ? 'a flow' : `${stale.length} flows`} to ${caddy.port}/udp ${stale.length === 1 ? 'keeps' : 'keep'} a translation that today’s rules do not make: ${first.from} to ${first.to} is answered by ${first.answers} as ${first.answered}`,
              want: 'HTTP/3 comes the way that HTTP/1.1 and 2 do',
              advice: `Forget the flows, which \`fabric fix caddy/stale-udp\` does: sudo conntrack -D -p udp --orig-port-dst ${caddy.port}. Browsers open them anew within seconds.`,
              fix: forgotten(caddy),
              reproduce: onHost(fabric, caddy.host, `sudo conntrack -L -p udp --orig-port-dst ${caddy.port}`),
            },
          ];
        },
      },
    ];
  },
});
