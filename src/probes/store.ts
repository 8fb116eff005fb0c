import { type Probe, succeeded, Unreadable } from '../evidence.ts';
import type { SecretName, SecretSource } from '../fabric.ts';

/** Whether the store keeps a date with its values. */
export const dated = ({ from }: SecretSource): boolean => from === 'azure' || from === 'vault';

/**
 * Seconds until the store says that the value expires; `null`: it says no date.
 *
 *   expires 1767225600
 *   expires never
 */
export const expiry = (secret: SecretName): Probe<number | null> => ({
  key: `store/${secret}`,
  question: { at: 'here', via: 'store', secret },
  read: (answer, at) => {
    const when = /^expires (never|\d{1,12})$/.exec(succeeded(answer))?.[1];
    if (when === undefined) throw new Unreadable(`no date: ${answer.out.slice(0, 100)}`);
    return when === 'never' ? null : Number(when) - at;
  },
});
