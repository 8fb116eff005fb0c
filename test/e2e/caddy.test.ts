// Who gets in, over which protocol, and as whom Caddy sees them: real Docker, real Caddy, curl. The table: docs/caddy.md.
import { describe, expect, test } from 'vitest';
import { type Acl, CLIENTS, caddyLab, type FAMILIES, FLOW, type FROM, OTHER_NAMES, PROTOCOLS, type StateName } from './caddy-lab.ts';

const it = caddyLab('fcaddy');
const other = it.named(OTHER_NAMES);

/** Whom Caddy sees and what it answers: `real`, the client itself; `gateway`, the bridge's; `—`, no connection. h1 and h2, then h3 where it differs. */
type Cell = string | readonly [tcp: string, h3: string];
interface Row {
  readonly state: StateName;
  readonly acl: Acl;
  readonly vpn: readonly [four: Cell, six: Cell];
  readonly public: readonly [four: Cell, six: Cell];
}
const MASKED_B = { acl: 'B', vpn: ['gateway 200', 'gateway 200'], public: ['gateway 200', 'gateway 200'] } as const;
const ROWS: readonly Row[] = [
  { state: 'host-network', acl: 'A6', vpn: ['real 200', 'real 200'], public: ['real 403', 'real 403'] },
  { state: 'host-network', acl: 'B', vpn: ['real 200', 'real 403'], public: ['real 403', 'real 403'] },
  { state: 'proxy-off', acl: 'B', vpn: ['real 200', '—'], public: ['real 403', '—'] },
  { state: 'ipv6-network', acl: 'A6', vpn: ['real 200', 'real 200'], public: ['real 403', 'real 403'] },
  { state: 'ipv4-only', acl: 'B', vpn: ['real 200', '—'], public: ['real 403', '—'] },
  { state: 'podman-pasta', acl: 'A6', vpn: ['real 200', 'real 200'], public: ['real 403', 'real 403'] },
  { state: 'tailscale-below', acl: 'A', vpn: ['real 200', '—'], public: ['real 403', '—'] },
  { state: 'tailscale-snat', acl: 'A', vpn: ['gateway 403', '—'], public: ['real 403', '—'] },
  { state: 'tailscale-snat-legacy', acl: 'A', vpn: ['gateway 403', '—'], public: ['real 403', '—'] },
  { state: 'rex-34', acl: 'A', vpn: ['gateway 403', 'gateway 403'], public: ['real 403', 'gateway 403'] },
  { state: 'rex-34', acl: 'B', vpn: ['gateway 200', 'gateway 200'], public: ['real 403', 'gateway 200'] },
  { state: 'docker-proxy', acl: 'A', vpn: ['real 200', 'gateway 403'], public: ['real 403', 'gateway 403'] },
  { state: 'docker-proxy', acl: 'B', vpn: ['real 200', 'gateway 200'], public: ['real 403', 'gateway 200'] },
  { state: 'ipv6-network-proxied', acl: 'A6', vpn: ['real 200', 'fd20:1::1 403'], public: ['real 403', 'fd20:1::1 403'] },
  { state: 'iptables-off', ...MASKED_B },
  { state: 'nat-flushed', ...MASKED_B },
  { state: 'docker-rootless', ...MASKED_B },
  { state: 'blanket', acl: 'B', vpn: ['gateway 200', '—'], public: ['gateway 200', '—'] },
  { state: 'forwarder', acl: 'B', vpn: ['gateway 200', '—'], public: ['gateway 200', '—'] },
  { state: 'podman-bridge', acl: 'B', vpn: ['172.20.1.2 200', '172.20.1.2 200'], public: ['172.20.1.2 200', '172.20.1.2 200'] },
  { state: 'podman-slirp', acl: 'B', vpn: ['10.0.2.100 403', '10.0.2.100 403'], public: ['10.0.2.100 403', '10.0.2.100 403'] },
  { state: 'acl-ipv4-only', acl: 'A', vpn: ['real 200', 'real 403'], public: ['real 403', 'real 403'] },
  { state: 'acl-after-handle', acl: 'A', vpn: ['real 200', '—'], public: ['real 200', '—'] },
  {
    state: 'h3-off',
    acl: 'B',
    vpn: [
      ['real 200', '—'],
      ['gateway 200', '—'],
    ],
    public: [
      ['real 403', '—'],
      ['gateway 200', '—'],
    ],
  },
  { state: 'h3-unpublished', acl: 'A', vpn: [['real 200', '—'], '—'], public: [['real 403', '—'], '—'] },
  {
    state: 'h3-tailnet-only',
    acl: 'B',
    vpn: ['real 200', ['gateway 200', '—']],
    public: [
      ['real 403', '—'],
      ['gateway 200', '—'],
    ],
  },
];

/** All twelve cells of the lab as it stands. */
const measured = async ({ ask, names }: Pick<typeof it, 'ask' | 'names'>): Promise<Pick<Row, 'vpn' | 'public'>> => {
  const cell = async (from: (typeof FROM)[number], family: (typeof FAMILIES)[number]): Promise<Cell> => {
    const said = await Promise.all(
      PROTOCOLS.map(async (protocol) => {
        const [seen = '', ...rest] = (await ask(from, protocol, family)).split(' ');
        return [seen === CLIENTS[from][family] ? 'real' : seen === names.gateway ? 'gateway' : seen, ...rest].join(' ');
      }),
    );
    const [h1 = '', h2 = '', h3 = ''] = said;
    const tcp = h1 === h2 ? h1 : `${h1}, ${h2}`;
    return tcp === h3 ? tcp : [tcp, h3];
  };
  const side = (from: (typeof FROM)[number]) => Promise.all([cell(from, 4), cell(from, 6)]);
  const [vpn, stranger] = await Promise.all([side('vpn'), side('public')]);
  return { vpn, public: stranger };
};

describe('what curl sees', () => {
  test.each(ROWS)('$state, ACL $acl', async ({ state, acl, ...cells }) => {
    await it.state(state, acl);
    expect(await measured(it)).toEqual(cells);
  });

  test('a VPN’s flow outlives its cause: h3 alone stays masked', async () => {
    await it.state('stale-udp');
    expect(await it.ask('vpn', 'h3', 4, ...FLOW)).toBe(`${it.names.gateway} 403`);
    expect(await measured(it)).toEqual({ vpn: ['real 200', '—'], public: ['real 403', '—'] });
    await it.host('conntrack -D -p udp --orig-port-dst 443 >/dev/null 2>&1');
    expect(await it.ask('vpn', 'h3', 4, ...FLOW)).toBe(`${CLIENTS.vpn[4]} 200`);
  });

  test('a header lets a stranger in where the gateway is a trusted proxy', async () => {
    await it.state('trusted-proxies');
    const forged = ['-H', `X-Forwarded-For: ${CLIENTS.vpn[4]}`];
    for (const protocol of PROTOCOLS) {
      expect(await it.ask('public', protocol, 6)).toBe(`${it.names.gateway} 403`);
      expect(await it.ask('public', protocol, 6, ...forged)).toBe(`${CLIENTS.vpn[4]} 200`);
      expect(await it.ask('public', protocol, 4, ...forged)).toBe(`${CLIENTS.public[4]} 403`);
    }
  });

  test('with other subnets, names and addresses', async () => {
    await other.state('rex-34');
    expect(await measured(other)).toEqual({ vpn: ['gateway 200', 'gateway 200'], public: ['real 403', 'gateway 200'] });
  });

  test('REX-35: the status on a line of its own, and nobody answers', async () => {
    await it.state('heredoc');
    expect(await it.host('docker logs $NAME 2>&1 | tail -1')).toMatch(
      /^Error: adapting config using caddyfile: \/etc\/caddy\/Caddyfile:\d+: unrecognized directive: 200$/,
    );
    expect(await it.host('docker inspect -f "{{.State.Status}}" $NAME')).toBe('restarting');
    expect(await measured(it)).toEqual({ vpn: ['—', '—'], public: ['—', '—'] });
  });

  test('n8n gone: Caddy cannot look it up', async () => {
    await it.state('n8n-gone');
    expect(await it.ask('vpn', 'h1', 4)).toBe(`${CLIENTS.vpn[4]} 502`);
    expect(await it.host('docker logs $NAME 2>&1 | grep -o "lookup n8n[^\\"]*" | tail -1')).toMatch(
      /^lookup n8n.*(i\/o timeout|server misbehaving|no such host)$/,
    );
  });

  test('Debian’s Caddy knows no client_ip', async () => {
    await it.state('old-caddy');
    expect(await it.host('docker logs $NAME 2>&1 | tail -1')).toContain('module not registered: http.matchers.client_ip');
  });
});
