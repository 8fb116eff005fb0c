import { asDeclared } from '../check.ts';
import { checks } from '../checks/index.ts';
import { needs as rollbackNeeds, plan as rollbackPlan } from '../deploy/rollback.ts';
import { examine, needsOf } from '../examine.ts';
import { runKey } from '../secrets/fetch.ts';
import { withBecome } from './become.ts';
import { type ChangeOptions, change, outcomeCode } from './change.ts';
import { progress } from './progress.ts';
import { certain, open } from './session.ts';

/** `fabric rollback litellm`: the release before the one in force: image, config.yaml and .env together. */
export const rollback = async (options: ChangeOptions): Promise<number> => {
  const session = open(options);
  const { fabric } = session;
  try {
    const keyring = await withBecome(runKey(), options);
    const own = rollbackNeeds(fabric);
    const asking = progress(`asking ${fabric.litellm.host}`);
    const evidence = await session.ask([...own, ...needsOf(fabric, checks, asDeclared)], keyring).finally(() => asking.end());
    const before = examine(fabric, checks, evidence, asDeclared, session.now());
    const plan = certain(evidence, own, (facts) => rollbackPlan(fabric, facts, before));
    const outcome = await change(session, plan, keyring, options, { verb: 'roll LiteLLM back', checks, keepsReplaced: false });
    if (options.format === 'json')
      process.stdout.write(
        `${JSON.stringify({ schema: 'fabric.rollback/1', host: fabric.litellm.host, outcome: outcome.is, plan }, null, 2)}\n`,
      );
    else if (outcome.is === 'done') {
      process.stdout.write(
        `\n${fabric.litellm.host} runs release ${outcome.notes.get('release')} again. Where fabric.yaml declares another, \`fabric validate\` names the difference and \`fabric deploy litellm\` goes there.\n`,
      );
    }
    return outcomeCode(outcome, options);
  } finally {
    await session.close();
  }
};
