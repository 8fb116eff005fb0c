import { type Probe, succeeded } from '../evidence.ts';
import type { HostName } from '../fabric.ts';
import { quote } from '../shell.ts';
import { journal } from '../state.ts';

/**
 * Files that are no longer as a run's steps left them, by path; `null`: what the run kept is gone.
 *
 *   same /opt/n8n/.env
 *   changed /etc/cron.d/health
 */
export const changedSince = (
  at: HostName,
  run: string,
  steps: readonly (readonly [n: number, path: string])[],
): Probe<readonly string[] | null> => ({
  key: `journal/${run}`,
  question: {
    at,
    via: 'sh',
    sudo: true,
    script: [
      `cd ${quote(journal(run))} 2>/dev/null || { echo gone; exit; }`,
      'f() { now=absent; if [ -e "$2" ]; then now=$(sha256sum <"$2" | cut -c1-64); fi; w=changed; if [ "$now" = "$(cat "$1.after")" ]; then w=same; fi; echo "$w $2"; }',
      ...steps.map(([n, path]) => `f ${n} ${quote(path)}`),
    ].join('\n'),
  },
  read: (answer) => {
    const lines = succeeded(answer).split('\n');
    return lines[0] === 'gone' ? null : lines.flatMap((line) => (line.startsWith('changed ') ? [line.slice('changed '.length)] : []));
  },
});
