// The recordings of Caddy's checks, each from a state that shows its cause and from one that does not: with FABRIC_FIXTURES=1 they are kept.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { caddy } from '../../src/checks/caddy/index.ts';
import type { Moment } from '../../src/prove.ts';
import { type Acl, caddyLab, FAMILIES, type Family, type StateName } from './caddy-lab.ts';
import { keepFixture } from './lab.ts';

/** A state, the families that fabric.yaml declares, and whose recordings it gives. */
interface Recorded {
  readonly state: StateName;
  /** Other than the state's own. */
  readonly acl?: Acl;
  readonly families?: readonly Family[];
  readonly keeps: Readonly<Record<string, Moment>>;
}
const families: readonly Family[] = [4];
const HEALTHY = ['caddyfile', 'alive', 'version', 'keeps-out', 'lets-in', 'acl-acts', 'http3', 'lookups', 'certificate'];
const STATES: readonly Recorded[] = [
  { state: 'host-network', keeps: Object.fromEntries(HEALTHY.map((check) => [check, 'after'])) },
  { state: 'heredoc', families, keeps: { caddyfile: 'before', alive: 'before' } },
  { state: 'old-caddy', families, keeps: { version: 'before' } },
  { state: 'hole', keeps: { 'keeps-out': 'before', 'bridge-admitted': 'before' } },
  { state: 'hole', families, keeps: { 'bridge-admitted': 'before-undeclared' } },
  { state: 'hole-closed', families, keeps: { 'bridge-admitted': 'before-closed' } },
  {
    state: 'docker-proxy',
    keeps: { 'docker-proxy': 'before', 'bridge-admitted': 'after', 'trusted-proxies': 'after', forwarder: 'after' },
  },
  { state: 'docker-proxy', families, keeps: { 'docker-proxy': 'before-undeclared' } },
  { state: 'tailscale-snat', families, keeps: { 'tailscale-snat': 'before', 'lets-in': 'before', 'stale-udp': 'after-masked' } },
  { state: 'tailscale-below', families, keeps: { 'tailscale-snat': 'after' } },
  { state: 'proxy-off', families, keeps: { 'nat-rules': 'after', masquerade: 'after', 'stale-udp': 'after' } },
  { state: 'nat-flushed', acl: 'B', families, keeps: { 'nat-rules': 'before' } },
  { state: 'blanket', families, keeps: { masquerade: 'before' } },
  { state: 'stale-udp', families, keeps: { 'stale-udp': 'before' } },
  { state: 'docker-rootless', families, keeps: { rootless: 'before' } },
  { state: 'podman-pasta', keeps: { rootless: 'after' } },
  { state: 'forwarder', acl: 'B', families, keeps: { forwarder: 'before' } },
  { state: 'forwarder', families, keeps: { forwarder: 'before-in-its-place' } },
  { state: 'ipv6-network', keeps: { 'docker-proxy': 'after', 'acl-families': 'after' } },
  { state: 'acl-ipv4-only', keeps: { 'acl-families': 'before' } },
  { state: 'acl-after-handle', families, keeps: { 'acl-acts': 'before', 'keeps-out': 'before-ipv4' } },
  { state: 'trusted-proxies', keeps: { 'trusted-proxies': 'before' } },
  { state: 'h3-tailnet-only', keeps: { http3: 'before' } },
  { state: 'h3-unpublished', families, keeps: { http3: 'before-unpublished' } },
  { state: 'n8n-gone', families, keeps: { lookups: 'before' } },
];

if (process.env['FABRIC_FIXTURES'] === '1') {
  const it = caddyLab('fcaddyrec');
  test.each(STATES.map((one, n) => [`${one.state} ${n}`, one] as const))(
    '%s',
    async (name, { state, acl, families: declared = FAMILIES, keeps }) => {
      await it.state(state, acl);
      // A lookup each; and a flow that the kernel remembers.
      if (state === 'n8n-gone') for (let n = 0; n < 12; n += 1) await it.ask('vpn', 'h1', 4);
      if ('stale-udp' in keeps) await it.ask('vpn', 'h3', 4);
      const [text, folder] = [it.yaml(declared), join(it.dir, name.replace(' ', '-'))];
      const { out } = await it.fabric(text, ['doctor', 'caddy', '--format', 'json', '--record', folder]);
      const report: { readonly results: readonly { readonly check: string; readonly status: string }[] } = JSON.parse(out);
      for (const [check, moment] of Object.entries(keeps)) {
        keepFixture(`caddy/${check}`, moment, text, folder);
        const statuses = report.results.filter((one) => one.check === `caddy/${check}`).map(({ status }) => status);
        const good = statuses.every((status) => status === 'pass');
        expect([check, good]).toEqual([check, moment.startsWith('after')]);
      }
    },
  );
} else
  test('each check of Caddy’s has a state that shows its cause, and one that does not', () => {
    const kept = STATES.flatMap(({ keeps }) => Object.entries(keeps).map(([check, moment]) => `caddy/${check} ${moment}`));
    const wanted = caddy.flatMap(({ id }) => [`${id} before`, `${id} after`]);
    // Another site's certificate is derived: test/derived.test.ts.
    expect(wanted.filter((one) => !kept.includes(one))).toEqual(['caddy/certificate before']);
  });
