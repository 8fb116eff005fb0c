import { defineCheck, resultId } from '../../check.ts';
import { instance, ownLog } from '../../probes/caddy.ts';
import { onHost } from '../../reproduce.ts';
import { called, logCommand } from '../../services/caddy.ts';
import caddyfile from './caddyfile.ts';

export default defineCheck({
  id: 'caddy/alive',
  rex: ['REX-35'],
  title: 'Caddy runs, and has not been started over and over',
  story:
    'A Caddyfile that Caddy refuses ends it at its start, and whoever restarts it (Docker, systemd) does so for ever: every site is gone, and the log fills with what only follows. What else is asked of Caddy is asked of one that runs.',
  decides:
    'The container’s or unit’s own state, and how often it was restarted by itself: a Caddy that is restarting or has ended is a failure. Caddy’s last error in its log is quoted.',
  sources: ['the post-mortem of REX-35', 'measured: Caddy 2.11.4 in Docker with restart: unless-stopped (test/e2e/caddy.test.ts)'],
  spared: { 'caddy/own-log': 'Caddy’s own words for why it ended, where it did' },
  each: (fabric) => {
    const { caddy } = fabric;
    if (caddy === undefined) return [];
    const [it, log] = [instance(caddy), ownLog(caddy)];
    return [
      {
        subject: caddy.host,
        needs: [it, log],
        blockedBy: [resultId(caddyfile, caddy.host)],
        judge: ({ know, maybe }) => {
          const found = know(it);
          const want = 'Caddy runs';
          if (found === null)
            return [
              {
                severity: 'fail',
                saw: `there is no ${called(caddy)}`,
                want,
                advice: 'Start it, or correct caddy.container and caddy.unit in fabric.yaml.',
                reproduce: onHost(fabric, caddy.host, 'sudo docker ps -a; sudo podman ps -a; systemctl list-units "*caddy*"'),
              },
            ];
          if (found.running && !/restarting/.test(found.status)) return [];
          const said = maybe(log);
          const error = 'lost' in said || said.error === null ? '' : `; it said: ${said.error}`;
          return [
            {
              severity: 'fail',
              saw: `${called(caddy)} is ${found.status}${found.restarts > 0 ? `, after ${found.restarts} restarts by itself` : ''}${error}`,
              want,
              advice: 'Read why it ended, and start it.',
              reproduce: onHost(fabric, caddy.host, logCommand(caddy, found.by)),
            },
          ];
        },
      },
    ];
  },
});
