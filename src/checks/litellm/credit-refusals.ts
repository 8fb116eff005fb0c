import { defineCheck, type Finding, resultId } from '../../check.ts';
import { isLost } from '../../evidence.ts';
import { creditRefusals } from '../../probes/health.ts';
import { hostConfig } from '../../probes/settings.ts';
import { onHost } from '../../reproduce.ts';
import { isMapping, UNIT } from '../../services/litellm.ts';
import openrouterMaxTokens from './openrouter-max-tokens.ts';

/** Refusals of longer ago are worth knowing, and no more. */
const RECENT = 86_400;

export default defineCheck({
  id: 'litellm/credit-refusals',
  rex: ['REX-37'],
  history: true,
  standing: true,
  title: 'OpenRouter has refused no request for want of credits',
  story:
    '“This request requires more credits, or fewer max_tokens. You requested up to 16000 tokens, but can only afford 2666.” It reads like a full context or an empty account, and is neither: OpenRouter reserves the longest answer beforehand, ' +
    'and the credits would have paid for the one that was wanted.',
  decides:
    'It counts OpenRouter’s 402 in LiteLLM’s journal since it started, and compares what was requested with the entry’s max_tokens: where they are equal it was the default, where not the client asked for it itself. It fails for one of the last day, and warns of older ones.',
  sources: [
    'measured: what LiteLLM 1.109.1 logs of an answer such as OpenRouter’s',
    'OpenRouter’s words: can1357/oh-my-pi issue 9569 (credits), anomalyco/opencode issue 12219 (a key’s limit)',
  ],
  spared: { 'file/flux/apps/litellm/config.yaml': 'whose max_tokens it was: the client’s or the default' },
  each: (fabric) => {
    const { host } = fabric.litellm;
    const refusals = creditRefusals(fabric);
    const config = hostConfig(fabric);
    return [
      {
        subject: host,
        needs: [refusals, config],
        blockedBy: [resultId(openrouterMaxTokens, host)],
        judge: ({ know, maybe }): readonly Finding[] => {
          const { count, last } = know(refusals);
          const newest = last.at(-1);
          if (newest === undefined) return [];
          const seen = maybe(config);
          const list = isLost(seen) || seen === null ? undefined : seen['model_list'];
          const entry = (Array.isArray(list) ? list : []).find((one) => isMapping(one) && one['model_name'] === newest.model);
          const params = isMapping(entry) ? entry['litellm_params'] : undefined;
          const usual = isMapping(params) ? params['max_tokens'] : undefined;
          const { requested, affordable, model, by } = newest;
          const whose =
            usual === requested
              ? `as LiteLLM’s max_tokens of ${model} says`
              : typeof usual === 'number'
                ? `by the client’s own max_tokens: LiteLLM’s ${usual} is a default and no cap`
                : 'by the client’s own max_tokens, or because nobody named one';
          const pay = by === 'key' ? 'raise the limit of the key at OpenRouter' : 'buy credits at OpenRouter';
          return [
            {
              severity: newest.ago <= RECENT ? 'fail' : 'warn',
              saw: `${count} request${count === 1 ? '' : 's'} refused since LiteLLM started, the last ${Math.max(0, Math.round(newest.ago))} s ago${model === '' ? '' : ` (${model})`}: up to ${requested} tokens requested, ${whose}; ${by === 'key' ? 'the key’s limit allows' : 'the credits allow'} ${affordable}`,
              want: `no refusals: at most ${affordable} tokens a request, or more credits`,
              advice:
                usual === requested
                  ? `Write max_tokens: ${Math.min(4096, affordable)} at ${model} in fabric.yaml and run \`fabric deploy litellm\`; or ${pay}.`
                  : `Let the client ask for ${affordable} tokens at most (n8n: Maximum Number of Tokens; where it names none, max_tokens of the model in fabric.yaml counts); or ${pay}.`,
              reproduce: onHost(
                fabric,
                host,
                `sudo journalctl -u ${UNIT} -o short-iso --no-pager | grep -o 'requested up to [0-9]* tokens, but can only afford [0-9]*' | tail`,
              ),
            },
          ];
        },
      },
    ];
  },
});
