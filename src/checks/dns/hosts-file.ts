import { defineCheck, type Finding } from '../../check.ts';
import type { Lost } from '../../evidence.ts';
import { astrayText, explain, lookUps, spots, strangers } from '../../probes/names.ts';
import { inHostsFile } from '../../probes/resolver.ts';
import { onHost } from '../../reproduce.ts';
import { canonical } from '../../services/svcb.ts';

export default defineCheck({
  id: 'dns/hosts-file',
  rex: ['REX-33'],
  standing: true,
  title: 'No line of /etc/hosts sends the name elsewhere',
  story:
    'A line that somebody wrote into /etc/hosts for a test comes before every resolver and outlives every change: DNS is right, dig shows it, and the browser goes to the old address.',
  decides: 'The addresses that /etc/hosts gives the name, where it leads applications astray.',
  sources: ['hosts(5), nsswitch.conf(5): files come first'],
  each: (fabric) =>
    spots(fabric).map((spot) => {
      const { name, at, subject } = spot;
      const entries = inHostsFile(at, name.name);
      const windows = fabric.hosts.get(at)?.shell === 'powershell';
      return {
        subject,
        needs: [entries, ...lookUps([spot])],
        judge: (facts): readonly (Finding | Lost)[] =>
          explain(facts, [spot], (astray) => {
            const wrong = strangers(facts.know(entries).map(canonical), name).filter((one) =>
              astray.some(({ found }) => found.includes(one)),
            );
            if (wrong.length === 0) return [];
            return [
              {
                severity: 'fail',
                saw: `${windows ? 'the hosts file' : '/etc/hosts'} of ${at} says ${wrong.join(', ')}; ${astrayText(astray)}`,
                want: `no line there, or ${name.inside.join(', ')}`,
                advice: `Take the line out${windows ? `, as an administrator: ${WINDOWS}` : ': sudoedit /etc/hosts'}.`,
                reproduce: onHost(fabric, at, windows ? `findstr /n /i ${name.name} ${WINDOWS}` : `grep -n ${name.name} /etc/hosts`),
              },
            ];
          }),
      };
    }),
});

const WINDOWS = 'C:\\Windows\\System32\\drivers\\etc\\hosts';
