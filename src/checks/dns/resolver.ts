import { defineCheck, type Finding, resultId } from '../../check.ts';
import { isLost, type Lost } from '../../evidence.ts';
import { askCommand, dnsReply } from '../../probes/dns.ts';
import { astrayText, explain, lookUps, spotsAt, tailnetAsks, typeOf } from '../../probes/names.ts';
import userspace from './userspace.ts';

export default defineCheck({
  id: 'dns/resolver',
  rex: ['REX-33'],
  standing: true,
  title: 'The tailnet’s resolver answers over UDP and over TCP',
  story:
    'tailscaled answers DNS on its own address, on the machine itself: silence is a machine that is not in the tailnet, a container that is kept from it, or a firewall. Silence over UDP alone is a firewall, and resolvers hardly ever try TCP. ' +
    '`tailscale dns query` proves nothing here: it asks tailscaled from within.',
  decides:
    'Each name, asked of the tailnet’s resolver over both: all of UDP silent while TCP answers is a failure; both silent is one where a name leads applications astray. Whoever has no tailnet and finds the names all the same is right. Its IPv6 address may be silent; it may not say something else.',
  sources: [
    'Tailscale: wgengine/netstack (UDP and TCP 53 on 100.100.100.100); issues 14467 and 12108',
    'Tailscale: net/tsaddr (fd7a:115c:a1e0::53)',
  ],
  each: (fabric) =>
    (fabric.dns?.from ?? []).map((at) => {
      const mine = spotsAt(fabric, at);
      const { resolver, resolver6 } = fabric.tailnet;
      const asks = mine.flatMap((spot) =>
        tailnetAsks(fabric, spot)
          .filter(({ type }) => type === typeOf(spot.name))
          .map((one) => ({ ...one, spot })),
      );
      const sixth = mine.slice(0, 1).map((spot) => ({
        spot,
        probe: dnsReply({ at, server: resolver6, name: spot.name.name, type: typeOf(spot.name), transport: 'udp' }),
      }));
      return {
        subject: at,
        needs: [...lookUps(mine), ...asks.map(({ probe }) => probe), ...sixth.map(({ probe }) => probe)],
        blockedBy: [resultId(userspace, at)],
        judge: (facts): readonly (Finding | Lost)[] => {
          const heard = asks.map(({ transport, probe, spot }) => ({ transport, spot, reply: facts.maybe(probe) }));
          const lost = heard.flatMap(({ reply }) => (isLost(reply) ? [reply] : []));
          const over = (transport: 'udp' | 'tcp') => heard.filter((one) => one.transport === transport);
          const silent = (transport: 'udp' | 'tcp'): boolean =>
            over(transport).every(({ reply }) => !isLost(reply) && reply.is === 'silent');
          const why = over('udp').flatMap(({ reply }) => (!isLost(reply) && reply.is === 'silent' ? [reply.why] : []))[0] ?? '';
          const [first] = mine;
          if (first === undefined) return [];
          const reproduce = askCommand(fabric, { at, server: resolver, name: first.name.name, type: typeOf(first.name), transport: 'udp' });
          if (silent('udp') && over('tcp').some(({ reply }) => !isLost(reply) && reply.is === 'answer'))
            return [
              {
                severity: 'fail',
                saw: `${resolver} answers ${at} over TCP, and not over UDP (${why})`,
                want: 'an answer over UDP',
                advice: `Something on ${at} drops UDP to port 53 of ${resolver}: look at its firewall (nft list ruleset, iptables -S), and at programs that take over DNS. In a container: --stateful-filtering=false.`,
                reproduce,
              },
            ];
          if (silent('udp') && silent('tcp'))
            return explain(facts, mine, (astray) => [
              {
                severity: 'fail',
                saw: `${resolver} does not answer ${at} (${why}); ${astrayText(astray)}`,
                want: 'an answer',
                advice: `Is ${at} in the tailnet? tailscale status; a container reaches it only where its host routes to it. Then its firewall.`,
                reproduce,
              },
            ]);
          const replies6 = sixth.map(({ spot, probe }) => ({ spot, reply: facts.maybe(probe) }));
          const differs = replies6.flatMap(({ spot, reply }): readonly Finding[] => {
            const same = heard.find((one) => one.transport === 'udp' && one.spot === spot)?.reply;
            if (isLost(reply) || reply.is === 'silent' || same === undefined || isLost(same) || same.is === 'silent') return [];
            const [there, here] = [reply, same].map(({ status, records }) => `${status} ${records.map(({ data }) => data).join(' ')}`);
            if (there === here) return [];
            return [
              {
                severity: 'fail',
                saw: `${resolver6} says ${there} of ${spot.name.name}, and ${resolver} ${here}`,
                want: 'the same answer by both addresses',
                advice: `${resolver6} is not the tailnet’s resolver on ${at}: look where it is routed (ip -6 route get ${resolver6}).`,
                reproduce: askCommand(fabric, { at, server: resolver6, name: spot.name.name, type: typeOf(spot.name), transport: 'udp' }),
              },
            ];
          });
          return [...lost, ...differs];
        },
      };
    }),
});
