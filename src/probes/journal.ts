import { type Probe, succeeded } from '../evidence.ts';
import type { HostName } from '../fabric.ts';
import { quote } from '../shell.ts';
import { journal } from '../state.ts';

/**
 * Files that are neither as a run's steps left them nor as they found them (taken back already), by path; `null`: what the run kept is
 * gone. `steps`: of each file, the places of all the steps that touched it.
 *
 *   same /opt/n8n/.env
 *   changed /etc/cron.d/health
 */
export const changedSince = (
  at: HostName,
  run: string,
  steps: readonly (readonly [path: string, places: readonly number[]])[],
): Probe<readonly string[] | null> => ({
  key: `journal/${run}`,
  question: {
    at,
    via: 'sh',
    sudo: true,
    script: [
      `cd ${quote(journal(run))} 2>/dev/null || { echo gone; exit; }`,
      'h() { if [ -e "$1" ]; then sha256sum <"$1" | cut -c1-64; else echo absent; fi; }',
      'f() { p=$1; shift; now=$(h "$p"); w=changed; for n in "$@"; do if [ "$now" = "$(cat "$n.after" 2>/dev/null)" ] || { [ -e "$n" ] && [ "$now" = "$(h "$n")" ]; } || { [ -e "$n.absent" ] && [ "$now" = absent ]; }; then w=same; fi; done; echo "$w $p"; }',
      ...steps.map(([path, places]) => `f ${quote(path)} ${places.join(' ')}`),
    ].join('\n'),
  },
  read: (answer) => {
    const lines = succeeded(answer).split('\n');
    return lines[0] === 'gone' ? null : lines.flatMap((line) => (line.startsWith('changed ') ? [line.slice('changed '.length)] : []));
  },
});
