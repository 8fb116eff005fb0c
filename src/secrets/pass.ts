// pass, the standard unix password manager: the first line of an entry is its password, by pass's own convention (pass -c copies it).
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { SecretSource } from '../fabric.ts';
import type { Secret } from '../secret.ts';
import { failed, run } from './program.ts';
import type { Fetched, Missing, Stored, World } from './source.ts';

type PassSource = Extract<SecretSource, { from: 'pass' }>;

export const fetchPass = async (source: PassSource, world: World): Promise<Fetched> => {
  const read = await entry(source, world);
  return 'missing' in read ? read : { value: read.text.split(/\r?\n/, 1)[0] ?? '' };
};

/** The new first line; the rest of the entry stays. */
export const storePass = async (source: PassSource, value: Secret, world: World): Promise<Stored> => {
  const read = await entry(source, world);
  if ('missing' in read && !read.none) return read;
  const rest = 'missing' in read ? '\n' : (/\n[\s\S]*/.exec(read.text)?.[0] ?? '\n');
  const argv = ['pass', 'insert', '--multiline', '--force', source.name];
  const ran = await run(argv, quiet(world), { stdin: value.reveal() + rest });
  if ('missing' in ran) return ran;
  return ran.code === 0 ? { stored: true } : { missing: failed('pass', ran) };
};

/** gpg asks nobody: a key that its agent has not unlocked is an error. Its words are English, which we read. */
const quiet = (world: World): World => ({
  ...world,
  env: {
    ...world.env,
    LC_ALL: 'C.UTF-8',
    PASSWORD_STORE_GPG_OPTS: `${world.env['PASSWORD_STORE_GPG_OPTS'] ?? ''} --batch --pinentry-mode=error`,
  },
});

const entry = async (source: PassSource, world: World): Promise<{ text: string } | (Missing & { none?: true })> => {
  const { env } = world;
  const folder = join(env['PASSWORD_STORE_DIR'] || join(env['HOME'] ?? '', '.password-store'), source.name);
  const isFolder = await stat(folder).then(
    (it) => it.isDirectory(),
    () => false,
  );
  const isEntry = await stat(`${folder}.gpg`).then(
    () => true,
    () => false,
  );
  // `pass show FOLDER` prints a tree of its entries, and calls that success.
  if (isFolder && !isEntry) return { missing: 'it is a folder of entries' };
  const ran = await run(['pass', 'show', source.name], quiet(world));
  if ('missing' in ran) return ran;
  if (ran.code === 0) return { text: ran.out };
  if (ran.code === 1 && ran.err.includes('is not in the password store')) return { missing: 'it is not there', none: true };
  // gpg 2.2 says the same where the key is locked and where there is none.
  if (/No secret key|decryption failed/.test(ran.err))
    return { missing: `locked, or the key is not here (${ran.err})`, login: `pass show ${source.name}` };
  return { missing: failed('pass', ran) };
};
