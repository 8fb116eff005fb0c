import type { Check } from '../../check.ts';
import aclActs from './acl-acts.ts';
import aclFamilies from './acl-families.ts';
import alive from './alive.ts';
import bridgeAdmitted from './bridge-admitted.ts';
import caddyfile from './caddyfile.ts';
import certificate from './certificate.ts';
import dockerProxy from './docker-proxy.ts';
import forwarder from './forwarder.ts';
import http3 from './http3.ts';
import keepsOut from './keeps-out.ts';
import letsIn from './lets-in.ts';
import lookups from './lookups.ts';
import masquerade from './masquerade.ts';
import natRules from './nat-rules.ts';
import rootless from './rootless.ts';
import staleUdp from './stale-udp.ts';
import tailscaleSnat from './tailscale-snat.ts';
import trustedProxies from './trusted-proxies.ts';
import version from './version.ts';

/** A Caddy that fabric looks after and does not deploy: who gets in, over which protocol, and why. */
export const caddy: readonly Check[] = [
  caddyfile,
  alive,
  version,
  keepsOut,
  letsIn,
  // Its steps come before those of bridge-admitted: who is shut out meanwhile is the VPN.
  tailscaleSnat,
  bridgeAdmitted,
  aclActs,
  trustedProxies,
  dockerProxy,
  natRules,
  masquerade,
  rootless,
  forwarder,
  aclFamilies,
  staleUdp,
  http3,
  certificate,
  lookups,
];
