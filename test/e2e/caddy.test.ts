// Who gets in, over which protocol, and as whom Caddy sees them: real Docker, real Caddy, curl. The table: docs/caddy.md.
import { describe, expect, test } from 'vitest';
import { type Acl, CLIENTS, caddyLab, FAMILIES, FROM, OTHER_NAMES, PROTOCOLS, type StateName } from './caddy-lab.ts';
import { having } from './lab.ts';

const it = caddyLab('fcaddy');
const other = it.named(OTHER_NAMES);
type Named = typeof other;

/** Whom Caddy sees and what it answers: `real`, the client itself; `gateway`, the bridge's; `—`, no connection. h1 and h2, then h3 where it differs. */
type Cell = string | readonly [tcp: string, h3: string];
interface Cells {
  readonly vpn: readonly [four: Cell, six: Cell];
  readonly public: readonly [four: Cell, six: Cell];
}
interface Row extends Cells {
  readonly state: StateName;
  readonly acl: Acl;
  /** What `fabric doctor caddy` says fails, and what it warns of. Nothing at all: healthy. */
  readonly fails?: readonly string[];
  readonly warns?: readonly string[];
}
const HEALTHY = { vpn: ['real 200', 'real 200'], public: ['real 403', 'real 403'] } as const;
const HEALTHY_4 = { vpn: ['real 200', '—'], public: ['real 403', '—'] } as const;
const OPEN = { vpn: ['gateway 200', 'gateway 200'], public: ['gateway 200', 'gateway 200'] } as const;
const OPEN_4 = { vpn: ['gateway 200', '—'], public: ['gateway 200', '—'] } as const;
const HOLE = ['keeps-out@gaijin', 'bridge-admitted'] as const;
const ROWS: readonly Row[] = [
  { state: 'host-network', acl: 'A6', ...HEALTHY },
  { state: 'ipv6-network', acl: 'A6', ...HEALTHY },
  { state: 'podman-pasta', acl: 'A6', ...HEALTHY },
  { state: 'proxy-off', acl: 'A', ...HEALTHY_4 },
  { state: 'ipv4-only', acl: 'A', ...HEALTHY_4 },
  { state: 'tailscale-below', acl: 'A', ...HEALTHY_4 },

  // Nobody is masked, and yet the bridge is admitted; or the VPN's IPv6 is not.
  { state: 'proxy-off', acl: 'B', ...HEALTHY_4, warns: ['bridge-admitted'] },
  { state: 'ipv4-only', acl: 'B', ...HEALTHY_4, warns: ['bridge-admitted'] },
  { state: 'host-network', acl: 'B', vpn: ['real 200', 'real 403'], public: ['real 403', 'real 403'], fails: ['acl-families'] },
  { state: 'acl-ipv4-only', acl: 'A', vpn: ['real 200', 'real 403'], public: ['real 403', 'real 403'], fails: ['acl-families'] },

  // The VPN's clients are masked.
  { state: 'tailscale-snat', acl: 'A', vpn: ['gateway 403', '—'], public: ['real 403', '—'], fails: ['tailscale-snat'] },
  { state: 'tailscale-snat-legacy', acl: 'A', vpn: ['gateway 403', '—'], public: ['real 403', '—'], fails: ['tailscale-snat'] },
  {
    state: 'rex-34',
    acl: 'A',
    vpn: ['gateway 403', 'gateway 403'],
    public: ['real 403', 'gateway 403'],
    fails: ['tailscale-snat', 'docker-proxy'],
  },
  {
    state: 'rex-34',
    acl: 'B',
    vpn: ['gateway 200', 'gateway 200'],
    public: ['real 403', 'gateway 200'],
    fails: ['tailscale-snat', 'docker-proxy', ...HOLE],
  },

  // Whoever comes is masked, by what passes him on.
  { state: 'docker-proxy', acl: 'A', vpn: ['real 200', 'gateway 403'], public: ['real 403', 'gateway 403'], fails: ['docker-proxy'] },
  {
    state: 'docker-proxy',
    acl: 'B',
    vpn: ['real 200', 'gateway 200'],
    public: ['real 403', 'gateway 200'],
    fails: ['docker-proxy', ...HOLE],
  },
  {
    state: 'docker-proxy',
    acl: 'G',
    vpn: ['real 200', 'gateway 200'],
    public: ['real 403', 'gateway 200'],
    fails: ['docker-proxy', ...HOLE],
  },
  // Published on the tailnet's address alone. The public's site is out of reach as well, which is not as declared.
  { state: 'tailnet-only', acl: 'A', vpn: ['real 200', '—'], public: ['—', '—'], fails: ['lets-in@gaijin'] },
  {
    state: 'ipv6-network-proxied',
    acl: 'A6',
    vpn: ['real 200', 'fd20:1::1 403'],
    public: ['real 403', 'fd20:1::1 403'],
    fails: ['nat-rules'],
  },
  { state: 'iptables-off', acl: 'B', ...OPEN, fails: ['nat-rules', 'docker-proxy', ...HOLE] },
  { state: 'nat-flushed', acl: 'B', ...OPEN, fails: ['nat-rules', 'docker-proxy', ...HOLE] },
  { state: 'docker-rootless', acl: 'B', ...OPEN, fails: ['rootless', ...HOLE] },
  { state: 'blanket', acl: 'B', ...OPEN_4, fails: ['masquerade', ...HOLE] },
  { state: 'forwarder', acl: 'B', ...OPEN_4, fails: ['forwarder', ...HOLE] },
  {
    state: 'podman-bridge', // its own address, not the gateway's
    acl: 'B',
    vpn: ['172.20.1.2 200', '172.20.1.2 200'],
    public: ['172.20.1.2 200', '172.20.1.2 200'],
    fails: ['rootless', ...HOLE],
  },
  {
    state: 'podman-slirp',
    acl: 'B',
    vpn: ['10.0.2.100 403', '10.0.2.100 403'],
    public: ['10.0.2.100 403', '10.0.2.100 403'],
    fails: ['rootless'],
  },

  // The ACL does not act; HTTP/3 goes another way than TCP.
  { state: 'acl-after-handle', acl: 'A', vpn: ['real 200', '—'], public: ['real 200', '—'], fails: ['acl-acts', 'keeps-out@gaijin'] },
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
    fails: ['docker-proxy', ...HOLE],
    warns: ['http3@here', 'http3@gaijin'],
  },
  {
    state: 'h3-unpublished',
    acl: 'A',
    vpn: [['real 200', '—'], '—'],
    public: [['real 403', '—'], '—'],
    fails: ['http3@here', 'http3@gaijin'],
  },
  {
    state: 'h3-tailnet-only',
    acl: 'B',
    vpn: ['real 200', ['gateway 200', '—']],
    public: [
      ['real 403', '—'],
      ['gateway 200', '—'],
    ],
    fails: ['docker-proxy', 'http3@here', 'http3@gaijin', ...HOLE],
  },
];

/** All twelve cells of the lab as it stands. */
const measured = async ({ ask, names }: Named): Promise<Cells> => {
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

/** Those that have none declare no address of it. */
const familiesOf = ({ vpn, public: wan }: Cells): readonly (4 | 6)[] => (vpn[1] === '—' && wan[1] === '—' ? [4] : FAMILIES);

interface Verdict {
  readonly code: number | undefined;
  readonly fails: readonly string[];
  readonly warns: readonly string[];
  /** Neither good nor bad: nobody knows. */
  readonly unknown: readonly string[];
  /** Of the VPN's site. */
  readonly matrix: readonly (readonly [from: string, address: string, protocol: string, seen: string])[];
}
const short = (ids: readonly string[]): readonly string[] => ids.map((id) => id.replace('caddy/', '').replace('@akira', '')).toSorted();
/** What `fabric doctor caddy` says. */
const doctor = async ({ yaml, names }: Named, families: readonly (4 | 6)[]): Promise<Verdict> => {
  const { code, out, err } = await it.fabric(yaml(families), ['doctor', 'caddy', '--format', 'json']);
  expect(out, err).toMatch(/^{/);
  const report: { readonly matrix: readonly MatrixJson[] } = JSON.parse(out);
  const matrix = report.matrix
    .filter(({ site }) => site === names.vpnSite)
    .flatMap(({ vantage, address, cells }) => cells.map((cell) => [vantage, address, cell.protocol, cell.seen] as const));
  return { code, fails: short(having(out, 'fail')), warns: short(having(out, 'warn')), unknown: short(having(out, 'unknown')), matrix };
};
interface MatrixJson {
  readonly site: string;
  readonly vantage: string;
  readonly address: string;
  readonly cells: readonly { readonly protocol: string; readonly seen: string }[];
}
/** The doctor's words for what curl saw. */
const asMatrix = (cells: Cells, { names }: Named, families: readonly (4 | 6)[]): Verdict['matrix'] =>
  FROM.flatMap((from) =>
    families.flatMap((family) => {
      const cell = cells[from][family === 4 ? 0 : 1];
      return PROTOCOLS.map((protocol) => {
        const said = typeof cell === 'string' ? cell : cell[protocol === 'h3' ? 1 : 0];
        const seen = said === '—' ? 'unreachable' : said.endsWith(' 200') ? 'allowed' : said.endsWith(' 403') ? 'refused' : said;
        return [from === 'vpn' ? 'here' : 'gaijin', names.addresses[from][family], protocol, seen] as const;
      });
    }),
  );

/** CI has a healthy one, the incident, and the hole that it was mended with. Who changes what fabric knows of Caddy wants them all. */
const IN_CI: readonly string[] = ['host-network A6', 'rex-34 A', 'rex-34 B', 'docker-proxy B'];
const inCi = ({ state, acl }: Row): boolean => IN_CI.includes(`${state} ${acl}`);
describe('what curl sees, and the doctor’s verdict', () => {
  test.each(ROWS.filter(inCi))('$state, ACL $acl', told);
  test.each(ROWS.filter((row) => !inCi(row)))('$state, ACL $acl', { tags: 'thorough' }, told);

  async function told({ state, acl, fails = [], warns = [], ...cells }: Row): Promise<void> {
    await it.state(state, acl);
    expect(await measured(it)).toEqual(cells);
    const families = familiesOf(cells);
    expect(await doctor(it, families)).toEqual({
      code: fails.length === 0 ? 0 : 1,
      fails: fails.toSorted(),
      warns: warns.toSorted(),
      unknown: [],
      matrix: asMatrix(cells, it, families),
    });
  }
});

describe('what a matrix alone does not show', () => {
  test('a VPN’s flow outlives its cause: h3 alone stays masked', { tags: 'thorough' }, async () => {
    await it.state('stale-udp');
    expect(await it.inFlow()).toBe(`${it.names.gateway} 403`);
    expect(await measured(it)).toEqual(HEALTHY_4);
    expect(await doctor(it, [4])).toMatchObject({ fails: ['stale-udp'], warns: [], unknown: [] });
    const { code, out, err } = await it.fabric(it.yaml([4]), ['fix', 'caddy/stale-udp', '--yes']);
    expect(code, out + err).toBe(0);
    expect(await it.inFlow()).toBe(`${CLIENTS.vpn[4]} 200`);
    expect(await doctor(it, [4])).toMatchObject({ code: 0, fails: [], warns: [] });
  });

  test('a header lets a stranger in where the gateway is a trusted proxy', { tags: 'thorough' }, async () => {
    await it.state('trusted-proxies');
    const forged = ['-H', `X-Forwarded-For: ${CLIENTS.vpn[4]}`];
    for (const protocol of PROTOCOLS) {
      expect(await it.ask('public', protocol, 6)).toBe(`${it.names.gateway} 403`);
      expect(await it.ask('public', protocol, 6, ...forged)).toBe(`${CLIENTS.vpn[4]} 200`);
      expect(await it.ask('public', protocol, 4, ...forged)).toBe(`${CLIENTS.public[4]} 403`);
    }
    expect(await doctor(it, FAMILIES)).toMatchObject({ fails: ['docker-proxy', 'trusted-proxies'], warns: [], unknown: [] });
  });

  test('REX-35: the status on a line of its own, nobody answers, and fix', async () => {
    await it.state('heredoc');
    expect(await it.host('resting; docker logs $NAME 2>&1 | tail -1')).toMatch(
      /^Error: adapting config using caddyfile: \/etc\/caddy\/Caddyfile:\d+: unrecognized directive: 200$/,
    );
    expect(await measured(it)).toEqual({ vpn: ['—', '—'], public: ['—', '—'] });
    expect(await doctor(it, [4])).toMatchObject({ fails: ['caddyfile'] });
    const { out, err } = await it.fabric(it.yaml([4]), ['fix', 'REX-35', '--yes']);
    expect(err, out).toMatch(/✓ gate: .*hold/);
    expect(await doctor(it, [4])).toMatchObject({ code: 0, fails: [], warns: [], unknown: [] });
    expect(await measured(it)).toEqual(HEALTHY_4);
    expect(await it.host('tail -7 $DIR/Caddyfile')).toBe(
      'bootstrap.lab.test {\n\ttls internal\n\trespond <<BOOTSTRAP\n\t\t#!/bin/sh\n\t\techo hello\n\t\tBOOTSTRAP 200\n}',
    );
  });

  test('n8n gone: Caddy cannot look it up', { tags: 'thorough' }, async () => {
    await it.state('n8n-gone');
    for (const said of await Promise.all(Array.from({ length: 12 }, () => it.ask('vpn', 'h1', 4))))
      expect(said).toBe(`${CLIENTS.vpn[4]} 502`);
    expect(await it.host('docker logs $NAME 2>&1 | grep -o "lookup n8n[^\\"]*" | tail -1')).toMatch(
      /^lookup n8n.*(i\/o timeout|server misbehaving|no such host)$/,
    );
    expect(await doctor(it, [4])).toMatchObject({ fails: ['lookups'], warns: [], unknown: [] });
  });

  test('Debian’s Caddy knows no client_ip', { tags: 'thorough' }, async () => {
    await it.state('old-caddy');
    expect(await it.host('resting; docker logs $NAME 2>&1 | tail -1')).toContain('module not registered: http.matchers.client_ip');
    expect(await doctor(it, [4])).toMatchObject({ fails: ['version'] });
  });

  test('with other subnets, names and addresses', { tags: 'thorough' }, async () => {
    await other.state('rex-34');
    const cells: Cells = { vpn: ['gateway 200', 'gateway 200'], public: ['real 403', 'gateway 200'] };
    expect(await measured(other)).toEqual(cells);
    expect(await doctor(other, FAMILIES)).toEqual({
      code: 1,
      fails: ['tailscale-snat', 'docker-proxy', ...HOLE].toSorted(),
      warns: [],
      unknown: [],
      matrix: asMatrix(cells, other, FAMILIES),
    });
  });
});

describe('after fix, the VPN is in and strangers are out', () => {
  interface Fixed extends Cells {
    readonly what: string;
    readonly state: StateName;
    /** Other than the state's own. */
    readonly acl?: Acl;
    readonly families: readonly (4 | 6)[];
    readonly warns?: readonly string[];
    readonly by?: Named;
  }
  /** docker-proxy masks IPv6, which nobody declared; by it nobody comes in any more. */
  const WITHOUT_6 = { vpn: ['real 200', 'gateway 403'], public: ['real 403', 'gateway 403'], warns: ['docker-proxy'] } as const;
  const FIXED: readonly [Fixed, ...Fixed[]] = [
    { what: 'REX-34 as it was', state: 'rex-34', families: [4], ...WITHOUT_6 },
    { what: 'REX-34 with IPv6', state: 'rex-34-ipv6', families: FAMILIES, ...HEALTHY },
    { what: 'Tailscale’s rules in iptables-legacy', state: 'tailscale-snat-legacy', families: [4], ...HEALTHY_4 },
    { what: 'a rule that masquerades all', state: 'blanket', acl: 'B', families: [4], ...HEALTHY_4 },
    { what: 'REX-34 with IPv6 that nobody declared', state: 'rex-34-ipv6', families: [4], ...HEALTHY },
    { what: 'an ACL that is a hole', state: 'hole', families: [4], ...WITHOUT_6 },
    { what: 'REX-34 under other names', state: 'rex-34', families: [4], ...WITHOUT_6, by: other },
  ];
  const [incident, ...others] = FIXED;
  test('REX-34 as it was', () => fixed(incident));
  test.each(others)('$what', { tags: 'thorough' }, fixed);

  async function fixed({ state, acl, families, warns = [], by = it, ...cells }: Fixed): Promise<void> {
    await by.state(state, acl);
    const { code, out, err } = await it.fabric(by.yaml(families), ['fix', 'REX-34', '--yes']);
    expect(err, out).toMatch(/✓ gate: .*hold/);
    // What is left by hand is docker-proxy alone: who is kept out now had no fix of its own.
    expect([code, [...out.matchAll(/^by hand {2}(\S+)@/gm)].map(([, id]) => id)]).toEqual(
      warns.length === 0 ? [0, []] : [1, warns.map((id) => `caddy/${id}`)],
    );
    expect(await measured(by)).toEqual({ vpn: cells.vpn, public: cells.public });
    // And stays so when tailscaled puts its jumps on top again, and Docker its rules.
    await by.host(`tailscale_again ${state === 'tailscale-snat-legacy' ? 'legacy' : 'nft'}; systemctl restart docker; answers`);
    expect(await measured(by)).toEqual({ vpn: cells.vpn, public: cells.public });
    expect(await doctor(by, families), out).toEqual({ code: 0, fails: [], warns, unknown: [], matrix: asMatrix(cells, by, families) });
  }
});
