import type { Case, Check, Finding, Options, Report, Result, ResultId } from './check.ts';
import { resultId } from './check.ts';
import { type Evidence, facts, type Probe, Unreadable } from './evidence.ts';
import type { Accepted, Fabric } from './fabric.ts';

/** Everything that the checks need to be asked. */
export const needsOf = (fabric: Fabric, checks: readonly Check[], options: Options): readonly Probe<unknown>[] =>
  checks.flatMap((check) => check.each(fabric, options).flatMap(({ needs }) => needs));

/** Judges what is written down. Pure: the same evidence gives the same report. `at`: seconds since 1970. */
export const examine = (fabric: Fabric, checks: readonly Check[], evidence: readonly Evidence[], options: Options, at: number): Report => {
  const judged = checks.flatMap((check) =>
    check.each(fabric, options).map((one) => ({ blockedBy: one.blockedBy ?? [], result: judge(check, one, evidence) })),
  );
  const byId = new Map(judged.map((one) => [one.result.id, one]));
  /** The root: the failure behind the failure, through results that are themselves only echoes. */
  const root = (ids: readonly ResultId[], seen: ReadonlySet<ResultId>): ResultId | undefined => {
    for (const id of ids) {
      const cause = seen.has(id) ? undefined : byId.get(id);
      // A cause that holds explains nothing, whatever it would itself have been blocked by.
      if (!cause || cause.result.status === 'pass' || cause.result.status === 'warn') continue;
      const deeper = root(cause.blockedBy, new Set([...seen, id]));
      if (deeper) return deeper;
      if (cause.result.status === 'fail') return id;
    }
    return undefined;
  };
  const results = judged.map(({ blockedBy, result }): Result => {
    const by = result.status === 'pass' ? undefined : root(blockedBy, new Set([result.id]));
    return by ? { id: result.id, check: result.check, subject: result.subject, status: 'blocked', by } : result;
  });
  return { at, results: results.map((result) => accept(result, fabric.accept, at)) };
};

const judge = (check: Check, one: Case, evidence: readonly Evidence[]): Result => {
  const who = { id: resultId(check, one.subject), check, subject: one.subject };
  try {
    const said = one.judge(facts(evidence, one.needs));
    const findings = said.filter((item) => 'severity' in item);
    const lost = said.filter((item) => 'lost' in item);
    if (findings.some(({ severity }) => severity === 'fail')) return { ...who, status: 'fail', findings, lost };
    if (lost.length > 0) return { ...who, status: 'unknown', findings, lost };
    return findings.length > 0 ? { ...who, status: 'warn', findings, lost } : { ...who, status: 'pass' };
  } catch (error) {
    if (error instanceof Unreadable) return { ...who, status: 'unknown', findings: [], lost: [error.lost] };
    throw error;
  }
};

const accept = (result: Result, accepted: readonly Accepted[], at: number): Result => {
  if (result.status !== 'fail' && result.status !== 'warn') return result;
  const today = new Date(at * 1000).toISOString().slice(0, 10);
  const mine = accepted.filter(({ check, subject }) => check === result.check.id && (subject === undefined || subject === result.subject));
  const risk = mine.find(({ until }) => until >= today);
  if (!risk) {
    // A finding again, which says that it was accepted once.
    const [over] = mine
      .map(({ until }) => until)
      .toSorted()
      .slice(-1);
    const noted = (one: Finding): Finding =>
      over === undefined ? one : { ...one, saw: `${one.saw} (accepted until ${over}, which is over)` };
    return { ...result, findings: result.findings.map(noted) };
  }
  const { id, check, subject, findings } = result;
  return { id, check, subject, status: 'accepted', reason: risk.reason, until: risk.until, findings };
};
