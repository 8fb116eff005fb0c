// Text → Fabric, or every problem in it, each at its place. Pure.
import { dirname, isAbsolute, join } from 'node:path';
import { type Document, isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, visit } from 'yaml';
import type { Backend, Fabric, Host, SecretSource } from '../fabric.ts';
import { AZURE_CLOUDS, backendName, type Draft, fileSchema, hostName, modelName, noMasterKey, secretName } from './schema.ts';

export interface Problem {
  readonly line: number;
  readonly column: number;
  /** `hosts.akira.address`; empty for the file as a whole and for errors of YAML itself. */
  readonly path: string;
  readonly message: string;
}

type Path = readonly PropertyKey[];
/** A problem before it has a line and a column. */
type Fault = { readonly path: Path; readonly of: 'key' | 'value'; readonly message: string };

/** `fabric.yaml:14:7 hosts.akira.port: expected …, found …` */
export function problemText(file: string, { line, column, path, message }: Problem): string {
  return `${file}:${line}:${column}${path === '' ? '' : ` ${path}`}: ${message}`;
}

/** The Fabric that `text` describes, or all that is wrong with it, by position. `file`: its absolute path. Reads nothing. */
export function parse(text: string, file: string): { readonly fabric: Fabric } | { readonly problems: readonly Problem[] } {
  const lines = new LineCounter();
  // logLevel: `silent` would also keep quiet about a second document.
  const options = { lineCounter: lines, prettyErrors: false, stringKeys: true, resolveKnownTags: false, logLevel: 'error' } as const;
  const document = parseDocument(text, options);
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const problems: Problem[] = syntaxFaults(document).map(([offset, message]) => ({ ...place(offset), path: '', message }));
  // A duplicate key leaves the rest readable: the last one counts, here as in locate().
  if (problems.length > document.errors.filter(({ code }) => code === 'DUPLICATE_KEY').length) return { problems: sorted(problems) };
  let data: unknown;
  try {
    data = document.toJS();
  } catch {
    return { problems: [{ line: 1, column: 1, path: '', message: 'Too many aliases of aliases' }] };
  }

  const draft = fileSchema.safeParse(data);
  const at = (path: Path) => {
    const { line, column } = place(locate(document, path, 'value'));
    return `${file}:${line}:${column}`;
  };
  const faults = [
    ...textFaults(data, []),
    ...schemaFaults(data, draft.error),
    ...nameFaults(data),
    ...referenceFaults(data),
    ...vantageFaults(data),
    ...aliasFaults(data, at),
  ];
  const seen = new Set<string>();
  for (const { path, of, message } of faults) {
    const key = JSON.stringify([path, of]);
    if (!seen.has(key)) problems.push({ ...place(locate(document, path, of)), path: pathText(path), message });
    seen.add(key);
  }
  return draft.success && problems.length === 0 ? { fabric: meaning(draft.data, file) } : { problems: sorted(problems) };
}

const sorted = (problems: readonly Problem[]) => problems.toSorted((a, b) => a.line - b.line || a.column - b.column);

/** What YAML itself has against the file. The part of a message that quotes the file is left out: it may be a secret. */
function syntaxFaults(document: Document.Parsed): readonly (readonly [offset: number, message: string])[] {
  const faults = [...document.errors, ...document.warnings].map(({ pos, message, code }): readonly [number, string] => {
    const hint = code === 'BLOCK_AS_IMPLICIT_KEY' ? ' (a text with ": " in it needs quotes)' : '';
    return [pos[0], `${message.split('\n')[0]?.replace(/((?<=\S):|(?<=escape sequence)) .*/, '')}${hint}`];
  });
  visit(document, {
    Alias: (_, alias, ancestors) => {
      const target = alias.resolve(document);
      if (target === undefined) faults.push([offsetOf(alias) ?? 0, 'Unresolved alias (the anchor must be set before the alias)']);
      else if (ancestors.includes(target)) faults.push([offsetOf(alias) ?? 0, 'An alias inside of what it stands for']);
    },
  });
  return faults;
}

const offsetOf = (node: unknown) => (isNode(node) ? node.range?.[0] : undefined);

/** Where a value or its key begins; for what is not there, the key of what it should be in. */
function locate(document: Document, path: Path, of: Fault['of']): number {
  let [key, value]: unknown[] = [undefined, document.contents];
  for (const segment of path) {
    const parent = isAlias(value) ? value.resolve(document) : value;
    const pair = isMap(parent) ? parent.items.findLast((item) => isScalar(item.key) && String(item.key.value) === segment) : undefined;
    if (pair === undefined && !(isSeq(parent) && parent.has(segment))) return offsetOf(key) ?? offsetOf(value) ?? 0;
    [key, value] = [pair?.key, pair === undefined && isSeq(parent) ? parent.items[Number(segment)] : pair?.value];
  }
  return (of === 'key' ? offsetOf(key) : offsetOf(value)) ?? offsetOf(key) ?? 0;
}

const isMapping = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const entries = (value: unknown) => (isMapping(value) ? Object.entries(value) : []);
const items = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** What is at a path, if anything is. */
function get(data: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, segment) => {
    if (typeof segment === 'number') return items(value)[segment];
    return isMapping(value) && Object.hasOwn(value, segment) ? value[String(segment)] : undefined;
  }, data);
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

/** Where the file is unlike the schema. */
function* schemaFaults(data: unknown, error: ReturnType<typeof fileSchema.safeParse>['error']): Generator<Fault> {
  const issues = (error?.issues ?? []).flatMap((one) => meantBranch(data, one));
  const unknown = new Set(issues.filter(({ code }) => code === 'unrecognized_keys').map(({ path }) => pathText(path)));
  for (const issue of issues) {
    // A mapping with a mistyped key lacks the right one: one mistake.
    if (issue.code === 'custom' && unknown.has(pathText(issue.path))) continue;
    if (issue.code === 'unrecognized_keys') {
      const known = issue.message.split(', ');
      for (const key of issue.keys) yield wrong([...issue.path, key], `one of ${issue.message}`, key, { of: 'key', known });
    } else {
      const known = issue.code === 'invalid_value' ? issue.values.map(String) : [];
      const meant: unknown = issue.code === 'custom' ? issue.params?.['meant'] : undefined;
      const json = issue.code === 'invalid_union' && !isSecret(issue.path);
      const expected = json ? 'what JSON can hold' : issue.message; // z.json() takes no message
      yield wrong(issue.path, expected, get(data, issue.path), { known, ...(typeof meant === 'string' ? { meant } : {}) });
    }
  }
}

type Issue = NonNullable<ReturnType<typeof fileSchema.safeParse>['error']>['issues'][number];
/** A secret's source is a text or a mapping: of a mapping, what is wrong inside of it. */
function meantBranch(data: unknown, issue: Issue): readonly Issue[] {
  if (issue.code !== 'invalid_union' || !isSecret(issue.path) || !isMapping(get(data, issue.path))) return [issue];
  return (issue.errors[1] ?? []).map((one) => ({ ...one, path: [...issue.path, ...one.path] }));
}

/** Keys that are names. Not the schema's to judge: it would leave out what such a key holds. */
function* nameFaults(data: unknown): Generator<Fault> {
  const named = [
    [['hosts'], hostName],
    [['litellm', 'secrets'], secretName],
    [['litellm', 'backends'], backendName],
    [['litellm', 'aliases'], modelName],
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

type More = { of?: Fault['of']; known?: readonly string[]; meant?: string; first?: string };
function wrong(path: Path, expected: string, found: unknown, { of = 'value', known = [], meant, first }: More = {}): Fault {
  const near = meant ?? (typeof found === 'string' ? nearest(found, known) : undefined);
  const shown = isNothing(found) || !(isSecret(path) || isPlainKey(path, found)) ? show(found) : notShown;
  const more = `${near === undefined ? '' : ` (did you mean ${show(near)}?)`}${first === undefined ? '' : ` (already at ${first})`}`;
  return { path, of, message: `expected ${expected}, found ${shown}${more}` };
}

const notShown = 'something else (not shown: it may be a secret)';
const isNothing = (value: unknown) => value === undefined || value === null;
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

/** A value as a problem may show it: no secret, no control characters, not long. */
function show(value: unknown): string {
  if (isNothing(value)) return 'nothing';
  if (typeof value === 'object')
    return `${Object.keys(value ?? {}).length === 0 ? 'an empty' : 'a'} ${Array.isArray(value) ? 'list' : 'mapping'}`;
  if (typeof value !== 'string') return String(value);
  if (/\bsk-|:\/\/.*[@?]/.test(value)) return notShown;
  const visible = JSON.stringify(value).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
  return visible.length <= 60 ? visible : `${[...visible].slice(0, 59).join('')}…`;
}

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
  const segments = shown.map((segment) => {
    if (typeof segment === 'number') return `[${segment}]`;
    const quoted = show(String(segment));
    return quoted.startsWith('"') && /^[A-Za-z0-9_-]+$/.test(String(segment)) ? `.${String(segment)}` : `[${quoted}]`;
  });
  return segments.join('').replace(/^\./, '');
}

/** The known word that a mistyped one is near to. */
function nearest(word: string, known: readonly string[]): string | undefined {
  const near = known.map((it) => ({
    it,
    far: distance(word.toLowerCase(), it.toLowerCase()),
    most: Math.min(3, Math.floor(it.length / 3)),
  }));
  return near.filter(({ it, far, most }) => it !== word && far <= most).sort((a, b) => a.far - b.far)[0]?.it;
}

/** Damerau-Levenshtein (optimal string alignment): edits, and swaps of neighbours. Words whose lengths differ by much are far. */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 3) return Number.POSITIVE_INFINITY;
  const table: number[][] = [];
  const at = (i: number, j: number) => table[i]?.[j] ?? Number.POSITIVE_INFINITY;
  for (let i = 0; i <= a.length; i++) {
    const row: number[] = [];
    table.push(row);
    for (let j = 0; j <= b.length; j++) {
      const replaced = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(i - 2, j - 2) + 1 : Number.POSITIVE_INFINITY;
      row.push(i === 0 || j === 0 ? i + j : Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, replaced, swapped));
    }
  }
  return at(a.length, b.length);
}

/** What a file without problems says, with all that it leaves to us. */
function meaning({ hosts, tailnet, litellm, accept }: Draft, file: string): Fabric {
  const range = tailnet?.range ?? '100.64.0.0/10';
  const master = litellm.master_key ?? 'LITELLM_MASTER_KEY';
  return {
    file,
    hosts: new Map(Object.entries(hosts).map(([name, host]) => [name, meantHost(name, host ?? {}, file)])),
    tailnet: { range, resolver: tailnet?.resolver ?? '100.100.100.100' },
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
    accept: (accept ?? []).map(({ subject, ...rest }) => (subject === undefined ? rest : { subject, ...rest })),
  };
}

function meantHost(
  name: string,
  { address = name, user, port, become, client = 'openssh', hostKey, identity, ...more }: NonNullable<Draft['hosts'][string]>,
  file: string,
): Host {
  const optional = {
    ...(user === undefined ? {} : { user }),
    ...(port === undefined ? {} : { port }),
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
