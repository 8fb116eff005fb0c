// A tailnet as far as it is asked: a Headscale that reads its config when it starts, and its client on the host, whose resolver answers the
// records and whose system asks that resolver for what is routed. Two views of one name, as REX-33 has them.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRouted, type Names, readNames } from '../../src/services/headscale.ts';
import { type Call, type Commands, type Said, unknownUse } from './shell.ts';

const QUAD = '100.100.100.100';
/** The public zone. */
const OUTSIDE: ReadonlyMap<string, string> = new Map([['mayi.example.net', '203.0.113.14']]);

/** Root's shell: a Headscale of a unit, with a record and a route for it. */
export const headscaleRunbook = `mkdir -p /etc/headscale
cat >/etc/headscale/config.yaml <<'E'
server_url: https://headscale.example.net
dns:
  magic_dns: true
  base_domain: tail.example.net
  override_local_dns: false
  nameservers:
    global: [9.9.9.9]
    split:
      mayi.example.net: [] # REX-33
  extra_records:
    - { name: mayi.example.net, type: A, value: 100.64.0.14 }
E
printf '#!/bin/sh\\nexec headscale "$@"\\n' >/usr/bin/headscale; chmod 755 /usr/bin/headscale
printf '[Service]\\nExecStart=/usr/bin/headscale serve\\n' >/etc/systemd/system/headscale.service
systemctl daemon-reload; systemctl start headscale`;
/** Somebody tidies it up. */
export const REX_33 =
  "sed -i.bak '/REX-33/d' /etc/headscale/config.yaml; rm -f /etc/headscale/config.yaml.bak; systemctl restart headscale";

export interface Tailnet {
  readonly commands: Commands;
  /** Headscale starts: what it reads is in force. */
  start(): void;
}

/** `names`: what the host's own resolver knows, kept as it would be. */
export const simulatedTailnet = (root: string, names: Map<string, string>): Tailnet => {
  let loaded: Names | null = null;
  const records = (name: string): readonly string[] => (loaded?.records ?? []).filter((one) => one.name === name).map(({ value }) => value);

  const reply = (status: string, flags: string, name: string, addresses: readonly string[], server: string): Said => ({
    out: [
      `;; ->>HEADER<<- opcode: QUERY, status: ${status}, id: 1`,
      `;; flags: ${flags}; QUERY: 1, ANSWER: ${addresses.length}, AUTHORITY: 0, ADDITIONAL: 1`,
      ...addresses.map((one) => `${name}.\t600\tIN\tA\t${one}`),
      ';; Query time: 1 msec',
      `;; SERVER: ${server}#53(${server}) (UDP)`,
      '',
    ].join('\n'),
  });
  const dig = (call: Call): Said => {
    const words = call.args.filter((arg) => !arg.startsWith('+'));
    const server = words.find((word) => word.startsWith('@'))?.slice(1);
    const [name = '', type = ''] = words.filter((word) => !word.startsWith('@'));
    if (type === '') return unknownUse('dig', call);
    const of = (addresses: readonly string[]): readonly string[] => (type === 'A' ? addresses : []);
    const outside = OUTSIDE.get(name);
    if (server === QUAD)
      return records(name).length > 0
        ? reply('NOERROR', 'qr aa rd ra', name, of(records(name)), QUAD)
        : reply('SERVFAIL', 'qr rd ra', name, [], QUAD);
    if (server?.includes(':'))
      return {
        code: 9,
        out: `;; UDP setup with ${server}#53(${server}) for ${name} failed: network unreachable.\n;; no servers could be reached\n`,
      };
    const found = server === undefined ? names.get(name) : outside;
    return found === undefined
      ? reply('NXDOMAIN', 'qr rd ra', name, [], server ?? '127.0.0.53')
      : reply('NOERROR', 'qr rd ra', name, of([found]), server ?? '127.0.0.53');
  };

  const tailscale = (call: Call): Said => {
    const tailnet = { MagicDNSSuffix: 'tail.example.net', MagicDNSEnabled: true };
    switch (call.args.join(' ')) {
      case 'status --json --peers=false':
        return {
          out: `${JSON.stringify({ BackendState: 'Running', TUN: true, Self: { Online: true }, CurrentTailnet: tailnet }, null, 2)}\n`,
        };
      case 'debug prefs':
        return { out: `${JSON.stringify({ CorpDNS: true }, null, '\t')}\n` };
      case 'dns status --json': {
        const said = {
          TailscaleDNS: true,
          CurrentTailnet: tailnet,
          Resolvers: [],
          SplitDNSRoutes: {},
          ExtraRecords: (loaded?.records ?? []).map(({ name, value }) => ({ Name: `${name}.`, Value: value })),
        };
        return { out: `${JSON.stringify(said)}\n` };
      }
      default:
        return unknownUse('tailscale', call);
    }
  };

  const headscale = (call: Call): Said => {
    const [verb, option, path = ''] = call.args;
    if (call.args.join(' ') === 'users list') return loaded === null ? { code: 1, err: 'Cannot get users: connection refused\n' } : {};
    if (verb !== 'configtest' || option !== '-c') return unknownUse('headscale', call);
    const read = readNames(readFileSync(path, 'utf8'));
    return 'why' in read ? { code: 1, err: `${read.why}\n` } : {};
  };

  return {
    commands: new Map<string, (call: Call) => Said>([
      ['dig', dig],
      ['headscale', headscale],
      ['tailscale', tailscale],
    ]),
    start: () => {
      const read = readNames(readFileSync(join(root, 'etc/headscale/config.yaml'), 'utf8'));
      if ('why' in read) throw new Error(`the simulated Headscale cannot read its config: ${read.why}`);
      loaded = read;
      for (const [name, outside] of OUTSIDE) {
        const [inside] = records(name);
        names.set(name, inside !== undefined && isRouted(name, read) ? inside : outside);
      }
    },
  };
};
