// Headscale's config.yaml: read as Headscale reads it, and edited as a person would, in the lines that change and no other. Pure.
// As read in its source (0.29.0: hscontrol/types/config.go, hscontrol/dns/extrarecords.go) and tried on it (docs/dns.md).
import { isIP, isIPv4 } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { type Document, isMap, isPair, isScalar, isSeq, type Pair, parseDocument, type YAMLMap } from 'yaml';
import type { DnsName, Json } from '../fabric.ts';

/** Cannot be done: a sentence that quotes nothing of the file. */
export interface Why {
  readonly why: string;
}

export interface ExtraRecord {
  readonly name: string;
  readonly type: string;
  readonly value: string;
}

/** What the program makes of the section `dns:`. */
export interface Names {
  readonly magicDns: boolean;
  /** Lower case; `''`: none. */
  readonly baseDomain: string;
  readonly override: boolean;
  /** override_local_dns as it is written where it is no boolean: `yes` is a text, and false. */
  readonly overrideText: string | null;
  readonly global: readonly string[];
  /** The domains of nameservers.split. */
  readonly split: readonly string[];
  /** Without MagicDNS, and with one set of servers for all its domains, systemd-resolved is sent straight to these: past the records. */
  readonly past: boolean;
  readonly records: readonly ExtraRecord[];
  /** As Headscale sees it: in a container, the container's path. */
  readonly recordsPath: string | null;
}

/**
 *   dns:
 *     magic_dns: true
 *     base_domain: tail.example.net
 *     override_local_dns: false
 *     nameservers: { global: [9.9.9.9], split: {} }
 *     extra_records: [{ name: chat.example.net, type: A, value: 100.64.0.14 }]
 */
export const readNames = (text: string): Names | Why => {
  const document = parsed(text);
  if ('why' in document) return document;
  const dns = under(document.data, 'dns');
  const servers = under(dns, 'nameservers');
  const override = under(dns, 'override_local_dns');
  const path = under(dns, 'extra_records_path');
  const split = under(servers, 'split');
  const routes = isObject(split)
    ? Object.entries(split).map(([domain, list]) => ({ domain: domain.toLowerCase(), servers: listOf(list) }))
    : [];
  const magicDns = truth(under(dns, 'magic_dns')) ?? true;
  return {
    magicDns,
    baseDomain: textOf(under(dns, 'base_domain')).toLowerCase(),
    override: truth(override) ?? true,
    overrideText: typeof override === 'string' ? override : null,
    global: listOf(under(servers, 'global')),
    split: routes.map(({ domain }) => domain),
    past:
      !magicDns &&
      routes.length > 0 &&
      routes.every(({ servers: all }) => all.length > 0 && all.toSorted().join() === routes[0]?.servers.toSorted().join()),
    records: recordsOf(under(dns, 'extra_records')),
    recordsPath: textOf(path) === '' ? null : textOf(path),
  };
};

/** The records of a file of extra_records_path. */
export const readRecords = (text: string): readonly ExtraRecord[] | Why => {
  const list = jsonList(text);
  return 'why' in list ? list : recordsOf(list.items);
};

/** Words of strconv.ParseBool, by which viper reads a text; any other is false, without a word. Absent is the default. */
const truth = (value: Json | undefined): boolean | undefined => {
  if (value === undefined) return undefined;
  if (typeof value === 'string') return ['1', 't', 'T', 'TRUE', 'true', 'True'].includes(value);
  return value === true || (typeof value === 'number' && value !== 0);
};
const isObject = (value: Json | undefined): value is { readonly [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
/** By a key that viper does not tell apart from the same in capitals. */
const under = (value: Json | undefined, key: string): Json | undefined =>
  isObject(value) ? Object.entries(value).find(([name]) => name.toLowerCase() === key)?.[1] : undefined;
const textOf = (value: Json | undefined): string =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
const listOf = (value: Json | undefined): readonly string[] =>
  Array.isArray(value) ? value.map(textOf) : textOf(value).split(/\s+/).filter(Boolean);
const recordsOf = (value: Json | undefined): readonly ExtraRecord[] =>
  Array.isArray(value)
    ? value.map((one) => ({ name: textOf(under(one, 'name')), type: textOf(under(one, 'type')), value: textOf(under(one, 'value')) }))
    : [];

// --- what a client makes of it

/** A name as DNS compares them. */
const plain = (name: string): string => name.toLowerCase().replace(/\.$/, '');
export const isUnder = (name: string, domain: string): boolean =>
  domain !== '' && (plain(name) === plain(domain) || plain(name).endsWith(`.${plain(domain)}`));

/**
 * Whether clients with split DNS are told to ask the tailnet's resolver for the name. Its own records it always answers; who asks it is
 * another matter: for all names with override_local_dns, else for those of base_domain (with magic_dns) and of nameservers.split.
 */
export const isRouted = (name: string, { override, magicDns, baseDomain, split, past }: Names): boolean =>
  override || (magicDns && isUnder(name, baseDomain)) || (!past && split.some((domain) => isUnder(name, domain)));

/**
 * A record that clients take. All but A and AAAA with an address they drop without a word (ipn/ipnlocal: node_backend.go), and a name with
 * a capital is never found, since questions are lower case by then (measured).
 */
export const isTaken = ({ name, type, value }: ExtraRecord): boolean =>
  (type === '' || type === 'A' || type === 'AAAA') && isIP(value) !== 0 && name === name.toLowerCase();

const typeOf = (address: string): 'A' | 'AAAA' => (isIPv4(address) ? 'A' : 'AAAA');
const wantedOf = (names: readonly DnsName[]): readonly ExtraRecord[] =>
  names.flatMap(({ name, inside }) => inside.map((value) => ({ name, type: typeOf(value), value })));

// --- edits

/** How clients are made to ask the tailnet's resolver: for the declared names alone, or for all that they look up. */
export type Way = 'split' | 'override';

/** The text with these records, in the words of the file: what stands there for the names and is another address goes. */
export const withRecords = (text: string, names: readonly DnsName[]): string | Why => {
  const now = readNames(text);
  if ('why' in now) return now;
  const { stale, missing } = difference(now.records, names);
  let edited: string | Why = text;
  for (const record of missing) edited = then(edited, (it) => appended(it, ['dns', 'extra_records'], { ...record }));
  for (const index of stale.toReversed()) edited = then(edited, (it) => removed(it, ['dns', 'extra_records'], index));
  return edited;
};

/** The same in a file of extra_records_path, whose other records and their fields stay. */
export const withJsonRecords = (text: string, names: readonly DnsName[]): string | Why => {
  const list = jsonList(text);
  if ('why' in list) return list;
  const { stale, missing } = difference(recordsOf(list.items), names);
  if (stale.length === 0 && missing.length === 0) return text;
  const indent = /\n([ \t]+)\S/.exec(text)?.[1] ?? '  ';
  const eol = text.includes('\r\n') ? '\r\n' : '\n';
  const items = [...list.items.filter((_, n) => !stale.includes(n)), ...missing];
  return `${JSON.stringify(items, null, indent)}\n`.replaceAll('\n', eol);
};

/** The text in which the names are routed, by the way that is chosen; what is routed already stays. */
export const withRoutes = (text: string, names: readonly DnsName[], way: Way): string | Why => {
  const now = readNames(text);
  if ('why' in now) return now;
  const open = names.filter(({ name }) => !isRouted(name, now)).map(({ name }) => name);
  // A word that looks like a boolean and is none: written as what it is taken for, or as what it was meant to be.
  const spelled = now.overrideText === null ? text : put(text, ['dns', 'override_local_dns'], way === 'override' ? true : now.override);
  if (open.length === 0) return spelled;
  if (way === 'override') {
    if (now.global.length === 0)
      return { why: 'override_local_dns: true needs a resolver under nameservers.global, or Headscale does not start' };
    return then(spelled, (it) => put(it, ['dns', 'override_local_dns'], true));
  }
  let edited = spelled;
  for (const name of open) edited = then(edited, (it) => put(it, ['dns', 'nameservers', 'split', name], []));
  return edited;
};

const then = (text: string | Why, edit: (text: string) => string | Why): string | Why => (typeof text === 'string' ? edit(text) : text);

/** Places of records that must go, and records to add. What clients drop anyway is nobody's answer, and stays. */
const difference = (
  there: readonly ExtraRecord[],
  names: readonly DnsName[],
): { readonly stale: readonly number[]; readonly missing: readonly ExtraRecord[] } => {
  const wanted = wantedOf(names);
  const same = (a: ExtraRecord, b: ExtraRecord): boolean => plain(a.name) === plain(b.name) && a.value === b.value;
  return {
    stale: there.flatMap((record, n) =>
      isTaken(record) && names.some(({ name }) => name === plain(record.name)) && !wanted.some((one) => same(one, record)) ? [n] : [],
    ),
    missing: wanted.filter((one) => !there.some((record) => isTaken(record) && same(one, record))),
  };
};

const jsonList = (text: string): { readonly items: readonly Json[] } | Why => {
  if (text.trim() === '') return { items: [] };
  try {
    const items: Json = JSON.parse(text);
    return Array.isArray(items) ? { items } : { why: 'it is JSON, and no list of records' };
  } catch {
    return { why: 'it is no JSON' };
  }
};

// --- splices: an edit changes the bytes of one value, and is believed only where the text then says what it should

interface Parsed {
  readonly document: Document.Parsed;
  readonly data: Json;
}
const parsed = (text: string): Parsed | Why => {
  // viper reads with yaml.v3, which takes merge keys and refuses a key given twice, as here; both refuse tabs.
  const document = parseDocument(text, { merge: true, prettyErrors: false, logLevel: 'error' });
  const [error] = document.errors;
  if (error !== undefined) return { why: `it is no YAML that Headscale reads (${error.code}, at character ${error.pos[0]})` };
  try {
    const data: Json = document.toJS({ maxAliasCount: 100 });
    return data === null || isObject(data) ? { document, data: data ?? {} } : { why: 'it is no mapping' };
  } catch {
    return { why: 'its aliases stand for too much' };
  }
};

type Path = readonly string[];

/** The text in which `path` has this value; a mapping that is missing on the way is made. */
export const put = (text: string, path: Path, value: Json): string | Why =>
  edit(
    text,
    path,
    (data) => setIn(data, path, value),
    (at) => (at.pair === null ? insertion(text, at, nested(at.rest, value)) : replacement(text, at, at.pair, nested(at.rest, value))),
  );

/** The text whose list at `path` has one more item. */
const appended = (text: string, path: Path, item: Json): string | Why =>
  edit(
    text,
    path,
    (data) => setIn(data, path, [...asList(getIn(data, path)), item]),
    (at) => {
      if (at.pair === null) return insertion(text, at, nested(at.rest, [item]));
      const list = at.pair.value;
      const last = isSeq(list) ? list.items.at(-1) : undefined;
      if (at.rest.length > 0 || !isSeq(list) || last === undefined) return replacement(text, at, at.pair, nested(at.rest, [item]));
      const end = endOf(last);
      if (list.flow === true) return { from: end, to: end, text: `, ${flow(item)}` };
      const dash = ' '.repeat(rangeOf(list)[0] - lineStart(text, rangeOf(list)[0]));
      const lines = isMap(last) && last.flow !== true ? block(item) : [flow(item)];
      return inserted(
        text,
        end,
        lines.map((line, n) => `${dash}${n === 0 ? '- ' : '  '}${line}`),
      );
    },
  );

/** The text whose list at `path` lacks one item of several. */
const removed = (text: string, path: Path, index: number): string | Why =>
  edit(
    text,
    path,
    (data) => setIn(data, path, asList(getIn(data, path)).toSpliced(index, 1)),
    (at) => {
      const list = at.pair?.value;
      if (at.rest.length > 0 || at.pair === null || !isSeq(list)) return null;
      const [from] = rangeOf(list.items[index]);
      const to = endOf(list.items[index]);
      if (list.items.length === 1) return null;
      if (list.flow !== true) return { from: lineStart(text, from), to: nextLine(text, to), text: '' };
      return index > 0 ? { from: endOf(list.items[index - 1]), to, text: '' } : { from, to: rangeOf(list.items[1])[0], text: '' };
    },
  );

interface Splice {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}
/** How far a path leads into the file. */
interface Reached {
  /** The mapping that the way ends in. */
  readonly map: YAMLMap;
  /** What stands there for the next key. `null`: nothing does. */
  readonly pair: Pair | null;
  /** What of the path is not there; with a pair, what is to be under it. */
  readonly rest: Path;
}

const edit = (text: string, path: Path, expected: (data: Json) => Json, splice: (at: Reached) => Splice | null): string | Why => {
  const was = parsed(text);
  if ('why' in was) return was;
  const at = reach(was.document, path);
  const change = at && splice(at);
  const now = change && `${text.slice(0, change.from)}${change.text}${text.slice(change.to)}`;
  const read = now === null ? null : parsed(now);
  if (now === null || read === null || 'why' in read || !isDeepStrictEqual(read.data, expected(was.data)))
    return { why: `${path.join('.')} stands there in a way that fabric does not edit` };
  return now;
};

const reach = (document: Document.Parsed, path: Path): Reached | null => {
  let map: unknown = document.contents;
  for (const [n, key] of path.entries()) {
    if (!isMap(map)) return null;
    const found = map.items.filter((one) => isScalar(one.key) && String(one.key.value).toLowerCase() === key);
    const [pair] = found;
    if (found.length > 1) return null;
    if (pair === undefined) return { map, pair: null, rest: path.slice(n) };
    const { value } = pair;
    const nothing = value === null || (isScalar(value) && value.value === null) || (isMap(value) && value.items.length === 0);
    if (n === path.length - 1 || nothing) return { map, pair, rest: path.slice(n + 1) };
    map = value;
  }
  return null;
};

/** A pair behind the last one of its mapping. */
const insertion = (text: string, { map }: Reached, value: Json): Splice | null => {
  const last = map.items.at(-1);
  if (last === undefined) return null;
  const end = endOf(last.value ?? last.key);
  if (map.flow === true) return { from: end, to: end, text: `, ${flow(value).slice(1, -1).trim()}` };
  const margin = ' '.repeat(columnOf(text, map));
  return inserted(
    text,
    end,
    block(value).map((line) => `${margin}${line}`),
  );
};

/** Another value behind a key, in the place of one that takes no lines of its own. */
const replacement = (text: string, { map }: Reached, pair: Pair, value: Json): Splice | null => {
  const colon = text.indexOf(':', rangeOf(pair.key)[1]) + 1;
  const old = pair.value;
  if ((isMap(old) || isSeq(old)) && old.flow !== true) return null;
  const [start, to] = old === null ? [colon, colon] : rangeOf(old);
  // An anchor stands between the two.
  const from = colon + text.slice(colon, start).trimEnd().length;
  if (map.flow === true || !isFull(value)) return { from, to, text: ` ${flow(value)}` };
  // A mapping or a list, in lines under the key, whose comment stays where it is.
  const margin = ' '.repeat(columnOf(text, map) + 2);
  const below = inserted(
    text,
    to,
    block(value).map((line) => `${margin}${line}`),
  );
  return { from, to: below.to, text: `${text.slice(to, below.from)}${below.text}` };
};

const nested = (rest: Path, value: Json): Json => rest.reduceRight<Json>((inner, key) => ({ [key]: inner }), value);
const isFull = (value: Json): boolean => typeof value === 'object' && value !== null && Object.keys(value).length > 0;

/** Lines behind the line that holds `at`. */
const inserted = (text: string, at: number, lines: readonly string[]): Splice => {
  const eol = text.includes('\r\n') ? '\r\n' : '\n';
  // The value of a block scalar ends where the next line begins.
  const next = at > 0 && text[at - 1] === '\n' ? at : nextLine(text, at);
  const open = next > 0 && text[next - 1] !== '\n';
  return { from: next, to: next, text: `${open ? eol : ''}${lines.map((line) => `${line}${eol}`).join('')}` };
};

const rangeOf = (node: unknown): readonly [number, number] => {
  const range = typeof node === 'object' && node !== null && 'range' in node ? node.range : null;
  if (!Array.isArray(range)) throw new Error('bug: a node without a place');
  return [Number(range[0]), Number(range[1])];
};
/** Where the last that is written of a value ends; the range of one in lines may take in what follows. */
const endOf = (node: unknown): number => {
  const last = isMap(node) ? node.items.at(-1) : isSeq(node) ? node.items.at(-1) : undefined;
  const inLines = (isMap(node) || isSeq(node)) && node.flow !== true;
  if (!inLines || last === undefined) return rangeOf(node)[1];
  return endOf(isPair(last) ? (last.value ?? last.key) : last);
};
const lineStart = (text: string, at: number): number => text.lastIndexOf('\n', at - 1) + 1;
const nextLine = (text: string, at: number): number => {
  const end = text.indexOf('\n', at);
  return end === -1 ? text.length : end + 1;
};
const columnOf = (text: string, { items: [first] }: YAMLMap): number => {
  const [at] = rangeOf(first?.key);
  return at - lineStart(text, at);
};

/** A value on one line. */
const flow = (value: Json): string => {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const pairs = Object.entries(value).map(([key, item]) => `${word(key)}: ${flow(item)}`);
  return pairs.length === 0 ? '{}' : `{ ${pairs.join(', ')} }`;
};
/** A mapping or a list in lines; a record is short enough for one. */
const block = (value: Json): readonly string[] => {
  if (Array.isArray(value)) return value.map((item) => `- ${flow(item)}`);
  if (!isObject(value)) return [flow(value)];
  return Object.entries(value).flatMap(([key, item]) =>
    isFull(item) ? [`${word(key)}:`, ...block(item).map((line) => `  ${line}`)] : [`${word(key)}: ${flow(item)}`],
  );
};
const word = (key: string): string => (/^[a-z][a-z_]*$/.test(key) ? key : JSON.stringify(key));

const asList = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : []);
const getIn = (data: Json, path: Path): Json | undefined => path.reduce<Json | undefined>(under, data);
/** Under the key as it is written there already. */
const setIn = (data: Json | undefined, [key, ...rest]: Path, value: Json): Json => {
  if (key === undefined) return value;
  const there = isObject(data) ? data : {};
  const written = Object.keys(there).find((name) => name.toLowerCase() === key) ?? key;
  return { ...there, [written]: setIn(there[written], rest, value) };
};
