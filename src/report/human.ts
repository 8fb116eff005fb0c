import type { ChalkInstance } from 'chalk';
import type { Finding, Report, Result, ResultId } from '../check.ts';
import type { Lost } from '../evidence.ts';
import { quote, visible } from '../shell.ts';
import { summary } from './json.ts';

/** Indents what follows the first line, and shows what a host's text would do to the terminal instead of doing it. */
const field = (paint: ChalkInstance, name: string, text: string): string =>
  `    ${paint.dim(name.padEnd(5))} ${visible(text).replaceAll('\n', `\n${' '.repeat(10)}`)}`;

const finding = (paint: ChalkInstance, { saw, want, advice, reproduce }: Finding): readonly string[] => [
  field(paint, 'saw', saw),
  field(paint, 'want', want),
  field(paint, 'do', advice),
  ...(reproduce === undefined ? [] : [field(paint, 'try', reproduce)]),
];

/** A deployment as the remedy is in the advice already. */
const findings = (paint: ChalkInstance, id: ResultId, all: readonly Finding[]): readonly string[] => [
  ...all.flatMap((one) => finding(paint, one)),
  ...(all.some(({ fix }) => fix !== undefined && fix !== 'deploy') ? [field(paint, 'fix', `fabric fix ${quote(id)}`)] : []),
];

const heading = (paint: ChalkInstance, mark: string, { id, check }: Result): string =>
  `${mark} ${paint.bold(visible(id))}${check.rex ? ` ${check.rex.join(' ')}` : ''}  ${check.title}`;

const block = (paint: ChalkInstance, result: Result): readonly string[] => {
  switch (result.status) {
    case 'pass':
      return [];
    case 'fail':
      return [
        heading(paint, paint.red('✗'), result),
        ...findings(paint, result.id, result.findings),
        ...result.lost.map((one) => field(paint, 'lost', one.why)),
      ];
    case 'warn':
      return [heading(paint, paint.yellow('!'), result), ...findings(paint, result.id, result.findings)];
    case 'unknown':
      return [
        heading(paint, paint.magenta('?'), result),
        ...findings(paint, result.id, result.findings),
        ...result.lost.map((one) => field(paint, 'lost', `${one.lost}: ${one.why}`)),
      ];
    case 'blocked':
      return [`${paint.dim('·')} ${visible(result.id)}  ${paint.dim(`blocked by ${visible(result.by)}`)}`];
    case 'accepted':
      return [`${paint.cyan('~')} ${visible(result.id)}  ${paint.dim(`accepted until ${result.until}: ${visible(result.reason)}`)}`];
    default:
      return result satisfies never;
  }
};

/** One loss that took many results is said once: an unreachable host is one line, not twenty. */
const shared = (results: readonly Result[]): ReadonlyMap<string, { readonly lost: Lost; readonly count: number }> => {
  const found = new Map<string, { readonly lost: Lost; readonly count: number }>();
  for (const result of results) {
    const [lost, ...more] = result.status === 'unknown' && result.findings.length === 0 ? result.lost : [];
    if (!lost || more.length > 0) continue;
    found.set(lost.why, { lost, count: (found.get(lost.why)?.count ?? 0) + 1 });
  }
  return new Map([...found].filter(([, { count }]) => count > 2));
};

const ORDER = ['fail', 'unknown', 'warn', 'accepted', 'blocked', 'pass'] as const;

/** What does not pass, worst first. */
export const reportLines = (report: Report, paint: ChalkInstance, verbose: boolean): readonly string[] => {
  const together = shared(report.results);
  const alone = report.results.filter((result) => !(result.status === 'unknown' && together.has(result.lost[0]?.why ?? '')));
  const sorted = ORDER.flatMap((status) => alone.filter((result) => result.status === status));
  const blocks = sorted.flatMap((result) =>
    verbose && result.status === 'pass' ? [`${paint.green('✓')} ${visible(result.id)}  ${result.check.title}`] : block(paint, result),
  );
  const losses = [...together.values()].map(
    ({ lost, count }) => `${paint.magenta('?')} ${count} checks could not be made: ${lost.lost}: ${visible(lost.why)}`,
  );
  return [...losses, ...blocks];
};

/** `1 fail, 16 pass` */
export const countsLine = (report: Report, paint: ChalkInstance): string => {
  const counts = summary(report);
  const paints = {
    fail: paint.red,
    unknown: paint.magenta,
    warn: paint.yellow,
    accepted: paint.cyan,
    blocked: paint.dim,
    pass: paint.green,
  };
  const line = ORDER.flatMap((status) => (counts[status] === 0 ? [] : [paints[status](`${counts[status]} ${status}`)])).join(', ');
  return line === '' ? 'nothing to check' : line;
};

/** The report for people: what is wrong first, then one line of counts. `verbose` also lists what passes. */
export const humanReport = (report: Report, paint: ChalkInstance, verbose: boolean): string =>
  [...reportLines(report, paint, verbose), countsLine(report, paint), ''].join('\n');
