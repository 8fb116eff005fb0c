// Configurations, what lint says of each (rule@line), and what else the real LiteLLM shows. That it boots, is open, lists and serves
// what lint predicts is compared for every one of them: test/e2e/lint.test.ts. The backend is the lab's stand-in, with one model `m`.

export interface Case {
  readonly name: string;
  readonly config: string;
  /** LiteLLM's environment, and lint's --env. */
  readonly env: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
  /** `rule@line`, by line. */
  readonly found: readonly string[];
  /** Models to call: each is answered, but for those that lint says fail. */
  readonly complete?: readonly string[];
  /** Models to call, of which some calls may fail. */
  readonly some?: readonly string[];
  /** What /v1/models lists (`null`: it refuses the key), where it is not each model_name that is not dropped. */
  readonly lists?: readonly string[] | null;
  /** In the log, in the answers, or in what the stand-in was asked. */
  readonly shows?: RegExp;
  /** How many completions the stand-in was asked for, without anybody asking LiteLLM for one, in so many seconds: at least, at most. */
  readonly calls?: readonly [seconds: number, least: number, most: number];
}

const KEY = { LITELLM_MASTER_KEY: 'sk-abc' };
const PERMIT = { LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY: 'true' };
const V = 'http://127.0.0.1:8000';
const GENERAL = 'general_settings:\n  master_key: os.environ/LITELLM_MASTER_KEY\n';
const entry = (name: string, ...params: readonly string[]): string =>
  `  - model_name: ${name}\n    litellm_params:\n${params.map((line) => `      ${line}\n`).join('')}`;
const VLLM = ['model: hosted_vllm/m', `api_base: ${V}/v1`];
const M = `model_list:\n${entry('m', ...VLLM)}`; // five lines
const only = (...params: readonly string[]): string => `model_list:\n${entry('m', ...params)}${GENERAL}`;
const router = (text: string): string => `${M}${GENERAL}router_settings:\n  ${text}\n`; // the text is in line 9
const settings = (text: string): string => `${M}${GENERAL}litellm_settings:\n  ${text}\n`; // in line 9
const general = (...lines: readonly string[]): string => `${M}${GENERAL}${lines.map((line) => `  ${line}\n`).join('')}`; // from line 8

const at = (name: string, config: string, found: readonly string[], more: Partial<Case> = {}): Case => ({
  name,
  config,
  found,
  env: KEY,
  ...more,
});

export const cases: readonly Case[] = [
  // Good ones
  at('good: vLLM', `${M}${GENERAL}`, [], { complete: ['m'] }),
  at('good: the key is in the environment alone', M, [], { complete: ['m'] }),
  at('good: an empty general_settings', `${M}general_settings:\n`, []),
  at('good: a key that does not begin with sk-', `${M}${GENERAL}`, [], { env: { LITELLM_MASTER_KEY: 'correct-horse' }, complete: ['m'] }),
  at(
    'good: anchors, merge keys, quoted numbers, aliases, fallbacks',
    `x-base: &base\n  api_base: ${V}/v1\nmodel_list:\n${entry('m', '<<: *base', 'model: hosted_vllm/m', "max_tokens: '40'")}${entry('"123"', '<<: *base', 'model: hosted_vllm/m')}${GENERAL}router_settings:\n  num_retries: 0\n  model_group_alias: {big: m, hidden: {model: m, hidden: true}}\n  fallbacks: [{m: ["123"]}]\n`,
    [],
    { complete: ['m', '123', 'big', 'hidden'], lists: ['123', 'big', 'm'], shows: /max_tokens=40/ },
  ),
  at(
    'good: api_base, api_key and model_name from the environment',
    `model_list:\n${entry('os.environ/NAME', 'model: openai/m', 'api_base: os.environ/HOST', 'api_key: os.environ/SOME')}${GENERAL}`,
    [],
    {
      env: { ...KEY, NAME: 'mm', HOST: `${V}/v1`, SOME: 'x' },
      lists: ['mm'],
      complete: ['mm'],
    },
  ),
  at('good: wildcards', `model_list:\n${entry('local/*', 'model: hosted_vllm/*', `api_base: ${V}/v1`)}${GENERAL}`, [], {
    lists: [],
    complete: ['local/m'],
  }),
  at(
    'good: a credential',
    `model_list:\n${entry('m', 'model: openai/m', 'litellm_credential_name: c')}${GENERAL}credential_list:\n  - credential_name: c\n    credential_values: {api_base: "${V}/v1", api_key: none}\n    credential_info: {}\n`,
    [],
    { complete: ['m'] },
  ),
  at('good: includes', `${M}${GENERAL}include: [more.yaml]\n`, [], {
    files: { 'more.yaml': `model_list:\n${entry('n', ...VLLM)}` },
    lists: ['m', 'n'],
  }),
  at('good: custom_llm_provider', only('model: m', 'custom_llm_provider: hosted_vllm', `api_base: ${V}/v1`), [], { complete: ['m'] }),
  at('good: a name that LiteLLM knows', only('model: gpt-4o', 'api_key: none', `api_base: ${V}/v1`), [], { shows: /^/ }),
  at('good: the whole address for vLLM', only('model: hosted_vllm/m', `api_base: ${V}/v1/chat/completions`), [], { complete: ['m'] }),
  at('good: a slash at its end', only('model: openai/m', 'api_key: none', `api_base: ${V}/v1/`), [], { complete: ['m'] }),
  at('good: a local cache', settings('{cache: true, cache_params: {type: local}}'), [], { complete: ['m'] }),
  at('good: OpenRouter with max_tokens', only('model: openrouter/m', 'api_key: none', `api_base: ${V}/v1`, 'max_tokens: 40'), [], {
    complete: ['m'],
    shows: /max_tokens=40/,
  }),
  at(
    'good: OpenRouter with a default for all',
    `model_list:\n${entry('m', 'model: openrouter/m', 'api_key: none', `api_base: ${V}/v1`)}${GENERAL}router_settings: {default_litellm_params: {max_tokens: 40}}\n`,
    [],
    { complete: ['m'], shows: /max_tokens=40/ },
  ),

  // Who may call it
  at(
    'general_setting',
    `${M}general_setting:\n  master_key: os.environ/LITELLM_MASTER_KEY\n`,
    ['master-key-missing@1', 'unknown-key@6', 'env-unset@7'],
    { env: {} },
  ),
  at(
    'general_setting, and open by wish',
    `${M}general_setting:\n  master_key: sk-abc\n`,
    ['master-key-missing@1', 'unknown-key@6', 'plain-key@7'],
    { env: PERMIT },
  ),
  at('master_key at the root', `${M}master_key: os.environ/LITELLM_MASTER_KEY2\n`, ['master-key-misplaced@6', 'env-unset@6'], { env: {} }),
  at('master_key at the root, and open by wish', `${M}master_key: sk-1234\n`, ['master-key-misplaced@6'], { env: PERMIT }),
  at('master_key under litellm_settings', `${M}litellm_settings:\n  master_key: sk-1234\n`, ['master-key-misplaced@7'], { env: {} }),
  at('master_key under litellm_settings, and open by wish', `${M}litellm_settings:\n  master_key: sk-1234\n`, ['master-key-misplaced@7'], {
    env: PERMIT,
  }),
  at('master_key under router_settings, with another in the environment', router('master_key: sk-1234'), ['master-key-misplaced@9'], {
    shows: /Key 'master_key' is not a valid argument/,
  }),
  at('the key by environment_variables', `${M}environment_variables:\n  LITELLM_MASTER_KEY: sk-1234\n`, ['master-key-misplaced@7'], {
    env: {},
  }),
  at('no key', M, ['master-key-missing@1'], { env: {} }),
  at('open by wish', `${M}general_settings:\n  dangerously_permit_weak_or_unset_master_key: true\n`, ['master-key-missing@6'], {
    env: {},
    complete: ['m'],
  }),
  at('open by wish, quoted', `${M}general_settings:\n  dangerously_permit_weak_or_unset_master_key: "true"\n`, ['master-key-missing@6'], {
    env: {},
  }),
  at('a reference to an unset name', `${M}general_settings:\n  master_key: os.environ/NOPE\n`, ['master-key-missing@7']),
  at('a reference to an unset name, and open by wish', `${M}general_settings:\n  master_key: os.environ/NOPE\n`, ['master-key-missing@7'], {
    env: PERMIT,
  }),
  at('sk-1234', `${M}general_settings:\n  master_key: sk-1234\n`, ['master-key-weak@7'], { shows: /publicly known/ }),
  at('sk-1234 by the environment', `${M}${GENERAL}`, ['master-key-weak@7'], {
    env: { LITELLM_MASTER_KEY: 'sk-1234' },
    shows: /publicly known/,
  }),
  at('an empty key', `${M}general_settings:\n  master_key: ""\n`, ['master-key-weak@7'], { shows: /the master key is empty/ }),
  at('an empty key, and open by wish', `${M}general_settings:\n  master_key: ""\n`, ['master-key-weak@7'], {
    env: PERMIT,
    complete: ['m'],
    lists: null,
  }),
  at('a plain key', `${M}general_settings:\n  master_key: sk-abc\n`, ['plain-key@7'], { complete: ['m'] }),
  at('a key of digits', `${M}general_settings:\n  master_key: 12345678\n`, ['not-a-text@7'], {
    shows: /'int' object has no attribute 'startswith'/,
  }),

  // Is it a configuration?
  at('a list', '- model_list: []\n', ['not-a-mapping@1'], { shows: /'list' object has no attribute/ }),
  at('empty', '# nothing\n', ['not-a-mapping@1'], { shows: /Config cannot be None or Empty/ }),
  at('general_settings as a list', `${M}general_settings:\n  - alerting_threshold: 300\n`, ['not-a-mapping@7']),
  at('litellm_settings as a list', `${M}${GENERAL}litellm_settings:\n  - drop_params: true\n`, ['not-a-mapping@9']),
  at('router_settings as a list', `${M}${GENERAL}router_settings:\n  - num_retries: 2\n`, ['not-a-mapping@9'], { complete: ['m'] }),
  at('model_list as a mapping', `model_list:\n  model_name: m\n${GENERAL}`, ['not-a-mapping@2']),
  at('an entry without a value', `${M}  -\n${GENERAL}`, ['not-a-mapping@6']),
  at('no litellm_params', `model_list:\n  - model_name: m\n${GENERAL}`, ['entry-incomplete@2'], { shows: /KeyError: 'litellm_params'/ }),
  at(
    'litellm_param',
    `model_list:\n  - model_name: m\n    litellm_param:\n      model: hosted_vllm/m\n${GENERAL}`,
    ['entry-incomplete@2', 'unknown-key@3'],
    { shows: /KeyError: 'litellm_params'/ },
  ),
  at('model beside litellm_params', `model_list:\n  - model_name: m\n    litellm_params:\n    model: hosted_vllm/m\n${GENERAL}`, [
    'entry-incomplete@3',
  ]),
  at('no model', only(`api_base: ${V}/v1`), ['entry-incomplete@3'], { shows: /KeyError: 'model'/ }),
  at(
    'no model_name',
    `model_list:\n  - litellm_params:\n      model: hosted_vllm/m\n      api_base: ${V}/v1\n${GENERAL}`,
    ['entry-incomplete@2'],
    { shows: /KeyError: 'model_name'/ },
  ),
  at('model_info without a value', `${M}    model_info:\n${GENERAL}`, ['entry-incomplete@6']),
  at('model_name from an unset name', `model_list:\n${entry('os.environ/NOPE', ...VLLM)}${GENERAL}`, ['entry-incomplete@2']),
  at('model_name: no', `model_list:\n${entry('no', ...VLLM)}${GENERAL}`, ['not-a-text@2'], { shows: /expected str instance, bool found/ }),
  at('model_name: a date', `model_list:\n${entry('2026-01-01', ...VLLM)}${GENERAL}`, ['not-a-text@2'], { shows: /datetime.date found/ }),
  at('model: 123', only('model: 123', `api_base: ${V}/v1`), ['not-a-text@4']),
  at('api_key: 123', only(...VLLM, 'api_key: 123'), ['not-a-text@6'], { shows: /validation error/ }),
  at('rpm: many', only(...VLLM, 'rpm: many'), ['not-a-number@6'], { shows: /validation error/ }),
  at('timeout: 30s', only(...VLLM, 'timeout: 30s'), ['not-a-number@6'], { complete: ['m'], shows: /could not convert string to float/ }),
  at('router_settings.timeout: 30s', router('timeout: 30s'), ['not-a-number@9'], { complete: ['m'] }),
  at('two model_lists', `${M}model_list:\n${entry('n', ...VLLM)}${GENERAL}`, ['duplicate-key@6'], { lists: ['n'] }),
  at('a tag', `${M}general_settings:\n  master_key: !env LITELLM_MASTER_KEY\n`, ['unknown-tag@7'], {
    shows: /could not determine a constructor/,
  }),
  at('a tab after a colon', `${M}general_settings:\n  master_key:\tos.environ/LITELLM_MASTER_KEY\n`, ['stricter-yaml@7'], {
    shows: /while scanning for the next token/,
  }),
  at('an anchor twice', `${M}${GENERAL}x-a: &a 1\nx-b: &a 2\n`, ['stricter-yaml@9'], { shows: /found duplicate anchor/ }),
  at('a plain =', `${M}${GENERAL}x-a: =\n`, ['stricter-yaml@8'], { shows: /yaml.org,2002:value/ }),
  at('include of no file', `${M}${GENERAL}include: [nope.yaml]\n`, ['include@8'], { shows: /Included file not found/ }),
  at('include as a text', `${M}${GENERAL}include: more.yaml\n`, ['include@8'], { files: { 'more.yaml': 'litellm_settings: {}\n' } }),
  at('include of a list', `${M}${GENERAL}include: [more.yaml]\n`, ['include@8'], { files: { 'more.yaml': '- a\n' } }),
  at(
    'include takes master_key away',
    `${M}general_settings:\n  master_key: sk-1234\ninclude: [more.yaml]\n`,
    ['master-key-missing@7', 'include@8'],
    {
      env: PERMIT,
      files: { 'more.yaml': 'general_settings: {alerting_threshold: 300}\n' },
    },
  ),

  // Keys that nobody reads
  at('models', `models:\n${entry('m', ...VLLM)}${GENERAL}`, ['model-list-misplaced@1', 'unknown-key@1'], { lists: [] }),
  at(
    'model_list under general_settings',
    `${GENERAL}  model_list:\n${entry('m', ...VLLM)
      .replace(/^/gm, '  ')
      .trimEnd()}\n`,
    ['model-list-misplaced@3'],
    { lists: [] },
  ),
  at('keys of router_settings', router('{num_retrys: 3, drop_params: true}'), ['misplaced-key@9', 'unknown-key@9'], {
    shows: /Key 'num_retrys' is not a valid argument[\s\S]*Key 'drop_params' is not a valid argument/,
  }),
  at(
    'api_base beside litellm_params',
    `model_list:\n  - model_name: m\n    api_base: ${V}/v1\n    litellm_params: {model: hosted_vllm/m}\n${GENERAL}`,
    ['misplaced-key@3', 'no-api-base@4'],
    { complete: ['m'], shows: /api\.openai\.com/ },
  ),
  at(
    'max_tokens beside litellm_params',
    `model_list:\n  - model_name: m\n    max_tokens: 40\n    litellm_params: {model: hosted_vllm/m, api_base: "${V}/v1"}\n${GENERAL}`,
    ['misplaced-key@3'],
    { complete: ['m'], shows: /max_tokens=None/ },
  ),
  at('api_bse', only('model: hosted_vllm/m', `api_bse: ${V}/v1`), ['no-api-base@3', 'unknown-key@5'], {
    complete: ['m'],
    shows: /api\.openai\.com/,
  }),
  at('model_group_alias under litellm_settings', settings('model_group_alias: {a: m}'), ['misplaced-key@9'], { shows: /^/ }),

  // The environment
  at('api_base from an unset name', only('model: hosted_vllm/m', 'api_base: os.environ/NOPE'), ['env-unset@5'], {
    complete: ['m'],
    shows: /api\.openai\.com/,
  }),
  at('api_key from an unset name', only('model: openai/m', `api_base: ${V}/v1`, 'api_key: os.environ/NOPE'), ['env-unset@6'], {
    complete: ['m'],
    shows: /Missing credentials/,
  }),
  at(
    'environment_variables come too late',
    `${only('model: hosted_vllm/m', 'api_base: os.environ/HOST')}environment_variables:\n  HOST: ${V}/v1\n`,
    ['env-too-late@5'],
    { complete: ['m'], shows: /api\.openai\.com/ },
  ),
  at('a reference with a rest', only('model: hosted_vllm/m', 'api_base: os.environ/HOST/v1'), ['env-literal@5'], {
    env: { ...KEY, HOST: V },
    shows: /^/,
  }),
  at('${HOST}', only('model: hosted_vllm/m', 'api_base: ${HOST}'), ['env-literal@5'], { env: { ...KEY, HOST: `${V}/v1` } }),
  at('a fallback from the environment', router('fallbacks: [{m: [os.environ/FB]}]'), ['env-literal@9'], {
    env: { ...KEY, FB: 'm' },
    complete: ['m'],
  }),
  at('LITELLM_MODEL_LIST', GENERAL, ['model-list-variable@1'], { env: { ...KEY, LITELLM_MODEL_LIST: 'openai/gpt-4o' }, lists: [] }),

  // Models
  at('qwen3-8b', only('model: qwen3-8b', `api_base: ${V}/v1`), ['no-provider@4'], { shows: /LLM Provider NOT provided/ }),
  at('a name without a provider', only('model: mymodel-8b', `api_base: ${V}/v1`), ['no-provider@4'], {
    shows: /LLM Provider NOT provided/,
  }),
  at('Qwen/Qwen3-8B', only('model: Qwen/Qwen3-8B', `api_base: ${V}/v1`), ['no-provider@4'], { shows: /LLM Provider NOT provided/ }),
  at('openroutr/', only('model: openroutr/m', 'max_tokens: 40'), ['no-provider@4'], { shows: /LLM Provider NOT provided/ }),
  at('ollama without api_base', only('model: ollama_chat/m'), ['ollama-without-base@3'], { complete: ['m'] }),
  at('ollama with base_url', only('model: ollama_chat/m', `base_url: ${V}`), ['ollama-without-base@3'], { shows: /^/ }),
  at('ollama in a name', only('model: openrouter/x/an-ollama', 'api_key: none', 'max_tokens: 9'), ['ollama-without-base@3']),
  at('ollama with /v1', only('model: ollama_chat/m', `api_base: ${V}/v1`), ['api-base-address@5'], {
    complete: ['m'],
    shows: /POST \/v1\/api\/chat 404/,
  }),
  at('vLLM without /v1', only('model: hosted_vllm/m', `api_base: ${V}`), ['api-base-address@5'], {
    complete: ['m'],
    shows: /POST \/chat\/completions 404/,
  }),
  at('openai/ without /v1', only('model: openai/m', 'api_key: none', `api_base: ${V}/`), ['api-base-address@6'], {
    complete: ['m'],
    shows: /POST \/chat\/completions 404/,
  }),
  at(
    'openai/ with the whole address',
    only('model: openai/m', 'api_key: none', `api_base: ${V}/v1/chat/completions`),
    ['api-base-address@6'],
    { complete: ['m'] },
  ),
  at('an address without http://', only('model: hosted_vllm/m', 'api_base: 127.0.0.1:8000/v1'), ['api-base-address@5'], {
    complete: ['m'],
  }),
  at('openai/ without a key', only('model: openai/m', `api_base: ${V}/v1`), ['openai-without-key@3'], {
    complete: ['m'],
    shows: /Missing credentials/,
  }),
  at(
    'OpenRouter without max_tokens',
    `model_list:\n${entry('m', 'model: openrouter/m', 'api_key: none', `api_base: ${V}/v1`)}    model_info: {max_tokens: 40}\n${GENERAL}`,
    ['openrouter-max-tokens@4'],
    { complete: ['m'], shows: /max_tokens=None/ },
  ),
  at('an entry twice', `${M}${entry('m', ...VLLM)}${general('background_health_checks: true').slice(M.length)}`, ['duplicate-entry@6'], {
    calls: [4, 1, 1],
  }),
  at('good: one server by two names', `${M}${entry('n', ...VLLM)}${GENERAL}  background_health_checks: true\n`, [], { calls: [4, 2, 2] }),
  at(
    'one id for two',
    `model_list:\n${entry('m', ...VLLM)}    model_info: {id: a}\n${entry('n', ...VLLM)}    model_info: {id: a}\n${GENERAL}  background_health_checks: true\n`,
    ['duplicate-entry@11'],
    { calls: [4, 1, 1] },
  ),
  at(
    'one name for two models',
    `${M}${entry('m', 'model: hosted_vllm/other', `api_base: ${V}/v1`)}${GENERAL}router_settings: {num_retries: 0, disable_cooldowns: true}\n`,
    ['mixed-group@6'],
    { some: Array.from({ length: 16 }, () => 'm'), shows: /(?=[\s\S]*model=other)(?=[\s\S]*200 model=m)/ },
  ),
  at('a star in model alone', only('model: hosted_vllm/*', `api_base: ${V}/v1`), ['wildcard@4'], {
    complete: ['m'],
    shows: /The model `\*` does not exist/,
  }),
  at('no such credential', only('model: openai/m', 'litellm_credential_name: nope'), ['credential-unknown@5'], {
    complete: ['m'],
    // What the request says: the start says it in other words where its job came in time, which a busy machine leaves out.
    shows: /litellm_credential_name=nope matched none/,
  }),

  // Names that lead nowhere
  at('an alias of nothing', router('model_group_alias: {big: huge}'), ['alias-unknown@9'], {
    complete: ['big', 'm'],
    shows: /no healthy deployments/,
  }),
  at('an alias of an alias', router('model_group_alias: {a: m, b: a}'), ['alias-unknown@9'], { complete: ['a', 'b'], lists: ['a', 'm'] }),
  at(
    'an alias hides a model',
    `model_list:\n${entry('m', 'model: hosted_vllm/other', `api_base: ${V}/v1`)}${entry('n', ...VLLM)}${GENERAL}router_settings:\n  model_group_alias: {m: n}\n`,
    ['alias-unknown@13'],
    { complete: ['m'], shows: /POST \/v1\/chat\/completions 200 model=m/ },
  ),
  at('aliases as a list', router('model_group_alias: [big]'), ['alias-shape@9']),
  at('fallbacks to and of nothing', router('fallbacks: [{m: [huge]}, {nope: [m]}]'), ['fallback-unknown@9', 'fallback-unknown@9'], {
    complete: ['m'],
  }),
  at('fallbacks as a mapping', router('fallbacks: {m: [m]}'), ['fallback-shape@9'], { shows: /is not a dictionary/ }),
  at('a fallback as a text', router('fallbacks: [{m: m}]'), ['fallback-shape@9'], { shows: /must be a list of model names/ }),
  at('fallbacks as a mapping under litellm_settings', settings('fallbacks: {m: [m]}'), ['fallback-shape@9'], {
    shows: /is not a dictionary/,
  }),
  at('two in one fallback', router('fallbacks: [{m: [m], n: [m]}]'), ['fallback-shape@9', 'fallback-unknown@9'], {
    shows: /must have exactly one key/,
  }),
  at('default_fallbacks as a text', settings('default_fallbacks: m'), ['fallback-shape@9'], { shows: /default_fallbacks must be a list/ }),

  // Settings that end the boot, or do nothing
  at('router_settings.health_check_interval', router('health_check_interval: 300'), ['health-check-interval-in-router@9'], {
    shows: /is NOT a valid router_settings parameter/,
  }),
  at('router_settings.health_check_concurrency', router('health_check_concurrency: 3'), ['health-check-interval-in-router@9'], {
    shows: /is NOT a valid router_settings parameter/,
  }),
  at('routing_strategy: fastest', router('routing_strategy: fastest'), ['routing-strategy@9'], { shows: /Invalid routing_strategy/ }),
  at('allowed_ips', general('allowed_ips: [127.0.0.1]'), ['enterprise-setting@8'], { shows: /allowed_ips is an Enterprise Feature/ }),
  at('a cache without a place', settings('cache: true'), ['cache-nowhere@9'], { shows: /must be specified for redis/ }),
  at('cache: "true"', settings('cache: "true"'), ['cache-nowhere@9'], { complete: ['m'] }),
  at('a budget without a database', settings('max_budget: 10'), ['budget-without-database@9'], {
    complete: ['m'],
    shows: /budget will NOT be enforced/,
  }),

  // REX-36
  at('health checks every second', general('background_health_checks: true', 'health_check_interval: 1'), ['health-check-loop@9'], {
    calls: [4, 2, 20],
  }),
  at('health checks, quoted', general('background_health_checks: true', "health_check_interval: '1'"), ['health-check-loop@9'], {
    calls: [3, 0, 0],
  }),
  at('health checks, with a fraction', general('background_health_checks: true', 'health_check_interval: 1.5'), ['health-check-loop@9'], {
    calls: [3, 0, 0],
  }),
  at(
    'health checks, from the environment',
    general('background_health_checks: true', 'health_check_interval: os.environ/N'),
    ['health-check-loop@9'],
    { env: { ...KEY, N: '1' }, calls: [3, 0, 0] },
  ),
  at('health checks: "false"', general('background_health_checks: "false"'), ['health-check-loop@8'], { calls: [4, 1, 1] }),
  at('health checks: no', general('background_health_checks: no', 'health_check_interval: 1'), [], { calls: [3, 0, 0] }),
  at(
    'health checks at the root',
    `${M}${GENERAL}background_health_checks: true\nhealth_check_interval: 1\n`,
    ['misplaced-key@8', 'misplaced-key@9'],
    { calls: [3, 0, 0] },
  ),
];
