// `fabric fix --undo`. What was done is kept on this machine; the files that it replaced, on the hosts.
import { readFileSync, rmSync } from 'node:fs';
import { stays, takeBack } from '../apply.ts';
import { Refusal } from '../errors.ts';
import type { HostName } from '../fabric.ts';
import { asRoot, StepError, scriptOf } from '../hosts/perform.ts';
import type { Plan } from '../plan.ts';
import { changedSince } from '../probes/journal.ts';
import { touched } from '../remedy.ts';
import { title } from '../report/plan.ts';
import type { Keyring } from '../secret.ts';
import { runKey } from '../secrets/fetch.ts';
import { quote, visible } from '../shell.ts';
import { journal } from '../state.ts';
import { withBecome } from './become.ts';
import { byHand, type ChangeOptions, confirmed, hostsOf, locked, type Outcome, outcomeCode } from './change.ts';
import { Interrupted } from './interrupted.ts';
import { stateName, writeWhole } from './own-state.ts';
import { progress } from './progress.ts';
import { certain, type Session } from './session.ts';

/** What `fabric fix --undo` needs to know of the last fix. */
interface LastFix {
  readonly schema: 'fabric.fix/1';
  /** Names the journal on the hosts. */
  readonly run: string;
  readonly by: string;
  /** Seconds since 1970. */
  readonly at: number;
  readonly plan: Plan;
}

const place = (session: Session): string => `${stateName(session.fabric.file)}.fix.json`;

/** Keeps what was done, for `undo`. */
export const remember = (session: Session, plan: Plan): void => {
  const last: LastFix = { schema: 'fabric.fix/1', run: session.run, by: session.by, at: session.now(), plan };
  try {
    writeWhole(place(session), JSON.stringify(last));
  } catch (error) {
    process.stderr.write(`fabric: this fix is done, and --undo will not know of it: ${visible(String(error))}\n`);
  }
};

const recall = (session: Session): LastFix => {
  const none = (why: string): Refusal =>
    new Refusal(`there is no fix to take back: ${why}`, {
      next: ['`fabric fix --undo` takes back the last fix that was made from this machine'],
    });
  let last: LastFix;
  try {
    last = JSON.parse(readFileSync(place(session), 'utf8'));
  } catch {
    throw none('none was made for this fabric.yaml');
  }
  if (last.schema !== 'fabric.fix/1') throw none('another version of fabric made it');
  const gone = hostsOf(last.plan).filter((host) => !session.fabric.hosts.has(host));
  if (gone.length > 0) throw none(`${gone.join(', ')} is no longer in fabric.yaml`);
  return last;
};

/** `fabric fix --undo`: takes back the last fix, unless something changed what it left. */
export const undo = async (session: Session, options: ChangeOptions): Promise<number> => {
  const last = recall(session);
  const hosts = hostsOf(last.plan);
  const keyring = await withBecome(runKey(), options);
  await refuseChanged(session, last, hosts, keyring);
  const back = takeBack(last.plan);
  if (options.format === 'human') {
    const lines = back.map(
      ([step], n) => `${n + 1}  ${step.do === 'run' && step.undo === 'again' ? 'again' : 'take back'}: ${visible(title(step))}\n`,
    );
    process.stdout.write(
      [
        `Plan to take back on ${hosts.join(', ')} what ${visible(last.by)} fixed on ${new Date(last.at * 1000).toISOString()}:\n`,
        ...lines,
        ...last.plan.filter(stays).map((step) => `-  stays: ${visible(title(step))}\n`),
      ].join(''),
    );
  }
  if (options.dryRun) return said({ is: 'planned' }, last, options);
  if (!(await confirmed(options, hosts.join(', ')))) return said({ is: 'declined' }, last, options);
  const outcome = await locked<Outcome>(session, hosts, keyring, 'then stopping: the same command goes on', async (locks, signal) => {
    const stuck: { host: string; title: string; script: string }[] = [];
    let lost = false;
    await refuseChanged(session, last, hosts, keyring); // somebody may have edited it while we asked
    for (const [step, n] of back) {
      if (step.do === 'gate') continue;
      if (signal.aborted) throw new Interrupted('interrupted: run `fabric fix --undo` again to go on');
      const script = scriptOf(step, 'undo', last.run, n, keyring);
      const under = progress(visible(title(step)));
      try {
        await asRoot(session.host(step.host), await session.connector(step.host), keyring, `${locks.get(step.host)?.renew}\n${script}`);
        under.end('↩');
      } catch (error) {
        under.end('✗');
        process.stderr.write(`  ${visible(String(error))}\n`);
        lost ||= error instanceof StepError && error.unreachable;
        stuck.push({ host: step.host, title: title(step), script });
      }
    }
    if (stuck.length > 0) {
      process.stderr.write(visible(byHand(stuck, lost)));
      return { result: { is: 'stuck', why: 'a step could not be taken back' }, keepFiles: false };
    }
    for (const host of hosts)
      await asRoot(session.host(host), await session.connector(host), keyring, `rm -rf ${quote(journal(last.run))}`);
    rmSync(place(session), { force: true });
    return { result: { is: 'done', notes: new Map() }, keepFiles: false };
  });
  return said(outcome, last, options);
};

/** Nothing is overwritten that somebody changed since. What an interrupted undo put back already is no change. */
const refuseChanged = async (session: Session, { plan, run }: LastFix, hosts: readonly HostName[], keyring: Keyring): Promise<void> => {
  const probes = hosts.flatMap((host) => {
    const files = touched(plan, host);
    return files.length === 0 ? [] : [{ host, probe: changedSince(host, run, files) }];
  });
  const needs = probes.map(({ probe }) => probe);
  const asking = progress(`asking ${hosts.join(', ')}`);
  const evidence = await session.ask(needs, keyring).finally(() => asking.end());
  for (const { host, probe } of probes) {
    const changed = certain(evidence, needs, ({ know }) => know(probe));
    if (changed === null) throw new Refusal(`${host} no longer has what the fix replaced: such files are kept for a month`);
    if (changed.length > 0)
      throw new Refusal(`${host}: changed since the fix, so it is not taken back: ${changed.join(', ')}`, {
        next: [`what stood there before is in ${journal(run)} on ${host}`],
      });
  }
};

const said = (outcome: Outcome, { plan }: LastFix, options: ChangeOptions): number => {
  if (options.format === 'json')
    process.stdout.write(`${JSON.stringify({ schema: 'fabric.fix/1', undo: true, outcome: outcome.is, plan }, null, 2)}\n`);
  else if (outcome.is === 'declined') process.stderr.write('nothing was changed\n');
  else if (outcome.is === 'done') process.stdout.write('the fix is taken back; `fabric doctor` says how it stands\n');
  return outcomeCode(outcome, options);
};
