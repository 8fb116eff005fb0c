// What fabric keeps on this machine: $XDG_STATE_HOME/fabric, else ~/.local/state/fabric (0700); without HOME, below the home folder of
// passwd. What is about one fabric.yaml begins with a hash of its path: 3f1c0a9b33de.json
import { createHash } from 'node:crypto';
import { mkdirSync, realpathSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { Refusal } from '../errors.ts';

export const stateFolder = (): string => {
  const { XDG_STATE_HOME } = process.env;
  if (XDG_STATE_HOME && isAbsolute(XDG_STATE_HOME)) return join(XDG_STATE_HOME, 'fabric');
  try {
    return join(homedir(), '.local/state/fabric'); // $HOME, else passwd
  } catch (cause) {
    throw new Refusal('there is no folder to keep the lock and the memory in: HOME is not set, and passwd knows no home of this user', {
      next: ['name one: HOME=/home/ann or XDG_STATE_HOME=/var/lib/ann, in the crontab'],
      cause,
    });
  }
};

/** The beginning of the names of all that is about one fabric.yaml: a path. `file`: that fabric.yaml. */
export const stateName = (file: string): string =>
  join(stateFolder(), createHash('sha256').update(realpathSync(file)).digest('hex').slice(0, 12));

/** Whole or not at all, and ours alone to read. Makes the folder. */
export const writeWhole = (path: string, text: string): void => {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const part = `${path}.${process.pid}`;
  writeFileSync(part, text, { mode: 0o600, flush: true });
  renameSync(part, path);
};
