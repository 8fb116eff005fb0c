import { defineCheck, type Finding, resultId } from '../../check.ts';
import type { Lost } from '../../evidence.ts';
import { astrayText, explain, foundText, isRight, lookUps, spots } from '../../probes/names.ts';
import { repeated } from '../../probes/resolver.ts';
import { onHost } from '../../reproduce.ts';
import hostsFile from './hosts-file.ts';
import resolver from './resolver.ts';

export default defineCheck({
  id: 'dns/cache',
  rex: ['REX-33'],
  standing: true,
  title: 'No cache holds what the name was before',
  story:
    'After a record was changed, a machine keeps the old answer for as long as it was told to: ten minutes from Tailscale up to 1.102.0, and an absent name longer still. Everything is right, and the fix seems not to work.',
  decides:
    'systemd-resolved’s usual answer, from its cache, and four past it, where the name leads applications astray: the cached one wrong and all fresh ones right.',
  sources: ['Tailscale: net/dns/resolver/tsdns.go (600 s, and 5 s from 1.102.1)', 'resolvectl(1), --cache= and flush-caches'],
  each: (fabric) =>
    spots(fabric).map((spot) => {
      const { name, at, subject } = spot;
      const again = repeated(at, name.name);
      return {
        subject,
        needs: [again, ...lookUps([spot])],
        blockedBy: [resultId(resolver, at), resultId(hostsFile, subject)],
        judge: (facts): readonly (Finding | Lost)[] =>
          explain(facts, [spot], (astray) => {
            const tries = facts.know(again);
            if (tries === null || !tries.cached || isRight(tries.usual, name)) return [];
            if (tries.fresh.length === 0 || !tries.fresh.every(({ addresses }) => isRight(addresses, name))) return [];
            return [
              {
                severity: 'fail',
                saw: `systemd-resolved of ${at} has ${foundText(tries.usual)} in its cache, and ${tries.fresh.length} fresh answers were right; ${astrayText(astray)}`,
                want: name.inside.join(', '),
                advice: 'Flush it: sudo resolvectl flush-caches. Browsers keep their own for a minute more.',
                reproduce: onHost(fabric, at, `resolvectl query ${name.name}; resolvectl query --cache=no ${name.name}`),
              },
            ];
          }),
      };
    }),
});
