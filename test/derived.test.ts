// Recordings that no lab host gave: a recorded one, and what would have been said instead. Each shows a check what its own incident does
// not. They are derived anew with `npm run derived`, also after `make fixtures`.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { asDeclared, type CheckId } from '../src/check.ts';
import { checks } from '../src/checks/index.ts';
import { readRecordings } from '../src/commands/recordings.ts';
import type { Answer, Key, Vantage } from '../src/evidence.ts';
import { needsOf } from '../src/examine.ts';
import { questionsOf } from '../src/hosts/collect.ts';
import type { Moment } from '../src/prove.ts';
import { encode } from '../src/wire.ts';
import { fabricOf } from './sample.ts';

const FIXTURES = join(import.meta.dirname, '../fixtures');

type Edit = (was: string) => string;
interface Derived {
  readonly check: CheckId;
  readonly moment: Moment;
  readonly from: 'before' | 'after';
  /** What is otherwise, and where that is known from. */
  readonly why: string;
  readonly fabric?: Edit;
  /** What is said instead, by vantage and key; of what was not asked before, all. */
  readonly says: Readonly<Record<Vantage, Readonly<Record<Key, Edit | Answer>>>>;
}

/** Throws where the text does not have it: a recording that was made anew may say it otherwise. */
const replaced =
  (...pairs: readonly (readonly [was: string | RegExp, now: string])[]): Edit =>
  (text) =>
    pairs.reduce((all, [was, now]) => {
      const next = all.replace(was, () => now);
      if (next === all) throw new Error(`${String(was)} is not in ${JSON.stringify(all.slice(0, 200))}`);
      return next;
    }, text);
const said = (...lines: readonly string[]): Answer => ({ code: 0, out: lines.join('\n'), err: '' });

/** In `firewall-cmd --list-all-zones`: a line of one zone. */
const inZone = (zone: string, was: string, now: string): Edit =>
  replaced([new RegExp(`(?<=(?:^|\\n)${zone}\\b[^]*?\\n)  ${was}(?=\\n)`), `  ${now}`]);
const both =
  (...edits: readonly Edit[]): Edit =>
  (text) =>
    edits.reduce((all, edit) => edit(all), text);
const SILENCE: Answer = { code: 1, out: 'ping timed out\n= linux offline, last seen 3h ago', err: 'no reply' };
const bound = replaced([/127\.0\.0\.1:8000/, '0.0.0.0:8000']);

/** What a curl without HTTP/3 is found out by, and what one says that nobody answers over QUIC (8.14.1). */
const NO_HTTP3: Answer = { code: 127, out: '', err: 'the curl there does not speak HTTP3' };
const REFUSED: Answer = { code: 7, out: '000 0 0 0.000000 0.000000', err: 'curl: (7) QUIC: connection refused' };

const DERIVED: readonly Derived[] = [
  {
    check: 'caddy/certificate',
    moment: 'before',
    from: 'after',
    why: 'another server answers at the public IPv4 address, or Caddy by default_sni: a certificate of another name',
    says: { gaijin: { 'entry/h1/203.0.113.14/www.lab.test/': replaced(['DNS:www.lab.test', 'DNS:router.lab.test']) } },
  },
  {
    check: 'caddy/http3',
    moment: 'before-ipv6',
    from: 'after',
    why: 'a firewall of the provider’s refuses 443/udp by IPv6 alone',
    says: { gaijin: { 'entry/h3/2001:db8:1::14/www.lab.test/': REFUSED } },
  },
  {
    check: 'caddy/http3',
    moment: 'before-quic-ipv4',
    from: 'after',
    why: 'the curl of this machine has no HTTP/3, and QUIC is not answered by IPv4 (measured: 443/udp dropped)',
    says: {
      here: {
        'entry/h3/100.64.0.14/www.lab.test/': NO_HTTP3,
        'entry/h3/fd7a:115c:a1e0::14/www.lab.test/': NO_HTTP3,
        'quic/100.64.0.14/443': said('silent'),
      },
    },
  },
  {
    check: 'caddy/http3',
    moment: 'before-quic-ipv6',
    from: 'after',
    why: 'the same by IPv6',
    says: {
      here: {
        'entry/h3/100.64.0.14/www.lab.test/': NO_HTTP3,
        'entry/h3/fd7a:115c:a1e0::14/www.lab.test/': NO_HTTP3,
        'quic/fd7a:115c:a1e0::14/443': said('silent'),
      },
    },
  },
  {
    check: 'litellm/models-equal',
    moment: 'before-added-in-ui',
    from: 'after',
    why: 'somebody added a model in the admin UI (db_model: LiteLLM’s proxy_server.py)',
    says: {
      akira: {
        'litellm/v1/models/with-key': replaced([
          '{"data":[',
          '{"data":[{"id":"added-by-hand","object":"model","created":1677610602,"owned_by":"openai"},',
        ]),
        'litellm/model/info/with-key': replaced([
          '{"data":[',
          '{"data":[{"model_name":"added-by-hand","model_info":{"id":"0b7c","db_model":true}},',
        ]),
      },
    },
  },
  {
    check: 'litellm/version',
    moment: 'before-patched',
    from: 'before',
    why: 'upstream patched 1.83.10 under the package’s old number: the image’s tag alone tells',
    says: {
      akira: { 'container/litellm': replaced(['v1.83.13', 'v1.83.10-stable.patch.3']), 'version/litellm': said('1.83.10') },
    },
  },
  {
    check: 'litellm/background-health-checks',
    moment: 'before-environment',
    from: 'before',
    why: 'config.yaml gives no interval, and the container’s environment does (LiteLLM: constants.py, DEFAULT_HEALTH_CHECK_INTERVAL)',
    says: {
      akira: {
        'file/flux/apps/litellm/config.yaml': replaced(['  health_check_interval: 2\n', '']),
        workers: said('DEFAULT_HEALTH_CHECK_INTERVAL=30'),
      },
    },
  },
  {
    check: 'litellm/backend-loopback',
    moment: 'before-by-name',
    from: 'before',
    why: 'the backend is named by the host’s name',
    fabric: replaced(['url: http://100.64.0.14:8000', 'url: http://akira:8000']),
    says: { akira: { 'resolved/akira': said('100.64.0.14') } },
  },
  {
    check: 'litellm/tailnet-admitted',
    moment: 'after-own-zone',
    from: 'before',
    why: 'the tailnet’s interface stands in the zone trusted',
    says: {
      akira: {
        'firewall/runtime': inZone('trusted', 'interfaces: ', 'interfaces: tailscale0'),
        'firewall/permanent': inZone('trusted', 'interfaces: ', 'interfaces: tailscale0'),
      },
    },
  },
  {
    check: 'litellm/exposure',
    moment: 'before-default-zone',
    from: 'after',
    why: 'no zone names the public interface, and somebody made Fedora’s zone the default',
    says: {
      akira: {
        'firewall/settings/4000': replaced(['DefaultZone=public', 'DefaultZone=FedoraWorkstation']),
      },
    },
  },
  {
    check: 'litellm/backend-direct',
    moment: 'before-published',
    from: 'after',
    why: 'docker publishes the backend’s port, as its documentation has it for vLLM (-p 8000:8000)',
    says: {
      akira: {
        containers: (text) => `${text}\ndocker\tvllm\tdocker.io/vllm/vllm-openai:v0.11.0\t0.0.0.0:8000->8000/tcp, [::]:8000->8000/tcp`,
      },
    },
  },
  {
    check: 'litellm/backend-direct',
    moment: 'before-next-reboot',
    from: 'after',
    why: 'bound everywhere, closed by the runtime rules alone: the permanent ones open the port',
    says: {
      akira: {
        'listen/8000': bound,
        'firewall/permanent': both(inZone('public', 'interfaces: ', 'interfaces: eth0'), inZone('public', 'ports: ', 'ports: 8000/tcp')),
      },
    },
  },
  {
    check: 'litellm/backend-direct',
    moment: 'before-tried',
    from: 'after',
    why: 'rules and bind say closed, and a stranger gets an answer: a router forwards the port',
    fabric: replaced(
      ['litellm:\n  host: akira\n', 'litellm:\n  host: akira\n  unreachable_from: [gaijin]\n'],
      ['    user: ops\n', '    user: ops\n  gaijin:\n    address: 203.0.113.99\n'],
    ),
    says: { gaijin: { 'tried/100.64.0.14/8000/v1/models': said('200 0.078300') } },
  },
  {
    check: 'tailnet/online',
    moment: 'before-silent-peer',
    from: 'after',
    why: 'the tailnet’s way between two hosts is cut (what tailscale ping and status print: probes/tailscale.ts)',
    fabric: replaced(
      ['litellm:\n  host: akira\n', 'litellm:\n  host: akira\n  reachable_from: [motoko]\n'],
      ['    user: ops\n', '    user: ops\n  motoko:\n    address: 100.64.0.7\n'],
    ),
    says: {
      akira: { 'tailscale/state': said('  "BackendState": "Running",', '    "Online": true'), 'tailscale/ping/100.64.0.7': SILENCE },
      motoko: {
        'tailscale/state': said('  "BackendState": "Running",', '    "Online": true'),
        'tailscale/ping/100.64.0.14': SILENCE,
      },
    },
  },
];

test.each(DERIVED)('$check $moment: $why', async ({ check: id, moment, from, why, fabric: edit = (text) => text, says }) => {
  const check = checks.find((one) => one.id === id);
  const source = readRecordings(join(FIXTURES, id)).find((one) => one.moment === from);
  if (!check || !source) throw new Error(`there is no ${id} ${from}`);
  const folder = join(FIXTURES, id, moment);
  const text = edit(readFileSync(join(FIXTURES, id, from, 'fabric.yaml'), 'utf8'));
  await expect(`# Derived by hand from \`${from}\`: ${why}.\n${text}`).toMatchFileSnapshot(join(folder, 'fabric.yaml'));
  const at = source.vantages[0]?.evidence.at ?? 0;
  for (const [vantage, questions] of questionsOf(needsOf(fabricOf(text), [check], asDeclared))) {
    const was = source.vantages.find(({ evidence }) => evidence.vantage === vantage)?.evidence;
    const answers = new Map(
      [...questions.keys()].map((key) => {
        const now = says[vantage]?.[key];
        const then = was?.answers.get(key);
        if (now !== undefined && typeof now !== 'function') return [key, now] as const;
        if (then === undefined || 'lost' in then) throw new Error(`${key} at ${vantage} was never said`);
        return [key, now === undefined ? then : { ...then, out: now(then.out) }] as const;
      }),
    );
    await expect(encode({ vantage, at, ...(was?.here === undefined ? {} : { here: was.here }), answers }, questions)).toMatchFileSnapshot(
      join(folder, `${vantage}.evidence`),
    );
  }
});

/** Checks with other recordings from real hosts: test/e2e/n8n.test.ts, test/e2e/breakages-cost.test.ts, test/e2e/caddy-fixtures.test.ts. */
const RECORDED: ReadonlySet<string> = new Set([
  'caddy/keeps-out',
  'caddy/bridge-admitted',
  'caddy/docker-proxy',
  'caddy/forwarder',
  'caddy/stale-udp',
  'caddy/http3',
  'n8n/proxy-hops',
  'litellm/paid-health-checks',
  'litellm/health-calls',
  'litellm/health-check-interval',
]);
test('every recording that is not plainly before or after is recorded from a host, or derived here', () => {
  const derived = DERIVED.map(({ check, moment }) => `${check} ${moment}`);
  const kept = checks
    .filter(({ id }) => !RECORDED.has(id))
    .flatMap(({ id }) => readRecordings(join(FIXTURES, id)).map(({ moment }) => `${id} ${moment}`));
  expect(kept.filter((one) => !/ (?:before|after)$/.test(one) && !derived.includes(one))).toEqual([]);
});
