// Windows as a vantage: what is sent, and what is made of an answer in the words that Microsoft documents. Not run on a Windows.
import { expect, test } from 'vitest';
import { asDeclared } from '../src/check.ts';
import acceptDns from '../src/checks/dns/accept-dns.ts';
import hostsFile from '../src/checks/dns/hosts-file.ts';
import { facts, isLost, type Probe, succeeded } from '../src/evidence.ts';
import { examine } from '../src/examine.ts';
import { collect } from '../src/hosts/collect.ts';
import { encodePowerShell, POWERSHELL, quotePowerShell } from '../src/powershell.ts';
import { met } from '../src/probes/certificate.ts';
import { askCommand, dnsReply, resolversSay, saidBy } from '../src/probes/dns.ts';
import { askedFor, inHostsFile, lookedUp, repeated, resolvers } from '../src/probes/resolver.ts';
import { tailscaleDns } from '../src/probes/tailscale.ts';
import { fabricOf, SAMPLE } from './sample.ts';

const fabric = fabricOf(SAMPLE.replace('tailnet:', '  winbox: { address: 100.64.0.9, shell: powershell }\ntailnet:'));
const at = 'winbox';
const NAME = 'mayi.example.net';
const asked = {
  quad: dnsReply({ at, server: '100.100.100.100', name: NAME, type: 'A', transport: 'udp' }),
  none: dnsReply({ at, server: '100.100.100.100', name: NAME, type: 'AAAA', transport: 'tcp' }),
  silent: dnsReply({ at, server: '9.9.9.9', name: NAME, type: 'A', transport: 'udp' }),
  found: lookedUp(at, NAME),
  hosts: inHostsFile(at, NAME),
  resolvers: resolvers(at),
  each: resolversSay(at, NAME, 'A'),
  again: repeated(at, NAME),
  tailscale: tailscaleDns(at),
  tls: met(at, NAME, '100.64.0.14'),
};
const sh: Probe<string> = { key: 'system', question: { at, via: 'sh', script: 'uname -s' }, read: succeeded };

const ANSWER = `#fabric-evidence/1 winbox 1771400000
= dns/udp/A/100.100.100.100/${NAME} 0
| ;; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 0
| ${NAME}. 600 IN A 100.64.0.14
= dns/tcp/AAAA/100.100.100.100/${NAME} 0
| ;; ->>HEADER<<- opcode: QUERY, status: NXDOMAIN, id: 0
= dns/udp/A/9.9.9.9/${NAME} 0
| ;; no servers could be reached: timed out
= looked-up/${NAME} 0
| 203.0.113.14
= hosts-file/${NAME} 0
= resolvers 0
| system Windows
| conf nameserver 192.168.1.1
| nrpt .tail.example.net 100.100.100.100
= resolvers-say/A/${NAME} 0
| = 192.168.1.1
| ;; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 0
| ${NAME}. 600 IN A 203.0.113.14
| = fec0:0:0:ffff::1
| ;; no servers could be reached: timed out
= repeated/${NAME} 0
| absent
= tailscale/dns 1
! failed to connect to local Tailscale service; is Tailscale running?
= met/100.64.0.14/${NAME} 0
| verdict 60
| curl: (60) schannel: SNI or certificate check failed: SEC_E_WRONG_PRINCIPAL (0x80090322) - The target principal name is incorrect.
. end
`;

test('one exec, in PowerShell; its lines end as Windows ends them; what is asked in sh alone is lost with the reason', async () => {
  const sent: string[] = [];
  const probes = [...Object.values(asked), sh];
  const evidence = await collect(probes, {
    fabric,
    keyring: new Map(),
    now: () => 1,
    connector: async () => ({
      exec: async (command, stdin) => {
        sent.push(command, stdin);
        return { code: 0, out: ANSWER.replaceAll('\n', '\r\n'), err: '' };
      },
      close: async () => {},
    }),
  });
  expect(sent).toHaveLength(2);
  expect(sent[0]).toBe(POWERSHELL);
  const { know, maybe } = facts(evidence, probes);
  expect(know(asked.quad)).toEqual({
    is: 'answer',
    status: 'NOERROR',
    aa: null,
    records: [{ ttl: 600, type: 'A', data: '100.64.0.14' }],
    milliseconds: null,
  });
  expect(know(asked.none)).toMatchObject({ status: 'NXDOMAIN', records: [] });
  expect(know(asked.silent)).toEqual({ is: 'silent', why: 'timed out' });
  expect([know(asked.found), know(asked.hosts), know(asked.again)]).toEqual([['203.0.113.14'], [], null]);
  const { links } = know(asked.resolvers);
  expect([NAME, 'host.tail.example.net'].map((name) => askedFor(links ?? [], name).flatMap(({ servers }) => servers))).toEqual([
    ['192.168.1.1'],
    ['100.100.100.100'],
  ]);
  expect(know(asked.each).map(({ server, reply }) => `${server} ${saidBy(reply)}`)).toEqual([
    '192.168.1.1 203.0.113.14',
    'fec0:0:0:ffff::1 silence (timed out)',
  ]);
  expect(know(asked.tailscale)).toEqual({ is: 'no daemon' });
  expect(know(asked.tls)).toEqual({ against: expect.stringContaining('WRONG_PRINCIPAL'), names: [] });
  const lost = maybe(sh);
  expect(isLost(lost) && lost).toMatchObject({ lost: 'unsupported', why: 'winbox answers in PowerShell, and this is asked in sh alone' });
});

test('what a person may try there is PowerShell as well', () =>
  expect(askCommand(fabric, { at, server: '100.100.100.100', name: NAME, type: 'HTTPS', transport: 'tcp' })).toBe(
    `ssh 100.64.0.9 'powershell -Command "Resolve-DnsName -Name '\\''${NAME}'\\'' -Type 65 -DnsOnly -NoHostsFile -TcpOnly -Server '\\''100.100.100.100'\\''"'`,
  ));

test('what mends it is told for Windows', () => {
  const names = fabricOf(
    `${SAMPLE.replace('tailnet:', '  winbox: { address: 100.64.0.9, shell: powershell }\ntailnet:')}dns:\n  names: { ${NAME}: 100.64.0.14 }\n  from: [winbox]\n`,
  );
  const ok = (out: string) => ({ code: 0, out, err: '' });
  const answers = new Map([
    [`looked-up/${NAME}`, ok('203.0.113.14')],
    [`hosts-file/${NAME}`, ok('203.0.113.14')],
    ['tailscale/dns', ok('  "BackendState": "Running",\n  "TUN": true,\n= prefs\n\t"CorpDNS": false,\n= dns\n')],
  ]);
  const { results } = examine(names, [hostsFile, acceptDns], [{ vantage: at, at: 0, answers }], asDeclared, 0);
  const told = results.flatMap((result) => ('findings' in result ? result.findings.map(({ advice }) => advice) : []));
  expect(told).toEqual([
    'Take the line out, as an administrator: C:\\Windows\\System32\\drivers\\etc\\hosts.',
    expect.stringMatching(/^Turn it on: tailscale set --accept-dns=true\./),
  ]);
});

test('every question of DNS has its PowerShell, and a name cannot leave its quotes', () => {
  for (const { question } of Object.values(asked)) expect(question.via === 'sh' && question.powershell).toBeTruthy();
  expect(quotePowerShell("it's")).toBe("'it''s'");
  const script = encodePowerShell(at, new Map([["k'", "'absent'"]]));
  expect(script).toContain("Ask 'k''' {\n'absent'\n}");
  expect(script.trimEnd().endsWith("'. end'")).toBe(true);
  // Braces and quotes that do not match would take the rest of the script with them.
  const questions = Object.values(asked).map(
    ({ key, question }) => [key, question.via === 'sh' ? (question.powershell ?? '') : ''] as const,
  );
  const bare = encodePowerShell(at, new Map(questions))
    .replaceAll(/'(?:[^']|'')*'|"(?:`.|[^"`])*"/g, '')
    .replaceAll(/^#.*$/gm, '');
  for (const [open = '', close = ''] of [
    ['{', '}'],
    ['(', ')'],
    ['[', ']'],
  ])
    expect(bare.split(open).length, open).toBe(bare.split(close).length);
  expect(bare).not.toMatch(/['"]/);
});
