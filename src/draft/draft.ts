// What a host runs → a fabric.yaml that says so, with what could not be told. Pure.
import { isIP } from 'node:net';
import { posix } from 'node:path';
import type { CheckId } from '../check.ts';
import { isLost, type Lost } from '../evidence.ts';
import { noMasterKey } from '../fabric/schema.ts';
import type { Backend, Cidr, Json, JsonObject, SecretName } from '../fabric.ts';
import type { Firewall } from '../probes/firewall.ts';
import type { Survey, Where } from '../probes/survey.ts';
import type { UnitState } from '../probes/unit.ts';
import { HEADER, QUADLET } from '../services/litellm.ts';
import { readYaml } from '../services/yaml.ts';
import { bracket } from '../shell.ts';
import { type Models, modelsOf } from './models.ts';
import { listenOf, otherOptions, pinned, type Run, runOf } from './run.ts';
import { isMapping, referenced, referencesIn, sealSecrets, unredacted } from './secrets.ts';
import { takes } from './takes.ts';
import type { Target } from './target.ts';

/** What the first look at a host saw. */
export interface Seen {
  readonly where: Where;
  readonly survey: Survey;
  readonly unit: UnitState | Lost;
  readonly firewall: Firewall | Lost;
}

/** Something that the host does not say, or that fabric.yaml says otherwise. */
export interface Note {
  /** The key of fabric.yaml that it is about: `['litellm', 'image']`. */
  readonly at: readonly string[];
  /** May hold what the host said: for a terminal through `visible`, for YAML through `commented`. */
  readonly text: string;
}
export interface Draft {
  /** fabric.yaml as data. */
  readonly file: JsonObject;
  readonly notes: readonly Note[];
  /** Checks that a draft cannot be judged by, and why. */
  readonly unjudged: ReadonlyMap<CheckId, string>;
}

/** The draft, or `null` where nothing on the host runs LiteLLM. */
export const draftOf = (target: Target, { where, survey: heard, unit, firewall }: Seen): Draft | null => {
  const started = runOf(heard);
  if (started === null) return null;
  const notes: Note[] = [];
  const note = (at: readonly string[], text: string): void => {
    notes.push({ at, text });
  };
  const host = hostName(target, where);

  const { image, note: aboutImage } = pinned(started);
  if (aboutImage !== null) note(['litellm', 'image'], aboutImage);
  const listen = listenOf(started);
  if (!listen.told)
    note(
      ['litellm', 'listen'],
      `its port is not published: only containers of the network ${started.network} reach it now. Say here who should`,
    );
  const admitted = allowed(firewall, listen.port, note);
  const allow = admitted ?? ['100.64.0.0/10'];
  const directory = folder(heard.config?.path, note);
  // An .env that lies elsewhere is not the one that fabric will write.
  const elsewhere = heard.config !== null && posix.dirname(heard.config.path) !== directory;
  const survey = elsewhere ? { ...heard, env: null } : heard;
  const run = elsewhere ? { ...started, env: [...new Set([...started.env, ...(heard.env ?? [])])] } : started;

  const { config, read } = found(survey, note);
  const taken = new Set([...referencesIn(config), ...(survey.env ?? []), ...run.env].filter((name) => name !== 'LITELLM_MASTER_KEY'));
  const sealed = sealSecrets(config, taken);
  for (const { name, path, whole } of sealed.plain)
    note(
      ['litellm', 'secrets', name],
      `${path} was written out in config.yaml: provide that value as ${name}${whole ? ', all of it' : ''}; it was not copied`,
    );
  const named = new Set(sealed.plain.map(({ name }) => name));
  if (sealed.plain.length > named.size)
    note(['litellm', 'secrets'], 'keys of the same provider at the same address got one name: whether they are equal could not be told');

  const { model_list: list, ...others } = sealed.value;
  const models: Models = Array.isArray(list) ? modelsOf(list) : { backends: [], verbatim: [] };
  const { masterKey, rest: withoutMaster } = master(others, survey, run, read, note);
  const listed = models.verbatim.map(({ entry }) => entry);
  const { aliases, rest } = aliasesOf(withoutMaster, models.backends, listed);
  for (const [n, { entry, why }] of models.verbatim.entries()) {
    const name = isMapping(entry) && typeof entry['model_name'] === 'string' ? entry['model_name'] : `number ${n + 1}`;
    note(['litellm', 'config', 'model_list'], `${name} is kept as it was found: ${why}`);
  }
  const kept: JsonObject = {
    ...(list !== undefined && list !== null && !Array.isArray(list) ? { model_list: list } : {}),
    ...(listed.length > 0 ? { model_list: listed } : {}),
    // An empty section says nothing, and would replace ours.
    ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null)),
  };
  aboutBackends(models.backends, run, note);

  const secrets = secretsOf({ masterKey, models, kept, survey, run, named, directory }, note);
  const options = otherOptions(run);
  if (options.length > 0) note(['litellm'], `LiteLLM is also started with ${options.join(', ')}: fabric.yaml has no key for that`);
  if (run.unit !== '' && !['litellm.service', 'litellm'].includes(run.unit))
    note(['litellm', 'host'], `the container belongs to the unit ${run.unit}, which fabric does not retire: disable it before you deploy`);

  const file: JsonObject = {
    hosts: {
      [host]: {
        address: target.address,
        ...(target.user === undefined ? {} : { user: target.user }),
        ...(target.port === undefined ? {} : { port: target.port }),
        ...(where.root && target.user === undefined ? { become: 'none' } : {}),
      },
    },
    litellm: {
      host,
      directory,
      image,
      listen: `${bracket(listen.address)}:${listen.port}`,
      allow,
      ...(masterKey === 'LITELLM_MASTER_KEY' ? {} : { master_key: masterKey ?? noMasterKey }),
      secrets: Object.fromEntries(secrets.map((name) => [name, `env:${name}`])),
      backends: Object.fromEntries(models.backends.map((one) => [one.name, backendText(one)])),
      ...(Object.keys(aliases).length > 0 ? { aliases } : {}),
      ...(Object.keys(kept).length > 0 ? { config: kept } : {}),
    },
  };
  return { file, notes, unjudged: unjudgedOf({ admitted, named, survey, unit, run, read, masterKey, kept, models }) };
};

type Take = (at: readonly string[], text: string) => void;

/** The first label of the name that the user gave; of an address, what the host calls itself. */
export const hostName = ({ address }: Target, { name }: Pick<Where, 'name'>): string => {
  const byName = isIP(address) === 0 && address !== 'localhost' ? address.split('.')[0] : name.split('.')[0];
  return byName !== undefined && takes.hostName(byName) ? byName : 'litellm';
};

/** config.yaml as data, its secrets redacted. Empty where it could not be read: `read` says which. */
const found = ({ config }: Survey, note: Take): { readonly config: JsonObject; readonly read: boolean } => {
  if (config === null) {
    note(
      ['litellm', 'backends'],
      'no config.yaml was found on the host: it may be inside the image. Models and settings could not be told',
    );
    return { config: {}, read: false };
  }
  const said = readYaml(unredacted(config.text));
  if ('why' in said) {
    note(['litellm', 'backends'], `${config.path} could not be read: ${said.why}. Models and settings could not be told`);
    return { config: {}, read: false };
  }
  for (const path of said.leftOut.slice(0, 10))
    note(['litellm', 'config'], `${path} of config.yaml is left out: fabric.yaml cannot hold it`);
  if (said.value['include'] !== undefined) note(['litellm', 'config', 'include'], 'the files that config.yaml includes were not read');
  return { config: said.value, read: true };
};

/** Networks that a rule lets connect to the port. `null`: none does, or it could not be told. */
const allowed = (firewall: Firewall | Lost, port: number, note: Take): readonly Cidr[] | null => {
  if (isLost(firewall) || firewall.is !== 'running') {
    const why = isLost(firewall)
      ? firewall.why
      : firewall.is === 'ufw'
        ? 'ufw guards the host, and fabric does not read its rules'
        : 'firewalld does not run there';
    note(['litellm', 'allow'], `who may connect could not be told (${why}): this is the tailnet`);
    return null;
  }
  const sources = firewall.zones.flatMap(({ rules }) =>
    rules.flatMap(({ action, source, port: range }) =>
      action === 'accept' && source !== null && range !== null && range.protocol === 'tcp' && range.first <= port && port <= range.last
        ? [isIP(source) === 0 ? source : `${source}/${isIP(source) === 4 ? 32 : 128}`]
        : [],
    ),
  );
  const networks = [...new Set(sources)];
  for (const one of networks.filter((network) => !takes.network(network)))
    note(['litellm', 'allow'], `a rule admits ${one}, which fabric.yaml cannot say`);
  const known = networks.filter(takes.network).sort();
  if (known.length > 0) return known;
  note(['litellm', 'allow'], `no rule of firewalld lets a network connect to port ${port}: this is the tailnet`);
  return null;
};

const folder = (path: string | undefined, note: Take): string => {
  const usual = '/flux/apps/litellm';
  if (path === undefined) return usual;
  const dir = posix.dirname(path);
  if (takes.directory(dir) && posix.basename(path) === 'config.yaml') return dir;
  note(
    ['litellm', 'directory'],
    `its configuration is ${path}: fabric wants a config.yaml in a folder of its own, and writes a new one here`,
  );
  return takes.directory(dir) ? dir : usual;
};

/** The master key's name (`null`: LiteLLM goes without), and the configuration without it. */
const master = (
  config: JsonObject,
  { env }: Survey,
  run: Run,
  read: boolean,
  note: Take,
): { readonly masterKey: SecretName | null; readonly rest: JsonObject } => {
  const general = config['general_settings'];
  const { master_key: key, ...others } = isMapping(general) ? general : {};
  const rest = isMapping(general)
    ? { ...config, ...(Object.keys(others).length > 0 ? { general_settings: others } : { general_settings: null }) }
    : config;
  const name = referenced(key);
  if (name !== null) return { masterKey: name, rest };
  // Without one in config.yaml, LiteLLM takes it from the environment.
  if ([...(env ?? []), ...run.env].includes('LITELLM_MASTER_KEY')) return { masterKey: 'LITELLM_MASTER_KEY', rest };
  if (!read || (env === null && run.env.length === 0)) {
    note(['litellm', 'secrets'], 'whether LiteLLM has a master key could not be told: the draft says that it has');
    return { masterKey: 'LITELLM_MASTER_KEY', rest };
  }
  note(
    ['litellm', 'master_key'],
    'LiteLLM has no master key: everyone who can connect is an administrator. For one: remove this line, and add LITELLM_MASTER_KEY under secrets',
  );
  return { masterKey: null, rest };
};

/** router_settings.model_group_alias as `aliases:`, where all of them are plain and lead to a model. */
const aliasesOf = (
  config: JsonObject,
  backends: readonly Backend[],
  listed: readonly Json[],
): { readonly aliases: JsonObject; readonly rest: JsonObject } => {
  const router = config['router_settings'];
  const groups = isMapping(router) ? router['model_group_alias'] : undefined;
  if (!isMapping(router) || !isMapping(groups)) return { aliases: {}, rest: config };
  const served = new Set(backends.flatMap(({ models }) => models.map(({ alias }) => alias)));
  const names = new Set([
    ...served,
    ...listed.flatMap((one) => (isMapping(one) && typeof one['model_name'] === 'string' ? [one['model_name']] : [])),
  ]);
  const plain = Object.entries(groups).every(
    ([alias, to]) => takes.modelName(alias) && takes.modelName(to) && !served.has(alias) && typeof to === 'string' && names.has(to),
  );
  if (!plain) return { aliases: {}, rest: config };
  const { model_group_alias: _, ...others } = router;
  return { aliases: groups, rest: { ...config, router_settings: Object.keys(others).length > 0 ? others : null } };
};

/** Set by engines, images and systemd, or by fabric's own unit: not LiteLLM's. */
const NOT_GIVEN = /^(container|HOSTNAME|HOME|PATH|TERM|LANG|PWD|NOTIFY_SOCKET|LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY)$/;

const secretsOf = (
  {
    masterKey,
    models,
    kept,
    survey,
    run,
    named,
    directory,
  }: {
    readonly masterKey: SecretName | null;
    readonly models: Models;
    readonly kept: JsonObject;
    readonly survey: Survey;
    readonly run: Run;
    readonly named: ReadonlySet<SecretName>;
    readonly directory: string;
  },
  note: Take,
): readonly SecretName[] => {
  const env = survey.env ?? [];
  const given = run.env.filter((name) => takes.secretName(name) && !NOT_GIVEN.test(name) && !env.includes(name));
  const used = [
    ...(masterKey === null ? [] : [masterKey]),
    ...models.backends.flatMap(({ key }) => (key === null ? [] : [key])),
    ...referencesIn(kept),
  ];
  const all = [...new Set([...used, ...given])];
  for (const name of all) {
    if (named.has(name)) continue;
    if (env.includes(name))
      note(['litellm', 'secrets', name], `its value is in ${directory}/.env on the host; where you keep it could not be told`);
    else if (given.includes(name))
      note(['litellm', 'secrets', name], 'its value was given to the container, and is in no .env: deploying would drop it otherwise');
    else note(['litellm', 'secrets', name], `config.yaml names it, and the host has no ${name}`);
  }
  const left = env.filter((name) => !all.includes(name));
  if (left.length > 0)
    note(['litellm', 'secrets'], `also in .env, and left as they are: ${left.slice(0, 20).join(', ')}${left.length > 20 ? ', …' : ''}`);
  return all;
};

const aboutBackends = (backends: readonly Backend[], run: Run, note: Take): void => {
  for (const { name, kind, url, models } of backends) {
    const at = ['litellm', 'backends', name];
    if (kind === 'openai')
      note([...at, 'kind'], 'openai/ says no more than "compatible": where it is vLLM or costs nothing, say cost: none');
    const [, inside] = /^https?:\/\/(host\.(?:containers|docker)\.internal|[A-Za-z][A-Za-z0-9_-]*)(?=[:/]|$)/.exec(url ?? '') ?? [];
    if (inside !== undefined && inside !== 'localhost' && run.network !== 'host')
      note(
        [...at, 'url'],
        `${inside} may be a name of the container's network alone: fabric deploys with the host's network, where this is another address`,
      );
    if (run.network !== 'host' && /^https?:\/\/(127\.|localhost|\[::1\])/.test(url ?? ''))
      note([...at, 'url'], 'inside the container this is the container itself; with fabric it is the host');
    const unknown = models.filter(({ context }) => context === null).map(({ alias }) => alias);
    if (unknown.length > 0 && (kind === 'vllm' || kind === 'ollama'))
      note(
        [...at, 'models'],
        `context: (tokens) could not be told of ${unknown.slice(0, 10).join(', ')}${unknown.length > 10 ? ', …' : ''}`,
      );
  }
};

const backendText = ({ kind, url, key, models }: Backend): JsonObject => ({
  kind,
  ...(url === null ? {} : { url }),
  ...(key === null ? {} : { key }),
  models: models.map(({ id, alias, context, maxTokens }) => ({
    id,
    ...(alias === id ? {} : { alias }),
    ...(context === null ? {} : { context }),
    ...(maxTokens === null ? {} : { max_tokens: maxTokens }),
  })),
});

const unjudgedOf = ({
  admitted,
  named,
  survey,
  unit,
  run,
  read,
  masterKey,
  kept,
  models,
}: {
  readonly admitted: readonly Cidr[] | null;
  /** Names that the draft gave to keys that were written out. */
  readonly named: ReadonlySet<SecretName>;
  readonly survey: Survey;
  readonly unit: UnitState | Lost;
  readonly run: Run;
  readonly read: boolean;
  readonly masterKey: SecretName | null;
  readonly kept: JsonObject;
  readonly models: Models;
}): ReadonlyMap<CheckId, string> => {
  const not = new Map<CheckId, string>();
  const leave = (why: string, ...ids: readonly CheckId[]): void => {
    for (const id of ids) if (!not.has(id)) not.set(id, why);
  };
  if (survey.config?.text.startsWith(HEADER.trimEnd()) !== true) leave('fabric did not write the files there', 'litellm/config-drift');
  if (!isLost(unit) && unit.load === 'not-found') leave('there is no litellm.service', 'litellm/unit-active');
  if (!isLost(unit) && unit.active === 'active' && unit.fragment !== '' && !unit.fragment.startsWith('/run/systemd/generator/'))
    leave(`litellm.service is active, and is not made from ${QUADLET}`, 'litellm/unit-active');
  if (run.by !== 'the unit' && (run.by === 'docker' || run.name !== 'litellm'))
    leave(
      `LiteLLM runs in ${run.by}'s container ${run.name}, not in podman's container litellm`,
      'litellm/image',
      'litellm/backend-reachable',
    );
  if (admitted === null) leave('nothing there says who may connect', 'litellm/tailnet-admitted');
  if (!read) leave('config.yaml was not read', 'litellm/models-equal', 'litellm/env-complete', 'litellm/completion');
  const env = survey.env ?? [];
  if (masterKey !== null && !env.includes(masterKey))
    leave(`${masterKey} is not in .env, and fabric takes keys from nowhere else`, 'litellm/models-equal', 'litellm/completion');
  if (models.backends.some(({ key }) => key !== null && !env.includes(key)))
    leave(
      'a backend has a key that is not in .env, and fabric takes keys from nowhere else',
      'litellm/backend-reachable',
      'litellm/backend-models',
    );
  if (named.size > 0) leave('the draft has names for keys that config.yaml writes out', 'litellm/env-complete');
  const used = [
    ...models.backends.flatMap(({ key }) => (key === null ? [] : [key])),
    ...referencesIn(kept),
    ...(masterKey === null ? [] : [masterKey]),
  ];
  if (used.some((name) => !env.includes(name)) && used.every((name) => env.includes(name) || run.env.includes(name)))
    leave('the container was given its names without .env', 'litellm/env-complete');
  return not;
};
