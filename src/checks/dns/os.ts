import { defineCheck, type Finding, resultId } from '../../check.ts';
import { isLost, type Lost } from '../../evidence.ts';
import { answersRight, explain, foundText, isRight, lookUps, spots, tailnetA } from '../../probes/names.ts';
import { askedFor, resolvers, throughResolved } from '../../probes/resolver.ts';
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
    'getaddrinfo, by getent (on macOS by dscacheutil): addresses of `inside`, and no others. What explains it is another check’s finding, and this one then its echo.',
  sources: ['getent(1), getaddrinfo(3)'],
  spared: { resolvers: 'says whom it asks, for the advice', 'dns/*': 'tells whether the tailnet’s resolver has it right' },
  each: (fabric) =>
    spots(fabric).map((spot) => {
      const { name, at, subject } = spot;
      const [asked, known] = [resolvers(at), tailnetA(fabric, spot)];
      const host = fabric.dns?.headscale?.host;
      return {
        subject,
        needs: [...lookUps([spot]), asked, known],
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
              const [who, there] = [facts.maybe(asked), facts.maybe(known)];
              const right = answersRight(there, name);
              const servers = isLost(who)
                ? []
                : throughResolved(who)
                  ? askedFor(who.links ?? [], name.name).flatMap((link) => link.servers)
                  : who.servers;
              return [
                {
                  severity: 'fail',
                  saw: `applications on ${at} find ${foundText(one?.found ?? [])}${servers.length > 0 ? `, by ${servers.join(', ')}` : ''}${right ? `; ${fabric.tailnet.resolver} has it right` : ''}`,
                  want: name.inside.join(', '),
                  advice: right
                    ? `Something between the two answers first: ask each server by itself (dig @SERVER ${name.name}), the outermost first. A router or a Pi-hole that ${at} uses must forward the domain to ${fabric.tailnet.resolver}, or hold the record itself.`
                    : `Nobody that ${at} asks knows the name: give it to whoever answers there, or bring ${at} into the tailnet.`,
                  reproduce: onHost(fabric, at, `getent ahosts ${name.name}`),
                },
              ];
            },
            (found, wanted) => !isRight(found, wanted),
          ),
      };
    }),
});
