import { asDeclared, type Book, type Report, resultId } from '../check.ts';
import { Refusal } from '../errors.ts';
import { gateList, type Plan, type Step } from '../plan.ts';
import { isNamed, type Remedy, remedy } from '../remedy.ts';
import type { Keyring } from '../secret.ts';
import { fetchSecrets, runKey } from '../secrets/fetch.ts';
import { visible } from '../shell.ts';
import { ask } from './ask.ts';
import { withBecome } from './become.ts';
import { readBook } from './book.ts';
import { type ChangeOptions, change, type Outcome, outcomeCode } from './change.ts';
import { planDeployment } from './planning.ts';
import { open, type Session } from './session.ts';
import { remember, undo } from './take-back.ts';

export interface FixOptions extends ChangeOptions {
  readonly all: boolean;
  readonly undo: boolean;
}

/** `fabric fix`: one plan from the findings' own steps, gated by the same checks. */
export const fix = async (names: readonly string[], options: FixOptions): Promise<number> => {
  if ([names.length > 0, options.all, options.undo].filter(Boolean).length !== 1) {
    throw new Refusal('what is to be fixed is not said', {
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
  refuseUnknown(names, session, book);
  const keyring = await withBecome(runKey(), options);
  const before = await ask(session, asDeclared, keyring, '', book.checks);
  const found = remedy(before, (result) => options.all || names.some((name) => isNamed(result, name)));
  const deployment = found.deploy ? await deploymentOf(session, options, book) : { plan: [], keyring };
  const steps: Plan = [...deployment.plan, ...found.steps];
  const plan: Plan = steps.length === 0 ? [] : [...steps, gate(steps, before, found)];
  const purpose = { verb: 'fix this', checks: book.checks, keepsReplaced: true };
  const outcome: Outcome = plan.length === 0 ? { is: 'nothing' } : await change(session, plan, deployment.keyring, options, purpose);
  if (outcome.is === 'done') remember(session, plan);
  /** A deployment was asked for, and has nothing to change. */
  const idle = plan.length === 0 ? found.mended : [];
  if (options.format === 'json') process.stdout.write(`${JSON.stringify(fixJson(plan, outcome, found), null, 2)}\n`);
  else process.stdout.write(`${left(found)}${idle.map((id) => `by hand  ${visible(id)}: a deployment would change nothing\n`).join('')}`);
  const rest = found.byHand.length + idle.length;
  if (plan.length === 0 && rest === 0 && options.format === 'human') process.stdout.write('nothing to fix\n');
  const code = outcomeCode(outcome, options);
  return code === 0 && rest > 0 && !options.dryRun ? 1 : code;
};

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

/** The findings' own checks decide, and nothing else may be worse. */
const gate = (steps: Plan, before: Report, { mended }: Remedy): Step => ({
  do: 'gate',
  host: steps[0]?.host ?? '',
  title: `${mended.join(', ') || 'nothing'} ${mended.length === 1 ? 'holds' : 'hold'}; nothing else is worse`,
  ...gateList(before, mended),
  hopeless: [],
  withinSeconds: 60,
});

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
const fixJson = (plan: Plan, outcome: Outcome, { mended, byHand: rest }: Remedy) => ({
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
