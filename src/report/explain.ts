import type { ChalkInstance } from 'chalk';
import type { Check, Result } from '../check.ts';
import type { Asked, Explained, Replay } from '../explain.ts';
import { type Found, nameOf, titleOf } from '../lookup.ts';
import { visible } from '../shell.ts';
import { reportLines } from './human.ts';
import { resultJson } from './json.ts';

const WIDTH = 100;
/** A paragraph, wrapped and indented. */
const paragraph = (text: string, indent = '    '): readonly string[] => {
  const lines: string[] = [];
  let line = '';
  for (const word of visible(text).split(/\s+/).filter(Boolean)) {
    if (line !== '' && indent.length + line.length + 1 + word.length > WIDTH) {
      lines.push(indent + line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return line === '' ? lines : [...lines, indent + line];
};
const section = (paint: ChalkInstance, name: string, lines: readonly string[]): readonly string[] =>
  lines.length === 0 ? [] : ['', paint.bold(name), ...lines];

export const humanExplained = (one: Explained, paint: ChalkInstance): string =>
  `${(one.is === 'entry' ? entryLines(one, paint) : checkLines(one, paint)).join('\n')}\n`;

type Entry = Extract<Explained, { is: 'entry' }>;
const entryLines = ({ entry, checks }: Entry, paint: ChalkInstance): readonly string[] => [
  `${paint.bold(entry.id)}  ${visible(entry.title)}`,
  ...section(paint, 'what was concluded', paragraph(entry.concluded)),
  ...section(paint, 'what holds', paragraph(entry.holds)),
  ...section(paint, 'remedy', paragraph(entry.remedy)),
  ...section(
    paint,
    'checks',
    checks.length === 0
      ? ['    no check yet']
      : checks.flatMap(({ id, title, decides }) => [`    ${visible(id)}  ${visible(title)}`, ...paragraph(decides, '        ')]),
  ),
  ...section(paint, 'sources', bullets(entry.sources)),
  ...(checks.length === 0 ? [] : ['', paint.dim(`what they ask, and the incident: fabric explain ${checks[0]?.id ?? ''}`)]),
];

type CheckOf = Extract<Explained, { is: 'check' }>;
const checkLines = ({ check, entries, by, asks, replays, accepted }: CheckOf, paint: ChalkInstance): readonly string[] => [
  `${paint.bold(visible(check.id))}  ${visible(check.title)}`,
  ...section(paint, 'story', paragraph(check.story)),
  // A user's entry and its check are one text.
  ...entries
    .filter(({ holds }) => holds !== check.story)
    .flatMap((entry) => [
      ...section(paint, entry.id, paragraph(entry.title)),
      ...paragraph(`concluded: ${entry.concluded}`, '      '),
      ...paragraph(`holds: ${entry.holds}`, '      '),
      ...paragraph(`remedy: ${entry.remedy}`, '      '),
    ]),
  ...section(
    paint,
    by === 'its incident' ? 'looks at (by the fabric.yaml of its incident)' : 'looks at',
    by === null ? ['    nothing, by this fabric.yaml'] : asks.flatMap((one) => askedLines(one, paint)),
  ),
  ...section(paint, 'decides', paragraph(check.decides)),
  ...incident(check, replays, paint),
  ...section(
    paint,
    'accepted',
    accepted.map(
      ({ subject, until, reason }) => `    ${subject === undefined ? 'everywhere' : visible(subject)} until ${until}: ${visible(reason)}`,
    ),
  ),
  ...section(paint, 'sources', bullets(check.sources ?? [])),
];

const bullets = (texts: readonly string[]): readonly string[] => texts.map((text) => `    ${visible(text)}`);

const askedLines = ({ vantage, key, root, script, stdin }: Asked, paint: ChalkInstance): readonly string[] => [
  `    ${visible(key)} ${paint.dim(`at ${visible(vantage)}${root ? ', as root' : ''}${stdin === null ? '' : `, given ${visible(stdin).trim()}`}`)}`,
  ...visible(script)
    .split('\n')
    .map((line) => paint.dim(`        ${line}`)),
];

/** The first recording with what is found in it today, then whether it is silent after the fix. */
const incident = (check: Check, replays: readonly Replay[], paint: ChalkInstance): readonly string[] => {
  const [first, ...more] = replays.filter(({ moment }) => moment.startsWith('before'));
  const after = replays.filter(({ moment }) => moment.startsWith('after'));
  if (!first) return section(paint, 'its incident', [`    is not recorded (${visible(check.id)}/before)`]);
  return [
    ...section(
      paint,
      'its incident, replayed',
      reportLines({ at: 0, results: first.results.filter(found) }, paint, false).map((line) => `    ${line}`),
    ),
    ...more.map(({ moment, results }) => `    ${paint.dim(`also red on ${visible(moment)}: ${firstSaw(results)}`)}`),
    ...after.map(({ moment, results }) =>
      results.some(({ status }) => status !== 'pass')
        ? `    ${paint.red(`${visible(moment)}: does not pass`)}`
        : `    ${paint.green('✓')} ${visible(moment)}: ${results.length === 0 ? 'nothing left to judge' : 'passes'}`,
    ),
  ];
};
const found = ({ status }: Result): boolean => status === 'fail' || status === 'warn';
const firstSaw = (results: readonly Result[]): string =>
  visible(results.flatMap((one) => ('findings' in one ? one.findings.map(({ saw }) => saw) : []))[0] ?? 'nothing found');

/** Several may be meant. */
export const humanFound = (all: readonly Found[], paint: ChalkInstance): string => {
  const widest = Math.max(...all.map((one) => nameOf(one).length));
  return [
    `${all.length} may be meant:`,
    ...all.map((one) => `  ${paint.bold(visible(nameOf(one).padEnd(widest)))}  ${visible(titleOf(one))}`),
    'fabric explain ID tells one of them',
    '',
  ].join('\n');
};

/**
 * `fabric.explain/1`: `found` with `id`, `title`; where it is one, `entry` (`concluded`, `holds`, `remedy`, `checks`, `sources`) or `check`
 * (`story`, `decides`, `asks`, `replays`, `accepted`, `sources`).
 */
export const explainedJson = (found: readonly Found[], one: Explained | null) => ({
  schema: 'fabric.explain/1',
  found: found.map((item) => ({ id: nameOf(item), title: titleOf(item) })),
  entry: one?.is === 'entry' ? { ...entryJson(one.entry), checks: one.checks.map(({ id }) => id) } : null,
  check:
    one?.is === 'check'
      ? {
          id: one.check.id,
          title: one.check.title,
          story: one.check.story,
          decides: one.check.decides,
          entries: one.entries.map(entryJson),
          by: one.by,
          asks: one.asks,
          replays: one.replays.map(({ moment, results }) => ({ moment, results: results.map(resultJson) })),
          accepted: one.accepted,
          sources: one.check.sources ?? [],
        }
      : null,
});
const entryJson = ({ id, title, concluded, holds, remedy, sources }: Entry['entry']) => ({ id, title, concluded, holds, remedy, sources });
