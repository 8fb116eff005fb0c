import { defineCheck, resultId } from '../../check.ts';
import { frontLiveliness } from '../../probes/front.ts';
import { described } from '../../probes/http.ts';
import { onHost } from '../../reproduce.ts';
import liveliness from './liveliness.ts';

export default defineCheck({
  id: 'litellm/front',
  title: 'The HTTPS front leads to LiteLLM',
  story:
    'LiteLLM is well on its own port, and clients that come through the proxy in front of it get 502, or somebody else’s page. Asked from LiteLLM’s own host, so what that host cannot reach (a router that does not lead its own network back in) is unknown, not failed.',
  decides:
    'GET /health/liveliness by the declared front: HTTP 200 and "I’m alive". 3xx and 4xx are a warning (the front may keep that path to itself), all else a failure.',
  sources: ['LiteLLM: docs/proxy/health.md'],
  each: (fabric) => {
    const { host, front } = fabric.litellm;
    if (front === undefined) return [];
    const reply = frontLiveliness(host, front);
    return [
      {
        subject: new URL(front).host,
        needs: [reply],
        blockedBy: [resultId(liveliness, host)],
        judge: ({ know }) => {
          const seen = know(reply);
          if (typeof seen === 'object' && seen.status === 200 && /alive/i.test(seen.body)) return [];
          if (seen === 'no such host' || seen === 'no answer in time')
            return [{ lost: 'unreachable', why: `${front} from ${host}: ${seen}` }];
          const refused = typeof seen === 'object' && seen.status >= 300 && seen.status < 500;
          return [
            {
              severity: refused ? 'warn' : 'fail',
              saw: `${front}/health/liveliness: ${described(seen)}`,
              want: 'HTTP 200 and "I’m alive!"',
              advice: refused
                ? 'The front keeps this path to itself, or sends it elsewhere: if that is meant, accept it (accept: in fabric.yaml).'
                : 'Look at the proxy: that it runs, and that its upstream is LiteLLM’s address and port.',
              reproduce: onHost(fabric, host, `curl -ski ${front}/health/liveliness`),
            },
          ];
        },
      },
    ];
  },
});
