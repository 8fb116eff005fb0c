import { defineCheck, resultId } from '../../check.ts';
import { described } from '../../probes/http.ts';
import { readiness } from '../../probes/litellm.ts';
import { onHost } from '../../reproduce.ts';
import { baseUrl } from '../../services/litellm.ts';
import liveliness from './liveliness.ts';

export default defineCheck({
  id: 'litellm/readiness',
  title: 'LiteLLM is ready',
  story:
    'Readiness is 503 when a configured database cannot be reached: alive, and of no use. Without a database it says "Not connected" and is ready.',
  decides: 'HTTP 200 from /health/readiness on the host itself. 503 is a database that cannot be reached.',
  sources: ['LiteLLM: docs/proxy/health.md'],
  each: (fabric) => {
    const { host } = fabric.litellm;
    const ready = readiness(fabric);
    return [
      {
        subject: host,
        needs: [ready],
        blockedBy: [resultId(liveliness, host)],
        judge: ({ know }) => {
          const seen = know(ready);
          if (typeof seen === 'object' && seen.status === 200) return [];
          return [
            {
              severity: 'fail',
              saw: described(seen),
              want: 'HTTP 200',
              advice: 'Is its database (DATABASE_URL) reachable from the host?',
              reproduce: onHost(fabric, host, `curl -si ${baseUrl(fabric.litellm)}/health/readiness`),
            },
          ];
        },
      },
    ];
  },
});
