// Who gets in, over which protocol, and as whom Caddy sees them: real Docker, real Caddy, curl. The table: docs/caddy.md.
import { describe, expect, test } from 'vitest';
import { type Acl, caddyLab, FAMILIES, FROM, NAMES, PROTOCOLS, type StateName } from './caddy-lab.ts';

const it = caddyLab('fcaddy');

/** A cell: whom Caddy sees, and its answer; alike over h1, h2 and h3. `—`: no connection. */
interface Row {
  readonly state: StateName;
  readonly acl: Acl;
  readonly vpn: readonly [four: string, six: string];
  readonly public: readonly [four: string, six: string];
}
const { vpn, public: stranger } = NAMES.clients;
const GATEWAY = NAMES.gateway;
const ROWS: readonly Row[] = [
  { state: 'docker-proxy', acl: 'A', vpn: [`${vpn[4]} 200`, `${GATEWAY} 403`], public: [`${stranger[4]} 403`, `${GATEWAY} 403`] },
  { state: 'docker-proxy', acl: 'B', vpn: [`${vpn[4]} 200`, `${GATEWAY} 200`], public: [`${stranger[4]} 403`, `${GATEWAY} 200`] },
  { state: 'proxy-off', acl: 'B', vpn: [`${vpn[4]} 200`, '—'], public: [`${stranger[4]} 403`, '—'] },
  { state: 'host-network', acl: 'A6', vpn: [`${vpn[4]} 200`, `${vpn[6]} 200`], public: [`${stranger[4]} 403`, `${stranger[6]} 403`] },
  { state: 'tailscale-snat', acl: 'A', vpn: [`${GATEWAY} 403`, `${GATEWAY} 403`], public: [`${stranger[4]} 403`, `${GATEWAY} 403`] },
  { state: 'tailscale-snat', acl: 'B', vpn: [`${GATEWAY} 200`, `${GATEWAY} 200`], public: [`${stranger[4]} 403`, `${GATEWAY} 200`] },
];

describe('what curl sees', () => {
  test.each(ROWS)('$state, ACL $acl', async ({ state, acl, ...cells }) => {
    await it.state(state, acl);
    for (const from of FROM)
      for (const family of FAMILIES) {
        const want = cells[from][family === 4 ? 0 : 1];
        for (const protocol of PROTOCOLS)
          expect(await it.ask(from, protocol, family), `${from} by IPv${family} over ${protocol}`).toBe(want);
      }
  });
});
