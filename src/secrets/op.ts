// 1Password's CLI. It is in no package registry, so the tests do not run it: the words that mean "signed out" are its documented ones.
import type { SecretSource } from '../fabric.ts';
import { failed, run } from './program.ts';
import type { Fetched, World } from './source.ts';

/** Read only: 'op item edit' takes a new value in its arguments, where 'ps' shows it. */
export const fetchOp = async (source: Extract<SecretSource, { from: 'op' }>, world: World): Promise<Fetched> => {
  const ran = await run(['op', 'read', '--no-newline', source.reference], world);
  if ('missing' in ran) return ran;
  if (ran.code === 0) return { value: ran.out };
  if (/not (?:currently )?signed in|no accounts? (?:is |are )?(?:configured|found)|session (?:has )?expired|authorization/i.test(ran.err))
    return { missing: `signed out (${ran.err})`, login: 'op signin' };
  return { missing: failed('op', ran) };
};
