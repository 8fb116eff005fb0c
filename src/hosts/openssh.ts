import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Lost } from '../evidence.ts';
import type { Host } from '../fabric.ts';
import { quote } from '../shell.ts';
import { type Connector, closed, PATIENCE, type Phase, place } from './connector.ts';
import { underWay } from './running.ts';

/** Milliseconds for a person to type a passphrase, or to touch a key. */
const PERSON = 120_000;

/**
 * OpenSSH's own client: it honours ssh_config, agent, ProxyJump, certificates, known_hosts and Tailscale SSH. One connection
 * for the run, one channel an exec, through a control socket in a private folder.
 */
export const openssh = async (host: Host, patience = PATIENCE): Promise<Connector> => {
  // A socket's path may have 104 bytes on macOS: ssh's own %C would be 40 of them.
  // Under su, sudo or cron, XDG_RUNTIME_DIR may be empty, another's, or not there.
  const runtime = process.env['XDG_RUNTIME_DIR'] || tmpdir();
  const folder = await mkdtemp(join(runtime, 'fabric-')).catch(() => mkdtemp(join(tmpdir(), 'fabric-')));
  const control = join(folder, 's');
  const log = join(folder, 'log');
  const terminal = process.stdin.isTTY;
  // biome-ignore format: one option a pair
  const options = [
    '-o', 'ControlMaster=auto', '-o', `ControlPath=${control}`, '-o', 'ControlPersist=600',
    '-o', 'StrictHostKeyChecking=yes', '-o', `ConnectTimeout=${Math.ceil(patience / 1000)}`,
    '-o', `ServerAliveInterval=${Math.ceil(patience / 2000)}`, '-o', 'ServerAliveCountMax=3',
    '-o', 'ForwardX11=no', '-o', 'ForwardAgent=no', '-o', 'ClearAllForwardings=yes',
    // How far it got goes to a file, so that stderr is the command's alone. (A LogLevel would let banners through; ssh < 8.5 has no LogVerbose.)
    '-E', log, '-o', 'LogLevel=ERROR', '-o', 'IgnoreUnknown=LogVerbose', '-o', 'LogVerbose=ssh.c:*:*,sshconnect.c:*:*,sshconnect2.c:*:*,kex.c:*:*',
    ...(terminal ? [] : ['-o', 'BatchMode=yes']),
    ...(host.port === undefined ? [] : ['-p', String(host.port)]),
    ...(host.user === undefined ? [] : ['-l', host.user]),
  ];
  const logged = (): Promise<string> => readFile(log, 'utf8').catch(() => '');
  let connected = false;
  const running = underWay();
  return {
    exec: async (command, stdin) => {
      const before = (await logged()).length;
      if (running.ended()) return closed(host);
      const progress = async (): Promise<string> => (await logged()).slice(before);
      const stop = new AbortController();
      const ssh = execa('ssh', [...options, '-T', '--', host.address, wrapped(command)], {
        input: stdin,
        reject: false,
        stripFinalNewline: false,
        maxBuffer: 64 * 1024 * 1024,
        // Once connected, nothing prompts: ssh leaves the terminal's group, so that Ctrl-C reaches fabric alone.
        detached: connected,
        cancelSignal: stop.signal,
      });
      const late = connected ? undefined : watch(progress, terminal, patience, stop);
      const { exitCode, signal, stdout, stderr, code, shortMessage } = await running.add(ssh);
      const timedOut = late?.();
      if (code === 'ENOENT')
        return { lost: 'unsupported', why: 'there is no ssh on this machine: install the OpenSSH client, or use client: ssh2' };
      if (code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') return { lost: 'unreadable', why: `${host.name} printed more than 64 MiB` };
      if (timedOut !== undefined) return expired(host, await progress(), timedOut);
      if (signal || exitCode === undefined) return { lost: 'unreachable', why: `ssh ended: ${signal ?? shortMessage}` };
      if (exitCode === 255 && !stderr.endsWith(OWN_255))
        return diagnose(host, `${await progress()}\n${stderr}`, connected ? 'command' : 'resolving its name');
      connected = true;
      return { code: exitCode, out: stdout, err: exitCode === 255 ? stderr.slice(0, -OWN_255.length) : stderr };
    },
    close: async () => {
      running.end();
      // The shared connection outlives the exec that made it, also one that was ended.
      if (existsSync(control)) await execa('ssh', [...options, '-O', 'exit', '--', host.address], { reject: false, timeout: 5000 });
      await rm(folder, { recursive: true, force: true });
    },
  };
};

/**
 * ssh exits with 255 for its own troubles, and says nothing at all when a shared connection dies. So a command that ends with
 * 255 of its own says so.
 */
const OWN_255 = 'fabric: the command itself ended with 255\n';
const wrapped = (command: string): string =>
  `sh -c ${quote(`( ${command} ); c=$?; [ $c -ne 255 ] || echo ${quote(OWN_255.trimEnd())} >&2; exit $c`)}`;

/**
 * Ends an ssh that makes no progress on its way in: it waits for ever for an agent that does not answer, and for the resolver.
 * Returns how to end the watch, which says how many milliseconds ssh was given, where it ran out of them.
 */
const watch = (progress: () => Promise<string>, terminal: boolean, patience: number, stop: AbortController): (() => number | undefined) => {
  let [seen, since] = [-1, Date.now()];
  let timedOut: number | undefined;
  const look = async (): Promise<void> => {
    const said = await progress();
    const phase = phaseOf(said);
    if (phase === 'command') return clearInterval(timer);
    if (said.length > seen) [seen, since] = [said.length, Date.now()];
    // ssh's own ConnectTimeout is to come first: it goes on to the host's next address.
    const given = terminal && phase === 'login' ? Math.max(patience, PERSON) : patience;
    if (Date.now() - since < given * 1.2) return;
    clearInterval(timer);
    timedOut = given;
    stop.abort();
  };
  const timer = setInterval(() => void look(), patience / 10);
  return () => {
    clearInterval(timer);
    return timedOut;
  };
};

/**
 * How far ssh got, by its log:
 *
 *     debug1: sshconnect.c:ssh_connect_direct():485 (pid=19963): Connecting to 127.0.0.1 [127.0.0.1] port 2298.
 *     debug1: sshconnect.c:ssh_connect_direct():522 (pid=19963): Connection established.
 *     debug1: kex.c:kex_input_newkeys():612 (pid=19963): SSH2_MSG_NEWKEYS received
 *     sshconnect2.c:ssh_userauth2():580 (pid=19963): Authenticated to 127.0.0.1 ([127.0.0.1]:2298) using "publickey".
 */
const phaseOf = (log: string): Phase | undefined => MARKS.find(([mark]) => mark.test(log))?.[1];
const MARKS: readonly (readonly [RegExp, Phase])[] = [
  [/: Authenticated to /, 'command'],
  [/: SSH2_MSG_NEWKEYS received/, 'login'],
  [/: (?:Connection established|Remote protocol version)/, 'key exchange'],
  [/: Executing proxy command/, 'connecting through a jump host'],
  [/: Connecting to /, 'connecting'],
];

/** What ssh says to people: without its debugging, and without where in its source it says it. */
const told = (log: string): string =>
  log
    .split(/\r?\n/)
    .filter((line) => !/^debug\d: |: Authenticated to /.test(line))
    .map((line) => line.replace(/^[\w-]+\.c:\w+\(\):\d+ \(pid=\d+\): /, ''))
    .join('\n')
    .trim();

/** What stands in the way of a login and is not in ssh's last line: a key that is encrypted, an agent that is gone. */
const obstacles = (log: string): readonly string[] => {
  const key = [...log.matchAll(/ Server accepts key: (.*) \S+ SHA256:/g)].at(-1)?.[1];
  const agent = /:get_agent_identities\(\):\d+ \(pid=\d+\): ssh_\w+: (.*)/.exec(log)?.[1];
  return [
    ...(key === undefined ? [] : [`the host takes the key ${key}, which could not be used here: if it is encrypted, ssh-add it`]),
    ...(agent === undefined ? [] : [`the agent at SSH_AUTH_SOCK does not answer: ${agent}`]),
  ];
};

const expired = (host: Host, log: string, given: number): Lost => {
  const phase = phaseOf(log) ?? 'resolving its name';
  const why = `${place(host)}: ${phase} timed out after ${given / 1000} s`;
  if (phase !== 'login') return { lost: 'unreachable', why };
  return {
    lost: 'login',
    // It asks the agent before it asks the host for anything.
    why: `${why}, waiting for ${/SSH2_MSG_SERVICE_ACCEPT received/.test(log) && !/signing using[^\n]*\n*$/.test(log) ? 'the host' : 'the agent (SSH_AUTH_SOCK)'}`,
  };
};

/** Why ssh could not do it, by what it printed. `phase`: where it was, if its log does not say. */
export const diagnose = (host: Host, log: string, phase: Phase = 'command'): Lost => {
  const said = told(log);
  const last = said.split('\n').at(-1) ?? '';
  if (/REMOTE HOST IDENTIFICATION HAS CHANGED|Host key for .* has changed/.test(said)) {
    const file = /Offending \S+ key in (\S+)/.exec(said)?.[1];
    return {
      lost: 'unreachable',
      why: `${place(host)}: its host key has CHANGED since it was last seen${file === undefined ? '' : ` (${file})`}. If the host was reinstalled: ssh-keygen -R ${host.address}, then connect once with ssh and compare the fingerprint. If not, somebody may stand in between`,
    };
  }
  if (/Host key verification failed|No \S+ host key is known/.test(said)) {
    return {
      lost: 'unreachable',
      why: `${place(host)}: its host key is not known. Connect once with ssh, compare the fingerprint, and accept it`,
    };
  }
  if (/Permission denied|Too many authentication failures|no mutual signature/i.test(said))
    return { lost: 'login', why: `${place(host)}: ${[`login failed: ${last}`, ...obstacles(log)].join('; ')}` };
  const got = phaseOf(log) ?? phase;
  if (got === 'command') return { lost: 'unreachable', why: `${place(host)}: while a command ran: ${last || 'the connection was lost'}` };
  return { lost: 'unreachable', why: `${place(host)}: ${got} failed: ${last || 'the connection was lost'}` };
};
