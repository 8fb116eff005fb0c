import { asDeclared, type Check, type Report } from '../check.ts';
import { checks } from '../checks/index.ts';
import type { Sealed } from '../deploy/environment.ts';
import { needs, type Sync, sync } from '../deploy/sync.ts';
import { Refusal } from '../errors.ts';
import type { Evidence } from '../evidence.ts';
import { examine, needsOf } from '../examine.ts';
import type { Fabric } from '../fabric.ts';
import type { Keyring } from '../secret.ts';
import { fetchSecrets } from '../secrets/fetch.ts';
import { sourceText } from '../secrets/source.ts';
import { visible } from '../shell.ts';
import { withBecome } from './become.ts';
import { type ChangeOptions, change, outcomeCode } from './change.ts';
import { fingerprintsOf } from './planning.ts';
import { progress } from './progress.ts';
import { certain, open, type Session } from './session.ts';

export interface SyncOptions extends ChangeOptions {
  readonly host?: string;
  readonly restart: 'auto' | 'never';
}

/** `fabric secrets sync`: what the sources hold, into .env; LiteLLM is restarted where that changed, through the gate. */
export const secretsSync = async (service: string, options: SyncOptions): Promise<number> => {
  const session = open(options);
  const { fabric } = session;
  const { host } = fabric.litellm;
  try {
    meant(fabric, service, options.host);
    const keyring = await withBecome(await fetchSecrets(fabric.litellm.secrets, process.env), options);
    const { names, plan, left } = (await planSync(session, keyring, options.restart)).sync;
    if (options.format === 'human') process.stdout.write(table(fabric, names));
    const outcome = await change(session, plan, keyring, options, { verb: 'sync secrets', checks, keepsReplaced: false });
    if (options.format === 'json') {
      const { secrets } = fabric.litellm;
      const said = names.map(({ name, is }) => {
        const source = secrets.get(name);
        return { name, is, source: source === undefined ? null : sourceText(source) };
      });
      const why = 'why' in outcome ? outcome.why : null;
      process.stdout.write(
        `${JSON.stringify({ schema: 'fabric.secrets-sync/1', host, outcome: outcome.is, why, names: said, left, plan }, null, 2)}\n`,
      );
    }
    if (left !== null && (outcome.is === 'done' || outcome.is === 'nothing'))
      process.stderr.write(
        left === 'stopped'
          ? 'LiteLLM is stopped, and stays so: it starts with these values\n'
          : 'LiteLLM was not restarted, and goes on with the values that it was started with: `fabric secrets diff` names them\n',
      );
    return outcomeCode(outcome, options);
  } finally {
    await session.close();
  }
};

/** What the command line names is what fabric.yaml has. */
export const meant = ({ litellm }: Fabric, service: string, host: string | undefined): void => {
  if (service !== 'litellm')
    throw new Refusal(`${visible(service)}: fabric keeps the secrets of litellm alone`, { next: ['leave it out'] });
  if (host !== undefined && host !== litellm.host)
    throw new Refusal(`${visible(host)} runs no LiteLLM: fabric.yaml puts it on ${litellm.host}`, {
      next: [`--host ${litellm.host}, or none`],
    });
};

export interface PlannedSync {
  readonly sync: Sync;
  readonly evidence: readonly Evidence[];
  readonly before: Report;
}
/** Asks LiteLLM's host, and plans from its answers. Most syncs change nothing, and need no check to say so. */
export const planSync = async (session: Session, keyring: Keyring, restart: 'auto' | 'never'): Promise<PlannedSync> => {
  const first = await planWith(session, keyring, restart, []);
  return first.sync.plan.length === 0 ? first : planWith(session, keyring, restart, checks);
};

const planWith = async (
  session: Session,
  keyring: Keyring,
  restart: 'auto' | 'never',
  relevant: readonly Check[],
): Promise<PlannedSync> => {
  const { fabric } = session;
  const asking = progress(`asking ${fabric.litellm.host}`);
  const probes = [...needs(fabric), ...needsOf(fabric, relevant, asDeclared)];
  const evidence = await session.ask(probes, keyring).finally(() => asking.end());
  const before = examine(fabric, relevant, evidence, asDeclared, session.now());
  const inputs = { before, fingerprints: fingerprintsOf(keyring), by: session.by, restart };
  return { evidence, before, sync: certain(evidence, needs(fabric), (facts) => sync(fabric, facts, inputs)) };
};

const SAID: Readonly<Record<Sealed['is'], string>> = {
  added: 'added',
  changed: 'changed',
  same: 'same',
  removed: 'removed: fabric wrote it, and fabric.yaml no longer declares it',
  'in use': 'kept: fabric wrote it, fabric.yaml no longer declares it, and config.yaml still names it (`fabric deploy litellm` ends that)',
  'by hand': 'kept: put there by hand',
};

/** One name a line: never a value, nor anything about one. */
const table = ({ litellm: { secrets } }: Fabric, names: readonly Sealed[]): string => {
  const width = Math.max(0, ...names.map(({ name }) => name.length));
  return names
    .map(({ name, is }) => {
      const source = secrets.get(name);
      return `${visible(name).padEnd(width)}  ${SAID[is]}${source === undefined ? '' : `  ${visible(sourceText(source))}`}\n`;
    })
    .join('');
};
