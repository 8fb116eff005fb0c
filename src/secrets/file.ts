import { open, readFile, realpath, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Secret } from '../secret.ts';
import type { Fetched, Stored } from './source.ts';

const WHY: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'does not exist'],
  ['EACCES', 'may not be read by you'],
  ['EISDIR', 'is a folder'],
]);

const codeOf = (error: unknown): string => (typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '');

/** `~/` is the home folder, which cron may not have. */
const atHome = (path: string, home: string | undefined): string =>
  path.startsWith('~/') && home !== undefined ? join(home, path.slice(2)) : path;

/** `file:PATH`: the file's text without its final new line. */
export const fromFile = async (path: string, home: string | undefined): Promise<Fetched> => {
  if (path.startsWith('~/') && home === undefined) return { missing: `${path}: HOME is not set` };
  try {
    const text = await readFile(atHome(path, home), 'utf8');
    return { value: text.replace(/\r?\n$/, '') };
  } catch (error) {
    return { missing: `${path} ${WHY.get(codeOf(error)) ?? `cannot be read: ${String(error)}`}` };
  }
};

/** Whole or not at all, 0600 from its first byte. Where the path is a link, the file that it leads to is replaced. */
export const toFile = async (path: string, value: Secret, home: string | undefined): Promise<Stored> => {
  if (path.startsWith('~/') && home === undefined) return { missing: `${path}: HOME is not set` };
  const place = await realpath(atHome(path, home)).catch(() => atHome(path, home));
  const part = `${place}.fabric-part`;
  try {
    await rm(part, { force: true }); // what an earlier run left when it was killed
    const file = await open(part, 'wx', 0o600);
    try {
      await file.writeFile(`${value.reveal()}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(part, place);
    return { stored: true };
  } catch (error) {
    await rm(part, { force: true }).catch(() => {});
    return { missing: `${path} cannot be written (${codeOf(error) === 'ENOENT' ? 'its folder does not exist' : codeOf(error)})` };
  }
};
