// The main job on a real host, asserted with curl and not by fabric's own word.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { fabricYaml, having, KEY, lab, OTHER_IMAGE } from './lab.ts';

const it = lab('fmain');
const YAML = fabricYaml();
const startedAt = (): Promise<string> => it.root('systemctl show -p ActiveEnterTimestampMonotonic --value litellm');
const reached = async (): Promise<readonly number[]> => [
  await it.status('ops'),
  await it.status('pub'),
  await it.status('ops', '/v1/models'),
  await it.status('ops', '/v1/models', '-H', `Authorization: Bearer ${KEY}`),
];
/** The tailnet gets in, a stranger does not; who has no key is refused, who has it is not. */
const GOOD = [200, 0, 401, 200];
/** What a change must never leave behind. */
const asBefore = (): Promise<string> =>
  it.root(
    'sha256sum /flux/apps/litellm/* /flux/apps/litellm/.env /etc/containers/systemd/* 2>/dev/null; find /flux/apps/litellm -printf "%p %m %u:%g %s\\n" 2>/dev/null | sort; firewall-cmd --list-rich-rules; firewall-cmd --permanent --list-rich-rules; ls /var/lib/fabric/journal 2>/dev/null; cat /var/lib/fabric/lock 2>/dev/null; true',
  );

const STORAGE = '/var/lib/containers/storage';
beforeAll(async () => {
  await it.root(`rm -rf ${STORAGE}`); // podman has never run
  await it.vllm('--host 127.0.0.1 --port 8000 --model qwen2.5-7b');
});

test('a plan can be read before anything is touched', async () => {
  const before = await asBefore();
  const { code, out } = await it.fabric(YAML, ['deploy', 'litellm', '--dry-run', '--exit-code']);
  expect(code).toBe(6);
  expect(out).toContain('+ LITELLM_MASTER_KEY=[secret LITELLM_MASTER_KEY]');
  // To be asked makes podman make its folder: as it should be.
  expect(out).not.toContain(STORAGE);
  expect(await it.root(`stat -c %a ${STORAGE}`)).toBe('700');
  expect(await asBefore()).toBe(before);
  const unasked = await it.fabric(YAML, ['deploy', 'litellm']);
  expect([unasked.code, unasked.err]).toEqual([2, expect.stringContaining('--yes to apply the plan')]);
  expect(await asBefore()).toBe(before);
});

test('an image that cannot be had: said, and nothing has changed', async () => {
  const before = await asBefore();
  const { code, err } = await it.fabric(fabricYaml({ image: 'ghcr.io/berriai/litellm:v0.0.0' }), ['deploy', 'litellm', '--yes']);
  expect([code, err]).toEqual([1, expect.stringMatching(/✗ pull ghcr\.io\/berriai\/litellm:v0\.0\.0[\s\S]*everything is as it was/)]);
  expect(await asBefore()).toBe(before);
});

test('a config that LiteLLM refuses to boot with, on a virgin host: taken back to nothing, but for podman’s folder, which is not opened again', async () => {
  await it.root(`chmod 755 ${STORAGE}`);
  const before = await asBefore();
  const { code, err } = await it.fabric(fabricYaml({ more: '  config:\n    router_settings:\n      health_check_interval: 0\n' }), [
    'deploy',
    'litellm',
    '--yes',
  ]);
  expect([code, err]).toEqual([1, expect.stringContaining("'health_check_interval' is NOT a valid router_settings parameter")]);
  expect(err).toContain('everything is as it was');
  expect(await asBefore()).toBe(before);
  expect(await it.root('systemctl show -p LoadState --value litellm')).toBe('not-found');
  expect(await it.root(`stat -c %a ${STORAGE}`)).toBe('700');
});

test('deployed on a virgin host: the tailnet gets 200, a stranger nothing, and `default` completes', async () => {
  const { code, out } = await it.fabric(YAML, ['deploy', 'litellm', '--yes']);
  expect(code).toBe(0);
  expect(await reached()).toEqual(GOOD);
  expect(await it.completion('default')).toContain('"choices"');
  expect(
    await it.root(
      'stat -c "%a %U" /flux/apps/litellm/.env; podman inspect --format "{{.State.Health.Status}} {{json .Config.Healthcheck.Test}}" litellm',
    ),
  ).toMatch(/^600 root\n(starting|healthy) \["CMD","python3","-c",".*\/health\/liveliness/);
  // The curl that it ends with works as printed.
  const printed = /^ {2}try +(curl .*)$/m.exec(out)?.[1] ?? '';
  writeFileSync(join(it.dir, 'curl.sh'), printed);
  expect(await it.verb('exec', 'ops', 'env', `LITELLM_MASTER_KEY=${KEY}`, 'sh', join(it.dir, 'curl.sh'))).toContain('"choices"');
});

test('no secret in what was printed, in the journal, or in any file but .env and its kept copy', async () => {
  const { out, err } = await it.fabric(fabricYaml({ more: '  config:\n    litellm_settings:\n      num_retries: 1\n' }), [
    'deploy',
    'litellm',
    '--dry-run',
    '--format',
    'json',
  ]);
  expect(`${out}${err}`).not.toContain(KEY);
  expect(await it.root(`journalctl --no-pager | grep -c -F '${KEY}' || true`)).toBe('0');
  expect(
    await it.root(`grep -rlF --exclude-dir=crun '${KEY}' /etc /flux /run /tmp /root /home /var/lib/fabric /var/tmp 2>/dev/null || true`),
  ).toMatch(/^\/flux\/apps\/litellm\/\.env\n\/var\/lib\/fabric\/litellm\/releases\/1\/env$/);
});

test('validate: one connection, everything passes', async () => {
  const logins = async (): Promise<number> =>
    // Whatever unit it is said to be of: systemd-logind moves it to a session of its own at that moment.
    Number(await it.root('journalctl --sync; journalctl --no-pager -o cat | grep -c "^Accepted publickey for ops" || true'));
  const before = await logins();
  const { code, out } = await it.fabric(YAML, ['validate', '--format', 'json']);
  expect([code, having(out, 'pass').length]).toEqual([0, JSON.parse(out).results.length]);
  expect(JSON.parse(out)).toMatchObject({ schema: 'fabric.report/1', summary: { fail: 0, unknown: 0 } });
  expect((await logins()) - before).toBe(1);
});

test('a second run changes nothing and restarts nothing', async () => {
  const before = await startedAt();
  const { code, out } = await it.fabric(YAML, ['deploy', 'litellm', '--yes']);
  expect([code, out]).toEqual([0, 'akira: nothing to change']);
  expect(await startedAt()).toBe(before);
  expect((await it.fabric(YAML, ['deploy', 'litellm', '--dry-run', '--exit-code'])).code).toBe(0);
});

test('a second run costs at most three exec channels, as the host’s own sshd counts them', async () => {
  // A restart waits until sshd listens again; a reload does not.
  await it.root("echo 'LogLevel VERBOSE' >/etc/ssh/sshd_config.d/channels.conf; systemctl restart ssh");
  const opened = async (): Promise<number> =>
    Number(await it.root('journalctl --sync; journalctl --no-pager -o cat | grep -c "^Starting session: .* for ops" || true'));
  const before = await opened();
  expect((await it.fabric(YAML, ['deploy', 'litellm', '--yes'])).out).toBe('akira: nothing to change');
  const channels = (await opened()) - before;
  await it.root('rm /etc/ssh/sshd_config.d/channels.conf; systemctl restart ssh');
  expect(channels).toBeGreaterThan(0);
  expect(channels).toBeLessThanOrEqual(3);
});

test('after a reboot: the same', async () => {
  await it.reboot();
  await it.root('systemctl start vllm');
  await it.alive();
  expect(await reached()).toEqual(GOOD);
  expect(await it.completion('default')).toContain('"choices"');
});

test('a config that LiteLLM refuses to boot with: taken back, and the old one still serves', async () => {
  const before = await asBefore();
  const { code, err } = await it.fabric(fabricYaml({ more: '  config:\n    router_settings:\n      health_check_interval: 0\n' }), [
    'deploy',
    'litellm',
    '--yes',
  ]);
  expect(code).toBe(1);
  expect(err).toContain('litellm/unit-active@akira');
  expect(err).toContain("'health_check_interval' is NOT a valid router_settings parameter");
  expect(await asBefore()).toBe(before);
  expect(await reached()).toEqual(GOOD);
});

const NEWER = fabricYaml({ image: OTHER_IMAGE, more: '  config:\n    litellm_settings:\n      num_retries: 2\n' });
test('a newer release, with its measured downtime; rollback brings image, config.yaml and .env back together', async () => {
  const first = await asBefore();
  const newer = await it.fabric(NEWER, ['deploy', 'litellm', '--yes'], { LITELLM_MASTER_KEY: 'sk-lab-another-key-9876' });
  expect([newer.code, newer.out]).toEqual([0, expect.stringMatching(/release 2\n[\s\S]*downtime +\d+\.\d s/)]);
  expect(await it.status('ops', '/v1/models', '-H', 'Authorization: Bearer sk-lab-another-key-9876')).toBe(200);
  expect(await it.root('podman inspect --format "{{.ImageName}}" litellm')).toBe(OTHER_IMAGE);
  const back = await it.fabric(NEWER, ['rollback', 'litellm', '--yes']);
  expect([back.code, back.out]).toEqual([0, expect.stringContaining('akira runs release 1 again')]);
  expect(await asBefore()).toBe(first);
  expect(await it.root('podman inspect --format "{{.ImageName}}" litellm')).not.toBe(OTHER_IMAGE);
  expect(await reached()).toEqual(GOOD);
  const again = await it.fabric(YAML, ['rollback', 'litellm', '--yes']);
  expect([again.code, again.err]).toEqual([2, expect.stringContaining('keeps no release before the one in force')]);
});

test('interrupted while LiteLLM restarts: taken back, exit 130, and the next run converges', async () => {
  const before = await asBefore();
  const running = it.fabricProcess(NEWER, ['deploy', 'litellm', '--yes']);
  await new Promise<void>((resolve) =>
    running.stderr?.on('data', (chunk) => String(chunk).includes('write /etc/containers/systemd/litellm.container') && resolve()),
  );
  await new Promise((resolve) => setTimeout(resolve, 1000));
  // To the process that a terminal's Ctrl-C would reach: fabric itself.
  await it.verb('exec', 'ops', 'pkill', '-INT', '-f', `bin/fabric.js deploy litellm --yes --config ${it.dir}`);
  const { exitCode, stderr } = await running;
  expect([exitCode, stderr]).toEqual([130, expect.stringContaining('everything is as it was')]);
  expect(await asBefore()).toBe(before);
  expect(await reached()).toEqual(GOOD);
  expect((await it.fabric(YAML, ['deploy', 'litellm', '--yes'])).out).toBe('akira: nothing to change');
});

const refused = async (
  yaml: string,
  args: readonly string[] = ['deploy', 'litellm', '--yes'],
  extra: NodeJS.ProcessEnv = {},
): Promise<readonly [number | undefined, string]> => {
  const before = await asBefore();
  const { code, err } = await it.fabric(yaml, args, extra);
  expect(await asBefore()).toBe(before);
  return [code, err];
};
const OTHER = fabricYaml({ more: '  config:\n    litellm_settings:\n      num_retries: 3\n' });

test('another run’s lock: exit 5, who holds it and until when; an expired one is taken over', async () => {
  await it.root('echo "deadbeef $(($(date +%s) + 500)) ann@laptop" >/var/lib/fabric/lock');
  const { code, err } = await it.fabric(OTHER, ['deploy', 'litellm', '--yes']);
  expect([code, err]).toEqual([5, expect.stringMatching(/akira is locked by ann@laptop: .* expires in (4\d\d|500) s/)]);
  await it.root('echo "deadbeef 1000 ann@laptop" >/var/lib/fabric/lock');
  const over = await it.fabric(fabricYaml({ image: 'ghcr.io/berriai/litellm:v0.0.0' }), ['deploy', 'litellm', '--yes']);
  expect(over.err).toContain('a lock that ann@laptop left behind had expired: taken over');
  expect(await it.root('cat /var/lib/fabric/lock 2>/dev/null; true')).toBe('');
});

test('no sudo: exit 4, and how to give it', async () => {
  expect(await refused(fabricYaml({ user: 'nosudo' }))).toEqual([
    4,
    expect.stringMatching(/no root there: sudo: .*\n {2}→ let the user run sudo without a password/),
  ]);
});

test('a secret that is not there: exit 4, its name and its source', async () => {
  expect(await refused(OTHER, undefined, { LITELLM_MASTER_KEY: undefined })).toEqual([
    4,
    expect.stringContaining('LITELLM_MASTER_KEY: the environment variable LITELLM_MASTER_KEY is not set'),
  ]);
});

test('a full disk: said, taken back, and LiteLLM goes on', async () => {
  await it.root(
    'mkdir -p /full && mount -t tmpfs -o size=64k tmpfs /full && cp -a /flux/apps/litellm/. /full/ && mount --bind /full /flux/apps/litellm && head -c 60k /dev/zero >/flux/apps/litellm/ballast || true',
  );
  const [code, err] = await refused(OTHER);
  await it.root('umount /flux/apps/litellm; umount /full; rmdir /full');
  expect([code, err]).toEqual([1, expect.stringMatching(/No space left on device[\s\S]*everything is as it was/)]);
  expect(await reached()).toEqual(GOOD);
});

test('an unreachable host: exit 3', async () => {
  const [code, err] = await refused(OTHER.replace('100.64.0.14', '100.64.0.99'));
  expect([code, err]).toEqual([
    3,
    expect.stringMatching(
      /akira \(ops@100\.64\.0\.99\): connecting failed: ssh: connect to host 100\.64\.0\.99 port 22: (No route to host|Connection timed out)/,
    ),
  ]);
  const validated = await it.fabric(YAML.replace('100.64.0.14', '100.64.0.99'), ['validate']);
  expect([validated.code, validated.out.split('\n').length]).toEqual([3, 2]);
});

test('a changed host key: exit 3, and what it may mean', async () => {
  await it.root(
    'cp -a /etc/ssh/ssh_host_ed25519_key /root/k; cp -a /etc/ssh/ssh_host_ed25519_key.pub /root/k.pub; rm /etc/ssh/ssh_host_ed25519_key*; ssh-keygen -q -t ed25519 -N "" -f /etc/ssh/ssh_host_ed25519_key; systemctl restart ssh',
  );
  const { code, err } = await it.fabric(OTHER, ['deploy', 'litellm', '--yes']);
  await it.verb('exec', 'ops', 'true');
  expect([code, err]).toEqual([3, expect.stringMatching(/its host key has CHANGED.*somebody may stand in between/)]);
});
