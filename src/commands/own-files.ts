// The files of `rex/`. What stands there runs with the rights of who runs fabric, on this machine and on every host: so, as ssh does with
// its own files, it is read only where nobody else could have written it.
import { existsSync, readdirSync, realpathSync, type Stats, statSync } from 'node:fs';
import { join, sep } from 'node:path';
import { Refusal } from '../errors.ts';
import type { RexId } from '../own/check.ts';

export interface OwnFile {
  readonly id: RexId;
  readonly kind: 'prose' | 'module';
  /** For people: `rex/REX-41.md`. */
  readonly name: string;
  readonly path: string;
}

/** REX-41.md, REX-42.js, REX-43.ts, by number. A README, fixtures, pictures are passed over; what looks like a slip is refused. */
export const filesOf = (beside: string): readonly OwnFile[] => {
  const folder = join(beside, 'rex');
  const real = realpathSync(folder);
  if (real !== join(realpathSync(beside), 'rex')) {
    throw new Refusal(`${folder} is a link to ${real}: entries are read from beside fabric.yaml alone`, {
      next: ['put the folder itself there'],
    });
  }
  if (!statSync(folder).isDirectory()) throw new Refusal(`${folder} is not a folder`, { next: ['entries stand in a folder of that name'] });
  mineAlone(folder, statSync(folder));
  const found = readable(folder, () => readdirSync(folder, { withFileTypes: true })).flatMap((one): readonly OwnFile[] => {
    const path = join(folder, one.name);
    const name = `rex/${one.name}`;
    if (one.isDirectory()) return [];
    const [, number, extension] = /^REX-([1-9]\d*)\.(md|js|ts)$/.exec(one.name) ?? [];
    if (number === undefined) {
      // rex-41.md, REX41.md, REX-41.yaml: its author thinks that it is read.
      if (!/^rex.*\.(?:md|markdown|[cm]?[jt]s|ya?ml)$/i.test(one.name)) return [];
      throw new Refusal(`${path} would not be read: an entry is REX-<number>.md, .js or .ts`, {
        next: [`rename it${/\d/.test(one.name) ? ` to ${better(one.name)}` : ''}, or take it out of rex/`],
      });
    }
    if (!existsSync(path))
      throw new Refusal(`${path} is a link to nothing`, { next: ['put the file itself there, or take the link away'] });
    const target = realpathSync(path);
    if (!target.startsWith(real + sep)) {
      throw new Refusal(`${path} is a link to ${target}: entries are read from beside fabric.yaml alone`, {
        next: ['put the file itself there'],
      });
    }
    mineAlone(path, statSync(path));
    return [{ id: `REX-${Number(number)}`, kind: extension === 'md' ? 'prose' : 'module', name, path }];
  });
  return found.toSorted((a, b) => Number(a.id.slice(4)) - Number(b.id.slice(4)));
};

/** What the file system refuses is the user's to mend. */
export const readable = <T>(path: string, read: () => T): T => {
  try {
    return read();
  } catch (cause) {
    throw new Refusal(`cannot read ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      next: ['let fabric read it, or take it out of rex/'],
      cause,
    });
  }
};

const better = (name: string): string => {
  const number = Number(/\d+/.exec(name)?.[0] ?? 0);
  const extension = /\.[cm]?([jt]s)$/i.exec(name)?.[1]?.toLowerCase() ?? 'md';
  return `REX-${number}.${extension}`;
};

/** sshd's StrictModes, with what many distributions add to it: a group that is its user's alone (umask 002) is no stranger. */
const mineAlone = (path: string, { uid, gid, mode }: Stats): void => {
  const me = process.getuid?.();
  if (me === undefined) return; // Windows has other means
  if (uid !== me && uid !== 0) {
    throw new Refusal(`${path} is not yours (its owner is user ${uid}, and you are ${me}): what it says would run with your rights`, {
      next: [`if you trust it: sudo chown ${me} ${path}`],
    });
  }
  const group = (mode & 0o020) !== 0 && !(gid === uid && gid === process.getgid?.());
  if ((mode & 0o002) !== 0 || group) {
    throw new Refusal(`${path} can be written by others (mode ${(mode & 0o777).toString(8)}): what it says would run with your rights`, {
      next: [`chmod go-w ${path}`],
    });
  }
};
