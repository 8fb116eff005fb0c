// A VPS with Caddy in a container, brought into the states of docs/caddy.md. A member of the VPN and a stranger ask it by IPv4 and IPv6
// over HTTP/1.1, 2 and 3; `fabric` stands where the member stands. What does it on the host: test/caddy/host.sh.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { fabricYaml, lab } from './lab.ts';

const LAB_DIR = process.env['LAB_DIR'] ?? '/var/lib/fabric-lab';
const OUT = join(LAB_DIR, 'caddy');
const CURL = join(OUT, 'bin/curl');
const HOST = readFileSync(join(import.meta.dirname, '../caddy/host.sh'), 'utf8');

/** The ACLs of docs/caddy.md: A admits the tailnet's IPv4, B the bridge's subnet as well, G its gateway alone; A6 and B6 have IPv6 besides. */
export type Acl = 'A' | 'B' | 'G' | 'A6' | 'B6';
export interface State {
  /** From `clean` to the running Caddy, whose ACL is $ACL. */
  readonly script: string;
  /** Other than A. */
  readonly acl?: Acl;
  /** Run once a QUIC flow of the VPN's member is on its way, by FLOW; the flow is kept alive until the next state. */
  readonly after?: string;
}
const ON_BRIDGE = 'network; n8n --network $NETWORK; caddyfile "$ACL"';
const BRIDGE = `${ON_BRIDGE}; caddy; answers`;
const SIX = `daemon '"ip6tables":true,"experimental":true'`;
const ON_SIX = 'network --ipv6 --subnet $SUBNET6; n8n --network $NETWORK; caddyfile "$ACL"; caddy; answers';
const NO_PROXY = `daemon '"userland-proxy":false'`;
const NO_SNAT = 'tailscale nft above no-snat';
const HOST_NETWORK = 'n8n -p 127.0.0.1:5678:5678; caddyfile "$ACL" 127.0.0.1:5678; caddy --network host; answers';
/** A user's containers, with no n8n behind Caddy: a page stands in for it. */
const podman = (network: string): string =>
  `ENTER='\trespond "{\\"status\\":\\"ok\\"}"' caddyfile "$ACL"; pod_user; routed; podman_rootless ${network}; answers`;

export const STATES = {
  // Healthy: everyone is seen as who they are. Without IPv6 in the second and the fourth.
  'host-network': { script: `daemon; ${HOST_NETWORK}; ${NO_SNAT}`, acl: 'A6' },
  'proxy-off': { script: `${NO_PROXY}; ${BRIDGE}; ${NO_SNAT}` },
  'ipv6-network': { script: `${SIX}; ${ON_SIX}; ${NO_SNAT}`, acl: 'A6' },
  'ipv4-only': {
    script: `daemon; ${ON_BRIDGE}; caddy --network $NETWORK -p 0.0.0.0:80:80 -p 0.0.0.0:443:443 -p 0.0.0.0:443:443/udp; answers; ${NO_SNAT}`,
  },
  'podman-pasta': { script: podman('--network pasta'), acl: 'A6' },
  /** Masked by nothing on IPv4: Tailscale's rules came before Docker's, which stand above them. */
  'tailscale-below': { script: `${NO_PROXY}; ${BRIDGE}; tailscale nft below snat` },

  // The VPN's clients masked.
  'tailscale-snat': { script: `${NO_PROXY}; ${BRIDGE}; tailscale nft above snat` },
  'tailscale-snat-legacy': { script: `${NO_PROXY}; ${BRIDGE}; tailscale legacy above snat` },
  /** Docker as it comes, Tailscale as it comes: REX-34. */
  'rex-34': { script: `daemon; ${BRIDGE}; tailscale nft above snat`, acl: 'B' },
  'rex-34-ipv6': { script: `${SIX}; ${ON_SIX}; tailscale nft above snat`, acl: 'B6' },

  // Masked by whatever passes their packets on; with ACL B that is a hole.
  'docker-proxy': { script: `daemon; ${BRIDGE}; ${NO_SNAT}` },
  'ipv6-network-proxied': { script: `daemon; ${ON_SIX}; ${NO_SNAT}`, acl: 'A6' },
  'iptables-off': { script: `daemon '"iptables":false'; ${BRIDGE}` },
  'nat-flushed': { script: `daemon; ${BRIDGE}; ${NO_SNAT}; iptables -t nat -F DOCKER` },
  blanket: { script: `${NO_PROXY}; ${BRIDGE}; ${NO_SNAT}; blanket` },
  forwarder: {
    script: `daemon; ${ON_BRIDGE}; caddy --network $NETWORK -p 127.0.0.1:443:443 -p 127.0.0.1:443:443/udp; answers 127.0.0.1; forwarder; ${NO_SNAT}`,
  },
  'docker-rootless': { script: `caddyfile "$ACL"; pod_user; docker_rootless; ${BRIDGE}` },
  'podman-bridge': { script: podman('--network $NETWORK') },
  'podman-slirp': { script: podman('--network slirp4netns') },
  /** A flow that was there before the cause went is masked until it ends. */
  'stale-udp': { script: `${NO_PROXY}; ${BRIDGE}; tailscale nft above snat`, after: 'iptables -t nat -F ts-postrouting' },

  // The ACL itself, and what is not about clients.
  hole: { script: `daemon; ${BRIDGE}; ${NO_SNAT}`, acl: 'B' },
  'hole-closed': { script: `${NO_PROXY}; ${BRIDGE}; ${NO_SNAT}`, acl: 'B' },
  'acl-ipv4-only': { script: `${SIX}; ${ON_SIX}; ${NO_SNAT}` },
  'acl-after-handle': { script: `ENTER=$'\\thandle {\\n\\t\\treverse_proxy n8n:5678\\n\\t}'; ${NO_PROXY}; ${BRIDGE}; ${NO_SNAT}` },
  'trusted-proxies': { script: `SERVERS='trusted_proxies static private_ranges'; daemon; ${BRIDGE}; ${NO_SNAT}` },
  'h3-off': { script: `SERVERS='protocols h1 h2'; daemon; ${BRIDGE}; ${NO_SNAT}` },
  'h3-unpublished': { script: `${NO_PROXY}; ${ON_BRIDGE}; caddy --network $NETWORK -p 80:80 -p 443:443; answers; ${NO_SNAT}` },
  'h3-tailnet-only': { script: `daemon; ${ON_BRIDGE}; caddy --network $NETWORK -p 443:443 -p $VPN4:443:443/udp; answers; ${NO_SNAT}` },
  'tailnet-only': {
    script: `daemon; ${ON_BRIDGE}; caddy --network $NETWORK -p $VPN4:443:443 -p $VPN4:443:443/udp; answers $VPN4; ${NO_SNAT}`,
  },
  'old-caddy': { script: `${NO_PROXY}; ${BRIDGE}; docker rm -f $NAME >/dev/null; old_caddy; ${NO_SNAT}` },
  heredoc: { script: `${NO_PROXY}; ${BRIDGE}; ${NO_SNAT}; heredoc` },
  'n8n-gone': { script: `${NO_PROXY}; ${BRIDGE}; ${NO_SNAT}; docker rm -f n8n >/dev/null` },
} as const satisfies Readonly<Record<string, State>>;
export type StateName = keyof typeof STATES;

export type From = 'vpn' | 'public';
export type Family = 4 | 6;
export type Protocol = 'h1' | 'h2' | 'h3';
export const FROM = ['vpn', 'public'] as const satisfies readonly From[];
export const FAMILIES = [4, 6] as const satisfies readonly Family[];
export const PROTOCOLS = ['h1', 'h2', 'h3'] as const satisfies readonly Protocol[];
const ASKS = { h1: '--http1.1', h2: '--http2', h3: '--http3-only' } as const satisfies Readonly<Record<Protocol, string>>;
const SPOKEN = { h1: '1.1', h2: '2', h3: '3' } as const satisfies Readonly<Record<Protocol, string>>;
/** The QUIC flow that `stale-udp` keeps: its port at the client. */
const FLOW = ['--local-port', '40443'] as const;

/** What things are called and where they are. None of it may be assumed by fabric. */
export interface Names {
  readonly container: string;
  readonly directory: string;
  /** Of what the container has of `directory`: all, or one file. */
  readonly mount: '' | '/Caddyfile';
  readonly network: string;
  readonly subnet: string;
  readonly gateway: string;
  /** What ACL A admits. */
  readonly range: string;
  readonly vpnSite: string;
  readonly wwwSite: string;
  /** The server's. */
  readonly addresses: Readonly<Record<From, Readonly<Record<Family, string>>>>;
}
export const NAMES: Names = {
  container: 'caddy',
  directory: '/opt/caddy',
  mount: '',
  network: 'frontend',
  subnet: '172.20.1.0/24',
  gateway: '172.20.1.1',
  range: '100.64.0.0/10',
  vpnSite: 'n8n.lab.test',
  wwwSite: 'www.lab.test',
  addresses: { vpn: { 4: '100.64.0.14', 6: 'fd7a:115c:a1e0::14' }, public: { 4: '203.0.113.14', 6: '2001:db8:1::14' } },
};
export const OTHER_NAMES: Names = {
  container: 'edge',
  directory: '/srv/edge',
  mount: '/Caddyfile',
  network: 'proxied',
  subnet: '10.89.7.64/26',
  gateway: '10.89.7.126',
  range: '100.64.0.0/16',
  vpnSite: 'flows.other.test',
  wwwSite: 'open.other.test',
  addresses: { vpn: { 4: '100.90.7.21', 6: 'fd7a:115c:a1e0:7::21' }, public: { 4: '203.0.113.77', 6: '2001:db8:77::77' } },
};
/** The clients' own addresses, which Caddy should see. */
export const CLIENTS: Readonly<Record<From, Readonly<Record<Family, string>>>> = {
  vpn: { 4: '100.64.0.5', 6: 'fd7a:115c:a1e0::5' },
  public: { 4: '203.0.113.99', 6: '2001:db8:9::99' },
};

export const caddyLab = (net: string) => {
  const it = lab(net, {
    base: `${OUT}/layer:${LAB_DIR}/base`,
    nspawn: `--bind-ro=${OUT}:/srv/caddy`,
    bin: join(OUT, 'bin'),
    six: { ops: 'fd7a:115c:a1e0::5/48', pub: '2001:db8:9::9/32', tailnet: 'fd7a:115c:a1e0::14', wan: '2001:db8:1::14' },
  });
  const CA = join(it.dir, 'root.crt');
  let trusted = '';
  /** Who brought the lab where it is, and how its addresses go. */
  let last: { readonly names: Names; readonly leave: () => Promise<unknown> } | undefined;
  let flow: NodeJS.Timeout | undefined;
  /** FLOW's port is one: who asks by it waits for whoever does already. */
  let turn: Promise<string> = Promise.resolve('');
  beforeAll(async () => {
    await it.verb('up', 'gaijin', '100.64.0.99', '203.0.113.99,2001:db8:9::99');
    await it.verb('wait', 'gaijin');
  });
  afterAll(() => clearInterval(flow));

  /** Everything that depends on what things are called. */
  const named = (names: Names) => {
    const { vpn, public: wan } = names.addresses;
    const variables = {
      NAME: names.container,
      DIR: names.directory,
      MOUNT: names.mount,
      NETWORK: names.network,
      SUBNET: names.subnet,
      GATEWAY: names.gateway,
      A: names.range,
      VPN_SITE: names.vpnSite,
      WWW_SITE: names.wwwSite,
      VPN4: vpn[4],
      VPN6: vpn[6],
      PUB4: wan[4],
      PUB6: wan[6],
    };
    const set = Object.entries(variables).map(([name, value]) => `${name}='${value}'`);
    /** Lines of bash on the host, with host.sh's functions. */
    const host = (body: string, acl: Acl = 'A'): Promise<string> =>
      it.root(`exec bash -euc "$(cat <<'SCRIPT'\n${set.join('\n')}\n${HOST}\nACL=$${acl}\n${body}\nSCRIPT\n)" </dev/null`);

    /** `CLIENT STATUS`, the first as Caddy saw it; `—` where there is no connection. */
    const ask = async (from: From, protocol: Protocol, family: Family, ...more: readonly string[]): Promise<string> => {
      const to = names.addresses[from][family];
      const site = names.vpnSite;
      const { code, out, err } = await it.exec(
        from === 'vpn' ? 'ops' : 'gaijin',
        ...[CURL, '-sS', '-m', '10', '-o', '/dev/null', '--cacert', CA, ASKS[protocol]],
        ...['--resolve', `${site}:443:${family === 6 ? `[${to}]` : to}`, '-w', '%{http_version} %header{x-seen} %{http_code}'],
        ...[...more, `https://${site}/`],
      );
      if (code === 7 || code === 28) return '—';
      const spoken = `${SPOKEN[protocol]} `;
      return code === 0 && out.startsWith(spoken) ? out.slice(spoken.length) : `curl ${code}: ${err || out}`;
    };

    /** What the flow that `stale-udp` keeps is answered. */
    const inFlow = (): Promise<string> => {
      const after = turn.then(() => ask('vpn', 'h3', 4, ...FLOW));
      turn = after;
      return after;
    };

    /** Brings the lab there from wherever it is. */
    const state = async (name: StateName, acl?: Acl): Promise<void> => {
      clearInterval(flow);
      if (last !== undefined && last.names !== names) await last.leave();
      last = { names, leave: () => host('no_addresses') };
      const wanted: State = STATES[name];
      const ca = `${await host(`clean; addresses; ${wanted.script}; root_ca`, acl ?? wanted.acl)}\n`;
      if (ca !== trusted) {
        // Caddy's own authority, which both clients trust.
        writeFileSync(CA, ca);
        await it.root(`echo '${ca}' >/usr/local/share/ca-certificates/caddy.crt; update-ca-certificates >/dev/null 2>&1`, 'gaijin');
        trusted = ca;
      }
      if (wanted.after === undefined) return;
      await inFlow();
      await host(wanted.after);
      flow = setInterval(inFlow, 5_000);
    };

    /** fabric.yaml as its owner would have written it; who has no IPv6 names no address of it. */
    const yaml = (families: readonly Family[] = FAMILIES): string => {
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
  allow: [${names.range}, "fd7a:115c:a1e0::/48"]
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
    };
    return { names, host, ask, inFlow, state, yaml };
  };

  return {
    ...it,
    ...named(NAMES),
    named,
    /** `fabric ARGS` where the VPN's member stands, with a curl that speaks HTTP/3 and trusts Caddy's authority. */
    fabric: (text: string, args: readonly string[]) => it.fabric(text, args, { CURL_CA_BUNDLE: CA, NODE_EXTRA_CA_CERTS: CA }),
  };
};
export type CaddyLab = ReturnType<typeof caddyLab>;
