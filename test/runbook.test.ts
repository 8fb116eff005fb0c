// A host that a runbook made, before fabric has deployed anything there: the demo's simulated one. The real one: test/e2e/runbook.test.ts.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Host, hostsYaml, startHost } from './demo/host.ts';
import { runbook, UNTIL_ALIVE } from './demo/runbook.ts';
import { asRoot, runFabric, statusOf } from './operator.ts';

const KEY = 'sk-runbook-0123456789abcdef';
let host: Host;
let folder = '';
const root = (script: string): Promise<string> => asRoot(host, script);
const fabric = (...args: readonly string[]) => runFabric(folder, args);
const key = (): string => readFileSync(join(folder, 'master'), 'utf8').trim();
const put = (value: string): void => writeFileSync(join(folder, 'master'), `${value}\n`, { mode: 0o600 });
const status = (value: string): Promise<string> => statusOf(host, value);

beforeAll(async () => {
  host = await startHost();
  folder = join(host.scratch, 'operator');
  mkdirSync(folder);
  put(KEY);
  writeFileSync(
    join(folder, 'fabric.yaml'),
    `${hostsYaml(host.login)}litellm:
  host: akira
  image: ghcr.io/berriai/litellm:v1.109.1
  secrets:
    LITELLM_MASTER_KEY: file:master
  backends:
    vllm: { kind: vllm, url: "http://127.0.0.1:8000", models: [{ id: qwen2.5-7b, alias: default }] }
`,
  );
  await root(`${runbook(KEY)}\n${UNTIL_ALIVE}`);
}, 60_000);
afterAll(async () => {
  await host.close();
});

test('its published port is what the plan retires; what no plan closes is said before anything is opened', async () => {
  const plan = (): Promise<{ readonly code: number | undefined; readonly out: string; readonly err: string }> =>
    fabric('deploy', 'litellm', '--dry-run');
  expect(await plan()).toMatchObject({ code: 0, out: expect.stringContaining('retire the podman container litellm'), err: '' });
  const rule = `'rule family="ipv4" source address="198.51.100.0/24" port port="4000" protocol="tcp" accept'`;
  await root(`firewall-cmd --zone=public --add-rich-rule=${rule}`);
  const { err } = await plan();
  expect(err).toMatch(/^no deployment closes this:\n✗ litellm\/exposure@akira/);
  expect(err).not.toContain('podman publishes');
  await root(`firewall-cmd --zone=public --remove-rich-rule=${rule}`);
}, 60_000);

test('its LiteLLM takes a key that is synced, and one that is rotated; who wrote its unit is the next deployment’s affair', async () => {
  const next = 'sk-synced-0123456789abcdef';
  put(next);
  const synced = await fabric('secrets', 'sync', '--yes');
  expect([synced.code, synced.err]).toEqual([0, expect.stringContaining('✓ gate: LiteLLM is up, answers and refuses strangers')]);
  expect([await status(KEY), await status(next)]).toEqual(['400', '200']);
  const rotated = await fabric('secrets', 'rotate', 'LITELLM_MASTER_KEY', '--yes');
  expect([rotated.code, rotated.err]).toEqual([0, expect.stringContaining('the old key is refused')]);
  expect([key() === next, await status(next), await status(key())]).toEqual([false, '400', '200']);
  expect(await root('grep -c HAND_MADE=1 /flux/apps/litellm/.env; cat /etc/systemd/system/litellm.service | head -n 2')).toMatch(
    /^1\n\[Unit\]\nDescription=LiteLLM, the runbook's way$/,
  );
}, 120_000);

test('an address is no name: before it answers, a host is not called by a part of it', async () => {
  const { code, err } = await fabric('validate', 'ops@127.0.0.1:1');
  expect([code, err]).toEqual([3, expect.stringMatching(/^fabric: litellm \(ops@127\.0\.0\.1:1\): /)]);
}, 60_000);
