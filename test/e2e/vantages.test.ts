// Hosts that must get in and hosts that must not, on real networks: a member of the tailnet, a stranger, one that is down.
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { fabricYaml, findingsOf, having, keepFixture, lab } from './lab.ts';

const it = lab('fvant');
const HOSTS = `hosts:
  akira:
    address: 100.64.0.14
    user: ops
    public: [203.0.113.14]
  motoko:
    address: 100.64.0.7
    user: ops
  gaijin:
    address: 100.64.0.99
    user: nosudo
`;
const declaring = (lines: string): string => fabricYaml({ litellm: lines }).replace(/^hosts:\n(?: .*\n)+/, HOSTS);
const YAML = declaring('  allow: [100.64.0.0/26]\n  reachable_from: [motoko]\n  unreachable_from: [gaijin]\n');
const IN = 'litellm/access@motoko';
const OUT = 'litellm/access@gaijin';
const validate = (yaml: string, folder: string, ...args: readonly string[]) =>
  it.fabric(yaml, ['validate', '--format', 'json', '--record', join(it.dir, folder), ...args]);
const vllm = (host: string): Promise<string> => it.vllm(`--host ${host} --port 8000 --model qwen2.5-7b`);

beforeAll(async () => {
  await it.verb('up', 'motoko', '100.64.0.7');
  await it.verb('up', 'gaijin', '100.64.0.99', '203.0.113.99');
  await it.verb('wait', 'motoko');
  await it.verb('wait', 'gaijin');
  await vllm('127.0.0.1');
  const { code, err } = await it.fabric(YAML, ['deploy', 'litellm', '--yes']);
  expect(err).toContain('keep this as a release');
  expect(code).toBe(0);
});

test('who may gets in, who may not is kept out: both pass, and the deployment’s gate has asked them', async () => {
  const { code, out, err } = await validate(YAML, 'after');
  expect(having(out, 'pass'), err + out).toEqual(expect.arrayContaining([IN, OUT]));
  expect(code).toBe(0);
  keepFixture('litellm/access', 'after', YAML, join(it.dir, 'after'));
});

test('--at asks from there too, and the vantage’s own address says what is right; here is this machine', async () => {
  const plain = declaring('  allow: [100.64.0.0/26]\n');
  const { code, out } = await validate(plain, 'at', '--at', 'motoko', '--at', 'gaijin', '--at', 'here');
  expect(having(out, 'pass')).toEqual(expect.arrayContaining([IN, OUT, 'litellm/access@here']));
  expect(code).toBe(0);
});

test('a stranger that gets in fails, by the address that it came by', async () => {
  await it.root(`firewall-cmd -q --zone=public --add-port=4000/tcp`);
  try {
    const { code, out } = await validate(YAML, 'stranger');
    expect(having(out, 'fail')).toEqual(['litellm/exposure@akira', OUT]);
    expect(findingsOf(out, OUT)).toContain('from gaijin: http://203.0.113.14:4000: HTTP 200');
    expect(code).toBe(1);
    keepFixture('litellm/access', 'before', YAML, join(it.dir, 'stranger'));
  } finally {
    await it.root(`firewall-cmd -q --zone=public --remove-port=4000/tcp`);
  }
});

test('a member that is dropped on the way fails, though the rules are right', async () => {
  await it.root(
    'nft add table inet hand; nft add chain inet hand in "{ type filter hook input priority -10; }"; nft add rule inet hand in ip saddr 100.64.0.7 tcp dport 4000 drop',
  );
  try {
    const { out } = await validate(YAML, 'dropped');
    expect(having(out, 'fail')).toEqual([IN]);
    expect(findingsOf(out, IN)).toContain('from motoko: http://100.64.0.14:4000: no answer in time');
  } finally {
    await it.root('nft delete table inet hand');
  }
});

test('the rule gone: the cause fails, and who is shut out is its echo', async () => {
  const rule = 'rule family="ipv4" source address="100.64.0.0/26" port port="4000" protocol="tcp" accept';
  await it.root(`firewall-cmd -q --remove-rich-rule='${rule}'`);
  try {
    const { out } = await validate(YAML, 'rule');
    expect([having(out, 'fail'), having(out, 'blocked')]).toEqual([['litellm/tailnet-admitted@akira'], [IN]]);
  } finally {
    await it.root(`firewall-cmd -q --add-rich-rule='${rule}'`);
  }
});

test('vLLM open to strangers fails, to members alone it is a warning', async () => {
  const id = 'litellm/backend-direct@akira:vllm';
  await vllm('0.0.0.0');
  await it.root('firewall-cmd -q --zone=public --add-port=8000/tcp');
  try {
    const { out } = await validate(YAML, 'direct');
    expect(having(out, 'fail')).toEqual([id]);
    expect(findingsOf(out, id)).toContain('from gaijin: http://203.0.113.14:8000/v1/models: HTTP 200, past LiteLLM');
    expect(findingsOf(out, id)).toContain('vllm is bound to 0.0.0.0:8000, and zone public opens 8000/tcp (runtime rules, interface eth0)');
    const rule = 'rule family="ipv4" source address="100.64.0.0/26" port port="8000" protocol="tcp" accept';
    await it.root(`firewall-cmd -q --zone=public --remove-port=8000/tcp; firewall-cmd -q --add-rich-rule='${rule}'`);
    const member = await validate(YAML, 'member');
    expect(having(member.out, 'warn')).toEqual([id]);
    expect(findingsOf(member.out, id)).toContain('from motoko: http://100.64.0.14:8000/v1/models: HTTP 200, past LiteLLM');
    expect(findingsOf(member.out, id)).toContain('zone public lets 100.64.0.0/26 connect to port 8000 (runtime rules)');
    await it.root(`firewall-cmd -q --remove-rich-rule='${rule}'`);
    expect(having((await validate(YAML, 'bound')).out, 'pass')).toContain(id);
  } finally {
    await it.root('firewall-cmd -q --reload');
    await vllm('127.0.0.1');
  }
});

test('LiteLLM stopped: that a stranger is kept out proves nothing', { tags: 'thorough' }, async () => {
  await it.root('systemctl stop litellm');
  const { out } = await validate(YAML, 'stopped');
  expect([having(out, 'fail'), having(out, 'unknown')]).toEqual([['litellm/unit-active@akira'], expect.arrayContaining([OUT])]);
  expect(having(out, 'blocked')).toContain(IN);
  await it.root('systemctl start litellm');
  await it.alive();
});

test('a vantage that is down is unknown; a deployment goes on without it, and says so', async () => {
  await it.verb('crash', 'motoko');
  const { code, out } = await validate(YAML, 'down');
  expect(having(out, 'unknown')).toEqual([IN, 'litellm/backend-direct@akira:vllm', 'tailnet/online@motoko', 'host/clock@motoko']);
  expect(having(out, 'fail')).toEqual([]);
  expect(code).toBe(3);
  const narrower = YAML.replace('100.64.0.0/26', '100.64.0.0/27');
  const deployed = await it.fabric(narrower, ['deploy', 'litellm', '--yes']);
  expect(deployed.code, deployed.err).toBe(0);
  expect(deployed.out).toContain(IN);
});
