// A VPS with Caddy in a container, brought into the states of docs/caddy.md. A member of the VPN and a stranger ask it by IPv4 and IPv6
// over HTTP/1.1, 2 and 3; `fabric` stands where the member stands. What does it on the host: test/caddy/host.sh.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeAll } from 'vitest';
import { fabricYaml, lab } from './lab.ts';

const HERE = join(import.meta.dirname, '../caddy');
const LAB_DIR = process.env['LAB_DIR'] ?? '/var/lib/fabric-lab';
const OUT = join(LAB_DIR, 'caddy');

/** As docs/caddy.md measured them. `A` and `B` are its two ACLs, A6 has the tailnet's IPv6 as well: test/caddy/host.sh. */
export type Acl = 'A' | 'B' | 'A6';
export interface State {
  /** From `clean` to the running Caddy. ACL is set. */
  readonly script: string;
  /** Other than A. */
  readonly acl?: Acl;
  /** What Caddy runs in, where that is not a container named caddy. */
  readonly runs?: string;
}
const BRIDGE = 'network; n8n --network $NETWORK; caddyfile "$ACL"; caddy; answers';
const OFF = `daemon '"userland-proxy":false'`;
const NO_SNAT = 'tailscale nft above no-snat';
export const STATES = {
  /** Docker as it comes, with an IPv6 address on the host: docker-proxy passes IPv6 on in its own name. */
  'docker-proxy': { script: `daemon; ${BRIDGE}; ${NO_SNAT}` },
  /** The same, and the post-mortem's ACL. */
  hole: { script: `daemon; ${BRIDGE}; ${NO_SNAT}`, acl: 'B' },
  'proxy-off': { script: `${OFF}; ${BRIDGE}; ${NO_SNAT}` },
  'host-network': {
    script: `daemon; n8n -p 127.0.0.1:5678:5678; caddyfile "$ACL" 127.0.0.1:5678; caddy --network host; answers; ${NO_SNAT}`,
    acl: 'A6',
  },
  'tailscale-snat': { script: `daemon; ${BRIDGE}; tailscale nft above snat` },
  'tailscale-snat-hole': { script: `daemon; ${BRIDGE}; tailscale nft above snat`, acl: 'B' },
} as const satisfies Readonly<Record<string, State>>;
export type StateName = keyof typeof STATES;

export type Protocol = 'h1' | 'h2' | 'h3';
export type Family = 4 | 6;
export type From = 'vpn' | 'public';
export const FROM = ['vpn', 'public'] as const satisfies readonly From[];
export const FAMILIES = [4, 6] as const satisfies readonly Family[];
export const PROTOCOLS = ['h1', 'h2', 'h3'] as const satisfies readonly Protocol[];
const ASKS = { h1: '--http1.1', h2: '--http2', h3: '--http3-only' } as const satisfies Readonly<Record<Protocol, string>>;

/** What the tests call things. None of it may be assumed by fabric. */
export interface Names {
  readonly container: string;
  readonly directory: string;
  readonly network: string;
  readonly subnet: string;
  readonly gateway: string;
  readonly vpnSite: string;
  readonly wwwSite: string;
  /** The server's, by side and family. */
  readonly addresses: Readonly<Record<From, Readonly<Record<Family, string>>>>;
  /** The clients'. */
  readonly clients: Readonly<Record<From, Readonly<Record<Family, string>>>>;
}
export const NAMES: Names = {
  container: 'caddy',
  directory: '/opt/caddy',
  network: 'frontend',
  subnet: '172.20.1.0/24',
  gateway: '172.20.1.1',
  vpnSite: 'n8n.lab.test',
  wwwSite: 'www.lab.test',
  addresses: {
    vpn: { 4: '100.64.0.14', 6: 'fd7a:115c:a1e0::14' },
    public: { 4: '203.0.113.14', 6: '2001:db8:1::14' },
  },
  clients: {
    vpn: { 4: '100.64.0.5', 6: 'fd7a:115c:a1e0::5' },
    public: { 4: '203.0.113.99', 6: '2001:db8:9::99' },
  },
};

export const caddyLab = (net: string, names: Names = NAMES) => {
  const it = lab(net, {
    base: `${OUT}/layer:${LAB_DIR}/base`,
    nspawn: `--bind-ro=${OUT}/image.tar:/srv/caddy.tar`,
    bin: join(OUT, 'bin'),
    six: { ops: 'fd7a:115c:a1e0::5/48', pub: '2001:db8:9::9/32', tailnet: 'fd7a:115c:a1e0::14', wan: '2001:db8:1::14' },
  });
  const CA = join(it.dir, 'root.crt');
  const script = (body: string, acl: Acl): string => {
    const variables = {
      NAME: names.container,
      DIR: names.directory,
      NETWORK: names.network,
      SUBNET: names.subnet,
      GATEWAY: names.gateway,
      VPN_SITE: names.vpnSite,
      WWW_SITE: names.wwwSite,
    };
    const set = Object.entries(variables).map(([name, value]) => `${name}='${value}'`);
    return `exec bash -euc "$(cat <<'SCRIPT'\n${set.join('\n')}\n${readFileSync(join(HERE, 'host.sh'), 'utf8')}\nACL=$${acl}\n${body}\nSCRIPT\n)"`;
  };

  beforeAll(async () => {
    await it.verb('up', 'gaijin', '100.64.0.99', '203.0.113.99,2001:db8:9::99');
    await it.verb('wait', 'gaijin');
  });

  return {
    ...it,
    /** Some lines on the host, with host.sh's functions. */
    host: (body: string, acl: Acl = 'A'): Promise<string> => it.root(script(body, acl)),
    /** Brings the lab there from wherever it is. */
    state: async (name: StateName, acl?: Acl): Promise<void> => {
      const state: State = STATES[name];
      const ca = await it.root(script(`clean; ${state.script}; root_ca`, acl ?? state.acl ?? 'A'));
      const known = (() => {
        try {
          return readFileSync(CA, 'utf8');
        } catch {
          return '';
        }
      })();
      if (known === `${ca}\n`) return;
      // Caddy's own authority, which clients come to trust as they would a company's.
      writeFileSync(CA, `${ca}\n`);
      await it.verb(
        'ssh',
        'gaijin',
        `cat >/usr/local/share/ca-certificates/caddy.crt <<'CRT'\n${ca}\nCRT\nupdate-ca-certificates >/dev/null 2>&1`,
      );
    },
    /** `CLIENT STATUS`, the first as Caddy saw it; `—` where there is no connection. */
    ask: async (
      from: From,
      protocol: Protocol,
      family: Family,
      site = names.vpnSite,
      path = '/',
      ...more: readonly string[]
    ): Promise<string> => {
      const to = names.addresses[from][family];
      const { code, out } = await it.exec(
        from === 'vpn' ? 'ops' : 'gaijin',
        join(OUT, 'bin/curl'),
        ...[
          '-sS',
          '-m',
          '4',
          '-o',
          '/dev/null',
          '--cacert',
          CA,
          ASKS[protocol],
          '--resolve',
          `${site}:443:${to.includes(':') ? `[${to}]` : to}`,
        ],
        ...['-w', '%header{x-seen} %{http_code}', ...more, `https://${site}${path}`],
      );
      return code === 0 ? out : code === 7 || code === 28 ? '—' : `curl ${code}`;
    },
    /** fabric.yaml as its owner would have written it. */
    yaml: (families: readonly Family[] = [4, 6]): string => {
      const of = (from: From): string => families.map((family) => `"${names.addresses[from][family]}"`).join(', ');
      return fabricYaml().replace(
        'litellm:\n',
        `  gaijin:
    address: 100.64.0.99
    user: ops
caddy:
  host: akira
  container: ${names.container}
  caddyfile: ${names.directory}/Caddyfile
  addresses:
    vpn: [${of('vpn')}]
    public: [${of('public')}]
  sites:
    ${names.vpnSite}: { enter: vpn, path: /healthz, marker: '"status":"ok"' }
    ${names.wwwSite}: { enter: both, marker: The public page }
  vantages:
    vpn: [here]
    public: [gaijin]
litellm:
`,
      );
    },
    /** `fabric ARGS` where the VPN's member stands, with a curl that speaks HTTP/3 and trusts Caddy's authority. */
    fabric: (text: string, args: readonly string[]) => it.fabric(text, args, { CURL_CA_BUNDLE: CA, NODE_EXTRA_CA_CERTS: CA }),
  };
};
export type CaddyLab = ReturnType<typeof caddyLab>;

/** What they stand on, made where it is not there. */
export const build = (): Promise<unknown> => execa(join(HERE, 'build.sh'));
