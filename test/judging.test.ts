// What the fixtures do not reach: hosts that the lab does not have, told by tables.
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { asDeclared, type Check } from '../src/check.ts';
import configDrift from '../src/checks/litellm/config-drift.ts';
import envPrivate from '../src/checks/litellm/env-private.ts';
import exposure from '../src/checks/litellm/exposure.ts';
import keyRequired from '../src/checks/litellm/key-required.ts';
import modelsEqual from '../src/checks/litellm/models-equal.ts';
import secretExpiry from '../src/checks/litellm/secret-expiry.ts';
import tailnetAdmitted from '../src/checks/litellm/tailnet-admitted.ts';
import unitActive from '../src/checks/litellm/unit-active.ts';
import type { Answer, Lost } from '../src/evidence.ts';
import { examine, needsOf } from '../src/examine.ts';
import type { Fabric } from '../src/fabric.ts';
import { sha256 } from '../src/plan.ts';
import { containers } from '../src/probes/container.ts';
import { parseRule } from '../src/probes/firewall.ts';
import { listeners } from '../src/probes/network.ts';
import { declaredModels, environmentNames, envPath, files, renderConfig } from '../src/services/litellm.ts';
import { within } from '../src/services/network.ts';
import { fabricOf, SAMPLE, sample } from './sample.ts';

const options = asDeclared;
const ok = (out: string): Answer => ({ code: 0, out, err: '' });
type Said = Readonly<Record<string, Answer | Lost>>;
/** `status: saw; saw` of the check's first result. */
const judged = (check: Check, said: Said, fabric: Fabric = sample): string => {
  const answers = new Map(
    needsOf(fabric, [check], options).map(({ key }) => [key, Object.entries(said).find(([begin]) => key.startsWith(begin))?.[1] ?? ok('')]),
  );
  const [result] = examine(fabric, [check], [{ vantage: 'akira', at: 1000, answers }], options, 0).results;
  if (!result) return 'nothing to judge';
  return `${result.status}: ${'findings' in result ? result.findings.map(({ saw }) => saw).join('; ') : ''}${'lost' in result ? result.lost.map(({ why }) => why).join('; ') : ''}`;
};

/** The keys of a check's questions that begin so. */
const keysOf = (check: Check, begin: string): readonly string[] =>
  needsOf(sample, [check], options)
    .map(({ key }) => key)
    .filter((key) => key.startsWith(begin));

const zone = (name: string, lines: Readonly<Record<string, string>>, rules: readonly string[] = []): string =>
  `${name}\n${Object.entries({ target: 'default', interfaces: '', sources: '', services: '', ports: '', ...lines })
    .map(([label, value]) => `  ${label}: ${value}\n`)
    .join('')}  rich rules: \n${rules.map((rule) => `\t${rule}\n`).join('')}`;
const RULE = 'rule family="ipv4" source address="100.64.0.0/10" port port="4000" protocol="tcp" accept';
const LAN = RULE.replace('100.64.0.0/10', '192.168.1.0/24');
const ANY = 'rule family="ipv4" port port="3999-4001" protocol="tcp" accept';
const LINKS = ok(
  '1: lo    inet 127.0.0.1/8 x\n2: tailscale0    inet 100.64.0.14/10 x\n3: eth0    inet 203.0.113.14/24 x\n4: podman0    inet 10.88.0.1/16 x',
);
const walls = (runtime: string, permanent = runtime, settings = 'DefaultZone=public\nStrictForwardPorts=no'): Said => ({
  'firewall/runtime': ok(`running\n${runtime}`),
  'firewall/permanent': ok(permanent),
  'firewall/settings': ok(settings),
  interfaces: LINKS,
});
const docker = ok('docker\tproxy\tghcr.io/berriai/litellm:v1\t0.0.0.0:4000->4000/tcp, [::]:4000->4000/tcp');
const tailnetOnly = fabricOf(SAMPLE.replace('  image:', '  listen: 100.64.0.14:4000\n  image:'));
const loopback = fabricOf(SAMPLE.replace('  image:', '  listen: 127.0.0.1:4000\n  image:'));

test.each<[string, Said, Fabric, string]>([
  ['the rule alone', walls(zone('public', {}, [RULE])), sample, 'pass: '],
  [
    'a range of ports in the default zone',
    walls(zone('public', { ports: '1025-65535/tcp' }, [RULE])),
    sample,
    'fail: zone public opens 1025-65535/tcp (runtime rules, interface eth0)',
  ],
  ['udp opens nothing', walls(zone('public', { ports: '1025-65535/udp' }, [RULE])), sample, 'pass: '],
  [
    'in the permanent set alone: after the next reboot',
    walls(zone('public', {}), zone('public', { ports: '4000/tcp' })),
    sample,
    'fail: zone public opens 4000/tcp (permanent rules, interface eth0)',
  ],
  [
    'a trusted zone on the public side',
    walls(zone('public', {}) + zone('trusted', { target: 'ACCEPT', interfaces: 'eth0' })),
    sample,
    'fail: zone trusted accepts everything (runtime rules, interface eth0)',
  ],
  [
    'a trusted zone on the tailnet is as declared',
    walls(zone('public', {}) + zone('trusted', { target: 'ACCEPT', interfaces: 'tailscale0' })),
    sample,
    'pass: ',
  ],
  [
    'a service that has the port',
    walls(zone('public', { services: 'ssh mine' }), undefined, 'DefaultZone=public\n/etc/firewalld/services/mine.xml'),
    sample,
    'fail: zone public admits the service mine, which has port 4000 (runtime rules, interface eth0)',
  ],
  ['a rich rule for everybody', walls(zone('public', {}, [ANY])), sample, `fail: zone public has: ${ANY} (runtime rules, interface eth0)`],
  ['a rich rule for the LAN', walls(zone('public', {}, [LAN])), sample, `warn: zone public has: ${LAN} (runtime rules, interface eth0)`],
  [
    'a zone bound to a source',
    walls(zone('public', {}) + zone('home', { sources: '192.168.0.0/16', ports: '4000/tcp' })),
    sample,
    'fail: zone home opens 4000/tcp (runtime rules, sources 192.168.0.0/16)',
  ],
  [
    'docker publishes the port',
    { ...walls(zone('public', {})), containers: docker },
    sample,
    'fail: docker publishes port 4000 on 0.0.0.0 for proxy: published ports bypass the zones; docker publishes port 4000 on :: for proxy: published ports bypass the zones',
  ],
  [
    'published, with StrictForwardPorts',
    { ...walls(zone('public', {}), undefined, 'DefaultZone=public\nStrictForwardPorts=yes'), containers: docker },
    sample,
    'pass: ',
  ],
  [
    'no firewall, bound everywhere',
    { ...walls(''), 'firewall/runtime': ok('absent') },
    sample,
    'fail: bound to 0.0.0.0 and there is no firewall',
  ],
  ['firewalld stopped', { ...walls(''), 'firewall/runtime': ok('stopped') }, sample, 'fail: bound to 0.0.0.0 and firewalld is not running'],
  [
    'ufw is not read: unknown',
    { ...walls(''), 'firewall/runtime': ok('ufw') },
    sample,
    'unknown: ufw guards this host, and fabric does not read its rules',
  ],
  [
    'no firewall, bound to the tailnet: accepted, its weakness stated',
    { ...walls(''), 'firewall/runtime': ok('absent') },
    tailnetOnly,
    'warn: bound to 100.64.0.14 with no firewall: a neighbour on the same network that routes 100.64.0.14 through this host gets in',
  ],
  ['loopback has no strangers', {}, loopback, 'nothing to judge'],
])('exposure: %s', (_, said, fabric, expected) => {
  expect(judged(exposure, said, fabric)).toBe(expected);
});

test.each<[string, Said, string]>([
  ['in both sets', walls(zone('public', {}, [RULE])), 'pass: '],
  [
    'in the zone of another interface',
    walls(zone('public', {}, [RULE]) + zone('tail', { interfaces: 'tailscale0' })),
    'fail: zone tail (tailscale0): no runtime and no permanent rule lets 100.64.0.0/10 connect to port 4000',
  ],
  ['in a wider network', walls(zone('public', {}, [RULE.replace('100.64.0.0/10', '100.0.0.0/8')])), 'pass: '],
  [
    'in a narrower network',
    walls(zone('public', {}, [RULE.replace('100.64.0.0/10', '100.64.0.0/16')])),
    'fail: zone public (tailscale0): no runtime and no permanent rule lets 100.64.0.0/10 connect to port 4000',
  ],
  [
    'rejected instead of accepted',
    walls(zone('public', {}, [RULE.replace('accept', 'reject')])),
    'fail: zone public (tailscale0): no runtime and no permanent rule lets 100.64.0.0/10 connect to port 4000',
  ],
  ['no firewalld admits everybody', { 'firewall/runtime': ok('absent') }, 'pass: '],
])('tailnet-admitted: the rule %s', (_, said, expected) => {
  expect(judged(tailnetAdmitted, said)).toBe(expected);
});

const models = (ids: readonly string[], ui: readonly string[] = []): Said => ({
  'litellm/v1/models/with-key': ok(`${JSON.stringify({ data: ids.map((id) => ({ id })) })}\n200`),
  'litellm/model/info/with-key': ok(
    `${JSON.stringify({ data: ids.map((id) => ({ model_name: id, model_info: { db_model: ui.includes(id) } })) })}\n200`,
  ),
});
const ALL = ['akira/qwen2.5-7b', 'claude', 'default'];
test.each<[string, Said, string]>([
  ['equal, in any order', models([...ALL].reverse()), 'pass: '],
  ['one missing', models(['claude', 'default']), 'fail: missing: akira/qwen2.5-7b'],
  ['one too many', models([...ALL, 'x']), 'fail: not declared: x'],
  ['one added in the UI', models([...ALL, 'x'], ['x']), 'warn: added in the UI: x'],
  [
    'the key is refused',
    { 'litellm/v1/models/with-key': ok('{"error":{}}\n401') },
    'unknown: litellm/v1/models/with-key at akira: HTTP 401: {"error":{}}',
  ],
  ['a page instead of a list', { 'litellm/v1/models/with-key': ok('<html>\n200') }, expect.stringMatching(/^unknown: .*not valid JSON/)],
])('models-equal: %s', (_, said, expected) => {
  expect(judged(modelsEqual, said)).toEqual(expected);
});

const asked = (keyless: string, wrong: string): Said => ({ 'litellm/v1/models/wrong-key': ok(wrong), 'litellm/v1/models': ok(keyless) });
const keyless = fabricOf(
  SAMPLE.replace(
    '  secrets:\n    LITELLM_MASTER_KEY: env:LITELLM_MASTER_KEY',
    '  master_key: "none: everyone who can connect is an administrator"\n  secrets:',
  ),
);
test.each<[string, Said, Fabric, string]>([
  ['401 and 400 (LiteLLM 1.109.1 without a database)', asked('{}\n401', '{}\n400'), sample, 'pass: '],
  ['open to all', asked('{}\n200', '{}\n200'), sample, 'fail: with no key: HTTP 200, let in; with a wrong key: HTTP 200, let in'],
  ['broken is not refused', asked('oops\n500', '{}\n401'), sample, 'fail: with no key: HTTP 500: oops'],
  ['declared to go without', {}, keyless, expect.stringMatching(/^warn: .*everyone who can connect is an administrator/)],
])('key-required: %s', (_, said, fabric, expected) => {
  expect(judged(keyRequired, said, fabric)).toEqual(expected);
});

const unit = (text: string): Said => ({
  'unit/': ok(
    `LoadState=loaded\nActiveState=active\nSubState=running\nNRestarts=0\nFragmentPath=/run/systemd/generator/litellm.service\nActiveEnterTimestamp=@500\nResult=success\n${text}`,
  ),
  'log/': ok('Traceback\nValueError: bad\nExiting.'),
});
test.each<[string, Said, string]>([
  ['running', unit(''), 'pass: '],
  ['running for long after many restarts', unit('NRestarts=9\nActiveEnterTimestamp=@100'), 'pass: '],
  [
    'running since a minute, for the fifth time',
    unit('NRestarts=5\nActiveEnterTimestamp=@940'),
    'fail: active for 60 s, after it restarted 5 times by itself; it last said: ValueError: bad',
  ],
  [
    'between two restarts',
    unit('ActiveState=activating\nSubState=auto-restart\nNRestarts=2\nResult=exit-code'),
    'fail: activating (auto-restart), ended by exit-code, restarted 2 times by itself; it last said: ValueError: bad',
  ],
  [
    'the runbook’s unit outranks ours',
    unit('FragmentPath=/etc/systemd/system/litellm.service'),
    'fail: litellm.service is read from /etc/systemd/system/litellm.service, which outranks the Quadlet',
  ],
])('unit-active: %s', (_, said, expected) => {
  expect(judged(unitActive, said)).toBe(expected);
});

test('config-drift: where a file is younger than LiteLLM, what to paste shows the times of all three', () => {
  const { host } = sample.litellm;
  const there = files(sample.litellm).map(({ path, mode, owner, text }) => [
    `file${path}`,
    ok(`${mode} ${owner} ${sha256(text)}\n${text}`),
  ]);
  const said: Said = {
    ...Object.fromEntries(there),
    changed: ok('900'),
    unit: ok('LoadState=loaded\nActiveState=active\nActiveEnterTimestamp=@100'),
  };
  expect(judged(configDrift, said)).toBe('fail: the files changed 100 s ago, LiteLLM started 900 s ago');
  const answers = new Map(Object.entries(said).flatMap(([begin, one]) => keysOf(configDrift, begin).map((key) => [key, one] as const)));
  const [result] = examine(sample, [configDrift], [{ vantage: host, at: 1000, answers }], options, 0).results;
  const shown = result !== undefined && 'findings' in result ? (result.findings[0]?.reproduce ?? '') : '';
  for (const path of [...files(sample.litellm).map((one) => one.path), envPath(sample.litellm)]) expect(shown).toContain(path);
});

const [HOUR, DAY, NOW] = [3600, 86_400, 1_795_649_849];
test.each<[string, number | null, string]>([
  ['no date', null, 'pass'],
  ['22 days left', 22 * DAY, 'pass'],
  ['a second more than 21 days', 21 * DAY + 1, 'pass'],
  ['21 days', 21 * DAY, 'warn: expires in 21 days'],
  ['a second more than 3 days', 3 * DAY + 1, 'warn: expires in 3 days'],
  ['3 days', 3 * DAY, 'fail: expires in 3 days'],
  ['a day and a half', DAY + 12 * HOUR, 'fail: expires in 1 day'],
  ['an hour and a half', 5400, 'fail: expires in 1 hour'],
  ['5 hours ago', -5 * HOUR, 'fail: expired 5 hours ago'],
  ['a month ago', -30 * DAY, 'fail: expired 30 days ago'],
])('secret-expiry: %s', (_, left, expected) => {
  const kept = fabricOf(
    SAMPLE.replace('LITELLM_MASTER_KEY: env:LITELLM_MASTER_KEY', 'LITELLM_MASTER_KEY: { azure: { vault: kv-ops, name: master } }').replace(
      'OPENROUTER_API_KEY: file:~/.secrets/openrouter',
      'OPENROUTER_API_KEY: { vault: { path: openrouter, field: key } }',
    ),
  );
  const answer = ok(`expires ${left === null ? 'never' : NOW + left}`);
  const answers = new Map(needsOf(kept, [secretExpiry], options).map(({ key }) => [key, answer]));
  const { results } = examine(kept, [secretExpiry], [{ vantage: 'here', at: NOW, answers }], options, 0);
  const of = (name: string) => results.find(({ subject }) => subject === name);
  const said = (name: string): string => {
    const result = of(name);
    const finding = result !== undefined && 'findings' in result ? result.findings[0] : undefined;
    return `${result?.status}${finding === undefined ? '' : `: ${finding.saw.replace(`${name}: its store says that it `, '')}`}`;
  };
  expect([said('LITELLM_MASTER_KEY'), said('OPENROUTER_API_KEY')]).toEqual([expected, expected]);
  const advice = (name: string): string => {
    const result = of(name);
    return result !== undefined && 'findings' in result ? (result.findings[0]?.advice ?? '') : '';
  };
  // fabric makes no key of somebody else's.
  if (expected !== 'pass')
    expect([advice('LITELLM_MASTER_KEY'), advice('OPENROUTER_API_KEY')]).toEqual([
      expect.stringContaining('fabric secrets rotate LITELLM_MASTER_KEY'),
      expect.not.stringContaining('rotate'),
    ]);
});

test('config.yaml: merged verbatim, without any secret, every OpenRouter model with max_tokens, every model with an id', () => {
  const fabric = fabricOf(
    `${SAMPLE}  config:\n    router_settings:\n      num_retries: 2\n      model_group_alias:\n        fast: claude\n    model_list:\n      - model_name: mine\n        litellm_params: { model: openai/x, api_key: os.environ/MINE }\n    general_settings:\n      allow_public_health_readiness_details: true\n`,
  );
  expect(parse(renderConfig(fabric.litellm))).toEqual({
    model_list: [
      {
        model_name: 'akira/qwen2.5-7b',
        litellm_params: { model: 'hosted_vllm/qwen2.5-7b', api_base: 'http://127.0.0.1:8000/v1' },
        model_info: { id: 'vllm:akira/qwen2.5-7b', max_input_tokens: 32768 },
      },
      {
        model_name: 'claude',
        litellm_params: { model: 'openrouter/anthropic/claude-sonnet-4.5', api_key: 'os.environ/OPENROUTER_API_KEY', max_tokens: 4096 },
        model_info: { id: 'openrouter:claude' },
      },
      { model_name: 'mine', litellm_params: { model: 'openai/x', api_key: 'os.environ/MINE' } },
    ],
    router_settings: { model_group_alias: { default: 'akira/qwen2.5-7b', fast: 'claude' }, num_retries: 2 },
    general_settings: { master_key: 'os.environ/LITELLM_MASTER_KEY', allow_public_health_readiness_details: true },
  });
  expect(declaredModels(fabric.litellm)).toEqual(['akira/qwen2.5-7b', 'claude', 'default', 'fast', 'mine']);
  expect(environmentNames(fabric.litellm)).toEqual(['LITELLM_MASTER_KEY', 'MINE', 'OPENROUTER_API_KEY']);
});

test.each([
  ['100.64.0.14', '100.64.0.0/10', true],
  ['100.128.0.1', '100.64.0.0/10', false],
  ['100.64.0.0/16', '100.64.0.0/10', true],
  ['100.0.0.0/8', '100.64.0.0/10', false],
  ['fd7a:115c:a1e0::53', 'fd7a:115c:a1e0::/48', true],
  ['100.64.0.14', 'fd7a:115c:a1e0::/48', false],
  ['wintermute', '0.0.0.0/0', false],
  ['203.0.113.9', '0.0.0.0/0', true],
])('%s within %s: %s', (inner, outer, is) => {
  expect(within(inner, outer)).toBe(is);
});

test('readers: rules in any form, ports in ranges, listeners of both families', () => {
  expect(
    parseRule('rule priority="5" family="ipv4" source NOT address="10.0.0.0/8" port port="4000" protocol="tcp" log accept'),
  ).toMatchObject({ source: null, port: { first: 4000, last: 4000 }, action: 'accept' });
  expect(
    containers('akira')
      .read(ok('podman\ta\ti\t0.0.0.0:8000-8002->8000-8002/tcp, 127.0.0.1:53->53/udp'), 0)
      .published.map(({ port }) => port),
  ).toEqual([8000, 8001, 8002]);
  expect(
    listeners('akira', 4000).read(
      ok('LISTEN 0 1 0.0.0.0:4000 0.0.0.0:*\nLISTEN 0 1 [::1]:4000 [::]:*\nLISTEN 0 1 *:4000 *:*\nLISTEN 0 1 127.0.0.53%lo:4000 0.0.0.0:*'),
      0,
    ),
  ).toEqual(['0.0.0.0', '::1', '*', '127.0.0.53']);
});

test.each([
  ['root:root', { script: expect.stringMatching(/chown ['"]?root:root/) }],
  // Nobody can be given it back by a name, so what `fabric fix --undo` lists says that it stays.
  ['UNKNOWN:UNKNOWN', 'stays'],
])('litellm/env-private: a copy of %s is closed, and taken back as far as its owner has a name', (owner, undo) => {
  const copy = '/var/lib/fabric/litellm/releases/1/env';
  const answers = new Map(
    needsOf(sample, [envPrivate], options).map(({ key }) => [key, key === 'copies' ? ok(`${copy} 644 ${owner}\n`) : ok('600 root:root\n')]),
  );
  const [result] = examine(sample, [envPrivate], [{ vantage: 'akira', at: 1000, answers }], options, 0).results;
  expect(result).toMatchObject({ status: 'fail', findings: [{ fix: [{ do: 'run', undo }] }] });
});
