// Packets against rule sets that were recorded from Docker 28.5 with and without Tailscale's rules, and against edits of them.
import { expect, test } from 'vitest';
import { destinationRule, type Packet, parseRules, type Ruleset, sourceRule } from '../src/services/netfilter.ts';

const BRIDGE = 'br-346ff76592b0';
/** Docker alone; `forward` and `post` stand in front of Docker's own rules. Recorded, other networks' lines left out. */
const rules = (forward = '', post = '', more = '', filter = ''): string => `*filter
:INPUT ACCEPT [50:15286]
:FORWARD ACCEPT [0:0]
:DOCKER - [0:0]
:DOCKER-BRIDGE - [0:0]
:DOCKER-CT - [0:0]
:DOCKER-FORWARD - [0:0]
:DOCKER-USER - [0:0]
${forward}-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-FORWARD
-A DOCKER -d 172.20.1.2/32 ! -i ${BRIDGE} -o ${BRIDGE} -p udp -m udp --dport 443 -j ACCEPT
-A DOCKER -d 172.20.1.2/32 ! -i ${BRIDGE} -o ${BRIDGE} -p tcp -m tcp --dport 443 -j ACCEPT
-A DOCKER ! -i ${BRIDGE} -o ${BRIDGE} -j DROP
-A DOCKER-BRIDGE -o ${BRIDGE} -j DOCKER
-A DOCKER-CT -o ${BRIDGE} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A DOCKER-FORWARD -j DOCKER-CT
-A DOCKER-FORWARD -j DOCKER-BRIDGE
-A DOCKER-FORWARD -i ${BRIDGE} -j ACCEPT
${filter}COMMIT
*nat
:PREROUTING ACCEPT [12:7728]
:POSTROUTING ACCEPT [66:53031]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
${post}-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A POSTROUTING -s 172.20.1.0/24 ! -o ${BRIDGE} -j MASQUERADE
-A DOCKER -i ${BRIDGE} -j RETURN
-A DOCKER ! -i ${BRIDGE} -p tcp -m tcp --dport 443 -j DNAT --to-destination 172.20.1.2:443
-A DOCKER ! -i ${BRIDGE} -p udp -m udp --dport 443 -j DNAT --to-destination 172.20.1.2:443
${more}COMMIT
`;
const TS_FILTER = `-A ts-forward -i tailscale0 -j MARK --set-xmark 0x40000/0xff0000
-A ts-forward -m mark --mark 0x40000/0xff0000 -j ACCEPT
-A ts-forward -s 100.64.0.0/10 -o tailscale0 -j DROP
-A ts-forward -o tailscale0 -j ACCEPT
`;
const TS_NAT = '-A ts-postrouting -m mark --mark 0x40000/0xff0000 -j MASQUERADE\n';
const FORWARD = '-A FORWARD -j ts-forward\n';
const POST = '-A POSTROUTING -j ts-postrouting\n';
const behind = (text: string): string => text.replace('-A FORWARD -j DOCKER-FORWARD\n', `-A FORWARD -j DOCKER-FORWARD\n${FORWARD}`);
const tailscaleFirst = rules(FORWARD, POST, TS_NAT, TS_FILTER);
const tailscaleLast = behind(rules('', POST, TS_NAT, TS_FILTER));
const tailscaleAlone = `*filter\n:FORWARD ACCEPT [0:0]\n${FORWARD}${TS_FILTER}COMMIT\n*nat\n:POSTROUTING ACCEPT [0:0]\n${POST}${TS_NAT}COMMIT\n`;

const set = (text: string, backend: 'nft' | 'legacy' = 'nft', family: 4 | 6 = 4): Ruleset => ({
  backend,
  family,
  tables: parseRules(text),
});
const packet: Packet = {
  from: '100.64.0.5',
  to: '172.20.1.2',
  toHost: false,
  in: 'tailscale0',
  out: BRIDGE,
  protocol: 'udp',
  port: 443,
  mark: 0,
  translated: true,
};
const stranger: Packet = { ...packet, from: '203.0.113.9', in: 'eth0' };

const MASKED = 'ts-postrouting -m mark --mark 0x40000/0xff0000 -j MASQUERADE';
test.each([
  ['Docker alone', [set(rules())], packet, null],
  ['Tailscale’s rules first', [set(tailscaleFirst)], packet, MASKED],
  ['Tailscale’s rules first, TCP', [set(tailscaleFirst)], { ...packet, protocol: 'tcp' }, MASKED],
  ['Tailscale’s rules first, a stranger', [set(tailscaleFirst)], stranger, null],
  ['Docker’s rules first', [set(tailscaleLast)], packet, null],
  ['Tailscale’s in legacy, Docker’s in nft', [set(rules()), set(tailscaleAlone, 'legacy')], packet, MASKED],
  ['Docker’s first, and Tailscale’s in legacy as well', [set(tailscaleLast), set(tailscaleAlone, 'legacy')], packet, MASKED],
  ['SNAT off', [set(rules(FORWARD, '', '', TS_FILTER))], packet, null],
  [
    'an exception in front',
    [set(rules(FORWARD, `-A POSTROUTING -s 100.64.0.0/10 -d 172.20.1.0/24 -j ACCEPT\n${POST}`, TS_NAT, TS_FILTER))],
    packet,
    null,
  ],
  [
    'its mark taken off in mangle, which comes before nat',
    [set(`*mangle\n-A POSTROUTING -s 100.64.0.0/10 -d 172.20.1.0/24 -j MARK --set-xmark 0x0/0xff0000\nCOMMIT\n${tailscaleFirst}`)],
    packet,
    null,
  ],
  [
    'the same in the other backend',
    [set(tailscaleFirst), set('*mangle\n-A POSTROUTING -s 100.64.0.0/10 -d 172.20.1.0/24 -j MARK --set-xmark 0x0/0xff0000\n', 'legacy')],
    packet,
    null,
  ],
  ['another bit taken off', [set(`*mangle\n-A POSTROUTING -j MARK --set-xmark 0x0/0xff00\nCOMMIT\n${tailscaleFirst}`)], packet, MASKED],
  [
    'an exception for TCP alone',
    [set(rules(FORWARD, `-A POSTROUTING -s 100.64.0.0/10 -p tcp -j ACCEPT\n${POST}`, TS_NAT, TS_FILTER))],
    packet,
    MASKED,
  ],
  ['all is masqueraded', [set(rules('', '-A POSTROUTING -j MASQUERADE\n'))], stranger, 'POSTROUTING -j MASQUERADE'],
  [
    'all is masqueraded but for who comes to that network from outside of it',
    [set(rules('', '-A POSTROUTING ! -s 172.20.1.0/24 -d 172.20.1.0/24 -j ACCEPT\n-A POSTROUTING -j MASQUERADE\n'))],
    stranger,
    null,
  ],
  [
    'the same, and a container by its own published port',
    [set(rules('', '-A POSTROUTING ! -s 172.20.1.0/24 -d 172.20.1.0/24 -j ACCEPT\n-A POSTROUTING -j MASQUERADE\n'))],
    { ...stranger, from: '172.20.1.2', in: BRIDGE },
    'POSTROUTING -j MASQUERADE',
  ],
  ['what leaves by eth0 is masqueraded', [set(rules('', '-A POSTROUTING -o eth0 -j MASQUERADE\n'))], stranger, null],
  ['of one network', [set(rules('', '-A POSTROUTING ! -s 203.0.113.0/24 -j SNAT --to-source 172.20.1.1\n'))], stranger, null],
  ['rules of the other family', [set(tailscaleFirst, 'nft', 6)], packet, null],
  [
    'what was sent from the host itself',
    [set(rules('', `-A POSTROUTING -o ${BRIDGE} -m addrtype --src-type LOCAL -j MASQUERADE\n`))],
    stranger,
    null,
  ],
  ['a test that is not known', [set(rules('', '-A POSTROUTING -m bpf --bytecode "4,48 0 0 9" -j MASQUERADE\n'))], stranger, null],
  [
    'Docker 26: its accept stands in FORWARD, after',
    [set(rules(`${FORWARD}-A FORWARD -o ${BRIDGE} -j DOCKER\n`, POST, TS_NAT, TS_FILTER))],
    packet,
    MASKED,
  ],
  [
    'Docker 26: its accept stands in FORWARD, before',
    [set(rules(`-A FORWARD -o ${BRIDGE} -j DOCKER\n${FORWARD}`, POST, TS_NAT, TS_FILTER))],
    packet,
    null,
  ],
] as const)('the source of a packet: %s', (_, sets, one, rule) => expect(sourceRule(sets, one)?.text ?? null).toBe(rule));

const arriving: Packet = { ...stranger, to: '198.51.100.7', toHost: true, translated: false, out: '' };
const DNAT = `DOCKER ! -i ${BRIDGE} -p udp -m udp --dport 443 -j DNAT --to-destination 172.20.1.2:443`;
test.each([
  ['Docker’s', rules(), arriving, DNAT],
  ['not this host', rules(), { ...arriving, toHost: false }, null],
  ['another port', rules(), { ...arriving, port: 8443 }, null],
  ['from the bridge', rules(), { ...arriving, in: BRIDGE }, null],
  ['the chain was flushed', rules().replaceAll(/^-A DOCKER .*DNAT.*\n/gm, ''), arriving, null],
  ['nobody leads there', rules().replace(/^-A PREROUTING.*\n/m, ''), arriving, null],
  ['one address alone', rules().replaceAll('-A DOCKER ! -i', '-A DOCKER -d 100.64.0.14/32 ! -i'), arriving, null],
] as const)('the destination of a packet: %s', (_, text, one, rule) => expect(destinationRule([set(text)], one)?.text ?? null).toBe(rule));
