// What can be mended without a person's judgement, out of what was found.
import { type Finding, isOwn, type Report, type Result, type ResultId } from './check.ts';
import type { HostName } from './fabric.ts';
import { rexId } from './lookup.ts';
import { gateList, type Plan, type Step } from './plan.ts';

/** `fabric fix`'s view of a report. */
export interface Remedy {
  /** Their findings all have a fix: the gate wants them to pass. */
  readonly mended: readonly ResultId[];
  /** In the order of the findings; what several ask for is done once, after the last that asks for it. */
  readonly steps: readonly Exclude<Step, { readonly do: 'gate' }>[];
  /** Those that a deployment is to mend. */
  readonly deploy: readonly ResultId[];
  /** Those that a deployment of the names is to mend. */
  readonly deployDns: readonly ResultId[];
  /** What is left to do by hand, by result. */
  readonly byHand: readonly { readonly result: Result; readonly findings: readonly Finding[] }[];
}

/** A check id, check@subject, or a REX id as people write it. */
export const isNamed = ({ id, check }: Pick<Result, 'id' | 'check'>, name: string): boolean =>
  name === id || name === check.id || (check.rex ?? []).some((rex) => rex === rexId(name));

/** Root causes alone: an echo goes with its cause, and what is accepted or unknown is not touched. */
export const remedy = ({ results }: Report, chosen: (result: Result) => boolean): Remedy => {
  const found = results.flatMap((result) => ((result.status === 'fail' || result.status === 'warn') && chosen(result) ? [result] : []));
  const fixes = found.flatMap(({ findings }) => findings.map(({ fix }) => fix));
  const steps = fixes.flatMap((fix): Remedy['steps'] => (fix === undefined || typeof fix === 'string' ? [] : fix));
  const texts = steps.map((step) => JSON.stringify(step));
  return {
    mended: found.filter(({ findings }) => findings.every(({ fix }) => fix !== undefined)).map(({ id }) => id),
    steps: steps.filter((_, n) => texts.lastIndexOf(texts[n] ?? '') === n),
    deploy: found.filter(({ findings }) => findings.some(({ fix }) => fix === 'deploy')).map(({ id }) => id),
    deployDns: found.filter(({ findings }) => findings.some(({ fix }) => fix === 'deploy dns')).map(({ id }) => id),
    byHand: found.flatMap((result) => {
      const left = result.findings.filter(({ fix }) => fix === undefined);
      return left.length === 0 ? [] : [{ result, findings: left }];
    }),
  };
};

/** The files of a host that a plan touches, each with the places of the steps that do. */
export const touched = (plan: Plan, host: HostName): readonly (readonly [path: string, places: readonly number[]])[] => {
  const places = new Map<string, readonly number[]>();
  for (const [n, step] of plan.entries())
    if ('path' in step && step.host === host) places.set(step.path, [...(places.get(step.path) ?? []), n]);
  return [...places];
};

/**
 * The findings' own checks decide; what only followed from them must not fail by itself now (names are found, who may enter gets in: what
 * is tried, where the cause is inferred); and nothing else may be worse.
 */
export const fixGate = (steps: Plan, before: Report, mended: readonly ResultId[]): Step => {
  // A log still tells of what was.
  const echoes = before.results.filter(
    (one) => one.status === 'blocked' && mended.includes(one.by) && !one.check.history && !isOwn(one.id),
  );
  // A user's own checks take no fix of something else back.
  const list = gateList({ ...before, results: before.results.filter(({ id }) => !isOwn(id) || mended.includes(id)) }, mended);
  return {
    do: 'gate',
    host: steps[0]?.host ?? '',
    title:
      mended.length === 0
        ? 'nothing is worse'
        : `${mended.join(', ')} ${mended.length === 1 ? 'holds' : 'hold'}${echoes.length === 0 ? '' : `, and so does what followed from ${mended.length === 1 ? 'it' : 'them'}`}; nothing else is worse`,
    ...list,
    must: [...list.must, ...echoes.map(({ id }) => ({ id, atWorst: 'unknown' as const }))],
    hopeless: [],
    withinSeconds: 60,
  };
};
