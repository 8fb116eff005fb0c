import { createInterface } from 'node:readline/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { apply, type Event, stays } from '../apply.ts';
import { asDeclared, type Check, type Report, type Result, resultId } from '../check.ts';
import { Refusal } from '../errors.ts';
import { examine } from '../examine.ts';
import type { Host, HostName } from '../fabric.ts';
import { type Connector, connect } from '../hosts/connector.ts';
import { acquire, type Lock } from '../hosts/lock.ts';
import { asRoot, StepError, scriptOf } from '../hosts/perform.ts';
import { type Plan, type Step, unmet } from '../plan.ts';
import { lastLines } from '../probes/unit.ts';
import { humanReport } from '../report/human.ts';
import { humanPlan, title } from '../report/plan.ts';
import type { Keyring } from '../secret.ts';
import { visible } from '../shell.ts';
import { Interrupted } from './interrupted.ts';
import { type Progress, progress } from './progress.ts';
import { type Common, painter, type Session } from './session.ts';

/** What every command that changes something takes. */
export interface ChangeOptions extends Common {
  readonly dryRun: boolean;
  readonly exitCode: boolean;
  readonly yes: boolean;
  readonly format: 'human' | 'json';
  readonly verbose: boolean;
}

export type Outcome =
  | { readonly is: 'nothing' | 'planned' | 'declined' }
  /** What the steps printed for us: `downtime 4210`, `release 3`. */
  | { readonly is: 'done'; readonly notes: ReadonlyMap<string, string> }
  | { readonly is: 'taken back' | 'stuck' | 'interrupted'; readonly why: string };

/** The exit code of an outcome. */
export const outcomeCode = (outcome: Outcome, options: ChangeOptions): number => {
  switch (outcome.is) {
    case 'nothing':
    case 'done':
      return 0;
    case 'planned':
      return options.exitCode ? 6 : 0;
    case 'declined':
    case 'taken back':
      return 1;
    case 'stuck':
      return 7;
    case 'interrupted':
      return 130;
    default:
      return outcome satisfies never;
  }
};

/** What a change is for. */
export interface Purpose {
  /** `deploy LiteLLM` */
  readonly verb: string;
  /** Its gates are among them. */
  readonly checks: readonly Check[];
  /** The files that it replaces stay on the hosts, so that it can be taken back later. */
  readonly keepsReplaced: boolean;
  /** Where there is nothing to change. Absent: LiteLLM's. */
  readonly host?: HostName;
  /** Done once the hosts are locked, before the first step, and not on a host. What it returns takes it back. */
  readonly first?: () => Promise<() => Promise<void>>;
}

/** The hosts that a plan changes. */
export const hostsOf = (plan: Plan): readonly HostName[] => [...new Set(plan.filter((step) => step.do !== 'gate').map(({ host }) => host))];

/** Shows the plan, asks, locks every host of it, applies, and takes back what fails. `options.dryRun` stops after the plan. */
export const change = async (
  session: Session,
  plan: Plan,
  keyring: Keyring,
  options: ChangeOptions,
  purpose: Purpose,
): Promise<Outcome> => {
  const { fabric, paint } = session;
  const hosts = hostsOf(plan);
  const names = hosts.length === 0 ? (purpose.host ?? fabric.litellm.host) : hosts.join(', ');
  if (options.format === 'human') {
    process.stdout.write(
      plan.length === 0
        ? `${names}: nothing to change\n`
        : `${paint.bold(`Plan to ${purpose.verb} on ${names}:`)}\n${humanPlan(plan, paint, options.verbose)}`,
    );
  }
  if (plan.length === 0) return { is: 'nothing' };
  if (options.dryRun) return { is: 'planned' };
  if (!(await confirmed(options, names))) {
    process.stderr.write('nothing was changed\n');
    return { is: 'declined' };
  }
  return locked(session, hosts, keyring, 'then taking back what was done', async (locks, signal) => {
    const back = await purpose.first?.();
    const outcome = await carryOut(session, plan, keyring, purpose, locks, signal);
    if (outcome.is === 'taken back' || outcome.is === 'interrupted') await back?.();
    // What was replaced is worth keeping where it could not be put back, or may be put back later.
    return { result: outcome, keepFiles: outcome.is === 'stuck' || (outcome.is === 'done' && purpose.keepsReplaced) };
  });
};

/** What renews the lease on each host: shell to put before a step's script. */
export type Locks = ReadonlyMap<HostName, Lock>;

/** Takes the lock of each host, in one order everywhere, does the work, and gives them back. An interruption is said and signalled. */
export const locked = async <T>(
  session: Session,
  hosts: readonly HostName[],
  keyring: Keyring,
  interrupted: string,
  work: (locks: Locks, signal: AbortSignal) => Promise<{ readonly result: T; readonly keepFiles: boolean }>,
): Promise<T> => {
  const locks = new Map<HostName, Lock>();
  const interruption = new AbortController();
  const onSignal = (): void => {
    process.stderr.write(`\ninterrupted: ending the step under way, ${interrupted}\n`);
    interruption.abort();
  };
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  // Until the end is known, what was replaced is worth keeping.
  let keepFiles = true;
  try {
    for (const name of hosts.toSorted()) {
      const lock = await acquire(session.host(name), await session.connector(name), keyring, session.run, session.by);
      locks.set(name, lock);
      if (lock.tookOver !== null) process.stderr.write(`a lock that ${visible(lock.tookOver)} left behind had expired: taken over\n`);
    }
    const done = await work(locks, interruption.signal);
    keepFiles = done.keepFiles;
    return done.result;
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    for (const [name, lock] of locks) {
      await lock
        .release(keepFiles)
        .catch((error: unknown) => process.stderr.write(`the lock on ${name} stays until it expires: ${visible(said(error))}\n`));
    }
  }
};

export const confirmed = async ({ yes, format }: Pick<ChangeOptions, 'yes' | 'format'>, host: string): Promise<boolean> => {
  if (yes) return true;
  if (format === 'json')
    throw new Refusal('a plan that nobody reads is not asked about', { next: ['--yes to apply it, or --dry-run to print it only'] });
  if (!process.stdin.isTTY)
    throw new Refusal('nobody can be asked: standard input is not a terminal', {
      next: ['--yes to apply the plan, or --dry-run to see it only'],
    });
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  // Ctrl-C and Ctrl-D end the question; neither is a yes.
  const answer = await prompt.question(`Apply this to ${host}? [y/N] `).catch(() => {
    throw new Interrupted('interrupted');
  });
  prompt.close();
  return /^y(es)?$/i.test(answer.trim());
};

/** A gate was not passed. */
class Shut extends Error {
  readonly results: readonly Result[];
  readonly unit: string;
  readonly log: readonly string[];
  constructor(results: readonly Result[], unit: string, log: readonly string[]) {
    super(results.map(({ id, status }) => `${id} is ${status}`).join(', '));
    this.results = results;
    this.unit = unit;
    this.log = log;
  }
}

const carryOut = async (
  session: Session,
  plan: Plan,
  keyring: Keyring,
  { checks }: Purpose,
  locks: Locks,
  signal: AbortSignal,
): Promise<Outcome> => {
  const notes = new Map<string, string>();
  const perform = async (step: Step, n: number, way: 'do' | 'confirm' | 'undo'): Promise<void> => {
    if (way === 'do' && signal.aborted) throw new Interrupted('interrupted');
    if (step.do === 'gate') return gate(session, step, checks, keyring, signal);
    const script = `${locks.get(step.host)?.renew}\n${scriptOf(step, way, session.run, n, keyring)}`;
    const host = session.host(step.host);
    // What is there already may go on working where nothing new comes in.
    if (way === 'confirm') return anew(host, (connector) => asRoot(host, connector, keyring, script).then(() => {}));
    const out = await asRoot(host, await session.connector(step.host), keyring, script);
    for (const line of out.split('\n')) {
      const [, name, value] = /^(downtime|release) (\d+)$/.exec(line) ?? [];
      if (way === 'do' && name !== undefined && value !== undefined) notes.set(name, value);
    }
  };
  const paint = painter(process.stderr);
  let failure: unknown;
  const stuck: Extract<Event, { readonly type: 'stuck' }>[] = [];
  const left: Step[] = [];
  let reverting = false;
  let under: Progress | undefined;
  for await (const event of apply(plan, perform)) {
    switch (event.type) {
      case 'started':
        under = progress(visible(title(event.step)));
        break;
      case 'done':
        under?.end(paint.green('✓'));
        if (stays(event.step)) left.push(event.step);
        break;
      case 'failed':
        under?.end(paint.red('✗'));
        failure = event.error;
        if (stays(event.step) && !(failure instanceof Interrupted)) left.push(event.step);
        process.stderr.write(event.error instanceof Shut ? shutText(event.error, session, paint) : `  ${visible(said(event.error))}\n`);
        process.stderr.write('taking back what was done:\n');
        break;
      case 'undone':
        process.stderr.write(`${paint.yellow('↩')} ${visible(title(event.step))}\n`);
        break;
      case 'reverting':
        reverting = true;
        process.stderr.write(
          `${paint.yellow('↩')} ${visible(title(event.step))}: the host takes it back by itself, within ${event.seconds} s\n`,
        );
        await sleep(event.seconds * 1000);
        break;
      case 'stuck':
        stuck.push(event);
        process.stderr.write(`${paint.red('✗')} could not be taken back: ${visible(title(event.step))}: ${visible(said(event.error))}\n`);
        break;
      default:
        event satisfies never;
    }
  }
  if (failure === undefined) return { is: 'done', notes };
  if (stuck.length > 0) {
    process.stderr.write(visible(manual(stuck, plan, session, keyring)));
    return { is: 'stuck', why: said(failure) };
  }
  const but = [
    ...(left.length > 0 ? [`, but for what stays: ${left.map(title).join('; ')}`] : []),
    ...(reverting ? [', but for what the host took back by itself: see what `fabric doctor` says'] : []),
  ];
  process.stderr.write(visible(`everything is as it was${but.join('')}\n`));
  return { is: failure instanceof Interrupted ? 'interrupted' : 'taken back', why: said(failure) };
};

const said = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Collects and examines again until the conditions hold: the same checks as validate, so that the two cannot disagree. */
const gate = async (
  session: Session,
  step: Extract<Step, { readonly do: 'gate' }>,
  checks: readonly Check[],
  keyring: Keyring,
  signal: AbortSignal,
): Promise<void> => {
  const { fabric } = session;
  const wanted = new Set(step.must.map(({ id }) => id.slice(0, id.indexOf('@'))));
  const relevant = checks.filter(({ id }) => wanted.has(id) || step.hopeless.some((one) => one.startsWith(`${id}@`)));
  const log = step.log === undefined ? undefined : lastLines(step.host, step.log, 20);
  // Only what it waits for is asked: a vantage that was not there before would be waited for in each round.
  const awaited = new Set([...step.must.map(({ id }) => id), ...step.hopeless]);
  const cases = relevant.flatMap((check) => check.each(fabric, asDeclared).filter(({ subject }) => awaited.has(resultId(check, subject))));
  const needs = [...cases.flatMap((one) => one.needs), ...(log ? [log] : [])];
  const end = Date.now() + step.withinSeconds * 1000;
  for (;;) {
    if (signal.aborted) throw new Interrupted('interrupted');
    const evidence = await session.ask(needs, keyring);
    const report: Report = examine(fabric, relevant, evidence, asDeclared, session.now());
    const missing = unmet(step.must, report);
    if (missing.length === 0) return;
    const hopeless = missing.some(({ id, status }) => status === 'fail' && step.hopeless.includes(id));
    if (hopeless || Date.now() > end) {
      const answer = log && evidence.find(({ vantage }) => vantage === step.host)?.answers.get(log.key);
      const lines = answer && 'out' in answer ? answer.out.split('\n').filter(Boolean) : [];
      throw new Shut(missing, step.log ?? '', lines);
    }
    await sleep(500);
  }
};

const shutText = ({ results, unit, log }: Shut, { now }: Session, paint: ReturnType<typeof painter>): string =>
  [
    humanReport({ at: now(), results }, paint, false),
    ...(log.length === 0 ? [] : [`last lines of ${visible(unit)}:`, ...log.map((line) => paint.dim(`  ${visible(line)}`)), '']),
  ].join('\n');

/** Over a connection of its own. */
const anew = async (host: Host, use: (connector: Connector) => Promise<void>): Promise<void> => {
  const connector = await connect(host);
  try {
    await use(connector);
  } finally {
    await connector.close();
  }
};

/** What a person has to do where taking back failed. Secrets stand by name. */
const manual = (stuck: readonly Extract<Event, { readonly type: 'stuck' }>[], plan: Plan, session: Session, keyring: Keyring): string => {
  const lost = stuck.some(({ error }) => error instanceof StepError && error.unreachable);
  const scripts = stuck.flatMap(({ step }) =>
    step.do === 'gate'
      ? []
      : [
          {
            host: step.host,
            title: title(step),
            script:
              step.do === 'run' && step.undo === 'again' ? step.script : scriptOf(step, 'undo', session.run, plan.indexOf(step), keyring),
          },
        ],
  );
  return byHand(scripts, lost);
};

/** What is to be run as root where taking back failed. */
export const byHand = (
  scripts: readonly { readonly host: HostName; readonly title: string; readonly script: string }[],
  lost: boolean,
): string => {
  const hosts = [...new Set(scripts.map(({ host }) => host))];
  const again = 'The connection was lost. When it is back, run the same command again: it goes on from what it finds. ';
  return [
    `\n${hosts.join(' and ')} ${hosts.length === 1 ? 'is' : 'are'} between two states. ${lost ? again : ''}By hand, as root on ${hosts.join(', ')}:`,
    ...scripts.flatMap((one) => ['', `# ${hosts.length === 1 ? '' : `${one.host}: `}${one.title}`, one.script]),
    '',
  ].join('\n');
};
