import { defineCheck, type Finding, resultId } from '../../check.ts';
import type { Lost } from '../../evidence.ts';
import { config } from '../../probes/caddy.ts';
import { onHost } from '../../reproduce.ts';
import { aclOf, adaptCommand, clientOf, guarded, outcome, pathsOf, serverOn } from '../../services/caddy.ts';
import alive from './alive.ts';
import caddyfile from './caddyfile.ts';

export default defineCheck({
  id: 'caddy/acl-acts',
  rex: ['REX-34'],
  title: 'The ACL of a site for the VPN alone comes before what answers',
  story:
    'A Caddyfile is not read from top to bottom: directives are sorted, and `error` sorts after `handle`, `route` and `redir`. So `error @blocked 403` beside a `handle { … }` never acts, and strangers get 200 from a site whose file plainly refuses them (measured). An ACL that a site simply lacks looks the same from outside.',
  decides:
    'The routes of Caddy’s running configuration, walked as Caddy walks them for an address that no range of the ACL names: a site for the VPN alone must end in an error, an abort or a status of 400 and more. Other paths than the declared one, which its routes tell apart, are warnings.',
  sources: [
    'caddyserver.com/docs/caddyfile/directives: directive order',
    'measured: caddy adapt and curl, Caddy 2.11.4, with handle, route and redir beside error',
  ],
  each: (fabric) => {
    const { caddy } = fabric;
    if (caddy === undefined || guarded(caddy).length === 0) return [];
    const it = config(caddy);
    return [
      {
        subject: caddy.host,
        needs: [it],
        blockedBy: [caddyfile, alive].map((check) => resultId(check, caddy.host)),
        judge: ({ know }) => {
          const found = know(it);
          if (found === null) return [{ lost: 'unreadable', why: 'Caddy does not run' }];
          const server = serverOn(found.servers, caddy.port);
          if (server === undefined) return [{ lost: 'unreadable', why: `no server of Caddy’s configuration listens on ${caddy.port}` }];
          return guarded(caddy).flatMap((site): readonly (Finding | Lost)[] => {
            const acl = aclOf(server, site.name);
            return pathsOf(server, site).flatMap((path): readonly (Finding | Lost)[] => {
              const client = clientOf({ ...caddy, allow: [...caddy.allow, ...acl.ranges] }, 'public', 4);
              const end = outcome(server, { host: site.name, path, client, remote: client });
              const declared = path === site.path;
              if (end.is === 'denied' || (end.is === 'nothing' && !declared)) return [];
              if (end.is === 'unsure')
                return declared
                  ? [{ lost: 'unreadable', why: `${site.name}${path}: ${end.why} decides who gets in, which fabric does not read` }]
                  : [];
              const answers = end.is === 'nothing' ? 'no route of it answers' : `${end.by} answers everyone`;
              return [
                {
                  severity: declared ? 'fail' : 'warn',
                  saw: `${site.name}${path}: ${answers}, ${acl.ranges.length === 0 ? 'and it has no ACL' : `before its ACL (${acl.ranges.join(', ')}) is asked`}`,
                  want: `who is not in ${caddy.allow.join(', ')} is refused`,
                  advice: `Put \`handle @blocked { error 403 }\` first, with \`@blocked not client_ip ${caddy.allow.join(' ')}\`: an \`error\` beside \`handle\`, \`route\` or \`redir\` is sorted after them.`,
                  reproduce: onHost(fabric, caddy.host, adaptCommand(caddy)),
                },
              ];
            });
          });
        },
      },
    ];
  },
});
