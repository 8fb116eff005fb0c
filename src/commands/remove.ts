import { checks } from '../checks/index.ts';
import { needs as removeNeeds, plan as removePlan } from '../deploy/remove.ts';
import { runKey } from '../secrets/fetch.ts';
import { withBecome } from './become.ts';
import { type ChangeOptions, change, outcomeCode } from './change.ts';
import { progress } from './progress.ts';
import { certain, open } from './session.ts';

/** `fabric remove litellm`: takes away everything that deploying put on the host. */
export const remove = async (options: ChangeOptions): Promise<number> => {
  const session = open(options);
  const { fabric } = session;
  try {
    const keyring = await withBecome(runKey(), options);
    const needs = removeNeeds(fabric);
    const asking = progress(`asking ${fabric.litellm.host}`);
    const evidence = await session.ask(needs, keyring).finally(() => asking.end());
    const plan = certain(evidence, needs, (facts) => removePlan(fabric, facts));
    const outcome = await change(session, plan, keyring, options, { verb: 'remove LiteLLM', checks, keepsReplaced: false });
    if (options.format === 'json')
      process.stdout.write(
        `${JSON.stringify({ schema: 'fabric.remove/1', host: fabric.litellm.host, outcome: outcome.is, plan }, null, 2)}\n`,
      );
    else if (outcome.is === 'done')
      process.stdout.write(`\nLiteLLM is gone from ${fabric.litellm.host}. The image stays: podman rmi ${fabric.litellm.image}\n`);
    return outcomeCode(outcome, options);
  } finally {
    await session.close();
  }
};
