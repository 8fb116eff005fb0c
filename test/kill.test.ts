// SIGKILL while .env is written: the old file or the new one, nothing that others may read, and the next run tidies up.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { scriptOf } from '../src/hosts/perform.ts';
import type { Step } from '../src/plan.ts';
import { Secret } from '../src/secret.ts';
import { STATE } from '../src/state.ts';

const owner = `${execFileSync('id', ['-un'], { encoding: 'utf8' }).trim()}:${execFileSync('id', ['-gn'], { encoding: 'utf8' }).trim()}`;
const [OLD, NEW] = ['sk-old-0123456789abcdef', 'sk-new-fedcba9876543210'];
const keyring = new Map([['KEY', new Secret('KEY', NEW)]]);
const before = `HAND=1\nKEY=${OLD}\n`;
const after = `HAND=1\nKEY=${NEW}\n`;

let dir = '';
let path = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'fabric-kill-'));
  path = join(dir, 'apps/.env');
});
afterEach(() => rmSync(dir, { recursive: true }));

const fresh = (): void => {
  rmSync(join(dir, 'state'), { recursive: true, force: true });
  rmSync(join(dir, 'apps'), { recursive: true, force: true });
  mkdirSync(join(dir, 'apps'));
  writeFileSync(path, before, { mode: 0o600 });
};
const step = (): Step & { do: 'patch' } => ({
  do: 'patch',
  host: 'akira',
  path,
  mode: '600',
  owner,
  was: { mode: '600', owner },
  lines: [{ begins: 'KEY=', was: 'other', now: ['KEY=', { secret: 'KEY' }] }],
});
// An umask that would show a file that nobody made private.
const script = (): string =>
  `umask 000; GROUP=$$; export GROUP\n${scriptOf(step(), 'do', 'run1', 0, keyring).replaceAll(STATE, join(dir, 'state'))}`;

/** What must hold whatever was killed, and that the next run goes on from there. */
const holds = (what: string): void => {
  expect([before, after], what).toContain(readFileSync(path, 'utf8'));
  for (const name of readdirSync(dir, { recursive: true, encoding: 'utf8' })) {
    const found = statSync(join(dir, name));
    if (found.isFile() && /sk-(old|new)-/.test(readFileSync(join(dir, name), 'utf8')))
      expect([what, name, found.mode & 0o777]).toEqual([what, name, 0o600]);
  }
  const { status, stderr } = spawnSync('sh', ['-s'], { input: script(), encoding: 'utf8' });
  expect([what, status, stderr]).toEqual([what, 0, '']);
  expect(readFileSync(path, 'utf8')).toBe(after);
  expect(readdirSync(join(dir, 'apps'))).toEqual(['.env']);
};

/** Every program that the script calls, each of which ends its caller before or after its work. */
const TOOLS = ['awk', 'cat', 'chmod', 'chown', 'cp', 'cut', 'mkdir', 'mktemp', 'mv', 'rm', 'sha256sum', 'sync'];
const shims = (): string => {
  const bin = join(dir, 'bin');
  mkdirSync(bin);
  for (const name of TOOLS) {
    const real = execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim();
    writeFileSync(
      join(bin, name),
      `#!/bin/sh
n=$(($(/bin/cat "$COUNT/${name}" 2>/dev/null || echo 0) + 1)); echo $n >"$COUNT/${name}"
[ "${name} $n before" != "$AT" ] || kill -9 "-$GROUP"
${real} "$@"; c=$?
[ "${name} $n after" != "$AT" ] || kill -9 "-$GROUP"
exit $c
`,
      { mode: 0o755 },
    );
  }
  return bin;
};
const ended = (env: NodeJS.ProcessEnv, killAfter?: number): Promise<NodeJS.Signals | null> =>
  new Promise((resolve) => {
    const child = spawn('sh', ['-s'], { detached: true, env, stdio: ['pipe', 'ignore', 'ignore'] });
    child.on('exit', (_, signal) => resolve(signal));
    child.stdin.on('error', () => {}); // killed before it has read all
    child.stdin.end(script());
    if (killAfter !== undefined)
      setTimeout(() => {
        try {
          if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
        } catch {} // it has ended
      }, killAfter);
  });

test('at every step, before it and after it', async () => {
  const bin = shims();
  const count = join(dir, 'count');
  const run = async (at: string): Promise<NodeJS.Signals | null> => {
    fresh();
    rmSync(count, { recursive: true, force: true });
    mkdirSync(count);
    return ended({ ...process.env, PATH: `${bin}:${process.env['PATH']}`, COUNT: count, AT: at });
  };
  expect(await run('never')).toBe(null);
  const steps = readdirSync(count).flatMap((name) =>
    Array.from({ length: Number(readFileSync(join(count, name), 'utf8')) }, (_, n) => `${name} ${n + 1}`),
  );
  expect(steps.length).toBeGreaterThan(12);
  for (const at of steps.flatMap((one) => [`${one} before`, `${one} after`])) {
    expect([at, await run(at)]).toEqual([at, 'SIGKILL']);
    holds(at);
  }
});

/** Numbers between 0 and 1, the same in every run (mulberry32). */
const seeded = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
};

test('at fifty moments', async () => {
  const next = seeded(4711);
  fresh();
  const start = performance.now();
  await ended(process.env);
  // How long a run takes, as far as is known: one that ended before it was to be killed took less.
  let whole = performance.now() - start;
  let killed = 0;
  for (let n = 0; killed < 50 && n < 200; n += 1) {
    fresh();
    const at = next() * whole;
    if ((await ended(process.env, at)) === 'SIGKILL') killed += 1;
    else whole = at;
    holds(`moment ${n}, after ${at.toFixed(1)} ms`);
  }
  expect(killed).toBe(50);
}, 180_000);
