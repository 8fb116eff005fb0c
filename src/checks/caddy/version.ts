import { defineCheck } from '../../check.ts';
import { ownLog, version } from '../../probes/caddy.ts';
import { onHost } from '../../reproduce.ts';
import { caddyCommand, logCommand } from '../../services/caddy.ts';

/** From which client_ip and heredocs are there. */
const NEEDED = [2, 7, 0];

export default defineCheck({
  id: 'caddy/version',
  rex: ['REX-34', 'REX-35'],
  title: 'Caddy knows client_ip and heredocs',
  story:
    'Debian 12 and 13 ship Caddy 2.6.2. There the matcher client_ip is “module not registered: http.matchers.client_ip”, and a heredoc is an unrecognized directive, so that the Caddyfile of every guide for today’s Caddy ends it at its start.',
  decides: 'The version that the running Caddy prints, against 2.7.0; where none runs, whether its last error is that it has no client_ip.',
  sources: ['Caddy: release notes of v2.7.0', 'measured: caddy adapt 2.6.2 and 2.11.4 on the same files'],
  each: (fabric) => {
    const { caddy } = fabric;
    if (caddy === undefined) return [];
    const [it, log] = [version(caddy), ownLog(caddy)];
    return [
      {
        subject: caddy.host,
        needs: [it, log],
        judge: ({ know }) => {
          const found = know(it);
          const want = `Caddy ${NEEDED.join('.')} or newer`;
          const advice = 'Take it from caddyserver.com’s own packages or the image caddy:2: Debian’s is older.';
          if (found === null) {
            const { error } = know(log);
            if (error === null || !/module not registered: http\.matchers\.client_ip/.test(error))
              return [{ lost: 'unreadable', why: 'Caddy does not run' }];
            return [
              {
                severity: 'fail',
                saw: `Caddy does not run, and knows no client_ip: ${error}`,
                want,
                advice,
                reproduce: onHost(fabric, caddy.host, logCommand(caddy, 'docker')),
              },
            ];
          }
          const place = NEEDED.findIndex((part, n) => part !== found[n]);
          if (place < 0 || (found[place] ?? 0) > (NEEDED[place] ?? 0)) return [];
          return [
            {
              severity: 'fail',
              saw: `Caddy ${found.join('.')}`,
              want,
              advice,
              reproduce: onHost(fabric, caddy.host, caddyCommand(caddy, 'docker', 'version')),
            },
          ];
        },
      },
    ];
  },
});
