// REX-33 on a real Headscale with real Tailscale clients: what each setting does, and that fabric heals it. docs/dns.md is this table in
// words. Whatever is asserted here is dig's and getent's word, not fabric's.
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CLIENTS, type Client, PUBLIC, tailnet } from './tailnet.ts';

const net = tailnet('tailnet');
beforeAll(net.up);
afterAll(net.down);

/** togusa's, which is the second to join. */
const VPN = '100.64.0.2';
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
  /** What `fabric doctor dns` names. Absent: all is well with it. */
  readonly named?: readonly string[];
}
const fine: Row = { chat: everywhere(VPN), inside: everywhere(VPN), www: everywhere('198.51.100.9'), sub: everywhere('198.51.100.10') };

const FABRIC = (names: string, headscale: string): string => `hosts:
  hs: { address: 203.0.113.1, user: ops }
  motoko: { address: 203.0.113.11, user: ops }
  togusa: { address: 203.0.113.12, user: ops }
litellm:
  host: hs
  image: ghcr.io/berriai/litellm:v1.109.1
  master_key: "none: everyone who can connect is an administrator"
  backends:
    vllm: { kind: vllm, url: "http://127.0.0.1:8000", models: [{ id: qwen2.5-7b }] }
dns:
  names: { ${names} }
  public: 203.0.113.53
  from: [motoko, togusa]
  headscale: ${headscale}
`;
const BY_UNIT = '{ host: hs, unit: headscale.service }';
const YAML = FABRIC(`chat.example.com: ${VPN}`, BY_UNIT);
/** The root causes that `fabric doctor dns` names. */
const named = async (): Promise<readonly string[]> => {
  const { out } = await net.fabric(YAML, ['doctor', 'dns', '--format', 'json']);
  const report: { readonly results: readonly { readonly id: string; readonly status: string }[] } = JSON.parse(out);
  return report.results.filter(({ status }) => status === 'fail').map(({ id }) => id);
};

describe('which clients ask the tailnet’s resolver', () => {
  test.each<readonly [Settings, Row]>([
    [{ override: 'false' }, { ...fine, chat: plainAlone(WORLD), named: ['dns/covered@chat.example.com'] }],
    [{ override: 'true' }, fine],
    [{ override: 'yes' }, { ...fine, chat: plainAlone(WORLD), named: ['dns/headscale-switches@hs'] }],
    [{ override: 'on' }, { ...fine, chat: plainAlone(WORLD), named: ['dns/headscale-switches@hs'] }],
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
    // A search domain is a route to systemd-resolved, where the link has a server at all.
    [
      { override: 'false', magic: false, split: '{ "chat.example.com": [] }' },
      { ...fine, sub: everywhere('') },
    ],
    // All routes with the same servers: systemd-resolved is sent to these, past the tailnet's resolver and its records.
    [
      { override: 'false', magic: false, split: '{ "chat.example.com": [203.0.113.53] }' },
      { ...fine, chat: plainAlone(WORLD), inside: plainAlone(PUBLIC), named: ['dns/covered@chat.example.com'] },
    ],
    // One route that is unlike the others, and the tailnet's resolver is asked again.
    [
      { override: 'false', magic: false, split: '{ "example.com": [203.0.113.53], "chat.example.com": [] }' },
      { ...fine, sub: everywhere('') },
    ],
    // With nothing to route, Tailscale 1.102.3 writes a resolv.conf without a name server: no name is found any more.
    [
      { override: 'false', magic: false },
      {
        chat: { motoko: WORLD, togusa: '' },
        inside: { motoko: PUBLIC, togusa: '' },
        www: { motoko: '198.51.100.9', togusa: '' },
        sub: { motoko: '198.51.100.10', togusa: '' },
        named: ['dns/covered@chat.example.com'],
      },
    ],
  ])('%j', async (settings, row) => {
    await net.heard(dns(settings));
    for (const client of CLIENTS) {
      // It always answers its own records, whoever asks it or not.
      expect(await net.tailnetSays(client, 'chat.example.com')).toBe(VPN);
      const want = { chat: row.chat[client], inside: row.inside[client], www: row.www[client], sub: row.sub[client] };
      // The operating system is told a moment later than the tailnet's resolver: what one name is may be as before, and another's not yet.
      const found = await net.until(
        async () => ({
          chat: await net.osSays(client, 'chat.example.com'),
          inside: await net.osSays(client, 'in.tail.example.net'),
          www: await net.osSays(client, 'www.example.com'),
          sub: await net.osSays(client, 'sub.chat.example.com'),
        }),
        (it) => isDeepStrictEqual(it, want),
      );
      expect(found).toEqual(want);
    }
    expect(await named()).toEqual(row.named ?? []);
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
  expect(await net.osSettles('motoko', 'plain.example.org', VPN)).toBe(VPN);
  const names = ['untyped', 'six', 'crossed', 'dotted', 'two', 'cname', 'small', 'text', 'short', 'capital', 'any.wild'];
  const found = await net.on(
    'motoko',
    `for n in ${names.join(' ')}; do echo "$n: $(getent ahosts $n.example.org | cut -d' ' -f1 | sort -u | xargs)"; done`,
  );
  expect(found.split('\n').map((line) => line.trim())).toEqual([
    `untyped: ${VPN}`,
    'six: fd7a:115c:a1e0::e',
    `crossed: ${VPN}`, // the address says of which kind it is
    `dotted: ${VPN}`,
    `two: ${VPN}`, // one of them is answered, the first
    'cname:',
    'small:',
    'text:',
    'short:',
    'capital:', // questions are lower case by then
    'any.wild:',
  ]);
  // The network map brings them all; the client drops them.
  const status = await net.on('motoko', 'tailscale dns status --json | jq -r ".ExtraRecords | length"');
  expect(status).toBe('14');
  const answer = (type: string): Promise<string> =>
    net.on(
      'motoko',
      `dig +noedns +noadflag @100.100.100.100 plain.example.org ${type} | sed -n 's/.*status: \\([A-Z]*\\).*/\\1/p; s/^;; flags: \\([a-z ]*\\);.* ANSWER: \\([0-9]*\\),.*/\\1 \\2/p; s/^plain.example.org\\.[^0-9]*\\([0-9]*\\).*/ttl \\1/p' | xargs`,
    );
  expect(await Promise.all(['A', 'AAAA', 'TYPE65', 'MX', 'NS'].map(answer))).toEqual([
    'NOERROR qr aa rd ra 1 ttl 5',
    'NOERROR qr aa rd ra 0',
    'NOERROR qr aa rd ra 0',
    'NOERROR qr aa rd ra 0',
    'NOTIMP qr aa rd ra 0',
  ]);
});

describe('a file of records', () => {
  const FILE = '/var/lib/headscale/records.json';
  const of = (address: string): string => `[{"name":"chat.example.com","type":"A","value":"${address}"}]`;
  const settles = (want: string): Promise<string> =>
    net.until(
      () => net.tailnetSays('motoko', 'chat.example.com'),
      (said) => said === want,
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
    const refused = (): Promise<string> => net.on('hs', 'journalctl -u headscale --no-pager | grep -c "unmarshalling records" || true');
    const before = await refused();
    await net.on('hs', `echo '${of('100.64.1.5').replace(']', ',]')}' >${FILE}`);
    expect(await net.until(refused, (said) => said !== before)).not.toBe(before);
    expect(await net.tailnetSays('motoko', 'chat.example.com')).toBe('100.64.1.4');
    await net.on('hs', `echo '${of('100.64.1.6')}' >${FILE}`);
    expect(await settles('100.64.1.6')).toBe('100.64.1.6');
  });
});

describe('a client that does not listen, or is not listened to', () => {
  beforeAll(() => net.heard(dns({ override: 'true' })));
  test.each<readonly [what: string, Client, script: string, undo: string, found: string, tailnetSays: string, named: string]>([
    [
      'accept-dns is off: systemd-resolved',
      'motoko',
      'tailscale set --accept-dns=false',
      'tailscale set --accept-dns=true',
      WORLD,
      VPN,
      'dns/accept-dns@motoko',
    ],
    [
      'accept-dns is off: resolv.conf',
      'togusa',
      'tailscale set --accept-dns=false',
      'tailscale set --accept-dns=true',
      WORLD,
      VPN,
      'dns/accept-dns@togusa',
    ],
    [
      'userspace networking: nothing leads to the resolver',
      'togusa',
      'echo FLAGS=--tun=userspace-networking >/etc/default/tailscaled; systemctl restart tailscaled',
      'rm /etc/default/tailscaled; systemctl restart tailscaled',
      WORLD,
      '',
      'dns/userspace@togusa',
    ],
    [
      'the link’s domains are gone from systemd-resolved, and are not told again',
      'motoko',
      'resolvectl revert tailscale0',
      'systemctl restart tailscaled',
      WORLD,
      VPN,
      'dns/split-domain@chat.example.com/motoko',
    ],
    [
      // Tailscale takes the file for the way that names go, and writes it; glibc asks systemd-resolved first, which has another link.
      'resolv.conf is no stub of systemd-resolved, and glibc asks that nevertheless',
      'motoko',
      'rm /etc/resolv.conf; echo nameserver 203.0.113.53 >/etc/resolv.conf; systemctl restart tailscaled',
      'ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf; systemctl restart tailscaled',
      WORLD,
      VPN,
      'dns/split-domain@chat.example.com/motoko',
    ],
    [
      '/etc/hosts',
      'motoko',
      `cp /etc/hosts /root/hosts; echo 198.51.100.66 chat.example.com >>/etc/hosts`,
      'cp /root/hosts /etc/hosts',
      '198.51.100.66',
      VPN,
      'dns/hosts-file@chat.example.com/motoko',
    ],
  ])('%s', async (_, client, script, undo, found, says, cause) => {
    await net.on(client, script);
    try {
      expect(await net.osSettles(client, 'chat.example.com', found)).toBe(found);
      const asked = await net.until(
        () => net.tailnetSays(client, 'chat.example.com'),
        (said) => said === says,
      );
      expect(asked).toBe(says);
      // The client itself sees nothing wrong, once it has found its way back to Headscale.
      const well = 'true []';
      const health = await net.until(
        () => net.on(client, `tailscale status --json | jq -r '"\\(.Self.Online) \\(.Health)"'`),
        (said) => said === well,
      );
      expect(health).toBe(well);
      // A tailscaled that was just started tells the operating system a moment later.
      expect(await net.until(named, (said) => isDeepStrictEqual(said, [cause]), 30)).toEqual([cause]);
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
      ),
    ).toBe('1');
    await net.on('motoko', 'systemctl restart systemd-resolved');
    expect(await net.osSettles('motoko', 'chat.example.com', VPN)).toBe(VPN);
  });
});

describe('fabric deploy dns', () => {
  const CONFIG = '/etc/headscale/config.yaml';
  const config = (): Promise<string> => net.on('hs', `cat ${CONFIG}`);
  /** Of this start: another after each restart. */
  const started = (): Promise<string> => net.on('hs', 'systemctl show -p InvocationID --value headscale');
  const foundBy = async (name: string): Promise<Found> => ({
    motoko: await net.osSettles('motoko', name, VPN),
    togusa: await net.osSettles('togusa', name, VPN),
  });
  const NOTHING = { code: 0, out: 'hs: nothing to change' };

  describe('REX-33', () => {
    test('is named, and mended by the narrow way: the lines of one route, and all else as it was', async () => {
      await net.heard(dns({ override: 'false' }));
      expect(await net.osSettles('motoko', 'chat.example.com', WORLD)).toBe(WORLD);
      const was = await config();
      const doctor = await net.fabric(YAML, ['doctor', 'dns']);
      expect(doctor).toMatchObject({
        code: 1,
        out: expect.stringMatching(/✗ dns\/covered@chat\.example\.com REX-33 [\s\S]*198\.51\.100\.7/),
      });
      const planned = await net.fabric(YAML, ['deploy', 'dns', '--dry-run', '--exit-code']);
      expect(planned).toMatchObject({ code: 6, out: expect.stringContaining('all else stays with the resolver that they have') });
      expect([await config(), await net.osSays('motoko', 'chat.example.com')]).toEqual([was, WORLD]);

      expect(await net.fabric(YAML, ['fix', 'REX-33', '--yes'])).toMatchObject({ code: 0 });
      expect(await foundBy('chat.example.com')).toEqual(everywhere(VPN));
      // What is theirs stays theirs.
      expect(await net.osSays('motoko', 'www.example.com')).toBe('198.51.100.9');
      // And it leads there: through WireGuard.
      expect(await net.on('motoko', 'curl -s -m 100 http://chat.example.com:8000/name')).toBe('togusa');
      expect(await config()).toBe(was.replace('    split: {}\n', '    split:\n      "chat.example.com": []\n'));
      expect(await net.on('hs', `stat -c '%a %U:%G' ${CONFIG}; ls -A /etc/headscale | xargs`)).toBe(
        '640 root:headscale\ncert.pem config.yaml key.pem',
      );
    });
    test('a second time there is nothing to do, and nothing restarts', async () => {
      const [was, run] = [await config(), await started()];
      expect(await net.fabric(YAML, ['deploy', 'dns', '--yes'])).toMatchObject(NOTHING);
      expect([await config(), await started()]).toEqual([was, run]);
      expect(await net.fabric(YAML, ['doctor', 'dns'])).toMatchObject({ code: 0 });
    });
    test('and is taken back: the file as it was, and what it did', async () => {
      expect(await net.fabric(YAML, ['fix', '--undo', '--yes'])).toMatchObject({ code: 0 });
      expect(await config()).toContain('    split: {}\n');
      expect(await net.osSettles('motoko', 'chat.example.com', WORLD)).toBe(WORLD);
    });
    test('is mended by the wide way, where a word stands that is no boolean', async () => {
      await net.heard(dns({ override: 'yes' }));
      const was = await config();
      expect(await net.osSettles('motoko', 'chat.example.com', WORLD)).toBe(WORLD);
      const { code, out } = await net.fabric(YAML, ['deploy', 'dns', '--remedy', 'override', '--yes']);
      expect([code, out]).toEqual([
        0,
        expect.stringContaining('their own resolver, and the names that it alone knows, are not asked any more'),
      ]);
      expect(await foundBy('chat.example.com')).toEqual(everywhere(VPN));
      expect(await config()).toBe(was.replace('override_local_dns: yes', 'override_local_dns: true'));
    });
  });

  test('records are added and corrected, and a route for the one name alone that needs it', async () => {
    const names = ['chat.example.com', 'mayi.example.com', 'in.tail.example.net'];
    const yaml = FABRIC(names.map((name) => `${name}: ${VPN}`).join(', '), BY_UNIT);
    const wrong = `  extra_records:\n${CHAT.replace(VPN, '100.64.0.99')}    # the last one\n`;
    await net.heard(dns({ override: 'false', split: '{ chat.example.com: [] }' }, wrong));
    expect(await net.fabric(yaml, ['deploy', 'dns', '--yes'])).toMatchObject({ code: 0 });
    for (const name of names) expect([name, await foundBy(name)]).toEqual([name, everywhere(VPN)]);
    const now = await config();
    expect(now).toContain('    split: { chat.example.com: [], "mayi.example.com": [] }\n');
    expect(now).toContain('    # the last one');
    expect(now).not.toContain('100.64.0.99');
  });

  test('a file of records changes without a restart', async () => {
    const FILE = '/var/lib/headscale/records.json';
    await net.on('hs', `echo '[]' >${FILE}; chown headscale: ${FILE}`);
    await net.headscale(dns({ override: 'true' }, `  extra_records_path: ${FILE} # ours\n`));
    expect(await net.osSettles('motoko', 'chat.example.com', WORLD)).toBe(WORLD);
    const [was, run] = [await config(), await started()];
    expect(await net.fabric(YAML, ['deploy', 'dns', '--yes'])).toMatchObject({ code: 0 });
    expect(await foundBy('chat.example.com')).toEqual(everywhere(VPN));
    expect([await config(), await started(), await net.on('hs', `stat -c %U ${FILE}`)]).toEqual([was, run, 'headscale']);
    expect(await net.fabric(YAML, ['deploy', 'dns', '--yes'])).toMatchObject(NOTHING);
  });

  test('a file that Headscale refuses is never in force: configtest says why, and nothing restarts', async () => {
    await net.heard(dns({ override: 'false' }));
    // base_domain above server_url's host is fatal, at the next start.
    await net.on('hs', `sed -i 's/base_domain: .*/base_domain: example.org/' ${CONFIG}`);
    const [was, run] = [await config(), await started()];
    const { code, err } = await net.fabric(YAML, ['deploy', 'dns', '--yes']);
    expect([code, err]).toEqual([1, expect.stringMatching(/server_url[\s\S]*everything is as it was/)]);
    expect([await config(), await started()]).toEqual([was, run]);
    expect(await net.on('hs', 'ls -A /etc/headscale | xargs')).toBe('cert.pem config.yaml key.pem');
  });

  describe('in a container', () => {
    const OUTSIDE = '/opt/services/headscale/config';
    const yaml = FABRIC(`chat.example.com: ${VPN}`, `{ host: hs, container: headscale, config: ${OUTSIDE}/config.yaml }`);
    // An image as upstream makes it: one program, and no shell.
    beforeAll(() =>
      net.on(
        'hs',
        `set -eu; systemctl stop headscale; mkdir -p /tmp/image/usr/bin /tmp/image/etc /tmp/image/tmp; cp /opt/tailnet/headscale /tmp/image/usr/bin/
tar -C /tmp/image -c . | podman import -q --change 'ENTRYPOINT ["/usr/bin/headscale"]' --change 'ENV PATH=/usr/bin' - localhost/headscale:lab >/dev/null; rm -r /tmp/image`,
      ),
    );
    const run = (mounts: string, part: string): Promise<string> =>
      net.on(
        'hs',
        `set -eu; podman rm -f -t 0 headscale >/dev/null 2>&1 || true; mkdir -p ${OUTSIDE}; cp /etc/headscale/*.pem ${OUTSIDE}/
sed '/^dns:/,$d' ${CONFIG} >${OUTSIDE}/config.yaml; cat >>${OUTSIDE}/config.yaml <<'X'\n${part}X
echo '[]' >${OUTSIDE}/records.json
podman run -d --name headscale --network host --read-only ${mounts} -v /var/lib/headscale:/var/lib/headscale localhost/headscale:lab serve >/dev/null
for i in $(seq 600); do podman exec headscale headscale users list >/dev/null 2>&1 && exit; sleep 0.1; done; podman logs headscale >&2; exit 1`,
      );
    const FOLDER = `-v ${OUTSIDE}:/etc/headscale:ro`;
    const ALONE = ['config.yaml', 'records.json', 'cert.pem', 'key.pem']
      .map((file) => `-v ${OUTSIDE}/${file}:/etc/headscale/${file}:ro`)
      .join(' ');
    const startedAt = (): Promise<string> => net.on('hs', `podman container inspect --format '{{.State.StartedAt}}' headscale`);

    test.each([
      ['its folder is mounted', FOLDER],
      ['config.yaml is mounted alone', ALONE],
    ])('REX-33 is mended where %s', async (_, mounts) => {
      await run(mounts, dns({ override: 'false' }));
      expect(await net.osSettles('motoko', 'chat.example.com', WORLD)).toBe(WORLD);
      const { code, err } = await net.fabric(yaml, ['deploy', 'dns', '--yes']);
      expect([code, err]).toEqual([0, expect.stringContaining('✓ headscale configtest')]);
      expect(await foundBy('chat.example.com')).toEqual(everywhere(VPN));
      expect(await net.fabric(yaml, ['deploy', 'dns', '--yes'])).toMatchObject(NOTHING);
    });
    test.each([
      ['its folder is mounted: no restart', FOLDER, true],
      ['it is mounted alone, so that what takes its place is not seen: a restart', ALONE, false],
    ])('a file of records, where %s', async (_, mounts, same) => {
      await run(mounts, dns({ override: 'true' }, '  extra_records_path: /etc/headscale/records.json\n'));
      expect(await net.osSettles('motoko', 'chat.example.com', WORLD)).toBe(WORLD);
      const was = await startedAt();
      expect(await net.fabric(yaml, ['deploy', 'dns', '--yes'])).toMatchObject({ code: 0 });
      expect(await foundBy('chat.example.com')).toEqual(everywhere(VPN));
      expect((await startedAt()) === was).toBe(same);
    });
    test('the path in the container is not taken for the host’s', async () => {
      const wrong = yaml.replace(`${OUTSIDE}/config.yaml`, CONFIG);
      const said = `${CONFIG} in headscale is ${OUTSIDE}/config.yaml of hs, and fabric.yaml says ${CONFIG}`;
      expect(await net.fabric(wrong, ['deploy', 'dns', '--yes'])).toMatchObject({ code: 2, err: expect.stringContaining(said) });
    });
  });
});
