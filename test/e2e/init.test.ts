// Hosts without a fabric.yaml: looked at, drafted, judged; the draft deployed, and drafted again.
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeAll, expect, test } from 'vitest';
import { parse } from '../../src/fabric/parse.ts';
import { readYaml } from '../../src/services/yaml.ts';
import { fabricYaml, findingsOf, having, IMAGE, KEY, lab } from './lab.ts';

const it = lab('finit');
const TARGET = 'ops@100.64.0.14';
const folder = (name: string): string => {
  const path = join(it.dir, name);
  mkdirSync(path, { recursive: true });
  return path;
};
const draft = (name: string): string => readFileSync(join(it.dir, name, 'fabric.yaml'), 'utf8');
/** What the host has that a look could have changed. */
const state = (): Promise<string> =>
  it.root(`cd /; find flux etc/systemd etc/containers var/lib/fabric /tmp -type f 2>/dev/null | sort | xargs -r sha256sum
podman ps -a --format '{{.Names}} {{.Status}}' | sed 's/Up.*/Up/'; firewall-cmd --list-all-zones; firewall-cmd --permanent --list-all-zones; systemctl is-active litellm || true`);
const logins = async (): Promise<number> =>
  Number(
    await it.root(
      'journalctl --sync; journalctl -q -o cat _COMM=sshd _COMM=sshd-session + SYSLOG_IDENTIFIER=sshd-session | grep -c "Accepted publickey for ops" || true',
    ),
  );

beforeAll(() => it.vllm('--host 0.0.0.0 --port 8000 --model qwen2.5-7b'));

test('a host without LiteLLM: said, with the next step, exit 2; and without podman too', async () => {
  for (const args of [
    ['validate', TARGET],
    ['init', '--from-host', TARGET],
  ]) {
    const { code, out, err } = await it.fabricIn(folder('none'), args);
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(
      /no LiteLLM was found on 100\.64\.0\.14: looked at root's litellm\.service, podman's containers[\s\S]*→ to deploy one there: fabric init --host 100\.64\.0\.14 --user ops/,
    );
  }
  await it.root('mv /usr/bin/podman /usr/bin/podman.away');
  try {
    const { code, err } = await it.fabricIn(folder('none'), ['validate', TARGET]);
    expect([code, err]).toEqual([2, expect.stringMatching(/looked at root's litellm\.service\n/)]);
  } finally {
    await it.root('mv /usr/bin/podman.away /usr/bin/podman');
  }
});

test('a host that cannot be looked at: 3 where it is not reached, 4 where root is refused', async () => {
  expect((await it.fabricIn(folder('none'), ['validate', 'ops@100.64.0.77'])).code).toBe(3);
  const { code, err } = await it.fabricIn(folder('none'), ['validate', 'nosudo@100.64.0.14']);
  expect([code, err]).toEqual([4, expect.stringContaining('no root there')]);
});

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
const CONFIG = `# by hand
model_list:
- model_name: default
  litellm_params: { model: hosted_vllm/qwen2.5-7b, api_base: "http://100.64.0.14:8000/v1" }
- model_name: spare
  litellm_params: { model: openai/qwen2.5-7b, api_base: "http://100.64.0.14:8000/v1", api_key: sk-in-clear-0123456789, timeout: 5 }
litellm_settings: { drop_params: yes }
`;

test('a host made the runbook’s way: judged by a draft, over one connection, and nothing is changed', async () => {
  await it.root(`mkdir -p /flux/apps/litellm; cd /flux/apps/litellm
cat >config.yaml <<'E'
${CONFIG}E
printf 'LITELLM_MASTER_KEY=${KEY}\\nHAND_MADE=1\\n' >.env; chmod 600 .env
cat >/etc/systemd/system/litellm.service <<'E'
${UNIT}E
systemctl daemon-reload; systemctl enable -q --now litellm`);
  await it.alive();
  const [before, logged] = [await state(), await logins()];
  const { code, out, err } = await it.fabricIn(folder('none'), ['validate', TARGET, '--format', 'json']);
  expect([code, err]).toEqual([1, '']);
  expect(await logins()).toBe(logged + 1);
  expect(having(out, 'fail').toSorted()).toEqual(['litellm/exposure@akira', 'litellm/host-network@akira']);
  expect(findingsOf(out, 'litellm/host-network@akira')).toContain('podman publishes port 4000');
  expect(having(out, 'pass')).toEqual(
    expect.arrayContaining(['litellm/models-equal@akira', 'litellm/key-required@akira', 'litellm/image@akira']),
  );
  expect(having(out, 'unknown')).toEqual([]);
  const { draft: said }: { draft: { notes: { at: string; text: string }[]; unjudged: { check: string }[] } } = JSON.parse(out);
  expect(said.notes.map(({ at }) => at)).toEqual(expect.arrayContaining(['litellm.allow', 'litellm.secrets.OPENAI_API_KEY']));
  expect(said.unjudged.map(({ check }) => check)).toEqual([
    'litellm/config-drift',
    'litellm/unit-active',
    'litellm/tailnet-admitted',
    'litellm/env-complete',
  ]);
  const people = await it.fabricIn(folder('none'), ['validate', TARGET]);
  expect(people.out).toMatch(
    /judged against a draft of what akira runs[\s\S]*could not be told[\s\S]*not judged:[\s\S]*→ fabric init --from-host ops@100\.64\.0\.14/,
  );
  for (const text of [out, people.out]) expect(text).not.toMatch(/in-clear|sk-lab/);
  expect(await state()).toBe(before);
});

test('its draft: no key in clear, the same models, and a plan that shows the retirement and no other model', async () => {
  const { code, out } = await it.fabricIn(folder('book'), ['init', '--from-host', TARGET]);
  expect([code, out]).toEqual([
    0,
    expect.stringMatching(
      /OPENAI_API_KEY: .*was written out in config\.yaml[\s\S]*next:\n {2}export .*\n {2}fabric deploy litellm --dry-run/,
    ),
  ]);
  expect(draft('book')).not.toMatch(/in-clear|sk-lab/);
  const again = await it.fabricIn(folder('book'), ['init', '--from-host', TARGET]);
  expect([again.code, again.err]).toEqual([2, expect.stringContaining('--force writes it anew')]);
  expect((await it.fabricIn(folder('book'), ['init', '--from-host', TARGET, '--force'])).code).toBe(0);

  const planned = await it.fabric(draft('book'), ['deploy', 'litellm', '--dry-run', '--format', 'json'], {
    OPENAI_API_KEY: 'sk-in-clear-0123456789',
  });
  expect(planned.code).toBe(0);
  const { plan }: { plan: { do: string; path?: string; title?: string; now?: string }[] } = JSON.parse(planned.out);
  expect(plan.map((step) => step.title ?? step.path)).toEqual([
    expect.stringContaining('keep the files of the earlier deployment'),
    '/flux/apps/litellm/config.yaml',
    '/flux/apps/litellm/.env', // the key that config.yaml had
    '/etc/containers/systemd/litellm.container',
    expect.stringContaining('retire /etc/systemd/system/litellm.service'),
    expect.stringContaining('retire the podman container litellm'),
    expect.stringContaining('restart litellm.service'),
    expect.stringContaining('LiteLLM is up'),
    expect.stringContaining('let 100.64.0.0/10 connect to port 4000'),
    expect.stringContaining('the firewall admits'),
    expect.stringContaining('keep this as a release'),
  ]);
  const now = readYaml(plan.find(({ path }) => path?.endsWith('config.yaml'))?.now ?? '');
  expect('value' in now && now.value).toEqual({
    model_list: [
      {
        model_name: 'default',
        litellm_params: { model: 'hosted_vllm/qwen2.5-7b', api_base: 'http://100.64.0.14:8000/v1' },
        model_info: { id: 'vllm:default' },
      },
      {
        model_name: 'spare',
        litellm_params: {
          model: 'openai/qwen2.5-7b',
          api_base: 'http://100.64.0.14:8000/v1',
          api_key: 'os.environ/OPENAI_API_KEY',
          timeout: 5,
        },
      },
    ],
    general_settings: { master_key: 'os.environ/LITELLM_MASTER_KEY' },
    litellm_settings: { drop_params: true },
  });
});

const RICH = fabricYaml({
  litellm: '  allow: [100.64.0.0/10, 203.0.113.0/24]\n',
  models: `        - id: qwen2.5-7b
          alias: second
          max_tokens: 100
`,
  more: `  config:
    model_list:
      - model_name: by-hand
        litellm_params: { model: ollama/x, api_base: "http://127.0.0.1:11434" }
    litellm_settings: { drop_params: true, request_timeout: 30 }
    general_settings: { background_health_checks: false }
`,
});

test('deployed by fabric: its draft has nothing to change, and every check passes', async () => {
  expect((await it.fabric(RICH, ['deploy', 'litellm', '--yes'])).code).toBe(0);
  const { code, out } = await it.fabricIn(folder('own'), ['init', '--from-host', TARGET]);
  expect([code, out]).toEqual([0, expect.stringContaining('wrote ')]);
  const parsed = parse(draft('own'), '/x/fabric.yaml');
  expect('fabric' in parsed && parsed.fabric.litellm.allow).toEqual(['100.64.0.0/10', '203.0.113.0/24']);
  const dry = await it.fabricIn(folder('own'), ['deploy', 'litellm', '--dry-run', '--exit-code']);
  expect([dry.code, dry.out]).toEqual([0, 'akira: nothing to change']);
  const judged = await it.fabricIn(folder('none'), ['validate', TARGET, '--format', 'json']);
  expect(having(judged.out, 'pass').length, judged.out).toBe(JSON.parse(judged.out).results.length);
  expect(JSON.parse(judged.out).draft.unjudged).toEqual([]);
  expect((await it.fabricIn(folder('none'), ['validate', 'root@100.64.0.14:22'])).code).toBe(0);
});

test('the plain name of fabric.yaml’s host is that host as declared; with an @ it is the host as it is', async () => {
  const named = await it.fabricIn(folder('own'), ['validate', 'akira', '--format', 'json']);
  expect([named.code, JSON.parse(named.out).draft]).toEqual([0, null]);
  const looked = await it.fabricIn(folder('own'), ['validate', 'ops@100.64.0.14', '--format', 'json']);
  expect([looked.code, JSON.parse(looked.out).draft]).toEqual([0, expect.objectContaining({ unjudged: [] })]);
});

test('make validate-litellm, with the Makefile that init wrote', async () => {
  const make = (...args: readonly string[]) =>
    execa(
      join(import.meta.dirname, '../lab/lab'),
      [
        'exec',
        'ops',
        'make',
        '-s',
        '-C',
        folder('own'),
        `FABRIC=${process.execPath} ${join(import.meta.dirname, '../../bin/fabric.js')}`,
        ...args,
      ],
      {
        reject: false,
        env: { LAB_NET: 'finit', PATH: `${it.dir}/bin:${process.env['PATH']}`, NO_COLOR: '1' },
      },
    );
  const { exitCode, stdout } = await make('validate-litellm', 'ARGS=--fail-on warn');
  expect([exitCode, stdout]).toEqual([0, expect.stringMatching(/^\d+ pass$/)]);
});

test('stopped: the unit says what ran', async () => {
  await it.root('systemctl stop litellm');
  const { code, out } = await it.fabricIn(folder('none'), ['validate', TARGET, '--format', 'json']);
  expect(code).toBe(1);
  expect(having(out, 'fail')).toContain('litellm/unit-active@akira');
  expect((await it.fabricIn(folder('stopped'), ['init', '--from-host', TARGET])).code).toBe(0);
  expect(draft('stopped').replaceAll(/^ *#.*\n/gm, '')).toBe(draft('own').replaceAll(/^ *#.*\n/gm, ''));
});

test('a hostile host: names and paths of its containers run nothing, and stay inside of the draft', async () => {
  await it.root(`systemctl stop litellm; rm /etc/containers/systemd/litellm.container; systemctl daemon-reload
d=$(printf '/srv/x"\\n$(touch /tmp/pwned)\\047;touch /tmp/pwned;\\033[2J'); mkdir -p "$d"; printf 'model_list: []\\n"a\\\\u2028b": "\\\\e[2J"\\n' >"$d/c.yaml"
podman run -d --name evil -e '$(touch /tmp/pwned)=1' -v "$d:/cfg:ro" ${IMAGE} --config '/cfg/c.yaml' --port '4000; touch /tmp/pwned' --host "$(printf 'a\\nhosts: {evil: {}}')" </dev/null >/dev/null`);
  const { code, out } = await it.fabricIn(folder('evil'), ['init', '--from-host', TARGET]);
  expect(code).toBe(0);
  const parsed = parse(draft('evil'), '/x/fabric.yaml');
  expect('fabric' in parsed && [...parsed.fabric.hosts.keys()]).toEqual(['akira']);
  for (const text of [out, draft('evil')]) expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028]/);
  expect(await it.root('ls /tmp/pwned 2>&1 || true')).toContain('No such file');
});

test('init on a terminal asks, says what is wrong with an answer, and writes what fabric reads', async () => {
  const cwd = folder('asked');
  const bin = join(import.meta.dirname, '../../bin/fabric.js');
  const answers = ['100.64.0.14', 'ops', 'mlx', '', '', 'qwen2.5-7b', 'akira/qwen2.5-7b', ''];
  const { exitCode, stdout } = await execa('script', ['-qec', `stty cols 120 rows 40; exec ${process.execPath} ${bin} init`, '/dev/null'], {
    cwd,
    input: `${answers.join('\n')}\n`,
    reject: false,
    timeout: 120_000,
  });
  expect([exitCode, stdout]).toEqual([
    0,
    expect.stringMatching(
      /Host: its tailnet address or name: [\s\S]*expected vllm, ollama, openrouter, openai[\s\S]*fabric deploy litellm --dry-run/,
    ),
  ]);
  const parsed = parse(draft('asked'), '/x/fabric.yaml');
  expect('fabric' in parsed && parsed.fabric.litellm.backends).toMatchObject([
    { kind: 'vllm', url: 'http://127.0.0.1:8000', models: [{ id: 'qwen2.5-7b', alias: 'akira/qwen2.5-7b' }] },
  ]);
});
