// What every source of secrets must do, whatever the store. Run against stores that need nothing installed (test/secrets.test.ts) and
// against real ones (test/e2e/stores.test.ts).
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Refusal } from '../src/errors.ts';
import type { SecretSource } from '../src/fabric.ts';
import { Secret } from '../src/secret.ts';
import { askAll, fetchSecrets } from '../src/secrets/fetch.ts';
import { storeSecret, unwritable } from '../src/secrets/store.ts';

/** A store that is ready. */
export interface Store {
  readonly env: NodeJS.ProcessEnv;
  /** Where the secret of that name is: lower-case letters and `-`. */
  readonly source: (name: string) => SecretSource;
  /** Puts it there as its owner would, without fabric. */
  readonly put: (name: string, value: string) => void | Promise<void>;
}
export interface Peculiar {
  /** pass: what follows the first line is somebody's notes. */
  readonly lines?: 'notes';
  /** How the two that are missing are named, where their names are not to be shown: a command's arguments. */
  readonly named?: RegExp;
  /** What cannot be put there at all. */
  readonly holds?: { readonly nul?: false; readonly empty?: false; readonly megabyte?: false };
}

/** Letters that shells, JSON, YAML and env files each take for something else. */
const AWKWARD = `sk-#'"$\` %s {ü} =é!end`;

export const contract = (store: () => Store, { lines, named, holds = {} }: Peculiar = {}): void => {
  const get = async (name: string): Promise<string> => {
    const said = (await askAll(new Map([['KEY', store().source(name)]]), store().env)).get('KEY');
    if (said === undefined || 'missing' in said) throw new Error(`missing: ${said?.missing}`);
    return said.secret.reveal();
  };

  test('a value arrives byte for byte', async () => {
    await store().put('awkward', AWKWARD);
    expect(await get('awkward')).toBe(AWKWARD);
  });

  test('all that are missing are named at once, each with its source, and exit 4', async () => {
    await store().put('there', 'sk-there-and-well');
    const missing = named ?? /^2 secrets could not be had:\n {2}NOWHERE: .*nowhere.*\n {2}NEITHER: .*neither.*$/;
    const sources = new Map(['there', 'nowhere', 'neither'].map((name) => [name.toUpperCase(), store().source(name)] as const));
    const error = await fetchSecrets(sources, store().env).then(
      () => null,
      (it: unknown) => it,
    );
    expect(error).toBeInstanceOf(Refusal);
    expect(error).toMatchObject({ exit: 4, message: expect.stringMatching(missing) });
    expect(String(error)).not.toContain('sk-there');
  });

  const refused: readonly (readonly [title: string, value: string, why: RegExp, possible: boolean])[] = [
    ['an empty value', '', /is empty$/, holds.empty ?? true],
    ['several lines', 'sk-one\nsk-two', /has more than one line/, lines !== 'notes'],
    ['a carriage return within', 'sk-one\rsk-two', /has more than one line/, true],
    ['a NUL byte', 'sk-one\0sk-two', /holds a NUL byte/, holds.nul ?? true],
    ['a backslash', 'sk-one\\two', /holds a backslash/, true],
    ['a megabyte', `sk-${'x'.repeat(1_000_000)}`, /is longer than 32 KiB|more than 1 MiB/, holds.megabyte ?? true],
  ];
  test.each(refused.filter(([, , , possible]) => possible))('%s is refused, and not shown', async (title, value, why) => {
    const name = title.replace(/\W/g, '-').toLowerCase();
    await store().put(name, value);
    const error = await get(name).then(
      () => 'it was taken',
      (it: unknown) => String(it),
    );
    expect(error).toMatch(why);
    expect(error).not.toContain('sk-one');
  });

  test('a new value goes back, is read again, and shows in no command line and no environment', async () => {
    await store().put('rotated', 'sk-old');
    const source = store().source('rotated');
    const value = `${AWKWARD}-new`;
    if (unwritable(source) !== null) {
      await expect(storeSecret(source, new Secret('KEY', value), store().env)).rejects.toThrow(/^KEY could not be written to /);
      expect(await get('rotated')).toBe('sk-old');
      return;
    }
    const seen = await watched(value, () => storeSecret(source, new Secret('KEY', value), store().env));
    expect(seen).toEqual([]);
    expect(await watched(value, async () => expect(await get('rotated')).toBe(value))).toEqual([]);
  });

  test('a value for a name that the store does not have yet', async () => {
    const source = store().source('created');
    if (unwritable(source) !== null) return;
    await storeSecret(source, new Secret('KEY', 'sk-created'), store().env);
    expect(await get('created')).toBe('sk-created');
  });
};

/** Does the work, and looks at every process meanwhile: where the text was seen. */
export const watched = async (text: string, work: () => Promise<unknown>): Promise<readonly string[]> => {
  const seen = new Set<string>();
  let done = false;
  const look = (): void => {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
      for (const file of ['cmdline', 'environ'])
        try {
          if (readFileSync(`/proc/${pid}/${file}`).includes(text)) seen.add(`${file} of ${readFileSync(`/proc/${pid}/comm`, 'utf8')}`);
        } catch {} // it has ended
    if (!done) setTimeout(look, 1);
  };
  look();
  try {
    await work();
  } finally {
    done = true;
  }
  return [...seen];
};
