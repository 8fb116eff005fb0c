import type { ChalkInstance } from 'chalk';
import type { Report, Result, ResultId } from '../check.ts';
import { remedy } from '../remedy.ts';
import { visible } from '../shell.ts';
import { countsLine, reportLines } from './human.ts';

/**
 * The report as a diagnosis: root causes first, those that explain most on top, each with what only follows from it, and with the
 * commands that mend and explain it. What passes is counted, or listed where `verbose`.
 */
export const diagnosis = (report: Report, paint: ChalkInstance, verbose: boolean): string => {
  const echoes = new Map<ResultId, readonly ResultId[]>();
  for (const result of report.results)
    if (result.status === 'blocked') echoes.set(result.by, [...(echoes.get(result.by) ?? []), result.id]);
  const found = report.results
    .filter(({ status }) => status === 'fail' || status === 'warn')
    .toSorted((a, b) => rank(a) - rank(b) || (echoes.get(b.id)?.length ?? 0) - (echoes.get(a.id)?.length ?? 0));
  const rest = report.results.filter(({ status }) => !['fail', 'warn', 'blocked', ...(verbose ? [] : ['pass'])].includes(status));
  return [
    ...found.flatMap((result) => [
      ...reportLines({ at: report.at, results: [result] }, paint, false),
      `    ${paint.dim('more ')} fabric explain ${result.check.rex?.[0] ?? result.check.id}`,
      ...followers(echoes.get(result.id) ?? [], paint),
    ]),
    ...reportLines({ at: report.at, results: rest }, paint, verbose),
    ...rest.flatMap(({ id }) => followers(echoes.get(id) ?? [], paint)),
    countsLine(report, paint),
    ...mendable(report),
    '',
  ].join('\n');
};

const mendable = (report: Report): readonly string[] => {
  const { mended } = remedy(report, () => true);
  return mended.length === 0
    ? []
    : [`\`fabric fix --all\` mends ${mended.length === 1 ? 'one' : mended.length} of them, and shows its plan first`];
};

const rank = ({ status }: Result): number => (status === 'fail' ? 0 : 1);

const followers = (ids: readonly ResultId[], paint: ChalkInstance): readonly string[] =>
  ids.length === 0
    ? []
    : [
        `    ${paint.dim(`↳ ${ids.length} only ${ids.length === 1 ? 'follows' : 'follow'} from it:`)} ${paint.dim(visible(ids.join(', ')))}`,
      ];
