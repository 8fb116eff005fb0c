import { defineCheck, type Finding } from '../../check.ts';
import { lastLines, unit } from '../../probes/unit.ts';
import { onHost } from '../../reproduce.ts';
import { RUNBOOK_UNIT, UNIT } from '../../services/litellm.ts';

/** How often a unit may have restarted by itself and still count as healthy when it runs now. */
const RESTARTS = 3;

export default defineCheck({
  id: 'litellm/unit-active',
  title: 'The unit runs, from the Quadlet, and is not in a restart loop',
  story:
    'A unit with Restart=always that dies at start reads "activating (auto-restart)" and never "failed", so `systemctl --failed` stays empty while nothing serves. ' +
    'And a unit left in /etc/systemd/system outranks a Quadlet of the same name: the new file is there, the old one runs.',
  decides:
    'systemd’s LoadState, ActiveState, SubState, NRestarts and FragmentPath. Not active, read from /etc/systemd/system, or active for less than 10 minutes after 3 restarts or more, is a failure.',
  sources: [
    'measured: Restart=always reads `auto-restart`, never `failed`; an old unit outranks the Quadlet',
    'systemd.service(5), systemd.unit(5)',
  ],
  spared: { 'log/*': 'the finding quotes the last line; that the unit does not run decides' },
  each: (fabric) => {
    const { host } = fabric.litellm;
    const state = unit(host, UNIT);
    const log = lastLines(host, UNIT, 20);
    return [
      {
        subject: host,
        needs: [state, log],
        judge: ({ know, maybe }) => {
          const { load, active, sub, restarts, fragment, age, result } = know(state);
          const reproduce = onHost(fabric, host, `systemctl status ${UNIT}; journalctl -u ${UNIT} -n 20 --no-pager`);
          const lines = maybe(log);
          const last = 'lost' in lines ? '' : complaint(lines);
          const findings: Finding[] = [];
          if (load === 'not-found') {
            return [
              {
                severity: 'fail',
                saw: `there is no ${UNIT}`,
                want: 'the unit is active',
                advice: 'Run `fabric deploy litellm`.',
                fix: 'deploy',
                reproduce,
              },
            ];
          }
          if (fragment === RUNBOOK_UNIT) {
            findings.push({
              severity: 'fail',
              saw: `${UNIT} is read from ${fragment}, which outranks the Quadlet`,
              want: 'the unit that the Quadlet generates',
              advice: 'Run `fabric deploy litellm`: its plan retires the old unit and keeps the file.',
              fix: 'deploy',
              reproduce: onHost(fabric, host, `systemctl show -p FragmentPath ${UNIT}`),
            });
          }
          if (active !== 'active') {
            const loop = sub === 'auto-restart' || active === 'activating';
            findings.push({
              severity: 'fail',
              saw: `${active} (${sub}), ended by ${result}, restarted ${restarts} times by itself${last === '' ? '' : `; it last said: ${last}`}`,
              want: 'active (running)',
              advice: loop
                ? 'It is in a restart loop: read its log.'
                : `Start it: systemctl start ${UNIT}. If it was stopped on purpose, nothing is wrong.`,
              ...(loop ? {} : { fix: 'deploy' as const }),
              reproduce,
            });
          } else if (restarts >= RESTARTS && age !== null && age < 600) {
            findings.push({
              severity: 'fail',
              saw: `active for ${age} s, after it restarted ${restarts} times by itself${last === '' ? '' : `; it last said: ${last}`}`,
              want: `fewer than ${RESTARTS} restarts`,
              advice: 'It is in a restart loop: read its log.',
              reproduce,
            });
          }
          return findings;
        },
      },
    ];
  },
});

/** The line that says most: the last that names an error, else the last. */
const complaint = (lines: readonly string[]): string => {
  const line = lines.findLast((one) => /error|exception|invalid|refus|not a valid/i.test(one)) ?? lines.at(-1) ?? '';
  return line.length > 240 ? `${line.slice(0, 240)}…` : line;
};
