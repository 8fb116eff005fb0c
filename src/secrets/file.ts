import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Fetched } from './fetch.ts';

const WHY: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'does not exist'],
  ['EACCES', 'may not be read by you'],
  ['EISDIR', 'is a folder'],
]);

/** `file:PATH`: the file's text without its final new line. `~/` is the home folder, which cron may not have. */
export const fromFile = async (path: string, home: string | undefined): Promise<Fetched> => {
  if (path.startsWith('~/') && home === undefined) return { missing: `${path}: HOME is not set` };
  try {
    const text = await readFile(path.startsWith('~/') ? join(home ?? '', path.slice(2)) : path, 'utf8');
    return { value: text.replace(/\r?\n$/, '') };
  } catch (error) {
    const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
    return { missing: `${path} ${WHY.get(code) ?? `cannot be read: ${String(error)}`}` };
  }
};
