// What every source of secrets has in common: the contract that test/secrets.test.ts and test/e2e/stores.test.ts hold each to.
import type { SecretSource } from '../fabric.ts';

/** Why there is no value: one sentence that never holds it. `login`: the command that would help. */
export interface Missing {
  readonly missing: string;
  readonly login?: string;
}
/** The value and, where the store keeps one, the second since 1970 at which it expires; or why there is none. */
export type Fetched = { readonly value: string; readonly expiry?: number } | Missing;
export type Stored = { readonly stored: true } | Missing;

/** What a source may use of the world, and shares with the other sources of one run. */
export interface World {
  /** What programs are started with: without the variables that hold secrets of ours. */
  readonly env: NodeJS.ProcessEnv;
  /** How long a program or a server may take. */
  readonly seconds: number;
  /** By what they are for: one token of az for all secrets of a run. */
  readonly tokens: Map<string, Promise<string | Missing>>;
}

/** The source as people know it. Of a command, the program alone: who puts a secret into its arguments should not read it here too. */
export const sourceText = (source: SecretSource): string => {
  switch (source.from) {
    case 'env':
      return `env:${source.name}`;
    case 'file':
      return `file:${source.path}`;
    case 'pass':
      return `pass:${source.name}`;
    case 'sops':
      return `sops:${source.path}#${source.keys.join('.')}`;
    case 'op':
      return source.reference;
    case 'azure':
      return `Key Vault ${source.vault}, secret ${source.name}${source.version === undefined ? '' : `, version ${source.version}`}`;
    case 'vault':
      return `vault ${source.mount}/${source.path}, field ${source.field}`;
    case 'command':
      return `command ${source.argv[0] ?? ''}`;
    default:
      return source satisfies never;
  }
};

/** Bytes as text; `null` where they are none. A value that was changed on its way is worse than none. */
export const textOf = (bytes: Uint8Array): string | null => {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
};
