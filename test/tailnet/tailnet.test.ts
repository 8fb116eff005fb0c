// REX-33 on a real Headscale with real Tailscale clients: what each setting does, and that fabric heals it. docs/dns.md is this table in
// words. Whatever is asserted here is dig's and getent's word, not fabric's.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CLIENTS, type Client, PUBLIC, tailnet } from './tailnet.ts';

const net = tailnet('tailnet');
beforeAll(net.up);
afterAll(net.down);

const VPN = '100.64.0.14';
/** What applications find where the world's view is what they get. */
const WORLD = `${PUBLIC} 2001:db8::7`;
const CHAT = `    - { name: chat.example.com, type: A, value: ${VPN} }\n`;
const RECORDS = `  extra_records:\n${CHAT}    - { name: in.tail.example.net, type: A, value: ${VPN} }\n`;
interface Settings {
  readonly override: string;
  readonly magic?: boolean;
  readonly split?: string;
}
const dns = ({ override, magic = true, split = '{}' }: Settings, records = RECORDS): string =>
  `dns:
  magic_dns: ${magic}
  base_domain: tail.example.net
  override_local_dns: ${override} # as it was found
  nameservers:
    global: [203.0.113.53]
    split: ${split}
${records}`;

/** What a name is for applications, by client. */
type Found = Readonly<Record<Client, string>>;
const everywhere = (found: string): Found => ({ motoko: found, togusa: found });
/** As it is without split DNS: a plain resolv.conf leads to the tailnet's resolver alone, which passes on what it does not know. */
const plainAlone = (found: string): Found => ({ motoko: found, togusa: VPN });

interface Row {
  readonly chat: Found;
  /** A name under base_domain. */
  readonly inside: Found;
  /** One that is nobody's business. */
  readonly www: Found;
  /** A public name under the one that has a record. */
  readonly sub: Found;
}
const fine: Row = { chat: everywhere(VPN), inside: everywhere(VPN), www: everywhere('198.51.100.9'), sub: everywhere('198.51.100.10') };

describe('which clients ask the tailnet’s resolver', () => {
  test.each<readonly [Settings, Row]>([
    [{ override: 'false' }, { ...fine, chat: plainAlone(WORLD) }],
    [{ override: 'true' }, fine],
    [{ override: 'yes' }, { ...fine, chat: plainAlone(WORLD) }],
    [{ override: 'on' }, { ...fine, chat: plainAlone(WORLD) }],
    [{ override: '"true"' }, fine],
    [
      { override: 'false', split: '{ "chat.example.com": [] }' },
      { ...fine, sub: everywhere('') },
    ],
    // viper makes a list with one empty text of nothing: routed too, and what is below gets no answer at all.
    [
      { override: 'false', split: '{ "chat.example.com": }' },
      { ...fine, sub: everywhere('') },
    ],
    [{ override: 'false', split: '{ "chat.example.com": [203.0.113.53] }' }, fine],
    [{ override: 'false', split: '{ "example.com": [203.0.113.53] }' }, fine],
    [{ override: 'true', magic: false }, fine],
    [
      { override: 'false', magic: false, split: '{ "chat.example.com": [] }' },
      { ...fine, inside: plainAlone(PUBLIC), sub: everywhere('') },
    ],
    // All routes with the same servers: systemd-resolved is sent to these, past the tailnet's resolver and its records.
    [
      { override: 'false', magic: false, split: '{ "chat.example.com": [203.0.113.53] }' },
      { ...fine, chat: plainAlone(WORLD), inside: plainAlone(PUBLIC) },
    ],
    // With nothing to route, Tailscale 1.102.3 writes a resolv.conf without a name server: no name is found any more.
    [
      { override: 'false', magic: false },
      {
        chat: { motoko: WORLD, togusa: '' },
        inside: { motoko: PUBLIC, togusa: '' },
        www: { motoko: '198.51.100.9', togusa: '' },
        sub: { motoko: '198.51.100.10', togusa: '' },
      },
    ],
  ])('%j', async (settings, row) => {
    await net.heard(dns(settings));
    for (const client of CLIENTS) {
      // It always answers its own records, whoever asks it or not.
      expect(await net.tailnetSays(client, 'chat.example.com')).toBe(VPN);
      await net.osSettles(client, 'chat.example.com', row.chat[client]);
      expect({
        chat: await net.osSays(client, 'chat.example.com'),
        inside: await net.osSays(client, 'in.tail.example.net'),
        www: await net.osSays(client, 'www.example.com'),
        sub: await net.osSays(client, 'sub.chat.example.com'),
      }).toEqual({ chat: row.chat[client], inside: row.inside[client], www: row.www[client], sub: row.sub[client] });
    }
  });
});

test('records that clients take, and what they drop without a word', async () => {
  const record = (name: string, type: string, value: string): string =>
    `    - { name: "${name}", ${type === '' ? '' : `type: ${type}, `}value: "${value}" }\n`;
  await net.heard(
    dns(
      { override: 'true' },
      `  extra_records:\n${[
        record('plain.example.org', 'A', VPN),
        record('untyped.example.org', '', VPN),
        record('six.example.org', 'AAAA', 'fd7a:115c:a1e0::e'),
        record('crossed.example.org', 'AAAA', VPN),
        record('dotted.example.org.', 'A', VPN),
        record('two.example.org', 'A', VPN),
        record('two.example.org', 'A', '100.64.0.15'),
        record('cname.example.org', 'CNAME', 'motoko.tail.example.net'),
        record('small.example.org', 'a', VPN),
        record('text.example.org', 'TXT', 'hello'),
        record('short.example.org', 'A', '100.64.0'),
        record('Capital.example.org', 'A', VPN),
        record('*.wild.example.org', 'A', VPN),
      ].join('')}`,
    ),
  );
  const found = async (name: string): Promise<string> => `${name}: ${await net.osSays('motoko', `${name}.example.org`)}`;
  expect(await net.osSettles('motoko', 'plain.example.org', VPN)).toBe(VPN);
  const names = ['untyped', 'six', 'crossed', 'dotted', 'two', 'cname', 'small', 'text', 'short', 'capital', 'any.wild'];
  expect(await Promise.all(names.map(found))).toEqual([
    `untyped: ${VPN}`,
    'six: fd7a:115c:a1e0::e',
    `crossed: ${VPN}`, // the address says of which kind it is
    `dotted: ${VPN}`,
    `two: ${VPN}`, // one of them is answered, the first
    'cname: ',
    'small: ',
    'text: ',
    'short: ',
    'capital: ', // questions are lower case by then
    'any.wild: ',
  ]);
  // The network map brings them all; the client drops them.
  const status = await net.on('motoko', 'tailscale dns status --json | jq -r ".ExtraRecords | length"');
  expect(status).toBe('14');
  const answer = (type: string): Promise<string> =>
    net.on(
      'motoko',
      `dig +noedns @100.100.100.100 plain.example.org ${type} | sed -n 's/.*status: \\([A-Z]*\\).*/\\1/p; s/^;; flags: \\([a-z ]*\\);.* ANSWER: \\([0-9]*\\),.*/\\1 \\2/p; s/^plain.example.org\\.[^0-9]*\\([0-9]*\\).*/ttl \\1/p' | xargs`,
    );
  expect(await Promise.all(['A', 'AAAA', 'TYPE65', 'MX', 'NS'].map(answer))).toEqual([
    'NOERROR qr aa rd ra 1 ttl 5',
    'NOERROR qr aa rd ra 0',
    'NOERROR qr aa rd ra 0',
    'NOERROR qr aa rd ra 0',
    'NOTIMP qr aa rd 0',
  ]);
});

describe('a file of records', () => {
  const FILE = '/var/lib/headscale/records.json';
  const of = (address: string): string => `[{"name":"chat.example.com","type":"A","value":"${address}"}]`;
  const settles = (want: string): Promise<string> =>
    net.until(
      () => net.tailnetSays('motoko', 'chat.example.com'),
      (said) => said === want,
      20,
    );
  beforeAll(async () => {
    await net.on('hs', `echo '${of('100.64.1.1')}' >${FILE}; chown headscale: ${FILE}`);
    await net.headscale(dns({ override: 'true' }, `  extra_records_path: ${FILE}\n`));
  });
  test.each([
    ['at the start', ':', '100.64.1.1'],
    ['written in place', `echo '${of('100.64.1.2')}' >${FILE}`, '100.64.1.2'],
    ['replaced', `echo '${of('100.64.1.3')}' >${FILE}.new; mv ${FILE}.new ${FILE}`, '100.64.1.3'],
    [
      'replaced nine times at once',
      `for i in $(seq 9); do echo '${of('100.64.1.I')}' | sed s/I/1$i/ >${FILE}.new; mv ${FILE}.new ${FILE}; done`,
      '100.64.1.19',
    ],
    ['gone for two seconds', `mv ${FILE} ${FILE}.old; sleep 2; sed s/1.19/1.4/ ${FILE}.old >${FILE}`, '100.64.1.4'],
  ])('is read again when it is %s', async (_, script, want) => {
    await net.on('hs', script);
    expect(await settles(want)).toBe(want);
  });
  test('with a comma too many it is not, and the records stay', async () => {
    await net.on('hs', `echo '${of('100.64.1.5').replace(']', ',]')}' >${FILE}`);
    expect(
      await net.until(
        () => net.on('hs', 'journalctl -u headscale -n 20 --no-pager | grep -c "unmarshalling records" || true'),
        (said) => said !== '0',
        20,
      ),
    ).not.toBe('0');
    expect(await net.tailnetSays('motoko', 'chat.example.com')).toBe('100.64.1.4');
    await net.on('hs', `echo '${of('100.64.1.6')}' >${FILE}`);
    expect(await settles('100.64.1.6')).toBe('100.64.1.6');
  });
});

describe('a client that does not listen, or is not listened to', () => {
  beforeAll(() => net.heard(dns({ override: 'true' })));
  test.each<readonly [what: string, Client, script: string, undo: string, found: string, tailnetSays: string]>([
    ['accept-dns is off: systemd-resolved', 'motoko', 'tailscale set --accept-dns=false', 'tailscale set --accept-dns=true', WORLD, VPN],
    ['accept-dns is off: resolv.conf', 'togusa', 'tailscale set --accept-dns=false', 'tailscale set --accept-dns=true', WORLD, VPN],
    [
      'userspace networking: nothing leads to the resolver',
      'togusa',
      'echo FLAGS=--tun=userspace-networking >/etc/default/tailscaled; systemctl restart tailscaled',
      'rm /etc/default/tailscaled; systemctl restart tailscaled',
      WORLD,
      '',
    ],
    [
      'the link’s domains are gone from systemd-resolved, and are not told again',
      'motoko',
      'resolvectl revert tailscale0',
      'systemctl restart tailscaled',
      WORLD,
      VPN,
    ],
    [
      // Tailscale takes the file for the way that names go, and writes it; glibc asks systemd-resolved first, which has another link.
      'resolv.conf is no stub of systemd-resolved, and glibc asks that nevertheless',
      'motoko',
      'rm /etc/resolv.conf; echo nameserver 203.0.113.53 >/etc/resolv.conf; systemctl restart tailscaled',
      'ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf; systemctl restart tailscaled',
      WORLD,
      VPN,
    ],
    [
      '/etc/hosts',
      'motoko',
      `cp /etc/hosts /root/hosts; echo 198.51.100.66 chat.example.com >>/etc/hosts`,
      'cp /root/hosts /etc/hosts',
      '198.51.100.66',
      VPN,
    ],
  ])('%s', async (_, client, script, undo, found, says) => {
    await net.on(client, script);
    try {
      expect(await net.osSettles(client, 'chat.example.com', found)).toBe(found);
      expect(await net.tailnetSays(client, 'chat.example.com')).toBe(says);
      // The client itself sees nothing wrong.
      expect(await net.on(client, 'tailscale status --json | jq -c .Health')).toBe('[]');
    } finally {
      await net.on(client, undo);
    }
    expect(await net.osSettles(client, 'chat.example.com', VPN)).toBe(VPN);
  });
  test('what is mended by itself: a resolv.conf that somebody wrote, a systemd-resolved that was restarted', async () => {
    await net.on('togusa', 'echo nameserver 203.0.113.53 >/etc/resolv.conf');
    expect(
      await net.until(
        () => net.on('togusa', 'grep -c 100.100.100.100 /etc/resolv.conf || true'),
        (said) => said === '1',
        20,
      ),
    ).toBe('1');
    await net.on('motoko', 'systemctl restart systemd-resolved');
    expect(await net.osSettles('motoko', 'chat.example.com', VPN)).toBe(VPN);
  });
});
