import { defineCheck } from '../../check.ts';
import { astrayText, ofClients } from '../../probes/names.ts';
import { onHost } from '../../reproduce.ts';

export default defineCheck({
  id: 'dns/accept-dns',
  rex: ['REX-33'],
  standing: true,
  title: 'The machine takes the tailnet’s DNS',
  story:
    'accept-dns is each machine’s own switch. Off, 100.100.100.100 still answers the tailnet’s records to whoever asks it, and nothing on the machine does. It is often turned off for a server once, and forgotten.',
  decides: 'accept-dns as `tailscale dns status` says it, or as CorpDNS of the preferences, where a name leads applications astray.',
  sources: ['Tailscale: ipn.Prefs.CorpDNS; cmd/tailscale/cli/dns-status.go'],
  each: (fabric) =>
    ofClients(fabric, ({ accepts }, astray, at) => {
      if (accepts !== false) return [];
      return [
        {
          severity: 'fail',
          saw: `accept-dns is off on ${at}; ${astrayText(astray)}`,
          want: 'accept-dns on',
          advice: `Turn it on: ${fabric.hosts.get(at)?.shell === 'powershell' ? '' : 'sudo '}tailscale set --accept-dns=true. The machine’s other names then go where the tailnet says, too: tailscale dns status shows it beforehand.`,
          reproduce: onHost(fabric, at, 'tailscale dns status'),
        },
      ];
    }),
});
