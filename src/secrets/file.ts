import { open, realpath, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Secret } from '../secret.ts';
import { type Fetched, type Stored, textOf } from './source.ts';

const WHY: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'does not exist'],
  ['EACCES', 'may not be read by you'],
  ['EISDIR', 'is a folder'],
  ['ENOTDIR', 'does not exist'],
]);
const codeOf = (error: unknown): string => (typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '');

/** `~/` is the home folder, which cron may not have. */
export const atHome = (path: string, home: string | undefined): string =>
  path.startsWith('~/') && home !== undefined ? join(home, path.slice(2)) : path;

/** `file:PATH`: the file's text without its final new line. */
export const fromFile = async (path: string, home: string | undefined): Promise<Fetched> => {
  if (path.startsWith('~/') && home === undefined) return { missing: `${path}: HOME is not set` };
  try {
    const file = await open(atHome(path, home));
    try {
      if ((await file.stat()).size > 1024 * 1024) return { missing: `${path} is longer than 1 MiB` };
      const text = textOf(await file.readFile());
      return text === null ? { missing: `${path} is not text (UTF-8)` } : { value: text.replace(/\r?\n$/, '') };
    } finally {
      await file.close();
    }
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
    const code = codeOf(error);
    return { missing: `${path} cannot be written (${code === 'ENOENT' ? 'its folder does not exist' : code})` };
  }
};
