// The programs of stores. They get no terminal, no question, a bounded time, and secrets on their standard input alone.
import { kill } from 'node:process';
import { execa } from 'execa';
import { onExit } from 'signal-exit';
import { redactText } from '../hosts/redact.ts';
import { Secret } from '../secret.ts';
import { visible } from '../shell.ts';
import { type Missing, textOf, type World } from './source.ts';

/** What a program that ended has said. `err`: as people may see it, without what it may have quoted of a secret, and short. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const MOST = 1024 * 1024;

/**
 * Runs `argv`, which no shell reads. In a session of its own (`detached`) it has no terminal to ask on: gpg's pinentry fails instead of
 * waiting behind a spinner. What takes too long is ended with all that it started. So it is on Ctrl-C, which does not reach another
 * session; where a change is under way, a signal ends the step first, and the program is left to finish.
 */
export const run = async (argv: readonly string[], { env, seconds }: World, more: { stdin?: string } = {}): Promise<Ran | Missing> => {
  const [program = '', ...args] = argv;
  const { GPG_TTY: _, ...without } = env;
  // Listened for before anything is started: a signal that comes while it starts would end us alone, and leave it behind.
  let pid: number | undefined;
  const forget = onExit(() => endGroup(pid));
  const started = execa(program, args, {
    env: without,
    extendEnv: false,
    ...(more.stdin === undefined ? { stdin: 'ignore' } : { input: more.stdin }),
    encoding: 'buffer',
    maxBuffer: MOST,
    stripFinalNewline: false,
    reject: false,
    detached: true,
  });
  pid = started.pid;
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    endGroup(pid);
    for (const pipe of [started.stdin, started.stdout, started.stderr]) pipe?.destroy();
  }, seconds * 1000);
  const { exitCode, signal, stdout, stderr, code, isMaxBuffer } = await started;
  clearTimeout(timer);
  forget();
  if (late) return { missing: `${program} took more than ${seconds} s and was ended` };
  if (code === 'ENOENT') return { missing: `${program} is not installed` };
  if (code === 'EACCES') return { missing: `${program} may not be run by you` };
  if (isMaxBuffer) {
    endGroup(pid);
    return { missing: `${program} printed more than 1 MiB` };
  }
  const out = textOf(stdout);
  const err = short(textOf(stderr) ?? '', out ?? '', env);
  if (signal) return { missing: `${program} was ended by ${signal}${err === '' ? '' : `: ${err}`}` };
  if (exitCode === undefined) return { missing: `${program} could not be started${code === undefined ? '' : ` (${code})`}` };
  if (out === null) return { missing: `what ${program} printed is not text (UTF-8)` };
  return { code: exitCode, out, err };
};

/** The program and its children: `pass` is a shell script, and gpg would go on without it. */
const endGroup = (pid: number | undefined): void => {
  if (pid === undefined) return;
  try {
    kill(-pid, 'SIGKILL');
  } catch {} // it has ended
};

/** One line of at most 200 characters, without the value it printed, or any variable's that is named like a secret. */
const short = (err: string, out: string, env: NodeJS.ProcessEnv): string => {
  const named = Object.entries(env).filter(([name]) => /TOKEN|KEY|SECRET|PASS|SESSION/i.test(name));
  const known = [['VALUE', out.trim()] as const, ...named].flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [[name, new Secret(name, value)] as const],
  );
  const line = visible(redactText(err, new Map(known)).replace(/\s+/g, ' ')).trim();
  return line.length <= 200 ? line : `${line.slice(0, 199)}…`;
};

/** `gpg: …`, or what there is to say when a program failed in silence. */
export const failed = (program: string, { code, err }: Ran): string =>
  err === '' ? `${program} failed (exit ${code}) without a word` : err;

/** Without the one new line that printing adds. */
export const printed = (out: string): string => out.replace(/\r?\n$/, '');
