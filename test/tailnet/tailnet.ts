// A real tailnet in the lab, on the public bridge alone: hs runs Headscale (TLS on 443, its own relay) and is the resolver that the ISP
// gave everybody; motoko (systemd-resolved) and togusa (a plain resolv.conf) are Tailscale clients. Nothing leaves these namespaces.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { operatorsSsh } from '../e2e/lab.ts';

const LAB = join(import.meta.dirname, '../lab/lab');
const BIN = join(import.meta.dirname, '../../bin/fabric.js');
const BUILD = join(import.meta.dirname, 'build.sh');
const TAILNET_DIR = process.env['TAILNET_DIR'] ?? '/var/lib/fabric-lab/tailnet';

export type Machine = 'hs' | 'motoko' | 'togusa';
export type Client = Exclude<Machine, 'hs'>;
export const CLIENTS: readonly Client[] = ['motoko', 'togusa'];

/** All of config.yaml that has no say in names. */
const HEADSCALE = `# Headscale of the lab: what stands here must stay
server_url: https://headscale.example.org
listen_addr: 0.0.0.0:443
tls_cert_path: /etc/headscale/cert.pem
tls_key_path: /etc/headscale/key.pem
metrics_listen_addr: 127.0.0.1:9090
grpc_listen_addr: 127.0.0.1:50443
noise:
  private_key_path: /var/lib/headscale/noise_private.key
prefixes:
  v4: 100.64.0.0/10
  v6: fd7a:115c:a1e0::/48
derp:
  server:
    enabled: true
    region_id: 999
    region_code: lab
    region_name: Lab
    stun_listen_addr: 0.0.0.0:3478
    private_key_path: /var/lib/headscale/derp.key
    ipv4: 203.0.113.1
  urls: []
  auto_update_enabled: false
disable_check_updates: true
database:
  type: sqlite
  sqlite:
    path: /var/lib/headscale/db.sqlite
unix_socket: /var/lib/headscale/headscale.sock
oidc: # never reached: it shows that secrets stay where they are
  client_secret: hunter2-hunter2-hunter2
policy:
  mode: database
`;
const UNIT = `[Unit]
Description=Headscale
[Service]
User=headscale
AmbientCapabilities=CAP_NET_BIND_SERVICE
ExecStart=/usr/local/bin/headscale serve
Restart=on-failure
`;
const TAILSCALED = `[Unit]
Description=Tailscale
[Service]
Type=notify
Environment=TS_DEBUG_FIREWALL_MODE=nftables TS_NO_LOGS_NO_SUPPORT=true SSL_CERT_FILE=/etc/lab-cert.pem
EnvironmentFile=-/etc/default/tailscaled
ExecStart=/opt/tailnet/tailscaled --state=/var/lib/tailscale/tailscaled.state --socket=/run/tailscale/tailscaled.sock $FLAGS
RuntimeDirectory=tailscale
StateDirectory=tailscale
Restart=on-failure
`;
/** What the ISP's resolver says: the world's view. */
export const PUBLIC = '198.51.100.7';
const ISP = `dnsmasq -k --no-resolv --no-hosts --listen-address=203.0.113.53 --bind-interfaces --local=/com/ --local=/net/ --local=/org/ \
  --host-record=headscale.example.org,203.0.113.1 --host-record=chat.example.com,${PUBLIC} --host-record=chat.example.com,2001:db8::7 \
  --host-record=mayi.example.com,${PUBLIC} --host-record=in.tail.example.net,${PUBLIC} --host-record=www.example.com,198.51.100.9 \
  --host-record=sub.chat.example.com,198.51.100.10`;

export const tailnet = (net: string) => {
  const dir = mkdtempSync(join(tmpdir(), 'fabric-tailnet-'));
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    LAB_NET: net,
    LAB_FROM: 'pub',
    LAB_NSPAWN_EXTRA: `--bind-ro=${TAILNET_DIR}:/opt/tailnet`,
  };
  const lab = async (args: readonly string[], input = ''): Promise<string> => {
    const ran = await execa(LAB, args, { reject: false, env, input, timeout: 300_000 });
    if (ran.exitCode !== 0) throw new Error(`${args.join(' ')}: exit ${ran.exitCode}: ${ran.stderr}\n${ran.stdout}`);
    return ran.stdout.trim();
  };
  /** A script as root on a machine; its output. */
  const on = (machine: Machine, script: string): Promise<string> => lab(['root', machine, 'sh', '-s'], script);

  const up = async (): Promise<void> => {
    await execa(BUILD, { stdio: ['ignore', 'ignore', 'inherit'] });
    await lab(['net-down']);
    await lab(['net-up']);
    await lab(['client', 'pub', '203.0.113.9/24', 'wan']);
    await Promise.all([
      lab(['up', 'hs', '-', '203.0.113.1']),
      lab(['up', 'motoko', '-', '203.0.113.11']),
      lab(['up', 'togusa', '-', '203.0.113.12']),
    ]);
    for (const machine of ['hs', ...CLIENTS]) await lab(['wait', machine]);
    operatorsSsh(dir, await lab(['ssh-config']));
    await execa('openssl', [
      ...[
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-days',
        '30',
        '-subj',
        '/CN=headscale.example.org',
      ],
      ...['-addext', 'subjectAltName=DNS:headscale.example.org', '-keyout', join(dir, 'key.pem'), '-out', join(dir, 'cert.pem')],
    ]);
    const [cert, key] = await Promise.all(
      ['cert.pem', 'key.pem'].map((file) => execa('cat', [join(dir, file)]).then(({ stdout }) => `${stdout}\n`)),
    );
    await on(
      'hs',
      `set -eu; systemctl stop firewalld; ip addr add 203.0.113.53/24 dev eth0
systemd-run -q -u isp ${ISP}
useradd -r -d /var/lib/headscale -s /usr/sbin/nologin headscale
install -d -o headscale -g headscale -m 750 /var/lib/headscale; install -d -m 755 /etc/headscale
ln -sf /opt/tailnet/headscale /usr/local/bin/headscale
cat >/etc/headscale/cert.pem <<'X'\n${cert}X
cat >/etc/headscale/key.pem <<'X'\n${key}X
chgrp headscale /etc/headscale/key.pem; chmod 640 /etc/headscale/key.pem
cat >/etc/systemd/system/headscale.service <<'X'\n${UNIT}X
systemctl daemon-reload`,
    );
    await headscale('dns:\n  magic_dns: true\n  base_domain: tail.example.net\n  nameservers: { global: [203.0.113.53] }\n');
    await on('hs', 'headscale() { runuser -u headscale -- /usr/local/bin/headscale "$@"; }; headscale users create lab');
    const preauth = (await on('hs', 'runuser -u headscale -- headscale preauthkeys create -u 1 --reusable -e 2h 2>/dev/null'))
      .split('\n')
      .at(-1);
    for (const client of CLIENTS)
      await on(
        client,
        `set -eu; systemctl stop firewalld; ip route add default via 203.0.113.254
ln -sf /opt/tailnet/tailscale /usr/local/bin/tailscale
cat >/etc/lab-cert.pem <<'X'\n${cert}X
cat >/etc/systemd/system/tailscaled.service <<'X'\n${TAILSCALED}X
systemctl daemon-reload
${client === 'motoko' ? 'resolvectl dns eth0 203.0.113.53' : 'systemctl disable -q --now systemd-resolved; rm -f /etc/resolv.conf; echo nameserver 203.0.113.53 >/etc/resolv.conf'}
systemctl start tailscaled
tailscale up --login-server https://headscale.example.org --auth-key ${preauth} --hostname ${client} --timeout 180s
mkdir /srv/www; hostname >/srv/www/name; systemd-run -q -u www python3 -m http.server -d /srv/www 8000`,
      );
  };

  /** Headscale with this part `dns:`, restarted. */
  const headscale = (dns: string): Promise<string> =>
    on(
      'hs',
      `set -eu; cat >/etc/headscale/config.yaml <<'X'\n${HEADSCALE}${dns}X
chown root:headscale /etc/headscale/config.yaml; chmod 640 /etc/headscale/config.yaml
runuser -u headscale -- headscale configtest; systemctl reset-failed headscale 2>/dev/null || true; systemctl restart headscale
for i in $(seq 600); do runuser -u headscale -- headscale users list >/dev/null 2>&1 && exit; sleep 0.1; done; echo 'headscale does not answer' >&2; exit 1`,
    );
  /** What its clients' resolver says of a name, A alone: by dig. */
  const tailnetSays = (client: Client, name: string): Promise<string> =>
    on(client, `dig +short +tries=1 +time=2 @100.100.100.100 '${name}' A | grep -v '^;' | sort | xargs`);
  /** What applications find: by getent. */
  const osSays = (client: Client, name: string): Promise<string> => on(client, `getent ahosts '${name}' | cut -d' ' -f1 | sort -u | xargs`);
  const until = async <T>(ask: () => Promise<T>, good: (said: T) => boolean, seconds = 120): Promise<T> => {
    const end = Date.now() + seconds * 1000;
    for (;;) {
      const said = await ask();
      if (good(said) || Date.now() > end) return said;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  };
  let rounds = 0;
  /** The same as `headscale`, with a record more by which it is seen that both clients have heard of it. */
  const heard = async (dns: string): Promise<void> => {
    rounds += 1;
    const address = `100.64.200.${rounds}`;
    const marker = `    - { name: round.tail.example.net, type: A, value: ${address} }\n`;
    await headscale(
      dns.includes('extra_records:\n') ? dns.replace('extra_records:\n', `extra_records:\n${marker}`) : `${dns}  extra_records:\n${marker}`,
    );
    for (const client of CLIENTS) {
      const said = await until(
        () => tailnetSays(client, 'round.tail.example.net'),
        (it) => it === address,
      );
      if (said !== address) throw new Error(`${client} has not heard of it: ${said}`);
    }
  };

  return {
    dir,
    on,
    up,
    headscale,
    heard,
    tailnetSays,
    osSays,
    until,
    /** The same until it is as it should be, or a while has passed: the operating system is told a moment later. */
    osSettles: (client: Client, name: string, want: string): Promise<string> =>
      until(
        () => osSays(client, name),
        (said) => said === want,
      ),
    down: async (): Promise<void> => {
      await lab(['net-down']);
      rmSync(dir, { recursive: true, force: true });
    },
    /** `fabric ARGS`, where an operator stands who is in no tailnet. */
    fabric: async (
      yaml: string,
      args: readonly string[],
    ): Promise<{ readonly code: number | undefined; readonly out: string; readonly err: string }> => {
      const file = join(dir, 'fabric.yaml');
      writeFileSync(file, yaml);
      const { exitCode, stdout, stderr } = await execa(LAB, ['exec', 'pub', process.execPath, BIN, ...args, '--config', file], {
        reject: false,
        input: '',
        timeout: 300_000,
        env: { ...env, PATH: `${dir}/bin:${env['PATH'] ?? ''}`, XDG_STATE_HOME: join(dir, 'state'), NO_COLOR: '1' },
      });
      return { code: exitCode, out: stdout, err: stderr };
    },
  };
};
