import { randomBytes } from 'node:crypto';
import { uncarried } from '../env-file.ts';
import { Refusal } from '../errors.ts';
import type { SecretName, SecretSource } from '../fabric.ts';
import { type Keyring, RUN_KEY, Secret } from '../secret.ts';
import { fromEnv } from './env.ts';
import { fromFile } from './file.ts';
import { type Fetched, type Missing, sourceText, type World } from './source.ts';

/** A secret that was had, with the second since 1970 at which its store says it expires; or why it was not. */
export type Had = { readonly secret: Secret; readonly expiry?: number } | Missing;

/** Seconds that a program or a request may take. */
export const PATIENCE = 30;
/** How many programs and requests at once: a gpg or an az each is no small thing. */
const AT_ONCE = 6;

/** A run that needs no secret still has its own random key, for fingerprints. */
export const runKey = (): Keyring => new Map([[RUN_KEY.secret, new Secret(RUN_KEY.secret, randomBytes(32).toString('hex'))]]);

/** All values at once. Throws one Refusal (exit 4) that lists every secret that could not be had, with its source. */
export const fetchSecrets = async (sources: ReadonlyMap<SecretName, SecretSource>, env: NodeJS.ProcessEnv): Promise<Keyring> => {
  const had = await askAll(sources, env);
  const missing = [...had].flatMap(([name, said]) => ('missing' in said ? [{ ...said, name }] : []));
  if (missing.length > 0) {
    const logins = [...new Set(missing.flatMap(({ login }) => (login === undefined ? [] : [login])))];
    const lines = missing.map(({ name, missing: why }) => `${name}: ${why}`);
    throw new Refusal(`${missing.length === 1 ? 'a secret' : `${missing.length} secrets`} could not be had:\n  ${lines.join('\n  ')}`, {
      exit: 4,
      next: [...logins, 'provide what is missing, and run the same command again; nothing was changed'],
    });
  }
  return keyringOf(had);
};

/** What can be had, without a word about what cannot: to recognise values in what hosts say, not to use them. */
export const knownSecrets = async (
  sources: ReadonlyMap<SecretName, SecretSource>,
  env: NodeJS.ProcessEnv,
  within?: number,
): Promise<Keyring> => keyringOf(await askAll(sources, env, within));

/** Every secret as its source has it, or why it is missing: for those who also ask when it expires. `within`: seconds, for each program. */
export const askAll = async (
  sources: ReadonlyMap<SecretName, SecretSource>,
  env: NodeJS.ProcessEnv,
  within = PATIENCE,
): Promise<ReadonlyMap<SecretName, Had>> => {
  const world = worldOf(sources.values(), env, Math.min(within, PATIENCE));
  const waiting = [...sources];
  const had = new Map<SecretName, Had>();
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [name, source] = next;
      const said = carried(source, named(source, await fetchOne(source, world, env)));
      had.set(
        name,
        'missing' in said ? said : { secret: new Secret(name, said.value), ...(said.expiry === undefined ? {} : { expiry: said.expiry }) },
      );
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return new Map([...sources.keys()].flatMap((name) => [...had].filter(([one]) => one === name)));
};

/** The environment of the programs of stores holds none of the secrets that fabric.yaml takes from it. */
export const worldOf = (sources: Iterable<SecretSource>, env: NodeJS.ProcessEnv, seconds = PATIENCE): World => {
  const hidden = new Set([...sources].flatMap((source) => (source.from === 'env' ? [source.name] : [])));
  return {
    env: Object.fromEntries(Object.entries(env).filter(([name]) => !hidden.has(name))),
    seconds,
    tokens: new Map(),
  };
};

export const keyringOf = (had: ReadonlyMap<SecretName, Had>): Keyring =>
  new Map([...runKey(), ...[...had].flatMap(([name, said]) => ('secret' in said ? [[name, said.secret] as const] : []))]);

const fetchOne = async (source: SecretSource, world: World, env: NodeJS.ProcessEnv): Promise<Fetched> => {
  switch (source.from) {
    case 'env':
      return fromEnv(source.name, env);
    case 'file':
      return fromFile(source.path, env['HOME']);
    // What follows is loaded where it is used: the start of every command would pay for it.
    case 'pass':
      return (await import('./pass.ts')).fetchPass(source, world);
    case 'sops':
      return (await import('./sops.ts')).fetchSops(source, world);
    case 'op':
      return (await import('./op.ts')).fetchOp(source, world);
    case 'azure':
      return (await import('./azure.ts')).fetchAzure(source, world);
    case 'vault':
      return (await import('./vault.ts')).fetchVault(source, world);
    case 'command':
      return (await import('./command.ts')).fetchCommand(source, world);
    default:
      return source satisfies never;
  }
};

/** Why there is none, with where it was looked for: what env and file say names that by itself. */
const named = (source: SecretSource, said: Fetched): Fetched =>
  'missing' in said && source.from !== 'env' && source.from !== 'file'
    ? { ...said, missing: `${sourceText(source)}: ${said.missing}` }
    : said;

/** What .env could not carry is refused here, before anything is asked of a host. */
const carried = (source: SecretSource, said: Fetched): Fetched => {
  const why = 'missing' in said ? null : uncarried(said.value);
  return why === null ? said : { missing: `${sourceText(source)}: ${why}` };
};
