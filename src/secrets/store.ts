// Back into the store: `fabric secrets rotate` writes a new value where fabric.yaml takes the old one from.
import { Refusal } from '../errors.ts';
import type { SecretSource } from '../fabric.ts';
import type { Secret } from '../secret.ts';
import { toFile } from './file.ts';
import { type Stored, sourceText } from './source.ts';

/** Why the source cannot be written, or `null` where it can. */
export const unwritable = (source: SecretSource): string | null => {
  switch (source.from) {
    case 'env':
      return 'a variable is set by whoever starts fabric';
    case 'file':
      return null;
    default:
      return source satisfies never;
  }
};

/** The value into the source's store. Throws a Refusal (exit 4) where it cannot; the store then has the old one. */
export const storeSecret = async (source: SecretSource, value: Secret, env: NodeJS.ProcessEnv): Promise<void> => {
  const stored = await storeOne(source, value, env);
  if ('stored' in stored) return;
  throw new Refusal(`${value.name} could not be written to ${sourceText(source)}: ${stored.missing}`, {
    exit: 4,
    next: [...(stored.login === undefined ? [] : [stored.login]), 'run the same command again; the store has the old value'],
  });
};

const storeOne = async (source: SecretSource, value: Secret, env: NodeJS.ProcessEnv): Promise<Stored> => {
  switch (source.from) {
    case 'file':
      return toFile(source.path, value, env['HOME']);
    case 'env':
      return { missing: 'it cannot be written' };
    default:
      return source satisfies never;
  }
};
