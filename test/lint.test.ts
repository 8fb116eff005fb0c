// What lint says, without LiteLLM: the table of test/lint/cases.ts (held to the real one by test/e2e/lint.test.ts), and the command.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parse } from '../src/fabric/parse.ts';
import { lint, readEnvironment } from '../src/lint/lint.ts';
import { rules } from '../src/lint/rules.ts';
import { renderConfig } from '../src/services/litellm.ts';
import { parseVersion } from '../src/services/version.ts';
import { cases } from './lint/cases.ts';
import { SAMPLE } from './sample.ts';

const ROOT = join(import.meta.dirname, '..');
type Options = Parameters<typeof lint>[1];
const problems = (text: string, options: Options = {}) => {
  const linted = lint(text, options);
  if ('unreadable' in linted) throw new Error(linted.unreadable.map(({ message }) => message).join());
  return linted.problems;
};
const said = (text: string, options: Options = {}): readonly string[] => problems(text, options).map(({ rule, line }) => `${rule}@${line}`);
const env = (values: Readonly<Record<string, string>> = { LITELLM_MASTER_KEY: 'sk-abc' }) => new Map(Object.entries(values));

describe('the table', () => {
  test.each(cases)('$name', (one) => {
    const { files = {} } = one;
    expect(said(one.config, { env: env(one.env), read: (path) => files[path] ?? null }).toSorted()).toEqual(one.found.toSorted());
  });

  test('every rule is in it', () => {
    const seen = new Set(cases.flatMap(({ found }) => found.map((one) => one.split('@')[0])));
    expect(rules.map(({ id }) => id).filter((id) => !seen.has(id))).toEqual([]);
    expect(new Set(rules.map(({ id }) => id)).size).toBe(rules.length);
  });

  test('each name stands once', () => expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length));
});

test("fabric's own config.yaml is clean", () => {
  for (const text of [readFileSync(join(ROOT, 'fabric.example.yaml'), 'utf8'), SAMPLE]) {
    const parsed = parse(text, '/f/fabric.yaml');
    if ('problems' in parsed) throw new Error('the example has problems');
    expect(said(renderConfig(parsed.fabric.litellm))).toEqual([]);
  }
});

const M = 'model_list:\n  - model_name: m\n    litellm_params:\n      model: hosted_vllm/m\n      api_base: http://10.0.0.1:8000/v1\n';

test('what servers, users and documentation write is no slip', () => {
  const text = `model_list:
  - model_name: fast
    rpm: 100
    litellm_params:
      model: openrouter/qwen/qwen3-8b
      api_key: os.environ/OPENROUTER_API_KEY
      max_tokens: 4096
      top_k: 40
      top_a: 0.1
      models: [a/b, c/d]
      provider: {order: [x]}
      eos_token: "</s>"
      extra_body: {chat_template_kwargs: {enable_thinking: false}}
      extra_headers: {X-Key-Id: abc}
  - model_name: fast
    litellm_params: {model: azure/eu-deployment, api_base: https://eu.example.com, api_key: os.environ/AZURE, api_version: "2024-02-01"}
  - model_name: fast
    litellm_params: {model: azure/us-deployment, api_base: https://us.example.com, api_key: os.environ/AZURE, api_version: "2024-02-01"}
  - model_name: gemini
    litellm_params: {model: vertex_ai/gemini-pro, vertex_ai_project: p, vertex_ai_location: l, vertex_credentials: /keys/v.json}
  - model_name: claude
    litellm_params: {model: claude-sonnet-4-5, api_key: os.environ/ANTHROPIC_API_KEY}
  - model_name: bedrock
    litellm_params: {model: us.anthropic.claude-v1, aws_region_name: us-east-1}
  - model_name: mistral
    litellm_params: {model: mistral-large-latest, api_base: https://api.mistral.ai/v1, api_key: os.environ/MISTRAL}
  - model_name: local
    litellm_params: {model: hosted_vllm/qwen-gpu1, api_base: http://10.0.0.1:8000/v1, tags: [free], input_cost_per_token: 0}
  - model_name: local
    litellm_params: {model: hosted_vllm/qwen-gpu2, api_base: http://10.0.0.2:8000/v1, api_key: none}
  - model_name: "*"
    litellm_params: {model: "*"}
litellm_settings:
  drop_params: true
  set_verbose: false
  telemetry: false
  callbacks: [langfuse]
  langfuse_public_key: pk-lf-1234567890
  ssl_verify: false
  fallbacks: [{fast: [claude]}, {"*": [local]}]
router_settings:
  routing_strategy: simple-shuffle
  redis_host: os.environ/REDIS_HOST
  num_retries: 2
general_settings:
  master_key: os.environ/LITELLM_MASTER_KEY
  alerting: [slack]
  alert_to_webhook_url: {budget_alerts: [os.environ/A_URL]}
environment_variables:
  LANGFUSE_PUBLIC_KEY: pk-lf-1234567890
  LITELLM_LOG: INFO
`;
  expect(problems(text).map(({ rule, line, message }) => `${rule}@${line} ${message}`)).toEqual([]);
});

describe('versions', () => {
  const at = (text: string, version: string): readonly string[] => {
    const parsed = parseVersion(version);
    if (parsed === null) throw new Error(version);
    return problems(text, { env: env({}), version: parsed }).map(({ rule, effect }) => `${rule} ${effect}`);
  };
  // Each was seen with that very version.
  test.each([
    ['1.103.11', 'open'],
    ['1.104.0', 'refuses'],
  ])('no master key in %s: %s', (version, effect) => {
    expect(at(M, version)).toEqual([`master-key-missing ${effect}`]);
    expect(at(`${M}general_settings:\n  master_key: os.environ/NOPE\n`, version)).toEqual([`master-key-missing ${effect}`]);
    expect(at(`${M}litellm_settings:\n  master_key: sk-1234\n`, version)).toEqual([`master-key-misplaced ${effect}`]);
  });
  test.each([
    ['1.103.11', ['master-key-weak exposed']],
    ['1.104.0', ['master-key-weak refuses']],
  ])('sk-1234 in %s', (version, found) => expect(at(`${M}general_settings:\n  master_key: sk-1234\n`, version)).toEqual(found));
  test.each([
    ['1.81.1', ['health-check-interval-in-router ignored']],
    ['1.81.3', ['health-check-interval-in-router refuses']],
  ])('router_settings.health_check_interval in %s', (version, found) =>
    expect(
      at(`${M}general_settings:\n  master_key: sk-${'x'.repeat(8)}\nrouter_settings:\n  health_check_interval: 300\n`, version).filter(
        (one) => !one.startsWith('plain-key'),
      ),
    ).toEqual(found),
  );
});

test('without --env nothing is called unset, and what depends on it is a warning', () => {
  const text = `${M}  - model_name: n\n    litellm_params:\n      model: openai/n\n      api_base: os.environ/HOST\n      api_key: os.environ/SOME\n`;
  expect(problems(text).map(({ rule, severity }) => `${rule} ${severity}`)).toEqual(['master-key-missing warn']);
  expect(said(`${text}general_settings:\n  master_key: os.environ/LITELLM_MASTER_KEY\n`)).toEqual([]);
});

test('what it includes and cannot read is not judged', () => {
  expect(said(`${M}include: [more.yaml]\nrouter_settings:\n  model_group_alias: {big: huge}\n`)).toEqual([]);
});

test('no key is ever shown', () => {
  const secret = 'sk-or-v1-0123456789abcdef0123456789';
  for (const text of [
    `${M}general_settings:\n  master_key: ${secret}\n`,
    `${M}general_settings:\n  master_key: " ${secret} os.environ/X"\n`,
    `${M}environment_variables:\n  A_KEY: ${secret}\n  OTHER: ${secret}\n`,
    `model_list:\n  - model_name: ${secret}\n    litellm_params:\n      model: ${secret}\n      api_base: https://u:${secret}@x\n      api_key: os.environ/${secret}\nrouter_settings:\n  fallbacks: [{m: [${secret}]}]\n  routing_strategy: ${secret}\n`,
  ]) {
    const found = problems(text, { env: env() });
    expect(found.length).toBeGreaterThan(0);
    expect(JSON.stringify(found.map(({ message, advice }) => [message, advice]))).not.toContain('0123456789abcdef');
  }
});

test('an environment file is read as podman reads it', () => {
  expect([...readEnvironment('# A=1\nA=1\r\n  B = 2\nC=x=y\nexport D=1\n\n')]).toEqual([
    ['A', '1'],
    ['C', 'x=y'],
  ]);
});

describe('the command', () => {
  const dir = mkdtempSync(join(tmpdir(), 'fabric-lint-'));
  afterAll(() => rmSync(dir, { recursive: true }));
  const file = (name: string, text: string): string => {
    writeFileSync(join(dir, name), text);
    return name;
  };
  const run = (args: readonly string[], input = '') => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, 'bin/fabric.js'), 'lint', ...args], {
      cwd: dir,
      input,
      encoding: 'utf8',
    });
    return { status, stdout, stderr };
  };
  const GOOD = `${M}general_settings:\n  master_key: os.environ/LITELLM_MASTER_KEY\n`;
  const BAD = `${GOOD}router_settings:\n  health_check_interval: 300\n`;
  const WARNS = `${GOOD}x: 1\n`;
  file('good.yaml', GOOD);
  file('bad.yaml', BAD);
  file('warns.yaml', WARNS);

  test('exit codes, and quiet where nothing is wrong', () => {
    expect(run(['good.yaml'])).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(run(['-'], GOOD)).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(run(['warns.yaml']).status).toBe(0);
    expect(run(['warns.yaml', '--fail-on', 'warn']).status).toBe(1);
    const bad = run(['bad.yaml']);
    expect([bad.status, bad.stderr]).toEqual([1, '']);
    expect(bad.stdout).toMatch(
      /^✗ bad\.yaml:9:3 router_settings\.health_check_interval: .*does not boot\n {2}do move it under general_settings.*\n1 fail\n$/,
    );
    expect(run(['bad.yaml', '--litellm', '1.80.11']).status).toBe(0);
  });

  test('what cannot be read, with its place', () => {
    expect(run(['nope.yaml'])).toMatchObject({ status: 2, stdout: '' });
    file('broken.yaml', 'a: b\n  c: sk-secret: x\n');
    const broken = run(['broken.yaml']);
    expect(broken).toMatchObject({ status: 2, stdout: '' });
    expect(broken.stderr).toMatch(/broken\.yaml:\d+:\d+: /);
    expect(broken.stderr).not.toContain('sk-secret');
    // Whatever reads a report sees it too.
    const json = run(['broken.yaml', '--format', 'json']);
    expect([json.status, JSON.parse(json.stdout).problems[0]]).toMatchObject([2, { rule: 'yaml', severity: 'fail', line: 1 }]);
    const sarif = run(['broken.yaml', '--format', 'sarif']);
    const [result] = JSON.parse(sarif.stdout).runs[0].results;
    expect([sarif.status, result]).toMatchObject([2, { ruleId: 'yaml', ruleIndex: -1, level: 'error' }]);
    expect(json.stdout + sarif.stdout).not.toContain('sk-secret');
    expect(run(['good.yaml', '--litellm', 'newest'])).toMatchObject({ status: 2 });
    expect(run(['good.yaml', '--env', 'nope.env'])).toMatchObject({ status: 2 });
  });

  test('--env, and files to include beside FILE', () => {
    file('some.env', 'OTHER=1\n');
    expect(run(['good.yaml', '--env', 'some.env'])).toMatchObject({
      status: 1,
      stdout: expect.stringContaining('master-key-missing'),
    });
    file('includes.yaml', `${GOOD}include: [good.yaml]\n`);
    expect(run(['includes.yaml'])).toMatchObject({ status: 0, stdout: expect.stringContaining('replaces this file') });
  });

  test('JSON', () => {
    const { stdout } = run(['bad.yaml', '--format', 'json']);
    expect(JSON.parse(stdout)).toMatchObject({
      schema: 'fabric.lint/1',
      file: 'bad.yaml',
      summary: { fail: 1, warn: 0 },
      problems: [{ rule: 'health-check-interval-in-router', severity: 'fail', effect: 'refuses', line: 9, column: 3 }],
    });
    expect(JSON.parse(run(['good.yaml', '--format', 'json']).stdout)).toMatchObject({ problems: [] });
  });

  test('SARIF 2.1.0', () => {
    const log = JSON.parse(run(['bad.yaml', '--format', 'sarif']).stdout);
    expect(log.version).toBe('2.1.0');
    const [{ tool, results }] = log.runs;
    expect(tool.driver.rules).toHaveLength(rules.length);
    for (const rule of tool.driver.rules)
      expect(rule).toEqual({
        id: expect.stringMatching(/^[a-z-]+$/),
        shortDescription: { text: expect.any(String) },
        help: { text: expect.any(String) },
      });
    expect(results).toMatchObject([
      {
        level: 'error',
        locations: [{ physicalLocation: { artifactLocation: { uri: 'bad.yaml' }, region: { startLine: 9, startColumn: 3 } } }],
      },
    ]);
    expect(tool.driver.rules[results[0].ruleIndex].id).toBe(results[0].ruleId);
    expect(JSON.parse(run(['good.yaml', '--format', 'sarif']).stdout).runs[0].results).toEqual([]);
  });
});

// npx vitest run --project unit test/lint.test.ts --update
test('docs/lint.md is current', async () => {
  const head = readFileSync(join(ROOT, 'docs/lint.md'), 'utf8').split('\n## The rules\n')[0] ?? '';
  const shown = (id: string): string =>
    cases
      .filter(({ found }) => found.some((one) => one.startsWith(`${id}@`)))
      .map(({ name }) => name)
      .join('; ');
  const list = rules.map(({ id, title, story }) => `### ${id}\n\n**${title}.** ${story}\n\nSeen with: ${shown(id)}.\n`);
  await expect(`${head}\n## The rules\n\n${list.join('\n')}`).toMatchFileSnapshot(join(ROOT, 'docs/lint.md'));
});
