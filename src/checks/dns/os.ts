import { defineCheck, type Finding, resultId } from '../../check.ts';
import { isLost, type Lost } from '../../evidence.ts';
import type { Fabric } from '../../fabric.ts';
import { answersRight, eachSays, eachText, explain, foundText, isRight, lookUps, type Spot, spots, tailnetA } from '../../probes/names.ts';
import { askedFor, type Resolvers, resolvers } from '../../probes/resolver.ts';
import { onHost } from '../../reproduce.ts';
import acceptDns from './accept-dns.ts';
import answer from './answer.ts';
import cache from './cache.ts';
import covered from './covered.ts';
import loaded from './headscale-loaded.ts';
import paths from './headscale-paths.ts';
import hostsFile from './hosts-file.ts';
import leak from './leak.ts';
import magicDns from './magic-dns.ts';
import netmap from './netmap.ts';
import record from './record.ts';
import resolvConf from './resolv-conf.ts';
import resolver from './resolver.ts';
import splitDomain from './split-domain.ts';
import userspace from './userspace.ts';

export default defineCheck({
  id: 'dns/os',
  rex: ['REX-33'],
  standing: true,
  title: 'Applications find the name where it is inside',
  story:
    'Neither dig nor `tailscale dns query` asks as a browser does. What counts is what the operating system’s own resolution gives an application: /etc/hosts, caches, systemd-resolved and resolv.conf included.',
  decides:
    'getaddrinfo, by getent (on macOS by dscacheutil): addresses of `inside`, and no others; and what each of the machine’s resolvers says by itself. What explains it is another check’s finding, and this one then its echo.',
  sources: ['getent(1), getaddrinfo(3)'],
  spared: {
    resolvers: 'says whom it asks, for the advice',
    'resolvers-say/*': 'what each of them says, beside what applications find',
    'dns/*': 'tells whether the tailnet’s resolver has it right',
  },
  each: (fabric) =>
    spots(fabric).map((spot) => {
      const { name, at, subject } = spot;
      const [asked, each, known] = [resolvers(at), eachSays(spot), tailnetA(fabric, spot)];
      const host = fabric.dns?.headscale?.host;
      return {
        subject,
        needs: [...lookUps([spot]), asked, each, known],
        blockedBy: [
          ...(host === undefined ? [] : [resultId(paths, host), resultId(loaded, host), resultId(record, name.name)]),
          resultId(netmap, subject),
          resultId(userspace, at),
          resultId(resolver, at),
          resultId(answer, subject),
          resultId(acceptDns, at),
          resultId(magicDns, at),
          resultId(covered, name.name),
          resultId(hostsFile, subject),
          resultId(resolvConf, at),
          resultId(splitDomain, subject),
          resultId(cache, subject),
          resultId(leak, subject),
        ],
        judge: (facts): readonly (Finding | Lost)[] =>
          explain(
            facts,
            [spot],
            ([one]) => {
              const [who, all, there] = [facts.maybe(asked), facts.maybe(each), facts.maybe(known)];
              const right = answersRight(there, name);
              const said = isLost(all) || all.length === 0 ? '' : `; ${eachText(all)}`;
              return [
                {
                  severity: 'fail',
                  saw: `applications on ${at} find ${foundText(one?.found ?? [])}${said}${right ? `; ${fabric.tailnet.resolver} has it right` : ''}`,
                  want: name.inside.join(', '),
                  advice: right
                    ? between(fabric, spot, isLost(who) ? null : who)
                    : `Nobody that ${at} asks knows the name: give it to whoever answers there, or bring ${at} into the tailnet.`,
                  reproduce: onHost(fabric, at, lookup(isLost(who) ? '' : who.system, name.name)),
                },
              ];
            },
            (found, wanted) => !isRight(found, wanted),
          ),
      };
    }),
});

/** As a person asks what applications get. */
const lookup = (system: string, name: string): string =>
  system === 'Windows'
    ? `powershell -Command "[Net.Dns]::GetHostAddresses('${name}')"`
    : system === 'Darwin'
      ? `dscacheutil -q host -a name ${name}`
      : `getent ahosts ${name}`;
/** What comes between applications and the tailnet's resolver, and mends it on that system. */
const between = ({ tailnet }: Fabric, { at, name }: Spot, who: Resolvers | null): string => {
  const routed = askedFor(who?.links ?? [], name.name).some(({ servers }) =>
    servers.some((one) => one === tailnet.resolver || one === tailnet.resolver6),
  );
  switch (who?.system) {
    case 'Windows':
      return routed
        ? 'Its name resolution policy leads it there: flush what it remembers (Clear-DnsClientCache), and ask again with Resolve-DnsName; nslookup does not obey that policy.'
        : 'No rule of its name resolution policy leads it there (Get-DnsClientNrptPolicy): Restart-Service Tailscale writes them anew.';
    case 'Darwin':
      return routed
        ? 'A resolver of scutil --dns leads it there: flush what it remembers (sudo dscacheutil -flushcache; sudo killall -HUP mDNSResponder).'
        : 'No resolver of scutil --dns has a domain that covers it: disconnect Tailscale and connect it again, which tells macOS anew.';
    default:
      return `One that ${at} asks answers otherwise: a router, a Pi-hole or another resolver of the house must forward the domain to ${tailnet.resolver}, or hold the record itself.`;
  }
};
