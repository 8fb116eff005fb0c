import { asDeclared, type Check, type Report } from '../check.ts';
import { consequences, dnsPlan, recordsFile } from '../deploy/dns.ts';
import { needs as deployNeeds } from '../deploy/needs.ts';
import { plan as deployPlan } from '../deploy/plan.ts';
import { obstacles } from '../deploy/preconditions.ts';
import { Refusal } from '../errors.ts';
import type { Evidence, Facts } from '../evidence.ts';
import { examine, needsOf } from '../examine.ts';
import type { Dns, Fabric, Headscale, SecretName } from '../fabric.ts';
import type { Plan } from '../plan.ts';
import { file } from '../probes/file.ts';
import { mounts } from '../probes/headscale.ts';
import { headscaleServer } from '../probes/headscale-server.ts';
import { type Keyring, RUN_KEY } from '../secret.ts';
import type { Way } from '../services/headscale.ts';
import { visible } from '../shell.ts';
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

/** The names, and the Headscale that is to say them. Throws a Refusal where there is none of one's own. */
export const namesOf = ({ file: path, dns }: Fabric): { readonly dns: Dns; readonly headscale: Headscale } => {
  if (dns?.headscale === undefined)
    throw new Refusal(`${path}: ${dns === undefined ? 'dns' : 'dns.headscale'}: there is none, so there is nothing to deploy to`, {
      next:
        dns === undefined
          ? ['declare the names under dns:, and the Headscale that serves them under dns.headscale:']
          : ['where Tailscale runs the tailnet, its admin console sets records and routes, under DNS: `fabric doctor dns` says which'],
    });
  return { dns, headscale: dns.headscale };
};

/**
 * Asks Headscale's host, and plans from its answers. `said`: what that does to all that clients look up besides. Throws a Refusal where
 * its files are not what they should be.
 */
export const planNames = async (
  session: Session,
  keyring: Keyring,
  way: Way,
  /** How the checks of DNS found everything. */
  before: Report,
): Promise<{ readonly plan: Plan; readonly said: readonly string[] }> => {
  const { dns, headscale } = namesOf(session.fabric);
  const { host, run } = headscale;
  const asking = progress(`asking ${host}`);
  try {
    const [config, server] = [file(host, headscale.config), headscaleServer(headscale)];
    const mounted = run.by === 'container' ? mounts(host, run.container) : null;
    const first = [config, server, ...(mounted === null ? [] : [mounted])];
    const found = certain(await session.ask(first, keyring), first, ({ know }) => ({
      config: know(config),
      server: know(server),
      mounted: mounted === null ? null : know(mounted),
    }));
    const where = recordsFile(headscale, found.config, found.mounted);
    const records = where === null || 'why' in where ? null : file(host, where.path);
    const second = records === null ? [] : [records];
    const state = records === null ? null : certain(await session.ask(second, keyring), second, ({ know }) => know(records));
    const plan = dnsPlan(dns, headscale, { ...found, records: state }, way, before);
    if ('why' in plan)
      throw new Refusal(`nothing was changed: ${visible(plan.why)}`, { next: ['mend that by hand, and run the same command again'] });
    return { plan, said: consequences(dns, found.config, way) };
  } finally {
    asking.end();
  }
};

/** What each value is compared by: under this run's key. */
export const fingerprintsOf = (keyring: Keyring): ReadonlyMap<SecretName, string> => {
  const runKey = keyring.get(RUN_KEY.secret);
  if (!runKey) throw new Error('bug: no run key');
  return new Map([...keyring].map(([name, secret]) => [name, secret.fingerprint(runKey)]));
};
