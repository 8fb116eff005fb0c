import { randomBytes } from 'node:crypto';
import type { SecretName } from '../fabric.ts';
import { Secret } from '../secret.ts';

/** A new key of LiteLLM's: `sk-`, which it wants its keys to begin with, and 32 random bytes in hex. */
export const newKey = (name: SecretName): Secret => new Secret(name, `sk-${randomBytes(32).toString('hex')}`);

/** The same value under another name. */
export const renamed = (secret: Secret, name: SecretName): Secret => new Secret(name, secret.reveal());
