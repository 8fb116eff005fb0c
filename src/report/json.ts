import type { Report, Result } from '../check.ts';
import { visible } from '../shell.ts';

type Counts = Readonly<Record<Result['status'], number>>;

export const summary = ({ results }: Report): Counts => {
  const count = (status: Result['status']): number => results.filter((result) => result.status === status).length;
  return {
    pass: count('pass'),
    warn: count('warn'),
    fail: count('fail'),
    unknown: count('unknown'),
    blocked: count('blocked'),
    accepted: count('accepted'),
  };
};

/**
 * `fabric.report/1`: `at` in ISO 8601; `results` with `id`, `check`, `rex`, `title`, `subject`, `status`, `blockedBy`, `lost`, and
 * `findings` with `severity`, `saw`, `want`, `advice`, `fix` (`deploy`, steps, or null) and `reproduce`.
 */
export const reportJson = (report: Report) => ({
  schema: 'fabric.report/1',
  at: new Date(report.at * 1000).toISOString(),
  summary: summary(report),
  results: report.results.map(resultJson),
});

/** One of its results. */
export const resultJson = (result: Result) => ({
  id: result.id,
  check: result.check.id,
  rex: result.check.rex ?? [],
  title: result.check.title,
  subject: result.subject,
  status: result.status,
  blockedBy: result.status === 'blocked' ? result.by : null,
  ...(result.status === 'accepted' ? { accepted: { reason: result.reason, until: result.until } } : {}),
  lost: 'lost' in result ? result.lost.map(({ lost, why }) => ({ lost, why: visible(why) })) : [],
  findings:
    'findings' in result
      ? result.findings.map(({ severity, saw, want, advice, fix, reproduce }) => ({
          severity,
          saw: visible(saw),
          want: visible(want),
          advice: visible(advice),
          fix: fix ?? null,
          reproduce: reproduce ?? null,
        }))
      : [],
});

/** 1 findings at or above `failOn`; else 4 where only a login is missing, 3 where something could not be known; else 0. */
export const exitCode = (report: Report, failOn: 'fail' | 'warn'): 0 | 1 | 3 | 4 => {
  const counts = summary(report);
  if (counts.fail > 0 || (failOn === 'warn' && counts.warn > 0)) return 1;
  if (counts.unknown === 0) return 0;
  const losses = report.results.flatMap((result) => (result.status === 'unknown' ? result.lost : []));
  return losses.length > 0 && losses.every(({ lost }) => lost === 'login') ? 4 : 3;
};
