// What each result did over time, in a few numbers. Pure: ledger and report in, ledger out.
import type { CheckId, Report, Result, ResultId } from './check.ts';
import { isCount, keptText, readKept } from './kept.ts';

export interface Noted {
  /** Seconds since 1970: when it was last known. */
  readonly run: number;
  /** When it last failed or warned; `null`: never. */
  readonly fired: number | null;
  /** How often it began to: what goes on from run to run is one time. */
  readonly times: number;
  /** Whether it did when it was last known. */
  readonly firing: boolean;
}
export type Ledger = ReadonlyMap<ResultId, Noted>;

/** What could not be known, and what is only an echo, says nothing about the thing. */
const isKnown = ({ status }: Result): boolean => status !== 'unknown' && status !== 'blocked';

export const noted = (ledger: Ledger, { at, results }: Report): Ledger =>
  new Map([
    ...ledger,
    ...results.filter(isKnown).map(({ id, status }) => {
      const before = ledger.get(id);
      const firing = status === 'fail' || status === 'warn';
      const begins = firing && before?.firing !== true;
      const fired = firing ? at : (before?.fired ?? null);
      return [id, { run: at, fired, times: (before?.times ?? 0) + (begins ? 1 : 0), firing }] as const;
    }),
  ]);

/** All subjects of some checks together. `null`: none of them was ever known. */
export const together = (ledger: Ledger, ids: readonly CheckId[]): Omit<Noted, 'firing'> | null => {
  const mine = [...ledger].filter(([id]) => ids.some((check) => id.startsWith(`${check}@`))).map(([, one]) => one);
  if (mine.length === 0) return null;
  const fired = mine.flatMap((one) => one.fired ?? []);
  return {
    run: Math.max(...mine.map(({ run }) => run)),
    fired: fired.length === 0 ? null : Math.max(...fired),
    times: mine.reduce((sum, { times }) => sum + times, 0),
  };
};

const SCHEMA = 'fabric.ledger/1';

export const ledgerText = (ledger: Ledger): string => keptText(SCHEMA, ledger);

/** `null`: it is not what this version writes. */
export const readLedger = (text: string): Ledger | null =>
  readKept(text, SCHEMA, ({ run, fired, times, firing }) =>
    isCount(run) && (fired === null || isCount(fired)) && isCount(times) && typeof firing === 'boolean'
      ? { run, fired, times, firing }
      : null,
  );
