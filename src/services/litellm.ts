// What LiteLLM's files, unit and firewall rules should be: pure text from a Fabric.
import type { Address, Backend, Cidr, Fabric, Json, JsonObject, Litellm, SecretName } from '../fabric.ts';
import { bracket } from '../shell.ts';
import { parseNetwork, within } from './network.ts';
import { writeYaml } from './yaml.ts';

/** The unit's name, and the container's: `systemctl status litellm` and `podman logs litellm` are what runbooks say. */
export const UNIT = 'litellm.service';
export const CONTAINER = 'litellm';
export const QUADLET = '/etc/containers/systemd/litellm.container';
/** A unit there outranks the Quadlet of the same name (measured: FragmentPath stays the old file until it is gone). */
export const RUNBOOK_UNIT = '/etc/systemd/system/litellm.service';

export const configPath = ({ directory }: Litellm): string => `${directory}/config.yaml`;
export const envPath = ({ directory }: Litellm): string => `${directory}/.env`;

/** The first line of every file that fabric owns. */
export const HEADER =
  '# Written by fabric from fabric.yaml. Edits here are overwritten: change fabric.yaml, then `fabric deploy litellm`.\n';

const wildcard = (address: string): boolean => address === '0.0.0.0' || address === '::';

/** Who reaches the port at all, before any firewall: by the address that LiteLLM is bound to. */
export type Reach = 'loopback' | 'tailnet' | 'everywhere' | 'one address';
export const reach = ({ tailnet, litellm: { listen } }: Fabric): Reach => {
  if (wildcard(listen.address)) return 'everywhere';
  if (listen.address === '::1' || listen.address.startsWith('127.')) return 'loopback';
  return within(listen.address, tailnet.range) ? 'tailnet' : 'one address';
};

/** LiteLLM's address as its own host reaches it, without `/v1`. */
export const baseUrl = ({ listen: { address, port } }: Litellm): string =>
  `http://${address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '[::1]' : bracket(address)}:${port}`;

/** LiteLLM's address as a client on the tailnet reaches it, without `/v1`. `tailnetAddress`: the host's own, where it is known. */
export const clientUrl = ({ hosts, litellm: { host, listen } }: Fabric, tailnetAddress?: Address): string =>
  `http://${bracket(wildcard(listen.address) ? (tailnetAddress ?? hosts.get(host)?.address ?? host) : listen.address)}:${listen.port}`;

/**
 * config.yaml as LiteLLM reads it, without any secret: keys stand as `os.environ/NAME`. `config:` of fabric.yaml is merged
 * in: mappings key by key, lists appended, anything else replaced.
 */
export const renderConfig = (litellm: Litellm): string => HEADER + writeYaml(configOf(litellm));

/** The same as values. */
export const configOf = ({ backends, aliases, masterKey, config }: Litellm): JsonObject => {
  const ours: JsonObject = {
    model_list: backends.flatMap((backend) => backend.models.map((model) => entry(backend, model))),
    ...(aliases.size === 0 ? {} : { router_settings: { model_group_alias: Object.fromEntries(aliases) } }),
    ...(masterKey === null ? {} : { general_settings: { master_key: `os.environ/${masterKey}` } }),
  };
  return merge(ours, config);
};

/** One entry of model_list. */
export const entry = (backend: Backend, model: Backend['models'][number]): JsonObject => ({
  model_name: model.alias,
  litellm_params: {
    ...provider(backend, model.id),
    // A default, not a cap: a client's own max_tokens wins. Without it OpenRouter reserves the model's whole output (REX-37).
    ...(model.maxTokens === null ? {} : { max_tokens: model.maxTokens }),
  },
  model_info: {
    // Without one, LiteLLM hashes the parameters: the id would change with every key.
    id: `${backend.name}:${model.alias}`,
    ...(model.context === null ? {} : { max_input_tokens: model.context }),
  },
});

const provider = ({ kind, url, key }: Backend, id: string): JsonObject => {
  const apiKey: JsonObject = key === null ? {} : { api_key: `os.environ/${key}` };
  switch (kind) {
    case 'vllm':
      return { model: `hosted_vllm/${id}`, api_base: `${url}/v1`, ...apiKey };
    case 'ollama':
      return { model: `ollama_chat/${id}`, api_base: url, ...apiKey };
    case 'openrouter':
      return { model: `openrouter/${id}`, ...(url === null ? {} : { api_base: `${url}/v1` }), ...apiKey };
    case 'openai':
      return { model: `openai/${id}`, api_base: `${url}/v1`, api_key: 'none', ...apiKey }; // the client library refuses an empty key
    default:
      return kind satisfies never;
  }
};

export const isMapping = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const merge = (ours: JsonObject, theirs: JsonObject): JsonObject => {
  const merged: { [key: string]: Json } = { ...ours };
  for (const [key, value] of Object.entries(theirs)) {
    const mine = merged[key];
    if (isMapping(mine) && isMapping(value)) merged[key] = merge(mine, value);
    else if (Array.isArray(mine) && Array.isArray(value)) merged[key] = [...mine, ...value];
    else merged[key] = value;
  }
  return merged;
};

/** Every name that `GET /v1/models` must list, sorted: models, aliases, and what `config:` adds. */
export const declaredModels = ({ backends, aliases, config }: Litellm): readonly string[] => {
  const extra = Array.isArray(config['model_list']) ? config['model_list'] : [];
  const router = config['router_settings'];
  const groups = isMapping(router) && isMapping(router['model_group_alias']) ? router['model_group_alias'] : {};
  const visible = Object.entries(groups).flatMap(([name, value]) => (isMapping(value) && value['hidden'] === true ? [] : [name]));
  const names = extra.flatMap((one: Json) => (isMapping(one) && typeof one['model_name'] === 'string' ? [one['model_name']] : []));
  return [
    ...new Set([...backends.flatMap(({ models }) => models.map(({ alias }) => alias)), ...aliases.keys(), ...names, ...visible]),
  ].sort();
};

/** Every name that config.yaml takes from the environment (`os.environ/NAME`), sorted. */
export const environmentNames = (litellm: Litellm): readonly SecretName[] =>
  [
    ...new Set(
      [...renderConfig(litellm).matchAll(/os\.environ\/([A-Za-z_][A-Za-z0-9_]*)/g)].flatMap(([, name]) =>
        name === undefined ? [] : [name],
      ),
    ),
  ].sort();

/**
 * The Quadlet. Its health check asks /health/liveliness, with the image's python: the image has no curl, and /health would
 * send every model a paid request (REX-36). `:Z` labels the mount for SELinux hosts. `Network=host` because a published port
 * bypasses firewalld's zones (measured).
 */
export const renderUnit = (litellm: Litellm): string => {
  const { image, listen, masterKey } = litellm;
  return `${HEADER}[Unit]
Description=LiteLLM proxy
Wants=network-online.target
After=network-online.target

[Container]
ContainerName=${CONTAINER}
Image=${image}
Network=host
Volume=${configPath(litellm)}:/app/config.yaml:ro,Z
EnvironmentFile=${envPath(litellm)}
${masterKey === null ? 'Environment=LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY=true\n' : ''}Exec=--config /app/config.yaml --host ${listen.address} --port ${listen.port}
HealthCmd=${JSON.stringify(['python3', '-c', `import urllib.request as r; r.urlopen('${baseUrl(litellm)}/health/liveliness', timeout=5)`])}
HealthInterval=30s
HealthTimeout=10s
HealthRetries=3
HealthStartPeriod=300s

[Service]
Restart=always
RestartSec=5
TimeoutStartSec=300
TimeoutStopSec=30

[Install]
WantedBy=multi-user.target
`;
};

export interface File {
  readonly path: string;
  readonly mode: string;
  readonly owner: string;
  readonly text: string;
}

/** The files that fabric owns. config.yaml is for everybody to read: recent images run as uid 65532, and it holds no secret. */
export const files = (litellm: Litellm): readonly [config: File, unit: File] => [
  { path: configPath(litellm), mode: '644', owner: 'root:root', text: renderConfig(litellm) },
  { path: QUADLET, mode: '644', owner: 'root:root', text: renderUnit(litellm) },
];
/** .env is shared: keys put there by hand stay. Podman reads it on the host, so root alone needs to. */
export const ENV_MODE = '600';
export const ENV_OWNER = 'root:root';

/** firewalld's rich rule that lets one network in. */
export const richRule = (network: Cidr, port: number): string =>
  `rule family="ipv${parseNetwork(network).family}" source address="${network}" port port="${port}" protocol="tcp" accept`;

/** The models of config.yaml as rendered that somebody else runs, as LiteLLM names them: `openrouter/anthropic/claude-sonnet-4.5`. Sorted. */
export const modelsElsewhere = (litellm: Litellm): readonly string[] => {
  const paid = litellm.backends
    .filter(({ cost }) => cost === 'paid')
    .flatMap((backend) => backend.models.map((model) => entry(backend, model)));
  const extra = Array.isArray(litellm.config['model_list']) ? litellm.config['model_list'] : [];
  const names = [...paid, ...extra].flatMap((one: Json) => {
    const params = isMapping(one) ? one['litellm_params'] : undefined;
    const model = isMapping(params) ? params['model'] : undefined;
    return typeof model === 'string' ? [model] : [];
  });
  return [...new Set(names)].sort();
};
