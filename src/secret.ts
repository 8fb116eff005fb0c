import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import type { SecretName } from './fabric.ts';

/** A name. Values exist in `hosts/` and `secrets/` only. */
export interface SecretRef {
  readonly secret: SecretName;
}
/** Text in which secrets stand by name. */
export type Content = string | readonly (string | SecretRef)[];

/** A value that prints as its name, however it is printed. Only `hosts/` and `secrets/` call `reveal`. */
export class Secret {
  readonly name: SecretName;
  readonly #value: string;
  constructor(name: SecretName, value: string) {
    this.name = name;
    this.#value = value;
  }
  reveal(): string {
    return this.#value;
  }
  /** SHA-256 in hex of `key` and the value: the same where the values are the same, and worthless after the run. */
  fingerprint(key: Secret): string {
    return createHash('sha256').update(key.#value).update(this.#value).digest('hex');
  }
  toString(): string {
    return `[secret ${this.name}]`;
  }
  toJSON(): string {
    return this.toString();
  }
  [inspect.custom](): string {
    return this.toString();
  }
}

export type Keyring = ReadonlyMap<SecretName, Secret>;

/** 32 random bytes a run, in hex: the key of every fingerprint. Never recorded. */
export const RUN_KEY: SecretRef = { secret: 'fabric/run-key' };

/** The key that a rotation takes out of force, for proving that it is. */
export const REVOKED: SecretRef = { secret: 'fabric/revoked-key' };

/** sudo's password, where the user gave one. It is in no question and no plan: `src/hosts/become.ts` hands it to sudo alone. */
export const BECOME: SecretRef = { secret: 'fabric/become' };

/** The content with its values. The result may go nowhere but into a process's standard input. */
export const spell = (content: Content, keyring: Keyring): string =>
  typeof content === 'string'
    ? content
    : content
        .map((part) => {
          if (typeof part === 'string') return part;
          const secret = keyring.get(part.secret);
          if (!secret) throw new Error(`bug: the secret ${part.secret} was not fetched`);
          return secret.reveal();
        })
        .join('');

/** The content as people may see it. */
export const sealed = (content: Content): string =>
  typeof content === 'string' ? content : content.map((part) => (typeof part === 'string' ? part : `[secret ${part.secret}]`)).join('');
