import { text } from 'node:stream/consumers';
import type { Book } from '../check.ts';
import { Refusal } from '../errors.ts';
import { explained } from '../explain.ts';
import { NoFabric } from '../fabric/find.ts';
import type { Fabric } from '../fabric.ts';
import { type LookedUp, lookUp, nameOf } from '../lookup.ts';
import { explainedJson, humanExplained, humanFound } from '../report/explain.ts';
import { visible } from '../shell.ts';
import { readBook } from './book.ts';
import { readRecordings, recordingsFolder } from './recordings.ts';
import { type Common, open, painter } from './session.ts';

export interface ExplainOptions extends Common {
  readonly format: 'human' | 'json';
}

/** `fabric explain ID|TEXT`: what is known about it, offline. Exit 1 where nothing is. */
export const explain = async (given: readonly string[], options: ExplainOptions): Promise<number> => {
  const asked = given.join(' ') === '-' ? (await text(process.stdin)).slice(0, MOST) : given.join(' ');
  if (asked.trim() === '') throw new Refusal('there is nothing to explain', { next: ['name an id, or paste the text of an error'] });
  const fabric = ownFabric(options);
  const book = await ownBook(fabric, options);
  const { found, sure, nearest } = meant(book, given, asked);
  const told = sure ? found.map((one) => explained(book, one, fabric, ({ id }) => readRecordings(recordingsFolder(id, fabric)))) : [];
  const paint = painter(process.stdout);
  if (options.format === 'json')
    process.stdout.write(`${JSON.stringify(explainedJson(found, told.length === 1 ? (told[0] ?? null) : null), null, 2)}\n`);
  else if (told.length > 0) process.stdout.write(told.map((one) => humanExplained(one, paint)).join('\n'));
  else if (found.length > 0) process.stdout.write(humanFound(found, paint));
  if (found.length > 0) return 0;
  process.stderr.write(
    `fabric: nothing is known about ${visible(short(asked))}\n  → nearest: ${nearest.map(visible).join(', ')}\n  → fabric rex list\n`,
  );
  return 1;
};

/** Several ids, each for itself; else one text. An error that several entries are known by is a list to choose from. */
const meant = (book: Book, given: readonly string[], text: string): LookedUp => {
  const each = given.length > 1 ? given.map((word) => lookUp(book, word)) : [];
  if (each.length > 0 && each.every(({ found, sure }) => sure && found.length === 1)) {
    const found = each.flatMap((one) => one.found);
    return { found: found.filter((one, n) => found.findIndex((other) => nameOf(other) === nameOf(one)) === n), sure: true, nearest: [] };
  }
  const whole = lookUp(book, text);
  return { ...whole, sure: whole.sure && whole.found.length === 1 };
};

/** Characters of a text on stdin: an error and what stands around it, and no log of a year. */
const MOST = 100_000;
const short = (asked: string): string => JSON.stringify(asked.length > 60 ? `${asked.slice(0, 60)}…` : asked);

/** What is known with the user's own entries, or without them where one of them cannot be read. */
export const ownBook = async (fabric: Fabric | null, { config }: Common): Promise<Book> => {
  try {
    return await readBook(fabric);
  } catch (error) {
    if (!(error instanceof Refusal) || config !== undefined) throw error;
    process.stderr.write(`fabric: ${visible(error.message)}\n  → your own entries are left out\n`);
    return readBook(null);
  }
};

/** The user's fabric.yaml, where there is one. One that was not named and cannot be read is no reason to explain nothing. */
export const ownFabric = (options: Common): Fabric | null => {
  try {
    return open(options).fabric;
  } catch (error) {
    if (!(error instanceof Refusal) || options.config !== undefined) throw error;
    if (!(error instanceof NoFabric)) process.stderr.write(`fabric: ${visible(error.message)}\n  → explained without it\n`);
    return null;
  }
};
