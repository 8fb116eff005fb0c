import { defineCheck } from '../../check.ts';
import { clock } from '../../probes/host.ts';
import { onHost } from '../../reproduce.ts';
import { askedHosts } from '../../services/hosts.ts';

/** Seconds. A clock that anything keeps is right to some hundredths, so this says that nothing keeps it. */
const UNKEPT = 5;
/** Seconds. One-time codes live for 30, tokens are given leeways of up to a minute: from here on logins and new certificates are refused. */
const WRONG = 60;

export default defineCheck({
  id: 'host/clock',
  title: 'The clock is right',
  story:
    'A host whose clock is off refuses tokens that are good and certificates that are new, and its log tells a story that fits no other log. Each symptom points elsewhere. ' +
    'The clock is compared with this machine’s, at both ends of the question: only what a slow line cannot explain counts.',
  decides:
    'The host’s clock against this machine’s, when the question left and when the answer came; only what the time in between cannot explain counts. From 5 s on a warning, from 60 s on a failure.',
  sources: ['timedatectl(1)', 'RFC 6238: one-time codes live for 30 s'],
  standing: true,
  each: (fabric) =>
    askedHosts(fabric).map((host) => {
      const time = clock(host);
      return {
        subject: host,
        needs: [time],
        judge: ({ know }) => {
          const { ahead, kept } = know(time);
          const off = Math.abs(ahead);
          if (off < UNKEPT) return [];
          return [
            {
              severity: off < WRONG ? 'warn' : 'fail',
              saw: `${host} is ${off} s ${ahead > 0 ? 'ahead of' : 'behind'} this machine${kept === false ? ', and nothing keeps its clock' : ''}`,
              want: `less than ${UNKEPT} s`,
              advice:
                kept === true
                  ? `${host} says that its clock is kept: look at this machine’s first (timedatectl).`
                  : `On ${host}: sudo timedatectl set-ntp true (with systemd-timesyncd or chrony installed). A container has its host’s clock: mend it there.`,
              reproduce: `date; ${onHost(fabric, host, 'date; timedatectl')}`,
            },
          ];
        },
      };
    }),
});
