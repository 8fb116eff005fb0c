// Stand-ins for the servers: vLLM, and LiteLLM with the answers that 1.109.1 gives (measured in the lab).
import { type IncomingMessage, type RequestListener, type ServerResponse, STATUS_CODES } from 'node:http';
import { parse } from 'yaml';
import type { Network, Where } from './network.ts';

type Json = string | number | boolean | null | undefined | readonly Json[] | { readonly [key: string]: Json };
const field = (value: Json, ...path: readonly string[]): Json =>
  path.reduce<Json>(
    (at, name) =>
      typeof at === 'object' && at !== null && !Array.isArray(at) ? Object.entries(at).find(([key]) => key === name)?.[1] : undefined,
    value,
  );
const list = (value: Json): readonly Json[] => (Array.isArray(value) ? value : []);
const entries = (value: Json): readonly (readonly [string, Json])[] =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [];

const send = (response: ServerResponse, status: number, body: Json): void => {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
};
const bodyOf = async (incoming: IncomingMessage): Promise<Json> => {
  let text = '';
  for await (const chunk of incoming.setEncoding('utf8')) text += chunk;
  return JSON.parse(text);
};
const completion = (model: Json): Json => ({
  id: 'chatcmpl-demo',
  created: Math.floor(Date.now() / 1000),
  model,
  object: 'chat.completion',
  choices: [{ finish_reason: 'length', index: 0, message: { content: 'This', role: 'assistant' } }],
  usage: { completion_tokens: 1, prompt_tokens: 3, total_tokens: 4 },
});

/** vLLM or Ollama: it holds no model, and always says the same word. */
export const backend =
  (models: readonly string[]): RequestListener =>
  async (incoming, response) => {
    if (incoming.url === '/health') return response.writeHead(200).end();
    if (incoming.url === '/v1/models')
      return send(response, 200, { object: 'list', data: models.map((id) => ({ id, object: 'model', owned_by: 'vllm' })) });
    const model = field(await bodyOf(incoming), 'model');
    if (models.some((one) => one === model)) return send(response, 200, completion(model));
    return send(response, 404, { error: { message: `The model \`${model}\` does not exist.`, type: 'NotFoundError', code: 404 } });
  };

/** OpenRouter with some credits left: what they would not pay for is refused beforehand, by max_tokens or the model's whole output. */
export const openRouter =
  (models: readonly string[], affordable: number): RequestListener =>
  async (incoming, response) => {
    if (incoming.method === 'GET') return backend(models)(incoming, response);
    const body = await bodyOf(incoming);
    const wanted = field(body, 'max_tokens');
    const requested = typeof wanted === 'number' ? wanted : 64_000;
    if (requested <= affordable) return send(response, 200, completion(field(body, 'model')));
    const message = `This request requires more credits, or fewer max_tokens. You requested up to ${requested} tokens, but can only afford ${affordable}. To increase, visit https://openrouter.ai/settings/credits and upgrade to a paid account`;
    return send(response, 402, { error: { message, code: 402, metadata: { provider_name: null } } });
  };

/** Of the price map of 1.109.1, under the name that the question finds them by. */
const PRICES: { readonly [key: string]: Json } = {
  'openrouter/anthropic/claude-sonnet-4.5': { as: 'claude-sonnet-4-5', input_cost_per_token: 3e-6, output_cost_per_token: 1.5e-5 },
  'openrouter/perplexity/sonar-pro': {
    as: 'perplexity/sonar-pro',
    input_cost_per_token: 3e-6,
    output_cost_per_token: 1.5e-5,
    search_context_cost_per_query: { search_context_size_high: 0.014, search_context_size_low: 0.006, search_context_size_medium: 0.01 },
  },
};
export const pricesOf = (models: readonly string[]): Json =>
  Object.fromEntries(models.flatMap((model) => (PRICES[model] === undefined ? [] : [[model, PRICES[model]]])));

/** LiteLLM with its config.yaml and its environment, or what it says when it refuses to start. `where` it stands, it reaches its backends from. `log` takes its access log. */
export const litellm = (
  text: string,
  environment: ReadonlyMap<string, string>,
  network: Network,
  where: Where,
  log: (line: string) => void,
): { readonly serve: RequestListener } | { readonly refuses: string } => {
  const config: Json = parse(text);
  const value = (written: Json): Json =>
    typeof written === 'string' && written.startsWith('os.environ/') ? environment.get(written.slice('os.environ/'.length)) : written;
  const router = field(config, 'router_settings');
  if (field(router, 'health_check_interval') !== undefined)
    return { refuses: "ValueError: 'health_check_interval' is NOT a valid router_settings parameter" };
  const master = value(field(config, 'general_settings', 'master_key')) ?? environment.get('LITELLM_MASTER_KEY');
  if (master === undefined && !environment.has('LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY'))
    return { refuses: 'LiteLLM refuses to start without a master key' };
  const models = list(field(config, 'model_list'));
  const aliases = entries(field(router, 'model_group_alias'));
  const names = [...aliases.map(([name]) => name), ...models.map((one) => field(one, 'model_name'))];
  const named = (name: Json): Json => {
    const meant = aliases.find(([alias]) => alias === name)?.[1] ?? name;
    return models.find((one) => field(one, 'model_name') === meant);
  };
  const error = (response: ServerResponse, code: number, message: string, type: string): void =>
    send(response, code, { error: { message, type, param: null, code: String(code) } });

  /** One request to a backend: a completion, or what /health sends every model. */
  const ask = async (parameters: Json, maxTokens: Json): Promise<{ readonly status: number; readonly body: string } | null> => {
    const [, provider, model] = /^([^/]+)\/(.*)$/.exec(String(field(parameters, 'model'))) ?? [];
    const path = provider === 'ollama_chat' ? '/api/chat' : '/chat/completions';
    const reply = await network.get(where, `${field(parameters, 'api_base') ?? 'http://openrouter.ai/api/v1'}${path}`, {
      method: 'POST',
      body: JSON.stringify({ model, messages: [], max_tokens: maxTokens }),
      seconds: 60,
    });
    return 'why' in reply ? null : reply;
  };
  const answer: RequestListener = async (incoming, response) => {
    if (incoming.url === '/health/liveliness') return send(response, 200, "I'm alive!");
    if (incoming.url === '/health/readiness') return send(response, 200, { status: 'healthy', db: 'Not connected' });
    const key = incoming.headers.authorization?.replace(/^Bearer /, '');
    if (master !== undefined && key === undefined) return error(response, 401, 'Authentication Error, No api key passed in.', 'auth_error');
    // Without a database there is nothing to look another key up in.
    if (master !== undefined && key !== master) return error(response, 400, 'No connected db.', 'no_db_connection');
    if (incoming.url === '/health') {
      const seen = await Promise.all(models.map(async (one) => (await ask(field(one, 'litellm_params'), 16))?.status === 200));
      return send(response, 200, { healthy_count: seen.filter(Boolean).length, unhealthy_count: seen.filter((one) => !one).length });
    }
    if (incoming.url === '/v1/models')
      return send(response, 200, {
        data: names.map((id) => ({ id, object: 'model', created: 1677610602, owned_by: 'openai' })),
        object: 'list',
      });
    if (incoming.url === '/model/info')
      return send(response, 200, {
        data: names.map((name) => ({
          model_name: name,
          litellm_params: {
            model: field(named(name), 'litellm_params', 'model'),
            api_base: field(named(name), 'litellm_params', 'api_base'),
          },
          model_info: {
            id: field(named(name), 'model_info', 'id'),
            db_model: false,
            input_cost_per_token: null,
            output_cost_per_token: null,
          },
        })),
      });
    if (incoming.url !== '/v1/chat/completions') return error(response, 404, 'Not Found', 'not_found');
    const body = await bodyOf(incoming);
    const wanted = field(body, 'model');
    const parameters = field(named(wanted), 'litellm_params');
    if (parameters === undefined) return error(response, 400, `Invalid model name passed in model=${wanted}`, 'invalid_request_error');
    const reply = await ask(parameters, field(body, 'max_tokens') ?? field(parameters, 'max_tokens'));
    if (reply === null) return error(response, 500, 'litellm.InternalServerError: Connection error.', 'internal_server_error');
    if (reply.status !== 200) {
      const text = `litellm.APIError: APIError: OpenrouterException - ${reply.body}`;
      if (reply.status === 402) {
        log(
          `LiteLLM Proxy:ERROR: common_request_processing.py:1984 - litellm.proxy.proxy_server._handle_llm_api_exception(): Exception occured - ${text}`,
        );
        log(`LiteLLM: model group '${wanted}' failed with the error above. No fallback was attempted.`);
      }
      return error(response, reply.status, reply.body, 'upstream_error');
    }
    return send(response, 200, completion(wanted));
  };
  // A container behind a bridge sees the bridge's own address.
  const from = where === 'host' ? '127.0.0.1' : '10.88.0.1';
  const serve: RequestListener = (incoming, response) => {
    response.on('finish', () =>
      log(
        `INFO:     ${from}:${incoming.socket.remotePort ?? 0} - "${incoming.method} ${incoming.url} HTTP/1.1" ${response.statusCode} ${STATUS_CODES[response.statusCode]}`,
      ),
    );
    return answer(incoming, response);
  };
  return { serve };
};
