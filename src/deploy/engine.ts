import type { Facts } from '../evidence.ts';
import type { Fabric } from '../fabric.ts';
import type { Step } from '../plan.ts';
import { closeStorage } from '../services/engine.ts';
import { questions } from './needs.ts';

/**
 * What must come before the container gets its environment: podman notes it in a database that its folder alone keeps from others.
 * `starts`: the container will be started. Where it is not, a folder that is not there yet is nobody's affair.
 */
export const closeEngine = (fabric: Fabric, { know }: Facts, starts: boolean): readonly Step[] => {
  const { open, mode } = know(questions(fabric).engine);
  return open || (starts && mode === null) ? [closeStorage(fabric.litellm.host, mode)] : [];
};
