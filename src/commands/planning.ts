import { asDeclared, type Check, type Report } from '../check.ts';
import { needs as deployNeeds } from '../deploy/needs.ts';
import { plan as deployPlan } from '../deploy/plan.ts';
import { obstacles } from '../deploy/preconditions.ts';
import { Refusal } from '../errors.ts';
import type { Evidence, Facts } from '../evidence.ts';
import { examine, needsOf } from '../examine.ts';
import type { SecretName } from '../fabric.ts';
import type { Plan } from '../plan.ts';
import { type Keyring, RUN_KEY } from '../secret.ts';
import { progress } from './progress.ts';
import { certain, type Session } from './session.ts';

/** A deployment's plan, what it was made from, and how `relevant` checks found the host before. */
export interface Planned {
  readonly plan: Plan;
  readonly evidence: readonly Evidence[];
  readonly before: Report;
}

/** Asks LiteLLM's host, and plans from its answers. Throws a Refusal where the host is not ready. `keyring`: holds what .env is to hold. */
export const planDeployment = async (session: Session, keyring: Keyring, relevant: readonly Check[]): Promise<Planned> => {
  const { fabric } = session;
  const { host } = fabric.litellm;
  const asking = progress(`asking ${host}`);
  const probes = [...deployNeeds(fabric), ...needsOf(fabric, relevant, asDeclared)];
  const evidence = await session.ask(probes, keyring).finally(() => asking.end());
  const before = examine(fabric, relevant, evidence, asDeclared, session.now());
  const planOf = (facts: Facts): Plan => {
    const found = obstacles(fabric, facts);
    if (found.length > 0)
      throw new Refusal(`${host} is not ready, and nothing was changed:\n  ${found.map(({ what }) => what).join('\n  ')}`, {
        next: found.map(({ mend }) => mend),
      });
    return deployPlan(fabric, facts, { before, fingerprints: fingerprintsOf(keyring), by: session.by });
  };
  return { evidence, before, plan: certain(evidence, deployNeeds(fabric), planOf) };
};

/** What each value is compared by: under this run's key. */
export const fingerprintsOf = (keyring: Keyring): ReadonlyMap<SecretName, string> => {
  const runKey = keyring.get(RUN_KEY.secret);
  if (!runKey) throw new Error('bug: no run key');
  return new Map([...keyring].map(([name, secret]) => [name, secret.fingerprint(runKey)]));
};
