// Whether a check is proven by its recordings: red on the incident, green on the fix, and moved by each fact that it asks for. Data in,
// data out.
import { isDeepStrictEqual } from 'node:util';
import { asDeclared, type Check, type Options, type Result, type ResultId } from './check.ts';
import { type Answer, type Evidence, facts, isLost, type Key, type Lost, type Probe, type Vantage } from './evidence.ts';
import { examine, needsOf } from './examine.ts';
import type { Fabric } from './fabric.ts';
import { type Recording, replay } from './replay.ts';
import { questionMark } from './wire.ts';

/** `before`, `after`, or one of them with more behind a dash: `before-no-firewall`. */
export type Moment = `${'before' | 'after'}${'' | `-${string}`}`;
/** What one folder of a check's recordings holds. */
export interface Recorded {
  readonly moment: Moment;
  /** By which it is judged. */
  readonly fabric: Fabric;
  readonly vantages: readonly Recording[];
  /** What was asked for when it was recorded. */
  readonly options?: Options;
}

/** A question of a check. */
export interface Fact {
  readonly vantage: Vantage;
  readonly key: Key;
}
export interface Proof {
  readonly check: Check;
  /** Each `before…`: whether it found what it should. */
  readonly red: readonly boolean[];
  /** Each `after…`: whether it was silent. */
  readonly green: readonly boolean[];
  /** How many facts were altered. */
  readonly facts: number;
  /** Those whose alterations turned no verdict, and that nobody explained. */
  readonly survivors: readonly Fact[];
  /** Those that `spared` explains. */
  readonly explained: readonly (Fact & { readonly why: string })[];
  /** Sentences: what keeps this from being a proof. Empty: proven. */
  readonly problems: readonly string[];
}

/** Answers that hosts have given under a key. */
export type Alternatives = ReadonlyMap<Key, readonly Answer[]>;

/** Every answer of all recordings, by key: what really was said somewhere is the best alteration. */
export const alternativesOf = (all: readonly Recording[]): Alternatives => {
  const found = new Map<Key, Answer[]>();
  for (const { evidence } of all)
    for (const [key, answer] of evidence.answers) if (!isLost(answer)) found.set(key, [...(found.get(key) ?? []), answer]);
  return found;
};

export const prove = (check: Check, recorded: readonly Recorded[], alternatives: Alternatives): Proof => {
  const judged = recorded.map((one) => judge(check, one));
  const befores = judged.filter(({ moment }) => moment.startsWith('before'));
  const afters = judged.filter(({ moment }) => moment.startsWith('after'));
  const red = befores.map(({ results }) => results.some(({ status }) => status === 'fail' || status === 'warn'));
  const green = afters.map(({ results }) => results.every(({ status }) => status === 'pass'));
  const asked = new Map(judged.flatMap(({ needs }) => needs.map((probe) => [nameOf(probe), probe] as const)));
  const standing = new Map([...asked].filter(([name]) => !judged.some((one) => turns(check, one, name, alternatives))));
  const spared = Object.entries(check.spared ?? {}).map(([pattern, why]) => ({ pattern, why, matches: matcher(pattern) }));
  const sorted = [...standing.values()].map(({ key, question: { at: vantage } }) => ({
    vantage,
    key,
    why: spared.find(({ matches }) => matches(key))?.why,
  }));
  return {
    check,
    red,
    green,
    facts: asked.size,
    survivors: sorted.flatMap(({ why, ...fact }) => (why === undefined ? [fact] : [])),
    explained: sorted.flatMap(({ why, ...fact }) => (why === undefined ? [] : [{ ...fact, why }])),
    problems: [
      ...(befores.length === 0 ? ['it has no recording of its incident: before/'] : []),
      ...(afters.length === 0 ? ['it has no recording of the fix: after/'] : []),
      ...befores.flatMap(({ moment, results }, n) => (red[n] ? [] : [`${moment}: it finds nothing: ${told(results)}`])),
      ...afters.flatMap(({ moment, results }, n) => (green[n] ? [] : [`${moment}: it does not pass: ${told(results)}`])),
      ...judged.flatMap(({ moment, stale }) =>
        stale.map((key) => `${moment}: ${key} is not recorded as it is asked today: record it again`),
      ),
      ...judged.flatMap((one) => silence(check, one)),
      ...sorted.flatMap(({ vantage, key, why }) => (why === undefined ? [`no alteration of ${key} at ${vantage} turns its verdict`] : [])),
      ...spared.flatMap(({ pattern, matches }) =>
        sorted.some(({ key }) => matches(key)) ? [] : [`spared names ${pattern}, which is no survivor: take it out`],
      ),
    ],
  };
};

/** What that check says of that recording today. */
export const replayed = (check: Check, recorded: Recorded): readonly Result[] => judge(check, recorded).results;

/** One recording, put to the questions of today, and judged. */
interface Judged extends Recorded {
  readonly options: Options;
  readonly needs: readonly Probe<unknown>[];
  /** Keys that were recorded in other words, or not at all. */
  readonly stale: readonly Key[];
  readonly evidence: readonly Evidence[];
  readonly results: readonly Result[];
}
const judge = (check: Check, recorded: Recorded): Judged => {
  const options = recorded.options ?? asDeclared;
  // What somebody accepted is a finding all the same.
  const fabric = { ...recorded.fabric, accept: [] };
  const needs = needsOf(fabric, [check], options);
  const heard = new Map(recorded.vantages.map((one) => [one.evidence.vantage, one.marks]));
  const stale = needs.flatMap(({ key, question }) => (heard.get(question.at)?.get(key) === questionMark(question) ? [] : [key]));
  const evidence = replay(recorded.vantages, needs);
  return { ...recorded, fabric, options, needs, stale, evidence, results: verdicts(check, fabric, evidence, options) };
};

const verdicts = (check: Check, fabric: Fabric, evidence: readonly Evidence[], options: Options): readonly Result[] =>
  examine(fabric, [check], evidence, options, 0).results;

const told = (results: readonly Result[]): string =>
  results.length === 0
    ? 'it has nothing to judge by that fabric.yaml'
    : results.map((one) => `${one.id} ${one.status}${'lost' in one && one.lost[0] ? ` (${one.lost[0].why})` : ''}`).join(', ');

const SILENT: Lost = { lost: 'unreachable', why: 'nothing was answered' };
/** Where nothing was answered, nothing is known: neither red nor green. */
const silence = (check: Check, { moment, fabric, options, needs }: Judged): readonly string[] => {
  const asking = check.each(fabric, options).filter((one) => one.needs.length > 0);
  const silent = needs.map(({ question: { at: vantage } }) => ({
    vantage,
    at: 0,
    answers: new Map(needs.map((one) => [one.key, SILENT])),
  }));
  const loud = verdicts({ ...check, each: () => asking }, fabric, silent, options).filter(({ status }) => status !== 'unknown');
  return loud.map(({ id, status }) => `${moment}: ${id}: ${status} although nothing was answered`);
};

const nameOf = ({ key, question }: Probe<unknown>): string => `${question.at} ${key}`;

/** Whether some alteration of that answer, which its reader can read, gives some result another status. */
const turns = (check: Check, { fabric, options, needs, evidence, results }: Judged, name: string, alternatives: Alternatives): boolean => {
  const probes = needs.filter((one) => nameOf(one) === name);
  const [probe] = probes;
  const there = evidence.find(({ vantage }) => vantage === probe?.question.at);
  const answer = probe && there?.answers.get(probe.key);
  if (!probe || !there || !answer || isLost(answer)) return false;
  const before = statuses(results);
  const was = reading(probes, there);
  for (const altered of alterations(answer, alternatives.get(probe.key) ?? [])) {
    const changed = { ...there, answers: new Map([...there.answers, [probe.key, altered]]) };
    const now = reading(probes, changed);
    // What cannot be read is lost, and that a loss is unknown goes without saying.
    if (now.every(isLost) || isDeepStrictEqual(now, was)) continue;
    const others = evidence.map((one) => (one === there ? changed : one));
    if (!isDeepStrictEqual(statuses(verdicts(check, fabric, others, options)), before)) return true;
  }
  return false;
};
const statuses = (results: readonly Result[]): ReadonlyMap<ResultId, Result['status']> =>
  new Map(results.map(({ id, status }) => [id, status]));
/** One question may be read in several ways. */
const reading = (probes: readonly Probe<unknown>[], heard: Evidence): readonly unknown[] => {
  const { maybe } = facts([heard], probes);
  return probes.map((one) => maybe(one));
};

/** `*` in a key of `spared` stands for any text. */
const matcher = (pattern: string): ((key: Key) => boolean) => {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&'));
  const whole = new RegExp(`^${parts.join('.*')}$`);
  return (key) => whole.test(key);
};

/** Exit codes that mean something to some reader: a shell's own, curl's (6, 7, 28, 35, 52, 60), timeout's. */
const CODES = [0, 1, 2, 3, 4, 6, 7, 28, 35, 52, 60, 124];
/** Words that hosts say the one or the other of. */
const OPPOSITES: readonly (readonly [string, string])[] = [
  ['true', 'false'],
  ['yes', 'no'],
  ['on', 'off'],
  ['active', 'inactive'],
  ['running', 'exited'],
  ['enabled', 'disabled'],
  ['host', 'bridge'],
  ['root', 'ops'],
  ['0.0.0.0', '127.0.0.1'],
];
const swapped = new Map(OPPOSITES.flatMap(([a, b]) => [[a, b] as const, [b, a] as const]));

/** What else might have been answered: first what was, somewhere; then the answer, bent. */
export function* alterations(answer: Answer, real: readonly Answer[]): Generator<Answer> {
  yield* real;
  yield { code: 0, out: '', err: '' };
  // Absence is a fact in its own word.
  yield { code: 0, out: 'absent', err: '' };
  for (const code of CODES) if (code !== answer.code) yield { ...answer, code };
  for (const out of bent(answer.out)) yield { ...answer, out };
  for (const err of bent(answer.err)) yield { ...answer, err };
}
function* bent(text: string): Generator<string> {
  if (text === '') return;
  const lines = text.split('\n');
  for (const [n, line] of lines.entries()) {
    const put = (...now: readonly string[]): string => [...lines.slice(0, n), ...now, ...lines.slice(n + 1)].join('\n');
    yield put();
    for (const found of line.matchAll(/\d+/g)) for (const now of numbers(found[0])) yield put(spliced(line, found, now));
    // What hosts name: words, and words with what holds them together.
    for (const found of line.matchAll(/[\p{L}\d_.:/-]*\p{L}[\p{L}\d_.:/-]*/gu)) {
      yield put(spliced(line, found, swapped.get(found[0]) ?? `${found[0]}x`));
      yield put(spliced(line, found, ''));
    }
    for (const found of line.matchAll(/[\p{L}\d.]+/gu)) {
      const now = swapped.get(found[0]);
      if (now !== undefined) yield put(spliced(line, found, now));
    }
  }
}
const spliced = (line: string, { 0: was, index }: RegExpExecArray, now: string): string =>
  `${line.slice(0, index)}${now}${line.slice(index + was.length)}`;
const numbers = (digits: string): readonly string[] => {
  const number = Number(digits);
  return [...new Set([0, number + 1, number * 10, number + 100_000, Math.floor(number / 2), 1])]
    .filter((one) => one !== number)
    .map(String);
};
