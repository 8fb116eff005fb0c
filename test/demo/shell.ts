// The simulated host's shell: the scripts that fabric sends, run by this machine's own sh. Every command that a script calls is
// either one of POSIX, taken from this machine, or a simulated one, answered by this process: nothing else is on its PATH.
import { type ChildProcess, spawn } from 'node:child_process';
import {
  constants,
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';

/** One simulated command, called by a script. */
export interface Call {
  readonly args: readonly string[];
  /** The working directory, as this machine names it. */
  readonly cwd: string;
  readonly stdin: string;
}
export interface Said {
  readonly code?: number;
  readonly out?: string;
  readonly err?: string;
}
export type Command = (call: Call) => Said | Promise<Said>;
export type Commands = ReadonlyMap<string, Command>;

/** A simulated command was called in a way that nothing here knows: said loudly, so that a new script is not half simulated. */
export const unknownUse = (name: string, { args }: Call): Said => ({
  code: 70,
  err: `the simulated ${name} does not know: ${args.join(' ')}\n`,
});

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}
export interface Shell {
  /** Runs a command as a login shell would, `stdin` on its standard input. */
  run(command: string, stdin: string, user?: 'ops' | 'root'): Promise<Ran>;
  /** Ends what still runs. */
  close(): Promise<void>;
}

/** Taken from this machine. All but mktemp and sync are POSIX, and these are everywhere. */
// biome-ignore format: words
const POSIX = ['awk', 'basename', 'cat', 'chmod', 'cmp', 'cp', 'cut', 'date', 'dirname', 'env', 'find', 'grep', 'head', 'ls', 'mkdir',
  'mkfifo', 'mktemp', 'mv', 'printf', 'rm', 'rmdir', 'sed', 'sh', 'sleep', 'sort', 'sync', 'tail', 'touch', 'tr', 'wc'];

/** The folders of the host that scripts name: they lie under the scratch root. */
const FOLDERS = /(?<![\w./$%@~)\]*-])\/(?=(?:flux|etc|usr|sbin|opt|proc|root|run|var\/(?:lib|spool))(?:[/:;'"\s)]|$))/g;

/** Pipes by which this process answers: more than there are commands at once. */
const PIPES = 128;
/** Characters of an answer that goes through the pipe itself, a line after the other. */
const SHORT = 1000;

/** Shims that need no answer of this process, as short shell scripts. */
const SCRIPTS: Readonly<Record<string, string>> = {
  // Takes a pipe that nobody has, hands its arguments over in files named after it, and waits there for the answer. Made of what the shell
  // does by itself, as far as that goes: the demo calls it more than a thousand times.
  '.ask': `n=$(($$ % ${PIPES})); set -C
until { echo "$SIM_RUN" >"$SIM/calls/$n.taken"; } 2>/dev/null; do n=$(((n + 1) % ${PIPES})); done
set +C; c=$SIM/calls/$n; exec 3<>"$c"
printf '%s\\0' "\${0##*/}" "$PWD" "$@" >"$c.args"
case " \${0##*/} $* " in ' sha256sum  '|*' @- '*) "$POSIX/cat" >"$c.stdin";; esac
echo "$n" >"$SIM/calls/ring"
read -r code lines <&3
case $lines in
files) "$POSIX/cat" "$c.out"; "$POSIX/cat" "$c.err" >&2;;
*) while [ "$lines" -gt 0 ]; do IFS= read -r line <&3; printf '%s\\n' "$line"; lines=$((lines - 1)); done;;
esac
echo "$n free" >"$SIM/calls/ring"
exit "$code"`,
  sudo: `while [ "$1" = -n ] || [ "$1" = -k ]; do shift; done
SIM_USER=root; export SIM_USER; exec "$@"`,
  id: `[ "$*" = -u ] || { echo "the simulated id does not know: $*" >&2; exit 70; }
if [ "$SIM_USER" = root ]; then echo 0; else echo 1000; fi`,
  uname: `case \${1:--s} in -s) echo Linux;; -n) echo akira;; *) echo "the simulated uname does not know: $*" >&2; exit 70;; esac`,
  // Nothing simulated hangs: no watch is kept over each question.
  timeout: `[ "$1" != --help ] || { echo '  -k, --kill-after=DURATION'; exit; }
[ "$1" != -k ] || shift 2
shift; exec "$@"`,
  // What a script writes has the host's own paths, so that its hash is that of what was sent.
  cat: `[ $# = 0 ] || exec "$POSIX/cat" "$@"
exec "$POSIX/sed" "s|$SIM_ROOT||g"`,
  date: `case $* in *%N*) exec "$SIM/bin/.date" "$@";; esac
exec "$POSIX/date" "$@"`,
  chmod: `case $1 in --reference=*) exec "$SIM/bin/.chmod" "$@";; esac
exec "$POSIX/chmod" "$@"`,
  seq: `exec "$POSIX/awk" -v "n=$1" 'BEGIN { for (i = 1; i <= n; i++) print i }'`,
};

/** Where this machine has a tool. */
const found = (name: string): string => {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/bin', '/bin'].filter(isAbsolute);
  const path = folders.map((folder) => join(folder, name)).find((one) => existsSync(one));
  if (path === undefined) throw new Error(`the demo needs \`${name}\`, which is not on this machine's PATH`);
  return path;
};

/**
 * `scratch` is a folder of this machine, its path free of what shells quote; `root` in it becomes the host's file system. The simulated
 * commands `date` and `chmod` are asked for what POSIX's cannot do, as `.date` and `.chmod`.
 */
export const openShell = (scratch: string, commands: Commands): Shell => {
  const [root, sim, posix] = [join(scratch, 'root'), join(scratch, 'sim'), join(scratch, 'posix')];
  for (const folder of [root, posix, join(sim, 'bin'), join(sim, 'calls'), join(scratch, 'tmp'), join(root, 'root')])
    mkdirSync(folder, { recursive: true });
  const sh = found('sh');
  for (const name of POSIX) symlinkSync(found(name), join(posix, name));
  for (const [name, text] of Object.entries(SCRIPTS)) writeFileSync(join(sim, 'bin', name), `#!${sh}\n${text}\n`, { mode: 0o755 });
  for (const name of commands.keys()) symlinkSync('.ask', join(sim, 'bin', name));

  const calls = join(sim, 'calls');
  const ring = join(calls, 'ring');
  const running = new Map<ChildProcess, Promise<unknown>>();
  let runs = 0;
  let closed = false;

  const answer = async (pipe: string): Promise<void> => {
    const file = (name: string): string => join(calls, `${pipe}.${name}`);
    const read = (name: string): string => {
      try {
        return readFileSync(file(name), 'utf8');
      } catch {
        return '';
      }
    };
    const [name = '', cwd = '', ...args] = read('args').split('\0').slice(0, -1);
    const call = { args, cwd, stdin: read('stdin') };
    rmSync(file('stdin'), { force: true });
    const {
      code = 0,
      out = '',
      err = '',
    } = await Promise.resolve()
      .then(() => commands.get(name)?.(call) ?? unknownUse(name, call))
      .catch((error: unknown): Said => ({ code: 70, err: `the simulated ${name} failed: ${String(error)}\n` }));
    const lines = out.split('\n').length - 1;
    const short = err === '' && out.length < SHORT && (out === '' || out.endsWith('\n')) && !out.includes('\0');
    try {
      if (!short) {
        writeFileSync(file('out'), out);
        writeFileSync(file('err'), err);
      }
      // Whoever asked may be gone: then nobody reads this pipe, and opening it fails at once.
      const done = await open(join(calls, pipe), constants.O_WRONLY | constants.O_NONBLOCK);
      await done.write(short ? `${code} ${lines}\n${out}` : `${code} files\n`);
      await done.close();
    } catch {}
  };
  const free = (pipe: string): void => rmSync(join(calls, `${pipe}.taken`), { force: true });

  // The pipes exist before anybody reads or rings them: mkfifo is a command.
  const ready = new Promise<() => unknown>((resolve, reject) => {
    const made = spawn(found('mkfifo'), [ring, ...Array.from({ length: PIPES }, (_, n) => join(calls, String(n)))], { stdio: 'ignore' });
    made.on('error', reject);
    made.on('exit', () => {
      // Open for both ways, so that it neither blocks at first nor ends when a caller hangs up.
      const rung = createReadStream(ring, { flags: 'r+', encoding: 'utf8' });
      let rest = '';
      rung.on('error', () => {});
      rung.on('data', (chunk) => {
        const lines = `${rest}${chunk}`.split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) {
          const [pipe = '', ended] = line.split(' ');
          if (pipe === 'stop') rung.destroy();
          else if (ended === undefined) void answer(pipe);
          else free(pipe);
        }
      });
      // A reader that is blocked in the kernel would keep this process from ending: it is told.
      rung.on('open', (fd) => resolve(() => writeSync(fd, 'stop\n')));
    });
  });

  const here = (text: string): string => text.replace(FOLDERS, `${root}/`);
  const there = (text: string): string => text.replaceAll(root, '');

  return {
    run: async (command, stdin, user = 'ops') => {
      await ready;
      if (closed) throw new Error('the simulated host is down');
      runs += 1;
      const run = String(runs);
      const child = spawn(sh, ['-c', `umask 022\n${here(command)}`], {
        cwd: join(root, 'root'),
        // A group of its own: what it leaves running ends with it.
        detached: true,
        env: {
          PATH: `${join(sim, 'bin')}:${posix}`,
          TMPDIR: join(scratch, 'tmp'),
          HOME: join(root, 'root'),
          SIM_USER: user,
          SIM: sim,
          SIM_ROOT: root,
          SIM_RUN: run,
          POSIX: posix,
        },
      });
      const [out, err]: [Buffer[], Buffer[]] = [[], []];
      child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
      child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
      child.stdin.on('error', () => {}); // it may end before it has read all
      child.stdin.end(here(stdin));
      child.on('exit', () => killGroup(child));
      const ended = new Promise<number>((resolve) => {
        child.on('error', () => resolve(127));
        child.on('close', (code) => resolve(code ?? 137));
      });
      running.set(child, ended);
      const code = await ended;
      running.delete(child);
      // What was killed while it asked has its pipe no more.
      for (const name of readdirSync(calls)) {
        const [pipe = '', taken] = name.split('.');
        if (taken === 'taken' && readFileSync(join(calls, name), 'utf8').trim() === run) free(pipe);
      }
      return { code, out: there(Buffer.concat(out).toString('utf8')), err: there(Buffer.concat(err).toString('utf8')) };
    },
    close: async () => {
      const stop = await ready;
      closed = true;
      for (const child of running.keys()) killGroup(child);
      await Promise.all(running.values());
      stop();
      rmSync(ring, { force: true });
    },
  };
};

const killGroup = ({ pid }: ChildProcess): void => {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {} // all of it has ended
};
