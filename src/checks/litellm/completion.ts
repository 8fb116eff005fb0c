import { defineCheck, resultId } from '../../check.ts';
import type { Litellm, Model } from '../../fabric.ts';
import { described } from '../../probes/http.ts';
import { COMPLETION_SECONDS, completion } from '../../probes/litellm.ts';
import { onHost } from '../../reproduce.ts';
import { baseUrl, envPath } from '../../services/litellm.ts';
import backendModels from './backend-models.ts';
import backendReachable from './backend-reachable.ts';
import hostNetwork from './host-network.ts';
import liveliness from './liveliness.ts';
import modelsEqual from './models-equal.ts';

export default defineCheck({
  id: 'litellm/completion',
  title: 'A real completion of one token comes back',
  story:
    'A backend that hangs looks healthy: it accepts connections and lists its models. Only a completion tells. Backends that cost nothing are asked each time, paid ones with --smoke.',
  decides:
    'One completion of one token by each name, within 30 s: HTTP 200 with choices. Backends that cost nothing always, paid ones with --smoke.',
  sources: ['measured: a backend that accepts connections and hangs'],
  each: (fabric, { smoke }) => {
    const { litellm } = fabric;
    return asked(litellm, smoke).map(({ alias, backend }) => {
      const probe = completion(fabric, alias);
      const subject = `${litellm.host}:${backend}`;
      return {
        subject: `${litellm.host}:${alias}`,
        needs: [probe],
        blockedBy: [
          resultId(liveliness, litellm.host),
          resultId(hostNetwork, litellm.host),
          resultId(backendReachable, subject),
          resultId(backendModels, subject),
          resultId(modelsEqual, litellm.host),
        ],
        judge: ({ know }) => {
          const reply = know(probe);
          if (typeof reply === 'object' && reply.status === 200 && reply.body.includes('"choices"')) return [];
          const key =
            litellm.masterKey === null ? '' : `-H "Authorization: Bearer $(sudo sed -n s/^${litellm.masterKey}=//p ${envPath(litellm)})" `;
          const body = JSON.stringify({ model: alias, max_tokens: 1, messages: [{ role: 'user', content: 'Say one word.' }] });
          return [
            {
              severity: 'fail',
              saw:
                reply === 'no answer in time'
                  ? `no answer in ${COMPLETION_SECONDS} s: the backend ${backend} accepts requests and hangs`
                  : described(reply),
              want: 'HTTP 200 with a completion',
              advice:
                reply === 'no answer in time'
                  ? `Restart the backend ${backend}.`
                  : 'The error is the backend’s, or LiteLLM’s in front of it: read both logs.',
              reproduce: onHost(
                fabric,
                litellm.host,
                `curl -si ${key}-H 'Content-Type: application/json' -d '${body}' ${baseUrl(litellm)}/v1/chat/completions`,
              ),
            },
          ];
        },
      };
    });
  },
});

/** Each alias to ask, with its backend's name. */
const asked = ({ backends, aliases }: Litellm, smoke: boolean): readonly { readonly alias: string; readonly backend: string }[] =>
  backends
    .filter(({ cost }) => cost === 'none' || smoke)
    .flatMap(({ name, models }) => models.flatMap((model) => namesOf(model, aliases).map((alias) => ({ alias, backend: name }))));

const namesOf = ({ alias }: Model, aliases: ReadonlyMap<string, string>): readonly string[] => [
  alias,
  ...[...aliases].filter(([, target]) => target === alias).map(([name]) => name),
];
