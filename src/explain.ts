// What there is to tell about a check or a post-mortem, without asking anybody: data in, data out.
import { asDeclared, type Book, type Check, type Entry, type Result } from './check.ts';
import type { Key, Question, Vantage } from './evidence.ts';
import type { Accepted, Fabric } from './fabric.ts';
import type { Found } from './lookup.ts';
import { type Moment, type Recorded, replayed } from './prove.ts';
import { questionText } from './reproduce.ts';
import { sealed } from './secret.ts';

/** One question, as a person can read it. */
export interface Asked {
  readonly vantage: Vantage;
  readonly key: Key;
  readonly root: boolean;
  readonly script: string;
  /** What the script reads, secrets by name; `null`: nothing. */
  readonly stdin: string | null;
}
/** A recording of then, judged today. */
export interface Replay {
  readonly moment: Moment;
  readonly results: readonly Result[];
}
export type Explained =
  | { readonly is: 'entry'; readonly entry: Entry; readonly checks: readonly Check[] }
  | {
      readonly is: 'check';
      readonly check: Check;
      readonly entries: readonly Entry[];
      /** By which the questions are told: the user's fabric.yaml, or that of its recorded incident. `null`: neither has it ask anything. */
      readonly by: 'yours' | 'its incident' | null;
      readonly asks: readonly Asked[];
      readonly replays: readonly Replay[];
      readonly accepted: readonly Accepted[];
    };

/** `fabric`: the user's, where there is one. `recorded`: the check's recordings. */
export const explained = (book: Book, found: Found, fabric: Fabric | null, recorded: (check: Check) => readonly Recorded[]): Explained => {
  if (found.is === 'entry') return { ...found, checks: book.checks.filter(({ rex }) => rex?.includes(found.entry.id)) };
  const { check } = found;
  const recordings = recorded(check);
  const incident = recordings[0];
  const mine = fabric === null ? [] : asksOf(check, fabric);
  const theirs = incident === undefined ? [] : asksOf(check, incident.fabric);
  return {
    is: 'check',
    check,
    entries: book.entries.filter(({ id }) => check.rex?.includes(id)),
    by: mine.length > 0 ? 'yours' : theirs.length > 0 ? 'its incident' : null,
    asks: mine.length > 0 ? mine : theirs,
    replays: recordings.map((one) => ({ moment: one.moment, results: replayed(check, one) })),
    accepted: (fabric?.accept ?? []).filter((one) => one.check === check.id),
  };
};

const asksOf = (check: Check, fabric: Fabric): readonly Asked[] => {
  const probes = check.each(fabric, asDeclared).flatMap(({ needs }) => needs);
  const once = new Map(probes.map(({ key, question }) => [`${question.at} ${key}`, { key, question }]));
  return [...once.values()].map(({ key, question }) => asked(key, question));
};
const asked = (key: Key, question: Question): Asked => {
  const { sudo, stdin } = question.via === 'sh' ? question : {};
  return {
    vantage: question.at,
    key,
    root: sudo === true,
    script: questionText(question),
    stdin: stdin === undefined ? null : sealed(stdin),
  };
};
