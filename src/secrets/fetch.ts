import { randomBytes } from 'node:crypto';
import { uncarried } from '../env-file.ts';
import { Refusal } from '../errors.ts';
import type { SecretName, SecretSource } from '../fabric.ts';
import { type Keyring, RUN_KEY, Secret } from '../secret.ts';
import { fromEnv } from './env.ts';
import { fromFile } from './file.ts';
import type { Fetched, Missing } from './source.ts';

/** A secret that was had, or why it was not. */
export type Had = { readonly secret: Secret } | Missing;

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
export const knownSecrets = async (sources: ReadonlyMap<SecretName, SecretSource>, env: NodeJS.ProcessEnv): Promise<Keyring> =>
  keyringOf(await askAll(sources, env));

/** Every secret as its source has it, or why it is missing. */
export const askAll = async (
  sources: ReadonlyMap<SecretName, SecretSource>,
  env: NodeJS.ProcessEnv,
): Promise<ReadonlyMap<SecretName, Had>> =>
  new Map(
    await Promise.all(
      [...sources].map(async ([name, source]): Promise<readonly [SecretName, Had]> => {
        const said = checked(await fetchOne(source, env));
        return [name, 'missing' in said ? said : { secret: new Secret(name, said.value) }];
      }),
    ),
  );

export const keyringOf = (had: ReadonlyMap<SecretName, Had>): Keyring =>
  new Map([...runKey(), ...[...had].flatMap(([name, said]) => ('secret' in said ? [[name, said.secret] as const] : []))]);

const fetchOne = (source: SecretSource, env: NodeJS.ProcessEnv): Fetched | Promise<Fetched> => {
  switch (source.from) {
    case 'env':
      return fromEnv(source.name, env);
    case 'file':
      return fromFile(source.path, env['HOME']);
    default:
      return source satisfies never;
  }
};

/** What .env could not carry is refused here, before anything is asked of a host. */
const checked = (said: Fetched): Fetched => {
  if ('missing' in said) return said;
  const why = uncarried(said.value);
  return why === null ? said : { missing: why };
};
