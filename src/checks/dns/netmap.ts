import { defineCheck, type Finding, resultId } from '../../check.ts';
import type { Lost } from '../../evidence.ts';
import { astrayText, explain, lookUps, spots } from '../../probes/names.ts';
import { tailscaleDns } from '../../probes/tailscale.ts';
import { onHost } from '../../reproduce.ts';
import { isTaken, isUnder } from '../../services/headscale.ts';
import { canonical } from '../../services/svcb.ts';
import loaded from './headscale-loaded.ts';
import paths from './headscale-paths.ts';
import record from './record.ts';

export default defineCheck({
  id: 'dns/netmap',
  rex: ['REX-33'],
  standing: true,
  title: 'The record has reached the client',
  story:
    'A record goes from Headscale’s file into its memory, and from there with the network map to each client that is connected. The client’s own list tells whether to look at Headscale or at the machine.',
  decides:
    'ExtraRecords of `tailscale dns status --json`, where the name leads applications astray: a record with an address of `inside`. A name that a split route’s own nameserver answers, or a machine’s own, needs none. A client before 1.96 does not say.',
  sources: ['Tailscale: cmd/tailscale/cli/dns-status.go, tsdnsjsonv0 (1.96)'],
  each: (fabric) =>
    spots(fabric).map((spot) => {
      const { name, at, subject } = spot;
      const state = tailscaleDns(at);
      const host = fabric.dns?.headscale?.host;
      return {
        subject,
        needs: [state, ...lookUps([spot])],
        blockedBy: host === undefined ? [] : [resultId(paths, host), resultId(loaded, host), resultId(record, name.name)],
        judge: (facts): readonly (Finding | Lost)[] =>
          explain(facts, [spot], (astray) => {
            const client = facts.know(state);
            if (client.is !== 'there' || client.map === null) return [];
            const { records, routes } = client.map;
            const mine = records.filter((one) => one.name === name.name && isTaken(one)).map(({ value }) => canonical(value));
            const elsewhere =
              isUnder(name.name, client.suffix) ||
              [...routes].some(([domain, servers]) => servers.length > 0 && isUnder(name.name, domain));
            if (mine.some((one) => name.inside.includes(one)) || (mine.length === 0 && elsewhere)) return [];
            const also = client.state === 'Running' ? '' : `, and it is ${client.state}`;
            return [
              {
                severity: 'fail',
                saw: `the network map of ${at} has ${mine.length === 0 ? `no record of ${name.name}, among ${records.length}` : `${mine.join(', ')} for ${name.name}`}${also}; ${astrayText(astray)}`,
                want: `a record with ${name.inside.join(' or ')}`,
                advice:
                  host === undefined
                    ? 'A tailnet of Tailscale’s own has no records of yours: let a nameserver answer for the domain (split DNS), or use the machine’s MagicDNS name.'
                    : 'Headscale’s file has it, and the client has not: restart Headscale, then look whether the client is connected (tailscale status).',
                reproduce: onHost(fabric, at, 'tailscale dns status --json'),
              },
            ];
          }),
      };
    }),
});
