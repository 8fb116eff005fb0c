// Hosts that were deployed the runbook's way: adopted, or left as they were.
import { beforeAll, expect, test } from 'vitest';
import { fabricYaml, having, IMAGE, KEY, lab } from './lab.ts';

const it = lab('fbook');
const YAML = fabricYaml();
const OLD_KEY = 'sk-lab-before-0123456789abcdef';
const UNIT = `[Unit]
Description=LiteLLM, the runbook's way
[Service]
ExecStartPre=-/usr/bin/podman rm -f litellm
ExecStart=/usr/bin/podman run --name litellm -p 4000:4000 -v /flux/apps/litellm/config.yaml:/app/config.yaml:ro --env-file /flux/apps/litellm/.env ${IMAGE} --config /app/config.yaml --port 4000
ExecStop=/usr/bin/podman stop litellm
Restart=always
[Install]
WantedBy=multi-user.target
`;
const CONFIG =
  'model_list:\n- model_name: default\n  litellm_params: { model: hosted_vllm/qwen2.5-7b, api_base: "http://100.64.0.14:8000/v1" }\n';
const fragment = (): Promise<string> => it.root('systemctl show -p FragmentPath --value litellm');

beforeAll(async () => {
  await it.vllm('--port 8000 --model qwen2.5-7b');
  await it.root(`mkdir -p /flux/apps/litellm; cd /flux/apps/litellm
cat >config.yaml <<'E'
${CONFIG}E
printf 'LITELLM_MASTER_KEY=${OLD_KEY}\\nHAND_MADE=1\\n' >.env; chmod 644 .env
cat >/etc/systemd/system/litellm.service <<'E'
${UNIT}E
systemctl daemon-reload; systemctl enable -q --now litellm`);
  await it.alive();
});

test('before: its published port lets strangers in, and validate says what outranks what', async () => {
  expect([await it.status('ops'), await it.status('pub')]).toEqual([200, 200]);
  const { out } = await it.fabric(YAML, ['validate', '--format', 'json']);
  expect(having(out, 'fail')).toEqual(expect.arrayContaining(['litellm/unit-active@akira', 'litellm/env-private@akira']));
});

test('a key that is synced: its LiteLLM takes it, run by its own unit', async () => {
  const status = (key: string): Promise<number> => it.status('ops', '/v1/models', '-H', `Authorization: Bearer ${key}`);
  expect(await it.fabric(YAML, ['secrets', 'sync', '--yes'])).toMatchObject({
    code: 0,
    err: expect.stringContaining('✓ gate: LiteLLM is up'),
  });
  expect([await status(OLD_KEY), await status(KEY), await fragment()]).toEqual([400, 200, '/etc/systemd/system/litellm.service']);
  expect((await it.fabric(YAML, ['secrets', 'diff'])).out).toMatch(/^LITELLM_MASTER_KEY {2}source = \.env {8}= process /);
});

test('an adoption that fails: the old unit serves again, enabled as it was, with its own files', async () => {
  const { code, err } = await it.fabric(fabricYaml({ more: '  config:\n    router_settings:\n      health_check_interval: 0\n' }), [
    'deploy',
    'litellm',
    '--yes',
  ]);
  expect([code, err]).toEqual([
    1,
    expect.stringContaining(
      'everything is as it was, but for what stays: keep the files of the earlier deployment in /var/lib/fabric/litellm/found',
    ),
  ]);
  expect(await fragment()).toBe('/etc/systemd/system/litellm.service');
  expect(
    await it.root(
      'systemctl is-enabled litellm; systemctl is-active litellm; cat /flux/apps/litellm/config.yaml; ls /etc/containers/systemd',
    ),
  ).toBe(`enabled\nactive\n${CONFIG.trimEnd()}\nusers`);
  await it.alive();
  expect([await it.status('ops', '/v1/models'), await it.status('ops', '/v1/models', '-H', `Authorization: Bearer ${KEY}`)]).toEqual([
    401, 200,
  ]);
});

test('adopted: the old unit is gone, its files are kept, what was put into .env by hand stays, strangers are out', async () => {
  const { code, out } = await it.fabric(YAML, ['deploy', 'litellm', '--yes']);
  expect([code, out]).toEqual([
    0,
    expect.stringMatching(/retire \/etc\/systemd\/system\/litellm\.service, which outranks the Quadlet[\s\S]*downtime +\d+\.\d s/),
  ]);
  expect(await fragment()).toBe('/run/systemd/generator/litellm.service');
  expect(
    await it.root(
      'ls -A /var/lib/fabric/litellm/found; cat /var/lib/fabric/litellm/found/litellm.service; grep HAND /flux/apps/litellm/.env; stat -c %a /flux/apps/litellm/.env; ls /etc/systemd/system/multi-user.target.wants | grep -c litellm || true',
    ),
  ).toBe(`.env\nconfig.yaml\ncontainer.podman.litellm\nlitellm.service\n${UNIT}HAND_MADE=1\n600\n0`);
  expect([await it.status('ops'), await it.status('pub'), await it.status('ops', '/v1/models')]).toEqual([200, 0, 401]);
  expect((await it.fabric(YAML, ['validate'])).code).toBe(0);
  expect((await it.fabric(YAML, ['deploy', 'litellm', '--yes'])).out).toBe('akira: nothing to change');
});

test('a network that may connect for a while: its rule comes and goes with fabric.yaml, and nothing restarts', async () => {
  const started = await it.root('systemctl show -p ActiveEnterTimestampMonotonic --value litellm');
  const wider = fabricYaml({ litellm: '  allow: [100.64.0.0/10, 203.0.113.0/24]\n' });
  expect((await it.fabric(wider, ['deploy', 'litellm', '--yes'])).code).toBe(0);
  expect([await it.status('ops'), await it.status('pub')]).toEqual([200, 200]);
  expect((await it.fabric(wider, ['validate'])).code).toBe(0);
  expect((await it.fabric(YAML, ['deploy', 'litellm', '--yes'])).code).toBe(0);
  expect([await it.status('ops'), await it.status('pub')]).toEqual([200, 0]);
  expect(await it.root('systemctl show -p ActiveEnterTimestampMonotonic --value litellm')).toBe(started);
});

test('status lists what fabric keeps; rollback past the adoption is refused, and says where the old files are', async () => {
  expect((await it.fabric(YAML, ['status'])).out).toMatch(
    /release +1 \(in force\)[\s\S]*found +\/var\/lib\/fabric\/litellm\/found\/litellm\.service/,
  );
  const { code, err } = await it.fabric(YAML, ['rollback', 'litellm', '--yes']);
  expect([code, err]).toEqual([2, expect.stringMatching(/what stood there before fabric came is kept in .*litellm\.service/)]);
});

test('removed: unit, files, rules and keys are gone; what was there before fabric, or put there by hand, stays', async () => {
  expect(await it.onTerminal(YAML, ['remove', 'litellm'])).toBe(0);
  expect([await it.status('ops'), await it.status('pub')]).toEqual([0, 0]);
  expect(
    await it.root(
      'ls -A /flux/apps/litellm /etc/containers/systemd /var/lib/fabric/litellm; cat /flux/apps/litellm/.env; firewall-cmd --list-rich-rules | wc -w; firewall-cmd --permanent --list-rich-rules | wc -w; systemctl show -p LoadState --value litellm; podman ps -aq --filter name=^litellm$',
    ),
  ).toBe('/etc/containers/systemd:\nusers\n\n/flux/apps/litellm:\n.env\n\n/var/lib/fabric/litellm:\nfound\nHAND_MADE=1\n0\n0\nnot-found');
  expect((await it.fabric(YAML, ['remove', 'litellm', '--yes'])).out).toBe('akira: nothing to change');
});

test('a container without a unit, as compose leaves it: retired and kept, stopped, and not back after a reboot', {
  tags: 'thorough',
}, async () => {
  await it.root(`mkdir -p /flux/apps/litellm; printf '${CONFIG.replaceAll('\n', '\\n')}' >/flux/apps/litellm/config.yaml; systemctl enable -q podman-restart
podman run -d --restart=always --name litellm_litellm_1 -p 4000:4000 -v /flux/apps/litellm/config.yaml:/app/config.yaml:ro -e LITELLM_MASTER_KEY=${KEY} ${IMAGE} --config /app/config.yaml --port 4000 </dev/null`);
  await it.alive();
  const { code } = await it.fabric(YAML, ['deploy', 'litellm', '--yes']);
  expect(code).toBe(0);
  expect(await it.root(`podman ps -a --format '{{.Names}} {{.State}}' | sort`)).toBe(
    'litellm running\nlitellm-retired-by-fabric exited\nlitellm_litellm_1-retired-by-fabric exited',
  );
  await it.reboot();
  await it.alive();
  expect([await it.status('ops'), await it.status('pub')]).toEqual([200, 0]);
  expect(await it.root(`podman ps --format '{{.Names}}'`)).toBe('litellm');
});
