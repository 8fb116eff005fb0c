import { defineCheck, type Finding, resultId } from '../../check.ts';
import { config, instance } from '../../probes/caddy.ts';
import { onHost } from '../../reproduce.ts';
import { aclOf, adaptCommand, guarded, overlap, serverOn } from '../../services/caddy.ts';
import alive from './alive.ts';
import caddyfile from './caddyfile.ts';

export default defineCheck({
  id: 'caddy/trusted-proxies',
  rex: ['REX-34'],
  title: 'No header of a stranger’s decides who he is',
  story:
    'client_ip is the address in X-Forwarded-For where the connection comes from a trusted proxy. With `trusted_proxies static private_ranges` the gateway of Caddy’s own container network is one, and so is everyone whom Docker masks as it: a stranger by IPv6 who sent `X-Forwarded-For: 100.64.0.5` got 200 (measured), although the ACL named the VPN alone.',
  decides:
    'The trusted networks of Caddy’s configuration, where a site for the VPN alone decides by client_ip: they must hold neither an address of the networks that Caddy’s container is on, nor all addresses.',
  sources: ['caddyserver.com/docs/caddyfile/options: trusted_proxies', 'measured: curl with X-Forwarded-For by public IPv6, Caddy 2.11.4'],
  each: (fabric) => {
    const { caddy } = fabric;
    if (caddy === undefined || guarded(caddy).length === 0) return [];
    const [it, running] = [config(caddy), instance(caddy)];
    return [
      {
        subject: caddy.host,
        needs: [it, running],
        blockedBy: [caddyfile, alive].map((check) => resultId(check, caddy.host)),
        judge: ({ know }) => {
          const [found, there] = [know(it), know(running)];
          if (found === null || there === null) return [{ lost: 'unreadable', why: 'Caddy does not run' }];
          const server = serverOn(found.servers, caddy.port);
          if (server === undefined) return [{ lost: 'unreadable', why: `no server of Caddy’s configuration listens on ${caddy.port}` }];
          const sites = guarded(caddy).filter(({ name }) => aclOf(server, name).byHeader);
          if (sites.length === 0) return [];
          if (server.trusted === null)
            return [{ lost: 'unsupported', why: 'trusted_proxies come from a module, whose networks fabric does not read' }];
          const own = there.networks.flatMap(({ v4, v6 }) => [v4?.subnet, v6?.subnet].flatMap((one) => one ?? []));
          return server.trusted.flatMap((range): readonly Finding[] => {
            const anybody = /\/0$/.test(range);
            const mine = own.filter((subnet) => overlap(range, subnet));
            if (!anybody && mine.length === 0) return [];
            const who = anybody ? 'everyone' : `whoever is masked as ${mine.join(', ')}, its own network`;
            return [
              {
                severity: 'fail',
                saw: `${range} is trusted: the X-Forwarded-For of ${who} decides who gets into ${sites.map(({ name }) => name).join(', ')}`,
                want: 'trusted_proxies name the proxies in front of Caddy by their addresses, and nobody else',
                advice:
                  'Take the range out of trusted_proxies, or name the one proxy that stands there; or decide by remote_ip, which no header changes.',
                reproduce: onHost(fabric, caddy.host, adaptCommand(caddy, there.by)),
              },
            ];
          });
        },
      },
    ];
  },
});
