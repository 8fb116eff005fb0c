import { defineCheck, type Finding, resultId } from '../../check.ts';
import { isLost, type Lost } from '../../evidence.ts';
import { headscaleServer } from '../../probes/headscale-server.ts';
import { type Astray, astrayText, explain, lookUps, spotsOf } from '../../probes/names.ts';
import { type TailscaleDns, tailscaleDns } from '../../probes/tailscale.ts';
import { onHost } from '../../reproduce.ts';
import { isRouted, isUnder, readNames } from '../../services/headscale.ts';
import switches from './headscale-switches.ts';
import magicDns from './magic-dns.ts';

export default defineCheck({
  id: 'dns/covered',
  rex: ['REX-33'],
  standing: true,
  title: 'Clients are told to ask the tailnet’s resolver for the name',
  story:
    'Records reach every client, and 100.100.100.100 answers them; who asks it is another matter. Without override_local_dns a client with split DNS asks it for names under base_domain and for the domains of nameservers.split, ' +
    'and for nothing else: a record outside of these is perfect and never asked for. That is REX-33.',
  decides:
    'Where the name leads applications astray: override_local_dns, base_domain with magic_dns, and nameservers.split of Headscale’s config; without a Headscale of one’s own, what the client’s network map says. Systems without split DNS ask the tailnet’s resolver anyway, and are right.',
  sources: [
    'Headscale: hscontrol/types/config.go (override_local_dns: Resolvers, else FallbackResolvers); issues 1206 and 3316',
    'Tailscale: net/dns/config.go (match domains), net/dns/manager.go; from 1.103 on clients route such names by themselves',
  ],
  each: (fabric) => {
    const { dns } = fabric;
    if (dns === undefined) return [];
    const { headscale } = dns;
    const server = headscale && headscaleServer(headscale);
    return dns.names.map((name) => {
      const mine = spotsOf(fabric, name);
      const clients = headscale === undefined ? dns.from.map((at) => ({ at, probe: tailscaleDns(at) })) : [];
      return {
        subject: name.name,
        needs: [...lookUps(mine), ...(server === undefined ? [] : [server]), ...clients.map(({ probe }) => probe)],
        blockedBy: [
          ...(headscale === undefined ? [] : [resultId(switches, headscale.host)]),
          ...dns.from.map((at) => resultId(magicDns, at)),
        ],
        judge: (facts): readonly (Finding | Lost)[] =>
          explain(facts, mine, (astray) => {
            const finding = (who: readonly Astray[], saw: string, advice: string, reproduce: string): Finding => ({
              severity: 'fail',
              saw: `${saw}; ${astrayText(who)}`,
              want: `${name.name} is asked of ${fabric.tailnet.resolver}`,
              advice,
              reproduce,
            });
            if (headscale !== undefined && server !== undefined) {
              const names = readNames(facts.know(server).textInside);
              if ('why' in names) return [{ lost: 'unreadable', why: `the part dns: of ${headscale.config}: ${names.why}` }];
              if (isRouted(name.name, names)) return [];
              const domain =
                names.baseDomain === ''
                  ? 'there is no base_domain'
                  : isUnder(name.name, names.baseDomain)
                    ? 'magic_dns is off'
                    : `it is not under base_domain ${names.baseDomain}`;
              return [
                {
                  ...finding(
                    astray,
                    `override_local_dns is false, ${domain}, and no domain of nameservers.split covers it`,
                    `Narrow: nameservers.split: { ${name.name}: [] } sends that name and what is under it to the tailnet’s resolver, which then answers nothing else under it; other names stay with each client’s own resolvers. ` +
                      'Wide: override_local_dns: true, with nameservers.global, sends every name of every client there, and their own resolvers (a router’s names, a Pi-hole) are asked no more. fabric deploy dns does either; Headscale must be restarted.',
                    onHost(fabric, headscale.host, `sudo grep -n -A12 '^dns:' ${headscale.config}`),
                  ),
                  fix: 'deploy dns',
                },
              ];
            }
            return clients.flatMap(({ at, probe }): readonly (Finding | Lost)[] => {
              const [who, client] = [astray.filter((one) => one.at === at), facts.maybe(probe)];
              if (who.length === 0) return [];
              if (isLost(client)) return [client];
              if (!uncovered(name.name, client)) return [];
              return [
                finding(
                  who,
                  `the network map has no resolver for it: none for all names, and none of ${routesText(client)} covers it`,
                  `In the admin console, under DNS: a nameserver restricted to the domain of ${name.name} (split DNS) sends that domain there and nothing else; “Override DNS servers” sends every name of every client to the global nameservers.`,
                  onHost(fabric, at, 'tailscale dns status'),
                ),
              ];
            });
          }),
      };
    });
  },
});

const uncovered = (name: string, client: TailscaleDns): boolean =>
  client.is === 'there' &&
  client.map !== null &&
  client.map.resolvers.length === 0 &&
  !isUnder(name, client.suffix) && // with MagicDNS off: dns/magic-dns
  ![...client.map.routes.keys()].some((domain) => isUnder(name, domain));
const routesText = (client: TailscaleDns): string => {
  const domains = client.is === 'there' ? [...(client.map?.routes.keys() ?? []), ...(client.suffix === '' ? [] : [client.suffix])] : [];
  return domains.length === 0 ? 'no domains' : domains.join(', ');
};
