// Caddy's configuration as JSON, and whom it lets in: the routes of a site walked as Caddy walks them, for one client. Pure.
import { isIP } from 'node:net';
import type { Address, Caddy, Cidr, Side, Site } from '../fabric.ts';
import { parseNetwork, within } from './network.ts';

export interface Server {
  /** `:443`, `100.64.0.14:443`, … */
  readonly listen: readonly string[];
  readonly protocols: readonly string[];
  /** Networks whose X-Forwarded-For decides what client_ip is. `null`: they come from somewhere else than the configuration. */
  readonly trusted: readonly Cidr[] | null;
  readonly routes: readonly Json[];
  readonly named: Json;
}
type Json = unknown;

const get = (value: Json, key: string): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? new Map(Object.entries(value)).get(key) : undefined;
const list = (value: Json): readonly Json[] => (Array.isArray(value) ? value : []);
const keys = (value: Json): readonly string[] => (typeof value === 'object' && value !== null ? Object.keys(value) : []);
const text = (value: Json): string | null => (typeof value === 'string' ? value : null);
const texts = (value: Json): readonly string[] => list(value).flatMap((one) => text(one) ?? []);

/** Absent means all three: https://caddyserver.com/docs/json/apps/http/servers/protocols/ */
const PROTOCOLS = ['h1', 'h2', 'h3'];

/** The HTTP servers of a whole configuration. Throws where it is no JSON. */
export const serversOf = (config: string): readonly Server[] => {
  const servers = get(get(get(JSON.parse(config), 'apps'), 'http'), 'servers');
  return keys(servers).map((name) => {
    const server = get(servers, name);
    const trusted = get(server, 'trusted_proxies');
    const source = text(get(trusted, 'source'));
    return {
      listen: texts(get(server, 'listen')),
      protocols: get(server, 'protocols') === undefined ? PROTOCOLS : texts(get(server, 'protocols')),
      trusted: trusted === undefined ? [] : source === 'static' ? texts(get(trusted, 'ranges')) : null,
      routes: list(get(server, 'routes')),
      named: get(server, 'named_routes'),
    };
  });
};

/** The server that takes connections on the port. */
export const serverOn = (servers: readonly Server[], port: number): Server | undefined =>
  servers.find(({ listen }) => listen.some((address) => new RegExp(`:${port}(?:$|/)`).test(address)));

/** One request. `client`: what client_ip sees; `remote`: who is at the other end of the connection. */
export interface Asking {
  readonly host: string;
  readonly path: string;
  readonly client: Address;
  readonly remote: Address;
}
/** `nothing`: no route answers, which is Caddy's 200 without a body. `unsure`: something decides that is not known here. */
export type Outcome =
  | { readonly is: 'reached'; readonly by: string }
  | { readonly is: 'denied'; readonly status: number | null }
  | { readonly is: 'nothing' }
  | { readonly is: 'unsure'; readonly why: string };

/** What Caddy does with a request, as far as its routes say. */
export const outcome = (server: Server, asking: Asking): Outcome => walk(server, server.routes, asking, 0) ?? { is: 'nothing' };

/** `null`: they pass it on. */
const walk = (server: Server, routes: readonly Json[], asking: Asking, depth: number, taken: readonly string[] = []): Outcome | null => {
  const [route, ...rest] = routes;
  if (route === undefined || depth > 64) return null;
  const group = text(get(route, 'group'));
  const later = (also: readonly string[] = []): Outcome | null => walk(server, rest, asking, depth, [...taken, ...also]);
  if (group !== null && taken.includes(group)) return later();
  const fit = anyOf(get(route, 'match'), asking);
  if (fit.is === 'no') return later();
  const here = through(server, list(get(route, 'handle')), asking, depth);
  const terminal: Outcome | null = get(route, 'terminal') === true ? { is: 'nothing' } : later(group === null ? [] : [group]);
  const went = here ?? terminal;
  if (fit.is !== 'unsure') return went;
  const otherwise = later();
  return went?.is === otherwise?.is ? went : { is: 'unsure', why: fit.why };
};

const through = (server: Server, handlers: readonly Json[], asking: Asking, depth: number): Outcome | null => {
  for (const handler of handlers) {
    const kind = text(get(handler, 'handler')) ?? '';
    const end = handled(server, kind, handler, asking, depth);
    if (end !== null) return end;
  }
  return null;
};

const handled = (server: Server, kind: string, handler: Json, asking: Asking, depth: number): Outcome | null => {
  switch (kind) {
    case 'subroute':
      return walk(server, list(get(handler, 'routes')), asking, depth + 1);
    case 'invoke': {
      const route = get(server.named, text(get(handler, 'name')) ?? '');
      return walk(server, route === undefined ? [] : [route], asking, depth + 1);
    }
    case 'error':
      return { is: 'denied', status: status(handler) };
    case 'static_response': {
      const code = status(handler);
      if (get(handler, 'abort') === true || get(handler, 'close') === true) return { is: 'denied', status: null };
      return code !== null && code >= 400 ? { is: 'denied', status: code } : { is: 'reached', by: 'respond' };
    }
    case 'reverse_proxy':
    case 'file_server':
    case 'metrics':
      return { is: 'reached', by: kind };
    default:
      return null; // headers, encode, rewrite, vars, authentication, …: they pass it on
  }
};
/** A number, or text that holds one: `{"status_code":403}`, `{"status_code":"403"}`. */
const status = (handler: Json): number | null => {
  const code = Number(get(handler, 'status_code'));
  return Number.isInteger(code) && code > 0 ? code : null;
};

type Fit = { readonly is: 'yes' | 'no' } | { readonly is: 'unsure'; readonly why: string };
const certain = (yes: boolean): Fit => ({ is: yes ? 'yes' : 'no' });

/** Any of the sets, each of which holds where all of its matchers do. No set: always. */
const anyOf = (sets: Json, asking: Asking): Fit => {
  const all = list(sets);
  if (all.length === 0) return certain(true);
  const found = all.map((set) => allOf(set, asking));
  return found.find(({ is }) => is === 'yes') ?? found.find(({ is }) => is === 'unsure') ?? certain(false);
};
const allOf = (set: Json, asking: Asking): Fit => {
  const found = keys(set).map((name) => matched(name, get(set, name), asking));
  return found.find(({ is }) => is === 'no') ?? found.find(({ is }) => is === 'unsure') ?? certain(true);
};
const matched = (name: string, value: Json, asking: Asking): Fit => {
  switch (name) {
    case 'host':
      return certain(texts(value).some((pattern) => hostFits(pattern, asking.host)));
    case 'path':
      return certain(texts(value).some((pattern) => pathFits(pattern, asking.path)));
    case 'client_ip':
      return certain(texts(get(value, 'ranges')).some((range) => inside(asking.client, range)));
    case 'remote_ip':
      return certain(
        texts(get(value, 'ranges')).some((range) => inside(get(value, 'forwarded') === true ? asking.client : asking.remote, range)),
      );
    case 'not': {
      const fit = anyOf(value, asking);
      return fit.is === 'unsure' ? fit : certain(fit.is === 'no');
    }
    case 'protocol':
      return certain(value === 'https' || value === 'http/1.1+');
    case 'method':
      return certain(texts(value).includes('GET'));
    default:
      return { is: 'unsure', why: `a matcher “${name}”` };
  }
};
const hostFits = (pattern: string, host: string): boolean =>
  pattern === host || (pattern.startsWith('*.') && host.slice(host.indexOf('.')) === pattern.slice(1));
const pathFits = (pattern: string, path: string): boolean => {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\/]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 'i').test(path);
};
/** Caddy takes bare addresses as well as networks. */
const inside = (address: Address, range: string): boolean => isIP(range.split('/')[0] ?? '') !== 0 && within(address, range);

/** Every value under a matcher or handler of that name below some routes, however deep. */
const below = (value: Json, name: string): readonly Json[] =>
  Array.isArray(value)
    ? value.flatMap((one) => below(one, name))
    : keys(value).flatMap((key) => [...(key === name ? [get(value, key)] : []), ...below(get(value, key), name)]);
/** The routes that a host's requests may come to. */
const routesFor = (server: Server, host: string): readonly Json[] =>
  server.routes.filter((route) => {
    const hosts = list(get(route, 'match')).flatMap((set) => texts(get(set, 'host')));
    return hosts.length === 0 || hosts.some((pattern) => hostFits(pattern, host));
  });

/** What a site's configuration says of addresses. */
export interface Acl {
  readonly ranges: readonly Cidr[];
  /** Some of them through client_ip, which headers of trusted proxies decide. */
  readonly byHeader: boolean;
}
export const aclOf = (server: Server, host: string): Acl => {
  const routes = [...routesFor(server, host), server.named];
  const [client, remote] = ['client_ip', 'remote_ip'].map((name) => below(routes, name).flatMap((one) => texts(get(one, 'ranges'))));
  const forwarded = below(routes, 'remote_ip').some((one) => get(one, 'forwarded') === true);
  return { ranges: [...new Set([...(client ?? []), ...(remote ?? [])])], byHeader: (client ?? []).length > 0 || forwarded };
};
/** Paths that the routes of a site tell apart, one of each: `/api/*` is tried as `/api/x`. */
export const pathsOf = (server: Server, { name, path }: Site): readonly string[] => [
  ...new Set([
    path,
    ...below(routesFor(server, name), 'path')
      .flatMap(texts)
      .map((one) => one.replaceAll('*', 'x')),
  ]),
];

/** Addresses for documentation (RFC 5737, RFC 3849) and a public one: strangers. The first that no range of the ACL holds. */
const STRANGERS: Readonly<Record<4 | 6, readonly Address[]>> = {
  4: ['192.0.2.1', '198.51.100.77', '8.8.8.8'],
  6: ['2001:db8:ffff::1', '2001:4860:4860::8888'],
};
export const stranger = (family: 4 | 6, known: readonly Cidr[]): Address =>
  STRANGERS[family].find((address) => !known.some((range) => inside(address, range))) ?? STRANGERS[family][0] ?? '';

/** An address inside a network, not its first. */
export const memberOf = (network: Cidr): Address => {
  const { address, prefix, family } = parseNetwork(network);
  if (prefix === (family === 6 ? 128 : 32)) return address;
  if (family === 6) return address.endsWith('::') ? `${address}5` : address;
  const parts = address.split('.').map(Number);
  return [...parts.slice(0, 3), (parts[3] ?? 0) | (prefix > 30 ? 1 : 5 & (2 ** (32 - prefix) - 1))].join('.');
};

/** Whether two networks share an address. */
export const overlap = (a: Cidr, b: Cidr): boolean => inside(parseNetwork(a).address, b) || inside(parseNetwork(b).address, a);

export const family = (address: Address | Cidr): 4 | 6 => (address.includes(':') ? 6 : 4);

/** Whether those of a side are to get in; `null`: nothing is said of them. */
export const mayEnter = ({ enter }: Site, side: Side): boolean | null => {
  if (enter === 'both' || enter === side) return true;
  return enter === 'vpn' ? false : null;
};
export const guarded = ({ sites }: Caddy): readonly Site[] => sites.filter(({ enter }) => enter === 'vpn');
/** For people: `container caddy`. */
export const called = ({ container, unit }: Caddy): string => (container === undefined ? `unit ${unit}` : `container ${container}`);

/** An address as a client of that side and family has. Where the VPN's IPv6 is not declared, the server's own stands for it. */
export const clientOf = ({ allow, addresses }: Caddy, side: Side, of: 4 | 6): Address => {
  if (side === 'public') return stranger(of, allow);
  const network = allow.find((one) => family(one) === of);
  return network === undefined ? (addresses.vpn.find((one) => family(one) === of) ?? stranger(of, [])) : memberOf(network);
};
/** Ranges of a site's ACL that name the network of Caddy's own container: whoever is masked looks so. */
export const ownRanges = (server: Server, site: Site, networks: readonly Cidr[]): readonly Cidr[] =>
  aclOf(server, site.name).ranges.filter((range) => networks.some((network) => overlap(range, network)));
/** What shows its last lines. */
export const logCommand = ({ container, unit }: Caddy, by: string): string =>
  container === undefined ? `sudo journalctl -u ${unit} -n 50 --no-pager` : `sudo ${by} logs --tail 50 ${container}`;
/** Caddy's own program, where it runs. */
export const caddyCommand = ({ container }: Caddy, by: string, args: string): string =>
  container === undefined ? `sudo caddy ${args}` : `sudo ${by} exec ${container} caddy ${args}`;
/** What Caddy makes of its file, which is where most images have it. */
export const adaptCommand = (caddy: Caddy, by = 'docker'): string =>
  caddyCommand(caddy, by, `adapt --pretty --config ${caddy.container === undefined ? caddy.caddyfile : '/etc/caddy/Caddyfile'}`);

/** The same configuration without some ranges in its matchers of addresses. */
const without = (value: Json, ranges: readonly Cidr[], inRanges = false): Json => {
  if (Array.isArray(value))
    return value.flatMap((one: Json) => (inRanges && typeof one === 'string' && ranges.includes(one) ? [] : [without(one, ranges)]));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]: readonly [string, Json]) => [
      key,
      key === 'client_ip' || key === 'remote_ip'
        ? { ...(typeof one === 'object' ? one : {}), ranges: without(get(one, 'ranges'), ranges, true) }
        : without(one, ranges),
    ]),
  );
};
/** Whether ranges can go from every matcher without letting anybody in anywhere who was kept out: an ACL of those who may not would. */
export const onlyNarrows = (server: Server, { sites, allow }: Caddy, ranges: readonly Cidr[], others: readonly Address[]): boolean => {
  const narrower: Server = { ...server, routes: list(without(server.routes, ranges)), named: without(server.named, ranges) };
  const clients = [...ranges.map(memberOf), ...allow.map(memberOf), ...others, stranger(4, allow), stranger(6, allow)];
  return sites.every((site) =>
    pathsOf(server, site).every((path) =>
      clients.every((client) => {
        const [before, after] = [server, narrower].map((one) => outcome(one, { host: site.name, path, client, remote: client }).is);
        return before === after || after === 'denied';
      }),
    ),
  );
};
