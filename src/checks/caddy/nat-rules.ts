import { defineCheck, resultId } from '../../check.ts';
import { firewall, instance, sockets } from '../../probes/caddy.ts';
import { onHost } from '../../reproduce.ts';
import { clientOf, guarded } from '../../services/caddy.ts';
import { masksOf, spoken } from '../../services/masking.ts';
import alive from './alive.ts';

export default defineCheck({
  id: 'caddy/nat-rules',
  rex: ['REX-34'],
  title: 'Docker’s rules lead what comes to Caddy, and not docker-proxy',
  story:
    'Docker’s DNAT rules keep the client’s address. Where they are missing nothing seems broken: docker-proxy takes the connections instead, and everyone is the bridge’s gateway to Caddy. They go missing with `"iptables": false`, which guides against Docker’s way past ufw recommend, and when a firewall is reloaded or flushed after Docker started.',
  decides:
    'A packet for each declared address, walked through the nat rules of both backends: no rule leads it to the container, and docker-proxy listens there although the container has an address of that family.',
  sources: [
    'Docker: docs on packet filtering and firewalls',
    'measured: nat DOCKER chain flushed, and "iptables": false, curl from a public address',
  ],
  each: (fabric) => {
    const { caddy } = fabric;
    if (caddy === undefined || guarded(caddy).length === 0) return [];
    const [it, open, rules] = [instance(caddy), sockets(caddy), firewall(caddy)];
    return [
      {
        subject: caddy.host,
        needs: [it, open, rules],
        blockedBy: [resultId(alive, caddy.host)],
        judge: ({ know }) => {
          const found = know(it);
          if (found === null) return [{ lost: 'unreadable', why: 'Caddy does not run' }];
          if (found.mode === 'host') return [];
          const host = { instance: found, links: [], sockets: know(open), rules: know(rules) };
          const masks = masksOf(host, caddy, (side, of) => clientOf(caddy, side, of)).filter(({ cause }) => cause === 'nat-rules');
          const [first] = masks;
          if (first === undefined) return [];
          return [
            {
              severity: 'fail',
              saw: `whoever comes by ${masks.map(({ door }) => door.address).join(' or ')} reaches Caddy as ${first.as} over ${spoken(first.protocols)}: no rule leads port ${caddy.port} to the container, and ${first.by} takes it`,
              want: 'Docker’s DNAT rules',
              advice:
                'Is `"iptables": false` in /etc/docker/daemon.json? Take it out. Else the rules were flushed after Docker started: sudo systemctl restart docker makes them anew. Published ports are closed in the chain DOCKER-USER, not by doing without the rules.',
              reproduce: onHost(fabric, caddy.host, 'sudo iptables -t nat -S; grep iptables /etc/docker/daemon.json'),
            },
          ];
        },
      },
    ];
  },
});
