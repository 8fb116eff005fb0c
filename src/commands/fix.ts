import { asDeclared, type Book, type Report, type Result, type ResultId, resultId } from '../check.ts';
import { Refusal } from '../errors.ts';
import type { Plan } from '../plan.ts';
import { fixGate, isNamed, type Remedy, remedy } from '../remedy.ts';
import { humanReport } from '../report/human.ts';
import { exitCode } from '../report/json.ts';
import type { Keyring } from '../secret.ts';
import { fetchSecrets, runKey } from '../secrets/fetch.ts';
import { quote, visible } from '../shell.ts';
import { ask } from './ask.ts';
import { withBecome } from './become.ts';
import { readBook, refuseStrangers } from './book.ts';
import { type ChangeOptions, change, type Outcome, outcomeCode } from './change.ts';
import { planDeployment, planNames } from './planning.ts';
import { open, type Session } from './session.ts';
import { remember, undo } from './take-back.ts';

export interface FixOptions extends ChangeOptions {
  readonly all: boolean;
  readonly undo: boolean;
}

/** `fabric fix`: one plan from the findings' own steps, gated by the same checks. */
export const fix = async (names: readonly string[], options: FixOptions): Promise<number> => {
  if ([names.length > 0, options.all, options.undo].filter(Boolean).length !== 1) {
    const nothing = names.length === 0 && !options.all && !options.undo;
    throw new Refusal(nothing ? 'what is to be fixed is not said' : 'ids, --all and --undo exclude each other', {
      next: ['name checks, results (check@subject) or REX ids, as `fabric doctor` prints them', 'or --all; or --undo for the last fix'],
    });
  }
  const session = open(options);
  try {
    return await (options.undo ? undo(session, options) : mend(session, names, options));
  } finally {
    await session.close();
  }
};

const mend = async (session: Session, names: readonly string[], options: FixOptions): Promise<number> => {
  const { fabric } = session;
  const book = await readBook(fabric);
  refuseStrangers(fabric, book);
  refuseUnknown(names, session, book);
  const keyring = await withBecome(runKey(), options);
  const before = await ask(session, asDeclared, keyring, '', book.checks);
  const chosen = (result: Result): boolean => options.all || names.some((name) => isNamed(result, name));
  const found = remedy(before, chosen);
  const unknown = before.results.filter((result) => result.status === 'unknown' && chosen(result));
  const deployment = found.deploy.length > 0 ? await deploymentOf(session, options, book) : { plan: [], keyring };
  // The narrower way; `fabric deploy dns --remedy override` is the other.
  const { plan: dns, said } = found.deployDns.length > 0 ? await planNames(session, keyring, 'split', before) : { plan: [], said: [] };
  // What the deployment does already is not done again.
  const done = new Set(deployment.plan.map((step) => JSON.stringify(step)));
  const own = found.steps.filter((step) => !done.has(JSON.stringify(step)));
  const steps: Plan = [...deployment.plan, ...dns.filter((step) => step.do !== 'gate'), ...own];
  /** A deployment was asked for, and has nothing to change. */
  const idle = [...(deployment.plan.length === 0 ? found.deploy : []), ...(dns.length === 0 ? found.deployDns : [])];
  const mended = found.mended.filter((id) => !idle.includes(id));
  const plan: Plan = steps.length === 0 ? [] : [...steps, fixGate(steps, before, mended)];
  if (options.format === 'human' && dns.length > 0) process.stdout.write(said.map((line) => `${visible(line)}\n`).join(''));
  const purpose = { verb: 'fix this', checks: book.checks, keepsReplaced: true };
  const outcome: Outcome = plan.length === 0 ? { is: 'nothing' } : await change(session, plan, deployment.keyring, options, purpose);
  if (outcome.is === 'done') remember(session, plan);
  // What another finding's steps have mended is not left to a person.
  const gone = outcome.is === 'done' ? await mendedToo(session, found, keyring, book) : [];
  const leftOver: Remedy = { ...found, byHand: found.byHand.filter(({ result }) => !gone.includes(result.id)) };
  if (options.format === 'json')
    process.stdout.write(`${JSON.stringify(fixJson(plan, outcome, [...mended, ...gone], leftOver), null, 2)}\n`);
  else
    process.stdout.write(
      `${gone.map((id) => `mended   ${visible(id)} too\n`).join('')}${left(leftOver)}${idle.map((id) => `by hand  ${visible(id)}: a deployment would change nothing\n`).join('')}`,
    );
  const byHand = leftOver.byHand.length + idle.length;
  if (options.format === 'human') {
    // What followed from something that is mended now was the gate's to see.
    const gated = (result: Result): boolean => outcome.is === 'done' && result.status === 'blocked' && mended.includes(result.by);
    const named = [...mended, ...leftOver.byHand.map(({ result }) => result.id), ...idle];
    process.stdout.write(aside(before, (result) => chosen(result) && !gated(result), named, options.all));
    if (plan.length === 0 && byHand === 0 && unknown.length === 0) process.stdout.write('nothing to fix\n');
  }
  // What could not be asked is not healthy: said, and told by the exit code.
  if (unknown.length > 0) process.stderr.write(humanReport({ at: before.at, results: unknown }, session.paint, false));
  const code = outcomeCode(outcome, options);
  if (code !== 0) return code;
  return byHand > 0 && !options.dryRun ? 1 : exitCode({ at: before.at, results: unknown }, 'fail');
};

/** Of those without a fix of their own, what passes now. */
const mendedToo = async (session: Session, { byHand }: Remedy, keyring: Keyring, { checks }: Book): Promise<readonly ResultId[]> => {
  if (byHand.length === 0) return [];
  const before = new Set(byHand.map(({ result }) => result.id));
  const { results } = await ask(
    session,
    asDeclared,
    keyring,
    '',
    checks.filter((check) => byHand.some(({ result }) => result.check === check)),
  );
  return results.filter(({ id, status }) => before.has(id) && status === 'pass').map(({ id }) => id);
};

/** Chosen, and neither mended nor left by hand: an echo, or a risk that somebody accepted. `named`: those of which it was said what becomes of them. */
const aside = ({ results }: Report, chosen: (result: Result) => boolean, named: readonly ResultId[], all: boolean): string =>
  results
    .filter((result) => !all && chosen(result))
    .map((result) => {
      if (result.status === 'blocked')
        return `follows  ${visible(result.id)}: from ${visible(result.by)} alone${named.includes(result.by) ? '' : `: fabric fix ${quote(result.by)}`}\n`;
      return result.status === 'accepted' ? `accepted ${visible(result.id)}: until ${result.until}: ${visible(result.reason)}\n` : '';
    })
    .join('');

const refuseUnknown = (names: readonly string[], { fabric }: Session, { checks }: Book): void => {
  const known = checks.flatMap((check) => check.each(fabric, asDeclared).map(({ subject }) => ({ id: resultId(check, subject), check })));
  const strange = names.filter((name) => !known.some((one) => isNamed(one, name)));
  if (strange.length > 0)
    throw new Refusal(`${strange.map(visible).join(', ')}: no check of this fabric.yaml`, {
      next: ['`fabric doctor` prints the ids of what is wrong, `fabric rex list` all of them'],
    });
};

/** What `fabric deploy litellm` would do, and the secrets that it does it with. */
const deploymentOf = async (session: Session, options: FixOptions, { checks }: Book): Promise<{ plan: Plan; keyring: Keyring }> => {
  const keyring = await withBecome(await fetchSecrets(session.fabric.litellm.secrets, process.env), options);
  const { plan } = await planDeployment(session, keyring, checks);
  return { plan, keyring };
};

/** What a person has to do. */
const left = ({ byHand: rest }: Remedy): string =>
  rest
    .flatMap(({ result, findings }) => [
      `by hand  ${visible(result.id)}  ${result.check.title}`,
      ...findings.flatMap(({ saw, advice }) => [`    saw   ${visible(saw)}`, `    do    ${visible(advice)}`]),
    ])
    .map((line) => `${line}\n`)
    .join('');

/** `fabric.fix/1` */
const fixJson = (plan: Plan, outcome: Outcome, mended: readonly ResultId[], { byHand: rest }: Remedy) => ({
  schema: 'fabric.fix/1',
  outcome: outcome.is,
  why: 'why' in outcome ? outcome.why : null,
  mended,
  byHand: rest.map(({ result, findings }) => ({
    id: result.id,
    findings: findings.map(({ saw, want, advice }) => ({ saw, want, advice })),
  })),
  plan,
});
