// What LiteLLM's health checks cost: calls × models × price, with its arithmetic. Pure.
import { isIP } from 'node:net';
import type { Backend, Fabric } from '../fabric.ts';
import { within } from './network.ts';
import { compareVersions, parseVersion } from './version.ts';

/** In dollars, from LiteLLM's price map. */
export interface Price {
  readonly input: number;
  readonly output: number;
  /** Of a request, whatever it says. */
  readonly request: number;
  /** Of a search, by how much of the web is read. `null`: it does not search by itself. */
  readonly search: { readonly low: number; readonly usual: number; readonly high: number } | null;
  /** The map's name, where it is not the model's own. */
  readonly as?: string;
}
/** One deployment of LiteLLM's: a health check sends it one request. */
export interface Deployment {
  readonly name: string;
  readonly id: string;
  /** `openrouter/anthropic/claude-sonnet-4.5` */
  readonly model: string;
  readonly apiBase: string | null;
  /** `null`: the price map does not know it. */
  readonly price: Price | null;
  /** `model_info.disable_background_health_check` */
  readonly spared: boolean;
  /** `model_info.health_check_max_tokens` */
  readonly maxTokens: number | null;
}

/** A model's entry in the price map, or LiteLLM's own model_info, as a price. `null`: it has none. */
export const priceOf = (model: string, entry: Readonly<Record<string, unknown>>, searches = false, as?: string): Price | null => {
  const number = (name: string): number | null => (typeof entry[name] === 'number' ? entry[name] : null);
  const [input, output] = [number('input_cost_per_token'), number('output_cost_per_token')];
  const request = number('input_cost_per_request') ?? number('input_cost_per_query');
  if (input === null && output === null && request === null) return null;
  const fee = searches || searchesByItself(as ?? model) ? searchFee(entry['search_context_cost_per_query'], model) : null;
  // Where older releases do not know a price they say 0. Of a model elsewhere that is no price, unless it is offered for nothing.
  if (!input && !output && !request && fee === null && !/:free$/.test(model)) return null;
  return { input: input ?? 0, output: output ?? 0, request: request ?? 0, search: fee, ...(as === undefined ? {} : { as }) };
};
/** Perplexity's and OpenAI's search models, and what OpenRouter calls `:online`, search for every request. Others do when they are asked to. */
const searchesByItself = (model: string): boolean => /(^|\/)sonar|-search-preview|-search-api|:online$/.test(model);

/** `{"search_context_size_low":0.006,"search_context_size_medium":0.01,"search_context_size_high":0.014}`. Perplexity's usual size is low, others' is medium. */
const searchFee = (value: unknown, model: string): Price['search'] => {
  if (typeof value !== 'object' || value === null) return null;
  const sizes = new Map(Object.entries(value).flatMap(([size, fee]) => (typeof fee === 'number' ? [[size, fee] as const] : [])));
  const [low, medium, high] = ['low', 'medium', 'high'].map((size) => sizes.get(`search_context_size_${size}`));
  const usual = model.includes('sonar') ? (low ?? medium) : (medium ?? low);
  return usual === undefined ? null : { low: low ?? usual, usual, high: high ?? usual };
};

const AT_HOME = ['hosted_vllm', 'vllm', 'ollama', 'ollama_chat', 'lm_studio', 'llamafile', 'xinference'];
const PRIVATE = ['127.0.0.0/8', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16', '100.64.0.0/10'];

/** Whether a request to it costs nothing but electricity: as fabric.yaml says of its backend, or else by its kind. */
export const atHome = ({ litellm }: Fabric, { id, model, apiBase }: Deployment): boolean => {
  const declared = litellm.backends.find(({ name, models }) => models.some(({ alias }) => id === `${name}:${alias}`));
  if (declared) return costsNothing(declared);
  const provider = model.split('/')[0] ?? '';
  if (AT_HOME.includes(provider)) return true;
  if (!/^(?:custom_)?openai$|^text-completion-openai$/.test(provider) || apiBase === null) return false;
  const name = /^https?:\/\/(\[[^\]]*\]|[^/:]*)/.exec(apiBase)?.[1]?.replace(/^\[|\]$/g, '') ?? '';
  if (isIP(name) === 4) return PRIVATE.some((network) => within(name, network));
  return name === 'localhost' || name === '::1' || /^f[cde]/.test(name) || !name.includes('.');
};
const costsNothing = ({ cost }: Backend): boolean => cost === 'none';

/** Tokens of LiteLLM's own prompts, `Hey how's it going?` and `What's 1 + 1?` (proxy/health_check.py; its issue 13668 counted 7). */
const TOKENS_IN = 8;
/** What a probe may answer since 1.82.0, where it was 1, then 5, now 16 (proxy/health_check.py). Before, nothing was sent with it. */
const TOKENS_OUT = 16;
const CAPPED_SINCE = '1.82.0';

/** `-1` where the text is no version. */
export const before = (version: string | null, other: string): boolean => {
  const [a, b] = [version === null ? null : parseVersion(version), parseVersion(other)];
  return a !== null && b !== null && compareVersions(a, b) < 0;
};

/** Dollars of one probe. */
export const callCost = ({ input, output, request, search }: Price, tokensOut = TOKENS_OUT): number =>
  request + (search?.usual ?? 0) + TOKENS_IN * input + tokensOut * output;

export interface Money {
  /** Some model that is asked is not at home. */
  readonly paid: boolean;
  /** Dollars; of those whose price is known. */
  readonly total: number;
  /** The arithmetic, for people. */
  readonly text: string;
}

/**
 * What `calls` of /health cost: `1,488 calls × 2 models = 2,976 requests: …`. `span` says in what time.
 */
export const money = (fabric: Fabric, deployments: readonly Deployment[], version: string | null, calls: number, span: string): Money => {
  const away = deployments.filter((one) => !atHome(fabric, one));
  const known = away.flatMap(({ name, model, price, maxTokens }) => {
    if (price === null) return [];
    const out = maxTokens ?? TOKENS_OUT;
    return [{ name, model, price, out, each: callCost(price, out) }];
  });
  const unknown = away.filter(({ price }) => price === null);
  const total = known.reduce((sum, { each }) => sum + calls * each, 0);
  const free = deployments.length - away.length;
  const parts = [
    ...known.map(({ name, price, out, each }) => {
      const fees = [
        ...(price.request > 0 ? [`${dollars(price.request)} a request`] : []),
        ...(price.search ? [`${dollars(price.search.usual)} a search`] : []),
        `${TOKENS_IN} tokens in`,
        `${out} out`,
      ];
      return `${name} ${count(calls)} × ${dollars(each)} (${fees.join(' + ')}${price.as === undefined ? '' : `, priced as ${price.as}`}) = ${dollars(calls * each)}`;
    }),
    ...unknown.map(({ name, model }) => `${name}: LiteLLM’s price map has no price of ${model}`),
    ...(free === 0 ? [] : [`${free} at home: 0 $`]),
  ];
  const sum =
    known.length === 0 ? [] : [`${unknown.length > 0 || before(version, CAPPED_SINCE) ? 'at least ' : ''}${dollars(total)} ${span}`];
  const searching = known.flatMap(({ price }) => (price.search && price.search.high > price.search.low ? [price.search] : []));
  const notes = [
    ...(searching.length === 0
      ? []
      : [
          `the bill differs: a search costs ${dollars(Math.min(...searching.map(({ low }) => low)))} to ${dollars(Math.max(...searching.map(({ high }) => high)))} by how much it reads, and tokens are counted as they come`,
        ]),
    ...(before(version, CAPPED_SINCE) && known.length > 0
      ? [`LiteLLM ${version} sends its probes without max_tokens, so a model answers as long as it likes (977 tokens were seen)`]
      : []),
  ];
  const models = `${deployments.length} model${deployments.length === 1 ? '' : 's'}`;
  return {
    paid: away.length > 0,
    total,
    text: [
      `${count(calls)} calls ${span} × ${models} = ${count(calls * deployments.length)} requests: ${parts.join('; ')}`,
      ...sum,
      ...notes,
    ]
      .join('; ')
      .replace(/; ((?:at least )?[\d.,]+ \$ (?:a day|in ))/, ' → $1'),
  };
};

const count = (n: number): string => Math.round(n).toLocaleString('en-US');
/** `14.24 $`, `0.0063 $`: two digits that say something. */
export const dollars = (n: number): string =>
  n === 0
    ? '0 $'
    : n >= 0.1
      ? `${n.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })} $`
      : `${Number(n.toPrecision(3))} $`;

/** `38 s`, `5 min`, `1 h`. */
export const every = (seconds: number): string =>
  seconds >= 3600 && seconds % 3600 === 0
    ? `${seconds / 3600} h`
    : seconds >= 120 && seconds % 60 === 0
      ? `${seconds / 60} min`
      : `${Number(seconds.toPrecision(3))} s`;
