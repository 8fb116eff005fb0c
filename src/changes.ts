// What is new since the last run. Pure: memory and report in, changes and memory out.
import type { Report, Result, ResultId } from './check.ts';
import { isCount, keptText, readKept } from './kept.ts';

/** A status that says something about the thing. `unknown` says something about us, and `blocked` about another result. */
export type Settled = 'pass' | 'warn' | 'fail' | 'accepted';

export interface Remembered {
  /** What it was when it was last known. `null`: it never was. */
  readonly status: Settled | null;
  /** Seconds since 1970: since when it has this status, as far as we know. */
  readonly since: number;
  /** Runs in a row in which it could not be known. */
  readonly unknown: number;
}
export type Memory = ReadonlyMap<ResultId, Remembered>;

/** `known`: it can be known again, and is what it was. `gone`: it is no longer checked. */
export interface Change {
  readonly id: ResultId;
  readonly is: 'new' | 'changed' | 'unknown' | 'known' | 'gone';
  readonly was: Settled | null;
  /** Seconds since 1970; 0 when it never was. */
  readonly since: number;
  /** `null`: gone. */
  readonly result: Result | null;
}

/** From this many runs in a row on, that it cannot be known is news. A laptop that sleeps through one run is none. */
const TWICE = 2;

/** Without a memory, whatever does not pass is new. */
export const compare = (
  memory: Memory | null,
  { at, results }: Report,
): { readonly changes: readonly Change[]; readonly memory: Memory } => {
  const next = new Map<ResultId, Remembered>();
  const changes: Change[] = [];
  for (const result of results) {
    const before = memory?.get(result.id);
    const past = { id: result.id, was: before?.status ?? null, since: before?.since ?? 0, result };
    if (result.status === 'blocked') {
      // An echo: its root is the news, and what it was before still counts.
      if (before) next.set(result.id, before);
    } else if (result.status === 'unknown') {
      const unknown = memory === null ? TWICE : (before?.unknown ?? 0) + 1;
      if (unknown === TWICE) changes.push({ ...past, is: 'unknown' });
      next.set(result.id, { status: past.was, since: past.since, unknown });
    } else {
      const same = past.was === result.status;
      next.set(result.id, { status: result.status, since: same ? past.since : at, unknown: 0 });
      if (!same && past.was !== null) changes.push({ ...past, is: 'changed' });
      else if (before && before.unknown >= TWICE) changes.push({ ...past, is: 'known' });
      else if (!same && result.status !== 'pass') changes.push({ ...past, is: 'new' });
    }
  }
  const here = new Set(results.map(({ id }) => id));
  for (const [id, { status, since, unknown }] of memory ?? [])
    if (!here.has(id) && (status === 'fail' || status === 'warn' || unknown >= TWICE))
      changes.push({ id, is: 'gone', was: status, since, result: null });
  return { changes, memory: next };
};

const SCHEMA = 'fabric.memory/1';

export const memoryText = (memory: Memory): string => keptText(SCHEMA, memory);

/** `null`: it is not what this version writes. */
export const readMemory = (text: string): Memory | null =>
  readKept(text, SCHEMA, ({ status, since, unknown }) =>
    isSettled(status) && isCount(since) && isCount(unknown) ? { status, since, unknown } : null,
  );

const isSettled = (value: unknown): value is Settled | null =>
  value === null || value === 'pass' || value === 'warn' || value === 'fail' || value === 'accepted';
