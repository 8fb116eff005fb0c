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
const NXDOMAIN = said(
  ';; ->>HEADER<<- opcode: QUERY, status: NXDOMAIN, id: 1',
  ';; flags: qr rd ra; QUERY: 1, ANSWER: 0, AUTHORITY: 0, ADDITIONAL: 1',
);
const bound = replaced([/127\.0\.0\.1:8000/, '0.0.0.0:8000']);

/** What a curl without HTTP/3 is found out by, and what one says that nobody answers over QUIC (8.14.1). */
const NO_HTTP3: Answer = { code: 127, out: '', err: 'the curl there does not speak HTTP3' };
const REFUSED: Answer = { code: 7, out: '000 0 0 0.000000 0.000000', err: 'curl: (7) QUIC: connection refused' };

const DERIVED: readonly Derived[] = [
  {
    check: 'litellm/secret-expiry',
    moment: 'before-expired',
    from: 'before',
    why: 'a Key Vault only notes the date, and hands the value out after it (Microsoft: about Azure Key Vault secrets)',
    fabric: replaced(['{ vault: { path: dated, field: key } }', '{ azure: { vault: kv-ops, name: dated-key } }']),
    says: { here: { 'store/DATED_KEY': said('expires 1767225600') } },
  },
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
  {
    check: 'dns/resolver',
    moment: 'before-ipv6',
    from: 'after',
    why: 'another resolver answers at the IPv6 address: a route of somebody’s own',
    says: { motoko: { 'dns/udp/A/fd7a:115c:a1e0::53/mayi.lab.example': NXDOMAIN } },
  },
  {
    check: 'dns/answer',
    moment: 'before-udp',
    from: 'before',
    why: 'a router takes UDP to port 53 for itself, whoever it is for; over TCP the resolver is the real one',
    says: { motoko: { 'dns/tcp/A/100.100.100.100/mayi.lab.example': replaced(['203.0.113.14', '100.64.0.14']) } },
  },
  {
    check: 'dns/answer',
    moment: 'before-tcp',
    from: 'before',
    why: 'the same over TCP',
    says: { motoko: { 'dns/udp/A/100.100.100.100/mayi.lab.example': replaced(['203.0.113.14', '100.64.0.14']) } },
  },
  {
    check: 'dns/leak',
    moment: 'before-tailnet',
    from: 'after',
    why: 'a nameserver of a split route answers AAAA from outside',
    says: {
      motoko: {
        'dns/udp/AAAA/100.100.100.100/mayi.lab.example': (was) => `${was}\nmayi.lab.example.\t300\tIN\tAAAA\t2001:db8::14`,
        'dns/tcp/AAAA/100.100.100.100/mayi.lab.example': (was) => `${was}\nmayi.lab.example.\t300\tIN\tAAAA\t2001:db8::14`,
      },
    },
  },
  {
    check: 'dns/outside',
    moment: 'before-aaaa',
    from: 'after',
    why: 'an AAAA record that nobody declared',
    says: { motoko: { 'public/AAAA/mayi.lab.example': (was) => `${was}\nmayi.lab.example.\t300\tIN\tAAAA\t2001:db8::77` } },
  },
  {
    check: 'dns/record',
    moment: 'before-cname',
    from: 'before',
    why: 'a CNAME, which clients drop (Tailscale: node_backend.go)',
    says: {
      akira: {
        'headscale/server': replaced([
          'name: n8n.other.example, type: A, value: 100.64.0.14',
          'name: mayi.lab.example, type: CNAME, value: akira.lab.example',
        ]),
      },
    },
  },
  {
    check: 'dns/record',
    moment: 'before-small-letters',
    from: 'before',
    why: 'a type in small letters, which clients drop as well',
    says: { akira: { 'headscale/server': replaced(['name: n8n.other.example, type: A,', 'name: mayi.lab.example, type: a,']) } },
  },
  {
    check: 'dns/record',
    moment: 'before-capitals',
    from: 'before',
    why: 'a name with a capital, which is never found (measured: test/tailnet)',
    says: { akira: { 'headscale/server': replaced(['name: n8n.other.example, type: A,', 'name: MayI.lab.example, type: A,']) } },
  },
  {
    check: 'dns/record',
    moment: 'before-wildcard',
    from: 'before',
    why: 'a wildcard, which is no record of the name',
    says: { akira: { 'headscale/server': replaced(['name: n8n.other.example,', 'name: "*.lab.example",']) } },
  },
  {
    check: 'dns/record',
    moment: 'before-address',
    from: 'before',
    why: 'a record with the public address',
    says: {
      akira: {
        'headscale/server': replaced([
          'name: n8n.other.example, type: A, value: 100.64.0.14',
          'name: mayi.lab.example, type: A, value: 203.0.113.14',
        ]),
      },
    },
  },
  {
    check: 'dns/headscale-switches',
    moment: 'before-magic',
    from: 'after',
    why: 'magic_dns: on',
    says: { akira: { 'headscale/server': replaced(['magic_dns: true', 'magic_dns: on']) } },
  },
  {
    check: 'dns/split-domain',
    moment: 'before-straight',
    from: 'before',
    why: 'MagicDNS off, and a split route with a nameserver: Tailscale sends the domain straight there (measured: docs/dns.md)',
    says: {
      motoko: {
        resolvers: replaced(
          ['dns Link 2 (tailscale0): 100.100.100.100', 'dns Link 2 (tailscale0): 203.0.113.53'],
          ['domain Link 2 (tailscale0):', 'domain Link 2 (tailscale0): ~lab.example'],
        ),
      },
    },
  },
  {
    check: 'dns/split-domain',
    moment: 'before-nsswitch',
    from: 'before',
    why: 'Tailscale owns resolv.conf, and nsswitch.conf asks systemd-resolved (measured: docs/dns.md)',
    says: {
      motoko: {
        resolvers: replaced(
          ['dns Link 2 (tailscale0): 100.100.100.100', 'dns Link 2 (tailscale0):'],
          ['conf nameserver 127.0.0.53', 'conf # resolv.conf(5) file generated by tailscale\nconf nameserver 100.100.100.100'],
        ),
      },
    },
  },
  {
    check: 'dns/os',
    moment: 'before-macos',
    from: 'before',
    why: 'a Mac, as Apple documents scutil --dns; not run',
    says: {
      motoko: {
        resolvers: said('system Darwin', 'conf nameserver 203.0.113.53', 'scutil resolver #1', 'scutil   nameserver[0] : 203.0.113.53'),
      },
    },
  },
  {
    check: 'dns/os',
    moment: 'before-windows',
    from: 'before',
    why: 'a Windows whose name resolution policy does not cover the name, as Microsoft documents Get-DnsClientNrptPolicy; not run',
    fabric: replaced(['    address: 100.64.0.7\n', '    address: 100.64.0.7\n    shell: powershell\n']),
    says: { motoko: { resolvers: said('system Windows', 'conf nameserver 203.0.113.53', 'nrpt .tail.lab.example 100.100.100.100') } },
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

/** Other recordings from real hosts, or checks with such: test/e2e/{n8n,breakages-cost,dns,secrets,caddy-fixtures}.test.ts. */
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
  'dns/covered before-tailscale',
  'dns/headscale-loaded before-unit',
  'dns/headscale-loaded before-stopped',
  'dns/headscale-loaded before-no-json',
  'dns/headscale-paths before-host-path',
  'dns/record before-misspelled',
  'dns/leak before-https',
  'dns/leak before-browser',
  'dns/resolv-conf before-behind',
  'dns/resolv-conf before-network-manager',
  'dns/resolv-conf before-not-among',
  'dns/resolv-conf before-past-resolved',
  'dns/resolver before-udp',
  'litellm/env-private',
  'dns/split-domain before-reverted',
]);
test('every recording that is not plainly before or after is recorded from a host, or derived here', () => {
  const derived = DERIVED.map(({ check, moment }) => `${check} ${moment}`);
  const kept = checks
    .filter(({ id }) => !RECORDED.has(id))
    .flatMap(({ id }) => readRecordings(join(FIXTURES, id)).map(({ moment }) => `${id} ${moment}`));
  expect(kept.filter((one) => !/ (?:before|after)$/.test(one) && !derived.includes(one) && !RECORDED.has(one))).toEqual([]);
});
