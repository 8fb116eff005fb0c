// Lines of a file replaced on its host by text that was made from a redacted copy: what is redacted never travels, and never comes back.
import { quote } from './shell.ts';

/** The lines between the first and the last that differ. One at least is there already, so that a host can tell that it is the place. */
interface Hunk {
  /** Of the first one, from 1. */
  readonly line: number;
  readonly old: readonly string[];
  readonly now: readonly string[];
}
const hunk = (was: string, now: string): Hunk => {
  const [a, b] = [was.split('\n'), now.split('\n')];
  const differs = a.findIndex((line, n) => line !== b[n]);
  const shortest = Math.min(a.length, b.length);
  const first = Math.max(0, (differs === -1 ? shortest : differs) - 1);
  let tail = 0;
  while (tail < shortest - first - 1 && a.at(-1 - tail) === b.at(-1 - tail)) tail += 1;
  return { line: first + 1, old: a.slice(first, a.length - tail), now: b.slice(first, b.length - tail) };
};

/**
 * Shell that writes `from` to `to` (words of shell) with the change from `was` to `now`, and exits with 75 where the lines to be replaced
 * are not what they are in `was`: something among them is redacted, or above them.
 */
export const spliced = (was: string, now: string, from: string, to: string): string => {
  const { line, old, now: lines } = hunk(was, now);
  const last = line + old.length - 1;
  // Whether the file ends with an end of line is not told by a text that was heard: what is written then is what `now` says.
  const whole = was.split('\n').length === last;
  return [
    `if [ "$(sed -n ${quote(`${line},${last}p`)} <${from})" != ${quote(old.join('\n').replace(/\n+$/, ''))} ]; then echo ${from}": lines ${line} to ${last} are not those that the plan shows: run again, or change them by hand" >&2; exit 75; fi`,
    `{ ${line > 1 ? `head -n ${line - 1} <${from}; ` : ''}printf '%s' ${quote(`${lines.join('\n')}${whole ? '' : '\n'}`)}; tail -n +${last + 1} <${from}; } >${to}`,
  ].join('\n');
};
