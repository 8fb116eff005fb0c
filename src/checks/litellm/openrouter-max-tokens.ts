import { defineCheck, type Finding, type Fix } from '../../check.ts';
import { isLost } from '../../evidence.ts';
import type { Json, JsonObject } from '../../fabric.ts';
import { creditRefusals } from '../../probes/health.ts';
import { hostConfig } from '../../probes/settings.ts';
import { onHost } from '../../reproduce.ts';
import { configOf, configPath, isMapping } from '../../services/litellm.ts';

export default defineCheck({
  id: 'litellm/openrouter-max-tokens',
  rex: ['REX-37'],
  standing: true,
  title: 'Every OpenRouter model has a max_tokens that its credits allow',
  story:
    'Before OpenRouter passes a request on, it looks whether the credits would pay for the longest answer: max_tokens, or where none is given the model’s whole output, 64,000 tokens and more. ' +
    'With some dollars left, every request is refused (402, “fewer max_tokens”), and a small answer would have cost a cent. LiteLLM adds no max_tokens of its own.',
  decides:
    'It reads the openrouter/ entries of config.yaml on the host. It warns of one without max_tokens (nor max_completion_tokens, nor router_settings.default_litellm_params), and fails where OpenRouter has refused such a request since LiteLLM started, ' +
    'or where max_tokens is above what the last refusal of that model said the credits allow. max_tokens is a default and no cap: a client’s own wins.',
  sources: [
    'LiteLLM: router.py merges litellm_params under the request’s own parameters; llms/openrouter/chat/transformation.py adds no max_tokens',
    'measured: LiteLLM 1.109.1 in front of a server that refuses as OpenRouter does',
  ],
  each: (fabric) => {
    const { litellm } = fabric;
    const { host } = litellm;
    const config = hostConfig(fabric);
    const refusals = creditRefusals(fabric);
    return [
      {
        subject: host,
        needs: [config, refusals],
        judge: ({ know, maybe }): readonly Finding[] => {
          const seen = know(config);
          if (seen === null) return [];
          const log = maybe(refusals);
          const usual = defaults(seen);
          const ours = new Map(entries(configOf(litellm)).map((one) => [one.name, one.maxTokens]));
          return entries(seen).flatMap(({ name, model, maxTokens }): readonly Finding[] => {
            const limit = maxTokens ?? usual;
            const last = isLost(log) ? undefined : log.last.findLast((one) => one.model === name);
            const tooHigh = last !== undefined && (limit === null || limit > last.affordable);
            if (limit !== null && !tooHigh) return [];
            const allowed =
              last === undefined
                ? ''
                : `; OpenRouter refused ${last.requested} tokens ${ago(last.ago)} ago: the credits allow ${last.affordable}`;
            // What fabric.yaml would render is better only where it would be let through.
            const rendered = ours.get(name) ?? null;
            const mended = rendered !== null && (last === undefined || rendered <= last.affordable);
            const fix: Fix = 'deploy';
            const good = last === undefined ? 4096 : Math.min(4096, last.affordable);
            return [
              {
                severity: tooHigh ? 'fail' : 'warn',
                saw: `${name} (${model}) ${limit === null ? 'has no max_tokens, so OpenRouter reserves its whole output for each request that names none' : `has max_tokens ${limit}`}${allowed}`,
                want: `max_tokens, ${last === undefined ? 'such as 4096' : `at most ${last.affordable}`}, as the default of requests that name none; a client’s own wins`,
                advice: mended
                  ? `Run \`fabric deploy litellm\`: fabric.yaml gives it ${rendered}.`
                  : `Write max_tokens: ${good} at ${name} in fabric.yaml (${
                      declared(fabric.litellm.backends, name)
                        ? 'litellm.backends.….models'
                        : 'litellm.config.model_list, under litellm_params'
                    }), then run \`fabric deploy litellm\`${tooHigh ? '; or buy credits' : ''}.`,
                ...(mended ? { fix } : {}),
                reproduce: onHost(fabric, host, `sudo grep -n -A 4 'model: openrouter/' ${configPath(litellm)}`),
              },
            ];
          });
        },
      },
    ];
  },
});

interface Entry {
  readonly name: string;
  readonly model: string;
  readonly maxTokens: number | null;
}
const tokens = (params: JsonObject): number | null => {
  const value = params['max_tokens'] ?? params['max_completion_tokens'];
  const number = typeof value === 'string' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : null;
};
const entries = (config: JsonObject): readonly Entry[] => {
  const list = config['model_list'];
  return (Array.isArray(list) ? list : []).flatMap((one: Json): readonly Entry[] => {
    const params = isMapping(one) ? one['litellm_params'] : undefined;
    if (!isMapping(one) || !isMapping(params)) return [];
    const [name, model] = [one['model_name'], params['model']];
    if (typeof name !== 'string' || typeof model !== 'string' || !model.startsWith('openrouter/')) return [];
    return [{ name, model, maxTokens: tokens(params) }];
  });
};
/** What the router gives every model. */
const defaults = (config: JsonObject): number | null => {
  const router = config['router_settings'];
  const all = isMapping(router) ? router['default_litellm_params'] : undefined;
  return isMapping(all) ? tokens(all) : null;
};
const declared = (backends: readonly { readonly models: readonly { readonly alias: string }[] }[], name: string): boolean =>
  backends.some(({ models }) => models.some(({ alias }) => alias === name));
const ago = (seconds: number): string =>
  seconds >= 7200
    ? `${Math.round(seconds / 3600)} h`
    : seconds >= 120
      ? `${Math.round(seconds / 60)} min`
      : `${Math.max(0, Math.round(seconds))} s`;
