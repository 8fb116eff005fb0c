import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import type { Check, Report } from '../check.ts';
import { Refusal } from '../errors.ts';
import { facts } from '../evidence.ts';
import type { Fabric } from '../fabric.ts';
import { trailNeeds, trails } from '../probes/trail.ts';
import { diagnosis } from '../report/diagnosis.ts';
import { exitCode, reportJson } from '../report/json.ts';
import { trailChanges, trailJson, trailTable } from '../report/trail.ts';
import { runKey } from '../secrets/fetch.ts';
import { visible } from '../shell.ts';
import type { Trail } from '../trail.ts';
import { type AskOptions, hear } from './ask.ts';
import { withBecome } from './become.ts';
import { readBook, refuseStrangers } from './book.ts';
import { keepLedger } from './ledger.ts';
import { type Common, open, painter } from './session.ts';

export interface DoctorOptions extends Common, AskOptions {
  readonly format: 'human' | 'json';
  readonly failOn: 'fail' | 'warn';
  readonly verbose: boolean;
  /** Seconds between two looks. */
  readonly watch?: number;
}

/** `fabric doctor`: what is wrong and why. The checks of the subjects named, those that read the past included; of DNS, some names alone. */
export const doctor = async (words: readonly string[], options: DoctorOptions): Promise<number> => {
  const names = words.filter((word) => word.includes('.'));
  const subjects = words.filter((word) => !word.includes('.'));
  const declared = open(options);
  const session = { ...declared, fabric: narrowed(declared.fabric, subjects, names, options) };
  try {
    const book = await readBook(declared.fabric);
    refuseStrangers(declared.fabric, book);
    const { checks } = book;
    const { fabric } = session;
    const text = readFileSync(fabric.file, 'utf8');
    const keyring = await withBecome(runKey(), options);
    const look = async () => {
      const { report, evidence } = await hear(session, { ...options, at: [] }, keyring, text, ofSubjects(checks, subjects));
      const shown = subjects.includes('dns') && fabric.dns !== undefined;
      return { report, trails: shown ? trails(fabric, facts(evidence, trailNeeds(fabric))) : [] };
    };
    const { report, trails: seen } = await look();
    const paint = painter(process.stdout);
    process.stdout.write(
      options.format === 'json'
        ? `${JSON.stringify({ ...reportJson(report), ...(seen.length === 0 ? {} : { names: trailJson(seen) }) }, null, 2)}\n`
        : `${seen.length === 0 ? '' : `${trailTable(seen, paint)}\n`}${diagnosis(report, paint, options.verbose)}`,
    );
    keepLedger(fabric.file, report);
    if (options.watch !== undefined) return await watch(options.watch, { seen, results: report.results }, look);
    return exitCode(report, options.failOn);
  } finally {
    await session.close();
  }
};

/** What the layers said, and what was made of it. */
interface Look {
  readonly seen: readonly Trail[];
  readonly results: Report['results'];
}
/** Looks again and again, and says what is otherwise than before: until Ctrl-C. */
const watch = async (
  seconds: number,
  first: Look,
  look: () => Promise<{ readonly report: Report; readonly trails: readonly Trail[] }>,
): Promise<never> => {
  let before = first;
  for (;;) {
    await setTimeout(seconds * 1000);
    const { report, trails: seen } = await look();
    const { results } = report;
    const time = new Date(report.at * 1000).toISOString().slice(11, 19);
    const turned = results.flatMap(({ id, status }) => {
      const was = before.results.find((one) => one.id === id)?.status;
      return was === undefined || was === status ? [] : [visible(`${id}: ${was} → ${status}`)];
    });
    const lines = [...trailChanges(before.seen, seen), ...turned];
    process.stdout.write(lines.map((line) => `${time} ${line}\n`).join(''));
    before = { seen, results };
  }
};

/** The Fabric with these names alone, asked from these places: what the command line says more narrowly than the file. */
const narrowed = (
  fabric: Fabric,
  subjects: readonly string[],
  names: readonly string[],
  { at, watch: again, format, record }: DoctorOptions,
): Fabric => {
  const { dns, hosts, file } = fabric;
  const ofDns = [...names.map(visible), ...(at.length > 0 ? ['--at'] : []), ...(again === undefined ? [] : ['--watch'])];
  if (ofDns.length === 0) return fabric;
  if (!subjects.includes('dns')) throw new Refusal(`${ofDns.join(', ')}: of DNS alone`, { next: [`fabric doctor dns ${ofDns.join(' ')}`] });
  if (dns === undefined)
    throw new Refusal(`${file} declares no names: it has no dns:`, { next: ['add dns: with names: (fabric.example.yaml shows it)'] });
  if (again !== undefined && format === 'json')
    throw new Refusal('--watch prints lines, and not JSON', { next: ['leave out --format, or --watch'] });
  // A recording is judged by the whole file.
  if (record !== undefined)
    throw new Refusal(`--record keeps what the whole file asks, and ${ofDns.join(', ')} asks less`, {
      next: ['leave out the one or the other'],
    });
  const wanted = names.map((name) => name.toLowerCase().replace(/\.$/, ''));
  const strange = wanted.filter((name) => !dns.names.some((one) => one.name === name));
  const known = dns.names.map(({ name }) => name);
  if (strange.length > 0)
    throw new Refusal(`${strange.map(visible).join(', ')}: not under dns.names of ${file}`, {
      next: [`choose among ${known.join(', ')}, or add it`],
    });
  const nobody = at.filter((one) => one !== 'here' && !hosts.has(one));
  if (nobody.length > 0)
    throw new Refusal(`--at ${nobody.map(visible).join(', ')}: no host of ${file}`, {
      next: [`choose among here, ${[...hosts.keys()].join(', ')}`],
    });
  return {
    ...fabric,
    dns: {
      ...dns,
      names: wanted.length === 0 ? dns.names : dns.names.filter(({ name }) => wanted.includes(name)),
      from: at.length === 0 ? dns.from : [...new Set(at)],
    },
  };
};

/** The first part of a check's id. */
const subjectOf = ({ id }: Check): string => id.slice(0, id.indexOf('/'));

const ofSubjects = (checks: readonly Check[], subjects: readonly string[]): readonly Check[] => {
  const known = [...new Set(checks.map(subjectOf))];
  const strange = subjects.filter((one) => !known.includes(one));
  if (strange.length > 0)
    throw new Refusal(`no checks about ${strange.map(visible).join(', ')}`, { next: [`choose among ${known.join(', ')}`] });
  return subjects.length === 0 ? checks : checks.filter((check) => subjects.includes(subjectOf(check)));
};
