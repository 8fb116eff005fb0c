// Lines of a file replaced on its host by text that was made from a redacted copy: what is redacted never travels, and never comes back.
import { quote } from './shell.ts';

/** Lines next to each other that become others. One at least is there already, so that a host can tell that it is the place. */
interface Hunk {
  /** Of the first one, from 1. */
  readonly line: number;
  readonly old: readonly string[];
  readonly now: readonly string[];
}

/** What differs, by the longest common subsequence of lines, from the top. */
const hunks = (was: string, now: string): readonly Hunk[] => {
  const [a, b] = [was.split('\n'), now.split('\n')];
  const shortest = Math.min(a.length, b.length);
  let head = 0;
  while (head < shortest && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < shortest - head && a.at(-1 - tail) === b.at(-1 - tail)) tail += 1;
  const [x, y] = [a.slice(head, a.length - tail), b.slice(head, b.length - tail)];
  const common = Array.from({ length: x.length + 1 }, () => new Array<number>(y.length + 1).fill(0));
  const at = (i: number, j: number): number => common[i]?.[j] ?? 0;
  for (let i = x.length - 1; i >= 0; i -= 1)
    for (let j = y.length - 1; j >= 0; j -= 1) {
      const row = common[i];
      if (row) row[j] = x[i] === y[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  const found: Hunk[] = [];
  for (let i = 0, j = 0; i < x.length || j < y.length; ) {
    const [from, to] = [i, j];
    while ((i < x.length || j < y.length) && !(i < x.length && j < y.length && x[i] === y[j]))
      if (j >= y.length || (i < x.length && at(i + 1, j) >= at(i, j + 1))) i += 1;
      else j += 1;
    if (i > from || j > to) add(found, anchored(a, { line: head + from + 1, old: x.slice(from, i), now: y.slice(to, j) }));
    else {
      i += 1;
      j += 1;
    }
  }
  return found;
};

/** One that stands on the line that the one before already has goes on with it. */
const add = (found: Hunk[], hunk: Hunk): void => {
  const before = found.at(-1);
  if (before === undefined || before.line + before.old.length <= hunk.line) found.push(hunk);
  else found.splice(-1, 1, { ...before, old: [...before.old, ...hunk.old.slice(1)], now: [...before.now, ...hunk.now.slice(1)] });
};

/** Lines that are only added stand behind the one above them, or before the first; and so do the last ones of a file, which are only taken away. */
const anchored = (a: readonly string[], hunk: Hunk): Hunk => {
  const { line, old, now } = hunk;
  const ends = now.length === 0 && line + old.length - 1 === a.length;
  if (old.length > 0 && !ends) return hunk;
  const [above, below] = [a[line - 2], a[line - 1] ?? ''];
  return above === undefined
    ? { line, old: [below], now: [...now, below] }
    : { line: line - 1, old: [above, ...old], now: [above, ...now] };
};

/**
 * Shell that writes `from` to `to` (words of shell) with the changes from `was` to `now`, and exits with 75 where lines to be replaced
 * are not what they are in `was`: something in them is redacted, or above them. A text that was heard does not tell whether the file ends
 * with an end of line: where neither text does, the file keeps its own.
 */
export const spliced = (was: string, now: string, from: string, to: string): string => {
  const count = was.split('\n').length;
  const all = hunks(was, now);
  const last = ({ line, old }: Hunk): number => line + old.length - 1;
  const checks = all.map((hunk) => {
    const place = `${hunk.line},${last(hunk)}`;
    return `if [ "$(sed -n ${quote(`${place}p`)} <${from})" != ${quote(hunk.old.join('\n').replace(/\n+$/, ''))} ]; then echo ${from}": lines ${place.replace(',', ' to ')} are not those that the plan shows: run again, or change them by hand" >&2; exit 75; fi`;
  });
  const parts = all.map((hunk, n) => {
    const before = all[n - 1];
    const next = before === undefined ? 1 : last(before) + 1;
    const ends = last(hunk) === count;
    const text = hunk.now.length === 0 ? '' : `${hunk.now.join('\n')}${ends ? '' : '\n'}`;
    return [
      ...(hunk.line > next ? [`sed -n ${quote(`${next},${hunk.line - 1}p`)} <${from}`] : []),
      `printf '%s' ${quote(text)}`,
      ...(ends && !was.endsWith('\n') && !now.endsWith('\n') ? [`[ ! -s ${from} ] || [ -n "$(tail -c 1 <${from})" ] || echo`] : []),
    ].join('; ');
  });
  const end = all.at(-1);
  return [...checks, `{ ${[...parts, `tail -n +${end === undefined ? 1 : last(end) + 1} <${from}`].join('; ')}; } >${to}`].join('\n');
};
