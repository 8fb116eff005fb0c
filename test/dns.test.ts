// What a resolver said, read: of dig and of our own client, of resolvectl, scutil and tailscale; HTTPS records by their bytes and in words.
import { describe, expect, test } from 'vitest';
import { asDeclared } from '../src/check.ts';
import os from '../src/checks/dns/os.ts';
import type { Answer, Probe } from '../src/evidence.ts';
import { examine } from '../src/examine.ts';
import { namesText } from '../src/probes/certificate.ts';
import { dnsReply, givesKeys, leadsTo, resolversSay, saidBy } from '../src/probes/dns.ts';
import { headscaleServer } from '../src/probes/headscale-server.ts';
import { askedFor, lookedUp, repeated, resolvers, throughResolved } from '../src/probes/resolver.ts';
import { tailscaleDns } from '../src/probes/tailscale.ts';
import { switchesOf } from '../src/services/headscale-switches.ts';
import { decodeSvcb, readSvcb } from '../src/services/svcb.ts';
import { fabricOf, SAMPLE } from './sample.ts';

const ok = (out: string): Answer => ({ code: 0, out, err: '' });
const read = <T>(probe: Probe<T>, answer: Answer, at = 1000): T => probe.read(answer, at);
const ask = { at: 'motoko', server: '100.100.100.100', name: 'mayi.example.net', type: 'A', transport: 'udp' } as const;

const NAME = '03666f6f076578616d706c6503636f6d00';
describe('HTTPS records', () => {
  // RFC 9460, appendix D
  test.each([
    ['an alias', `0000${NAME}`, { priority: 0, target: 'foo.example.com', alpn: [], hints: [], ech: false }],
    ['nothing but the name itself', '000100', { priority: 1, target: '', alpn: [], hints: [], ech: false }],
    [
      'a port, which leads nowhere else',
      `0010${NAME}000300020035`,
      { priority: 16, target: 'foo.example.com', alpn: [], hints: [], ech: false },
    ],
    [
      'IPv6 hints',
      `0001${NAME}0006002020010db800000000000000000000000120010db8000000000000000000530001`,
      { priority: 1, target: 'foo.example.com', alpn: [], hints: ['2001:db8::1', '2001:db8::53:1'], ech: false },
    ],
    [
      'ALPN, what is mandatory, an IPv4 hint',
      '001003666f6f076578616d706c65036f7267000000000400010004000100090268320568332d313900040004c0000201',
      { priority: 16, target: 'foo.example.org', alpn: ['h2', 'h3-19'], hints: ['192.0.2.1'], ech: false },
    ],
    ['keys for ECH', '0001000005000400010203', { priority: 1, target: '', alpn: [], hints: [], ech: true }],
  ])('%s', (_, hex, expected) => {
    const bytes = Buffer.from(hex, 'hex');
    expect(decodeSvcb(bytes)).toEqual(expected);
    expect(readSvcb(`\\# ${bytes.length} ${hex.toUpperCase()}`)).toEqual(expected);
  });

  test.each([
    ['nothing', ''],
    ['a label that goes on for ever', '0001ff'],
    ['a pointer, which is not allowed there', '0001c00c'],
    ['a parameter that is cut off', '000100 0004 0004 c000'],
    ['half an IPv4 address', '000100 0004 0003 c00002'],
    ['half an IPv6 address', '000100 0006 0004 20010db8'],
    ['an ALPN of no length', '000100 0001 0001 00'],
    ['an ALPN that is longer than itself', '000100 0001 0002 0568'],
  ])('%s is none', (_, hex) => expect(decodeSvcb(Buffer.from(hex.replaceAll(' ', ''), 'hex'))).toBeNull());

  test('in dig’s words', () => {
    expect(readSvcb('1 . alpn="h3,h2" ipv4hint=104.16.1.1,104.16.2.2 ech=AEX+DQBB ipv6hint=2606:4700::6810:101')).toEqual({
      priority: 1,
      target: '',
      alpn: ['h3', 'h2'],
      hints: ['104.16.1.1', '104.16.2.2', '2606:4700::6810:101'],
      ech: true,
    });
    expect(readSvcb('0 foo.example.com.')).toMatchObject({ priority: 0, target: 'foo.example.com', hints: [] });
    expect(readSvcb('junk')).toBeNull();
    expect(readSvcb('\\# 5 0001')).toBeNull();
  });

  test('10,000 records of noise: none ends it', () => {
    let seed = 9460;
    for (let n = 0; n < 10_000; n += 1) {
      const bytes = Buffer.alloc(n % 80);
      for (let at = 0; at < bytes.length; at += 1) {
        seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
        bytes[at] = at === 2 && n % 2 === 0 ? 0 : seed >> 16;
      }
      decodeSvcb(bytes);
    }
  });
});

const HEAD =
  ';; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 1\n;; flags: qr aa rd ra; QUERY: 1, ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 1\n';
describe('what a DNS server said', () => {
  test('our own client’s words, and those of dig 9.20 with all that it prints besides', () => {
    const expected = {
      is: 'answer',
      status: 'NOERROR',
      aa: true,
      records: [{ ttl: 600, type: 'A', data: '100.64.0.14' }],
      milliseconds: 3,
    };
    const own = `${HEAD}mayi.example.net.\t600\tIN\tA\t100.64.0.14\n;; Query time: 3 msec\n;; SERVER: 100.100.100.100#53(100.100.100.100) (UDP)`;
    const dig = `\n; <<>> DiG 9.20.30 <<>> +noquestion @100.100.100.100 mayi.example.net A\n; (1 server found)\n;; global options: +cmd\n;; Got answer:\n${HEAD}\n;; OPT PSEUDOSECTION:\n; EDNS: version: 0, flags:; udp: 1232\n;; ANSWER SECTION:\nmayi.example.net.\t600\tIN\tA\t100.64.0.14\n\n;; Query time: 3 msec\n;; SERVER: 100.100.100.100#53(100.100.100.100) (UDP)\n;; WHEN: Wed Nov 25 23:38:09 UTC 2026\n;; MSG SIZE  rcvd: 61`;
    expect(read(dnsReply(ask), ok(own))).toEqual(expected);
    expect(read(dnsReply(ask), ok(dig))).toEqual(expected);
  });

  test.each([
    [
      '9.20',
      ';; communications error to 100.100.100.100#53: timed out\n\n; <<>> DiG 9.20.30 <<>>\n;; no servers could be reached',
      'timed out',
    ],
    ['9.20, refused', ';; communications error to 127.0.0.1#53: connection refused\n;; no servers could be reached', 'connection refused'],
    ['9.16', '; <<>> DiG 9.16.1 <<>>\n;; connection timed out; no servers could be reached', 'timed out'],
    ['9.10 of macOS, over TCP', ';; Connection to 127.0.0.1#53(127.0.0.1) for x failed: connection refused.', 'connection refused'],
    ['network', ';; UDP setup with 100.100.100.100#53(100.100.100.100) for x failed: network unreachable.', 'unreachable'],
  ])('silence, as dig %s puts it', (_, out, why) => expect(read(dnsReply(ask), { code: 9, out, err: '' })).toEqual({ is: 'silent', why }));

  test('what is no answer is no silence', () => {
    expect(() => read(dnsReply(ask), { code: 127, out: '', err: 'sh: dig: not found' })).toThrow(/bind9-dnsutils/);
    expect(() => read(dnsReply(ask), { code: 10, out: '', err: 'dig: parse of resolv.conf failed' })).toThrow(
      /dig ended with 10: dig: parse/,
    );
  });

  test('where it leads, and what people read', () => {
    const of = (records: string, status = 'NOERROR') => read(dnsReply(ask), ok(`${HEAD.replace('NOERROR', status)}${records}`));
    const https = of('m.\t300\tIN\tHTTPS\t1 . alpn="h2" ipv4hint=104.16.1.1 ech=AEX+\n');
    expect([leadsTo(https), givesKeys(https), saidBy(https)]).toEqual([['104.16.1.1'], true, '104.16.1.1, keys for ECH']);
    const old = of('m.\t300\tIN\tTYPE65\t\\# 11 00010000040004 68100101\n');
    expect([leadsTo(old), givesKeys(old)]).toEqual([['104.16.1.1'], false]);
    const chain = of('m.\t60\tIN\tCNAME\tn.example.\nn.example.\t60\tIN\tAAAA\t2001:DB8:0::14\n');
    expect([leadsTo(chain), saidBy(of('')), saidBy(of('', 'NXDOMAIN')), saidBy({ is: 'silent', why: 'timed out' })]).toEqual([
      ['2001:db8::14'],
      'no such record',
      'NXDOMAIN',
      'silence (timed out)',
    ]);
  });

  test('here it is asked natively, elsewhere by dig: the same words', () => {
    expect(dnsReply({ ...ask, at: 'here', transport: 'tcp', type: 'HTTPS' }).question).toEqual({
      at: 'here',
      via: 'dns',
      server: '100.100.100.100',
      name: 'mayi.example.net',
      type: 'HTTPS',
      transport: 'tcp',
    });
    expect(dnsReply({ ...ask, transport: 'tcp', server: 'os' }).question).toMatchObject({
      via: 'sh',
      script: 'dig +noquestion +noauthority +noadditional +tries=2 +time=2 +tcp mayi.example.net A',
    });
  });
});

test('whom a certificate is for, of caches that have hundreds as well', () => {
  expect(namesText(['a.example', '*.a.example'])).toBe('a.example, *.a.example');
  expect(namesText(['a', 'b', 'c', 'd', 'e'])).toBe('a, b, c and 2 more');
});

test('each of a machine’s resolvers by itself: an answer, silence, and what is neither', () => {
  const said = read(
    resolversSay('motoko', 'mayi.example.net', 'A'),
    ok(
      `= 203.0.113.53\n${HEAD}mayi.example.net.\t600\tIN\tA\t203.0.113.14\n= 9.9.9.9\n;; communications error to 9.9.9.9#53: timed out\n;; no servers could be reached\n= FE80::1%eth0\n`,
    ),
  );
  expect(said.map(({ server, reply }) => [server, saidBy(reply)])).toEqual([
    ['203.0.113.53', '203.0.113.14'],
    ['9.9.9.9', 'silence (timed out)'],
    ['fe80::1%eth0', 'silence (no answer)'],
  ]);
  expect(() => read(resolversSay('motoko', 'mayi.example.net', 'A'), { code: 127, out: '', err: '' })).toThrow(/bind9-dnsutils/);
});

describe('what mends a name that the tailnet’s resolver has right and applications have not, on that system', () => {
  const fabric = fabricOf(
    `${SAMPLE.replace('hosts:\n', 'hosts:\n  motoko: {}\n')}dns:\n  names: { mayi.example.net: 100.64.0.14 }\n  from: [motoko]\n`,
  );
  const advice = (resolvers: string): string => {
    const answers = new Map<string, Answer>([
      ['looked-up/mayi.example.net', ok('203.0.113.14')],
      ['dns/udp/A/100.100.100.100/mayi.example.net', ok(`${HEAD}mayi.example.net.\t600\tIN\tA\t100.64.0.14`)],
      ['resolvers', ok(resolvers)],
      ['resolvers-say/A/mayi.example.net', ok('')],
    ]);
    const [result] = examine(fabric, [os], [{ vantage: 'motoko', at: 0, answers }], asDeclared, 0).results;
    return result !== undefined && 'findings' in result
      ? result.findings.map((finding) => `${finding.reproduce}: ${finding.advice}`).join()
      : '';
  };
  test.each([
    [
      'Windows, by no rule',
      'system Windows\nconf nameserver 192.168.1.1\nnrpt .tail.example.net 100.100.100.100',
      /Restart-Service Tailscale/,
    ],
    ['Windows, by a rule', 'system Windows\nconf nameserver 192.168.1.1\nnrpt .example.net 100.100.100.100', /Clear-DnsClientCache/],
    ['macOS, by no resolver', 'system Darwin\nscutil resolver #1\nscutil   nameserver[0] : 192.168.1.1', /disconnect Tailscale/],
    [
      'macOS, by a resolver',
      'system Darwin\nscutil resolver #2\nscutil   domain   : example.net\nscutil   nameserver[0] : 100.100.100.100',
      /dscacheutil -q host -a name mayi\.example\.net.*dscacheutil -flushcache/,
    ],
    ['Linux', 'system Linux\nconf nameserver 192.168.1.1', /getent ahosts .*a router, a Pi-hole/],
  ])('%s', (_, said, wanted) => expect(advice(said)).toMatch(wanted));
});

describe('whom a machine asks', () => {
  const linux = `system Linux
conf # Generated by NetworkManager
conf nameserver 127.0.0.53
nm running
nm dns=systemd-resolved
nss hosts:          files resolve [!UNAVAIL=return] dns
resolved
dns Global:
dns Link 2 (tailscale0): 100.100.100.100
dns Link 3 (eth0): 203.0.113.53:53%eth0#dns.example 2001:DB8::53
domain Global:
domain Link 2 (tailscale0): ~example.net tail.example.org
domain Link 3 (eth0):
default-route Link 2 (tailscale0): no
default-route Link 3 (eth0): yes`;
  test('systemd-resolved, per link', () => {
    const seen = read(resolvers('motoko'), ok(linux));
    expect(seen).toMatchObject({
      system: 'Linux',
      servers: ['127.0.0.53'],
      writer: 'NetworkManager',
      networkManager: 'dns=systemd-resolved',
      tailscaleKeeps: false,
      throughResolve: true,
    });
    expect(seen.links).toEqual([
      { name: 'Global', servers: [], domains: [], default: true },
      { name: 'tailscale0', servers: ['100.100.100.100'], domains: ['example.net', 'tail.example.org'], default: false },
      { name: 'eth0', servers: ['203.0.113.53:53', '2001:db8::53'], domains: [], default: true },
    ]);
    expect(throughResolved(seen)).toBe(true);
    expect(
      ['mayi.example.net', 'example.com', 'xexample.net'].map((name) => askedFor(seen.links ?? [], name).map((link) => link.name)),
    ).toEqual([['tailscale0'], ['eth0'], ['eth0']]);
  });

  test('the longest domain wins, and ~. is every name', () => {
    const link = (name: string, ...domains: readonly string[]) => ({ name, servers: ['192.0.2.1'], domains, default: false });
    const links = [link('all', '.'), link('net', 'net'), link('ours', 'example.net'), { ...link('none', 'mayi.example.net'), servers: [] }];
    expect(askedFor(links.slice(0, 3), 'mayi.example.net').map(({ name }) => name)).toEqual(['ours']);
    expect(askedFor(links.slice(0, 3), 'example.org').map(({ name }) => name)).toEqual(['all']);
  });

  test('a router that announced itself by its link-local address', () => {
    expect(read(resolvers('motoko'), ok('system Linux\nconf nameserver FE80::1%eth0')).servers).toEqual(['fe80::1%eth0']);
  });
  test('a file that goes past it, and one that was Tailscale’s', () => {
    const past = read(
      resolvers('motoko'),
      ok('system Linux\nconf nameserver 203.0.113.53\nkept\nnss hosts: files dns\nresolved\ndns Link 2 (tailscale0): 100.100.100.100'),
    );
    expect([throughResolved(past), past.tailscaleKeeps, past.writer]).toEqual([false, true, null]);
    expect(
      read(resolvers('motoko'), ok('system Linux\nconf # resolv.conf(5) file generated by tailscale\nconf nameserver 100.100.100.100'))
        .writer,
    ).toBe('tailscale');
    expect(() => read(resolvers('motoko'), ok(''))).toThrow('uname said nothing');
  });

  // As Apple documents it (scutil(8)); not run.
  test('macOS: resolvers by domain', () => {
    const mac = [
      'DNS configuration',
      '',
      'resolver #1',
      '  nameserver[0] : 192.168.1.1',
      '  flags    : Request A records',
      '',
      'resolver #2',
      '  domain   : example.net.',
      '  nameserver[0] : 100.100.100.100',
      '  order    : 1',
    ];
    const seen = read(
      resolvers('count-zero'),
      ok(`system Darwin\nconf nameserver 192.168.1.1\n${mac.map((line) => `scutil ${line}`).join('\n')}`),
    );
    expect(seen.links).toEqual([
      { name: 'resolver #1', servers: ['192.168.1.1'], domains: [], default: true },
      { name: 'resolver #2', servers: ['100.100.100.100'], domains: ['example.net'], default: false },
    ]);
    expect(askedFor(seen.links ?? [], 'mayi.example.net').map(({ servers }) => servers)).toEqual([['100.100.100.100']]);
  });

  test('what applications get: addresses once; who waits too long has none', () => {
    expect(read(lookedUp('motoko', 'a.b'), ok('100.64.0.14\n2001:DB8::1'))).toEqual(['100.64.0.14', '2001:db8::1']);
    expect(read(lookedUp('motoko', 'a.b'), ok(''))).toEqual([]);
    expect(read(lookedUp('motoko', 'a.b'), { code: 124, out: '', err: '' })).toEqual([]);
    expect(() => read(lookedUp('motoko', 'a.b'), { code: 1, out: '', err: 'getent: no' })).toThrow();
  });

  test('systemd-resolved several times: by cache, and past it', () => {
    const said = `= usual
mayi.example.net: 203.0.113.14                               -- link: eth0

-- Information acquired via protocol DNS in 893us.
-- Data is authenticated: no; Data was acquired via local or encrypted transport: no
-- Data from: cache network
= fresh
mayi.example.net: 100.64.0.14                                -- link: tailscale0
                  fd7a:115c:a1e0::14                         -- link: tailscale0
-- Data from: network
= fresh
`;
    expect(read(repeated('motoko', 'mayi.example.net'), ok(said))).toEqual({
      usual: ['203.0.113.14'],
      cached: true,
      fresh: [
        { addresses: ['100.64.0.14', 'fd7a:115c:a1e0::14'], links: ['tailscale0'] },
        { addresses: [], links: [] },
      ],
    });
    expect(read(repeated('motoko', 'x'), ok('absent'))).toBeNull();
  });
});

describe('Tailscale and DNS', () => {
  const status =
    '  "BackendState": "Running",\n  "TUN": true,\n  "Health": [\n    "router: x",\n    "Tailscale can\'t reach the configured DNS servers."\n  ],\n    "MagicDNSSuffix": "tail.example.net",\n    "MagicDNSEnabled": true';
  test('1.96 and later: the map', () => {
    const dns =
      '{"TailscaleDNS":true,"Resolvers":[{"Addr":"9.9.9.9"}],"SplitDNSRoutes":{"Corp.example.":[{"Addr":"10.0.0.1"}]},"ExtraRecords":[{"Name":"mayi.example.net.","Value":"100.64.0.14"}]}';
    expect(read(tailscaleDns('motoko'), ok(`${status}\n= prefs\n\t"CorpDNS": false,\n= dns\n${dns}`))).toEqual({
      is: 'there',
      state: 'Running',
      tun: true,
      accepts: true,
      magicDns: true,
      suffix: 'tail.example.net',
      health: ["Tailscale can't reach the configured DNS servers."],
      map: {
        records: [{ name: 'mayi.example.net', type: '', value: '100.64.0.14' }],
        resolvers: ['9.9.9.9'],
        routes: new Map([['corp.example', ['10.0.0.1']]]),
      },
    });
  });
  test('before, the preferences', () => {
    expect(read(tailscaleDns('motoko'), ok(`${status}\n= prefs\n\t"CorpDNS": false,\n= dns\n`))).toMatchObject({
      accepts: false,
      map: null,
    });
    expect(read(tailscaleDns('motoko'), ok(`${status}\n= prefs\n= dns\n`))).toMatchObject({ accepts: null, map: null });
  });
  test('none there, none running, no status', () => {
    expect(read(tailscaleDns('motoko'), ok('absent'))).toEqual({ is: 'absent' });
    expect(read(tailscaleDns('motoko'), { code: 1, out: '', err: 'failed to connect to local tailscaled' })).toEqual({ is: 'no daemon' });
    expect(() => read(tailscaleDns('motoko'), ok('{}'))).toThrow(/names no BackendState/);
    expect(() => read(tailscaleDns('motoko'), ok(`${status}\n= prefs\n= dns\n{"ExtraRecords":`))).toThrow();
  });
});

test('Headscale’s files, on the host and inside', () => {
  const server = headscaleServer({
    host: 'akira',
    config: '/srv/config.yaml',
    run: { by: 'container', container: 'headscale', config: '/etc/headscale/config.yaml' },
  });
  const sha = (digit: string): string => digit.repeat(64);
  const head = `running 900\nhost 800 4711 ${sha('a')}\nmount /srv/records.json /etc/headscale/records.json\ninside 700 4712 ${sha('b')}\npath /etc/headscale/records.json\nhostpath /srv/records.json\nhostrecords 600 1 ${sha('c')}\n`;
  expect(read(server, ok(`${head}= host\ndns:\n  magic_dns: true\n= inside\ndns:\n  magic_dns: false\n= records\n[]`))).toEqual({
    running: 98, // of what it says, two seconds may be its own roundings
    onHost: { age: 200, inode: '4711', sha256: sha('a') },
    inside: { age: 300, inode: '4712', sha256: sha('b') },
    text: 'dns:\n  magic_dns: true\n',
    textInside: 'dns:\n  magic_dns: false\n',
    records: {
      path: '/etc/headscale/records.json',
      inside: null,
      text: '[]',
      hostPath: '/srv/records.json',
      onHost: { age: 400, inode: '1', sha256: sha('c') },
      alone: true,
    },
  });
  expect(read(server, ok('= host\n= inside\n= records\n'))).toMatchObject({ running: null, onHost: null, inside: null, records: null });
  const unit = headscaleServer({ host: 'akira', config: '/srv/config.yaml', run: { by: 'unit', unit: 'headscale.service' } });
  expect(read(unit, ok('running 900\n= host\n= inside\n= records\n'))).toMatchObject({ running: 100 });
  expect(() => read(server, ok('host 1 2 short\n= host\n= inside\n= records\n'))).toThrow(/not a file/);
});

test.each([
  ['override_local_dns: yes', [['override_local_dns', 'yes', false, true]]],
  ['override_local_dns: on', [['override_local_dns', 'on', false, true]]],
  ['override_local_dns: "true"', [['override_local_dns', 'true', true, true]]],
  ['override_local_dns: "false"', [['override_local_dns', 'false', false, false]]],
  [
    'magic_dns: "off"\n  override_local_dns: no',
    [
      ['magic_dns', 'off', false, false],
      ['override_local_dns', 'no', false, false],
    ],
  ],
  ['override_local_dns: True', []],
  ['override_local_dns:', []],
])('a switch that is a text: %s', (line, expected) =>
  expect(switchesOf(`dns:\n  ${line}\n`).map(({ key, written, taken, meant }) => [key, written, taken, meant])).toEqual(expected),
);
