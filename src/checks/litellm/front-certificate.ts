import { defineCheck } from '../../check.ts';
import { certificate } from '../../probes/front.ts';
import { onHost } from '../../reproduce.ts';

const DAY = 86_400;
/**
 * Seconds left from which a renewal is overdue, and from which it will not come by itself. Renewers act with a third of the lifetime left: 30
 * days of 90. The shares serve certificates that live for a week or six.
 */
const soon = (lifetime: number): number => Math.min(21 * DAY, lifetime / 4);
const late = (lifetime: number): number => Math.min(7 * DAY, lifetime / 12);

export default defineCheck({
  id: 'litellm/front-certificate',
  title: 'The certificate of the HTTPS front is good, and not about to end',
  story:
    'A certificate ends on a day that was known for months, and every client stops at once. Renewal fails in silence, so what counts is that it is overdue: with a third of its life left it should have happened.',
  decides:
    'curl’s own verdict on the certificate, and its days. Refused or ended is a failure; a warning from 21 days left (or a quarter of its life), a failure from 7 (or a twelfth).',
  sources: ['curl(1): exit codes 51 and 60, %{certs}', 'Let’s Encrypt: renew with a third of the lifetime left'],
  each: (fabric) => {
    const { host, front } = fabric.litellm;
    if (front === undefined) return [];
    const shown = certificate(host, front);
    return [
      {
        subject: new URL(front).host,
        needs: [shown],
        judge: ({ know }) => {
          const seen = know(shown);
          if (seen === 'no such host' || seen === 'no answer in time')
            return [{ lost: 'unreachable', why: `${front} from ${host}: ${seen}` }];
          const reproduce = onHost(fabric, host, `curl -sv ${front}/ 2>&1 >/dev/null | grep '^\\*'`);
          if (typeof seen === 'string') {
            const advice = 'Look at the proxy: that it runs, and that it speaks TLS on this port.';
            return [{ severity: 'fail', saw: `${front}: ${seen}`, want: 'a certificate', advice, reproduce }];
          }
          const { against, term, names } = seen;
          const ended = term !== null && term.left < 0;
          const days =
            term === null
              ? ''
              : ended
                ? `it ended ${Math.floor(-term.left / DAY)} days ago`
                : `it ends in ${Math.floor(term.left / DAY)} days`;
          if (against !== null) {
            const about = [...(names.length > 0 ? [`it is for ${names.join(', ')}`] : []), ...(days === '' ? [] : [days])].join(', and ');
            const advice = ended
              ? 'Renew it, and read the renewer’s log: why did it not?'
              : 'Clients see this too. A name that it is not for: order one for this name. A chain that is not trusted: serve the full chain, or let the clients trust the authority.';
            const saw = `${front}: ${against}${about === '' ? '' : `; ${about}`}`;
            return [{ severity: 'fail', saw, want: 'a certificate that clients accept', advice, reproduce }];
          }
          if (term === null || term.left >= soon(term.lifetime)) return [];
          const { left, lifetime } = term;
          return [
            {
              severity: left < late(lifetime) ? 'fail' : 'warn',
              saw: `the certificate of ${front}: ${days}`,
              want: `renewed before ${Math.floor(soon(lifetime) / DAY)} days are left`,
              advice: 'Read the renewer’s log (certbot renew --dry-run; journalctl -u caddy), and that the proxy has loaded what it got.',
              reproduce,
            },
          ];
        },
      },
    ];
  },
});
