// A healthy host, broken one way at a time: validate names exactly that cause. With FABRIC_FIXTURES=1 each is recorded.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import type { CheckId } from '../../src/check.ts';
import { fabricYaml, findingsOf, having, isFirst, KEY, keepFixture, lab, OTHER_IMAGE } from './lab.ts';

const it = lab('fbreak');
const YAML = fabricYaml();

const validate = async (yaml: string, folder: string) => {
  rmSync(join(it.dir, folder), { recursive: true, force: true }); // a recording is never written over
  return it.fabric(yaml, ['validate', '--format', 'json', '--record', join(it.dir, folder)]);
};

beforeAll(async () => {
  await it.vllm('--host 127.0.0.1 --port 8000 --model qwen2.5-7b');
  const { code, err } = await it.fabric(YAML, ['deploy', 'litellm', '--yes']);
  expect(err).toContain('keep this as a release');
  expect(code).toBe(0);
});

test('healthy: every check passes, and nothing is printed but that', async () => {
  const { code, out } = await validate(YAML, 'after');
  expect(having(out, 'pass').length).toBe(JSON.parse(out).results.length);
  expect(code).toBe(0);
  // What hosts besides this one see is recorded in vantages.test.ts.
  for (const id of [...OURS].filter((one) => one !== 'litellm/access')) keepFixture(id, 'after', YAML, join(it.dir, 'after'));
  expect((await it.fabric(YAML, ['validate'])).out).toMatch(/^\d+ pass$/);
});

/** After which the host is healthy again. */
interface Breakage {
  readonly check: CheckId;
  readonly subject?: string;
  readonly saw: RegExp;
  readonly break?: string;
  readonly mend?: string;
  /** The name of its recording. */
  readonly moment?: 'before' | 'before-copy';
  /** What the operator's file says meanwhile. */
  readonly yaml?: string;
  /** LiteLLM is restarted, and answers all the same. */
  readonly restarts?: true;
  /** LiteLLM is restarted by mending alone. */
  readonly heals?: true;
}
const rule = `rule family="ipv4" source address="100.64.0.0/10" port port="4000" protocol="tcp" accept`;
const dropIn = (lines: string): string =>
  `mkdir -p /etc/containers/systemd/litellm.container.d; printf '[Container]\\n${lines}\\n' >/etc/containers/systemd/litellm.container.d/hand.conf; systemctl daemon-reload; systemctl restart litellm`;
const noDropIn = 'rm -r /etc/containers/systemd/litellm.container.d; systemctl daemon-reload; systemctl restart litellm';

/** The backend started anew, and answering. */
const vllm = (args: string): string =>
  `echo 'ARGS="${args}"' >/etc/default/vllm; systemctl restart vllm; until curl -sf -o /dev/null http://127.0.0.1:8000/health; do sleep 0.3; done`;

/** An edit of .env that no clock shows: a younger one than LiteLLM would be a drift as well. */
const inEnv = (edit: string): string => `cd /flux/apps/litellm; cp -p .env /root/kept-env; ${edit}; touch -r /root/kept-env .env`;
const envAsItWas = 'cp -p /root/kept-env /flux/apps/litellm/.env';

const breakages: readonly (readonly [string, Breakage])[] = [
  [
    'the rule removed',
    {
      check: 'litellm/tailnet-admitted',
      saw: /no runtime and no permanent rule lets 100\.64\.0\.0\/10 connect to port 4000/,
      break: `firewall-cmd -q --remove-rich-rule='${rule}'; firewall-cmd -q --permanent --remove-rich-rule='${rule}'`,
      mend: `firewall-cmd -q --add-rich-rule='${rule}'; firewall-cmd -q --permanent --add-rich-rule='${rule}'`,
    },
  ],
  [
    'the rule in the permanent set alone',
    {
      check: 'litellm/tailnet-admitted',
      saw: /no runtime rule lets/,
      break: `firewall-cmd -q --remove-rich-rule='${rule}'`,
      mend: `firewall-cmd -q --add-rich-rule='${rule}'`,
    },
  ],
  [
    'the zone opened',
    {
      check: 'litellm/exposure',
      saw: /zone FedoraWorkstation opens 1025-65535\/tcp/,
      break:
        'firewall-cmd -q --permanent --zone=FedoraWorkstation --change-interface=eth0; firewall-cmd -q --zone=FedoraWorkstation --change-interface=eth0',
      mend: 'firewall-cmd -q --permanent --zone=FedoraWorkstation --remove-interface=eth0; firewall-cmd -q --zone=public --change-interface=eth0',
    },
  ],
  [
    'a model renamed by the backend',
    {
      check: 'litellm/backend-models',
      subject: 'akira:vllm',
      saw: /does not serve qwen2\.5-7b; it serves qwen3-8b/,
      break: vllm('--host 127.0.0.1 --port 8000 --model qwen3-8b'),
    },
  ],
  [
    'the backend stopped',
    { check: 'litellm/backend-reachable', subject: 'akira:vllm', saw: /from the host: connection refused/, break: 'systemctl stop vllm' },
  ],
  [
    'the backend hanging',
    {
      check: 'litellm/completion',
      subject: 'akira:default',
      saw: /no answer in 30 s: the backend vllm accepts requests and hangs/,
      break: vllm('--host 127.0.0.1 --port 8000 --model qwen2.5-7b --hang'),
    },
  ],
  [
    '.env readable by others',
    {
      check: 'litellm/env-private',
      saw: /\.env is 0644 root:root/,
      break: 'chmod 644 /flux/apps/litellm/.env',
      mend: 'chmod 600 /flux/apps/litellm/.env',
    },
  ],
  [
    'a kept copy of .env readable by others',
    {
      check: 'litellm/env-private',
      saw: /releases\/1\/env is 0644 root:root/,
      break: 'chmod 644 /var/lib/fabric/litellm/releases/1/env',
      mend: 'chmod 600 /var/lib/fabric/litellm/releases/1/env',
      moment: 'before-copy',
    },
  ],
  [
    'podman’s database readable by others',
    {
      check: 'litellm/engine-private',
      saw: /storage\/db\.sql can be read by others: \/var\/lib\/containers\/storage is 0755/,
      break: 'chmod 755 /var/lib/containers/storage',
      mend: 'chmod 700 /var/lib/containers/storage',
    },
  ],
  [
    'a placeholder for a key',
    {
      check: 'litellm/env-placeholder',
      saw: /\.env: EXTRA_KEY is a placeholder/,
      break: inEnv('echo EXTRA_KEY=ChangeMe >>.env'),
      mend: envAsItWas,
      yaml: YAML.replace('  secrets:\n', '  secrets:\n    EXTRA_KEY: env:EXTRA_KEY\n'),
    },
  ],
  [
    'the master key under a second name',
    {
      check: 'litellm/env-distinct',
      saw: /\.env: LITELLM_MASTER_KEY and EXTRA_KEY hold one value/,
      break: inEnv(`line=$(sed -n 's/^LITELLM_MASTER_KEY=/EXTRA_KEY=/p' .env); echo "$line" >>.env`),
      mend: envAsItWas,
    },
  ],
  [
    'config.yaml edited by hand',
    {
      check: 'litellm/config-drift',
      saw: /config\.yaml differs from what fabric\.yaml renders: 2 lines: \+ litellm_settings: │ \+ num_retries: 9/,
      break: `cd /flux/apps/litellm; cp -p config.yaml /root/kept; touch -r config.yaml /root/stamp; printf 'litellm_settings:\\n  num_retries: 9\\n' >>config.yaml`,
      mend: 'cp -p /root/kept /flux/apps/litellm/config.yaml',
    },
  ],
  [
    'a key taken out of .env',
    {
      check: 'litellm/env-complete',
      saw: /missing: EXTRA_KEY/,
      yaml: fabricYaml({ more: '  config:\n    environment_variables:\n      X: os.environ/EXTRA_KEY\n' }),
    },
  ],
  [
    'a backend of this host by its tailnet address',
    {
      check: 'litellm/backend-loopback',
      subject: 'akira:vllm',
      saw: /is this same host, and does not answer there, while 127\.0\.0\.1 does/,
      yaml: fabricYaml({ url: 'http://100.64.0.14:8000' }),
    },
  ],
  [
    'a model declared and not deployed',
    {
      check: 'litellm/models-equal',
      saw: /missing: extra/,
      yaml: fabricYaml({ models: '        - id: qwen2.5-7b\n          alias: extra\n' }),
    },
  ],
  [
    'vLLM open to strangers',
    {
      check: 'litellm/backend-direct',
      subject: 'akira:vllm',
      saw: /vllm is bound to 0\.0\.0\.0:8000, and zone public opens 8000\/tcp \(runtime rules, interface eth0\)/,
      break: `${vllm('--host 0.0.0.0 --port 8000 --model qwen2.5-7b')}; firewall-cmd -q --add-port=8000/tcp`,
      mend: 'firewall-cmd -q --remove-port=8000/tcp',
    },
  ],
  [
    // A stand-in that says what Tailscale 1.98.0 said after `tailscale down` (the lab has no control server).
    'Tailscale stopped',
    {
      check: 'tailnet/online',
      saw: /on akira: Tailscale is Stopped/,
      break: `printf '%s\\n' '#!/bin/sh' 'case $1 in status) printf "{\\n  \\"BackendState\\": \\"Stopped\\",\\n  \\"Self\\": {\\n    \\"Online\\": false\\n  }\\n}\\n";; *) echo "Tailscale is stopped."; exit 1;; esac' >/usr/local/bin/tailscale; chmod 755 /usr/local/bin/tailscale`,
      mend: 'rm /usr/local/bin/tailscale',
    },
  ],
  ['another image declared', { check: 'litellm/image', saw: /litellm:v1\.109\.1/, yaml: fabricYaml({ image: OTHER_IMAGE }) }],
  [
    'LiteLLM frozen',
    {
      check: 'litellm/liveliness',
      saw: /no answer in time/,
      break: 'kill -STOP $(podman inspect --format "{{.State.Pid}}" litellm)',
      mend: 'kill -CONT $(podman inspect --format "{{.State.Pid}}" litellm)',
    },
  ],
  [
    'the port published instead of the host’s network',
    {
      check: 'litellm/host-network',
      saw: /podman publishes port 4000 on 0\.0\.0\.0 for litellm; the container’s network is bridge/,
      break: dropIn('Network=\\nPublishPort=4000:4000'),
      mend: noDropIn,
      restarts: true,
    },
  ],
  [
    'bound to loopback only',
    {
      check: 'litellm/port-bound',
      saw: /bound to 127\.0\.0\.1, loopback only/,
      break: dropIn('Exec=--config /app/config.yaml --host 127.0.0.1 --port 4000'),
      mend: noDropIn,
      restarts: true,
    },
  ],
  [
    'started without its key',
    {
      check: 'litellm/key-required',
      saw: /with no key: HTTP 200, let in/,
      break: dropIn('EnvironmentFile=\\nEnvironment=LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY=true'),
      mend: noDropIn,
      restarts: true,
    },
  ],
  [
    'a restart loop',
    {
      check: 'litellm/unit-active',
      saw: /activating \(auto-restart\).*health_check_interval|it last said: .*/,
      break: `${dropIn('Exec=--config /app/no-such-file.yaml').replace(/systemctl restart litellm$/, 'systemctl restart litellm || true')}; for i in $(seq 1200); do [ "$(systemctl show -p SubState --value litellm)" = auto-restart ] && exit 0; sleep 0.1; done; exit 1`,
      mend: noDropIn,
      heals: true,
    },
  ],
];
/** What surrounds LiteLLM is broken in breakages-host.test.ts. */
const OURS: ReadonlySet<CheckId> = new Set(['litellm/readiness', ...breakages.map(([, { check }]) => check)]);
const HEALTHY_VLLM = '--host 127.0.0.1 --port 8000 --model qwen2.5-7b';

/** Half a minute each or more, and no other test needs them. */
const SLOW: ReadonlySet<CheckId> = new Set([
  'litellm/liveliness',
  'litellm/port-bound',
  'litellm/key-required',
  'litellm/unit-active',
  'litellm/host-network',
]);
const inCi = breakages.filter(isFirst).filter(([, { check }]) => !SLOW.has(check));
test.each(inCi)('%s', broken);
test.each(breakages.filter((one) => !inCi.includes(one)))('%s', { tags: 'thorough' }, broken);

async function broken(
  _: string,
  { check, subject = 'akira', saw, break: doBreak, mend, moment = 'before', yaml = YAML, restarts, heals }: Breakage,
): Promise<void> {
  if (doBreak !== undefined) await it.root(doBreak);
  if (restarts) await it.alive();
  const folder = check.replace('/', '-');
  try {
    const { code, out, err } = await validate(yaml, folder);
    const id = `${check}@${subject}`;
    expect(
      having(out, 'fail').filter((one) => !also(yaml, check).test(one)),
      err,
    ).toEqual([id]);
    expect(findingsOf(out, id)).toMatch(saw);
    expect(code).toBe(1);
    keepFixture(check, moment, yaml, join(it.dir, folder));
    // Frozen, it is not ready either: the same host, asked the other question.
    if (check === 'litellm/liveliness') keepFixture('litellm/readiness', 'before', yaml, join(it.dir, folder));
    // What the finding claims, tried: past a published port a stranger gets in.
    if (check === 'litellm/host-network') expect(await it.status('pub')).toBe(200);
  } finally {
    if (mend !== undefined) await it.root(mend);
    if (doBreak?.includes('vllm')) await it.vllm(HEALTHY_VLLM);
    if (restarts || heals) await it.alive();
  }
  // LiteLLM rests a backend that failed it for some seconds. What else was left broken the next one would see.
  for (const model of ['default', 'akira/qwen2.5-7b'])
    await expect.poll(() => it.completion(model), { timeout: 120_000, interval: 500 }).toContain('"choices"');
}
/**
 * Where the operator's file declares what was not deployed, that is a drift as well. A hung backend hangs under each of its names. A
 * published port is a hole besides.
 */
const also = (yaml: string, check: CheckId): RegExp => {
  if (yaml !== YAML) return /^litellm\/config-drift@/;
  if (check === 'litellm/completion') return /^litellm\/completion@akira:akira/;
  return check === 'litellm/host-network' ? /^litellm\/exposure@/ : /^$/;
};

test('several at once: doctor names them, fix mends them by one plan, and takes it back', async () => {
  const json = async (): Promise<string> => (await it.fabric(YAML, ['doctor', '--format', 'json'])).out;
  await it.root(`chmod 644 /flux/apps/litellm/.env; firewall-cmd -q --remove-rich-rule='${rule}'; systemctl stop litellm`);
  const broken = ['litellm/unit-active@akira', 'litellm/tailnet-admitted@akira', 'litellm/env-private@akira'];
  expect(having(await json(), 'fail')).toEqual(broken);
  const plan = await it.fabric(YAML, ['fix', '--all', '--dry-run', '--exit-code']);
  expect(plan).toMatchObject({ code: 6, out: expect.stringContaining('make /flux/apps/litellm/.env 600 root:root (it is 644 root:root)') });
  expect(await it.fabric(YAML, ['fix', '--all', '--yes'])).toMatchObject({ code: 0 });
  expect(having(await json(), 'fail')).toEqual([]);
  expect(await it.status('ops')).toBe(200);
  expect(await it.fabric(YAML, ['fix', '--undo', '--yes'])).toMatchObject({
    code: 0,
    out: expect.stringContaining('the fix is taken back'),
  });
  expect(having(await json(), 'fail')).toEqual(broken.slice(1)); // a service that was stopped is started again, and stays so
  expect(await it.fabric(YAML, ['fix', ...broken.slice(1), '--yes'])).toMatchObject({ code: 0 });
});

test('healed: the tailnet gets in, a stranger does not', async () => {
  expect([await it.status('ops'), await it.status('pub')]).toEqual([200, 0]);
  expect(await it.status('ops', '/v1/models', '-H', `Authorization: Bearer ${KEY}`)).toBe(200);
});
