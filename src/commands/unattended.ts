// What runs that nobody watches keep on this machine: one lock and one memory for each fabric.yaml: 3f1c0a9b33de.lock.7, 3f1c0a9b33de.json
import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Memory, memoryText, readMemory } from '../changes.ts';
import { Refusal } from '../errors.ts';
import { stateFolder, stateName, writeWhole } from './own-state.ts';

/** Who holds the lock. `since`: seconds since 1970. */
export interface Holder {
  readonly pid: number;
  readonly since: number;
}
export interface Unattended {
  /** `null` without one; `unreadable` where it is damaged, or of another version. */
  recall(): Memory | null | 'unreadable';
  /** Whole or not at all. */
  remember(memory: Memory): void;
  /** Gives the lock back. */
  release(): void;
}

/** Takes the lock, or says who has it. `file`: the path of fabric.yaml. `now`: seconds since 1970. */
export const unattended = (file: string, now: number): Unattended | Holder => {
  const folder = stateFolder();
  const name = stateName(file);
  const memory = `${name}.json`;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const lock = take(folder, name, now);
    if (typeof lock !== 'string') return lock;
    return {
      recall: () => {
        try {
          const text = textOf(memory);
          return text === null ? null : (readMemory(text) ?? 'unreadable');
        } catch {
          return 'unreadable';
        }
      },
      remember: (what) => writeWhole(memory, memoryText(what)),
      release: () => truncateSync(lock),
    };
  } catch (error) {
    throw new Refusal(
      `cannot write to ${folder}, where unattended runs keep their lock and memory: ${error instanceof Error ? error.message : String(error)}`,
      {
        next: ['let this user write there, or name another folder: XDG_STATE_HOME=/some/folder'],
        cause: error,
      },
    );
  }
};

const textOf = (path: string): string | null => {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
};

/**
 * The lock is the file NAME.lock.N with the highest N: held while it names a live process, free once that has ended (also by
 * kill -9) or emptied it. To take it is to make N + 1, which link(2) lets one process do, and the highest is never removed: so no
 * two can think that they took over from the same dead one. Returns the path, or who holds it.
 */
const take = (folder: string, name: string, now: number): string | Holder => {
  const numbers = (): readonly number[] =>
    readdirSync(folder).flatMap((one) => {
      const path = join(folder, one);
      const number = path.startsWith(`${name}.lock.`) ? path.slice(name.length + '.lock.'.length) : '';
      return /^\d+$/.test(number) ? [Number(number)] : [];
    });
  const mine = `${name}.lock.new-${process.pid}`;
  writeFileSync(mine, JSON.stringify({ pid: process.pid, started: startOf(process.pid), since: now }), { mode: 0o600 });
  try {
    for (;;) {
      const top = Math.max(0, ...numbers());
      const holder = top === 0 ? null : alive(textOf(`${name}.lock.${top}`));
      if (holder) return holder;
      const path = `${name}.lock.${top + 1}`;
      try {
        linkSync(mine, path);
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'EEXIST') continue; // another was faster
        throw error;
      }
      if (Math.max(...numbers()) !== top + 1) {
        rmSync(path, { force: true }); // others went on from a later one while we looked
        continue;
      }
      for (const number of numbers()) if (number <= top) rmSync(`${name}.lock.${number}`, { force: true });
      return path;
    }
  } finally {
    rmSync(mine, { force: true });
  }
};

const alive = (text: string | null): Holder | null => {
  try {
    const { pid, started, since } = JSON.parse(text ?? '');
    return typeof pid === 'number' && typeof since === 'number' && typeof started === 'string' && started === startOf(pid)
      ? { pid, since }
      : null;
  } catch {
    return null; // empty: given back
  }
};

/** When a process started, in words that no other process with its number can have; '' when there is none. */
const startOf = (pid: number): string => {
  try {
    // proc(5): after the name in parentheses come the state and, as the 22nd field, the start in ticks since boot.
    const [state, ...fields] = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return state === 'Z' ? '' : `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${fields[18]}`;
  } catch {
    return psStart(pid);
  }
};

/** Without /proc (macOS): `Tue Nov 24 15:05:01 2026`. */
const psStart = (pid: number): string => {
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { PATH: '/bin:/usr/bin', LC_ALL: 'C' },
    }).trim();
  } catch {
    return '';
  }
};
