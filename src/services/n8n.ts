// What n8n makes of its environment: pure, as read in its source (2.40.7) and tried on it (test/e2e/n8n.test.ts).
import type { Front, N8n } from '../fabric.ts';

export const HOPS = 'N8N_PROXY_HOPS';
/** The only variables whose values are read. None of them holds a secret. */
export const VARIABLES = [
  HOPS,
  'N8N_TRUST_PROXY',
  'N8N_WEBHOOK_URL',
  'WEBHOOK_URL',
  'N8N_EDITOR_BASE_URL',
  'N8N_PROTOCOL',
  'N8N_HOST',
  'N8N_PORT',
  'N8N_PATH',
  'N8N_SECURE_COOKIE',
  'NODE_ENV',
] as const;
export type Variables = ReadonlyMap<string, string>;

/**
 * Whether a proxy leaves an entry in X-Forwarded-For. Cloudflare's edge appends the visitor, and cloudflared passes the header on as it
 * came (cloudflared: ingress/origin_proxy.go, issue 1426), so a tunnel is one hop, not two. nginx appends with `proxy_add_x_forwarded_for`,
 * Caddy and Traefik by themselves, tailscale serve puts the peer there. What passes TCP on sees no headers.
 */
const APPENDS: Readonly<Record<Front, boolean>> = {
  cloudflare: true,
  'cloudflare-tunnel': true,
  nginx: true,
  caddy: true,
  traefik: true,
  'tailscale-serve': true,
  other: true,
  tcp: false,
};
/** What N8N_PROXY_HOPS has to be: Express takes the address that many entries from its own end of the chain as the client's. */
export const hopsOf = ({ proxies }: N8n): number => proxies.filter((proxy) => APPENDS[proxy]).length;

/** Proxies that put their peer in the place of what came, unless they are told to trust it: then the client is lost whatever n8n counts. */
const DISTRUSTS: ReadonlyMap<Front, string> = new Map([
  ['caddy', 'trusted_proxies (Caddyfile: servers { trusted_proxies static private_ranges })'],
  ['traefik', 'forwardedHeaders.trustedIPs on its entry point'],
]);
/** What a proxy behind another one has to be told, by its name. */
export const trustNeeded = ({ proxies }: N8n): readonly string[] => {
  const hops = proxies.filter((proxy) => APPENDS[proxy]);
  return hops.slice(1).flatMap((proxy) => (DISTRUSTS.has(proxy) ? [`${proxy} needs ${DISTRUSTS.get(proxy)}`] : []));
};

/** How n8n reads the number (@n8n/config: decorators.js): JavaScript's Number, and 0 for what is none, for nothing and below nothing. */
export const effectiveHops = (text: string | undefined): number => {
  if (text === undefined || plain(text).trim() === '') return 0;
  const number = Number(text);
  return Number.isNaN(number) || number < 0 ? 0 : Math.ceil(number); // 1.5: Express trusts the entries 0 and 1
};
/** n8n's own: blanks around and one pair of quotes are left out. */
export const plain = (text: string): string => text.trim().replace(/^(['"])(.*)\1$/, '$2');
const text = (variables: Variables, name: string): string => plain(variables.get(name) ?? '');

/** N8N_WEBHOOK_URL is known, and WEBHOOK_URL deprecated, from 2.30.0 on by the packages (2.28.6 does not know it); n8n’s documentation says 2.35.0. */
export const knowsWebhookUrl = (version: string | null): boolean => {
  const [, major = '99', minor = '0'] = /^(\d+)\.(\d+)\./.exec(version ?? '') ?? [];
  return Number(major) > 2 || (Number(major) === 2 && Number(minor) >= 30);
};

/** What n8n makes of where it listens: `http://localhost:5678/` unless it is told more. */
const ownBase = (variables: Variables): string => {
  const told = text(variables, 'N8N_PROTOCOL');
  const protocol = told === 'https' ? 'https' : 'http';
  const [host, path] = [text(variables, 'N8N_HOST') || 'localhost', text(variables, 'N8N_PATH') || '/'];
  const port = Number(text(variables, 'N8N_PORT') || 5678);
  return `${protocol}://${host}${(protocol === 'http' && port === 80) || (protocol === 'https' && port === 443) ? '' : `:${port}`}${path}`;
};
/** What the addresses of its webhooks begin with. */
export const webhookBase = (variables: Variables, version: string | null): string =>
  (knowsWebhookUrl(version) ? text(variables, 'N8N_WEBHOOK_URL') : '') || text(variables, 'WEBHOOK_URL') || ownBase(variables);
/** What links in mails and OAuth's redirects begin with. */
export const editorBase = (variables: Variables, version: string | null): string =>
  text(variables, 'N8N_EDITOR_BASE_URL') || webhookBase(variables, version);

/** Whether two addresses are the same place: a slash at the end and the port that goes without saying aside. */
export const sameBase = (one: string, other: string): boolean => {
  const [a, b] = [one, other].map((url) => {
    try {
      const { protocol, host, pathname } = new URL(url);
      return `${protocol}//${host}${pathname.replace(/\/+$/, '')}`;
    } catch {
      return url;
    }
  });
  return a === b;
};

/** For people: `container n8n`. */
export const called = ({ container, unit }: N8n): string => (container === undefined ? `unit ${unit}` : `container ${container}`);
/** What shows its last lines. */
export const logCommand = ({ container, unit }: N8n, by = 'podman'): string =>
  container === undefined ? `sudo journalctl -u ${unit} -n 50 --no-pager` : `sudo ${by} logs --tail 50 ${container}`;
/** What shows its variables of these names, and no others. */
export const variablesCommand = ({ container, unit }: N8n, names: string, by = 'podman'): string =>
  container === undefined
    ? `sudo sh -c 'tr "\\0" "\\n" </proc/$(systemctl show -p MainPID --value ${unit})/environ' | grep -E '^(${names})='`
    : `sudo ${by} exec ${container} env | grep -E '^(${names})='`;
