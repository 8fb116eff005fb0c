import type { Facts, Probe } from '../evidence.ts';
import type { Fabric, SecretName } from '../fabric.ts';
import { processEnv } from '../probes/env.ts';
import { envPath } from '../services/litellm.ts';
import { questions } from './needs.ts';

/** Each name in its source, in .env and in the running process, by fingerprints alone. */
export type Verdict = 'same' | 'different' | 'absent' | 'unknown';
export interface Compared {
  /** LiteLLM runs. */
  readonly runs: boolean;
  readonly names: readonly {
    readonly name: SecretName;
    /** fabric.yaml declares a source for it. */
    readonly source: boolean;
    /** .env, measured by the source. `unknown`: there is no source, or it could not be had. */
    readonly file: Verdict;
    /** The process, measured by .env; by the source where .env has none. `unknown`: it does not run, or nothing is known to measure it by. */
    readonly process: Verdict;
  }[];
}

const asked = (fabric: Fabric) => ({
  env: questions(fabric).env,
  process: processEnv(fabric.litellm.host, envPath(fabric.litellm), [...fabric.litellm.secrets.keys()]),
});
export const needs = (fabric: Fabric): readonly Probe<unknown>[] => Object.values(asked(fabric));

export const compare = (fabric: Fabric, { know }: Facts, fingerprints: ReadonlyMap<SecretName, string>): Compared => {
  const { secrets } = fabric.litellm;
  const { env, process } = asked(fabric);
  const there = know(env)?.values ?? new Map<SecretName, string>();
  const running = know(process);
  const against = (found: string | undefined, wanted: string | undefined): Verdict =>
    found === undefined ? 'absent' : wanted === undefined ? 'unknown' : found === wanted ? 'same' : 'different';
  return {
    runs: running !== null,
    names: [...new Set([...secrets.keys(), ...there.keys()])].map((name) => ({
      name,
      source: secrets.has(name),
      file: secrets.has(name) ? against(there.get(name), fingerprints.get(name)) : 'unknown',
      process: running === null ? 'unknown' : against(running.get(name), there.get(name) ?? fingerprints.get(name)),
    })),
  };
};
