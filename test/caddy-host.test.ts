// What is asked of Caddy's host, by its own shell: docker, nsenter and the rest say what Docker 28.5.2 and Caddy 2.11.4 said. Of what
// leaves the host, that no secret is in it.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { Probe } from '../src/evidence.ts';
import type { Caddy } from '../src/fabric.ts';
import { accessLog, adapted, config, instance, lines, ownLog, sockets, version } from '../src/probes/caddy.ts';
import { questionText } from '../src/reproduce.ts';
import { outcome, serverOn } from '../src/services/caddy.ts';
import { masksOf } from '../src/services/masking.ts';
import { parseRules } from '../src/services/netfilter.ts';
import { fabricOf, SAMPLE } from './sample.ts';

const SAMPLES = join(import.meta.dirname, 'caddy-samples');
const dir = mkdtempSync(join(tmpdir(), 'fabric-caddy-'));
afterAll(() => rmSync(dir, { recursive: true }));
const FILE = join(dir, 'Caddyfile');
const caddyOf = (more = 'container: caddy'): Caddy => {
  const { caddy } = fabricOf(`${SAMPLE}caddy:
  host: akira
  ${more}
  caddyfile: ${FILE}
  allow: [100.64.0.0/10, "fd7a:115c:a1e0::/48"]
  addresses: { vpn: [100.64.0.14, "fd7a:115c:a1e0::14"], public: [198.51.100.7, "2001:db8:1::7"] }
  sites: { a.lab.test: { enter: vpn } }
  vantages: {}
`);
  if (caddy === undefined) throw new Error('no caddy');
  return caddy;
};
const caddy = caddyOf();

/** docker inspect's own, of a container on a bridge with its ports published. */
const PORTS =
  '{"2019/tcp":null,"443/tcp":[{"HostIp":"0.0.0.0","HostPort":"443"},{"HostIp":"::","HostPort":"443"}],"443/udp":[{"HostIp":"0.0.0.0","HostPort":"443"},{"HostIp":"::","HostPort":"443"}]}';
const NETWORKS =
  '{"frontend":{"Gateway":"172.20.1.1","IPAddress":"172.20.1.2","IPPrefixLen":24,"IPv6Gateway":"","GlobalIPv6Address":"","GlobalIPv6PrefixLen":0,"MacAddress":"da:fa:a8:e8:93:94"}}';
/** `pid`: Caddy's process, which runs as long as this one does. */
const inspected = (pid = process.pid): string => ['running', pid, '0', 'frontend', PORTS, NETWORKS, `${dir}=/etc/caddy|`].join('\t');
const put = (name: string, script: string): void => writeFileSync(join(dir, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
const told = (name: string, text: string): string => {
  writeFileSync(join(dir, `${name}.txt`), text);
  return `cat ${dir}/${name}.txt`;
};

/** The other engine is there as well, and has no such container. */
const PODMAN_ABSENT = 'Error: inspecting object: no such container "caddy"';

/** A question, put to this machine's shell with these programs before its own. */
const asked = <T>(probe: Probe<T>, said: Readonly<Record<string, string>> = {}): { readonly raw: string; readonly value: T } => {
  put(
    'docker',
    `case "$1 $2" in "--version "*) echo Docker version 28.5.2;; "inspect "*) ${told('inspect', `${said['inspect'] ?? inspected()}\n`)};; "logs "*) ${told('logs', said['logs'] ?? '')};; "exec caddy") shift 3; ${said['caddy'] ?? 'echo "v2.11.4 h1:x="'};; esac`,
  );
  put('podman', `echo '${PODMAN_ABSENT}' >&2; exit 125`);
  put('nsenter', said['admin'] === undefined ? 'exit 7' : told('admin', said['admin']));
  put('ss', told('ss', said['ss'] ?? ''));
  const env = { PATH: `${dir}:${process.env['PATH']}`, LC_ALL: 'C' };
  const { status, stdout, stderr } = spawnSync('sh', ['-c', questionText(probe.question)], { env, encoding: 'utf8' });
  const raw = stdout.replace(/\n$/, '');
  return { raw, value: probe.read({ code: status ?? -1, out: raw, err: stderr }, 0) };
};
test('the instance, of docker', () => {
  expect(asked(instance(caddy)).value).toEqual({
    by: 'docker',
    user: null,
    status: 'running',
    running: true,
    restarts: 0,
    mode: 'frontend',
    published: [
      { protocol: 'tcp', inside: 443, address: '0.0.0.0', port: 443 },
      { protocol: 'tcp', inside: 443, address: '::', port: 443 },
      { protocol: 'udp', inside: 443, address: '0.0.0.0', port: 443 },
      { protocol: 'udp', inside: 443, address: '::', port: 443 },
    ],
    networks: [{ name: 'frontend', v4: { address: '172.20.1.2', gateway: '172.20.1.1', subnet: '172.20.1.0/24' }, v6: null }],
  });
});

const SECRETS = ['tok-3nQ', '$2a$14$hash', 'Bearer s3cret', 'hunter2'];
const CONFIG = JSON.stringify({
  apps: {
    http: {
      servers: {
        srv0: {
          listen: [':443'],
          routes: [
            {
              match: [{ host: ['a.lab.test'] }],
              handle: [
                {
                  handler: 'subroute',
                  routes: [
                    {
                      match: [{ not: [{ client_ip: { ranges: ['100.64.0.0/10'] } }] }],
                      handle: [{ handler: 'error', status_code: '403' }],
                    },
                    { match: [{ header: { 'X-Key': ['tok-3nQ'] } }], handle: [{ handler: 'vars', key: 'hunter2' }] },
                    {
                      handle: [
                        {
                          handler: 'authentication',
                          providers: { http_basic: { accounts: [{ username: 'bob', password: '$2a$14$hash' }] } },
                        },
                      ],
                    },
                    {
                      handle: [
                        {
                          handler: 'reverse_proxy',
                          headers: { request: { set: { Authorization: ['Bearer s3cret "quoted\\"'] } } },
                          upstreams: [{ dial: 'n8n:5678' }],
                        },
                      ],
                    },
                  ],
                },
              ],
              terminal: true,
            },
          ],
        },
      },
    },
    tls: { automation: { policies: [{ issuers: [{ challenges: { dns: { provider: { name: 'cloudflare', api_token: 'tok-3nQ' } } } }] }] } },
  },
});
test('the configuration: judged as it is, and no secret of it leaves the host', () => {
  const { raw, value } = asked(config(caddy), { admin: CONFIG });
  for (const secret of SECRETS) expect(raw).not.toContain(secret);
  expect(value?.from).toBe('admin');
  const server = serverOn(value?.servers ?? [], 443);
  const end = (client: string) => server && outcome(server, { host: 'a.lab.test', path: '/', client, remote: client });
  expect([end('100.64.0.5'), end('203.0.113.9')]).toEqual([
    { is: 'reached', by: 'reverse_proxy' },
    { is: 'denied', status: 403 },
  ]);
});
test('the configuration where the admin API is off: adapted from the file', () => {
  const { value } = asked(config(caddy), {
    caddy: `[ "$1 $3" = "adapt /etc/caddy/Caddyfile" ] && echo '{"level":"info"}' >&2; ${told('adapt', CONFIG)}`,
  });
  expect([value?.from, value?.servers.length]).toEqual(['file', 1]);
});
test('Caddy’s own words for its file', () => {
  expect(asked(adapted(caddy)).value).toEqual({ is: 'adapts' });
  expect(asked(adapted(caddy), { caddy: 'echo "Error: /etc/caddy/Caddyfile:6: unrecognized directive: 200" >&2; exit 1' }).value).toEqual({
    is: 'refused',
    why: 'Error: /etc/caddy/Caddyfile:6: unrecognized directive: 200',
  });
  expect(asked(version(caddy)).value).toEqual([2, 11, 4]);
});
test('Caddy restarts for ever, and ended between where it was found and where it was asked: nothing runs', () => {
  const { pid } = spawnSync('true');
  // Docker 28.5.2's ways, of a hundred tries each
  for (const failed of [
    'echo "Error response from daemon: Container x is restarting, wait until the container is running" >&2; exit 1',
    'echo "unable to upgrade to tcp, received 409" >&2; exit 1',
    'echo "OCI runtime exec failed: exec failed: cannot exec in a stopped container"; exit 126',
    'exit 137',
  ]) {
    const probes = [version(caddy), adapted(caddy), config(caddy)];
    for (const probe of probes) expect(asked<unknown>(probe, { caddy: failed, inspect: inspected(pid) }).value, failed).toBeNull();
    for (const probe of probes) expect(() => asked<unknown>(probe, { caddy: failed }), 'it runs, and cannot be asked').toThrow();
  }
});

test('the file: what an edit is made from, at its place, and nothing else of it', () => {
  const text = `{
	email hunter2@example.net
}
a.lab.test {
	@b not client_ip 100.64.0.0/10 \\
		172.20.1.0/24
	basic_auth {
		bob $2a$14$hash
	}
	respond /x <<BOOT
		curl -H "Authorization: Bearer s3cret"
		client_ip is no matcher here
		BOOT

	200
	respond "<<NOT a heredoc"
}
`;
  writeFileSync(FILE, text);
  const { raw, value } = asked(lines(caddy));
  for (const secret of SECRETS) expect(raw).not.toContain(secret);
  const kept = (value?.text ?? '').split('\n');
  expect(kept.length).toBe(text.split('\n').length - 1);
  expect(kept.flatMap((line, n) => (line === '' ? [] : [[n + 1, line]]))).toEqual([
    [5, '	@b not client_ip 100.64.0.0/10 \\'],
    [6, '		172.20.1.0/24'],
    [10, '	respond /x <<BOOT'],
    [13, '		BOOT'],
    [15, '	200'],
  ]);
});

test('the access log, by protocol and client; and what Caddy says of itself', () => {
  const logs = readFileSync(join(SAMPLES, 'access.jsonl'), 'utf8');
  const seen = asked(accessLog(caddy), { logs }).value;
  expect(seen.reduce((all, { count }) => all + count, 0)).toBe(logs.trimEnd().split('\n').length);
  expect([...new Set(seen.map(({ protocol }) => protocol))].sort()).toEqual(expect.arrayContaining(['HTTP/1.1', 'HTTP/3.0']));
  expect(seen.every(({ host, client }) => /\.lab\.test$/.test(host) && /^[\d.:a-f]+$/.test(client))).toBe(true);
  const own = [
    '{"level":"error","msg":"dial tcp: lookup n8n: i/o timeout"}',
    '{"level":"error","msg":"dial tcp: lookup n8n on 127.0.0.11:53: read udp 172.20.1.2:5->127.0.0.11:53: i/o timeout"}',
    '{"level":"error","msg":"dial tcp: lookup web on 127.0.0.11:53: no such host"}',
    'Error: adapting config using caddyfile: /etc/caddy/Caddyfile:6: unrecognized directive: 200',
  ];
  expect(asked(ownLog(caddy), { logs: `${logs}${own.join('\n')}\n` }).value).toEqual({
    error: own[3],
    lookups: [
      { name: 'web', count: 1, why: 'no such host' },
      { name: 'n8n', count: 2, why: 'i/o timeout' },
    ],
  });
  expect(asked(ownLog(caddy), { logs }).value).toEqual({ error: null, lookups: [] });
});

test('as whom Caddy sees those who come: Docker as it comes masks IPv6, and that alone', () => {
  const ss = `udp UNCONN 0      0      0.0.0.0:443 0.0.0.0:* users:(("docker-proxy",pid=2004,fd=7))
udp UNCONN 0      0         [::]:443    [::]:* users:(("docker-proxy",pid=2011,fd=7))
tcp LISTEN 0      4096   0.0.0.0:443 0.0.0.0:* users:(("docker-proxy",pid=1992,fd=7))
tcp LISTEN 0      4096      [::]:443    [::]:* users:(("docker-proxy",pid=1997,fd=7))
`;
  const there = asked(instance(caddy)).value;
  if (there === null) throw new Error('no instance');
  const rules = `*nat
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.20.1.0/24 ! -o br-346ff76592b0 -j MASQUERADE
-A DOCKER ! -i br-346ff76592b0 -p tcp -m tcp --dport 443 -j DNAT --to-destination 172.20.1.2:443
-A DOCKER ! -i br-346ff76592b0 -p udp -m udp --dport 443 -j DNAT --to-destination 172.20.1.2:443
COMMIT
`;
  const host = {
    instance: there,
    links: [],
    sockets: asked(sockets(caddy), { ss }).value,
    rules: [{ backend: 'nft' as const, family: 4 as const, tables: parseRules(rules) }],
  };
  const masks = masksOf(host, caddy, (side, family) => (family === 6 ? '2001:db8::9' : side === 'vpn' ? '100.64.0.5' : '203.0.113.9'));
  expect(masks.map(({ door, cause, as, by, protocols }) => [door.address, cause, as, by, protocols.join(' ')])).toEqual([
    ['fd7a:115c:a1e0::14', 'docker-proxy', '172.20.1.1', 'docker-proxy', 'tcp udp'],
    ['2001:db8:1::7', 'docker-proxy', '172.20.1.1', 'docker-proxy', 'tcp udp'],
  ]);
});
