import { defineCheck, resultId } from '../../check.ts';
import { ownLog } from '../../probes/caddy.ts';
import { onHost } from '../../reproduce.ts';
import { logCommand } from '../../services/caddy.ts';
import alive from './alive.ts';
import caddyfile from './caddyfile.ts';

/** A name that Docker's DNS does not know yet fails once or twice at a start. */
const FEW = 10;

export default defineCheck({
  id: 'caddy/lookups',
  rex: ['REX-35'],
  title: 'Caddy finds its upstreams by their names',
  story:
    'Caddy asks Docker’s DNS for its upstream at each request. One that is restarted before Docker’s DNS is up, or whose upstream is on another network, logs `lookup n8n: i/o timeout` for each: 1,525 lines in 16 hours, in a log where the cause stood once.',
  decides:
    'Lines `lookup NAME: i/o timeout` (or: no such host, server misbehaving) among the last 20,000 of Caddy’s log: ten of one name are a failure, fewer a warning. Where Caddy restarts for ever, that is the cause.',
  sources: ['the post-mortem of REX-35', 'Go: net/lookup.go'],
  history: true,
  each: (fabric) => {
    const { caddy } = fabric;
    if (caddy === undefined) return [];
    const it = ownLog(caddy);
    return [
      {
        subject: caddy.host,
        needs: [it],
        blockedBy: [caddyfile, alive].map((check) => resultId(check, caddy.host)),
        judge: ({ know }) =>
          know(it).lookups.map(({ name, count, why }) => ({
            severity: count < FEW ? 'warn' : 'fail',
            saw: `${count === 1 ? 'once' : `${count} times`} Caddy could not look ${name} up: ${why}`,
            want: `${name} is found at once`,
            advice:
              why === 'i/o timeout'
                ? `Is ${name} a container on a network of Caddy’s? Then Caddy was up before Docker’s DNS: restart it once. A log that is kept shows old lines as well.`
                : `Does a container ${name} run, on a network of Caddy’s? A log that is kept shows old lines as well.`,
            reproduce: onHost(fabric, caddy.host, logCommand(caddy, 'docker')),
          })),
      },
    ];
  },
});
