import { defineCheck } from '../../check.ts';
import { astrayText, ofClients } from '../../probes/names.ts';
import { onHost } from '../../reproduce.ts';

export default defineCheck({
  id: 'dns/userspace',
  rex: ['REX-33'],
  standing: true,
  title: 'Tailscale has a network interface there',
  story:
    'With userspace networking (--tun=userspace-networking; the default of its container image) tailscaled is in the tailnet and its machine is not: nothing routes to 100.100.100.100, and no resolver there can ask it.',
  decides: 'TUN of Tailscale’s own status, where a name leads applications astray.',
  sources: ['Tailscale: docs, userspace networking; ipn/ipnstate (TUN); issue 12225'],
  each: (fabric) =>
    ofClients(fabric, ({ tun }, astray, at) => {
      if (tun) return [];
      return [
        {
          severity: 'fail',
          saw: `tailscaled on ${at} has no network interface (userspace networking); ${astrayText(astray)}`,
          want: 'TUN: true',
          advice:
            'Start tailscaled without --tun=userspace-networking; in a container, TS_USERSPACE=false with /dev/net/tun and NET_ADMIN. Where that cannot be, give the names to /etc/hosts there.',
          reproduce: onHost(fabric, at, 'tailscale status --json | grep \'"TUN"\''),
        },
      ];
    }),
});
