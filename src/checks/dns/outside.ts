import { defineCheck, type Finding } from '../../check.ts';
import { isLost, type Lost } from '../../evidence.ts';
import { askCommand, leadsTo, saidBy } from '../../probes/dns.ts';
import { publicAsk, publicReply } from '../../probes/names.ts';

export default defineCheck({
  id: 'dns/outside',
  rex: ['REX-33'],
  standing: true,
  title: 'A public resolver says where the name is outside',
  story:
    'Two views of one name are two chances to be wrong. A name that is to be private is in the public zone after all, or the public one still has the address of the old server: whoever is not in the tailnet meets it, and so does each machine that is astray.',
  decides:
    'A and AAAA of the public resolver, from the first that must find the names: the addresses of `outside` and no others, or none where it says none. Names without `outside` are not judged.',
  sources: ['fabric.yaml: dns.names'],
  each: (fabric) => {
    const { dns } = fabric;
    const at = dns?.from[0];
    if (dns === undefined || at === undefined) return [];
    return dns.names.flatMap(({ name, outside }) => {
      if (outside === undefined) return [];
      const asks = (['A', 'AAAA'] as const).map((type) => ({
        ask: publicAsk(fabric, at, name, type),
        probe: publicReply(fabric, at, name, type),
      }));
      return [
        {
          subject: name,
          needs: asks.map(({ probe }) => probe),
          judge: ({ maybe }): readonly (Finding | Lost)[] =>
            asks.flatMap(({ ask, probe }): readonly (Finding | Lost)[] => {
              const reply = maybe(probe);
              if (isLost(reply)) return [reply];
              if (reply.is === 'silent') return [{ lost: 'timeout', why: `${dns.public} does not answer ${at} (${reply.why})` }];
              const wanted = outside.filter((one) => one.includes(':') === (ask.type === 'AAAA'));
              const found = leadsTo(reply);
              if (found.every((one) => wanted.includes(one)) && wanted.every((one) => found.includes(one))) return [];
              return [
                {
                  severity: 'fail',
                  saw: `${dns.public} says of ${name} ${ask.type}: ${saidBy(reply)}`,
                  want: wanted.length === 0 ? `no ${ask.type} record outside` : wanted.join(', '),
                  advice: 'Correct the public zone; its TTL is how long the old answer stays with others.',
                  reproduce: askCommand(fabric, ask),
                },
              ];
            }),
        },
      ];
    });
  },
});
