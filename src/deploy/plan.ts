import type { CheckId, Report } from '../check.ts';
import type { Facts } from '../evidence.ts';
import type { Fabric, SecretName } from '../fabric.ts';
import { type FileState, type Plan, type Step, sha256 } from '../plan.ts';
import { type File, files } from '../services/litellm.ts';
import { quote } from '../shell.ts';
import { activate } from './activate.ts';
import { earlier, keepFound, retire } from './earlier.ts';
import { closeEngine } from './engine.ts';
import { environment, noteNames, permissions, sealedNames } from './environment.ts';
import { closeStale, openFirewall } from './firewall.ts';
import { gate } from './gate.ts';
import { questions } from './needs.ts';
import { keepRelease } from './release.ts';

/** Conditions of our own, in the order in which they come true: they must pass even where they failed before. */
const OWN: readonly CheckId[] = [
  'litellm/unit-active',
  'litellm/image',
  'litellm/host-network',
  'litellm/port-bound',
  'litellm/liveliness',
  'litellm/readiness',
  'litellm/key-required',
  'litellm/models-equal',
  'litellm/config-drift',
  'litellm/env-complete',
  'litellm/env-private',
  'litellm/engine-private',
];
const AFTER_FIREWALL: readonly CheckId[] = ['litellm/tailnet-admitted', 'litellm/access'];

/** What the plan needs besides the facts. `fingerprints`: of each secret's value, under this run's key. `by`: who deploys. */
export interface Inputs {
  readonly before: Report;
  readonly fingerprints: ReadonlyMap<SecretName, string>;
  readonly by: string;
}

/** The list of changes that make the host as declared. Pure; empty means "already so". */
export const plan = (fabric: Fabric, facts: Facts, { before, fingerprints, by }: Inputs): Plan => {
  const { know } = facts;
  const { litellm } = fabric;
  const { host } = litellm;
  const asked = questions(fabric);
  const [config, quadlet] = files(litellm);
  const kept = know(asked.kept);
  const old = earlier(fabric, facts);

  const configSteps = own(host, config, know(asked.config));
  // config.yaml is written too, so nothing goes on using a name that goes.
  const sealed = sealedNames(fabric, facts, fingerprints, new Set());
  const envSteps = environment(fabric, facts, sealed);
  const unitSteps = own(host, quadlet, know(asked.quadlet));
  const retireSteps = retire(fabric, facts);
  const fileSteps = [...configSteps, ...envSteps, ...unitSteps];

  const state = know(asked.unit);
  const running = know(asked.container);
  const changed = know(asked.changed);
  const stale = state.age !== null && changed !== null && changed < state.age;
  const restart =
    fileSteps.some((step) => step.do !== 'run') || // permissions alone need no restart
    retireSteps.length > 0 ||
    state.active !== 'active' ||
    stale ||
    running?.status !== 'running' ||
    running.image !== litellm.image;

  const found = know(asked.config) !== null || know(asked.env) !== null || old.unit !== null || know(asked.quadlet) !== null;
  const first = kept.releases.length === 0 && kept.found.length === 0;
  const pull: readonly Step[] =
    know(asked.image) === null
      ? [{ do: 'run', host, title: `pull ${litellm.image}`, script: `podman pull -q ${quote(litellm.image)}`, undo: 'nothing' }]
      : [];
  const firewall = [...openFirewall(fabric, facts), ...closeStale(fabric, facts)];
  const close = closeEngine(fabric, facts, restart);
  const service: readonly Step[] =
    restart || fileSteps.length > 0 || close.length > 0
      ? [
          ...close,
          ...(found && first ? [keepFound(fabric)] : []),
          ...fileSteps,
          ...retireSteps,
          ...(restart ? [activate(fabric)] : []),
          gate(fabric, before, 'LiteLLM is up, answers, refuses strangers and serves the declared models; nothing else is worse', OWN, 60),
        ]
      : [];
  const change = [
    ...pull,
    ...service,
    ...(firewall.length > 0
      ? [
          ...firewall,
          gate(
            fabric,
            before,
            'the firewall admits who may connect; nothing else is worse',
            [...(service.length > 0 ? OWN : []), ...AFTER_FIREWALL],
            10,
          ),
        ]
      : []),
  ];
  const release = fileSteps.length > 0 || !kept.inForce ? [keepRelease(fabric, by, litellm.image, noteNames(fabric, facts, sealed))] : [];
  return [...change, ...release];
};

/** A file of ours: written where it differs; where only its mode or owner do, those are mended and nothing restarts. */
const own = (host: string, { path, mode, owner, text }: File, was: FileState | null): readonly Step[] => {
  if (was?.sha256 !== sha256(text)) return [{ do: 'write', host, path, mode, owner, was, now: text }];
  return permissions(host, path, was, { mode, owner });
};
