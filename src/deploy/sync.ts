import type { CheckId, Report } from '../check.ts';
import type { Facts, Probe } from '../evidence.ts';
import type { Fabric, SecretName } from '../fabric.ts';
import type { Plan, Step } from '../plan.ts';
import { copiesHolding, processEnv } from '../probes/env.ts';
import { sinceChange } from '../probes/file.ts';
import { envPath, RUNBOOK_UNIT } from '../services/litellm.ts';
import { activate } from './activate.ts';
import { closeEngine } from './engine.ts';
import { environment, noteNames, type Sealed, sealedNames } from './environment.ts';
import { gate } from './gate.ts';
import { questions } from './needs.ts';
import { keepRelease } from './release.ts';

/** Conditions of our own: what else of a deployment differs is the next deployment's affair. */
const OF_ENV: readonly CheckId[] = ['litellm/env-complete', 'litellm/env-private', 'litellm/engine-private'];
const OF_SERVICE: readonly CheckId[] = [
  'litellm/unit-active',
  'litellm/liveliness',
  'litellm/readiness',
  'litellm/key-required',
  ...OF_ENV,
];

/** What syncing must know of the host. */
const asked = (fabric: Fabric) => {
  const { host, secrets, masterKey } = fabric.litellm;
  const { env, written, config, unit, kept, engine } = questions(fabric);
  return {
    env,
    written,
    config,
    unit,
    kept,
    engine,
    changed: sinceChange(host, [envPath(fabric.litellm)]),
    process: processEnv(host, envPath(fabric.litellm), [...secrets.keys()]),
    ...(masterKey === null ? {} : { copies: copiesHolding(host, masterKey) }),
  };
};
export const needs = (fabric: Fabric): readonly Probe<unknown>[] => Object.values(asked(fabric));

export interface Inputs {
  readonly before: Report;
  readonly fingerprints: ReadonlyMap<SecretName, string>;
  readonly by: string;
  /** `never`: LiteLLM goes on with the values that it was started with. */
  readonly restart: 'auto' | 'never';
}
export interface Sync {
  readonly names: readonly Sealed[];
  readonly plan: Plan;
  /** LiteLLM runs with other values than .env will hold, and is left so: it is stopped, or nobody wants it restarted. */
  readonly left: 'stopped' | 'not restarted' | null;
}

/** The list of changes that make .env hold what its sources hold. Pure; an empty plan means "already so". */
export const sync = (fabric: Fabric, facts: Facts, { before, fingerprints, by, restart }: Inputs): Sync => {
  const { know, maybe } = facts;
  const { host } = fabric.litellm;
  const needed = asked(fabric);
  const names = sealedNames(fabric, facts, fingerprints, namedIn(know(needed.config)?.text ?? ''));
  const steps = environment(fabric, facts, names);
  const differs = steps.some((step) => step.do === 'patch');

  const state = know(needed.unit);
  const runs = state.active !== 'inactive' && state.load !== 'not-found';
  const changed = know(needed.changed);
  const running = maybe(needed.process);
  // It started on an older .env: a sync that was interrupted, or that was told not to restart it. A process that has the values all the
  // same needs none; one that has others although it is younger got them from elsewhere, and a restart would not mend that.
  const older = state.age !== null && changed !== null && changed < state.age;
  const known = running instanceof Map ? running : null;
  const stale = older && (known === null || [...fabric.litellm.secrets.keys()].some((name) => known.get(name) !== fingerprints.get(name)));
  const wanted = differs || stale;
  const restarts = wanted && runs && restart === 'auto';

  const copies = copiesOf(fabric, facts, fingerprints);
  const kept = know(needed.kept);
  const current = kept.releases.find(({ n }) => n === kept.current);
  const notes = noteNames(fabric, facts, names);
  const keep: readonly Step[] =
    restarts && current !== undefined
      ? [keepRelease(fabric, by, current.image, notes)]
      : notes.length > 0
        ? [{ do: 'run', host, title: 'note which names in .env are fabric’s', script: notes.join('\n'), undo: 'stays' }]
        : [];
  const close = closeEngine(fabric, facts, restarts);
  const touched = close.length + copies.length + steps.length > 0;
  // Who wrote the unit that is restarted is the next deployment's affair, too.
  const conditions = state.fragment === RUNBOOK_UNIT ? OF_SERVICE.filter((id) => id !== 'litellm/unit-active') : OF_SERVICE;
  return {
    names,
    plan: [
      ...close,
      ...copies,
      ...steps,
      ...(restarts
        ? [activate(fabric), gate(fabric, before, 'LiteLLM is up, answers and refuses strangers; nothing else is worse', conditions, 60)]
        : touched
          ? [envGate(fabric, before)]
          : []),
      ...keep,
    ],
    left: wanted && !restarts && state.load !== 'not-found' ? (runs ? 'not restarted' : 'stopped') : null,
  };
};

/** Names that a config.yaml takes from the environment. */
const namedIn = (text: string): ReadonlySet<SecretName> =>
  new Set([...text.matchAll(/os\.environ\/([A-Za-z_][A-Za-z0-9_]*)/g)].map(([, name]) => name ?? ''));

/** LiteLLM was not restarted, so only .env is looked at: it still wants the key that it was started with. */
const envGate = (fabric: Fabric, before: Report): Step => {
  const all = gate(fabric, before, '.env is complete, and root’s alone, as is what podman remembers of it', OF_ENV, 10);
  return {
    ...all,
    must: all.must.filter(({ id }) => OF_ENV.some((check) => id.startsWith(`${check}@`))),
    hopeless: [],
  };
};

/**
 * LiteLLM's own key is revoked by being replaced: what fabric keeps may not bring the old one back. Other keys' owners say when they
 * are revoked, so a release keeps those that it ran with.
 */
const copiesOf = (fabric: Fabric, { know }: Facts, fingerprints: ReadonlyMap<SecretName, string>): Plan => {
  const { host, masterKey } = fabric.litellm;
  const { copies } = asked(fabric);
  if (masterKey === null || copies === undefined) return [];
  return know(copies)
    .filter(({ value }) => value !== fingerprints.get(masterKey))
    .map(({ path, mode, owner }) => ({
      do: 'patch',
      host,
      path,
      // What a run replaced keeps its mode, by which it is put back; only root may enter its folder.
      ...(path.includes('/journal/') ? { mode, owner } : { mode: '600', owner: 'root:root' }),
      was: { mode, owner },
      lines: [{ begins: `${masterKey}=`, was: 'other', now: [`${masterKey}=`, { secret: masterKey }] }],
    }));
};
