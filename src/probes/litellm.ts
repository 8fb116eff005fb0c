import { type Probe, Unreadable } from '../evidence.ts';
import type { Fabric, Litellm, SecretName } from '../fabric.ts';
import { baseUrl, envPath } from '../services/litellm.ts';
import { type Deployment, priceOf } from '../services/prices.ts';
import { quote } from '../shell.ts';
import { curl, described, type Reached, reached } from './http.ts';

/** Shell that puts the key's header on the stdin of what follows. The key is read from .env where it is: it never travels. */
export const withKey = (litellm: Litellm, name: SecretName | null): string =>
  name === null
    ? ''
    : `printf 'Authorization: Bearer %s\\n' "$(sed -n ${quote(`s/^${name}=//p`)} ${quote(envPath(litellm))} | tail -n 1)" | `;
const header = (name: SecretName | null): string => (name === null ? '' : '-H @-');

const get = ({ litellm }: Fabric, path: string, more = ''): Probe<Reached> => ({
  key: `litellm${path}${more === '' ? '' : '/wrong-key'}`,
  question: { at: litellm.host, via: 'sh', script: curl(`${baseUrl(litellm)}${path}`, more) },
  read: reached,
});
const getWithKey = ({ litellm }: Fabric, path: string): Probe<Reached> => ({
  key: `litellm${path}/with-key`,
  question: {
    at: litellm.host,
    via: 'sh',
    sudo: true,
    script: `${withKey(litellm, litellm.masterKey)}${curl(`${baseUrl(litellm)}${path}`, header(litellm.masterKey))}`,
  },
  read: reached,
});

/** `"I'm alive!"`: no key, no calls of models; the first 200 means that config.yaml was understood. */
export const liveliness = (fabric: Fabric): Probe<Reached> => get(fabric, '/health/liveliness');
/** `{"status":"healthy","db":"Not connected"}`; 503 when a configured database is unreachable. */
export const readiness = (fabric: Fabric): Probe<Reached> => get(fabric, '/health/readiness');
/** The list of models, asked as a stranger asks: without a key, or with one that is not the master key. */
export const strangerAsks = (fabric: Fabric, key: 'no key' | 'a wrong key'): Probe<Reached> =>
  get(fabric, '/v1/models', key === 'no key' ? '' : `-H 'Authorization: Bearer wrong-key-of-fabric-validate'`);

/** `{"data":[{"id":"default","object":"model","created":1677610602,"owned_by":"openai"}],"object":"list"}`: ids, sorted. */
export const servedModels = (fabric: Fabric): Probe<readonly string[]> => {
  const asked = getWithKey(fabric, '/v1/models');
  return { ...asked, read: (answer, at) => [...new Set(list(asked.read(answer, at)).flatMap((one) => text(one, 'id')))].sort() };
};

/** Names of models that were added in the UI: `{"data":[{"model_name":"x","model_info":{"id":"…","db_model":true}}]}`. */
export const modelsAddedInUi = (fabric: Fabric): Probe<readonly string[]> => {
  const asked = getWithKey(fabric, '/model/info');
  return {
    ...asked,
    read: (answer, at) =>
      list(asked.read(answer, at)).flatMap((one) => {
        const info = typeof one === 'object' && one !== null && 'model_info' in one ? one.model_info : null;
        return typeof info === 'object' && info !== null && 'db_model' in info && info.db_model === true ? text(one, 'model_name') : [];
      }),
  };
};

/**
 * What LiteLLM runs, with its own prices: `{"data":[{"model_name":"sonar","litellm_params":{"model":"perplexity/sonar-pro",…},
 * "model_info":{"id":"…","input_cost_per_token":3e-06,"search_context_cost_per_query":{"search_context_size_low":0.006,…},…}}]}`. An alias
 * is a second row of the same id.
 */
export const deployments = (fabric: Fabric): Probe<readonly Deployment[]> => {
  const asked = getWithKey(fabric, '/model/info');
  return {
    ...asked,
    read: (answer, at) => {
      const rows = list(asked.read(answer, at)).flatMap((one): readonly Deployment[] => {
        const [params, info] = [record(record(one)['litellm_params']), record(record(one)['model_info'])];
        const [name] = text(one, 'model_name');
        const model = params['model'];
        if (name === undefined || typeof model !== 'string') return [];
        const plugins = JSON.stringify(params['extra_body'] ?? null);
        const searches = params['web_search_options'] !== undefined || /"id":"web"|web_search/.test(plugins);
        return [
          {
            name,
            id: typeof info['id'] === 'string' ? info['id'] : '',
            model,
            apiBase: typeof params['api_base'] === 'string' ? params['api_base'] : null,
            price: priceOf(model, info, searches),
            spared: info['disable_background_health_check'] === true,
            maxTokens: typeof info['health_check_max_tokens'] === 'number' ? info['health_check_max_tokens'] : null,
          },
        ];
      });
      return rows.filter(({ id }, n) => id === '' || rows.findIndex((other) => other.id === id) === n);
    },
  };
};
export const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {};

const list = (reply: Reached): readonly unknown[] => {
  if (typeof reply === 'string' || reply.status !== 200) throw new Unreadable(described(reply));
  const body: unknown = JSON.parse(reply.body);
  if (typeof body !== 'object' || body === null || !('data' in body) || !Array.isArray(body.data))
    throw new Unreadable('not a list of models');
  return body.data;
};
const text = (value: unknown, name: string): readonly string[] => {
  const found = typeof value === 'object' && value !== null ? Object.entries(value).find(([key]) => key === name)?.[1] : undefined;
  return typeof found === 'string' ? [found] : [];
};

/** Seconds that a completion may take: a model that is loaded first needs some. */
export const COMPLETION_SECONDS = 30;
/** One real completion of one token through LiteLLM. */
export const completion = ({ litellm }: Fabric, alias: string): Probe<Reached> => {
  const body = JSON.stringify({ model: alias, max_tokens: 1, messages: [{ role: 'user', content: 'Say one word.' }] });
  const send = `-H 'Content-Type: application/json' ${header(litellm.masterKey)} -d ${quote(body)}`;
  return {
    key: `litellm/completion/${alias}`,
    question: {
      at: litellm.host,
      via: 'sh',
      sudo: true,
      seconds: COMPLETION_SECONDS + 5,
      script: `${withKey(litellm, litellm.masterKey)}${curl(`${baseUrl(litellm)}/v1/chat/completions`, send, COMPLETION_SECONDS)}`,
    },
    read: reached,
  };
};
