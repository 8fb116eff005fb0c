import { defineCheck } from '../../check.ts';
import { astrayText, ofClients } from '../../probes/names.ts';
import { onHost } from '../../reproduce.ts';
import { isUnder } from '../../services/headscale.ts';

export default defineCheck({
  id: 'dns/magic-dns',
  rex: ['REX-33'],
  standing: true,
  title: 'MagicDNS is on for names under the tailnet’s own domain',
  story:
    'Without MagicDNS the tailnet’s domain is no route: names under it go to whatever resolver the machine has, as if there were no tailnet, although 100.100.100.100 knows them.',
  decides: 'MagicDNSEnabled of Tailscale’s own status, where a name under the tailnet’s domain leads applications astray.',
  sources: ['Tailscale: ipn/ipnlocal/node_backend.go (a route for MagicDNSSuffix only with MagicDNS)'],
  each: (fabric) =>
    ofClients(fabric, ({ magicDns, suffix }, astray, at) => {
      const own = magicDns === false ? astray.filter(({ name }) => isUnder(name.name, suffix)) : [];
      if (own.length === 0) return [];
      return [
        {
          severity: 'fail',
          saw: `MagicDNS is off, so ${suffix} is not asked of the tailnet’s resolver; ${astrayText(own)}`,
          want: 'MagicDNS on',
          advice: 'Headscale: dns.magic_dns: true, and a restart. Tailscale: Enable MagicDNS in the admin console, under DNS.',
          reproduce: onHost(fabric, at, 'tailscale status --json | grep MagicDNS'),
        },
      ];
    }),
});
