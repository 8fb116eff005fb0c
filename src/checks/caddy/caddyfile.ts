import { defineCheck, type Finding, resultId } from '../../check.ts';
import { isLost } from '../../evidence.ts';
import { adapted, lines, ownLog } from '../../probes/caddy.ts';
import { onHost } from '../../reproduce.ts';
import { adaptCommand, logCommand } from '../../services/caddy.ts';
import { edited } from '../../services/caddy-remedies.ts';
import { statusMoved } from '../../services/caddyfile.ts';
import version from './version.ts';

export default defineCheck({
  id: 'caddy/caddyfile',
  rex: ['REX-35'],
  title: 'The Caddyfile is one that Caddy takes',
  story:
    'A Caddyfile is read at the next start, or at a reload, which may be weeks after it was edited. In REX-35 the status code of a `respond <<MARKER` stood on the line after the closing marker: `unrecognized directive: 200`, exit 1, and a container that restarts for ever.',
  decides:
    '`caddy adapt` on the file by the Caddy that runs; where none runs, the error that ended it, from its log. Both are quoted as Caddy says them, with their line.',
  sources: [
    'the post-mortem of REX-35',
    'Caddy: caddyconfig/caddyfile/lexer.go (heredocs)',
    'measured: caddy adapt on ten heredocs, 2.6.2 and 2.11.4',
  ],
  spared: { 'caddy/lines': 'the lines that its fix edits, by their numbers' },
  each: (fabric) => {
    const { caddy } = fabric;
    if (caddy === undefined) return [];
    const [file, log, text] = [adapted(caddy), ownLog(caddy), lines(caddy)];
    return [
      {
        subject: caddy.host,
        needs: [file, log, text],
        blockedBy: [resultId(version, caddy.host)],
        judge: ({ know, maybe }) => {
          const found = know(file);
          const want = `Caddy takes ${caddy.caddyfile}`;
          const wrong = (why: string, then: string, reproduce: string): Finding => {
            const there = maybe(text);
            const now = isLost(there) || there === null || !STATUS.test(why) ? null : statusMoved(there.text);
            const fix = isLost(there) || there === null || now === null || now === there.text ? null : edited(caddy, there, now);
            return {
              severity: 'fail',
              saw: `${why}${then}`,
              want,
              advice: `${adviceFor(why)}${fix === null ? '' : ' `fabric fix caddy/caddyfile` does all three.'}`,
              ...(fix === null ? {} : { fix }),
              reproduce: onHost(fabric, caddy.host, reproduce),
            };
          };
          if (found !== null)
            return found.is === 'adapts'
              ? []
              : [wrong(found.why, ' (it still runs on what it read before: its next start will fail)', adaptCommand(caddy))];
          const { error } = know(log);
          // Ended for another reason: that is for whoever asks whether it runs.
          return error === null || !/adapting config|caddyfile/i.test(error) ? [] : [wrong(error, '', logCommand(caddy, 'docker'))];
        },
      },
    ];
  },
});

const STATUS = /unrecognized directive: [1-5]\d\d\b/;
/** What usually is behind Caddy's words. */
const adviceFor = (why: string): string => {
  if (STATUS.test(why)) return 'The status code belongs on the line of the closing marker: `MARKER 200`. Then validate, and reload.';
  if (/client_ip/.test(why)) return 'This Caddy is older than 2.7.0, which does not know client_ip.';
  if (/heredoc/.test(why))
    return 'The closing marker stands alone on its line, indented no more than the text; `<<MARKER` has no space in it.';
  return 'Mend that line, run `caddy validate`, and then reload: a restart of a file that does not validate takes every site down.';
};
