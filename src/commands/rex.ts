import { readFileSync } from 'node:fs';
import { type Book, type Check, isOwn } from '../check.ts';
import { covered } from '../coverage.ts';
import { Refusal } from '../errors.ts';
import { checksNamed, lookUp, rexId } from '../lookup.ts';
import { alternativesOf, prove } from '../prove.ts';
import { humanReport } from '../report/human.ts';
import { exitCode, reportJson } from '../report/json.ts';
import { coverageJson, humanCoverage, humanList, humanProofs, isProven, listJson, listOf, proofsJson } from '../report/rex.ts';
import { runKey } from '../secrets/fetch.ts';
import { visible } from '../shell.ts';
import { type AskOptions, ask } from './ask.ts';
import { withBecome } from './become.ts';
import { readBook, refuseStrangers } from './book.ts';
import { ownBook, ownFabric } from './explain.ts';
import { readInput } from './input.ts';
import { keepLedger, recallLedger } from './ledger.ts';
import { readRecordings, recordingsFolder } from './recordings.ts';
import { type Common, open, painter } from './session.ts';

export interface RexOptions extends Common {
  readonly format: 'human' | 'json';
}
export interface RexRunOptions extends RexOptions, Omit<AskOptions, 'at'> {
  readonly failOn: 'fail' | 'warn';
  readonly verbose: boolean;
}

/** `fabric rex list`: every post-mortem and every check, and what each did lately here. */
export const rexList = async (options: RexOptions): Promise<number> => {
  const fabric = ownFabric(options);
  const rows = listOf(await ownBook(fabric, options), fabric === null ? new Map() : recallLedger(fabric.file));
  process.stdout.write(
    options.format === 'json' ? json(listJson(rows)) : humanList(rows, painter(process.stdout), Math.floor(Date.now() / 1000)),
  );
  return 0;
};

/** `fabric rex run ID…`: asks the hosts for exactly these. */
export const rexRun = async (names: readonly string[], options: RexRunOptions): Promise<number> => {
  const session = open(options);
  try {
    const book = await readBook(session.fabric);
    refuseStrangers(session.fabric, book);
    const chosen = chosenOf(book, names);
    const text = readFileSync(session.fabric.file, 'utf8');
    const checks = chosen.map((one) => narrowed(one, names));
    const report = await ask(session, { ...options, at: [] }, await withBecome(runKey(), options), text, checks);
    if (report.results.length === 0)
      throw new Refusal(`by this fabric.yaml ${names.map(visible).join(', ')} has nothing to ask`, {
        next: ['`fabric explain ID` tells what it looks at'],
      });
    process.stdout.write(
      options.format === 'json' ? json(reportJson(report)) : humanReport(report, painter(process.stdout), options.verbose),
    );
    keepLedger(session.fabric.file, report);
    return exitCode(report, options.failOn);
  } finally {
    await session.close();
  }
};

/** `fabric rex test [ID…]`: whether each check is proven by its recordings. Asks nobody. */
export const rexTest = async (names: readonly string[], options: RexOptions): Promise<number> => {
  const fabric = ownFabric(options);
  const book = await readBook(fabric);
  const all = book.checks.map((check) => ({ check, recorded: readRecordings(recordingsFolder(check.id, fabric)) }));
  const alternatives = alternativesOf(all.flatMap(({ recorded }) => recorded.flatMap(({ vantages }) => vantages)));
  const chosen = names.length === 0 ? book.checks : chosenOf(book, names);
  // Only a user's own may come without recordings, and then it is no proof, and no failure.
  const bare = (check: Check): boolean => isOwn(check.id) && all.every((one) => one.check !== check || one.recorded.length === 0);
  const proofs = all
    .filter(({ check }) => chosen.includes(check) && !bare(check))
    .map(({ check, recorded }) => prove(check, recorded, alternatives));
  const unproven = chosen.filter(bare);
  process.stdout.write(
    options.format === 'json' ? json(proofsJson(proofs, unproven)) : humanProofs(proofs, unproven, painter(process.stdout)),
  );
  return proofs.every(isProven) ? 0 : 1;
};

/** `fabric rex coverage FILE.md`: which entries of a document have a check. Exit 1 where one has none. */
export const rexCoverage = async (file: string, options: RexOptions): Promise<number> => {
  const { name, text } = readInput(file, 'FILE.md');
  const found = covered(text, await readBook(ownFabric(options)));
  if (found.length === 0)
    throw new Refusal(`${visible(name)} has no heading that begins with a REX id`, {
      next: ['write them as headings: `### REX-36 — what happened`'],
    });
  process.stdout.write(options.format === 'json' ? json(coverageJson(found)) : humanCoverage(found, painter(process.stdout)));
  return found.every(({ checks }) => checks.length > 0) ? 0 : 1;
};

const json = (data: unknown): string => `${JSON.stringify(data, null, 2)}\n`;

const chosenOf = (book: Book, names: readonly string[]): readonly Check[] => {
  for (const name of names) {
    if (checksNamed(book, name).length > 0) continue;
    const rex = rexId(name);
    if (book.entries.some(({ id }) => id === rex))
      throw new Refusal(`${rex} has no check yet`, { next: [`read what is known: fabric explain ${rex}`] });
    throw new Refusal(`${visible(name)}: no such check or entry`, {
      next: [`nearest: ${nearestTo(book, name).join(', ')}`, '`fabric rex list` lists them all'],
    });
  }
  const wanted = new Set(names.flatMap((name) => checksNamed(book, name)));
  return book.checks.filter((check) => wanted.has(check));
};
const nearestTo = (book: Book, name: string): readonly string[] => {
  const { found, nearest } = lookUp(book, name);
  return found.length === 0 ? nearest : found.map((one) => (one.is === 'entry' ? one.entry.id : one.check.id));
};

/** check@subject: that subject alone. */
const narrowed = (check: Check, names: readonly string[]): Check => {
  const subjects = names.filter((name) => name.startsWith(`${check.id}@`)).map((name) => name.slice(check.id.length + 1));
  const whole = names.some((name) => !name.includes('@') && checksNamed({ checks: [check], entries: [] }, name).length > 0);
  return whole || subjects.length === 0
    ? check
    : { ...check, each: (fabric, options) => check.each(fabric, options).filter(({ subject }) => subjects.includes(subject)) };
};
