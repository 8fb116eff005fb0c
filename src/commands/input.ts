import { readFileSync } from 'node:fs';
import { Refusal } from '../errors.ts';
import { visible } from '../shell.ts';

/** A text that a person named: a file, or `-` for standard input. */
export interface Input {
  /** As reports call it: `<stdin>` for `-`. */
  readonly name: string;
  readonly text: string;
}

const CAUSES: Readonly<Record<string, string>> = { ENOENT: 'there is no such file', EACCES: 'permission denied', EISDIR: 'it is a folder' };

/** Throws a `Refusal` that names the file, the cause, and what to name instead: `by` is the argument or option. */
export const readInput = (file: string, by: string): Input => {
  const name = file === '-' ? '<stdin>' : file;
  try {
    return { name, text: readFileSync(file === '-' ? 0 : file, 'utf8') };
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && typeof cause.code === 'string')) throw cause;
    throw new Refusal(`cannot read ${visible(name)}: ${CAUSES[cause.code] ?? cause.message}`, {
      next: [`name a file that can be read as ${by}`],
      cause,
    });
  }
};
