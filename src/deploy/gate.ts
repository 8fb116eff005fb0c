import { type CheckId, type Report, type ResultId, resultId } from '../check.ts';
import type { Fabric } from '../fabric.ts';
import { gateList, type Step } from '../plan.ts';
import { UNIT } from '../services/litellm.ts';

/** These do not heal by waiting. */
export const hopeless = (host: string): readonly ResultId[] => [resultId('litellm/unit-active', host)];

/** The gate of a change to LiteLLM: `ids` must pass even where they failed before, and whatever else held may not get worse. */
export const gate = (fabric: Fabric, before: Report, title: string, ids: readonly CheckId[], withinSeconds: number): Gate => {
  const { host, masterKey } = fabric.litellm;
  const mine = before.results.filter(
    ({ check, status }) => ids.includes(check.id) && !(check.id === 'litellm/key-required' && masterKey === null && status === 'warn'),
  );
  return {
    do: 'gate',
    host,
    title,
    ...gateList(
      before,
      mine.map(({ id }) => id),
    ),
    hopeless: hopeless(host),
    withinSeconds,
    log: UNIT,
  };
};

type Gate = Extract<Step, { readonly do: 'gate' }>;
