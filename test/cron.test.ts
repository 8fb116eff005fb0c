// Runs that nobody watches: when they speak, that they do not pile up, that they end, and where they find what they need.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test, vi } from 'vitest';
import { answersOf, COUNT, FABRIC, playback } from './playback.ts';
import { SAMPLE } from './sample.ts';

vi.setConfig({ testTimeout: 60_000 }); // many processes, one after the other
const { dir, env, config, says, ssh, run, start } = playback();
const state = join(dir, 'home/.local/state/fabric');
const HEALTHY = answersOf();
const EXPOSED = answersOf('litellm/exposure/before');

test('--quiet: silence when healthy; else the usual report', async () => {
  says(HEALTHY);
  expect(await run(['validate', '--quiet'])).toEqual({ code: 0, out: '', err: '' });
  says(EXPOSED);
  const loud = await run(['validate']);
  expect(loud).toMatchObject({ code: 1, out: expect.stringContaining('✗ litellm/exposure@akira') });
  expect(await run(['validate', '--quiet'])).toEqual(loud);
  ssh('exit 255');
  expect(await run(['validate', '--quiet'])).toMatchObject({ code: 3, out: expect.stringContaining(`${COUNT} unknown`) });
  const broken = await run(['validate', '--quiet', '--config', '/nowhere/fabric.yaml']);
  expect(broken).toMatchObject({ code: 2, err: expect.stringContaining('does not exist') });
});

test('--changes-only: a failure once, a recovery, nothing in between; the exit code is the report’s', async () => {
  says(HEALTHY);
  expect(await run(['validate', '--changes-only'])).toEqual({ code: 0, out: '', err: '' });
  says(EXPOSED);
  expect(await run(['validate', '--changes-only'])).toMatchObject({
    code: 1,
    out: expect.stringMatching(
      /^> litellm\/exposure@akira {2}fail \(was pass since .*\n✗ litellm\/exposure@akira[\s\S]*now: 1 fail, \d+ pass\n$/,
    ),
  });
  expect(await run(['validate', '--changes-only'])).toEqual({ code: 1, out: '', err: '' });
  says(HEALTHY);
  expect(await run(['validate', '--changes-only', '--format', 'json'])).toMatchObject({
    code: 0,
    out: expect.stringContaining('"schema": "fabric.changes/1"'),
  });
  expect(await run(['validate', '--changes-only', '--format', 'json'])).toEqual({ code: 0, out: '', err: '' });
});

test('a damaged memory is said once, and is none; each fabric.yaml has its own', async () => {
  says(EXPOSED);
  await run(['validate', '--changes-only']);
  const [file = ''] = readdirSync(state).filter((name) => name.endsWith('.json'));
  expect(statSync(join(state, file)).mode & 0o777).toBe(0o600);
  expect(statSync(state).mode & 0o777).toBe(0o700);
  writeFileSync(join(state, file), readFileSync(join(state, file), 'utf8').slice(0, 100));
  const first = await run(['validate', '--changes-only']);
  expect(first).toMatchObject({
    code: 1,
    out: expect.stringContaining('fail (new)'),
    err: expect.stringContaining('this run starts anew'),
  });
  expect(await run(['validate', '--changes-only'])).toEqual({ code: 1, out: '', err: '' });
  writeFileSync(join(dir, 'second.yaml'), FABRIC);
  expect((await run(['validate', '--changes-only', '--config', join(dir, 'second.yaml')])).out).toContain('fail (new)');
});

test('what cannot be remembered is said, and does not cost the report', async () => {
  says(EXPOSED);
  const where = { XDG_STATE_HOME: join(dir, 'full') };
  await run(['validate', '--changes-only'], where);
  const [file = ''] = readdirSync(join(dir, 'full/fabric')).filter((name) => name.endsWith('.json'));
  rmSync(join(dir, 'full/fabric', file));
  mkdirSync(join(dir, 'full/fabric', file));
  const { code, out, err } = await run(['validate', '--changes-only'], where);
  expect([code, out]).toEqual([1, expect.stringContaining('fail (new)')]);
  expect(err).toMatch(/this run starts anew\n.*could not be remembered, so the next run says it again: .*EISDIR/);
});

test('the memory is where XDG_STATE_HOME says; a folder that cannot be written to is refused', async () => {
  says(HEALTHY);
  await run(['validate', '--changes-only'], { XDG_STATE_HOME: join(dir, 'xdg') });
  expect(readdirSync(join(dir, 'xdg/fabric')).some((name) => name.endsWith('.json'))).toBe(true);
  writeFileSync(join(dir, 'file'), '');
  const { code, err } = await run(['validate', '--quiet'], { XDG_STATE_HOME: join(dir, 'file') });
  expect([code, err]).toEqual([2, expect.stringMatching(/cannot write to .*file\/fabric[\s\S]*XDG_STATE_HOME=/)]);
});

/** Shell: what ssh's log says once it is logged in. Without it, fabric gives it up after 12 s. */
const LOGGED_IN = 'while [ $# -gt 1 ]; do [ "$1" != -E ] || echo "sshconnect2.c:f():1 (pid=1): Authenticated to akira" >>"$2"; shift; done';
test('a second run ends with 5 and in silence; one that was killed holds nothing; a run by hand is not kept out', async () => {
  ssh(`${LOGGED_IN}; touch ${dir}/asked; exec sleep 120`);
  const first = start(['validate', '--quiet']);
  await expect.poll(() => existsSync(join(dir, 'asked')), { timeout: 20_000 }).toBe(true);
  for (const flag of ['--quiet', '--changes-only']) expect(await run(['validate', flag])).toEqual({ code: 5, out: '', err: '' });
  says(HEALTHY);
  expect(await run(['validate'])).toMatchObject({ code: 0, out: `${COUNT} pass\n` });
  // The same file by another name.
  expect((await run(['validate', '--quiet', '--config', `${dir}/home/../fabric.yaml`])).code).toBe(5);
  first.kill('SIGKILL');
  await first;
  expect(await run(['validate', '--quiet'])).toEqual({ code: 0, out: '', err: '' });
  expect(readdirSync(state).filter((name) => name.includes('.lock.')).length).toBe(2); // one for each fabric.yaml
});

test('a lock of another process that has the dead one’s number is none; a run of hours is not passed over in silence', async () => {
  says(HEALTHY);
  const [lock = ''] = readdirSync(state).filter((name) => name.includes('.lock.'));
  const path = join(state, lock);
  const hold = (started: string, since: number): void => {
    for (const name of readdirSync(state).filter((one) => one.includes('.lock.')))
      writeFileSync(join(state, name), JSON.stringify({ pid: process.pid, started, since }));
  };
  expect(readFileSync(path, 'utf8')).toBe(''); // given back
  hold('another boot 1', 0);
  expect((await run(['validate', '--quiet'])).code).toBe(0);
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  const ticks = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')[19];
  hold(`${boot} ${ticks}`, Math.floor(Date.now() / 1000) - 7200);
  const long = await run(['validate', '--quiet']);
  expect([long.code, long.err]).toEqual([5, expect.stringMatching(/has been running for 120 minutes[\s\S]*kill \d+[\s\S]*--timeout/)]);
  hold(`${boot} ${ticks}`, Math.floor(Date.now() / 1000));
  expect(await run(['validate', '--quiet'])).toEqual({ code: 5, out: '', err: '' });
  hold('', 0);
});

test('many at once: never two of them ask', async () => {
  // mkdir is atomic: whoever finds the room taken tells.
  ssh(`mkdir ${dir}/room 2>/dev/null || echo two >>${dir}/overlap; echo one >>${dir}/visits; sleep 0.3; rmdir ${dir}/room; exit 255`);
  const codes: (number | undefined)[] = [];
  for (let round = 0; round < 2; round += 1)
    codes.push(...(await Promise.all(Array.from({ length: 5 }, async () => (await run(['validate', '--quiet'])).code))));
  expect(existsSync(join(dir, 'overlap'))).toBe(false);
  expect(readFileSync(join(dir, 'visits'), 'utf8').split('\n').length - 1).toBe(codes.filter((code) => code === 3).length);
  expect(codes.filter((code) => code === 3).length).toBeGreaterThanOrEqual(2);
  expect(codes.every((code) => code === 3 || code === 5)).toBe(true);
});

test('--timeout: what has not answered is lost, the report is printed, and nothing is left running', async () => {
  ssh(`echo $$ >${dir}/pid; exec sleep 60`);
  const before = Date.now();
  const { code, out, err } = await run(['validate', '--timeout', '3']);
  expect([code, err]).toEqual([3, '']);
  expect(out).toMatch(/^\? \d+ checks could not be made: timeout: akira: no answer within 3 s\n/);
  expect(out.endsWith(`\n${COUNT} unknown\n`)).toBe(true);
  expect(Date.now() - before).toBeLessThan(15_000);
  const pid = Number(readFileSync(join(dir, 'pid'), 'utf8'));
  await expect
    .poll(() => existsSync(`/proc/${pid}`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')), { timeout: 5000 })
    .toBe(false);
  // This machine itself, whose questions hold on to the pipes.
  mkdirSync(join(dir, 'slow'));
  writeFileSync(join(dir, 'slow/podman'), '#!/bin/sh\nexec sleep 60\n', { mode: 0o755 });
  writeFileSync(join(dir, 'local.yaml'), FABRIC.replace('    user: ops\n', '    client: local\n    become: none\n'));
  const here = await run(['validate', '--timeout', '1', '--config', join(dir, 'local.yaml')], { PATH: `${dir}/slow:${env.PATH}` });
  expect([here.code, here.out]).toEqual([3, expect.stringContaining('akira: no answer within 1 s')]);
  expect(Date.now() - before).toBeLessThan(25_000);
});

test('--timeout: a store that never answers about its dates does not keep the run alive', async () => {
  ssh('exit 255');
  mkdirSync(join(dir, 'store'));
  writeFileSync(join(dir, 'store/az'), `#!/bin/sh\necho $$ >${dir}/az.pid\nexec sleep 60\n`, { mode: 0o755 });
  const file = join(dir, 'store.yaml');
  writeFileSync(file, FABRIC.replace('  secrets:\n', '  secrets:\n    DATED: { azure: { vault: kv-ops, name: dated } }\n'));
  const before = Date.now();
  const { code, out } = await run(['validate', '--timeout', '2', '--config', file], { PATH: `${dir}/store:${env.PATH}` });
  expect([code, out]).toEqual([3, expect.stringMatching(/litellm\/secret-expiry@DATED[\s\S]* 2 s/)]);
  expect(Date.now() - before).toBeLessThan(15_000); // az would be given 30 s
  expect(existsSync(`/proc/${readFileSync(join(dir, 'az.pid'), 'utf8').trim()}`)).toBe(false);
  // Nor does one that is asked for values, so that a recording holds none.
  const recorded = await run(['validate', '--timeout', '2', '--record', join(dir, 'slow-store'), '--config', file], {
    PATH: `${dir}/store:${env.PATH}`,
  });
  expect(recorded.code).toBe(3);
  expect(Date.now() - before).toBeLessThan(30_000);
}, 90_000);

test.each(['0', '-1', 'soon', '1e9'])('--timeout %s is refused', async (value) => {
  expect(await run(['validate', '--timeout', value])).toMatchObject({ code: 2, err: expect.stringContaining('a number of seconds') });
});

test.each([
  ['--quiet', '--changes-only'],
  ['--from', 'x', '--record', 'y'],
  ['--from', 'x', '--changes-only'],
  ['--quiet', '--format', 'prometheus'],
  ['--changes-only', '--format', 'junit'],
])('what contradicts itself is refused: %s %s %s %s', async (...args) => {
  expect(await run(['validate', ...args.filter((one) => one !== undefined)])).toMatchObject({ code: 2, out: '' });
});

// Everything that Nagios could mistake: 1 and 2 mean something else to it.
test.each<[string, readonly string[], RegExp]>([
  [
    'no fabric.yaml',
    ['--config', '/nowhere/fabric.yaml'],
    /^FABRIC UNKNOWN - --config names \/nowhere\/fabric\.yaml, which does not exist\n$/,
  ],
  ['an unknown option', ['--sudo'], /^FABRIC UNKNOWN - error: unknown option '--sudo'/],
  ['no host', [], /^FABRIC UNKNOWN - \d+ unknown \| pass=0 warn=0 fail=0 unknown=\d+ /],
  ['no bundle', ['--from', '/nowhere'], /^FABRIC UNKNOWN - \/nowhere is not a whole bundle/],
])('Nagios gets 3 and a line: %s', async (_, args, line) => {
  ssh('exit 255');
  const { code, out } = await run(['validate', '--format', 'nagios', ...args]);
  expect([code, out]).toEqual([3, expect.stringMatching(line)]);
});

test('Nagios: 2 is CRITICAL, 0 is OK', async () => {
  says(EXPOSED);
  expect(await run(['validate', '--format=nagios'])).toMatchObject({
    code: 2,
    out: expect.stringMatching(/^FABRIC CRITICAL - 1 fail, \d+ pass, litellm\/exposure@akira \| /),
  });
  says(HEALTHY);
  expect(await run(['validate', '--format', 'nagios'])).toMatchObject({ code: 0, out: expect.stringMatching(/^FABRIC OK - \d+ pass \| /) });
});

/** As cron would: no HOME, no terminal, no agent, nothing but a short PATH; stdin closed, stdout a pipe. The real cron: test/e2e/cron.test.ts. */
const bare = async (command: string, ...set: readonly string[]) => {
  const { exitCode, stdout, stderr } = await execa(
    '/usr/bin/env',
    [
      '-i',
      'PATH=/usr/bin:/bin',
      ...set,
      'setsid',
      '-w',
      'sh',
      '-c',
      `exec ${process.execPath} ${join(import.meta.dirname, '../bin/fabric.js')} ${command} <&-`,
    ],
    { cwd: '/', reject: false, extendEnv: false, stdin: 'ignore' },
  );
  return { code: exitCode, out: stdout, err: stderr };
};

test('the bare environment of cron: fabric.yaml is found by --config, this machine answers, nothing else is needed', async () => {
  writeFileSync(join(dir, 'local.yaml'), FABRIC.replace('    user: ops\n', '    client: local\n    become: none\n'));
  const { code, out, err } = await bare(`validate --config ${dir}/local.yaml --timeout 60 --format json`);
  expect(err).toBe('');
  expect([1, 3]).toContain(code);
  expect(JSON.parse(out)).toMatchObject({ schema: 'fabric.report/1' });
  const kept = await bare(`validate --config ${dir}/local.yaml --timeout 60 --changes-only`, `XDG_STATE_HOME=${dir}/bare`);
  expect([kept.err, kept.out]).toEqual(['', expect.stringMatching(/\nnow: /)]);
  expect(readdirSync(join(dir, 'bare/fabric')).some((name) => name.endsWith('.json'))).toBe(true);
});

test('the bare environment of cron: what is missing is said', async () => {
  const lost = await bare('validate');
  expect([lost.code, lost.err]).toEqual([2, expect.stringContaining('name one with --config FILE')]);
  writeFileSync(join(dir, 'home.yaml'), SAMPLE.replace('100.64.0.14', '127.0.0.1\n    port: 9'));
  const secrets = await bare(`deploy litellm --dry-run --config ${dir}/home.yaml`);
  expect([secrets.code, secrets.err]).toEqual([4, expect.stringContaining('OPENROUTER_API_KEY: ~/.secrets/openrouter: HOME is not set')]);
  const unasked = await bare(`validate --config ${dir}/home.yaml --timeout 20`, `SSH_AUTH_SOCK=/nowhere`);
  expect([unasked.code, unasked.out]).toEqual([3, expect.stringContaining('akira (ops@127.0.0.1:9): connecting failed: ssh: ')]);
});

const ROOT = join(import.meta.dirname, '..');
const pages = ['README.md', 'docs/cron.md'].map((page) => readFileSync(join(ROOT, page), 'utf8')).join('\n');
const blocks = (language: string): readonly string[] =>
  [...pages.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(([, text]) => text ?? '');

test('every line of crontab in the docs works as printed', async () => {
  says(EXPOSED);
  mkdirSync(join(dir, 'bin'), { recursive: true });
  writeFileSync(join(dir, 'bin/fabric'), `#!/bin/sh\nexec ${process.execPath} ${ROOT}/bin/fabric.js "$@"\n`, { mode: 0o755 });
  mkdirSync(join(dir, 'metrics'));
  const lines = blocks('crontab').flatMap((text) => text.split('\n').filter((line) => /^[\d*]/.test(line)));
  expect(lines.length).toBeGreaterThan(2);
  for (const line of lines) {
    const [, when, command = ''] = /^((?:[\d*/,-]+ ){5})(.*)$/.exec(line) ?? [];
    expect([when, command], line).toEqual([expect.any(String), expect.not.stringContaining('%')]);
    const here = command
      .replaceAll('/etc/fabric/fabric.yaml', config)
      .replaceAll('/var/lib/prometheus/node-exporter', join(dir, 'metrics'));
    const { stdout, stderr } = await execa('/bin/sh', ['-c', here], { reject: false, env, extendEnv: false, stdin: 'ignore', cwd: dir });
    expect([stderr, /exposure|^$/.test(stdout)], line).toEqual(['', true]);
  }
  expect(readdirSync(join(dir, 'metrics'))).toEqual(['fabric.prom']);
  expect(readFileSync(join(dir, 'metrics/fabric.prom'), 'utf8')).toContain('subject="akira",status="fail"} 1');
});

const analyze = existsSync('/usr/bin/systemd-analyze') ? test : test.skip;
analyze('systemd accepts the service and the timer in the docs', async () => {
  const units = blocks('ini');
  const service = units.find((text) => text.includes('[Service]')) ?? '';
  const timer = units.find((text) => text.includes('[Timer]')) ?? '';
  mkdirSync(join(dir, 'units'));
  writeFileSync(join(dir, 'units/fabric-validate.service'), service.replace('/usr/local/bin/fabric', join(ROOT, 'bin/fabric.js')));
  writeFileSync(join(dir, 'units/fabric-validate.timer'), timer);
  for (const unit of ['service', 'timer']) {
    const { exitCode, stderr } = await execa('systemd-analyze', ['verify', '--man=no', join(dir, `units/fabric-validate.${unit}`)], {
      reject: false,
    });
    expect([exitCode, stderr]).toEqual([0, '']);
  }
});
