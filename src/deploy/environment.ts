import type { Facts } from '../evidence.ts';
import type { Fabric, SecretName } from '../fabric.ts';
import type { Line, Step } from '../plan.ts';
import { WRITTEN } from '../probes/release.ts';
import { ENV_MODE, ENV_OWNER, envPath } from '../services/litellm.ts';
import { quote } from '../shell.ts';
import { STATE } from '../state.ts';
import { questions } from './needs.ts';

/** A name, and what becomes of it in .env: never its value, nor anything about it. */
export interface Sealed {
  readonly name: SecretName;
  /**
   * `removed`: fabric wrote it once, and fabric.yaml no longer declares it. `in use`: the same, and config.yaml on the host still
   * names it, so it stays. `by hand`: fabric never wrote it, so it stays.
   */
  readonly is: 'added' | 'changed' | 'same' | 'removed' | 'in use' | 'by hand';
}

/** Every name that is declared or that .env holds. `inUse`: names that may not go yet. */
export const sealedNames = (
  fabric: Fabric,
  { know }: Facts,
  fingerprints: ReadonlyMap<SecretName, string>,
  inUse: ReadonlySet<SecretName>,
): readonly Sealed[] => {
  const declared = fabric.litellm.secrets;
  const there = know(questions(fabric).env)?.values ?? new Map<SecretName, string>();
  const ours = new Set(know(questions(fabric).written));
  return [
    ...[...declared.keys()].map((name): Sealed => {
      const found = there.get(name);
      return { name, is: found === undefined ? 'added' : found === fingerprints.get(name) ? 'same' : 'changed' };
    }),
    ...[...there.keys()]
      .filter((name) => !declared.has(name))
      .map((name): Sealed => ({ name, is: !ours.has(name) ? 'by hand' : inUse.has(name) ? 'in use' : 'removed' })),
  ];
};

/** The step that makes .env hold what is declared. What was put there by hand stays. */
export const environment = (fabric: Fabric, { know }: Facts, sealed: readonly Sealed[]): readonly Step[] => {
  const { host } = fabric.litellm;
  const path = envPath(fabric.litellm);
  const was = know(questions(fabric).env);
  const lines = sealed.flatMap(({ name, is }): readonly Line[] => {
    const begins = `${name}=`;
    if (is === 'removed') return [{ begins, was: 'other', now: null }];
    if (is !== 'added' && is !== 'changed') return [];
    return [{ begins, was: is === 'added' ? 'absent' : 'other', now: [begins, { secret: name }] }];
  });
  if (was !== null && lines.length === 0) return permissions(host, path, was, { mode: ENV_MODE, owner: ENV_OWNER });
  return [
    { do: 'patch', host, path, mode: ENV_MODE, owner: ENV_OWNER, was: was === null ? null : { mode: was.mode, owner: was.owner }, lines },
  ];
};

/** Shell that notes which names fabric wrote into .env; none where the note is right already. */
export const noteNames = (fabric: Fabric, { know }: Facts, sealed: readonly Sealed[]): readonly string[] => {
  const before = know(questions(fabric).written);
  const gone = sealed.filter(({ is }) => is === 'removed').map(({ name }) => name);
  const set = sealed.filter(({ is }) => is === 'added' || is === 'changed').map(({ name }) => name);
  const now = [...new Set([...before, ...set])].filter((name) => !gone.includes(name)).sort();
  if (now.join() === [...before].sort().join()) return [];
  const text = now.map((name) => `${name}\n`).join('');
  return [
    `mkdir -p ${quote(`${STATE}/litellm`)}; printf %s ${quote(text)} >${quote(`${WRITTEN}.new`)}; mv ${quote(`${WRITTEN}.new`)} ${quote(WRITTEN)}`,
  ];
};

interface Permissions {
  readonly mode: string;
  readonly owner: string;
}
/** A file whose mode or owner alone are wrong: they are mended, and nothing restarts. */
export const permissions = (host: string, path: string, was: Permissions, now: Permissions): readonly Step[] => {
  if (was.mode === now.mode && was.owner === now.owner) return [];
  // An owner without a name cannot be given back by name.
  const set = ({ mode, owner }: Permissions): string =>
    `${owner.includes('UNKNOWN') ? '' : `chown ${quote(owner)} ${quote(path)}; `}chmod ${quote(mode)} ${quote(path)}`;
  return [
    {
      do: 'run',
      host,
      title: `make ${path} ${now.mode} ${now.owner} (it is ${was.mode} ${was.owner})`,
      script: set(now),
      undo: { script: set(was) },
    },
  ];
};
