import { defineCheck, resultId } from '../../check.ts';
import { described } from '../../probes/http.ts';
import { liveliness } from '../../probes/litellm.ts';
import { onHost } from '../../reproduce.ts';
import { baseUrl } from '../../services/litellm.ts';
import portBound from './port-bound.ts';
import unitActive from './unit-active.ts';

export default defineCheck({
  id: 'litellm/liveliness',
  title: 'LiteLLM is alive',
  story:
    'LiteLLM opens its port once config.yaml is understood (10-40 s, with migrations up to 240 s), so the first 200 here says that the file was accepted. ' +
    'This path needs no key and calls no model. /health is never asked: it sends every model a request that is paid for (REX-36).',
  decides: 'HTTP 200 from /health/liveliness on the host itself.',
  sources: ['LiteLLM: docs/proxy/health.md; proxy/health_endpoints'],
  each: (fabric) => {
    const { host } = fabric.litellm;
    const alive = liveliness(fabric);
    return [
      {
        subject: host,
        needs: [alive],
        blockedBy: [resultId(unitActive, host), resultId(portBound, host)],
        judge: ({ know }) => {
          const seen = know(alive);
          if (typeof seen === 'object' && seen.status === 200) return [];
          return [
            {
              severity: 'fail',
              saw: described(seen),
              want: 'HTTP 200',
              advice: 'Read its log: journalctl -u litellm.',
              reproduce: onHost(fabric, host, `curl -si ${baseUrl(fabric.litellm)}/health/liveliness`),
            },
          ];
        },
      },
    ];
  },
});
