// A Caddyfile's words and where they stand, as Caddy's lexer cuts them (caddyconfig/caddyfile/lexer.go), and edits that leave all else as
// it is: its comments, its spaces, its order. Pure.

export interface Word {
  readonly text: string;
  readonly kind: 'bare' | 'quoted' | 'heredoc';
  /** From 1: where it begins, and where it ends. */
  readonly line: number;
  readonly last: number;
  /** Columns from 0: where it begins on `line`, and behind its end on `last`. */
  readonly from: number;
  readonly to: number;
  /** Words of one directive have the same: a line, and those that a backslash joins to it. */
  readonly statement: number;
}

export const wordsOf = (file: string): readonly Word[] => {
  const found: Word[] = [];
  let [at, line, begin, statement] = [0, 1, 0, 0];
  const newline = (): void => {
    line += 1;
    begin = at + 1;
  };
  while (at < file.length) {
    const char = file[at];
    if (char === '\n') {
      newline();
      statement += 1;
      at += 1;
    } else if (char === '\\' && /^\\\r?\n/.test(file.slice(at, at + 3))) {
      at = file.indexOf('\n', at);
      newline();
      at += 1;
    } else if (char !== undefined && /\s/.test(char)) at += 1;
    else if (char === '#') {
      const end = file.indexOf('\n', at);
      at = end < 0 ? file.length : end;
    } else {
      const [from, first] = [at - begin, line];
      const word = cut(file, at);
      for (; at < word.end; at += 1) if (file[at] === '\n') newline();
      found.push({ text: word.text, kind: word.kind, line: first, last: line, from, to: at - begin, statement });
    }
  }
  return found;
};

/** The word that begins there, and where it ends. */
const cut = (file: string, at: number): { readonly text: string; readonly kind: Word['kind']; readonly end: number } => {
  const quote = file[at];
  if (quote === '"' || quote === '`') {
    let end = at + 1;
    while (end < file.length && file[end] !== quote) end += quote === '"' && file[end] === '\\' && file[end + 1] === '"' ? 2 : 1;
    const inside = file.slice(at + 1, end);
    return { text: quote === '"' ? inside.replaceAll('\\"', '"') : inside, kind: 'quoted', end: Math.min(end + 1, file.length) };
  }
  const [, marker] = /^<<([A-Za-z0-9_-]+)\r?\n/.exec(file.slice(at, at + 200)) ?? [];
  if (marker !== undefined) {
    // It ends right behind the next place that has its marker, in the middle of a line as well (lexer.go; measured: `cat <<EOF` inside of one).
    const close = file.indexOf(marker, file.indexOf('\n', at));
    const end = close < 0 ? file.length : close + marker.length;
    return { text: file.slice(at, end), kind: 'heredoc', end };
  }
  let end = at;
  while (end < file.length && !/\s/.test(file[end] ?? '')) end += 1;
  return { text: file.slice(at, end), kind: 'bare', end };
};

/** REX-35: a status code that stands alone on a line below a heredoc belongs behind its closing marker. The same text: there is none. */
export const statusMoved = (file: string): string => {
  const [words, lines] = [wordsOf(file), file.split('\n')];
  const edits = words.flatMap((heredoc, n): readonly Edit[] => {
    const status = words[n + 1];
    if (heredoc.kind !== 'heredoc' || status === undefined || status.line <= heredoc.last || !/^[1-5]\d\d$/.test(status.text)) return [];
    const [closing, alone] = [lines[heredoc.last - 1] ?? '', lines[status.line - 1] ?? ''];
    if (alone.trim() !== status.text || closing.trim() === '' || closing.slice(heredoc.to).trim() !== '') return [];
    const end = /\s*$/.exec(closing)?.[0] ?? '';
    return [
      {
        at: heredoc.last,
        now: `${closing.slice(0, closing.length - end.length)} ${status.text}${end.endsWith('\r') ? '\r' : ''}`,
      },
      { at: status.line, now: null },
    ];
  });
  return edited(file, edits);
};

/**
 * Ranges taken out of every client_ip and remote_ip that names them. `null`: not by such an edit, since one is not written there as it is
 * (`private_ranges`, a placeholder), or nothing would be left.
 */
export const withoutRanges = (file: string, ranges: readonly string[]): string | null => {
  const [words, lines] = [wordsOf(file), file.split('\n')];
  const matchers = words.flatMap((word, n) => {
    if (word.kind !== 'bare' || (word.text !== 'client_ip' && word.text !== 'remote_ip')) return [];
    const after = words.slice(n + 1).filter(({ statement }) => statement === word.statement);
    // `{` and `}` close a block that stands on one line.
    const end = after.findIndex(({ text }) => text === '{' || text === '}');
    return [end < 0 ? after : after.slice(0, end)];
  });
  const gone = [...new Set(matchers.flat())].filter(({ text }) => ranges.includes(text));
  if (!ranges.every((range) => gone.some(({ text }) => text === range))) return null;
  if (matchers.some((after) => after.length > 0 && after.every(({ text }) => ranges.includes(text)))) return null;
  const edits = [...new Set(gone.map(({ line }) => line))].map((at): Edit | null => {
    const was = lines[at - 1] ?? '';
    const mine = gone.filter(({ line }) => line === at).toSorted((a, b) => b.from - a.from);
    // The spaces before it go with it. One that begins its line, behind a backslash, is left to a person.
    const now = mine.reduce((text, { from, to }) => `${text.slice(0, from).replace(/[ \t]+$/, '')}${text.slice(to)}`, was);
    return mine.some(({ from }) => was.slice(0, from).trim() === '') ? null : { at, now };
  });
  return edits.includes(null)
    ? null
    : edited(
        file,
        edits.flatMap((one) => one ?? []),
      );
};

/** A line, by its number from 1; `null` takes it out. */
interface Edit {
  readonly at: number;
  readonly now: string | null;
}
const edited = (file: string, edits: readonly Edit[]): string =>
  file
    .split('\n')
    .flatMap((line, n) => {
      const edit = edits.find(({ at }) => at === n + 1);
      return edit === undefined ? [line] : edit.now === null ? [] : [edit.now];
    })
    .join('\n');
