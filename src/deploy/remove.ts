import type { Facts, Probe } from '../evidence.ts';
import type { Fabric } from '../fabric.ts';
import type { Plan, Step } from '../plan.ts';
import { FOUND, inForce } from '../probes/release.ts';
import { ENV_MODE, ENV_OWNER, envPath, HEADER, QUADLET, UNIT } from '../services/litellm.ts';
import { quote } from '../shell.ts';
import { STATE } from '../state.ts';
import { closeFirewall } from './firewall.ts';
import { needs as deployNeeds, questions } from './needs.ts';

/** The unit first: nothing starts while its files go. */
const owned = ({ litellm }: Fabric) => inForce(litellm).toSorted((a, b) => Number(b.path === QUADLET) - Number(a.path === QUADLET));

export const needs = (fabric: Fabric): readonly Probe<unknown>[] => [...deployNeeds(fabric), ...owned(fabric).map(({ probe }) => probe)];

/**
 * Takes away everything that deploying put there. The image stays: it is podman's. So do what fabric found and
 * the keys that were put into .env by hand: they are the user's.
 */
export const plan = (fabric: Fabric, facts: Facts): Plan => {
  const { host, directory } = fabric.litellm;
  const kept = facts.know(questions(fabric).kept);
  const quadlet = facts.know(questions(fabric).quadlet);
  // What somebody else deployed is not ours to take away.
  if (kept.releases.length === 0 && kept.current === null && !quadlet?.text.startsWith(HEADER)) return [];
  const there = [...(facts.know(questions(fabric).env)?.values.keys() ?? [])];
  const ours = [...new Set([...fabric.litellm.secrets.keys(), ...facts.know(questions(fabric).written)])];
  const byHand = there.filter((name) => !ours.includes(name));
  const removals = owned(fabric).flatMap(({ path, probe }): readonly Step[] => {
    const was = facts.know(probe);
    if (was === null) return [];
    if (path === envPath(fabric.litellm) && byHand.length > 0) {
      const lines = ours.map((name) => ({ begins: `${name}=`, was: 'other' as const, now: null }));
      return [{ do: 'patch', host, path, mode: ENV_MODE, owner: ENV_OWNER, was, lines }];
    }
    return [{ do: 'write', host, path, mode: ENV_MODE, owner: ENV_OWNER, was, now: null }];
  });
  const runs = quadlet !== null;
  const stop: readonly Step[] = runs
    ? [
        {
          do: 'run',
          host,
          title: `stop ${UNIT}`,
          script: `systemctl stop ${UNIT}`,
          undo: { script: `systemctl daemon-reload; systemctl start ${UNIT}` },
        },
      ]
    : [];
  const reload: readonly Step[] = runs
    ? [
        {
          do: 'run',
          host,
          title: 'systemd forgets the unit',
          script: `systemctl daemon-reload; systemctl reset-failed ${UNIT} 2>/dev/null || true`,
          undo: 'nothing',
        },
      ]
    : [];
  const firewall = closeFirewall(fabric, facts);
  const leftovers: readonly Step[] =
    kept.releases.length > 0 || kept.current !== null
      ? [
          {
            do: 'run',
            host,
            title: `delete the ${kept.releases.length} kept releases, with the keys in them${kept.found.length > 0 ? ` (${FOUND} stays: it was there before fabric)` : ''}`,
            script: `rm -rf ${STATE}/litellm/releases ${STATE}/litellm/current ${STATE}/litellm/rules ${STATE}/litellm/names; rmdir ${STATE}/litellm ${quote(directory)} 2>/dev/null || true`,
            undo: 'impossible',
          },
        ]
      : [];
  return [...stop, ...firewall, ...removals, ...reload, ...leftovers];
};
