// Names that lead elsewhere, on real resolvers: dnsmasq in the place of the tailnet's and of the provider's, and a client with glibc and
// systemd-resolved. What is broken is seen by getent and resolvectl first, and then by fabric. Tailscale's own command is a stand-in that
// prints what it is told; the real one, with the real Headscale, is in test/tailnet.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeAll, expect, test } from 'vitest';
import type { CheckId } from '../../src/check.ts';
import { isLost } from '../../src/evidence.ts';
import { dnsReply, leadsTo, TYPES } from '../../src/probes/dns.ts';
import { decode } from '../../src/wire.ts';
import { fabricYaml, findingsOf, having, IMAGE, isFirst, keepFixture, lab } from './lab.ts';

const NET = 'fdns';
const LAB_DIR = process.env['LAB_DIR'] ?? '/var/lib/fabric-lab';
const it = lab(NET, { base: `${join(LAB_DIR, 'nm')}:${join(LAB_DIR, 'base')}` });
const NAME = 'mayi.lab.example';
const INSIDE = '100.64.0.14';
const OUTSIDE = '203.0.113.14';
const QUAD = '100.100.100.100';
const ISP = '203.0.113.53';
const PUBLIC = '203.0.113.99';

const SECTION = `dns:
  names:
    ${NAME}: { inside: ${INSIDE}, outside: ${OUTSIDE} }
  public: ${PUBLIC}
  from: [motoko]
  headscale:
    host: akira
    config: /opt/services/headscale/config/config.yaml
    container: headscale
`;
const yamlOf = (section = SECTION): string =>
  fabricYaml({ more: section }).replace('litellm:\n', '  motoko:\n    address: 100.64.0.7\n    user: root\nlitellm:\n');
const YAML = yamlOf();
/** The same in a tailnet that Tailscale runs. */
const TAILSCALE = yamlOf(SECTION.replace(/ {2}headscale:\n(?: {4}.*\n)+/, ''));

/** 1 . alpn=h3,h2 ipv4hint=203.0.113.14 ech=… ipv6hint=2001:db8::14 */
const HTTPS = `--dns-rr=${NAME},65,0001000001000602683302683200040004cb00710e00050004fe0d00000006001020010db8000000000000000000000014`;

/** A DNS server of the lab: `quad` is the tailnet's, `isp` the provider's and the public one. */
const serve = async (client: 'quad' | 'isp', address: string, ...records: readonly string[]): Promise<void> => {
  await execa(join(import.meta.dirname, '../lab/dns'), [client, address, ...records], { env: { LAB_NET: NET } });
};
const motoko = (script: string): Promise<string> => it.root(script, 'motoko');
const akira = (script: string): Promise<string> => it.root(script);

/** What an application on the client gets: glibc's own word. */
const getent = (): Promise<string> => motoko(`timeout 5 getent ahosts ${NAME} | awk '{ print $1 }' | sort -u | xargs; :`);
const resolvectl = (): Promise<string> =>
  motoko(
    `for i in 1 2 3 4 5 6; do resolvectl query --cache=no ${NAME} 2>/dev/null | sed -n 's/^${NAME}: \\([^ ]*\\).*/\\1/p'; done | sort | uniq -c | awk '{ print $2 }' | xargs`,
  );

interface Told {
  readonly tun?: boolean;
  readonly accepts?: boolean;
  readonly magic?: boolean;
  readonly suffix?: string;
  readonly records?: readonly (readonly [name: string, value: string])[];
  readonly resolvers?: readonly string[];
  readonly routes?: Readonly<Record<string, readonly string[]>>;
}
/** What the stand-in of tailscale says. */
const tailscale = async ({
  tun = true,
  accepts = true,
  magic = true,
  suffix = 'tail.lab.example',
  records = [[NAME, INSIDE]],
  resolvers = [],
  routes = {},
}: Told = {}): Promise<void> => {
  const status = {
    Version: '1.98.0',
    TUN: tun,
    BackendState: 'Running',
    Health: [],
    CurrentTailnet: { Name: 'lab', MagicDNSSuffix: suffix, MagicDNSEnabled: magic },
  };
  const dns = {
    TailscaleDNS: accepts,
    CurrentTailnet: { MagicDNSEnabled: magic, MagicDNSSuffix: suffix },
    Resolvers: resolvers.map((Addr) => ({ Addr })),
    SplitDNSRoutes: Object.fromEntries(
      Object.entries(routes).map(([domain, servers]) => [`${domain}.`, servers.map((Addr) => ({ Addr }))]),
    ),
    ExtraRecords: records.map(([Name, Value]) => ({ Name: `${Name}.`, Value })),
  };
  const state = [
    ['status.json', JSON.stringify(status, null, 2)],
    ['dns.json', JSON.stringify(dns, null, 2)],
    ['prefs.json', JSON.stringify({ CorpDNS: accepts }, null, '\t')],
  ];
  await motoko(
    `mkdir -p /etc/tailscale-says; cd /etc/tailscale-says\n${state.map(([file, text]) => `cat >${file} <<'E'\n${text}\nE`).join('\n')}`,
  );
};

/** How the client's own resolver is set up, in the words of `resolvectl domain`. */
const links = (
  tailnet: string,
  { domains, route = 'no' }: { readonly domains: readonly string[]; readonly route?: 'yes' | 'no' },
): Promise<string> =>
  motoko(
    `systemctl is-active -q systemd-resolved || systemctl start systemd-resolved
resolvectl dns eth0 ${ISP}; resolvectl domain eth0 ''; resolvectl default-route eth0 yes
resolvectl dns tailscale0 ${tailnet === '' ? "''" : tailnet}; resolvectl domain tailscale0 ${domains.length === 0 ? "''" : domains.map((one) => `'~${one}'`).join(' ')}; resolvectl default-route tailscale0 ${route}
resolvectl flush-caches`,
  );

const CONFIG = '/opt/services/headscale/config';
/** Headscale's config.yaml, whose part `dns:` is given. */
const headscaleYaml = (dns: string): string => `server_url: https://headscale.lab.example
noise:
  private_key_path: /var/lib/headscale/noise_private.key
oidc:
  client_secret: not-for-anybody
dns:
  magic_dns: true
  base_domain: tail.lab.example
${dns}
  nameservers:
    global: [${ISP}]
    split:
      ${NAME}: []
log:
  level: info
`;
const RECORD = `  extra_records:\n    - { name: ${NAME}, type: A, value: ${INSIDE} }`;
const HEALTHY = headscaleYaml(`  override_local_dns: false\n${RECORD}`);
const UNCOVERED = HEALTHY.replace(`      ${NAME}: []\n`, '      other.example: [10.0.0.1]\n');
const write = (text: string, path = `${CONFIG}/config.yaml`): string => `cat >${path} <<'E'\n${text}E\n`;
/** The container that has the files mounted, and does nothing else. */
const started = (mount = `-v ${CONFIG}:/etc/headscale:ro`): string =>
  `podman rm -f -t 0 headscale >/dev/null 2>&1; podman run -d --pull=never --name headscale ${mount} --entrypoint python3 ${IMAGE} -c 'import time; time.sleep(1e6)' >/dev/null`;

/** All that is right. */
const healthy = async (): Promise<void> => {
  await Promise.all([
    serve('quad', QUAD, `${NAME}=${INSIDE}`),
    serve('isp', ISP, `${NAME}=${OUTSIDE}`, 'use-application-dns.net='),
    serve('isp', PUBLIC, `${NAME}=${OUTSIDE}`),
    tailscale(),
    links(QUAD, { domains: [NAME, 'tail.lab.example'] }),
  ]);
};

const doctor = async (folder: string, yaml = YAML): Promise<string> => {
  const record = join(it.dir, folder);
  rmSync(record, { recursive: true, force: true });
  const { out, err } = await it.fabric(yaml, ['doctor', 'dns', '--format', 'json', '--record', record]);
  if (!out.startsWith('{')) throw new Error(err);
  return out;
};
const OURS: readonly CheckId[] = [
  'dns/headscale-paths',
  'dns/headscale-loaded',
  'dns/headscale-switches',
  'dns/record',
  'dns/covered',
  'dns/netmap',
  'dns/userspace',
  'dns/accept-dns',
  'dns/magic-dns',
  'dns/resolver',
  'dns/answer',
  'dns/hosts-file',
  'dns/resolv-conf',
  'dns/split-domain',
  'dns/cache',
  'dns/leak',
  'dns/os',
  'dns/certificate',
  'dns/outside',
];

beforeAll(async () => {
  await it.verb('client', 'quad', `${QUAD}/10`, 'ts');
  await it.verb('client', 'isp', `${ISP}/24`, 'wan');
  await execa('ip', ['-n', `${NET}-isp`, 'addr', 'add', `${PUBLIC}/24`, 'dev', 'eth0']);
  // The tailnet's resolver can ask the provider's, as one with an upstream does.
  await execa('ip', ['-n', `${NET}-quad`, 'link', 'add', 'up0', 'type', 'veth', 'peer', 'name', 'up0', 'netns', `${NET}-isp`]);
  await execa('ip', ['-n', `${NET}-isp`, 'addr', 'add', '198.18.0.1/30', 'dev', 'up0']);
  await execa('ip', ['-n', `${NET}-isp`, 'link', 'set', 'up0', 'up']);
  await execa('ip', ['-n', `${NET}-quad`, 'addr', 'add', '198.18.0.2/30', 'dev', 'up0']);
  await execa('ip', ['-n', `${NET}-quad`, 'link', 'set', 'up0', 'up']);
  await execa('ip', ['-n', `${NET}-quad`, 'route', 'add', `${ISP}/32`, 'via', '198.18.0.1']);
  await it.verb('up', 'motoko', '100.64.0.7', '203.0.113.7');
  await it.verb('wait', 'motoko');
  await motoko(`mkdir -p /etc/systemd/resolved.conf.d
printf '[Resolve]\\nDNSSEC=no\\nLLMNR=no\\nMulticastDNS=no\\nFallbackDNS=\\n' >/etc/systemd/resolved.conf.d/lab.conf
ln -sf /run/systemd/resolve/stub-resolv.conf /etc/resolv.conf; systemctl restart systemd-resolved; cp /etc/nsswitch.conf /etc/hosts /root
cat >/usr/local/bin/tailscale <<'E'
#!/bin/sh
case "$*" in
  "status --json --peers=false") cat /etc/tailscale-says/status.json;;
  "dns status --json") cat /etc/tailscale-says/dns.json;;
  "debug prefs") cat /etc/tailscale-says/prefs.json;;
  *) exit 1;;
esac
E
chmod 755 /usr/local/bin/tailscale`);
  // The proxy that the names lead to, and its certificate.
  await akira(`mkdir -p ${CONFIG} /root/tls; cd /root/tls
for n in ${NAME} other.lab.example; do openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $n.key -out $n.crt -subj /CN=$n -addext subjectAltName=DNS:$n -days 90 2>/dev/null; cat $n.crt $n.key >$n.pem; done
cat >proxy.py <<'P'
import http.server, ssl, sys
server = http.server.ThreadingHTTPServer(('${INSIDE}', 443), http.server.SimpleHTTPRequestHandler)
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH); context.load_cert_chain(sys.argv[1])
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
P
cat >/usr/local/bin/proxy <<'S'
#!/bin/sh
systemctl stop proxy 2>/dev/null
systemd-run -q --collect --unit proxy --working-directory=/srv python3 /root/tls/proxy.py /root/tls/$1.pem
for i in $(seq 600); do curl -sk -o /dev/null https://${INSIDE}/ && exit 0; sleep 0.1; done; exit 1
S
chmod 755 /usr/local/bin/proxy; proxy ${NAME}; firewall-cmd -q --add-port=443/tcp
${inForce(HEALTHY)}${started()}`);
  await healthy();
});

test('healthy: nothing is found, and every check has its recording of it', async () => {
  expect(await getent()).toBe(INSIDE);
  expect(await resolvectl()).toBe(INSIDE);
  const out = await doctor('after');
  const { results }: { results: { id: string; status: string; findings: unknown }[] } = JSON.parse(out);
  expect(results.filter(({ status }) => status !== 'pass')).toEqual([]);
  expect(new Set(results.map(({ id }) => id.slice(0, id.indexOf('@'))))).toEqual(new Set(OURS));
  for (const id of OURS) keepFixture(id, 'after', YAML, join(it.dir, 'after'));
});

/** A real NetworkManager has eth0, and what the provider told: with the lines of its own file, in the folder that people put theirs in. */
const networkManager = (conf: string): string =>
  `printf '[main]\\n${conf}' >/etc/NetworkManager/conf.d/lab.conf; systemctl start NetworkManager
nmcli -w 20 connection add type ethernet ifname eth0 con-name wan ipv4.method manual ipv4.addresses 203.0.113.7/24 ipv4.dns ${ISP} ipv6.method disabled >/dev/null
nmcli -w 20 connection up wan >/dev/null`;
const noNetworkManager = `nmcli -w 20 connection delete wan >/dev/null; systemctl stop NetworkManager; rm -f /etc/NetworkManager/conf.d/lab.conf /etc/resolv.pre-tailscale-backup.conf
ip addr replace 203.0.113.7/24 dev eth0; ip link set tailscale0 up; ln -sf /run/systemd/resolve/stub-resolv.conf /etc/resolv.conf; systemctl restart systemd-resolved`;
test('healthy beside a NetworkManager that tells systemd-resolved: it leaves Tailscale’s link alone, and nothing is found', async () => {
  await motoko(networkManager('dns=systemd-resolved\\n'));
  try {
    await motoko('nmcli -w 20 connection up wan >/dev/null; systemctl restart NetworkManager; nm-online -q -t 20 || true');
    expect(await motoko("resolvectl dns | sed -n 's/^Link [0-9]* //p' | sort | xargs")).toBe(`(eth0): ${ISP} (tailscale0): ${QUAD}`);
    expect(await getent()).toBe(INSIDE);
    const out = await doctor('network-manager');
    expect([having(out, 'fail'), having(out, 'warn'), having(out, 'unknown')]).toEqual([[], [], []]);
  } finally {
    await motoko(noNetworkManager);
    await healthy();
  }
});

test('this machine’s own client and dig on a host say the same, in words that are read alike', async () => {
  const folder = join(it.dir, 'contract');
  rmSync(folder, { recursive: true, force: true });
  await serve('quad', QUAD, `${NAME}=${INSIDE}`, HTTPS);
  await it.fabric(YAML.replace('from: [motoko]', 'from: [here, motoko]'), ['doctor', 'dns', '--format', 'json', '--record', folder]);
  const [own, digs] = ['here', 'motoko'].map((at) => decode(readFileSync(join(folder, `${at}.evidence`), 'utf8')));
  for (const transport of ['udp', 'tcp'] as const)
    for (const type of TYPES) {
      const said = [own, digs].map((evidence) => {
        const probe = dnsReply({ at: 'here', server: QUAD, name: NAME, type, transport });
        const answer = evidence?.answers.get(probe.key);
        if (answer === undefined || isLost(answer)) throw new Error(`${probe.key}: ${answer?.why}`);
        const { milliseconds: _, ...reply } = { milliseconds: null, ...probe.read(answer, 0) };
        return { reply, leads: leadsTo(probe.read(answer, 0)) };
      });
      expect(said[0]?.leads).toEqual(said[1]?.leads);
      expect(said[0]?.leads).toEqual({ A: [INSIDE], AAAA: [], HTTPS: [OUTSIDE, '2001:db8::14'] }[type]);
      if (type !== 'HTTPS') expect(said[0]?.reply).toEqual(said[1]?.reply);
    }
  await healthy();
});

test('--watch says what changed, with how long the answer took, and nothing while nothing does', async () => {
  const watching = it.fabricProcess(YAML, ['doctor', 'dns', '--watch', '1']);
  let said = '';
  watching.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const until = async (text: RegExp): Promise<void> => {
    for (let n = 0; n < 600 && !text.test(said); n += 1) await new Promise((resolve) => setTimeout(resolve, 100));
    expect(said).toMatch(text);
  };
  try {
    await until(/^\d+ pass$/m);
    said = '';
    await serve('quad', QUAD, `${NAME}=100.64.0.15`);
    await until(/^\d\d:\d\d:\d\d ✖ mayi\.lab\.example for motoko: 100\.100\.100\.100: .* → 100\.64\.0\.15 .* \(\d+ ms\)$/m);
    expect(said.split('\n').filter((line) => line !== '' && !/ → /.test(line))).toEqual([]);
  } finally {
    watching.kill('SIGINT');
    await watching;
    await healthy();
  }
});

interface Case {
  /** The one cause that must be named: it alone fails, and the rest is its echo. */
  readonly check: CheckId;
  readonly saw: RegExp;
  readonly break: () => Promise<unknown>;
  /** What glibc says then; null where nothing astray is to be seen from there. */
  readonly getent: string | RegExp;
  readonly mend?: () => Promise<unknown>;
  readonly yaml?: string;
  readonly moment?: 'before' | `before-${string}`;
  readonly status?: 'warn';
}
const both =
  (...all: readonly (() => Promise<unknown>)[]) =>
  async (): Promise<void> => {
    for (const one of all) await one();
  };
/** As if it had stood there before Headscale was started: it is what is in force. */
const inForce = (text: string): string => `${write(text)}touch -d '1 day ago' ${CONFIG}/config.yaml\n`;
const restored = (): Promise<string> => akira(inForce(HEALTHY));
const renewed = (): Promise<string> => akira(`${inForce(HEALTHY)}${started()}`);
const blocked =
  (...protocols: readonly string[]) =>
  (): Promise<string> =>
    motoko(
      `nft add table inet hand; nft add chain inet hand out '{ type filter hook output priority -10; }'; ${protocols.map((one) => `nft add rule inet hand out ip daddr ${QUAD} ${one} dport 53 drop`).join('; ')}; resolvectl flush-caches`,
    );
const unblocked = (): Promise<string> => motoko('nft delete table inet hand');

const cases: readonly (readonly [string, Case])[] = [
  [
    'REX-33: override_local_dns false, and the name outside base_domain',
    {
      check: 'dns/covered',
      saw: /^override_local_dns is false, it is not under base_domain tail\.lab\.example, and no domain of nameservers\.split covers it; mayi\.lab\.example is 203\.0\.113\.14 for motoko$/,
      break: both(
        () => akira(inForce(UNCOVERED)),
        () => links(QUAD, { domains: ['tail.lab.example'] }),
      ),
      getent: OUTSIDE,
      mend: restored,
    },
  ],
  [
    'the same in a tailnet that Tailscale runs',
    {
      check: 'dns/covered',
      moment: 'before-tailscale',
      yaml: TAILSCALE,
      saw: /^the network map has no resolver for it: none for all names, and none of example\.org, tail\.lab\.example covers it/,
      break: both(
        () => tailscale({ routes: { 'example.org': ['10.0.0.1'] } }),
        () => links(QUAD, { domains: ['tail.lab.example', 'example.org'] }),
      ),
      getent: OUTSIDE,
    },
  ],
  [
    'override_local_dns: yes, which is a text',
    {
      check: 'dns/headscale-switches',
      saw: /^dns\.override_local_dns is the text "yes", which Headscale takes for false$/,
      break: both(
        () => akira(inForce(UNCOVERED.replace('override_local_dns: false', 'override_local_dns: yes'))),
        () => links(QUAD, { domains: ['tail.lab.example'] }),
      ),
      getent: OUTSIDE,
      mend: restored,
    },
  ],
  [
    'no record',
    {
      check: 'dns/record',
      saw: /^none of 1 records is of it; mayi\.lab\.example has no address for motoko$/,
      break: both(
        () =>
          akira(
            `${inForce(HEALTHY.replace(`name: ${NAME}, type`, 'name: n8n.other.example, type').replace(`      ${NAME}: []`, '      x.example: []').replace('override_local_dns: false', 'override_local_dns: true'))}`,
          ),
        () => tailscale({ records: [['n8n.other.example', INSIDE]], resolvers: [ISP] }),
        () => serve('quad', QUAD, `n8n.other.example=${INSIDE}`),
      ),
      getent: '',
      mend: restored,
    },
  ],
  [
    'a record of a name that is nearly it',
    {
      check: 'dns/record',
      moment: 'before-misspelled',
      saw: /^there is no record of it, but one of myai\.lab\.example/,
      break: both(
        () =>
          akira(
            `${inForce(HEALTHY.replace(`name: ${NAME}, type`, 'name: myai.lab.example, type').replace(`      ${NAME}: []`, '      x.example: []').replace('override_local_dns: false', 'override_local_dns: true'))}`,
          ),
        () => tailscale({ records: [['myai.lab.example', INSIDE]], resolvers: [ISP] }),
        () => serve('quad', QUAD, `myai.lab.example=${INSIDE}`, `--server=${ISP}`),
      ),
      getent: OUTSIDE,
      mend: restored,
    },
  ],
  [
    'both views agree on a wrong address',
    {
      check: 'dns/answer',
      yaml: TAILSCALE,
      saw: /^100\.100\.100\.100 says of mayi\.lab\.example A over UDP: 203\.0\.113\.14 \(203\.0\.113\.99 agrees\); /,
      break: both(
        () => tailscale({ records: [], routes: { 'lab.example': [ISP] } }),
        () => serve('quad', QUAD, `--server=${ISP}`),
      ),
      getent: OUTSIDE,
    },
  ],
  [
    'an edit that Headscale has not read',
    {
      check: 'dns/headscale-loaded',
      saw: /^\/opt\/services\/headscale\/config\/config\.yaml was changed \d+ (?:s|min) after Headscale started, and is not read again$/,
      break: both(
        () => akira(`${inForce(HEALTHY.replace(RECORD, '  extra_records: []'))}\n${write(HEALTHY)}`),
        () => tailscale({ records: [] }),
        () => serve('quad', QUAD, `--server=${ISP}`),
      ),
      getent: OUTSIDE,
      mend: restored,
    },
  ],
  [
    'the same, of a unit without a container',
    {
      check: 'dns/headscale-loaded',
      moment: 'before-unit',
      yaml: yamlOf(SECTION.replace('    container: headscale\n', '    unit: headscale.service\n')),
      saw: /^\/opt\/services\/headscale\/config\/config\.yaml was changed \d+ (?:s|min) after Headscale started, and is not read again$/,
      break: both(
        () =>
          akira(
            `${write(HEALTHY.replace(RECORD, '  extra_records: []'))}systemd-run -q --collect --unit headscale sleep 1000000; sleep 2; ${write(HEALTHY)}`,
          ),
        () => tailscale({ records: [] }),
        () => serve('quad', QUAD, `--server=${ISP}`),
      ),
      getent: OUTSIDE,
      mend: both(() => akira('systemctl stop headscale'), restored),
    },
  ],
  [
    'the container is stopped',
    {
      check: 'dns/headscale-loaded',
      moment: 'before-stopped',
      saw: /^headscale does not run on akira$/,
      break: () => akira('podman stop -t 0 headscale >/dev/null'),
      getent: INSIDE,
      mend: renewed,
    },
  ],
  [
    'a file that is mounted alone was replaced',
    {
      check: 'dns/headscale-paths',
      saw: /^headscale has another file at \/etc\/headscale\/config\.yaml than \/opt\/services\/headscale\/config\/config\.yaml of akira$/,
      break: both(
        () =>
          akira(
            `${write(HEALTHY.replace(RECORD, '  extra_records: []'))}${started(`-v ${CONFIG}/config.yaml:/etc/headscale/config.yaml:ro`)}\n${write(HEALTHY, `${CONFIG}/new`)}mv ${CONFIG}/new ${CONFIG}/config.yaml`,
          ),
        () => tailscale({ records: [] }),
        () => serve('quad', QUAD, `--server=${ISP}`),
      ),
      getent: OUTSIDE,
      mend: renewed,
    },
  ],
  [
    'a path of the host where the container’s belongs',
    {
      check: 'dns/headscale-paths',
      moment: 'before-host-path',
      saw: /^extra_records_path is \/opt\/services\/headscale\/config\/records\.json, which is no path in headscale \(no mount leads there\)$/,
      break: both(
        () =>
          akira(
            `echo '[{"name":"${NAME}","type":"A","value":"${INSIDE}"}]' >${CONFIG}/records.json; ${inForce(HEALTHY.replace(RECORD, `  extra_records_path: ${CONFIG}/records.json`))}`,
          ),
        () => tailscale({ records: [] }),
        () => serve('quad', QUAD, `--server=${ISP}`),
      ),
      getent: OUTSIDE,
      mend: restored,
    },
  ],
  [
    'records that are no JSON',
    {
      check: 'dns/headscale-loaded',
      moment: 'before-no-json',
      saw: /^\/etc\/headscale\/records\.json: it is no JSON, so Headscale keeps the records that it had$/,
      break: both(
        () =>
          akira(
            `echo '[{"name":"${NAME}","type":"A","value":"${INSIDE}"},]' >${CONFIG}/records.json; ${inForce(HEALTHY.replace(RECORD, '  extra_records_path: /etc/headscale/records.json'))}`,
          ),
        () => tailscale({ records: [] }),
        () => serve('quad', QUAD, `--server=${ISP}`),
      ),
      getent: OUTSIDE,
      mend: restored,
    },
  ],
  [
    'Headscale has the record, and the client’s map has not',
    {
      check: 'dns/netmap',
      saw: /^the network map of motoko has no record of mayi\.lab\.example, among 0; /,
      break: both(
        () => tailscale({ records: [] }),
        () => serve('quad', QUAD, `--server=${ISP}`),
      ),
      getent: OUTSIDE,
    },
  ],
  [
    'accept-dns off',
    {
      check: 'dns/accept-dns',
      saw: /^accept-dns is off on motoko; mayi\.lab\.example is 203\.0\.113\.14 for motoko$/,
      break: both(
        () => tailscale({ accepts: false }),
        () => links('', { domains: [] }),
      ),
      getent: OUTSIDE,
    },
  ],
  [
    'MagicDNS off, for a name of the tailnet’s own domain',
    {
      check: 'dns/magic-dns',
      yaml: TAILSCALE,
      saw: /^MagicDNS is off, so lab\.example is not asked of the tailnet’s resolver; mayi\.lab\.example is 203\.0\.113\.14 for motoko$/,
      break: both(
        () => tailscale({ magic: false, suffix: 'lab.example' }),
        () => links('', { domains: [] }),
      ),
      getent: OUTSIDE,
    },
  ],
  [
    'userspace networking: nothing leads to the tailnet’s resolver',
    {
      check: 'dns/userspace',
      saw: /^tailscaled on motoko has no network interface \(userspace networking\); /,
      break: both(
        () => tailscale({ tun: false }),
        () => links('', { domains: [] }),
        blocked('udp', 'tcp'),
      ),
      getent: OUTSIDE,
      mend: unblocked,
    },
  ],
  [
    'the tailnet’s resolver is silent',
    {
      check: 'dns/resolver',
      saw: /^100\.100\.100\.100 does not answer motoko \(timed out\); mayi\.lab\.example has no address for motoko$/,
      break: blocked('udp', 'tcp'),
      getent: '',
      mend: unblocked,
    },
  ],
  [
    'UDP is dropped, and TCP is not',
    {
      check: 'dns/resolver',
      moment: 'before-udp',
      saw: /^100\.100\.100\.100 answers motoko over TCP, and not over UDP \(timed out\)$/,
      break: blocked('udp'),
      getent: /^(?:100\.64\.0\.14)?$/,
      mend: unblocked,
    },
  ],
  [
    '/etc/hosts',
    {
      check: 'dns/hosts-file',
      saw: /^\/etc\/hosts of motoko says 203\.0\.113\.77; /,
      break: () => motoko(`echo '203.0.113.77 MAYI.lab.example # for a test' >>/etc/hosts`),
      getent: '203.0.113.77',
      mend: () => motoko('cp /root/hosts /etc/hosts'),
    },
  ],
  [
    'resolv.conf was Tailscale’s, and a DHCP client wrote over it',
    {
      check: 'dns/resolv-conf',
      saw: /^\/etc\/resolv\.conf of motoko asks 203\.0\.113\.53, written by dhclient: it was Tailscale’s, and was written over; /,
      break: () =>
        motoko(
          `systemctl stop systemd-resolved; rm /etc/resolv.conf; printf '# Generated by dhclient\\nnameserver ${ISP}\\n' >/etc/resolv.conf; echo 'nameserver ${ISP}' >/etc/resolv.pre-tailscale-backup.conf`,
        ),
      getent: OUTSIDE,
      mend: () =>
        motoko(
          'rm /etc/resolv.pre-tailscale-backup.conf; ln -sf /run/systemd/resolve/stub-resolv.conf /etc/resolv.conf; systemctl restart systemd-resolved',
        ),
    },
  ],
  [
    'resolv.conf was Tailscale’s, and a real NetworkManager wrote over it when the line was back',
    {
      check: 'dns/resolv-conf',
      moment: 'before-network-manager',
      saw: /^\/etc\/resolv\.conf of motoko asks 203\.0\.113\.53, written by NetworkManager \(dns=default\): it was Tailscale’s, and was written over; /,
      // What Tailscale does with the file where there is no systemd-resolved: it keeps what it found, and writes its own.
      break: () =>
        motoko(`systemctl stop systemd-resolved; rm /etc/resolv.conf; ${networkManager('dns=default\\nrc-manager=file\\nsystemd-resolved=false\\n')}
mv /etc/resolv.conf /etc/resolv.pre-tailscale-backup.conf; printf '# resolv.conf(5) file generated by tailscale\\nnameserver ${QUAD}\\n' >/etc/resolv.conf
nmcli -w 20 connection down wan >/dev/null; nmcli -w 20 connection up wan >/dev/null`),
      getent: OUTSIDE,
      mend: () => motoko(noNetworkManager),
    },
  ],
  [
    'resolv.conf goes past systemd-resolved, which knows better',
    {
      check: 'dns/resolv-conf',
      moment: 'before-past-resolved',
      saw: /^\/etc\/resolv\.conf of motoko asks 203\.0\.113\.53: it goes past systemd-resolved, which knows 100\.100\.100\.100; /,
      break: () =>
        motoko(`sed -i 's/resolve .*return. //' /etc/nsswitch.conf; rm /etc/resolv.conf; echo 'nameserver ${ISP}' >/etc/resolv.conf`),
      getent: OUTSIDE,
      mend: () =>
        motoko(
          'cp /root/nsswitch.conf /etc/nsswitch.conf; ln -sf /run/systemd/resolve/stub-resolv.conf /etc/resolv.conf; systemctl restart systemd-resolved',
        ),
    },
  ],
  [
    'resolv.conf asks the provider alone, though the machine takes the tailnet’s DNS',
    {
      check: 'dns/resolv-conf',
      moment: 'before-not-among',
      saw: /^\/etc\/resolv\.conf of motoko asks 203\.0\.113\.53, written by NetworkManager, and 100\.100\.100\.100 is not among them; /,
      break: () =>
        motoko(
          `systemctl stop systemd-resolved; rm /etc/resolv.conf; printf '# Generated by NetworkManager\\nnameserver ${ISP}\\n' >/etc/resolv.conf`,
        ),
      getent: OUTSIDE,
      mend: () => motoko('ln -sf /run/systemd/resolve/stub-resolv.conf /etc/resolv.conf; systemctl restart systemd-resolved'),
    },
  ],
  [
    'resolv.conf asks the tailnet’s resolver behind another',
    {
      check: 'dns/resolv-conf',
      moment: 'before-behind',
      saw: /^\/etc\/resolv\.conf of motoko asks 203\.0\.113\.53, 100\.100\.100\.100: 100\.100\.100\.100 only where those before it are silent; /,
      break: () =>
        motoko(
          `systemctl stop systemd-resolved; rm /etc/resolv.conf; printf 'nameserver ${ISP}\\nnameserver ${QUAD}\\n' >/etc/resolv.conf`,
        ),
      getent: OUTSIDE,
      mend: () => motoko('ln -sf /run/systemd/resolve/stub-resolv.conf /etc/resolv.conf; systemctl restart systemd-resolved'),
    },
  ],
  [
    'systemd-resolved has no domain for it: two links race',
    {
      check: 'dns/split-domain',
      saw: /^systemd-resolved asks tailscale0 \(100\.100\.100\.100\) and eth0 \(203\.0\.113\.53\): tailscale0 has no domains; \d of 4 fresh answers to motoko were wrong: 203\.0\.113\.14 by eth0$/,
      // The tailnet's resolver is a little slower, as one across the tailnet is: the provider wins.
      break: both(
        () => serve('quad', QUAD, 'slow', `${NAME}=${INSIDE}`),
        () => links(QUAD, { domains: [], route: 'yes' }),
      ),
      getent: OUTSIDE,
    },
  ],
  [
    'whoever manages the links took back what Tailscale told systemd-resolved',
    {
      check: 'dns/split-domain',
      moment: 'before-reverted',
      saw: /^no link of systemd-resolved has 100\.100\.100\.100; 4 of 4 fresh answers to motoko were wrong: 203\.0\.113\.14 by eth0$/,
      break: () => motoko('resolvectl revert tailscale0; resolvectl flush-caches'),
      getent: OUTSIDE,
    },
  ],
  [
    'a cache that holds what the name was',
    {
      check: 'dns/cache',
      saw: /^systemd-resolved of motoko has 203\.0\.113\.14 in its cache, and 4 fresh answers were right; /,
      break: both(
        () => serve('quad', QUAD, `${NAME}=${OUTSIDE}`),
        () => motoko('resolvectl flush-caches'),
        getent,
        () => serve('quad', QUAD, `${NAME}=${INSIDE}`),
      ),
      getent: OUTSIDE,
    },
  ],
  [
    'a resolver that overrides A, and passes AAAA on',
    {
      check: 'dns/leak',
      yaml: TAILSCALE,
      saw: /^the resolver of motoko answers AAAA of mayi\.lab\.example: 2001:db8::14$/,
      break: both(
        () => serve('isp', ISP, `--host-record=${NAME},${INSIDE},2001:db8::14`, 'use-application-dns.net='),
        () => links('', { domains: [] }),
      ),
      getent: `${INSIDE} 2001:db8::14`,
    },
  ],
  [
    'an HTTPS record with addresses and keys from outside',
    {
      check: 'dns/leak',
      moment: 'before-https',
      yaml: TAILSCALE,
      saw: /^100\.100\.100\.100 answers HTTPS of mayi\.lab\.example: 203\.0\.113\.14, 2001:db8::14, keys for ECH$/,
      break: () => serve('quad', QUAD, `${NAME}=${INSIDE}`, HTTPS),
      getent: INSIDE,
    },
  ],
  [
    'a browser may ask a resolver of its own',
    {
      check: 'dns/leak',
      moment: 'before-browser',
      status: 'warn',
      saw: /^use-application-dns\.net has an address on motoko, so Firefox may ask a resolver of its own over HTTPS, which says 203\.0\.113\.14 of mayi\.lab\.example$/,
      break: () => serve('isp', ISP, `${NAME}=${OUTSIDE}`, 'use-application-dns.net=44.236.48.31'),
      getent: INSIDE,
    },
  ],
  [
    'the address is right, and another site answers there',
    {
      check: 'dns/certificate',
      saw: /^100\.64\.0\.14 answers mayi\.lab\.example with the certificate of other\.lab\.example$/,
      break: () => akira('proxy other.lab.example'),
      getent: INSIDE,
      mend: () => akira(`proxy ${NAME}`),
    },
  ],
  [
    'the public zone has the old server',
    {
      check: 'dns/outside',
      saw: /^203\.0\.113\.99 says of mayi\.lab\.example A: 203\.0\.113\.77$/,
      break: () => serve('isp', PUBLIC, `${NAME}=203.0.113.77`),
      getent: INSIDE,
    },
  ],
  [
    'a resolver of the house in between, which nobody told',
    {
      check: 'dns/os',
      yaml: TAILSCALE,
      saw: /^applications on motoko find 203\.0\.113\.14; 203\.0\.113\.53 says 203\.0\.113\.14; 100\.100\.100\.100 has it right$/,
      // The machine itself is in no tailnet: a router of the house leads to it, and the house's resolver should know.
      break: both(
        () => motoko('mv /usr/local/bin/tailscale /usr/local/bin/tailscale.off'),
        () => motoko(`systemctl stop systemd-resolved; rm /etc/resolv.conf; echo 'nameserver ${ISP}' >/etc/resolv.conf`),
      ),
      getent: OUTSIDE,
      mend: () =>
        motoko(
          'mv /usr/local/bin/tailscale.off /usr/local/bin/tailscale; ln -sf /run/systemd/resolve/stub-resolv.conf /etc/resolv.conf; systemctl restart systemd-resolved',
        ),
    },
  ],
];

const inCi = cases.filter(isFirst);
test.each(inCi)('%s: seen by getent, and named', named);
test.each(cases.filter((one) => !inCi.includes(one)))('%s: seen by getent, and named', { tags: 'thorough' }, named);

async function named(title: string, one: Case): Promise<void> {
  const folder = title.replaceAll(/\W+/g, '-');
  await one.break();
  try {
    expect(await getent()).toMatch(typeof one.getent === 'string' ? new RegExp(`^${one.getent.replaceAll('.', '\\.')}$`) : one.getent);
    const yaml = one.yaml ?? YAML;
    const out = await doctor(folder, yaml);
    const failing = having(out, one.status ?? 'fail');
    // Others would be other causes.
    expect(failing.map((id) => `${id}: ${findingsOf(out, id)}`)).toEqual([expect.stringContaining(`${one.check}@`)]);
    expect(findingsOf(out, failing[0] ?? '').split('\n')[0]).toMatch(one.saw);
    keepFixture(one.check, one.moment ?? 'before', yaml, join(it.dir, folder));
  } finally {
    await one.mend?.();
    await healthy();
  }
}
