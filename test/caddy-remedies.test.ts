// The unit that gives Caddy's clients their addresses back: which rule for which mask, and one unit whoever asks. Live: test/e2e/caddy.test.ts.
import { expect, test } from 'vitest';
import { canExcept, excepted } from '../src/services/caddy-remedies.ts';
import type { Instance, Mask } from '../src/services/masking.ts';
import { fabricOf, SAMPLE } from './sample.ts';

const { caddy } = fabricOf(`${SAMPLE.replace('hosts:\n', 'hosts:\n  motoko: {}\n')}caddy:
  host: akira
  container: caddy
  caddyfile: /opt/caddy/Caddyfile
  allow: [100.64.0.0/10]
  addresses: { vpn: [100.64.0.14] }
  sites: { n8n.example.net: { enter: vpn } }
  vantages: { vpn: [motoko] }
`);
if (caddy === undefined) throw new Error('no caddy');
const six = { ...caddy, allow: [...caddy.allow, 'fd7a:115c:a1e0::/48'] };
const instance: Instance = {
  by: 'docker',
  user: null,
  status: 'running',
  running: true,
  restarts: 0,
  mode: 'frontend',
  published: [],
  networks: [
    {
      name: 'frontend',
      v4: { address: '172.20.1.2', gateway: '172.20.1.1', subnet: '172.20.1.0/24' },
      v6: { address: 'fd20:1::2', gateway: 'fd20:1::1', subnet: 'fd20:1::/64' },
    },
  ],
};
const mask = (
  cause: Mask['cause'],
  by: string,
  family: 4 | 6 = 4,
  backend: Mask['backend'] = 'nft',
  side: 'vpn' | 'public' = 'vpn',
): Mask => ({
  door: { side, family, address: '', link: '', declared: true },
  protocols: ['tcp', 'udp'],
  cause,
  as: '172.20.1.1',
  by,
  backend,
});
const SNAT = mask('tailscale-snat', 'ts-postrouting -m mark --mark 0x40000/0xff0000 -j MASQUERADE');
const BLANKET = mask('masquerade', 'POSTROUTING -j MASQUERADE');
const PROXY = mask('docker-proxy', 'docker-proxy', 6, null);

test.each<readonly [string, typeof caddy, readonly Mask[], readonly string[] | null]>([
  [
    'Tailscale’s, its mark taken off',
    caddy,
    [SNAT],
    ['iptables-nft -w -t mangle -I POSTROUTING 1 -s 100.64.0.0/10 -d 172.20.1.0/24 -j MARK --set-xmark 0x0/0xff0000'],
  ],
  [
    'another mark, in the other backend',
    caddy,
    [mask('tailscale-snat', 'ts-postrouting -m mark --mark 0x80000/0xf0000 -j MASQUERADE', 4, 'legacy')],
    ['iptables-legacy -w -t mangle -I POSTROUTING 1 -s 100.64.0.0/10 -d 172.20.1.0/24 -j MARK --set-xmark 0x0/0xf0000'],
  ],
  [
    'a rule for all, past which whoever comes from outside the network goes',
    caddy,
    [BLANKET, mask('masquerade', BLANKET.by, 4, 'nft', 'public')],
    ['iptables-nft -w -t nat -I POSTROUTING 1 ! -s 172.20.1.0/24 -d 172.20.1.0/24 -j ACCEPT'],
  ],
  [
    'both, in one unit; what passes connections on has no such rule, and is another’s to mend',
    six,
    [SNAT, mask('masquerade', BLANKET.by, 6), PROXY],
    [
      'iptables-nft -w -t mangle -I POSTROUTING 1 -s 100.64.0.0/10 -d 172.20.1.0/24 -j MARK --set-xmark 0x0/0xff0000',
      'ip6tables-nft -w -t nat -I POSTROUTING 1 ! -s fd20:1::/64 -d fd20:1::/64 -j ACCEPT',
    ],
  ],
  ['a family of which no network of the VPN’s is known', caddy, [mask('tailscale-snat', SNAT.by, 6)], null],
  ['a program', caddy, [PROXY], null],
  ['nothing', caddy, [], null],
])('%s', (_, declared, masks, rules) => {
  const steps = excepted(declared, instance, masks, null);
  if (rules === null) return expect(steps).toBeNull();
  const [unit, start] = steps ?? [];
  const text = unit?.do === 'write' && typeof unit.now === 'string' ? unit.now : '';
  expect([...text.matchAll(/^ExecStart=(.*)$/gm)].map(([, command]) => command)).toEqual(rules);
  // Taken away before it is put there, and when the unit stops: never twice, and never left.
  for (const when of ['ExecStartPre=-', 'ExecStop='])
    expect([...text.matchAll(new RegExp(`^${when}(.*)$`, 'gm'))].map(([, command]) => command)).toEqual(
      rules.map((rule) => rule.replace(' -I POSTROUTING 1 ', ' -D POSTROUTING ')),
    );
  // The network changes: the host takes it back by itself unless a new connection confirms it.
  expect(start).toMatchObject({ do: 'run', undo: { armedFor: 60, script: expect.stringContaining('disable') } });
});

test('a rule can be set against rules alone', () => expect([SNAT, BLANKET, PROXY].map(canExcept)).toEqual([true, true, false]));
