// Where the bytes of a secret are while something runs: the arguments and the environment of every process of this machine, the lab's
// hosts included, and files on both ends.
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Lab } from './lab.ts';

export interface Seen {
  readonly samples: number;
  readonly inArguments: readonly string[];
  readonly inEnvironments: readonly string[];
  readonly inFiles: readonly string[];
  /** Files of the container engine's, by their last name: each time, only root could get at them. */
  readonly inEngine: readonly string[];
}
export interface Allowed {
  /** Where the operator keeps them. */
  readonly sources: string;
  /** The command lines of processes that the operator gave them to as variables. */
  readonly given: RegExp;
}

const read = (path: string): Buffer => {
  try {
    return readFileSync(path);
  } catch {
    return Buffer.alloc(0); // gone by now
  }
};
const names = (folder: string): readonly string[] => {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
};
/** A container's own files, and links to them: what is written there lies in a folder of its layer, too. */
const MOUNTED = /\/storage\/overlay\/(l|[^/]+\/merged)$/;
/** All regular files below, by path. */
const below = (folder: string): readonly string[] =>
  names(folder).flatMap((name) => {
    const path = join(folder, name);
    if (MOUNTED.test(path)) return [];
    try {
      const found = statSync(path);
      return found.isDirectory() ? below(path) : found.isFile() && found.size < 1_000_000 ? [path] : [];
    } catch {
      return [];
    }
  });
/** Nobody but root can open it. */
const rootOnly = (path: string, top: string): boolean => {
  for (let at = path; at.length > top.length; at = dirname(at)) {
    const { mode, uid } = statSync(at);
    if (uid === 0 && (mode & 0o077) === 0) return true;
  }
  return false;
};
const spaceOf = (pid: string): string => {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return '';
  }
};
/** .env, what it is while it is written, and root's copies of it. */
const ENV_FILES =
  /^\/flux\/apps\/litellm\/(\.env|\.fabric-part\.\w{6})$|^\/var\/lib\/fabric\/(litellm\/releases\/(\d+|\.new)\/(env|\.fabric-part\.\w{6})|journal\/\w+\/\d+(\.part)?)$/;
const ENGINE = /^\/(var\/lib|run)\/(containers|libpod|crun)\//;
const ENGINE_FOLDERS = ['var/lib/containers', 'run/containers', 'run/libpod', 'run/crun'];

/** Looks again and again until it is ended. What is allowed is left out. */
export const watch = (it: Lab, values: readonly string[], { sources, given }: Allowed) => {
  const needles = values.map((value) => Buffer.from(value));
  const holds = (path: string): boolean => {
    const bytes = read(path);
    return needles.some((needle) => bytes.includes(needle));
  };
  const [args, envs, files, engine] = [new Set<string>(), new Set<string>(), new Set<string>(), new Set<string>()];
  let samples = 0;
  let over = false;
  const look = async (): Promise<void> => {
    const leader = (await it.verb('leader', 'akira')).trim();
    const root = `/proc/${leader}/root`;
    const hosts = [spaceOf('self'), spaceOf(leader)];
    const scan = (there: readonly string[], here: readonly string[]): void => {
      const remote = there.flatMap((name) => below(`${root}/${name}`));
      const local = here.flatMap(below).filter((path) => !path.startsWith(sources));
      for (const path of [...remote, ...local]) {
        if (!holds(path)) continue;
        const name = path.replace(root, '');
        try {
          const own = ENV_FILES.test(name) && (statSync(path).mode & 0o777) === 0o600 && statSync(path).uid === 0;
          if (ENGINE.test(name) && rootOnly(path, root)) engine.add(basename(name));
          else if (!own) files.add(name);
        } catch {} // gone by now
      }
    };
    while (!over) {
      for (const pid of names('/proc').filter((name) => /^\d+$/.test(name))) {
        const line = read(`/proc/${pid}/cmdline`).toString().replaceAll('\0', ' ');
        if (holds(`/proc/${pid}/cmdline`)) args.add(line);
        // In a space of its own: the container.
        if (pid !== String(process.pid) && holds(`/proc/${pid}/environ`) && hosts.includes(spaceOf(pid)) && !given.test(line))
          envs.add(line);
      }
      scan(
        [
          'flux',
          'var/lib/fabric',
          'tmp',
          'var/tmp',
          'dev/shm',
          'root',
          'home',
          'etc',
          'run/user',
          'run/systemd',
          'run/fabric-litellm-down',
          ...ENGINE_FOLDERS,
        ],
        [...names('/tmp').flatMap((name) => (name.startsWith('fabric-') ? [`/tmp/${name}`] : [])), '/dev/shm', '/run/user'],
      );
      samples += 1;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    scan([...ENGINE_FOLDERS, 'var/log', 'run/log'], []);
  };
  const looking = look();
  return {
    end: async (): Promise<Seen> => {
      over = true;
      await looking;
      return { samples, inArguments: [...args], inEnvironments: [...envs], inFiles: [...files], inEngine: [...engine] };
    },
  };
};
