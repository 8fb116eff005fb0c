// `make demo`'s program, as it is built: it runs where there is nothing but Node and POSIX, and leaves nothing behind.
import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';

const DEMO = join(import.meta.dirname, '../dist/demo/main.js');
const dir = mkdtempSync(join(tmpdir(), 'fabric-demo-test-'));
afterAll(() => rmSync(dir, { recursive: true }));

/** Options that GNU's tools have and macOS's have not: refused, as macOS's do. */
const GNU_ONLY: Readonly<Record<string, string>> = {
  date: '*%N*|*--*',
  head: '*-n\\ -*|*--*',
  chmod: '*--*',
  cp: '*--*',
  ls: '*--*',
  sort: '*--*',
  find: '*-printf*',
  mktemp: '*--*',
};
// biome-ignore format: words
const POSIX = ['awk', 'basename', 'cat', 'cmp', 'cut', 'dirname', 'env', 'grep', 'mkdir', 'mkfifo', 'mv', 'printf', 'rm', 'rmdir', 'sed',
  'sleep', 'sync', 'tail', 'touch', 'tr', 'wc'];

const real = (name: string): string => [`/usr/bin/${name}`, `/bin/${name}`].find(existsSync) ?? `/nowhere/${name}`;
/** A PATH without sudo, systemctl, podman, firewall-cmd, ss, ip, curl, ssh, nor any of GNU's own; `sh` is bash, as on macOS, where there is one. */
const barePath = (): string => {
  const bin = join(dir, 'bin');
  mkdirSync(bin);
  symlinkSync(existsSync(real('bash')) ? real('bash') : real('sh'), join(bin, 'sh'));
  for (const name of POSIX) symlinkSync(real(name), join(bin, name));
  for (const [name, options] of Object.entries(GNU_ONLY)) {
    writeFileSync(
      join(bin, name),
      `#!/bin/sh\ncase "$*" in ${options}) echo "${name}: illegal option: $*" >&2; exit 64;; esac\nexec ${real(name)} "$@"\n`,
    );
    chmodSync(join(bin, name), 0o755);
  }
  return bin;
};

/** Starts the demo with a folder of its own for all that is temporary. `at` is called with what it has printed so far. */
const run = async (name: string, path: string, at: (printed: string, child: ChildProcess) => void = () => {}) => {
  const temporary = join(dir, name);
  mkdirSync(temporary);
  const child = spawn(process.execPath, [DEMO], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: path, TMPDIR: temporary, HOME: '/nonexistent' },
  });
  let printed = '';
  const hear = (chunk: Buffer): void => {
    printed += chunk.toString('utf8');
    at(printed, child);
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, printed, left: [...readdirSync(temporary), ...processesOf(temporary)] };
};

/** Processes that still have the folder in their environment, or stand in it. Linux alone tells. */
const processesOf = (folder: string): readonly string[] =>
  !existsSync('/proc/self/environ')
    ? []
    : readdirSync('/proc')
        .filter((pid) => /^\d+$/.test(pid))
        .filter((pid) => {
          try {
            return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(folder) || readlinkSync(`/proc/${pid}/cwd`).startsWith(folder);
          } catch {
            return false; // ended meanwhile
          }
        });

/** Local addresses of a process's sockets that are not 127.0.0.1, as Linux writes them. */
const strangeAddresses = (pid: number | undefined): readonly string[] => {
  if (pid === undefined || !existsSync('/proc/net/tcp')) return [];
  const own = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
      } catch {
        return []; // closed meanwhile
      }
    }),
  );
  return ['tcp', 'tcp6', 'udp', 'udp6'].flatMap((table) =>
    readFileSync(`/proc/net/${table}`, 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .flatMap(([, local = '', , , , , , , , inode = '']) => (own.has(inode) && !local.startsWith('0100007F:') ? [local] : [])),
  );
};

test('red, the plan, deployed, green, nothing to change: with Node and POSIX alone, in less than 30 s', async () => {
  const started = Date.now();
  const strange: string[] = [];
  const { code, printed, left } = await run('whole', barePath(), (_, child) => strange.push(...strangeAddresses(child.pid)));
  expect(code, printed).toBe(0);
  const seconds = (Date.now() - started) / 1000;
  console.log(`the demo took ${seconds.toFixed(1)} s`);
  // Of a machine that has nothing else to do: its share is measured too.
  expect(seconds).toBeLessThan(30 * Math.max(1, (loadavg()[0] ?? 1) / availableParallelism()));
  for (const said of [
    /^simulated .*podman/m,
    /^\d+ fail/m,
    /^Plan to deploy/m,
    /deployed on akira: release 1$/m,
    /^\d+ pass$/m,
    /nothing to change$/m,
    /^✓ gate: dns\/covered@mayi\.example\.net holds/m,
  ])
    expect(printed).toMatch(said);
  // What is going to be done is said before it is.
  expect(printed).toMatch(/^\$ fabric fix --all --yes\nPlan to fix [\s\S]*^✓ stop litellm-watch\.timer/m);
  expect(printed).not.toMatch(/illegal option|command not found|sk-demo/);
  expect([left, strange]).toEqual([[], []]);
}, 180_000);

test.each<[string, RegExp, number, 'SIGINT' | 'SIGTERM', number]>([
  ['as soon as it speaks', /^simulated/m, 0, 'SIGINT', 130],
  ['while it validates', /\$ fabric validate/, 300, 'SIGTERM', 143],
  ['while it deploys', /✓ retire the podman container/, 200, 'SIGINT', 130],
])(
  'interrupted %s: nothing is left',
  async (name, moment, wait, signal, expected) => {
    let sent = false;
    const { code, printed, left } = await run(name, process.env['PATH'] ?? '', (so, child) => {
      if (sent || !moment.test(so)) return;
      sent = true;
      setTimeout(() => child.kill(signal), wait);
    });
    expect(code, printed).toBe(expected);
    expect(left).toEqual([]);
  },
  180_000,
);
