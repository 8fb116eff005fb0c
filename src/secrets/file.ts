import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Fetched } from './fetch.ts';

/** `file:PATH`: the file's text without its final new line. `~/` is the home folder, which cron may not have. */
export const fromFile = async (path: string, home: string | undefined): Promise<Fetched> => {
  if (path.startsWith('~/') && home === undefined) return { missing: `${path}: HOME is not set` };
  try {
    const text = await readFile(path.startsWith('~/') ? join(home ?? '', path.slice(2)) : path, 'utf8');
    return { value: text.replace(/\r?\n$/, '') };
  } catch (error) {
    return { missing: error instanceof Error ? error.message : String(error) };
  }
};
