// REX-36 and REX-37: the arithmetic, the schedules, the log as awk reads it, and each way that a configuration can have it.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, expect, test } from 'vitest';
import { asDeclared, type Check } from '../src/check.ts';
import background from '../src/checks/litellm/background-health-checks.ts';
import refused from '../src/checks/litellm/credit-refusals.ts';
import healthCalls from '../src/checks/litellm/health-calls.ts';
import interval from '../src/checks/litellm/health-check-interval.ts';
import maxTokens from '../src/checks/litellm/openrouter-max-tokens.ts';
import paid from '../src/checks/litellm/paid-health-checks.ts';
import type { Answer, Evidence, Lost, Probe } from '../src/evidence.ts';
import { examine } from '../src/examine.ts';
import type { Fabric } from '../src/fabric.ts';
import { healthCalls as callsInLog, creditRefusals } from '../src/probes/health.ts';
import { questionText } from '../src/reproduce.ts';
import { atHome, callCost, type Deployment, every, money, priceOf } from '../src/services/prices.ts';
import { cronPeriod, duration, timerPeriod } from '../src/services/schedule.ts';
import { decode } from '../src/wire.ts';
import { fabricOf, SAMPLE, sample } from './sample.ts';

/** As LiteLLM 1.109.1 has them (model_prices_and_context_window_backup.json). */
const SONAR_PRO = {
  input_cost_per_token: 3e-6,
  output_cost_per_token: 1.5e-5,
  search_context_cost_per_query: { search_context_size_high: 0.014, search_context_size_low: 0.006, search_context_size_medium: 0.01 },
};
const GEMINI = {
  input_cost_per_token: 1.25e-6,
  output_cost_per_token: 1e-5,
  search_context_cost_per_query: { search_context_size_medium: 0.035 },
};

test.each<[string, string, Readonly<Record<string, unknown>>, boolean, ReturnType<typeof priceOf>]>([
  [
    'a search model, by Perplexity’s usual size',
    'perplexity/sonar-pro',
    SONAR_PRO,
    false,
    { input: 3e-6, output: 1.5e-5, request: 0, search: { low: 0.006, usual: 0.006, high: 0.014 } },
  ],
  [
    'one that searches when it is asked to, and is not',
    'gemini/gemini-2.5-pro',
    GEMINI,
    false,
    { input: 1.25e-6, output: 1e-5, request: 0, search: null },
  ],
  [
    'the same, asked to',
    'gemini/gemini-2.5-pro',
    GEMINI,
    true,
    { input: 1.25e-6, output: 1e-5, request: 0, search: { low: 0.035, usual: 0.035, high: 0.035 } },
  ],
  [
    'OpenAI’s, by the medium size',
    'gpt-4o-search-preview',
    { input_cost_per_token: 2.5e-6, output_cost_per_token: 1e-5, search_context_cost_per_query: { search_context_size_medium: 0.025 } },
    false,
    { input: 2.5e-6, output: 1e-5, request: 0, search: { low: 0.025, usual: 0.025, high: 0.025 } },
  ],
  [
    'paid by the request',
    'perplexity/pplx-70b-online',
    { input_cost_per_request: 0.005, input_cost_per_token: 0, output_cost_per_token: 2.8e-6 },
    false,
    { input: 0, output: 2.8e-6, request: 0.005, search: null },
  ],
  ['not in the map', 'openrouter/a/b', { input_cost_per_token: null, output_cost_per_token: null }, false, null],
  ['an older release’s word for not knowing', 'openrouter/a/b', { input_cost_per_token: 0, output_cost_per_token: 0 }, false, null],
  [
    'offered for nothing',
    'openrouter/a/b:free',
    { input_cost_per_token: 0, output_cost_per_token: 0 },
    false,
    { input: 0, output: 0, request: 0, search: null },
  ],
])('a price: %s', (_, model, entry, searches, expected) => {
  expect(priceOf(model, entry, searches)).toEqual(expected);
});

const deployment = (more: Partial<Deployment> = {}): Deployment => ({
  name: 'm',
  id: 'x',
  model: 'openrouter/a/b',
  apiBase: null,
  price: null,
  spared: false,
  maxTokens: null,
  ...more,
});
test.each<[string, Partial<Deployment>, boolean]>([
  ['vLLM', { model: 'hosted_vllm/q', apiBase: 'http://203.0.113.1:8000/v1' }, true],
  ['Ollama', { model: 'ollama_chat/q' }, true],
  ['an OpenAI-like one at home', { model: 'openai/q', apiBase: 'http://192.168.1.4:1234/v1' }, true],
  ['one on the tailnet', { model: 'openai/q', apiBase: 'http://100.100.1.4:1234/v1' }, true],
  ['one by a bare name', { model: 'openai/q', apiBase: 'http://nas:1234/v1' }, true],
  ['OpenAI itself', { model: 'openai/gpt-4o' }, false],
  ['an OpenAI-like one elsewhere', { model: 'openai/q', apiBase: 'https://api.example.net/v1' }, false],
  ['OpenRouter through something on loopback', { model: 'openrouter/a/b', apiBase: 'http://127.0.0.1:8001/v1' }, false],
  ['declared: costs nothing', { id: 'vllm:akira/qwen2.5-7b', model: 'openrouter/a/b' }, true],
  ['declared: paid', { id: 'openrouter:claude', model: 'hosted_vllm/q' }, false],
])('at home or not: %s', (_, one, expected) => {
  expect(atHome(sample, deployment(one))).toBe(expected);
});

test('the money, with its arithmetic', () => {
  const sonar = deployment({ name: 'sonar', model: 'perplexity/sonar-pro', price: priceOf('perplexity/sonar-pro', SONAR_PRO) });
  const home = deployment({ name: 'q', model: 'hosted_vllm/q' });
  const said = money(sample, [sonar, home, deployment({ name: 'claude' })], '1.109.1', 86_400 / 38, 'a day');
  expect(said.text).toBe(
    '2,274 calls a day × 3 models = 6,821 requests: sonar 2,274 × 0.00626 $ (0.006 $ a search + 8 tokens in + 16 out) = 14.24 $; ' +
      'claude: LiteLLM’s price map has no price of openrouter/a/b; 1 at home: 0 $ → at least 14.24 $ a day; ' +
      'the bill differs: a search costs 0.006 $ to 0.014 $ by how much it reads, and tokens are counted as they come',
  );
  expect(said.paid).toBe(true);
  // Nothing known is no 0.
  const dark = money(sample, [deployment()], '1.109.1', 10, 'a day');
  expect(dark.text).toBe('10 calls a day × 1 model = 10 requests: m: LiteLLM’s price map has no price of openrouter/a/b');
  expect(money(sample, [home], '1.109.1', 10, 'a day')).toEqual({
    paid: false,
    total: 0,
    text: '10 calls a day × 1 model = 10 requests: 1 at home: 0 $',
  });
  // Its own cap; and none at all before 1.82.0.
  expect(money(sample, [{ ...sonar, maxTokens: 1 }], '1.109.1', 1, 'a day').text).toMatch(/\+ 1 out\)/);
  expect(money(sample, [sonar], '1.81.14', 1, 'a day').text).toMatch(/→ at least .* sends its probes without max_tokens/);
});

/**
 * 11.64 $ for 1,488 calls is 0.0078 $ each. By the map of 1.109.1 a call of sonar-pro is 0.0063 $ now: 0.006 for the search and 16 tokens of
 * answer. What is missing, 0.0016 $, is 104 tokens more at 15 $ a million: LiteLLM before 1.82 sent no max_tokens, and the
 * model answered as long as it liked. (Which search model it was, nobody wrote down; a size of search other than low would have cost more
 * by itself.)
 */
test('the incident: why 1,488 calls cost 11.64 $ and not what is reckoned', () => {
  const price = priceOf('perplexity/sonar-pro', SONAR_PRO);
  if (price === null) throw new Error('no price');
  expect(1488 * callCost(price)).toBeCloseTo(9.32, 2);
  expect(1488 * callCost(price, 16 + 104)).toBeCloseTo(11.64, 1);
  expect(1488 * callCost({ ...price, search: price.search && { ...price.search, usual: price.search.high } })).toBeGreaterThan(20);
  const folder = join(import.meta.dirname, '../fixtures/litellm/health-calls/before-incident');
  const fabric = fabricOf(readFileSync(join(folder, 'fabric.yaml'), 'utf8'));
  const [result] = examine(fabric, [healthCalls], [decode(readFileSync(join(folder, 'akira.evidence'), 'utf8'))], asDeclared, 0).results;
  if (result?.status !== 'fail') throw new Error(result?.status);
  expect(result.findings[0]?.saw).toMatch(
    /^1,488 calls of \/health in 16 h from 127\.0\.0\.1, one every 38\.7 s, the last 15 s ago: 2,233 calls a day × 3 models = 6,698 requests: .*sonar-pro 2,233 × 0\.00626 \$ .* → 14\.57 \$ a day; the bill differs: a search costs 0\.006 \$ to 0\.014 \$ .*; so far 9\.71 \$$/,
  );
});

test.each<[string, number | null]>([
  ['30s', 30],
  ['1min 30s', 90],
  ['500ms', 0.5],
  ['1d', 86_400],
  ['2weeks', null],
  ['soon', null],
])('duration: %s', (text, expected) => {
  expect(duration(text)).toBe(expected);
});
test.each<[string, number | null]>([
  ['OnUnitActiveUSec=30s', 30],
  ['OnUnitInactiveUSec=1min 30s OnBootUSec=5min', 90],
  ['OnBootUSec=5min OnUnitActiveUSec=1h', 3600],
  ['OnCalendar=*-*-* *:*:00', 60],
  ['OnCalendar=*-*-* *:00/5:00', 300],
  ['OnCalendar=*-*-* *:*:00/30', 30],
  ['OnCalendar=*-*-* *:00,30:00', 1800],
  ['OnCalendar=*-*-* 06,18:00:00', 43_200],
  ['OnCalendar=*-*-* 06:00:00', 86_400],
  ['OnCalendar=hourly', 3600],
  ['OnCalendar=Mon *-*-* 06:00:00', null],
  ['OnBootUSec=5min', null],
  ['', null],
])('timer: %s', (when, expected) => {
  expect(timerPeriod(when)).toBe(expected);
});
test.each<[string, number | null]>([
  ['* * * * *', 60],
  ['*/5 * * * *', 300],
  ['0,30 * * * *', 1800],
  ['7 * * * *', 3600],
  ['0 */6 * * *', 21_600],
  ['0 4 * * *', 86_400],
  ['* 9-17 * * *', null],
  ['*/5 * * * 1-5', null],
  ['@hourly', 3600],
  ['@reboot', null],
])('cron: %s', (when, expected) => {
  expect(cronPeriod(when)).toBe(expected);
});
test.each<[number, string]>([
  [2, '2 s'],
  [38.7, '38.7 s'],
  [90, '90 s'],
  [300, '5 min'],
  [3600, '1 h'],
  [7200, '2 h'],
])('every %d s', (seconds, expected) => {
  expect(every(seconds)).toBe(expected);
});

// The log, read by the question's own shell from a journal that says what LiteLLM 1.109.1 said.
const bin = mkdtempSync(join(tmpdir(), 'fabric-cost-'));
afterAll(() => rmSync(bin, { recursive: true }));
writeFileSync(join(bin, 'systemctl'), '#!/bin/sh\ncase $* in *Enter*) echo @1795634000;; *) echo active;; esac\n', { mode: 0o755 });
writeFileSync(join(bin, 'journalctl'), `#!/bin/sh\ncat ${bin}/log\n`, { mode: 0o755 });
const AT = 1795634700;
const asked = async <T>(probe: Probe<T>, log: readonly string[]): Promise<T> => {
  writeFileSync(join(bin, 'log'), log.map((line) => `${line}\n`).join(''));
  const { stdout, stderr, exitCode } = await execa('sh', ['-c', questionText(probe.question)], {
    env: { PATH: `${bin}:${process.env['PATH']}`, LC_ALL: 'C' },
    reject: false,
  });
  return probe.read({ code: exitCode ?? 1, out: stdout, err: stderr }, AT);
};
const access = (time: number, from: string, what: string, status = '200 OK'): string =>
  `${time.toFixed(6)} akira litellm[1102]: INFO:     ${from}:38402 - "GET ${what} HTTP/1.1" ${status}`;

test('the access log: by caller and by what is asked; what was refused, and other paths, are none', async () => {
  const log = [
    ...[0, 30.9, 61.8, 92.7].map((s) => access(AT - 100 + s, '127.0.0.1', '/health')),
    access(AT - 50, '127.0.0.1', '/health', '401 Unauthorized'),
    access(AT - 49, '127.0.0.1', '/health/liveliness'),
    access(AT - 48, '127.0.0.1', '/health/readiness'),
    access(AT - 47, '127.0.0.1', '/healthz'),
    access(AT - 40, '127.0.0.1', '/health?model=claude'),
    ...[30, 20, 10].map((s) => access(AT - s, '2001:db8::7', '/health?verbose=1')),
    `${AT - 5}.0 akira litellm[1102]: {"message": "100.64.0.9:4711 - \\"GET /health HTTP/1.1\\" 200", "level": "INFO"}`,
    `${AT - 4}.0 akira litellm[1102]: somebody writes "GET /health HTTP/1.1" 200 OK`,
  ];
  const seen = await asked(callsInLog(sample), log);
  const round = seen.map(({ first, last, ...more }) => ({ ...more, first: Math.round(first), last: Math.round(last) }));
  expect([...round].sort((a, b) => b.count - a.count)).toEqual([
    { from: '127.0.0.1', models: 'all', count: 4, first: 100, last: 7, period: 30.9 },
    { from: '2001:db8::7', models: 'all', count: 3, first: 30, last: 10, period: 10 },
    { from: '100.64.0.9', models: 'all', count: 1, first: 5, last: 5, period: null },
    { from: '127.0.0.1', models: 'one', count: 1, first: 40, last: 40, period: null },
  ]);
});

test('refusals: each once, numbers and the model alone', async () => {
  const refusal = (time: number, requested: number, where: string, model: string): readonly string[] => {
    const text = `litellm.APIError: APIError: OpenrouterException - {"error": {"message": "This request requires more credits, or fewer max_tokens. You requested up to ${requested} tokens, but can only afford 2666. To increase, visit https://openrouter.ai/settings/${where} and upgrade", "code": 402}}`;
    const head = `${time}.5 akira litellm[1102]: `;
    return [
      `${head}19:24:07 - LiteLLM Proxy:ERROR: common_request_processing.py:1984 - litellm.proxy.proxy_server._handle_llm_api_exception(): Exception occured - litellm_call_id=1e - ${text}`,
      `${head}LiteLLM: model group '${model}' failed with the error above. No fallback was attempted.`,
      `${head}litellm.exceptions.APIError: ${text}`,
      `${head}LiteLLM: model group '${model}' failed with the error above. No fallback was attempted.`,
    ];
  };
  expect(
    await asked(creditRefusals(sample), [
      ...refusal(AT - 90, 16000, 'credits', 'claude'),
      ...refusal(AT - 30, 64000, 'keys', 'akira/x:free'),
    ]),
  ).toEqual({
    count: 2,
    last: [
      { ago: 89.5, requested: 16000, affordable: 2666, by: 'credits', model: 'claude' },
      { ago: 29.5, requested: 64000, affordable: 2666, by: 'key', model: 'akira/x:free' },
    ],
  });
  expect(await asked(creditRefusals(sample), ['1 akira litellm[1]: nothing'])).toEqual({ count: 0, last: [] });
});

// Each way that a configuration can have it: answers as a host gives them.
const CONFIG = 'file/flux/apps/litellm/config.yaml';
const ok = (out: string): Answer => ({ code: 0, out, err: '' });
const config = (text: string): Answer => ok(`644 root:root ${'0'.repeat(64)}\n${text}`);
const info = (...rows: readonly (readonly [name: string, model: string, more?: object])[]): Answer =>
  ok(
    `${JSON.stringify({ data: rows.map(([name, model, more]) => ({ model_name: name, litellm_params: { model }, model_info: { id: name, db_model: false, input_cost_per_token: 1e-6, output_cost_per_token: 1e-6, ...more } })) })}\n200`,
  );
const CLAUDE = info(['c', 'openrouter/anthropic/claude'], ['q', 'hosted_vllm/q']);
const HOME = info(['q', 'hosted_vllm/q']);
const lost: Lost = { lost: 'unreadable', why: 'gone' };
const judged = (check: Check, answers: Readonly<Record<string, Answer | Lost>>, fabric: Fabric = sample) => {
  const usual = {
    'version/litellm': ok('1.109.1'),
    prices: ok('{}'),
    workers: ok(''),
    'credit-refusals': ok('ended 0\ncount 0'),
    'litellm/model/info/with-key': CLAUDE,
    'health/calls': ok('ended 0'),
    'health/callers': ok(''),
  };
  const evidence: Evidence = { vantage: 'akira', at: AT, answers: new Map(Object.entries({ ...usual, ...answers })) };
  const [result] = examine(fabric, [check], [evidence], asDeclared, AT).results;
  if (result === undefined) throw new Error('no case');
  return { status: result.status, findings: 'findings' in result ? result.findings : [] };
};
const said = ({ status, findings }: ReturnType<typeof judged>): string => [status, ...findings.map(({ saw }) => saw)].join(' | ');

test.each<[string, string, string, RegExp]>([
  [
    'refuses to boot',
    'router_settings: { health_check_interval: 0 }',
    '1.109.1',
    /^fail \| router_settings.health_check_interval: 0 .* does not start with it/,
  ],
  ['the first that does', 'router_settings: { health_check_interval: 0 }', '1.81.3', /does not start with it/],
  ['every request a 500', 'router_settings: { health_check_interval: 0 }', '1.81.0', /^fail .*every request with 500/],
  ['the first of them', 'router_settings: { health_check_interval: 0 }', '1.80.12', /every request with 500/],
  ['dropped', 'router_settings: { health_check_interval: 0 }', '1.80.11', /^fail .*LiteLLM 1\.80\.11 ignores it, and from 1\.81\.3 on/],
  ['its sister', 'router_settings: { health_check_concurrency: 2 }', '1.109.1', /^fail \| router_settings.health_check_concurrency: 2/],
  [
    'litellm_settings',
    'litellm_settings: { health_check_interval: 0 }',
    '1.109.1',
    /^warn \| litellm_settings.health_check_interval: 0 .* does not read it there/,
  ],
  ['the root', 'health_check_interval: 0', '1.109.1', /^warn \| health_check_interval: 0 .* does not read it there/],
  ['where it belongs', 'general_settings: { health_check_interval: 3600 }', '1.109.1', /^pass$/],
  ['others of the router', 'router_settings: { num_retries: 2 }', '1.109.1', /^pass$/],
])('health_check_interval: %s', (_, text, version, expected) => {
  expect(said(judged(interval, { [CONFIG]: config(text), 'version/litellm': ok(version) }))).toMatch(expected);
});
test('health_check_interval: nothing runs, so the image’s tag tells; deploying mends what fabric.yaml does not have', () => {
  const answers = { [CONFIG]: config('router_settings: { health_check_interval: 0 }'), 'version/litellm': lost };
  const mine = fabricOf(`${SAMPLE.trimEnd()}\n  config:\n    router_settings:\n      health_check_interval: 0\n`);
  expect(said(judged(interval, answers))).toMatch(/LiteLLM v1\.109\.1 \(by the image’s tag\) does not start with it/);
  expect(judged(interval, answers).findings[0]).toMatchObject({ fix: 'deploy' });
  expect(judged(interval, answers, mine).findings[0]).toMatchObject({
    advice: expect.stringMatching(/litellm\.config\.router_settings in fabric\.yaml/),
  });
  expect(judged(interval, answers, mine).findings[0]).not.toHaveProperty('fix');
});

test.each<[string, string, Readonly<Record<string, Answer>>, RegExp]>([
  [
    'the usual interval',
    'background_health_checks: true',
    {},
    /^fail \| background_health_checks is on, with a pause of 5 min after each sweep: up to 288 calls a day × 2 models/,
  ],
  ['YAML 1.1’s yes', 'background_health_checks: yes, health_check_interval: 30', {}, /pause of 30 s .* up to 2,880 calls/],
  ['a text is true to Python', 'background_health_checks: "false", health_check_interval: 30', {}, /^fail/],
  ['yes is 1', 'background_health_checks: true, health_check_interval: yes', {}, /pause of 1 s/],
  ['0 switches it off', 'background_health_checks: true, health_check_interval: 0', {}, /^pass$/],
  ['so does a text', 'background_health_checks: true, health_check_interval: "30"', {}, /^pass$/],
  ['so does 30.0', 'background_health_checks: true, health_check_interval: 30.0', {}, /^pass$/],
  ['so does null', 'background_health_checks: true, health_check_interval: null', {}, /^pass$/],
  ['an hour', 'background_health_checks: true, health_check_interval: 3600', {}, /^pass$/],
  ['off', 'background_health_checks: false, health_check_interval: 30', {}, /^pass$/],
  ['unset', 'master_key: x', {}, /^pass$/],
  ['all at home', 'background_health_checks: true', { 'litellm/model/info/with-key': HOME }, /^pass$/],
  [
    'the paid one spared',
    'background_health_checks: true',
    { 'litellm/model/info/with-key': info(['c', 'openrouter/a/b', { disable_background_health_check: true }], ['q', 'hosted_vllm/q']) },
    /^pass$/,
  ],
  ['the paid one in no group', 'background_health_checks: true, background_health_check_model_groups: [q]', {}, /^pass$/],
  [
    'four workers',
    'background_health_checks: true, health_check_interval: 30',
    { workers: ok('--num_workers\n4') },
    /in each of 4 workers: up to 11,520 calls/,
  ],
  ['the image’s interval', 'background_health_checks: true', { workers: ok('DEFAULT_HEALTH_CHECK_INTERVAL=60') }, /pause of 60 s/],
  [
    'the release that makes no pause',
    'background_health_checks: true, health_check_interval: 3600',
    { 'version/litellm': ok('1.71.0') },
    /which LiteLLM 1\.71\.0 does not make: more than 24 calls/,
  ],
])('background_health_checks: %s', (_, general, answers, expected) => {
  expect(said(judged(background, { [CONFIG]: config(`general_settings: { ${general} }`), ...answers }))).toMatch(expected);
});

const entry = (params: string): string =>
  `model_list:\n- model_name: claude\n  litellm_params: { model: openrouter/anthropic/claude-sonnet-4.5${params} }\n`;
const refusal = (requested: number, model = 'claude'): Answer =>
  ok(`ended 0\ncount 1\nrefusal ${AT - 60}.0 ${requested} 2666 credits ${model}`);
test.each<[string, string, Answer, RegExp]>([
  ['none', entry(''), ok('ended 0\ncount 0'), /^warn \| claude .* has no max_tokens/],
  ['none, and refused', entry(''), refusal(64000), /^fail .*refused 64000 tokens 60 s ago: the credits allow 2666/],
  ['another model was refused', entry(''), refusal(64000, 'gpt'), /^warn/],
  ['enough', entry(', max_tokens: 2000'), refusal(16000), /^pass$/],
  ['more than the credits allow', entry(', max_tokens: 4096'), refusal(16000), /^fail \| claude .* has max_tokens 4096; /],
  ['by its other name', entry(', max_completion_tokens: 2000'), ok('ended 0\ncount 0'), /^pass$/],
  ['for all', `${entry('')}router_settings: { default_litellm_params: { max_tokens: 2000 } }`, ok('ended 0\ncount 0'), /^pass$/],
  ['no OpenRouter', 'model_list:\n- model_name: q\n  litellm_params: { model: hosted_vllm/q }\n', ok('ended 0\ncount 0'), /^pass$/],
  ['no file', '', ok('ended 0\ncount 0'), /^pass$/],
])('max_tokens: %s', (_, text, log, expected) => {
  expect(said(judged(maxTokens, { [CONFIG]: text === '' ? ok('absent') : config(text), 'credit-refusals': log }))).toMatch(expected);
});
test.each<[string, string, Answer, RegExp]>([
  [
    'by the default',
    entry(', max_tokens: 4096'),
    refusal(4096),
    /up to 4096 tokens requested, as LiteLLM’s max_tokens of claude says; the credits allow 2666/,
  ],
  ['by the client', entry(', max_tokens: 2000'), refusal(16000), /by the client’s own max_tokens: LiteLLM’s 2000 is a default and no cap/],
  ['by nobody', entry(''), refusal(64000), /or because nobody named one/],
  ['by the key’s limit', entry(''), ok(`ended 0\ncount 1\nrefusal ${AT - 60} 64000 2666 key claude`), /the key’s limit allows 2666/],
])('refused %s', (_, text, log, expected) => {
  expect(said(judged(refused, { [CONFIG]: config(text), 'credit-refusals': log }))).toMatch(expected);
});

const timer = (enabled: string, url = 'http://127.0.0.1:4000/health'): string =>
  `timer\tp.timer\tp.service\t${enabled}\tOnUnitActiveUSec=30s\t${url}\t`;
test.each<[string, string, Readonly<Record<string, Answer | Lost>>, RegExp]>([
  [
    'a timer',
    timer('enabled'),
    {},
    /^fail \| p\.timer starts p\.service every 30 s, which asks http:\/\/127\.0\.0\.1:4000\/health: 2,880 calls a day × 2 models/,
  ],
  ['all at home', timer('enabled'), { 'litellm/model/info/with-key': HOME }, /^warn/],
  ['models not told', timer('enabled'), { 'litellm/model/info/with-key': lost }, /^fail .*what that costs is not known: .*gone/],
  ['another machine’s LiteLLM', timer('enabled', 'http://192.168.7.7:4000/health'), {}, /^pass$/],
  ['its own address', timer('enabled', 'http://100.64.0.14:4000/health'), {}, /^fail/],
  [
    'a service that sleeps',
    'service\tw.service\t60\thttp://localhost:4000/health\t/opt/w',
    {},
    /w\.service runs all the time and asks .* every 60 s \(in \/opt\/w\): up to 1,440 calls/,
  ],
  [
    'a service that does not say',
    'service\tw.service\t\thttp://localhost:4000/health\t',
    {},
    /again and again, which is one request to each model/,
  ],
  [
    'a container',
    'container\tdocker\tllm\thealthy\t30000000000\thttp://localhost:4000/health',
    {},
    /^fail \| the health check of docker’s container llm asks .* every 30 s and the time that it takes: up to 2,880/,
  ],
  [
    'a container that has no curl',
    'container\tpodman\tlitellm\tunhealthy\t30000000000\thttp://localhost:4000/health',
    {},
    /^warn .*does not get through at present: unhealthy/,
  ],
  ['a compose file that does not run', 'file\t/flux/apps/litellm/compose.yaml\t9\thttp://localhost:4000/health', {}, /^pass$/],
  [
    'a drop-in before the next start',
    'file\t/etc/containers/systemd/litellm.container.d/x.conf\t2\thttp://localhost:4000/health',
    {},
    /^warn \| \/etc\/containers\/systemd\/litellm\.container\.d\/x\.conf:2 .*does not have it/,
  ],
  ['Caddy', 'proxy\t/etc/caddy/Caddyfile\t4\t\t/health', {}, /^fail \| \/etc\/caddy\/Caddyfile:4 lets the proxy ask \/health every 30 s/],
  [
    'cron',
    'cron\t/etc/cron.d/x\t2\t* * * * *\thttp://localhost:4000/health\t/opt/w',
    {},
    /^fail \| line 2 of \/etc\/cron\.d\/x \(\* \* \* \* \*\) asks .* \(in \/opt\/w\): 1,440/,
  ],
])('paid health checks: %s', (_, lines, answers, expected) => {
  expect(said(judged(paid, { 'health/callers': ok(lines), ...answers }))).toMatch(expected);
});
test('paid health checks: what is stopped, what is deployed, what is by hand', () => {
  const fix = (lines: string) => judged(paid, { 'health/callers': ok(lines) }).findings[0];
  expect(fix(timer('enabled'))).toMatchObject({
    fix: [{ do: 'run', host: 'akira', script: 'systemctl disable --now p.timer', undo: { script: 'systemctl enable --now p.timer' } }],
  });
  expect(fix(timer('transient'))).not.toHaveProperty('fix');
  const container = 'container\tpodman\tlitellm\thealthy\t30000000000\thttp://localhost:4000/health';
  expect(fix(container)).toMatchObject({ fix: 'deploy' });
  const dropIn = fix(`${container}\nfile\t/etc/containers/systemd/litellm.container.d/hand.conf\t2\thttp://localhost:4000/health`);
  expect(dropIn).not.toHaveProperty('fix');
  expect(dropIn?.advice).toMatch(/hand\.conf \(line 2\)/);
});

test('calls that are over, that are few, that have no pace', () => {
  const log = (count: number, first: number, last: number, period: number): string =>
    said(
      judged(healthCalls, {
        'health/calls': ok(
          `ended 0\ncalls 127.0.0.1 all ${count} ${AT - first} ${AT - last}\ngap 127.0.0.1 all ${period * 10} ${count - 1}`,
        ),
      }),
    );
  expect(log(10, 400, 100, 30)).toBe('pass'); // over
  expect(log(10, 360, 90, 30)).toMatch(/^fail/);
  expect(log(4, 120, 30, 30)).toBe('pass'); // few
  expect(log(6, 7200, 1, 2)).toBe('pass'); // somebody who looked, hours ago and now
});
