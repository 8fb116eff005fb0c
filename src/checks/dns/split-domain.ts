import { defineCheck, type Finding, resultId } from '../../check.ts';
import { isLost, type Lost } from '../../evidence.ts';
import { answersRight, foundText, isAstray, spots, tailnetA } from '../../probes/names.ts';
import { askedFor, type Link, type Resolvers, repeated, resolvers, throughResolved } from '../../probes/resolver.ts';
import { tailscaleDns } from '../../probes/tailscale.ts';
import { onHost } from '../../reproduce.ts';
import acceptDns from './accept-dns.ts';
import covered from './covered.ts';
import hostsFile from './hosts-file.ts';
import magicDns from './magic-dns.ts';
import tailnetResolver from './resolver.ts';
import userspace from './userspace.ts';

export default defineCheck({
  id: 'dns/split-domain',
  rex: ['REX-33'],
  standing: true,
  title: 'systemd-resolved asks the tailnet’s resolver alone for the name',
  story:
    'systemd-resolved asks each link for its own domains. A name that no link has a domain of goes to all default links at once, and the first answer wins: the name is right in the morning and wrong in the evening, and dig at 100.100.100.100 is always right.',
  decides:
    'systemd-resolved’s links, their servers, domains and default routes, where it is what applications ask and the tailnet’s resolver has the name right: the name must be asked of the tailnet’s resolver and of no other. And four questions past its cache, of which one wrong answer is a failure although the application was lucky.',
  sources: [
    'resolved.conf(5), Domains=; systemd-resolved.service(8), routing of lookups',
    'Tailscale: net/dns/resolved.go; issue 1206 of Headscale',
  ],
  each: (fabric) =>
    spots(fabric).map((spot) => {
      const { name, at, subject } = spot;
      const [asked, again, known, client] = [resolvers(at), repeated(at, name.name), tailnetA(fabric, spot), tailscaleDns(at)];
      return {
        subject,
        needs: [asked, again, known, client],
        blockedBy: [
          resultId(acceptDns, at),
          resultId(userspace, at),
          resultId(tailnetResolver, at),
          resultId(hostsFile, subject),
          resultId(covered, name.name),
          resultId(magicDns, at),
        ],
        judge: (facts): readonly (Finding | Lost)[] => {
          const { resolver, resolver6 } = fabric.tailnet;
          const links = facts.know(asked);
          const tries = facts.maybe(again);
          if (!throughResolved(links) || links.links === null || isLost(tries) || tries === null)
            return isLost(tries) && throughResolved(links) ? [tries] : [];
          const there = facts.maybe(known);
          if (isLost(there)) return [there];
          if (!answersRight(there, name)) return [];
          const wrong = tries.fresh.filter(({ addresses }) => isAstray(addresses, name));
          const of = askedFor(links.links, name.name);
          const isOurs = (one: string): boolean => one === resolver || one === resolver6;
          const others = of.filter(({ servers }) => !servers.some(isOurs));
          if (wrong.length === 0 || (others.length === 0 && of.length > 0)) return [];
          const ours = links.links.find(({ servers }) => servers.some(isOurs));
          // Nobody there could have told it: dns/os.
          if (ours === undefined && facts.know(client).is !== 'there') return [];
          const [what, advice] = explained(name.name, resolver, links, of, ours);
          const finding: Finding = {
            severity: 'fail',
            saw: `${what}; ${wrong.length} of ${tries.fresh.length} fresh answers to ${at} were wrong: ${[...new Set(wrong.map(({ addresses, links: by }) => `${foundText(addresses)}${by.length > 0 ? ` by ${by.join(', ')}` : ''}`))].join('; ')}`,
            want: `${name.name} asked of ${resolver} alone`,
            advice,
            reproduce: onHost(fabric, at, `resolvectl domain; for i in 1 2 3 4; do resolvectl query --cache=no ${name.name}; done`),
          };
          return [finding];
        },
      };
    }),
});

/** What it does instead, and what mends that. */
const explained = (
  name: string,
  resolver: string,
  { servers }: Resolvers,
  of: readonly Link[],
  ours: Link | undefined,
): readonly [what: string, advice: string] => {
  const asks = of.map((link) => `${link.name} (${link.servers.join(', ')})`).join(' and ');
  if (ours !== undefined)
    return [
      `systemd-resolved asks ${asks}: ${ours.name} has ${ours.domains.length === 0 ? 'no domains' : `${ours.domains.join(', ')} and nothing that covers it`}`,
      `At once, until the next restart: sudo resolvectl domain ${ours.name} ${[...ours.domains, name].map((one) => `'~${one}'`).join(' ')}. For good: a split route that covers it, so that Tailscale says so itself.`,
    ];
  // Measured with Tailscale 1.102.3: docs/dns.md.
  if (servers.includes(resolver))
    return [
      `Tailscale owns /etc/resolv.conf, and nsswitch.conf asks systemd-resolved, of which no link has ${resolver}`,
      'Let systemd-resolved have the file, so that Tailscale tells it: sudo ln -sf /run/systemd/resolve/stub-resolv.conf /etc/resolv.conf; sudo systemctl restart tailscaled.',
    ];
  const straight = of.find(({ domains }) => domains.some((domain) => domain !== '.' && (name === domain || name.endsWith(`.${domain}`))));
  if (straight !== undefined)
    return [
      `systemd-resolved asks ${asks} for it: the nameserver of a split route, past the records of ${resolver}`,
      'With MagicDNS off Tailscale sends the domain of a split route straight to its nameserver: turn magic_dns on, or give the route an empty list.',
    ];
  return [
    `no link of systemd-resolved has ${resolver}`,
    'Have Tailscale tell it again: sudo systemctl restart tailscaled (who manages the links may take it back: NetworkManager, systemd-networkd, resolvectl revert).',
  ];
};
