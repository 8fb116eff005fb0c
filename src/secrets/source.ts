// What every source of secrets has in common.
import type { SecretSource } from '../fabric.ts';

/** Why there is no value: one sentence that never holds it. `login`: the command that would help. */
export interface Missing {
  readonly missing: string;
  readonly login?: string;
}
export type Fetched = { readonly value: string } | Missing;
export type Stored = { readonly stored: true } | Missing;

/** The source as people know it. */
export const sourceText = (source: SecretSource): string => {
  switch (source.from) {
    case 'env':
      return `env:${source.name}`;
    case 'file':
      return `file:${source.path}`;
    default:
      return source satisfies never;
  }
};
