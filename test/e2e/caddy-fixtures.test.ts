// The recordings of Caddy's checks, each from a state that shows its cause and from one that does not: with FABRIC_FIXTURES=1 they are kept.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { CheckId } from '../../src/check.ts';
import { type Acl, caddyLab, FAMILIES, type Family, type StateName } from './caddy-lab.ts';
import { keepFixture } from './lab.ts';

/** By state: its ACL where it is another than the state's own, the families that fabric.yaml declares, and whose recording it is. */
interface Recorded {
  readonly state: StateName;
  readonly acl?: Acl;
  readonly families?: readonly Family[];
  readonly before?: readonly CheckId[];
  readonly after?: readonly CheckId[];
}
const FOUR: readonly Family[] = [4];
const STATES: readonly Recorded[] = [
  {
    state: 'host-network',
    after: ['caddyfile', 'alive', 'version', 'keeps-out', 'lets-in', 'acl-acts', 'http3', 'lookups', 'certificate'].map(
      (name): CheckId => `caddy/${name}`,
    ),
  },
  { state: 'heredoc', families: FOUR, before: ['caddy/caddyfile', 'caddy/alive'] },
  { state: 'old-caddy', families: FOUR, before: ['caddy/version'] },
  { state: 'hole', before: ['caddy/keeps-out', 'caddy/bridge-admitted'] },
  { state: 'docker-proxy', before: ['caddy/docker-proxy'], after: ['caddy/bridge-admitted', 'caddy/trusted-proxies', 'caddy/forwarder'] },
  { state: 'tailscale-snat', families: FOUR, before: ['caddy/tailscale-snat', 'caddy/lets-in'] },
  { state: 'tailscale-below', families: FOUR, after: ['caddy/tailscale-snat'] },
  { state: 'proxy-off', families: FOUR, after: ['caddy/nat-rules', 'caddy/masquerade', 'caddy/stale-udp'] },
  { state: 'nat-flushed', families: FOUR, before: ['caddy/nat-rules'] },
  { state: 'blanket', families: FOUR, before: ['caddy/masquerade'] },
  { state: 'stale-udp', families: FOUR, before: ['caddy/stale-udp'] },
  { state: 'docker-rootless', families: FOUR, before: ['caddy/rootless'] },
  { state: 'podman-pasta', after: ['caddy/rootless'] },
  { state: 'forwarder', acl: 'B', families: FOUR, before: ['caddy/forwarder'] },
  { state: 'ipv6-network', after: ['caddy/docker-proxy', 'caddy/acl-families'] },
  { state: 'acl-ipv4-only', before: ['caddy/acl-families'] },
  { state: 'acl-after-handle', families: FOUR, before: ['caddy/acl-acts'] },
  { state: 'trusted-proxies', before: ['caddy/trusted-proxies'] },
  { state: 'h3-tailnet-only', before: ['caddy/http3'] },
  { state: 'n8n-gone', families: FOUR, before: ['caddy/lookups'] },
];

const it = caddyLab('fcaddyrec');
if (process.env['FABRIC_FIXTURES'] === '1')
  test.each(STATES)('$state', async ({ state, acl, families = FAMILIES, before = [], after = [] }) => {
    await it.state(state, acl);
    if (state === 'n8n-gone') for (let n = 0; n < 12; n += 1) await it.ask('vpn', 'h1', 4);
    const [text, folder] = [it.yaml(families), join(it.dir, `recorded-${state}`)];
    const { out, err } = await it.fabric(text, ['doctor', 'caddy', '--format', 'json', '--record', folder]);
    expect(err).not.toMatch(/^bug/m);
    const report: { readonly results: readonly { readonly check: string; readonly status: string }[] } = JSON.parse(out);
    const statuses = (check: CheckId) => report.results.filter((one) => one.check === check).map(({ status }) => status);
    for (const check of before) keepFixture(check, 'before', text, folder);
    for (const check of after) {
      keepFixture(check, 'after', text, folder);
      expect([check, ...new Set(statuses(check))]).toEqual([check, 'pass']);
    }
  });
else test('recorded with FABRIC_FIXTURES=1', () => expect(STATES.length).toBeGreaterThan(0));
