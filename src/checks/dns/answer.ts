import { defineCheck, type Finding, resultId } from '../../check.ts';
import { isLost, type Lost } from '../../evidence.ts';
import { askCommand, leadsTo, saidBy } from '../../probes/dns.ts';
import { astrayText, explain, isRight, lookUps, publicA, spots, tailnetAsks, typeOf } from '../../probes/names.ts';
import loaded from './headscale-loaded.ts';
import paths from './headscale-paths.ts';
import netmap from './netmap.ts';
import record from './record.ts';
import resolver from './resolver.ts';

export default defineCheck({
  id: 'dns/answer',
  rex: ['REX-33'],
  standing: true,
  title: 'The tailnet’s resolver says where the name is inside',
  story:
    '100.100.100.100 answers the tailnet’s records itself and forwards the rest, and nothing in the answer tells which (AA comes of both). A public address from it is a wrong record or a forwarded question; that a public resolver says the same does not make it right.',
  decides:
    'Its address over UDP and over TCP, where the name leads applications astray: one of `inside` and no other. Silence is dns/resolver’s, and AAAA and HTTPS beside it are dns/leak’s.',
  sources: ['Tailscale: net/dns/resolver/tsdns.go', 'measured: Tailscale 1.102.3 passes its upstream’s AA on (docs/dns.md)'],
  spared: { 'public/*': 'tells whether a public resolver says the same' },
  each: (fabric) =>
    spots(fabric).map((spot) => {
      const { name, at, subject } = spot;
      const asks = tailnetAsks(fabric, spot).filter(({ type }) => type === typeOf(name));
      const outside = publicA(fabric, spot);
      const host = fabric.dns?.headscale?.host;
      return {
        subject,
        needs: [...lookUps([spot]), ...asks.map(({ probe }) => probe), outside],
        blockedBy: [
          resultId(resolver, at),
          resultId(netmap, subject),
          ...(host === undefined ? [] : [resultId(paths, host), resultId(loaded, host), resultId(record, name.name)]),
        ],
        judge: (facts): readonly (Finding | Lost)[] =>
          explain(facts, [spot], (astray) =>
            asks.flatMap(({ transport, type, probe }): readonly (Finding | Lost)[] => {
              const reply = facts.maybe(probe);
              if (isLost(reply)) return [reply];
              if (reply.is === 'silent') return [];
              const to = leadsTo(reply);
              if (isRight(to, name)) return [];
              const elsewhere = facts.maybe(outside);
              const agree =
                !isLost(elsewhere) && to.length > 0 && saidBy(elsewhere) === saidBy(reply) ? ` (${fabric.dns?.public} agrees)` : '';
              return [
                {
                  severity: 'fail',
                  saw: `${fabric.tailnet.resolver} says of ${name.name} ${type} over ${transport.toUpperCase()}: ${saidBy(reply)}${agree}; ${astrayText(astray)}`,
                  want: name.inside.join(' or '),
                  advice:
                    to.length > 0
                      ? 'It has a record that says so, or none, and passes on what a nameserver says: correct the record, or give the name one (Headscale: extra_records).'
                      : 'It has no record of it, and no nameserver that knows: give it the record (Headscale: extra_records), or a nameserver for the domain.',
                  reproduce: askCommand(fabric, { at, server: fabric.tailnet.resolver, name: name.name, type, transport }),
                },
              ];
            }),
          ),
      };
    }),
});
