// What a person means by an id, or by a text that they saw somewhere. Pure, and asks nobody.
import type { Book, Check, Entry } from './check.ts';

export type Found = { readonly is: 'entry'; readonly entry: Entry } | { readonly is: 'check'; readonly check: Check };

export const nameOf = (found: Found): string => (found.is === 'entry' ? found.entry.id : found.check.id);
export const titleOf = (found: Found): string => (found.is === 'entry' ? found.entry.title : found.check.title);

/** `REX-36`, `rex-36`, `rex 36`, `REX36`, `36`. `null`: none of these. */
export const rexId = (text: string): Entry['id'] | null => {
  const number = /^(?:rex[\s_-]*)?(\d{1,6})$/i.exec(text.trim())?.[1];
  return number === undefined ? null : `REX-${Number(number)}`;
};

/** The checks that a name stands for: of a check, of its result on a subject (check@subject), or of a post-mortem. */
export const checksNamed = ({ checks }: Book, name: string): readonly Check[] => {
  const id = name.trim().toLowerCase().replace(/@.*/s, '');
  const rex = rexId(name);
  return checks.filter((check) => check.id.toLowerCase() === id || (rex !== null && (check.rex ?? []).includes(rex)));
};

/** What a text may mean. */
export interface LookedUp {
  /** Best first. */
  readonly found: readonly Found[];
  /** An id, or a text that an entry is known by; not only words in common. */
  readonly sure: boolean;
  /** Where nothing was found: ids that look like it. */
  readonly nearest: readonly string[];
}
/** Everything that the text may mean. One that is sure is what was meant. */
export const lookUp = (book: Book, text: string): LookedUp => {
  // A number, or an id, that nothing has is no word to look for.
  const subject = /^\s*([a-z0-9]+)\/[a-z0-9-]+\s*$/i.exec(text)?.[1]?.toLowerCase();
  const isId = /^\s*rex[\s_-]*\d+\s*$/i.test(text) || book.checks.some(({ id }) => subject !== undefined && id.startsWith(`${subject}/`));
  const ways = isId ? [byId] : [byId, bySaying, byWords];
  for (const way of ways) {
    const found = way(book, text);
    if (found.length > 0) return { found, sure: way !== byWords, nearest: [] };
  }
  return { found: [], sure: false, nearest: nearest(book, text) };
};

const asEntry = (entry: Entry): Found => ({ is: 'entry', entry });
const asCheck = (check: Check): Found => ({ is: 'check', check });

const byId = (book: Book, text: string): readonly Found[] => {
  const rex = rexId(text);
  const entries = book.entries.filter(({ id }) => id === rex);
  if (entries.length > 0) return entries.map(asEntry);
  const named = checksNamed(book, text);
  if (named.length > 0) return named.map(asCheck);
  // `exposure`, where only one subject has a check of that name.
  const word = text.trim().toLowerCase();
  return book.checks.filter(({ id }) => id.toLowerCase().endsWith(`/${word}`)).map(asCheck);
};

const bySaying = ({ entries }: Book, text: string): readonly Found[] =>
  entries.filter(({ says }) => says.some((one) => new RegExp(one.source, one.flags.replace(/[gy]/g, '')).test(text))).map(asEntry);

/** At most so many are worth a look. */
const MOST = 5;
/** Words of every text: they tell nothing. */
const EMPTY = new Set(
  'a about all an and are as at be but by can does for from has have how in is it its no not of on only or that the then there this to was what where which who why will with'.split(
    ' ',
  ),
);
/** Words as they are compared: lower case, without what English adds to their ends. */
const words = (text: string): readonly string[] =>
  text
    .toLowerCase()
    .split(/[^\p{L}\d]+/u)
    .filter((word) => word.length > 1 && !EMPTY.has(word))
    .map((word) => word.replace(/(?:ing|ed|es|s)$/, (end) => (word.length - end.length > 3 ? '' : end)));

/** Each distinct word with how much it says about where it stands. */
const weights = (parts: readonly (readonly [weight: number, text: string])[]): ReadonlyMap<string, number> => {
  const found = new Map<string, number>();
  for (const [weight, text] of parts) for (const word of words(text)) found.set(word, Math.max(weight, found.get(word) ?? 0));
  return found;
};

/** Ranked by the words in common, those that few texts have counting most. Nearly half of what the words could say must be met; one that no text has says little. */
const byWords = ({ entries, checks }: Book, text: string): readonly Found[] => {
  const asked = [...new Set(words(text))];
  const known = [
    ...entries.map((entry) => ({
      found: asEntry(entry),
      has: weights([
        [3, `${entry.id} ${entry.title}`],
        [2, entry.says.map(({ source }) => source).join(' ')],
        [1, `${entry.concluded} ${entry.holds} ${entry.remedy}`],
      ]),
    })),
    ...checks.map((check) => ({
      found: asCheck(check),
      has: weights([
        [3, `${check.id} ${check.title}`],
        [1, `${check.story} ${check.decides}`],
      ]),
    })),
  ];
  const rarity = (word: string): number => {
    const texts = known.filter(({ has }) => has.has(word)).length;
    return texts === 0 ? 1.5 : Math.log(1 + known.length / texts);
  };
  const whole = asked.reduce((sum, word) => sum + rarity(word), 0);
  const ranked = known
    .map(({ found, has }) => {
      const met = asked.filter((word) => has.has(word));
      return {
        found,
        share: met.reduce((sum, word) => sum + rarity(word), 0) / whole,
        score: met.reduce((sum, word) => sum + rarity(word) * (has.get(word) ?? 0), 0),
      };
    })
    .filter(({ share }) => share >= 0.45)
    .toSorted((a, b) => b.score - a.score);
  const best = ranked[0]?.score ?? 0;
  return ranked
    .filter(({ score }) => score >= best * 0.6)
    .slice(0, MOST)
    .map(({ found }) => found);
};

/** The ids that look most like it, by the pairs of letters in common; or that have any of its words. */
const nearest = ({ entries, checks }: Book, text: string): readonly string[] => {
  const pairs = (word: string): ReadonlySet<string> => {
    const plain = word.toLowerCase().replaceAll(/[^\p{L}\d]/gu, '');
    return new Set(Array.from({ length: Math.max(plain.length - 1, 0) }, (_, n) => plain.slice(n, n + 2)));
  };
  const mine = pairs(text.slice(0, 80));
  const likeness = (id: string): number => {
    const theirs = pairs(id);
    return (2 * [...theirs].filter((pair) => mine.has(pair)).length) / (theirs.size + mine.size || 1);
  };
  return [...entries, ...checks]
    .map(({ id }) => ({ id, likeness: likeness(id) }))
    .toSorted((a, b) => b.likeness - a.likeness)
    .slice(0, 3)
    .map(({ id }) => id);
};
