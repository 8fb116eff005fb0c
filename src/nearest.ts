// Did you mean …?

/** The known word that a mistyped one is near to. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const near = known.map((it) => ({
    it,
    far: distance(word.toLowerCase(), it.toLowerCase()),
    most: Math.min(3, Math.floor(it.length / 3)),
  }));
  return near.filter(({ it, far, most }) => it !== word && far <= most).sort((a, b) => a.far - b.far)[0]?.it;
}

/** Damerau-Levenshtein (optimal string alignment): edits, and swaps of neighbours. Words whose lengths differ by much are far. */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 3) return Number.POSITIVE_INFINITY;
  const table: number[][] = [];
  const at = (i: number, j: number) => table[i]?.[j] ?? Number.POSITIVE_INFINITY;
  for (let i = 0; i <= a.length; i++) {
    const row: number[] = [];
    table.push(row);
    for (let j = 0; j <= b.length; j++) {
      const replaced = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(i - 2, j - 2) + 1 : Number.POSITIVE_INFINITY;
      row.push(i === 0 || j === 0 ? i + j : Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, replaced, swapped));
    }
  }
  return at(a.length, b.length);
}
