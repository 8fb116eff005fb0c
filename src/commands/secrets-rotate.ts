import { checks } from '../checks/index.ts';
import { needs as deployNeeds } from '../deploy/needs.ts';
import { proof, proven, ready, rotatable } from '../deploy/rotate.ts';
import { Refusal } from '../errors.ts';
import { REVOKED, type Secret } from '../secret.ts';
import { fetchSecrets } from '../secrets/fetch.ts';
import { newKey, renamed } from '../secrets/rotate.ts';
import { sourceText } from '../secrets/source.ts';
import { storeSecret, unwritable } from '../secrets/store.ts';
import { visible } from '../shell.ts';
import { withBecome } from './become.ts';
import { type ChangeOptions, change, outcomeCode } from './change.ts';
import { guard } from './guard.ts';
import { fingerprintsOf } from './planning.ts';
import { planSync } from './secrets-sync.ts';
import { certain, open } from './session.ts';

/** `fabric secrets rotate NAME`: a new key into its source and into force, and the old one refused. */
export const secretsRotate = async (name: string, options: ChangeOptions): Promise<number> => {
  const session = open(options);
  const { fabric } = session;
  const { host, secrets } = fabric.litellm;
  try {
    rotatable(fabric, name);
    const source = secrets.get(name);
    if (source === undefined) throw new Error('bug: a secret without a source');
    const never = unwritable(source);
    if (never !== null)
      throw new Refusal(`${name} comes from ${visible(sourceText(source))}, which fabric cannot write: ${never}`, {
        next: [
          `put a new key there yourself (echo "sk-$(openssl rand -hex 32)" makes one), and run \`fabric secrets sync\``,
          'or let fabric.yaml take it from a source that can be written, such as file:',
        ],
      });
    const old = await withBecome(await fetchSecrets(secrets, process.env), options);
    const was = old.get(name);
    if (was === undefined) throw new Error('bug: a secret was not fetched');
    // Where it is only shown, the new key exists for the comparison alone.
    const made = newKey(name);
    const keyring = new Map([...old, [name, made], [REVOKED.secret, renamed(was, REVOKED.secret)]]);
    guard(keyring);
    const planned = await planSync(session, keyring, 'auto');
    certain(planned.evidence, deployNeeds(fabric), (facts) => ready(fabric, facts, name, fingerprintsOf(old).get(name)));
    const { sync } = planned;
    if (sync.left !== null)
      throw new Refusal(`LiteLLM on ${host} is stopped, so nothing would show that it refuses the old key`, {
        next: ['`fabric deploy litellm` starts it'],
      });
    const plan = proven(fabric, sync.plan);
    if (options.format === 'human')
      process.stdout.write(`${name}: a new key, written to ${visible(sourceText(source))} first; then, on ${host}:\n`);
    const write = (value: Secret): Promise<void> => storeSecret(source, value, process.env);
    const outcome = await change(session, plan, keyring, options, {
      verb: `rotate ${name}`,
      checks: [...checks, proof],
      keepsReplaced: false,
      // Killed after this, the source has the new key and the host the old one: `fabric secrets sync` goes on from there.
      first: async () => {
        await write(made);
        process.stderr.write(`✓ ${visible(sourceText(source))} has a new key\n`);
        return async () => {
          await write(was).catch((cause: unknown) => {
            throw new Refusal(
              `${visible(sourceText(source))} could not be given the old key back: it has the new one, LiteLLM the old one`,
              {
                exit: 7,
                next: ['mend what stood in the way, and run `fabric secrets sync`: it puts the new key into force'],
                cause,
              },
            );
          });
          process.stderr.write(`↩ ${visible(sourceText(source))} has the old key again\n`);
        };
      },
    });
    if (options.format === 'json')
      process.stdout.write(
        `${JSON.stringify({ schema: 'fabric.secrets-rotate/1', host, name, source: sourceText(source), outcome: outcome.is, why: 'why' in outcome ? outcome.why : null, plan }, null, 2)}\n`,
      );
    else if (outcome.is === 'done')
      process.stdout.write(
        `\n${name} is a new key, LiteLLM takes it, and refuses the old one. Clients get it from ${visible(sourceText(source))}.\n`,
      );
    return outcomeCode(outcome, options);
  } finally {
    await session.close();
  }
};
