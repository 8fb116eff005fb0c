import { defineCheck, type Finding, resultId } from '../../check.ts';
import { type Facts, isLost, type Lost } from '../../evidence.ts';
import { askCommand, CANARY, dnsReply, givesKeys, leadsTo, saidBy } from '../../probes/dns.ts';
import { foundText, publicA, spots, spotsAt, strangers, typeOf } from '../../probes/names.ts';
import { lookedUp } from '../../probes/resolver.ts';
import { onHost } from '../../reproduce.ts';
import answer from './answer.ts';

export default defineCheck({
  id: 'dns/leak',
  rex: ['REX-33'],
  standing: true,
  title: 'No other record leads the name outside',
  story:
    'A record that overrides A alone leaves AAAA and HTTPS (type 65) to the public zone: a browser with IPv6 prefers the one, and any browser reads addresses and keys for an encrypted ClientHello out of the other. ' +
    'Cloudflare publishes both by itself. And a browser that asks its own resolver over HTTPS asks nobody here.',
  decides:
    'AAAA and HTTPS of the tailnet’s resolver and of the machine’s own, and what its applications find, where they find an address of `inside` as well: an address beside it, or keys, is a failure. Per machine: Firefox turns DNS-over-HTTPS on by itself unless use-application-dns.net has no address, which is a warning where a public resolver leads a name elsewhere.',
  sources: [
    'RFC 9460; Cloudflare: HTTPS records of proxied hosts (alpn, ipv4hint, ipv6hint, ech)',
    'pi-hole/FTL issue 2841 (an A that is overridden, an AAAA that is not); caddyserver/caddy issue 7069 (ECH and split horizon)',
    'support.mozilla.org/kb/canary-domain-use-application-dnsnet; tailscale issue 13909',
  ],
  each: (fabric) => {
    const machines = (fabric.dns?.from ?? []).map((at) => {
      const canary = dnsReply({ at, server: 'os', name: CANARY, type: 'A', transport: 'udp' });
      const mine = spotsAt(fabric, at).map((spot) => ({ spot, probe: publicA(fabric, spot) }));
      return {
        subject: at,
        needs: [canary, ...mine.map(({ probe }) => probe)],
        judge: ({ know, maybe }: Facts): readonly (Finding | Lost)[] => {
          const reply = know(canary);
          if (reply.is === 'silent' || leadsTo(reply).length === 0) return [];
          const heard = mine.map(({ spot, probe }) => ({ spot, reply: maybe(probe) }));
          const elsewhere = heard.find((one) => !isLost(one.reply) && strangers(leadsTo(one.reply), one.spot.name).length > 0);
          if (elsewhere === undefined || isLost(elsewhere.reply)) return heard.flatMap((one) => (isLost(one.reply) ? [one.reply] : []));
          return [
            {
              severity: 'warn',
              saw: `${CANARY} has an address on ${at}, so Firefox may ask a resolver of its own over HTTPS, which says ${saidBy(elsewhere.reply)} of ${elsewhere.spot.name.name}`,
              want: `NXDOMAIN for ${CANARY}`,
              advice: `Have the resolver there say so (dnsmasq: address=/${CANARY}/; Pi-hole and AdGuard Home do), or turn DNS over HTTPS off in the browser (Firefox: network.trr.mode 5; Chrome: Use secure DNS). Or accept it.`,
              reproduce: askCommand(fabric, { at, server: 'os', name: CANARY, type: 'A', transport: 'udp' }),
            },
          ];
        },
      };
    });
    const names = spots(fabric).map((spot) => {
      const { name, at, subject } = spot;
      const found = lookedUp(at, name.name);
      const types = (['AAAA', 'HTTPS'] as const).filter((type) => type !== typeOf(name));
      // Where the tailnet's resolver leaks, the machine's own only passes it on.
      const doors = [
        { server: fabric.tailnet.resolver, transport: 'udp', who: fabric.tailnet.resolver },
        { server: fabric.tailnet.resolver, transport: 'tcp', who: `${fabric.tailnet.resolver} over TCP` },
        { server: 'os', transport: 'udp', who: `the resolver of ${at}` },
      ] as const;
      const asks = types.map((type) => ({
        type,
        of: doors.map(({ who, ...door }) => ({ who, ask: { at, name: name.name, type, ...door } })),
      }));
      return {
        subject,
        needs: [found, ...asks.flatMap(({ of }) => of.map(({ ask }) => dnsReply(ask)))],
        blockedBy: [resultId(answer, subject)],
        judge: ({ know, maybe }: Facts): readonly (Finding | Lost)[] => {
          const addresses = know(found);
          // All of it elsewhere: then nothing leaks, the name is astray.
          if (!addresses.some((one) => name.inside.includes(one))) return [];
          const beside = strangers(addresses, name);
          const said = asks.flatMap(({ type, of }): readonly (Finding | Lost)[] => {
            const heard = of.map(({ who, ask }) => ({ who, ask, reply: maybe(dnsReply(ask)) }));
            const leaks = heard.flatMap(({ who, ask, reply }) =>
              isLost(reply) || (strangers(leadsTo(reply), name).length === 0 && !givesKeys(reply)) ? [] : [{ who, ask, reply }],
            );
            const [first] = leaks;
            if (first === undefined) return heard.flatMap(({ reply }) => (isLost(reply) ? [reply] : []));
            const { who, ask, reply } = first;
            return [
              {
                severity: 'fail',
                saw: `${who} answers ${type} of ${name.name}: ${saidBy(reply)}`,
                want: `no ${type} record inside, or one that leads to ${name.inside.join(', ')}`,
                advice: `Whoever answers A there must answer ${type} too, with nothing: in dnsmasq local=/${name.name}/, in unbound a redirect zone, in Pi-hole a current version; in the tailnet’s own resolver a record does it.${givesKeys(reply) ? ' The keys are of who publishes them (Cloudflare): a server inside cannot read what a browser encrypts for them.' : ''}`,
                reproduce: askCommand(fabric, ask),
              },
            ];
          });
          if (beside.length === 0 || said.some((one) => 'severity' in one)) return said;
          return [
            ...said,
            {
              severity: 'fail',
              saw: `applications on ${at} find ${foundText(addresses)} for ${name.name}`,
              want: name.inside.join(', '),
              advice: 'One of its resolvers answers from outside: compare what each says (resolvectl query, dig).',
              reproduce: onHost(fabric, at, `getent ahosts ${name.name}`),
            },
          ];
        },
      };
    });
    return [...names, ...machines];
  },
});
