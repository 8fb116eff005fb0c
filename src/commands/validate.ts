import { readFileSync } from 'node:fs';
import { compare } from '../changes.ts';
import type { Book, Check, Report } from '../check.ts';
import type { Target } from '../draft/target.ts';
import { Refusal } from '../errors.ts';
import type { Vantage } from '../evidence.ts';
import { examine, needsOf } from '../examine.ts';
import type { Fabric } from '../fabric.ts';
import { replay } from '../replay.ts';
import { changesJson, humanChanges } from '../report/changes.ts';
import { humanReport } from '../report/human.ts';
import { exitCode, reportJson } from '../report/json.ts';
import { junit } from '../report/junit.ts';
import { nagios, nagiosCode } from '../report/nagios.ts';
import { prometheus } from '../report/prometheus.ts';
import { runKey } from '../secrets/fetch.ts';
import { visible } from '../shell.ts';
import { ask } from './ask.ts';
import { withBecome } from './become.ts';
import { readBook, refuseStrangers } from './book.ts';
import { readBundle } from './bundle.ts';
import { aboutDraft, draftJson, type Inspected, inspect, targetOf } from './inspect.ts';
import { keepLedger } from './ledger.ts';
import { type Common, open, painter } from './session.ts';
import { type Holder, type Unattended, unattended } from './unattended.ts';

export interface ValidateOptions extends Common {
  readonly format: 'human' | 'json' | 'junit' | 'nagios' | 'prometheus';
  readonly failOn: 'fail' | 'warn';
  readonly smoke: boolean;
  readonly at: readonly Vantage[];
  readonly verbose: boolean;
  readonly quiet: boolean;
  readonly changesOnly: boolean;
  /** Seconds. */
  readonly timeout?: number;
  readonly record?: string;
  readonly from?: string;
}

/** `fabric validate`: is it as declared? Asks every host once, changes nothing. `target`: a host to look at without a fabric.yaml. */
export const validate = async (options: ValidateOptions, target?: string): Promise<number> => {
  if ((options.quiet || options.changesOnly) && options.format !== 'human' && options.format !== 'json') {
    throw new Refusal(`--format ${options.format} is for a program that reads every report: it cannot be silent`, {
      next: ['leave out --quiet and --changes-only, or the format'],
    });
  }
  if (options.from !== undefined) {
    if (target !== undefined)
      throw new Refusal('--from asks nobody, and a host is named to be asked', { next: ['leave out the one or the other'] });
    return say(await recorded(options.from, options), options);
  }
  const named = target === undefined ? null : targetOf(target, options);
  if (named !== null) return validateDraft(options, named, target ?? '');
  const session = open(options);
  refuseVantages(session.fabric, options.at);
  const book = await readBook(session.fabric);
  refuseStrangers(session.fabric, book);
  const asked = declared(book);
  const turn = options.quiet || options.changesOnly ? unattended(session.fabric.file, session.now()) : undefined;
  if (turn && 'pid' in turn) return busy(turn, session.now());
  try {
    const report = await ask(session, options, await withBecome(runKey(), options), readFileSync(session.fabric.file, 'utf8'), asked);
    const code = turn && options.changesOnly ? sayChanges(report, options, turn) : say(report, options);
    keepLedger(session.fabric.file, report, { silent: turn !== undefined });
    return code;
  } finally {
    await session.close();
    turn?.release();
  }
};

/** A host without a fabric.yaml, judged by a draft of what it runs. */
const validateDraft = async (options: ValidateOptions, target: Target, named: string): Promise<number> => {
  if (options.changesOnly) {
    throw new Refusal('what changed is remembered for a fabric.yaml, and this host is looked at without one', {
      next: [`fabric init --from-host ${named} writes one`],
    });
  }
  const keyring = await withBecome(runKey(), options);
  const drafted = await inspect(target, keyring);
  try {
    const report = await ask(drafted.session, options, keyring, drafted.text, drafted.checks);
    const code = say(report, options, drafted);
    if (options.format === 'human' && (!options.quiet || code !== 0)) process.stdout.write(aboutDraft(drafted, named));
    return code;
  } finally {
    await drafted.session.close();
  }
};

/** Whether it is as declared is a question of the present: what was, in logs, is doctor's. */
const declared = ({ checks }: Book): readonly Check[] => checks.filter(({ history }) => !history);

/** The report of then, by the checks of today. Connects to nothing. The user's own stand beside fabric.yaml, not in the folder. */
const recorded = async (folder: string, { config }: Common): Promise<Report> => {
  const bundle = readBundle(folder);
  const fabric = config === undefined ? bundle.fabric : open({ config }).fabric;
  const checks = declared(await readBook(config === undefined ? null : fabric));
  const { recordings, options, at } = bundle;
  const missing = bundle.own.filter((id) => !checks.some((one) => one.id === id));
  if (missing.length > 0) {
    const why =
      config === undefined ? '--config FILE judges them too: they stand in rex/ beside it' : 'they are no longer in rex/ beside it';
    process.stderr.write(`fabric: not judged: ${missing.join(', ')} (${why})\n`);
  }
  return examine(fabric, checks, replay(recordings, needsOf(fabric, checks, options)), options, at);
};

const say = (report: Report, options: ValidateOptions, drafted?: Inspected): number => {
  const code = options.format === 'nagios' ? nagiosCode(report) : exitCode(report, options.failOn);
  if (!options.quiet || code !== 0) process.stdout.write(text(report, options, drafted));
  return code;
};

const text = (report: Report, { format, failOn, verbose }: ValidateOptions, drafted: Inspected | undefined): string => {
  switch (format) {
    case 'human':
      return humanReport(report, painter(process.stdout), verbose);
    case 'json':
      return `${JSON.stringify({ ...reportJson(report), draft: drafted ? draftJson(drafted) : null }, null, 2)}\n`;
    case 'junit':
      return junit(report, failOn);
    case 'nagios':
      return nagios(report);
    case 'prometheus':
      return prometheus(report);
    default:
      return format satisfies never;
  }
};

/** Said first, remembered then: a run that is killed in between says it again. */
const sayChanges = (report: Report, { format, failOn }: ValidateOptions, turn: Unattended): number => {
  const before = turn.recall();
  if (before === 'unreadable') process.stderr.write('fabric: what the last run remembered cannot be read: this run starts anew\n');
  const { changes, memory } = compare(before === 'unreadable' ? null : before, report);
  if (format === 'human') process.stdout.write(humanChanges(changes, report, painter(process.stdout)));
  else if (changes.length > 0) process.stdout.write(`${JSON.stringify(changesJson(changes, report), null, 2)}\n`);
  try {
    turn.remember(memory);
  } catch (error) {
    process.stderr.write(`fabric: this could not be remembered, so the next run says it again: ${visible(String(error))}\n`);
  }
  return exitCode(report, failOn);
};

/** Seconds after which a run that does not end is no longer passed over in silence. */
const LONG = 900;

/** Another run is at it. Cron's next one is silent: it will come again. */
const busy = ({ pid, since }: Holder, now: number): number => {
  if (now - since > LONG) {
    throw new Refusal(
      `another validate of this fabric.yaml (process ${pid}) has been running for ${Math.round((now - since) / 60)} minutes`,
      {
        exit: 5,
        next: [`see what it waits for, and end it: kill ${pid}`, 'give such runs an end: --timeout SECONDS'],
      },
    );
  }
  return 5;
};

/** Names of `--at` that are no host, and the server itself: what it can reach says nothing about others. */
const refuseVantages = ({ hosts, litellm }: Fabric, at: readonly Vantage[]): void => {
  const others = ['here', ...hosts.keys()].filter((name) => !isServer({ hosts, litellm }, name));
  for (const name of at) {
    if (others.includes(name)) continue;
    throw new Refusal(
      isServer({ hosts, litellm }, name)
        ? `--at ${name}: LiteLLM is on that machine, and what it reaches says nothing about others`
        : `--at ${name}: no host of fabric.yaml`,
      { next: [`choose among ${others.join(', ') || 'other hosts: add one to hosts'}`] },
    );
  }
};
const isServer = ({ hosts, litellm }: Pick<Fabric, 'hosts' | 'litellm'>, name: Vantage): boolean =>
  name === litellm.host || (name === 'here' && hosts.get(litellm.host)?.client === 'local');
