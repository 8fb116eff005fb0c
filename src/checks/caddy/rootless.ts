import { defineCheck, resultId } from '../../check.ts';
import { instance, sockets } from '../../probes/caddy.ts';
import { onHost } from '../../reproduce.ts';
import { clientOf, guarded } from '../../services/caddy.ts';
import { masksOf, spoken } from '../../services/masking.ts';
import alive from './alive.ts';

export default defineCheck({
  id: 'caddy/rootless',
  rex: ['REX-34'],
  title: 'A rootless container sees its clients’ addresses',
  story:
    'Without root there are no NAT rules: rootlesskit, rootlessport or slirp4netns takes the connections and opens others to the container, so that everyone is an address of its network to Caddy (172.20.1.1 with rootless Docker, 172.20.1.3 with a podman bridge, 10.0.2.100 with slirp4netns: measured). pasta passes the client’s address on.',
  decides:
    'Caddy’s container is a user’s own, and what listens on the port for it is one of those programs. pasta and the host’s network are as they should be.',
  sources: [
    'rootlesskit: docs/port.md; podman-run(1): --network',
    'measured: rootless Docker 26.1, podman with a bridge, slirp4netns and pasta',
  ],
  each: (fabric) => {
    const { caddy } = fabric;
    if (caddy === undefined || guarded(caddy).length === 0) return [];
    const [it, open] = [instance(caddy), sockets(caddy)];
    return [
      {
        subject: caddy.host,
        needs: [it, open],
        blockedBy: [resultId(alive, caddy.host)],
        judge: ({ know }) => {
          const found = know(it);
          if (found === null) return [{ lost: 'unreadable', why: 'Caddy does not run' }];
          const host = { instance: found, links: [], sockets: know(open), rules: [] };
          const masks = masksOf(host, caddy, (side, of) => clientOf(caddy, side, of)).filter(({ cause }) => cause === 'rootless');
          const [first] = masks;
          if (first === undefined) return [];
          return [
            {
              severity: 'fail',
              saw: `${first.by} takes the connections over ${spoken(first.protocols)} for ${found.user}’s own container: everyone is an address of its network to Caddy`,
              want: 'Caddy sees who comes',
              advice:
                'With podman: --network pasta (podman 5’s default). Otherwise run Caddy’s container as root, or on the host’s network with net.ipv4.ip_unprivileged_port_start=80.',
              reproduce: onHost(fabric, caddy.host, `sudo ss -ltunp 'sport = :${caddy.port}'`),
            },
          ];
        },
      },
    ];
  },
});
