import type { ChalkInstance } from 'chalk';
import type { Book, Check } from '../check.ts';
import type { Covered } from '../coverage.ts';
import { type Ledger, type Noted, together } from '../ledger.ts';
import type { Proof } from '../prove.ts';
import { visible } from '../shell.ts';

/** A line of `rex list`: an entry, one of its checks below it, or a check that no entry names. */
export interface Row {
  readonly is: 'entry' | 'check of an entry' | 'check';
  readonly id: string;
  readonly title: string;
  readonly checks: readonly string[];
  /** `null`: never, here. */
  readonly noted: Omit<Noted, 'firing'> | null;
}

/** Entries by number, each with its checks; then the checks without an entry. */
export const listOf = ({ entries, checks }: Book, ledger: Ledger): readonly Row[] => {
  const row = (is: Row['is'], { id, title }: Check): Row => ({ is, id, title, checks: [], noted: together(ledger, [id]) });
  const known = new Set<string>(entries.map(({ id }) => id));
  return [
    ...entries
      .toSorted((a, b) => Number(a.id.slice(4)) - Number(b.id.slice(4)))
      .flatMap(({ id, title }): readonly Row[] => {
        const mine = checks.filter(({ rex }) => rex?.includes(id));
        const ids = mine.map((check) => check.id);
        return [
          { is: 'entry', id, title, checks: ids, noted: together(ledger, ids) },
          ...mine.map((check) => row('check of an entry', check)),
        ];
      }),
    ...checks.filter(({ rex }) => !rex?.some((id) => known.has(id))).map((check) => row('check', check)),
  ];
};

/** `now`: seconds since 1970. */
export const humanList = (rows: readonly Row[], paint: ChalkInstance, now: number): string => {
  const cells = rows.map(({ is, id, title, checks, noted }) => {
    const bare = is === 'entry' && checks.length === 0;
    return [
      `${is === 'check of an entry' ? '  ' : ''}${visible(id)}`,
      bare ? 'no check yet' : noted === null ? 'never' : ago(now - noted.run),
      bare ? '' : noted === null || noted.fired === null ? 'never' : ago(now - noted.fired),
      bare ? '' : String(noted?.times ?? 0),
      visible(title),
    ] as const;
  });
  const head = ['id', 'last run', 'last fired', 'times', 'title'] as const;
  const widths = head.map((name, n) => Math.max(name.length, ...cells.map((cell) => cell[n]?.length ?? 0)));
  const line = (cell: readonly string[]): string =>
    cell
      .map((text, n) => (n === 4 ? text : n === 3 ? text.padStart(widths[n] ?? 0) : text.padEnd(widths[n] ?? 0)))
      .join('  ')
      .trimEnd();
  return [paint.bold(line(head)), ...cells.map(line), ''].join('\n');
};

const ago = (seconds: number): string =>
  seconds < 90
    ? `${Math.max(seconds, 0)} s ago`
    : seconds < 5400
      ? `${Math.round(seconds / 60)} min ago`
      : seconds < 129_600
        ? `${Math.round(seconds / 3600)} h ago`
        : `${Math.round(seconds / 86_400)} d ago`;

const iso = (seconds: number | null | undefined): string | null =>
  seconds === null || seconds === undefined ? null : new Date(seconds * 1000).toISOString().replace('.000', '');

/** `fabric.rex-list/1`: `rows` with `is`, `id`, `title`, `checks`, `lastRun`, `lastFired` (ISO 8601 or null) and `times`. */
export const listJson = (rows: readonly Row[]) => ({
  schema: 'fabric.rex-list/1',
  rows: rows.map(({ noted, ...row }) => ({ ...row, lastRun: iso(noted?.run), lastFired: iso(noted?.fired), times: noted?.times ?? 0 })),
});

export const isProven = ({ problems }: Proof): boolean => problems.length === 0;

const many = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

/** `unproven`: a user's own, which bring no recordings. */
export const humanProofs = (proofs: readonly Proof[], unproven: readonly Check[], paint: ChalkInstance): string => {
  const widest = Math.max(0, ...[...proofs.map(({ check }) => check), ...unproven].map(({ id }) => id.length));
  return [
    ...proofs.flatMap((proof) => [
      `${isProven(proof) ? paint.green('✓') : paint.red('✗')} ${visible(proof.check.id.padEnd(widest))}  ${proof.red.length} red, ${proof.green.length} green, ${many(proof.facts, 'fact')}`,
      ...proof.problems.map((problem) => `    ${visible(problem)}`),
      ...proof.explained.map(({ key, why }) => `    ${paint.dim(`spared: ${visible(key)}: ${visible(why)}`)}`),
    ]),
    ...unproven.map(
      ({ id }) =>
        `${paint.dim('-')} ${visible(id.padEnd(widest))}  ${paint.dim(`not proven: no recordings in ${visible(id)}/before and ${visible(id)}/after`)}`,
    ),
    ...(proofs.length === 0 ? [] : [summary(proofs)]),
    '',
  ].join('\n');
};

/** `26 checks: 100 % red on their incident, 100 % green on the fix, 62 facts altered, 0 survivors (1 explained)` */
const summary = (proofs: readonly Proof[]): string => {
  const share = (of: (proof: Proof) => readonly boolean[]): string => {
    const good = proofs.filter((proof) => of(proof).length > 0 && of(proof).every(Boolean)).length;
    return proofs.length === 0 ? '0' : String(Math.floor((100 * good) / proofs.length));
  };
  const sum = (of: (proof: Proof) => number): number => proofs.reduce((all, proof) => all + of(proof), 0);
  return `${many(proofs.length, 'check')}: ${share(({ red }) => red)} % red on their incident, ${share(({ green }) => green)} % green on the fix, ${many(
    sum(({ facts }) => facts),
    'fact',
  )} altered, ${many(
    sum(({ survivors }) => survivors.length),
    'survivor',
  )} (${sum(({ explained }) => explained.length)} explained)`;
};

/** `fabric.rex-test/1`: `checks` with `id`, `proven`, `red`, `green`, `facts`, `survivors`, `explained` and `problems`; `unproven`. */
export const proofsJson = (proofs: readonly Proof[], unproven: readonly Check[]) => ({
  schema: 'fabric.rex-test/1',
  checks: proofs.map((proof) => ({
    id: proof.check.id,
    proven: isProven(proof),
    red: proof.red,
    green: proof.green,
    facts: proof.facts,
    survivors: proof.survivors,
    explained: proof.explained,
    problems: proof.problems,
  })),
  unproven: unproven.map(({ id }) => id),
});

export const humanCoverage = (found: readonly Covered[], paint: ChalkInstance): string => {
  const widest = Math.max(...found.map(({ id }) => id.length));
  const bare = found.filter(({ checks }) => checks.length === 0).length;
  return [
    ...found.map(
      ({ id, title, checks }) =>
        `${checks.length > 0 ? paint.green('✓') : paint.yellow('-')} ${id.padEnd(widest)}  ${checks.length > 0 ? visible(checks.join(', ')) : 'no check yet'}  ${paint.dim(visible(title))}`,
    ),
    `${found.length - bare} of ${found.length} have a check`,
    '',
  ].join('\n');
};

/** `fabric.rex-coverage/1`: `entries` with `id`, `title`, `line` and `checks`. */
export const coverageJson = (found: readonly Covered[]) => ({ schema: 'fabric.rex-coverage/1', entries: found });
