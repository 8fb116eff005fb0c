// Text → Fabric, or every problem in it, each at its place. Pure.
import { dirname, isAbsolute, join } from 'node:path';
import type { Address, Backend, Dns, Fabric, Headscale, Host, N8n, SecretSource } from '../fabric.ts';
import {
  entries,
  type Fault,
  get,
  isMapping,
  isNothing,
  items,
  type More,
  notShown,
  type Path,
  type Problem,
  placed,
  pathText as plainPathText,
  wrong as plainWrong,
  readYaml,
  schemaFaults,
  show,
} from './problems.ts';
import { AZURE_CLOUDS, backendName, type Draft, dnsName, fileSchema, hostName, modelName, noMasterKey, secretName } from './schema.ts';

export { type Problem, problemText } from './problems.ts';

/** The Fabric that `text` describes, or all that is wrong with it, by position. `file`: its absolute path. Reads nothing. */
export function parse(text: string, file: string): { readonly fabric: Fabric } | { readonly problems: readonly Problem[] } {
  const { problems: unread, written } = readYaml(text);
  if (written === null) return { problems: unread };
  const { data, place } = written;
  const draft = fileSchema.safeParse(data);
  const at = (path: Path) => {
    const { line, column } = place(path, 'value');
    return `${file}:${line}:${column}`;
  };
  const faults = [
    ...textFaults(data, []),
    ...schemaFaults(data, draft.error, wrong),
    ...nameFaults(data),
    ...referenceFaults(data),
    ...vantageFaults(data),
    ...aliasFaults(data, at),
    ...n8nFaults(data),
    ...dnsFaults(data, at),
  ];
  const problems = placed(written, faults, pathText);
  return draft.success && problems.length === 0 ? { fabric: meaning(draft.data, file) } : { problems };
}

/** Text and keys that nothing in the file may have. */
function* textFaults(value: unknown, path: Path): Generator<Fault> {
  if (typeof value === 'string' && /[\p{Cc}\p{Zl}\p{Zp}]/u.test(value) && !(path[0] === 'litellm' && path[1] === 'config'))
    yield wrong(path, 'one line of text, without control characters', value);
  for (const [index, item] of items(value).entries()) yield* textFaults(item, [...path, index]);
  for (const [key, item] of entries(value)) {
    if (key === '<<') yield wrong([...path, key], 'every key written out (merge keys are not supported)', key, { of: 'key' });
    if (key === '__proto__') yield wrong([...path, key], 'another name', key, { of: 'key' });
    if (isPlainKey([...path, key], item))
      yield wrong([...path, key], 'os.environ/NAME, with NAME in litellm.secrets: config.yaml holds no secret', item);
    yield* textFaults(item, [...path, key]);
  }
}

/** Keys that are names. Not the schema's to judge: it would leave out what such a key holds. */
function* nameFaults(data: unknown): Generator<Fault> {
  const named = [
    [['hosts'], hostName],
    [['litellm', 'secrets'], secretName],
    [['litellm', 'backends'], backendName],
    [['litellm', 'aliases'], modelName],
    [['dns', 'names'], dnsName],
  ] as const;
  for (const [path, schema] of named)
    for (const [name] of entries(get(data, path))) {
      const issue = schema.safeParse(name).error?.issues[0];
      if (issue !== undefined) yield wrong([...path, name], issue.message, name, { of: 'key' });
    }
}

/** Names of hosts and secrets that nothing has, and what a kind of backend cannot be without. */
function* referenceFaults(data: unknown): Generator<Fault> {
  const [hosts, litellm] = [get(data, ['hosts']), get(data, ['litellm'])];
  if (!isMapping(litellm)) return;
  const { host, secrets, master_key: master } = litellm;
  if (typeof host === 'string' && isMapping(hosts) && !Object.hasOwn(hosts, host))
    yield wrong(['litellm', 'host'], 'the name of a host in hosts', host, { known: Object.keys(hosts) });

  for (const section of ['litellm', 'n8n', 'headscale']) {
    const path = section === 'headscale' ? ['dns', section, 'host'] : [section, 'host'];
    const server = get(data, path);
    if (typeof server === 'string' && get(hosts, [server, 'shell']) === 'powershell')
      yield wrong(path, 'a host with a POSIX shell', server);
  }
  for (const [name, one] of entries(hosts)) {
    const user = get(one, ['user']);
    if (get(one, ['become']) === 'none' && typeof user === 'string' && user !== 'root')
      yield wrong(['hosts', name, 'become'], `sudo, since ${show(user)} is not root`, 'none');
    const [client, key, identity] = [get(one, ['client']), get(one, ['hostKey']), get(one, ['identity'])];
    if (client === 'ssh2' && key === undefined)
      yield wrong(['hosts', name, 'hostKey'], "the fingerprint of the host's key, which ssh2 needs (ssh-keygen -lf on the host)", key);
    const instead = client === 'local' ? 'there is no SSH to this machine itself' : 'OpenSSH has its known_hosts and ssh_config';
    for (const [field, found] of [
      ['hostKey', key],
      ['identity', identity],
    ] as const)
      if (client !== 'ssh2' && found !== undefined)
        yield wrong(['hosts', name, field], `nothing, without client: ssh2 (${instead})`, found);
  }

  const known = entries(secrets).map(([name]) => name);
  const isMissing = (name: unknown) => typeof name === 'string' && (isMapping(secrets) || isNothing(secrets)) && !known.includes(name);
  if (master === undefined && isMissing('LITELLM_MASTER_KEY'))
    yield wrong(['litellm', 'master_key'], `LITELLM_MASTER_KEY in litellm.secrets, or master_key: "${noMasterKey}"`, master);
  if (master !== noMasterKey && isMissing(master))
    yield wrong(['litellm', 'master_key'], `the name of a secret in litellm.secrets, or "${noMasterKey}"`, master, { known });

  for (const [name, backend] of entries(litellm['backends'])) {
    const path = ['litellm', 'backends', name];
    const [kind, url, key] = [get(backend, ['kind']), get(backend, ['url']), get(backend, ['key'])];
    if (url === undefined && (kind === 'vllm' || kind === 'ollama' || kind === 'openai'))
      yield wrong([...path, 'url'], `an address, which ${kind} needs`, url);
    if (key === undefined && kind === 'openrouter')
      yield wrong([...path, 'key'], 'the name of a secret in litellm.secrets, which openrouter needs', key);
    if (isMissing(key)) yield wrong([...path, 'key'], 'the name of a secret in litellm.secrets', key, { known });
  }
}

/** Hosts that must reach LiteLLM, and hosts that must not: other machines than its own, each on one side. */
function* vantageFaults(data: unknown): Generator<Fault> {
  const [hosts, server] = [get(data, ['hosts']), get(data, ['litellm', 'host'])];
  const isServer = (name: unknown) =>
    name === server || (name === 'here' && typeof server === 'string' && get(hosts, [server, 'client']) === 'local');
  const sides = ['reachable', 'unreachable']
    .map((one) => `${one}_from`)
    .map((side) => ({ side, names: items(get(data, ['litellm', side])) }));
  const seen = new Map<unknown, string>();
  for (const { side, names } of sides)
    for (const [index, name] of names.entries()) {
      const path = ['litellm', side, index];
      const known = ['here', ...entries(hosts).map(([host]) => host)];
      if (typeof name !== 'string') continue; // the schema said so
      if (isMapping(hosts) && !known.includes(name)) yield wrong(path, 'the name of a host in hosts, or here', name, { known });
      else if (isServer(name)) yield wrong(path, 'another machine than the one that LiteLLM is on', name);
      else if (seen.has(name))
        yield wrong(path, seen.get(name) === side ? 'each host once' : `a host that is not in litellm.${seen.get(name)}`, name);
      seen.set(name, side);
    }
}

/** What clients may call a model: each name once, and each leads to a model. */
function* aliasFaults(data: unknown, at: (path: Path) => string): Generator<Fault> {
  const backends = get(data, ['litellm', 'backends']);
  const served = new Map<string, string>();
  for (const [name, backend] of entries(backends))
    for (const [index, model] of items(get(backend, ['models'])).entries()) {
      const field = get(model, ['alias']) === undefined ? 'id' : 'alias';
      const [alias, path] = [get(model, [field]), ['litellm', 'backends', name, 'models', index, field]];
      if (typeof alias !== 'string') continue;
      const first = served.get(alias);
      if (first === undefined) served.set(alias, at(path));
      else yield wrong(path, 'an alias that no other model has', alias, { first });
    }
  const listed = items(get(data, ['litellm', 'config', 'model_list'])).map((entry) => get(entry, ['model_name']));
  const known = [...served.keys(), ...listed.filter((name) => typeof name === 'string')];
  for (const [alias, target] of entries(get(data, ['litellm', 'aliases']))) {
    const [path, first] = [['litellm', 'aliases', alias], served.get(alias)];
    if (first !== undefined) yield wrong(path, 'a name that is no alias of a model', alias, { of: 'key', first });
    if (typeof target === 'string' && isMapping(backends) && !known.includes(target))
      yield wrong(path, 'the alias of a model', target, { known });
  }
}

/** How n8n runs must be said, and each proxy once for what it is. */
function* n8nFaults(data: unknown): Generator<Fault> {
  const n8n = get(data, ['n8n']);
  if (!isMapping(n8n)) return;
  const { host, container, unit, proxies } = n8n;
  const hosts = get(data, ['hosts']);
  if (typeof host === 'string' && isMapping(hosts) && !Object.hasOwn(hosts, host))
    yield wrong(['n8n', 'host'], 'the name of a host in hosts', host, { known: Object.keys(hosts) });
  if (container === undefined && unit === undefined)
    yield wrong(['n8n', 'container'], 'the name of its container, or unit: with the unit that runs it', container);
  for (const [index, proxy] of items(proxies).entries()) {
    const before = items(proxies)[index - 1];
    if (proxy === 'cloudflare-tunnel' && before === 'cloudflare')
      yield wrong(['n8n', 'proxies', index - 1], 'cloudflare-tunnel alone, which is Cloudflare’s edge and its tunnel', before);
  }
}

/** Each name once, hosts that there are, and one way to run Headscale. */
function* dnsFaults(data: unknown, at: (path: Path) => string): Generator<Fault> {
  const [dns, hosts] = [get(data, ['dns']), get(data, ['hosts'])];
  const seen = new Map<string, string>();
  for (const [name] of entries(get(dns, ['names']))) {
    const [path, first] = [['dns', 'names', name], seen.get(name.toLowerCase())];
    if (first !== undefined) yield wrong(path, 'a name that stands here once', name, { of: 'key', first });
    else seen.set(name.toLowerCase(), at(path));
  }
  const known = ['here', ...entries(hosts).map(([host]) => host)];
  const from = items(get(dns, ['from']));
  for (const [index, name] of from.entries()) {
    if (typeof name !== 'string') continue;
    if (isMapping(hosts) && !known.includes(name))
      yield wrong(['dns', 'from', index], 'the name of a host in hosts, or here', name, { known });
    else if (from.indexOf(name) < index) yield wrong(['dns', 'from', index], 'each host once', name);
  }
  const headscale = get(dns, ['headscale']);
  if (!isMapping(headscale)) return;
  const { host, config, container, unit } = headscale;
  const path = ['dns', 'headscale'];
  if (typeof host === 'string' && isMapping(hosts) && !Object.hasOwn(hosts, host))
    yield wrong([...path, 'host'], 'the name of a host in hosts', host, { known: Object.keys(hosts) });
  if (container === undefined && unit === undefined)
    yield wrong([...path, 'container'], 'the name of its container, or unit: with the unit that runs it', container);
  if (container !== undefined && unit !== undefined)
    yield wrong([...path, 'unit'], 'nothing, with container: (what is inside a container sees other paths)', unit);
  if (container !== undefined && config === undefined)
    yield wrong([...path, 'config'], 'the path of config.yaml on the host (container_config is the one in the container)', config);
  for (const field of ['container_config', 'compose'])
    if (container === undefined && headscale[field] !== undefined)
      yield wrong([...path, field], 'nothing, without container:', headscale[field]);
}

/** What may be a secret is not shown. */
function wrong(path: Path, expected: string, found: unknown, more: More = {}): Fault {
  return plainWrong(path, expected, found, more, isNothing(found) || !(isSecret(path) || isPlainKey(path, found)) ? show(found) : notShown);
}

/** Where people paste a secret although its name or its source is asked for. */
const isSecret = ([top, section, , part]: Path) =>
  top === 'litellm' && (section === 'secrets' || section === 'master_key' || (section === 'backends' && part === 'key'));

/** A key or a password written out under `config`, where LiteLLM takes it from the environment. */
const isPlainKey = ([top, section, ...rest]: Path, value: unknown) =>
  top === 'litellm' &&
  section === 'config' &&
  typeof value === 'string' &&
  /(?:^|_)(?:api_?key|master_key|salt_key|password|secret|token)$/i.test(String(rest.at(-1))) &&
  !/^(?:os\.environ\/.*|none|dummy|)$/.test(value);

/** The keys that a secret's source may have: what else stands there may be a secret. */
const SOURCE_PARTS: ReadonlySet<PropertyKey> = new Set(
  'azure vault command name version endpoint cloud path field mount address'.split(' '),
);

/** `litellm.backends.vllm.models[0].id`, `litellm.aliases["a/b"]`. What may be a secret is left out. */
function pathText(path: Path): string {
  const [, section, name] = path;
  const depth = section === 'backends' ? 4 : section === 'secrets' && secretName.safeParse(name).success ? 3 : 2;
  const parts = path.slice(depth).findIndex((segment) => typeof segment !== 'number' && !SOURCE_PARTS.has(segment));
  const shown = !isSecret(path)
    ? path
    : path.slice(0, depth === 3 && section === 'secrets' ? (parts < 0 ? undefined : depth + parts) : depth);
  return plainPathText(shown);
}

/** What a file without problems says, with all that it leaves to us. */
function meaning({ hosts, tailnet, litellm, n8n, dns, accept }: Draft, file: string): Fabric {
  const range = tailnet?.range ?? '100.64.0.0/10';
  const master = litellm.master_key ?? 'LITELLM_MASTER_KEY';
  return {
    file,
    hosts: new Map(Object.entries(hosts).map(([name, host]) => [name, meantHost(name, host ?? {}, file)])),
    tailnet: { range, resolver: tailnet?.resolver ?? '100.100.100.100', resolver6: tailnet?.resolver6 ?? 'fd7a:115c:a1e0::53' },
    litellm: {
      host: litellm.host,
      directory: litellm.directory ?? '/flux/apps/litellm',
      image: litellm.image,
      listen: litellm.listen ?? { address: '0.0.0.0', port: 4000 },
      ...(litellm.front === undefined ? {} : { front: litellm.front }),
      allow: litellm.allow ?? [range],
      reachableFrom: litellm.reachable_from ?? [],
      unreachableFrom: litellm.unreachable_from ?? [],
      masterKey: master === noMasterKey ? null : master,
      secrets: new Map(Object.entries(litellm.secrets ?? {}).map(([name, source]) => [name, meantSource(source, file)])),
      backends: Object.entries(litellm.backends).map(([name, backend]) => meantBackend(name, backend)),
      aliases: new Map(Object.entries(litellm.aliases ?? {})),
      config: litellm.config ?? {},
    },
    ...(n8n === undefined ? {} : { n8n: meantN8n(n8n) }),
    ...(dns === undefined ? {} : { dns: meantDns(dns) }),
    accept: (accept ?? []).map(({ subject, ...rest }) => (subject === undefined ? rest : { subject, ...rest })),
  };
}

function meantHost(
  name: string,
  { address = name, user, port, become, client = 'openssh', shell, hostKey, identity, ...more }: NonNullable<Draft['hosts'][string]>,
  file: string,
): Host {
  const optional = {
    ...(user === undefined ? {} : { user }),
    ...(port === undefined ? {} : { port }),
    ...(shell === 'powershell' ? { shell } : {}),
    ...(hostKey === undefined ? {} : { hostKey }),
    ...(identity === undefined ? {} : { identity: besides(file, identity) }),
    ...(more.public === undefined ? {} : { public: more.public }),
  };
  return { name, address, ...optional, become: become ?? (user === 'root' ? 'none' : 'sudo'), client };
}

/** A path as fabric.yaml means it: relative to the file's folder. */
const besides = (file: string, path: string): string => (isAbsolute(path) || path.startsWith('~/') ? path : join(dirname(file), path));

function meantSource(source: NonNullable<Draft['litellm']['secrets']>[string], file: string): SecretSource {
  if (typeof source === 'string') return meantText(source, file);
  if (source.azure !== undefined) {
    const { vault, name, version, endpoint, cloud = 'AzureCloud' } = source.azure;
    const dns = AZURE_CLOUDS[cloud];
    const place = { vault, name, ...(version === undefined ? {} : { version }) };
    return { from: 'azure', ...place, endpoint: endpoint ?? `https://${vault}.${dns}`, audience: `https://${dns}` };
  }
  if (source.vault !== undefined) {
    const { mount = 'secret', path, field, address } = source.vault;
    return { from: 'vault', mount, path, field, ...(address === undefined ? {} : { address }) };
  }
  const [program = '', ...rest] = source.command ?? [];
  // A path is relative to the file's folder, as elsewhere; a bare name is looked up in PATH.
  return { from: 'command', argv: [program.includes('/') ? besides(file, program) : program, ...rest] };
}

function meantText(source: string, file: string): SecretSource {
  const rest = source.slice(source.indexOf(':') + 1);
  if (source.startsWith('env:')) return { from: 'env', name: rest };
  if (source.startsWith('file:')) return { from: 'file', path: besides(file, rest) };
  if (source.startsWith('pass:')) return { from: 'pass', name: rest };
  if (source.startsWith('op:')) return { from: 'op', reference: source };
  const hash = rest.lastIndexOf('#');
  return { from: 'sops', path: besides(file, rest.slice(0, hash)), keys: rest.slice(hash + 1).split('.') };
}

function meantN8n({ host, container, unit, env_file, url, webhooks, proxies }: NonNullable<Draft['n8n']>): N8n {
  return {
    host,
    ...(container === undefined ? {} : { container }),
    ...(unit === undefined ? {} : { unit }),
    ...(env_file === undefined ? {} : { envFile: env_file }),
    url,
    webhooks: webhooks ?? url,
    proxies,
  };
}

const listOf = (addresses: Address | readonly Address[]): readonly Address[] => (typeof addresses === 'string' ? [addresses] : addresses);

function meantDns({ names, public: compared = '9.9.9.9', from = ['here'], headscale }: NonNullable<Draft['dns']>): Dns {
  return {
    names: Object.entries(names).map(([name, where]) => {
      const [inside, outside] = typeof where === 'string' || Array.isArray(where) ? [where, undefined] : [where.inside, where.outside];
      return {
        name: name.toLowerCase(),
        inside: listOf(inside),
        ...(outside === undefined ? {} : { outside: outside === 'none' ? [] : listOf(outside) }),
      };
    }),
    public: compared,
    from,
    ...(headscale === undefined ? {} : { headscale: meantHeadscale(headscale) }),
  };
}

/** Inside a container, Headscale's own documentation has its file at the default too (docs/setup/install/container.md). */
function meantHeadscale({
  host,
  config = '/etc/headscale/config.yaml',
  container,
  container_config: inside = '/etc/headscale/config.yaml',
  compose,
  unit = 'headscale.service',
}: NonNullable<NonNullable<Draft['dns']>['headscale']>): Headscale {
  if (container === undefined) return { host, config, run: { by: 'unit', unit } };
  return { host, config, run: { by: 'container', container, config: inside, ...(compose === undefined ? {} : { compose }) } };
}

function meantBackend(name: string, { kind, url, key, cost, models }: Draft['litellm']['backends'][string]): Backend {
  return {
    name,
    kind,
    url: url ?? null,
    key: key ?? null,
    cost: cost ?? (kind === 'vllm' || kind === 'ollama' ? 'none' : 'paid'),
    models: models.map(({ id, alias, context, max_tokens }) => ({
      id,
      alias: alias ?? id,
      context: context ?? null,
      maxTokens: max_tokens ?? (kind === 'openrouter' ? 4096 : null), // REX-37: OpenRouter reserves what a request may use
    })),
  };
}
