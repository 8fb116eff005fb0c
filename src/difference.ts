// What two recordings of the same fabric say differently. Pure.
import type { Report, Result, ResultId } from './check.ts';
import { type Answer, isLost, type Key, type Lost, type Vantage } from './evidence.ts';
import type { Recording } from './replay.ts';

export interface Verdict {
  readonly id: ResultId;
  /** `null`: it was not checked then. */
  readonly was: Result['status'] | null;
  readonly now: Result['status'] | null;
}
export interface Said {
  readonly vantage: Vantage;
  readonly key: Key;
  readonly is: 'appeared' | 'vanished' | 'changed';
  /** The question itself was another one. */
  readonly askedDifferently: boolean;
  readonly was: Answer | Lost | null;
  readonly now: Answer | Lost | null;
}

/** Results whose status changed, in the order of the later report. */
export const verdicts = (before: Report, after: Report): readonly Verdict[] => {
  const was = new Map(before.results.map(({ id, status }) => [id, status]));
  const now = new Map(after.results.map(({ id, status }) => [id, status]));
  return [...new Set([...now.keys(), ...was.keys()])]
    .map((id) => ({ id, was: was.get(id) ?? null, now: now.get(id) ?? null }))
    .filter((one) => one.was !== one.now);
};

/**
 * Answers that are not the same, by vantage and key. What always differs (ages, process ids) is among them. `sealed`: the keys whose
 * answers hold fingerprints. Each run has its own key for these, so only which of one recording are equal can be compared.
 */
export const answers = (before: readonly Recording[], after: readonly Recording[], sealed: ReadonlySet<Key>): readonly Said[] => {
  const vantages = new Set([...before, ...after].map(({ evidence }) => evidence.vantage));
  return [...vantages].flatMap((vantage) => {
    const then = before.find(({ evidence }) => evidence.vantage === vantage);
    const since = after.find(({ evidence }) => evidence.vantage === vantage);
    const keys = new Set([...(then?.evidence.answers.keys() ?? []), ...(since?.evidence.answers.keys() ?? [])]);
    const [labelled, relabelled] = [labels(sealed), labels(sealed)];
    return [...keys].sort().flatMap((key): readonly Said[] => {
      const was = labelled(key, then?.evidence.answers.get(key) ?? null);
      const now = relabelled(key, since?.evidence.answers.get(key) ?? null);
      if (JSON.stringify(was) === JSON.stringify(now)) return [];
      const is = was === null ? 'appeared' : now === null ? 'vanished' : 'changed';
      return [{ vantage, key, is, askedDifferently: is === 'changed' && then?.marks.get(key) !== since?.marks.get(key), was, now }];
    });
  });
};

/** Fingerprints of one recording by the name that each first stands beside: `LITELLM_MASTER_KEY [value of LITELLM_MASTER_KEY]`. */
const labels = (sealed: ReadonlySet<Key>) => {
  const known = new Map<string, string>();
  const label = (fingerprint: string, line: string): string => {
    const found = known.get(fingerprint);
    if (found !== undefined) return found;
    let name = `value of ${line.split(' ')[0]}`;
    while ([...known.values()].includes(`[${name}]`)) name = `another ${name}`;
    known.set(fingerprint, `[${name}]`);
    return `[${name}]`;
  };
  return (key: Key, answer: Answer | Lost | null): Answer | Lost | null => {
    if (answer === null || isLost(answer) || !sealed.has(key)) return answer;
    const out = answer.out.split('\n').map((line) => line.replace(/ ([0-9a-f]{64})$/, (_, fingerprint) => ` ${label(fingerprint, line)}`));
    return { ...answer, out: out.join('\n') };
  };
};
