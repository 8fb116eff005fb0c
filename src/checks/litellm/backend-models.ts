import { defineCheck, resultId } from '../../check.ts';
import type { Backend } from '../../fabric.ts';
import { backendUrl, fromHost } from '../../probes/backend.ts';
import { onHost } from '../../reproduce.ts';
import backendReachable from './backend-reachable.ts';

export default defineCheck({
  id: 'litellm/backend-models',
  title: 'The backend serves the declared models',
  story:
    'vLLM serves a model under one exact name. Start it with another --served-model-name and LiteLLM’s list stays as it was, while every request to the model fails.',
  decides:
    'Each declared id is in the list that the backend itself gives (/v1/models), letter by letter; Ollama’s names without a tag are `:latest`.',
  sources: ['vLLM: --served-model-name', 'Ollama: docs/openai.md'],
  each: (fabric) => {
    const { litellm } = fabric;
    return litellm.backends.map((backend) => {
      const subject = `${litellm.host}:${backend.name}`;
      const served = fromHost(litellm, backend);
      return {
        subject,
        needs: [served],
        blockedBy: [resultId(backendReachable, subject)],
        judge: ({ know }) => {
          const reply = know(served);
          if (typeof reply === 'string' || reply.status !== 200)
            return [{ lost: 'unreachable', why: `${backend.name} did not list its models` }];
          const missing = backend.models.map(({ id }) => canonical(backend, id)).filter((id) => !reply.ids.includes(id));
          if (missing.length === 0) return [];
          return [
            {
              severity: 'fail',
              saw: `${backend.name} does not serve ${missing.join(', ')}; it serves ${shortened(reply.ids)}`,
              want: backend.models.map(({ id }) => id).join(', '),
              advice: 'Correct the id in fabric.yaml and deploy, or start the backend with that name.',
              reproduce: onHost(fabric, litellm.host, `curl -s ${backendUrl(backend)}/v1/models`),
            },
          ];
        },
      };
    });
  },
});

/** Ollama lists a model that was named without a tag as `:latest`. */
const canonical = ({ kind }: Backend, id: string): string => (kind === 'ollama' && !id.includes(':') ? `${id}:latest` : id);
const shortened = (ids: readonly string[]): string =>
  ids.length === 0 ? 'none' : ids.length > 8 ? `${ids.slice(0, 8).join(', ')} and ${ids.length - 8} more` : ids.join(', ');
