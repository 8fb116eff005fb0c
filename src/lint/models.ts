// Rules: the entries of model_list.
import { nearest } from '../nearest.ts';
import { type Config, type Entry, type Fault, isMapping, isReference, itemsOf, type Rule, resolved, section, show } from './rule.ts';
import { NAMES, PROVIDERS } from './words.ts';

const at = (entry: Entry, key: string): Fault['path'] => [...entry.path, 'litellm_params', key];
const named = ({ name }: Entry): readonly string[] => (name === null ? [] : [name]);
const provider = ({ model }: Entry): string => model.split('/')[0] ?? '';
const baseOf = (config: Config, { params }: Entry): unknown => {
  const base = resolved(config, params['api_base']);
  return base === null ? resolved(config, params['base_url']) : base;
};

/** Providers that speak OpenAI's protocol at an address of yours, each seen to add only /chat/completions to it. */
const OPENAI_LIKE: ReadonlySet<string> = new Set(['openai', 'hosted_vllm', 'openrouter', 'lm_studio', 'llamafile', 'litellm_proxy']);
/** Of these the whole address of the endpoint also works (seen). */
const WHOLE_ADDRESS: ReadonlySet<string> = new Set(['hosted_vllm']);
/** Where the name after the slash is the model's, and none that somebody made up (as with azure/). */
const NAMED: ReadonlySet<string> = new Set([
  'openai',
  'hosted_vllm',
  'ollama',
  'ollama_chat',
  'openrouter',
  'anthropic',
  'gemini',
  'groq',
  'mistral',
  'deepseek',
]);
const OLLAMA: ReadonlySet<string> = new Set(['ollama', 'ollama_chat']);

export const models: readonly Rule[] = [
  {
    id: 'no-provider',
    title: 'A model whose provider LiteLLM cannot tell',
    story:
      'The word before the first slash of litellm_params.model is the provider; Qwen/Qwen3-8B and qwen3-8b have none, with or without api_base. LiteLLM boots without the entry ("LLM Provider NOT provided" in the log): /v1/models does not list it. Names that LiteLLM knows (gpt-…, claude-…), addresses of known providers and custom_llm_provider are enough.',
    *find(config) {
      for (const entry of config.entries) {
        const { model, params } = entry;
        if (model === '' || model === '*' || PROVIDERS.has(provider(entry))) continue;
        if (isMapping(section(config, 'litellm_settings')) && 'custom_provider_map' in section(config, 'litellm_settings')) continue;
        const base = baseOf(config, entry);
        if (base === undefined || (typeof base === 'string' && !local(base))) continue; // a provider may be known by its address
        if (!model.includes('/') && (NAMES.has((model.split(/[-.:_@]/)[0] ?? '').toLowerCase()) || model.length > 60)) continue;
        if (model.includes('/') && /^(?:ft:|us|eu|global)/.test(model)) continue;
        const near = nearest(provider(entry), [...PROVIDERS]);
        const hint = model.includes('/') && near !== undefined ? ` (did you mean ${near}/?)` : '';
        yield {
          path: at(entry, 'model'),
          message: `LiteLLM knows no provider ${model.includes('/') ? show(provider(entry)) : `of ${show(model)}`}${hint}: it boots without this entry`,
          advice: `put the provider before it: ${params['api_base'] === undefined ? 'openrouter' : 'hosted_vllm (vLLM) or openai'}/…`,
          severity: 'fail',
          effect: 'dropped',
          models: config.entries.some((other) => other !== entry && other.name === entry.name) ? [] : named(entry),
        };
      }
    },
  },
  {
    id: 'ollama-without-base',
    title: 'An Ollama model without api_base',
    story:
      'Where `ollama` is anywhere in litellm_params.model and there is no api_base, LiteLLM runs `ollama serve` in its own container or host at the start (even where OLLAMA_API_BASE or base_url is set), and calls localhost:11434.',
    *find(config) {
      for (const entry of config.entries) {
        const base = resolved(config, entry.params['api_base']);
        if (!entry.model.includes('ollama') || base === undefined || (base !== null && base !== '')) continue;
        const elsewhere = resolved(config, entry.params['base_url']) || config.env?.get('OLLAMA_API_BASE');
        const fails = OLLAMA.has(provider(entry)) && !elsewhere && config.env !== null;
        yield {
          path: at(entry, 'api_base'),
          message: `no api_base: LiteLLM starts \`ollama serve\` itself${OLLAMA.has(provider(entry)) && !elsewhere ? ', and calls localhost:11434' : ''}`,
          advice: 'write api_base: http://HOST:11434, without /v1',
          severity: 'fail',
          effect: 'acts',
          models: fails ? named(entry) : [],
        };
      }
    },
  },
  {
    id: 'no-api-base',
    title: 'A vLLM model without api_base',
    story:
      'hosted_vllm/ without api_base (and without HOSTED_VLLM_API_BASE) calls api.openai.com: what users ask goes to a stranger, and is answered with an error.',
    *find(config) {
      for (const entry of config.entries) {
        const written = entry.params['api_base'] ?? entry.params['base_url'];
        if (
          provider(entry) !== 'hosted_vllm' ||
          written !== undefined ||
          config.env?.has('HOSTED_VLLM_API_BASE') ||
          'litellm_credential_name' in entry.params
        )
          continue;
        yield {
          path: at(entry, 'api_base'),
          message: `no api_base: ${config.env === null ? 'without HOSTED_VLLM_API_BASE in its environment ' : ''}LiteLLM calls api.openai.com`,
          advice: 'write api_base: http://HOST:8000/v1',
          severity: config.env === null ? 'warn' : 'fail',
          ...(config.env === null ? { effect: 'ignored' } : { effect: 'fails', models: named(entry) }),
        };
      }
    },
  },
  {
    id: 'api-base-address',
    title: 'An api_base that the provider does not expect',
    story:
      'LiteLLM adds /chat/completions to the api_base of openai/, hosted_vllm/, openrouter/, lm_studio/, llamafile/ and litellm_proxy/: without /v1 the server says 404. To that of ollama/ and ollama_chat/ it adds /api/…: with /v1 or /api the server says 404. Without http:// every call fails. openai/ also fails with the whole address of the endpoint (hosted_vllm/ takes it).',
    *find(config) {
      for (const entry of config.entries) {
        const kind = provider(entry);
        const key = 'api_base' in entry.params ? 'api_base' : 'base_url';
        const written = entry.params[key];
        const base = resolved(config, written);
        if (typeof base !== 'string' || base === '' || !(OPENAI_LIKE.has(kind) || OLLAMA.has(kind))) continue;
        if (!isReference(written) && (base.includes('os.environ') || base.startsWith('$') || /^os\.|environ\//i.test(base))) continue;
        const fault = (message: string, advice: string): Fault => ({
          path: at(entry, key),
          message: `${message}: calls fail`,
          advice,
          severity: 'fail',
          effect: 'fails',
          models: named(entry),
        });
        if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(base)) {
          yield fault('the address has no http:// or https://', 'begin it with http:// or https://');
          continue;
        }
        const path = base
          .replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '')
          .replace(/[?#].*$/, '')
          .replace(/\/+$/, '');
        if (OPENAI_LIKE.has(kind) && path === '') yield fault(`${kind}/ asks this address for /chat/completions`, 'end it with /v1');
        else if (OPENAI_LIKE.has(kind) && !WHOLE_ADDRESS.has(kind) && path.endsWith('/chat/completions'))
          yield fault(`${kind}/ adds /chat/completions to what ends with it`, 'end it with /v1');
        else if (OLLAMA.has(kind) && /\/(?:v1|api)$/.test(path))
          yield fault(`${kind}/ adds /api/… to the address`, `write it without ${path}; Ollama's /v1 is for openai/`);
      }
    },
  },
  {
    id: 'openai-without-key',
    title: 'An openai/ model at an address of its own, without api_key',
    story:
      'LiteLLM’s OpenAI client wants some key, even where the server wants none: without api_key and OPENAI_API_KEY every call fails with "Missing credentials". With OPENAI_API_KEY, that key is sent to this address.',
    *find(config) {
      for (const entry of config.entries) {
        const { params } = entry;
        if (
          provider(entry) !== 'openai' ||
          'api_key' in params ||
          (params['api_base'] ?? params['base_url']) === undefined ||
          'litellm_credential_name' in params
        )
          continue;
        if (config.env?.has('OPENAI_API_KEY')) continue;
        yield {
          path: at(entry, 'api_key'),
          message: `no api_key: ${config.env === null ? 'without OPENAI_API_KEY in its environment ' : ''}every call fails`,
          advice: 'write api_key: none where the server wants none',
          severity: config.env === null ? 'warn' : 'fail',
          ...(config.env === null ? { effect: 'ignored' } : { effect: 'fails', models: named(entry) }),
        };
      }
    },
  },
  {
    id: 'openrouter-max-tokens',
    title: 'An OpenRouter model without max_tokens',
    story:
      'LiteLLM sends no max_tokens of its own (model_info.max_tokens is no parameter). OpenRouter then reserves the model’s whole output against the credit, and answers 402 where that is not enough (REX-37). litellm_params.max_tokens or max_completion_tokens, or router_settings.default_litellm_params, is a default for whoever names none, and no cap.',
    *find(config) {
      const common = section(config, 'router_settings')['default_litellm_params'];
      for (const entry of config.entries) {
        const has = [entry.params, isMapping(common) ? common : {}].some((one) => 'max_tokens' in one || 'max_completion_tokens' in one);
        if (provider(entry) !== 'openrouter' || has || embeds(entry)) continue;
        yield {
          path: at(entry, 'model'),
          message: "no max_tokens: OpenRouter reserves the model's whole output for each call (REX-37)",
          advice: 'write max_tokens: 4096 under litellm_params',
          severity: 'warn',
          effect: 'costs',
        };
      }
    },
  },
  {
    id: 'duplicate-entry',
    title: 'The same entry twice, or one id for two',
    story:
      'Entries of one model_name are one load-balanced group, and an entry’s id is a hash of what it says: two that say the same are one (one background health check is made, not two). So are two that have one model_info.id for all that LiteLLM keeps by id: only one of them gets a health check.',
    *find({ entries }) {
      const seen = new Map<string, number>();
      const ids = new Map<string, number>();
      for (const [index, entry] of entries.entries()) {
        const key = JSON.stringify([entry.name, Object.entries(entry.params).sort()]);
        const first = seen.get(key);
        if (first !== undefined)
          yield {
            path: entry.path,
            message: `the same as model_list[${first}]: LiteLLM takes both for one`,
            advice: 'take one of them out, or correct it',
            severity: 'warn',
            effect: 'ignored',
          };
        else seen.set(key, index);
        const info = entry.entry['model_info'];
        const id = isMapping(info) && typeof info['id'] === 'string' ? info['id'] : null;
        const other = id === null ? undefined : ids.get(id);
        if (other !== undefined)
          yield {
            path: [...entry.path, 'model_info', 'id'],
            message: `model_list[${other}] has this id too: only one of them gets health checks`,
            advice: 'give each its own',
            severity: 'warn',
            effect: 'ignored',
          };
        else if (id !== null) ids.set(id, index);
      }
    },
  },
  {
    id: 'mixed-group',
    title: 'One model_name for different models',
    story:
      'LiteLLM spreads the calls of one model_name over all entries that have it, by chance: there is no first and second. Where the entries are different models and nothing (order, weight, rpm, tpm, tags) says that this is meant, the same question is answered now by one and now by the other.',
    *find({ entries }) {
      const said = ({ params }: Entry) => ['order', 'weight', 'rpm', 'tpm', 'tags', 'max_parallel_requests'].some((key) => key in params);
      // The family: what servers call one model differs in its rest (qwen3-8b, qwen-gpu2; gpt-4o, gpt-4o-mini).
      const family = ({ model }: Entry) => /^[a-z]*/.exec((model.split('/').at(-1) ?? '').toLowerCase())?.[0] ?? '';
      for (const [index, entry] of entries.entries()) {
        const first = entries.findIndex((one) => one.name !== null && one.name === entry.name);
        const other = entries[first];
        if (other === undefined || first === index || entry.model === '' || other.model === '' || said(entry) || said(other)) continue;
        if (!NAMED.has(provider(entry)) || !NAMED.has(provider(other)) || family(entry) === family(other)) continue;
        yield {
          path: [...entry.path, 'model_name'],
          message: `model_list[${first}] has this name too, for another model: calls are spread over both by chance`,
          advice: 'give it a name of its own; for a second choice use router_settings.fallbacks, or order: 1 and 2 in litellm_params',
          severity: 'warn',
          effect: 'acts',
        };
      }
    },
  },
  {
    id: 'wildcard',
    title: 'A star that stands for nothing',
    story:
      'model_name: local/* with model: hosted_vllm/* passes on what stands for the star. A star in model alone is sent as the model’s name, and every call fails. Entries with a star in model_name are not listed by /v1/models, unless LiteLLM knows the provider’s models.',
    *find({ entries }) {
      for (const entry of entries)
        if (entry.model.endsWith('*') && entry.name !== null && !isReference(entry.name) && !entry.name.includes('*'))
          yield {
            path: at(entry, 'model'),
            message: 'model_name has no star: the server is asked for a model named *',
            advice: `write model_name: ${show('*')} or "…/*", or name the model`,
            severity: 'fail',
            effect: 'fails',
            models: named(entry),
          };
    },
  },
  {
    id: 'credential-unknown',
    title: 'A credential that credential_list does not have',
    story:
      'litellm_credential_name of no credential: LiteLLM warns in the log and calls without it, so that openai/ fails with "Missing credentials". (With a database, credentials may be there.)',
    *find(config) {
      if (config.whole === null) return;
      const known = itemsOf(config.whole['credential_list']).map((one) => (isMapping(one) ? one['credential_name'] : undefined));
      if (section(config, 'general_settings')['store_model_in_db'] === true) return;
      for (const entry of config.entries) {
        const name = entry.params['litellm_credential_name'];
        if (typeof name !== 'string' || isReference(name) || known.includes(name)) continue;
        const fails =
          provider(entry) === 'openai' && !('api_key' in entry.params) && config.env !== null && !config.env.has('OPENAI_API_KEY');
        yield {
          path: at(entry, 'litellm_credential_name'),
          message: `credential_list has no ${show(name)}`,
          advice: 'add it to credential_list, or correct the name',
          severity: 'fail',
          ...(fails ? { effect: 'fails', models: named(entry) } : { effect: 'ignored' }),
        };
      }
    },
  },
];

const embeds = ({ entry, model }: Entry): boolean =>
  /embed/i.test(model) || (isMapping(entry['model_info']) && /embedding|image|audio|rerank/.test(String(entry['model_info']['mode'])));

/** An address that no known provider has: a bare name, an IP address, or one of home's endings. */
const local = (base: string): boolean => {
  const host = /^[a-z]+:\/\/(?:[^/@]*@)?(\[[^\]]*\]|[^/:?#]*)/i.exec(base)?.[1] ?? '';
  return host === '' || !host.includes('.') || /^[\d.]+$/.test(host) || /\.(?:local|lan|home|internal|arpa|net)$/.test(host);
};
