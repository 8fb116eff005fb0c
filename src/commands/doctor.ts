import { readFileSync } from 'node:fs';
import type { Check } from '../check.ts';
import { Refusal } from '../errors.ts';
import { rexId } from '../lookup.ts';
import { nearest } from '../nearest.ts';
import { diagnosis } from '../report/diagnosis.ts';
import { exitCode, reportJson } from '../report/json.ts';
import { runKey } from '../secrets/fetch.ts';
import { visible } from '../shell.ts';
import { type AskOptions, ask } from './ask.ts';
import { withBecome } from './become.ts';
import { readBook, refuseStrangers } from './book.ts';
import { keepLedger } from './ledger.ts';
import { type Common, open, painter } from './session.ts';

export interface DoctorOptions extends Common, Omit<AskOptions, 'at'> {
  readonly format: 'human' | 'json';
  readonly failOn: 'fail' | 'warn';
  readonly verbose: boolean;
}

/** `fabric doctor`: what is wrong and why. The checks of the subjects named, those that read the past included. */
export const doctor = async (subjects: readonly string[], options: DoctorOptions): Promise<number> => {
  const session = open(options);
  try {
    const book = await readBook(session.fabric);
    refuseStrangers(session.fabric, book);
    const { checks } = book;
    const text = readFileSync(session.fabric.file, 'utf8');
    const report = await ask(session, { ...options, at: [] }, await withBecome(runKey(), options), text, ofSubjects(checks, subjects));
    const silent = subjects.filter((subject) => report.results.every(({ check }) => subjectOf(check) !== subject));
    if (silent.length > 0)
      process.stderr.write(
        `fabric: ${silent.join(', ')}: this fabric.yaml declares nothing to look at\n  → fabric.example.yaml has every section\n`,
      );
    process.stdout.write(
      options.format === 'json'
        ? `${JSON.stringify(reportJson(report), null, 2)}\n`
        : diagnosis(report, painter(process.stdout), options.verbose),
    );
    keepLedger(session.fabric.file, report);
    return exitCode(report, options.failOn);
  } finally {
    await session.close();
  }
};

/** The first part of a check's id. */
const subjectOf = ({ id }: Check): string => id.slice(0, id.indexOf('/'));

const ofSubjects = (checks: readonly Check[], subjects: readonly string[]): readonly Check[] => {
  const known = [...new Set(checks.map(subjectOf))];
  for (const one of subjects.filter((subject) => !known.includes(subject))) {
    if (rexId(one) !== null)
      throw new Refusal(`${visible(one)} is a post-mortem, and doctor takes subjects`, {
        next: [`ask for it alone: fabric rex run ${rexId(one)}`],
      });
    if (one === 'rex')
      throw new Refusal('there are no entries of your own', { next: ['put them into rex/ beside fabric.yaml: docs/own-entries.md'] });
    const meant = nearest(one, known);
    throw new Refusal(`no checks about ${visible(one)}`, {
      next: [meant === undefined ? `choose among ${known.join(', ')}` : `did you mean ${meant}? (${known.join(', ')})`],
    });
  }
  return subjects.length === 0 ? checks : checks.filter((check) => subjects.includes(subjectOf(check)));
};
