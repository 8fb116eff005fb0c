import { defineCheck, resultId } from '../../check.ts';
import { isLost } from '../../evidence.ts';
import { backendUrl, fromContainer, fromHost, type Listed } from '../../probes/backend.ts';
import { onHost } from '../../reproduce.ts';
import { CONTAINER } from '../../services/litellm.ts';
import backendLoopback from './backend-loopback.ts';
import hostNetwork from './host-network.ts';
import unitActive from './unit-active.ts';

export default defineCheck({
  id: 'litellm/backend-reachable',
  title: 'The backend answers, from the host and from inside the container',
  story:
    'From the host and not from the container is the container’s network; from neither is the backend or the way to it. LiteLLM’s own error tells neither.',
  decides:
    'HTTP 200 from the backend’s /v1/models, asked from the host and from inside the container. What both lack is the backend’s or the way to it, what the container alone lacks is its network’s.',
  sources: ['measured: a container in a network of its own, and backends on 127.0.0.1'],
  each: (fabric) => {
    const { litellm } = fabric;
    return litellm.backends.map((backend) => {
      const outside = fromHost(litellm, backend);
      const inside = fromContainer(litellm, backend);
      const url = `${backendUrl(backend)}/v1/models`;
      return {
        subject: `${litellm.host}:${backend.name}`,
        needs: [outside, inside],
        blockedBy: [
          resultId(unitActive, litellm.host),
          resultId(backendLoopback, `${litellm.host}:${backend.name}`),
          resultId(hostNetwork, litellm.host),
        ],
        judge: ({ know, maybe }) => {
          const fromOutside = know(outside);
          if (!good(fromOutside)) {
            return [
              {
                severity: 'fail',
                saw: `from the host: ${said(fromOutside)}`,
                want: `HTTP 200 from ${url}`,
                advice: 'Start the backend, or correct its url in fabric.yaml.',
                reproduce: onHost(fabric, litellm.host, `curl -si -m 5 ${url}`),
              },
            ];
          }
          const fromInside = maybe(inside);
          if (isLost(fromInside)) return [fromInside];
          if (good(fromInside)) return [];
          return [
            {
              severity: 'fail',
              saw: `from the host: HTTP 200; from inside the container: ${said(fromInside)}`,
              want: `HTTP 200 from ${url} in both places`,
              advice: 'The container is in a network of its own, or lacks the backend’s key: `fabric deploy litellm`.',
              reproduce: onHost(
                fabric,
                litellm.host,
                `sudo podman exec ${CONTAINER} python3 -c "import urllib.request as r; print(r.urlopen('${url}', timeout=5).status)"`,
              ),
            },
          ];
        },
      };
    });
  },
});

const good = (reply: Listed): boolean => typeof reply === 'object' && reply.status === 200;
const said = (reply: Listed): string => (typeof reply === 'string' ? reply : `HTTP ${reply.status}`);
