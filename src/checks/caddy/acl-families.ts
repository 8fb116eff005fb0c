import { defineCheck, type Finding, resultId } from '../../check.ts';
import { config, instance } from '../../probes/caddy.ts';
import { onHost } from '../../reproduce.ts';
import { aclOf, adaptCommand, clientOf, family, guarded, outcome, serverOn } from '../../services/caddy.ts';
import alive from './alive.ts';
import caddyfile from './caddyfile.ts';

export default defineCheck({
  id: 'caddy/acl-families',
  rex: ['REX-34'],
  title: 'The ACL names the VPN’s IPv6 network where the VPN’s clients come by IPv6',
  story:
    'A tailnet’s machines have an IPv6 address each, and a browser that finds both tries IPv6 first. An ACL of 100.64.0.0/10 alone refuses them as strangers: on a host network, or a Docker network with IPv6, where Caddy sees them as they are.',
  decides:
    'Where the VPN has an IPv6 address of the server declared, and Caddy sees IPv6 as it is (its host’s network, or a network with IPv6): the routes of its configuration for a client of the VPN’s IPv6 network, where a client by IPv4 gets in.',
  sources: ['Tailscale: net/tsaddr (fd7a:115c:a1e0::/48)', 'measured: curl by IPv6, host network and a Docker network with IPv6'],
  each: (fabric) => {
    const { caddy } = fabric;
    if (caddy === undefined || guarded(caddy).length === 0 || !caddy.addresses.vpn.some((address) => family(address) === 6)) return [];
    const [it, running] = [config(caddy), instance(caddy)];
    return [
      {
        subject: caddy.host,
        needs: [it, running],
        blockedBy: [caddyfile, alive].map((check) => resultId(check, caddy.host)),
        judge: ({ know }) => {
          const [found, there] = [know(it), know(running)];
          if (found === null || there === null) return [{ lost: 'unreadable', why: 'Caddy does not run' }];
          if (there.mode !== 'host' && !there.networks.some(({ v6 }) => v6 !== null)) return []; // it never sees one
          const server = serverOn(found.servers, caddy.port);
          if (server === undefined) return [{ lost: 'unreadable', why: `no server of Caddy’s configuration listens on ${caddy.port}` }];
          return guarded(caddy).flatMap(({ name, path }): readonly Finding[] => {
            const [four, six] = ([4, 6] as const).map((of) => {
              const client = clientOf(caddy, 'vpn', of);
              return outcome(server, { host: name, path, client, remote: client });
            });
            if (four?.is !== 'reached' || six?.is !== 'denied') return [];
            const network = caddy.allow.find((one) => family(one) === 6) ?? 'the VPN’s IPv6 network (Tailscale’s: fd7a:115c:a1e0::/48)';
            return [
              {
                severity: 'fail',
                saw: `${name} admits ${aclOf(server, name).ranges.join(', ')}: the VPN’s clients are refused when they come by IPv6`,
                want: `the ACL names ${network} as well`,
                advice: `Add ${network} to the line with client_ip. fabric widens no ACL by itself. Or publish no AAAA record of it in the VPN’s names.`,
                reproduce: onHost(fabric, caddy.host, adaptCommand(caddy, there.by)),
              },
            ];
          });
        },
      },
    ];
  },
});
