import type { CheckId, Report } from '../check.ts';
import { Refusal } from '../errors.ts';
import type { Facts, Probe } from '../evidence.ts';
import type { Fabric } from '../fabric.ts';
import { gateList, type Plan, type Step } from '../plan.ts';
import { FOUND, inForce, type Previous, previousRelease, RELEASES } from '../probes/release.ts';
import { UNIT } from '../services/litellm.ts';
import { bracket, quote } from '../shell.ts';
import { activate } from './activate.ts';
import { closeEngine } from './engine.ts';
import { openFirewall } from './firewall.ts';
import { hopeless } from './gate.ts';
import { needs as deployNeeds, questions } from './needs.ts';
import { putInForce } from './release.ts';

/** What must hold of whatever release runs. Which models it serves is that release's affair. */
const OWN: readonly CheckId[] = [
  'litellm/unit-active',
  'litellm/host-network',
  'litellm/liveliness',
  'litellm/readiness',
  'litellm/key-required',
];

export const needs = (fabric: Fabric): readonly Probe<unknown>[] => [
  ...deployNeeds(fabric),
  previousRelease(fabric.litellm.host),
  ...inForce(fabric.litellm).map(({ probe }) => probe),
];

/** Back to the release before the one in force: image, config.yaml and .env together. Throws a Refusal where there is none. */
export const plan = (fabric: Fabric, facts: Facts, before: Report): Plan => {
  const { litellm } = fabric;
  const { host } = litellm;
  const previous = facts.know(previousRelease(host));
  if (previous === null) {
    const { found, releases } = facts.know(questions(fabric).kept);
    throw new Refusal(`${host} keeps no release before the one in force (${releases.length} in all)`, {
      next:
        found.length > 0
          ? [`what stood there before fabric came is kept in ${FOUND}: ${found.map((path) => path.slice(FOUND.length + 1)).join(', ')}`]
          : [],
    });
  }
  const unlike = difference(fabric, previous);
  if (unlike !== null)
    throw new Refusal(`release ${previous.n} ${unlike}`, {
      next: ['set fabric.yaml back to that first, and roll back then: it is where LiteLLM is asked whether it is well'],
    });
  const restores = inForce(fabric.litellm).flatMap(({ name, path, probe }): readonly Step[] => {
    const now = previous.files.get(name);
    const was = facts.know(probe);
    if (now === undefined || now.sha256 === was?.sha256) return [];
    return [{ do: 'restore', host, path, mode: now.mode, owner: now.owner, from: `${RELEASES}/${previous.n}/${name}`, was, now }];
  });
  const must = gateList(
    before,
    before.results.filter(({ check }) => OWN.includes(check.id)).map(({ id }) => id),
  );
  const mine = must.must.filter(({ id }) => OWN.some((check) => id.startsWith(`${check}@`)));
  return [
    pull(host, previous),
    ...closeEngine(fabric, facts, true),
    ...restores,
    activate(fabric),
    {
      do: 'gate',
      host,
      title: 'LiteLLM is up, answers and refuses strangers',
      must: mine.map(({ id }) => ({ id, atWorst: litellm.masterKey === null ? 'warn' : 'pass' })),
      unverified: must.unverified,
      hopeless: hopeless(host),
      withinSeconds: 60,
      log: UNIT,
    },
    // A later release may have closed what this one needs: it listens as fabric.yaml says, so fabric.yaml says who may connect.
    ...openFirewall(fabric, facts),
    {
      do: 'run',
      host,
      title: `release ${previous.n} is the one in force`,
      script: putInForce(String(previous.n)),
      undo: 'nothing',
    },
  ];
};

const pull = (host: string, { image: name }: Previous): Step => ({
  do: 'run',
  host,
  title: `pull ${name} unless it is there`,
  script: `podman image exists ${quote(name)} || podman pull -q ${quote(name)}`,
  undo: 'nothing',
});

/** What of the release cannot be judged with this fabric.yaml: it would listen elsewhere, or take another key. */
const difference = ({ litellm }: Fabric, { files }: Previous): string | null => {
  const [, address, port] = / --host (\S+) --port (\d+)/.exec(files.get('litellm.container')?.text ?? '') ?? [];
  if (address !== undefined && (address !== litellm.listen.address || Number(port) !== litellm.listen.port))
    return `listens on ${bracket(address)}:${port}`;
  const key = /^ {2}master_key: os\.environ\/(\w+)$/m.exec(files.get('config.yaml')?.text ?? '')?.[1] ?? null;
  return key === litellm.masterKey ? null : key === null ? 'goes without a master key' : `takes the master key from ${key}`;
};
