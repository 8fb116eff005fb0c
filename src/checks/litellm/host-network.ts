import { defineCheck, resultId } from '../../check.ts';
import { container, containers } from '../../probes/container.ts';
import { onHost } from '../../reproduce.ts';
import { CONTAINER } from '../../services/litellm.ts';
import unitActive from './unit-active.ts';

export default defineCheck({
  id: 'litellm/host-network',
  title: 'The container uses the host’s network, no published port',
  story:
    'Measured on real hosts: a port that podman or docker publishes (-p 4000:4000) answers strangers whatever firewalld’s zones and rich rules say, because it is forwarded, not received. ' +
    'With the host’s network the rich rule holds, also after a reboot. In a network of its own the container also loses the backends on 127.0.0.1.',
  decides:
    'The container’s network by podman inspect, and the ports that podman and docker publish. Any network but the host’s, or the port published by anyone, is a failure.',
  sources: ['measured: published ports answer strangers past firewalld’s zones'],
  each: (fabric) => {
    const { host, listen } = fabric.litellm;
    const running = container(host, CONTAINER);
    const all = containers(host);
    return [
      {
        subject: host,
        needs: [running, all],
        blockedBy: [resultId(unitActive, host)],
        judge: ({ know }) => {
          const state = know(running);
          const open = know(all).published.filter(({ port }) => port === listen.port);
          if ((state === null || state.network === 'host') && open.length === 0) return [];
          const where = open
            .map(
              ({ engine, container: name, address, port }) =>
                `${engine} publishes port ${port} on ${address || 'every address'} for ${name}`,
            )
            .join('; ');
          return [
            {
              severity: 'fail',
              saw: `${where || 'no port is published'}; the container’s network is ${state?.network ?? 'gone'}`,
              want: 'Network=host and no published port: published ports bypass firewalld’s zones, strangers get in',
              advice:
                'Look for a drop-in (systemctl cat litellm.service) or another container, remove it, and run `fabric deploy litellm`.',
              reproduce: onHost(fabric, host, `sudo podman ps --format '{{.Names}} {{.Networks}} {{.Ports}}'`),
            },
          ];
        },
      },
    ];
  },
});
