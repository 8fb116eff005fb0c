// Back into the store: `fabric secrets rotate` writes a new value where fabric.yaml takes the old one from.
import { Refusal } from '../errors.ts';
import type { SecretSource } from '../fabric.ts';
import type { Secret } from '../secret.ts';
import { PATIENCE, worldOf } from './fetch.ts';
import { type Stored, sourceText, type World } from './source.ts';

/** Why the source cannot be written, or `null` where it can. */
export const unwritable = (source: SecretSource): string | null => {
  switch (source.from) {
    case 'env':
      return 'a variable is set by whoever starts fabric';
    case 'command':
      return 'a command only prints its value';
    case 'op':
      return 'op takes a new value in its arguments alone, where ps shows it';
    case 'azure':
      return source.version === undefined ? null : 'fabric.yaml pins a version, which never changes';
    case 'file':
    case 'pass':
    case 'sops':
    case 'vault':
      return null;
    default:
      return source satisfies never;
  }
};

/** The value into the source's store. Throws a Refusal (exit 4) where it cannot; the store then has the old one. */
export const storeSecret = async (source: SecretSource, value: Secret, env: NodeJS.ProcessEnv, seconds = PATIENCE): Promise<void> => {
  const stored = await storeOne(source, value, worldOf([source], env, seconds), env);
  if ('stored' in stored) return;
  throw new Refusal(`${value.name} could not be written to ${sourceText(source)}: ${stored.missing}`, {
    exit: 4,
    next: [...(stored.login === undefined ? [] : [stored.login]), 'run the same command again; the store has the old value'],
  });
};

const storeOne = async (source: SecretSource, value: Secret, world: World, env: NodeJS.ProcessEnv): Promise<Stored> => {
  const never = unwritable(source);
  if (never !== null) return { missing: never };
  switch (source.from) {
    case 'file':
      return (await import('./file.ts')).toFile(source.path, value, env['HOME']);
    case 'pass':
      return (await import('./pass.ts')).storePass(source, value, world);
    case 'sops':
      return (await import('./sops.ts')).storeSops(source, value, world);
    case 'azure':
      return (await import('./azure.ts')).storeAzure(source, value, world);
    case 'vault':
      return (await import('./vault.ts')).storeVault(source, value, world);
    case 'env':
    case 'op':
    case 'command':
      return { missing: 'it cannot be written' };
    default:
      return source satisfies never;
  }
};
