// What the recordings of n8n do not reach: its arithmetic by tables, and hosts that the lab does not have.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { asDeclared, type Check } from '../src/check.ts';
import alive from '../src/checks/n8n/alive.ts';
import proxyHops from '../src/checks/n8n/proxy-hops.ts';
import urls from '../src/checks/n8n/urls.ts';
import type { Answer, Lost } from '../src/evidence.ts';
import { examine, needsOf } from '../src/examine.ts';
import type { Front } from '../src/fabric.ts';
import { editorBase, effectiveHops, hopsOf, knowsWebhookUrl, sameBase, trustNeeded, webhookBase } from '../src/services/n8n.ts';
import { decode, marks, questionMark } from '../src/wire.ts';
import { fabricOf, SAMPLE } from './sample.ts';

const behind = (...proxies: readonly Front[]) => ({ host: 'akira', url: '', webhooks: '', proxies });

test.each<readonly [readonly Front[], number]>([
  [[], 0],
  [['tcp'], 0],
  [['nginx'], 1],
  [['cloudflare-tunnel'], 1],
  [['cloudflare-tunnel', 'tcp', 'nginx'], 2],
  [['cloudflare', 'caddy', 'nginx'], 3],
])('%j is %d', (proxies, hops) => expect(hopsOf(behind(...proxies))).toBe(hops));

test('Caddy and Traefik must be told to trust what is in front of them, and only then', () => {
  expect(trustNeeded(behind('caddy', 'nginx', 'tcp'))).toEqual([]);
  expect(trustNeeded(behind('tcp', 'caddy'))).toEqual([]);
  expect(trustNeeded(behind('cloudflare-tunnel', 'traefik', 'caddy')).map((one) => one.split(' ')[0])).toEqual(['traefik', 'caddy']);
});

// Each as n8n 2.40.7 read it.
test.each<readonly [string | undefined, number]>([
  [undefined, 0],
  ['', 0],
  ['""', 0],
  ['1', 1],
  [' 2 ', 2],
  ['"1"', 0],
  ['true', 0],
  ['0x2', 2],
  ['-1', 0],
  ['1.5', 2],
])('N8N_PROXY_HOPS=%j counts as %d', (written, hops) => expect(effectiveHops(written)).toBe(hops));

test.each([
  ['2.28.6', false],
  ['1.123.4', false],
  ['2.30.0', true],
  ['3.0.0', true],
  [null, true],
])('n8n %s knows N8N_WEBHOOK_URL: %s', (version, known) => expect(knowsWebhookUrl(version)).toBe(known));

test.each<readonly [Readonly<Record<string, string>>, string, string]>([
  [{}, 'http://localhost:5678/', 'http://localhost:5678/'],
  [{ N8N_HOST: 'n', N8N_PROTOCOL: 'https', N8N_PORT: '443', N8N_PATH: '/in/' }, 'https://n/in/', 'https://n/in/'],
  [{ N8N_PROTOCOL: 'ftp', N8N_PORT: '80' }, 'http://localhost/', 'http://localhost/'],
  [{ WEBHOOK_URL: '"https://old/"' }, 'https://old/', 'https://old/'],
  [{ WEBHOOK_URL: 'https://old/', N8N_WEBHOOK_URL: 'https://new/' }, 'https://new/', 'https://new/'],
  [{ N8N_WEBHOOK_URL: 'https://new/', N8N_EDITOR_BASE_URL: 'https://editor' }, 'https://new/', 'https://editor'],
])('%j: webhooks at %s, the editor at %s', (variables, webhooks, editor) => {
  const map = new Map(Object.entries(variables));
  expect([webhookBase(map, '2.40.7'), editorBase(map, '2.40.7')]).toEqual([webhooks, editor]);
});
test('an n8n that does not know N8N_WEBHOOK_URL goes by WEBHOOK_URL', () =>
  expect(webhookBase(new Map([['N8N_WEBHOOK_URL', 'https://new/']]), '2.28.6')).toBe('http://localhost:5678/'));

test.each([
  ['https://n.example.net/', 'https://N.example.net:443', true],
  ['https://n.example.net', 'http://n.example.net', false],
  ['https://n.example.net/in/', 'https://n.example.net', false],
  ['n.example.net', 'https://n.example.net', false],
])('%s and %s: the same %s', (one, other, same) => expect(sameBase(one, other)).toBe(same));

const ok = (out: string): Answer => ({ code: 0, out, err: '' });
const running = (by: string, more: string, ...variables: readonly string[]): Answer =>
  ok([`${by}\trunning\t4711\t0\t"2026-11-25T18:44:20.1Z"\t${more}`, 'NODE_ENV=production', ...variables].join('\n'));
const podman = (...variables: readonly string[]): Answer => running('podman', '\t', ...variables);
const RIGHT = 'N8N_WEBHOOK_URL=https://n8n.example.net/';
interface Told {
  readonly yaml?: string;
  readonly process?: Answer | Lost;
  readonly health?: Answer;
  readonly log?: Answer | Lost;
  readonly file?: Answer;
}
const judged = (
  check: Check,
  {
    yaml = 'container: n8n, url: https://n8n.example.net, proxies: [nginx]',
    process = podman(),
    health = ok('{"status":"ok"}\n200'),
    log = ok('version 2.40.7'),
    file = ok('absent'),
  }: Told,
) => {
  const fabric = fabricOf(`${SAMPLE}n8n: {host: akira, ${yaml}}\n`);
  const said = { 'n8n/process': process, 'n8n/health': health, 'n8n/log': log, 'n8n/env-file/opt/n8n/.env': file };
  const answers = new Map(needsOf(fabric, [check], asDeclared).flatMap(({ key }) => Object.entries(said).filter(([name]) => name === key)));
  const [result] = examine(fabric, [check], [{ vantage: 'akira', at: 1000, answers }], asDeclared, 0).results;
  const findings = result !== undefined && 'findings' in result ? result.findings : [];
  const lost = result !== undefined && 'lost' in result ? result.lost : [];
  return {
    told: `${result?.status}: ${[...findings.map(({ saw }) => saw), ...lost.map(({ why }) => why)].join(' | ')}`,
    advice: findings.map(({ advice }) => advice).join(' | '),
    fix: findings.flatMap(({ fix }) => (fix === undefined || typeof fix === 'string' ? [] : fix)),
    reproduce: findings.map(({ reproduce }) => reproduce).join('\n'),
  };
};

const SINCE = 'n8n/process at akira';
test.each<readonly [string, Check, Told, RegExp]>([
  ['no container', alive, { process: ok('absent') }, /^fail: there is no container n8n$/],
  [
    'an engine that does not answer',
    alive,
    { process: { code: 1, out: '', err: 'Cannot connect to the Docker daemon\n' } },
    new RegExp(`^unknown: ${SINCE}: exit 1: Cannot connect to the Docker daemon$`),
  ],
  [
    'a loop of restarts',
    alive,
    { process: ok('docker\trestarting\t0\t41\t"2026-11-25T18:44:20.1Z"\t\t') },
    /^fail: container n8n is restarting, after 41 restarts by itself$/,
  ],
  ['an error', alive, { health: ok('{"status":"error"}\n503') }, /^fail: .*own network: HTTP 503: {"status":"error"}$/],
  ['it ended meanwhile', alive, { health: ok('absent') }, /^unknown: container n8n ended while it was asked$/],
  [
    'a number that is read from a file in the container',
    proxyHops,
    { process: podman('N8N_PROXY_HOPS_FILE=/run/secrets/hops') },
    /^unknown: .*N8N_PROXY_HOPS_FILE is set/,
  ],
  [
    'nothing declared, and a complaint',
    proxyHops,
    {
      yaml: 'container: n8n, url: https://n8n.example.net, proxies: []',
      log: ok('version 2.40.7\n3 2026-11-25T18:58:22Z ERR_ERL_UNEXPECTED_X_FORWARDED_FOR'),
    },
    /^warn: requests come with X-Forwarded-For, though nothing is declared in front; since it started it logged ERR_ERL_UNEXPECTED_X_FORWARDED_FOR 3 times, last at 2026-11-25T18:58:22Z$/,
  ],
  ['nothing declared, and nothing there', proxyHops, { yaml: 'container: n8n, url: https://n8n.example.net, proxies: []' }, /^pass: $/],
  [
    'nothing declared, and one trusted',
    proxyHops,
    { yaml: 'container: n8n, url: https://n8n.example.net, proxies: []', process: podman('N8N_PROXY_HOPS=1') },
    /^fail: N8N_PROXY_HOPS is 1, and nothing is declared in front: whoever sends/,
  ],
  [
    'everyone trusted',
    proxyHops,
    { process: podman('N8N_PROXY_HOPS=1'), log: ok('version 2.40.7\n1 2026-11-25T18:58:22Z ERR_ERL_PERMISSIVE_TRUST_PROXY') },
    /^fail: something made Express trust every proxy/,
  ],
  [
    'no log: a number that is wrong needs none',
    proxyHops,
    { log: { lost: 'timeout', why: 'timed out' } },
    /^fail: N8N_PROXY_HOPS is not set.*shares one limit$/,
  ],
  [
    'no log, and the number is right',
    proxyHops,
    { process: podman('N8N_PROXY_HOPS=1'), log: { lost: 'timeout', why: 'timed out' } },
    /^unknown: timed out$/,
  ],
  [
    'not in production',
    proxyHops,
    { process: ok('podman\trunning\t4711\t0\t"2026-11-25T18:44:20.1Z"\t\t') },
    /NODE_ENV is not production, so n8n limits nobody/,
  ],
  [
    'the next start breaks it',
    proxyHops,
    {
      yaml: 'unit: n8n.service, env_file: /opt/n8n/.env, url: https://n8n.example.net, proxies: [nginx]',
      process: ok('systemd\tactive\t4711\t0\t0c1d\nNODE_ENV=production\nN8N_PROXY_HOPS=1'),
      file: ok('600 root:root\nN8N_PROXY_HOPS=3'),
    },
    /^warn: N8N_PROXY_HOPS is 1, which is right; \/opt\/n8n\/\.env says 3, which the next start will read$/,
  ],
  [
    'quotes that systemd took off',
    proxyHops,
    {
      yaml: 'unit: n8n.service, env_file: /opt/n8n/.env, url: https://n8n.example.net, proxies: [nginx]',
      process: ok('systemd\tactive\t4711\t0\t0c1d\nNODE_ENV=production\nN8N_PROXY_HOPS=1'),
      file: ok('600 root:root\nN8N_PROXY_HOPS="1"'),
    },
    /^pass: $/,
  ],
  ['told where it is', urls, { process: podman(RIGHT) }, /^pass: $/],
  [
    'an old one, told by the new name',
    urls,
    { process: podman(RIGHT), log: ok('version 2.28.6') },
    /^fail: its webhooks begin with http:\/\/localhost:5678\/: n8n 2\.28\.6 does not know N8N_WEBHOOK_URL$/,
  ],
  [
    'told twice, and differently',
    urls,
    { process: podman(RIGHT, 'WEBHOOK_URL=https://old.example.net/') },
    /^warn: N8N_WEBHOOK_URL is https:\/\/n8n\.example\.net\/ and WEBHOOK_URL is https:\/\/old\.example\.net\/: the first counts/,
  ],
  [
    'the old name, and nobody knows how old n8n is',
    urls,
    { process: podman('WEBHOOK_URL=https://n8n.example.net'), log: ok('') },
    /^pass: $/,
  ],
  [
    'an editor elsewhere',
    urls,
    { process: podman(RIGHT, 'N8N_EDITOR_BASE_URL=https://other.example.net') },
    /^fail: its links and OAuth’s redirects begin with https:\/\/other\.example\.net$/,
  ],
  [
    'webhooks by a name of their own',
    urls,
    {
      yaml: 'container: n8n, url: https://n8n.example.net, webhooks: https://webhooks.example.net, proxies: [nginx]',
      process: podman('N8N_WEBHOOK_URL=https://webhooks.example.net/'),
    },
    /^fail: its links and OAuth’s redirects begin with https:\/\/webhooks\.example\.net\/$/,
  ],
  [
    'a variable of nobody',
    urls,
    { process: podman(RIGHT, 'N8N_TRUST_PROXY=true') },
    /^warn: N8N_TRUST_PROXY is set, which n8n does not have$/,
  ],
  [
    'a cookie that http does not carry',
    urls,
    { yaml: 'container: n8n, url: http://n8n.lan, proxies: [nginx]', process: podman('N8N_WEBHOOK_URL=http://n8n.lan') },
    /^fail: people come by http:\/\/n8n\.lan, and N8N_SECURE_COOKIE is on/,
  ],
  [
    'no such cookie, and http',
    urls,
    {
      yaml: 'container: n8n, url: http://n8n.lan, proxies: [nginx]',
      process: podman('N8N_WEBHOOK_URL=http://n8n.lan', 'N8N_SECURE_COOKIE=False'),
    },
    /^pass: $/,
  ],
  ['a cookie that http would carry', urls, { process: podman(RIGHT, 'N8N_SECURE_COOKIE=0') }, /^warn: N8N_SECURE_COOKIE is off, though/],
])('%s', (_, check, told, expected) => expect(judged(check, told).told).toMatch(expected));

test('a container of compose: its very lines, by hand', () => {
  const { advice, fix, reproduce } = judged(proxyHops, { process: running('docker', '/srv/my stack\tn8n') });
  expect(fix).toEqual([]);
  expect(advice).toMatch(/^Set N8N_PROXY_HOPS=1 in its environment\. .*: cd '\/srv\/my stack' && sudo docker compose up -d n8n \(compose/);
  expect(reproduce).toContain('docker exec n8n env | grep -E');
});

test('a unit and its file: one line and a restart, the rest of the file as it is', () => {
  const yaml =
    'container: n8n, unit: n8n.service, env_file: /opt/n8n/.env, url: https://n8n.example.net, proxies: [cloudflare-tunnel, caddy]';
  const { advice, fix } = judged(proxyHops, { yaml, file: ok('640 root:n8n\nN8N_PROXY_HOPS="2"') });
  expect(fix).toMatchObject([
    {
      do: 'patch',
      path: '/opt/n8n/.env',
      mode: '640',
      owner: 'root:n8n',
      was: { mode: '640', owner: 'root:n8n' },
      lines: [{ begins: 'N8N_PROXY_HOPS=', was: 'other', now: 'N8N_PROXY_HOPS=2' }],
    },
    { do: 'run', title: 'restart n8n.service and wait until n8n answers', undo: 'again' },
  ]);
  expect(advice).toBe(
    '`fabric fix n8n/proxy-hops` sets it and restarts n8n.service. And caddy needs trusted_proxies (Caddyfile: servers { trusted_proxies static private_ranges }): else the client’s address is lost before n8n.',
  );
  expect(judged(proxyHops, { yaml, file: ok('absent') }).fix).toEqual([]);
});

// What stands beside `before`: more ways to be wrong, each recorded from the real n8n.
const FIXTURES = join(import.meta.dirname, '../fixtures/n8n/proxy-hops');
test.each<readonly [string, RegExp]>([
  ['before-too-high', /^fail: N8N_PROXY_HOPS is 2, and 1 proxy stands in front \(nginx\): whoever sends/],
  ['before-too-low', /^fail: N8N_PROXY_HOPS is 1, and 2 proxies stand in front \(cloudflare-tunnel, nginx\): everyone comes from/],
  ['before-quoted', /^fail: N8N_PROXY_HOPS is "1", which counts as 0, .* logged ERR_ERL_UNEXPECTED_X_FORWARDED_FOR once/],
  ['before-not-read', /^fail: N8N_PROXY_HOPS is 2, .*; \/opt\/n8n\/\.env says 1, which this process has not read$/],
])('%s', (name, expected) => {
  const fabric = fabricOf(readFileSync(join(FIXTURES, name, 'fabric.yaml'), 'utf8'));
  const text = readFileSync(join(FIXTURES, name, 'akira.evidence'), 'utf8');
  for (const { key, question } of needsOf(fabric, [proxyHops], asDeclared)) expect(marks(text).get(key), key).toBe(questionMark(question));
  const [result] = examine(fabric, [proxyHops], [decode(text)], asDeclared, 0).results;
  const saw = result !== undefined && 'findings' in result ? result.findings.map((one) => one.saw) : [];
  expect(`${result?.status}: ${saw.join(' | ')}`).toMatch(expected);
});
