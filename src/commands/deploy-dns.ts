import { asDeclared } from '../check.ts';
import { checks } from '../checks/index.ts';
import { examine, needsOf } from '../examine.ts';
import { runKey } from '../secrets/fetch.ts';
import type { Way } from '../services/headscale.ts';
import { visible } from '../shell.ts';
import { withBecome } from './become.ts';
import { type ChangeOptions, change, outcomeCode } from './change.ts';
import { namesOf, planNames } from './planning.ts';
import { progress } from './progress.ts';
import { open } from './session.ts';

export interface DeployDnsOptions extends ChangeOptions {
  readonly remedy: Way;
}

/** `fabric deploy dns`: the declared names in Headscale, and clients that ask for them; plan, confirm, apply, gate, keep or take back. */
export const deployDns = async (options: DeployDnsOptions): Promise<number> => {
  const session = open(options);
  const { fabric } = session;
  try {
    const { headscale } = namesOf(fabric);
    const keyring = await withBecome(runKey(), options);
    const relevant = checks.filter(({ id }) => id.startsWith('dns/'));
    const asking = progress('asking where the names lead');
    const evidence = await session.ask(needsOf(fabric, relevant, asDeclared), keyring).finally(() => asking.end());
    const before = examine(fabric, relevant, evidence, asDeclared, session.now());
    const { plan, said } = await planNames(session, keyring, options.remedy, before);
    if (options.format === 'human' && plan.length > 0) process.stdout.write(said.map((line) => `${visible(line)}\n`).join(''));
    const outcome = await change(session, plan, keyring, options, {
      verb: 'deploy the names',
      checks,
      keepsReplaced: false,
      host: headscale.host,
    });
    if (options.format === 'json')
      process.stdout.write(
        `${JSON.stringify({ schema: 'fabric.deploy-dns/1', host: headscale.host, outcome: outcome.is, why: 'why' in outcome ? outcome.why : null, remedy: options.remedy, consequences: said, plan }, null, 2)}\n`,
      );
    else if (outcome.is === 'done')
      process.stdout.write(
        `\nthe names are deployed\n  then      fabric doctor dns; an answer that somebody cached is good for 5 s, for 10 min with clients before 1.102.1\n`,
      );
    return outcomeCode(outcome, options);
  } finally {
    await session.close();
  }
};
