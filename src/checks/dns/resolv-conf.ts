import { defineCheck, type Finding, resultId } from '../../check.ts';
import type { Lost } from '../../evidence.ts';
import { answersRight, astrayText, explain, lookUps, spotsAt, tailnetA } from '../../probes/names.ts';
import { resolvers, throughResolved } from '../../probes/resolver.ts';
import { tailscaleDns } from '../../probes/tailscale.ts';
import { onHost } from '../../reproduce.ts';
import acceptDns from './accept-dns.ts';
import covered from './covered.ts';
import hostsFile from './hosts-file.ts';
import magicDns from './magic-dns.ts';

export default defineCheck({
  id: 'dns/resolv-conf',
  rex: ['REX-33'],
  standing: true,
  title: '/etc/resolv.conf leads to whoever knows the tailnet’s names',
  story:
    'Several programs believe that /etc/resolv.conf is theirs: NetworkManager, a DHCP client, resolvconf, Tailscale. Tailscale in its direct mode keeps the file that it found and writes its own; the next lease writes another over it. ' +
    'Or the file goes past systemd-resolved, which knows better and is not asked.',
  decides:
    'Where a name leads applications astray and the tailnet’s resolver has it right: the servers of resolv.conf hold neither that resolver nor systemd-resolved’s stub, or hold it behind another, and nsswitch.conf asks systemd-resolved neither.',
  sources: [
    'Tailscale: net/dns/direct.go (resolv.pre-tailscale-backup.conf; resolv-conf-overwritten); issues 16599 and 11342',
    'systemd-resolved(8), /etc/resolv.conf',
  ],
  each: (fabric) =>
    (fabric.dns?.from ?? []).map((at) => {
      const [asked, client, mine] = [resolvers(at), tailscaleDns(at), spotsAt(fabric, at)];
      return {
        subject: at,
        needs: [asked, client, ...lookUps(mine), ...mine.map((spot) => tailnetA(fabric, spot))],
        blockedBy: [
          resultId(acceptDns, at),
          ...mine.flatMap(({ name, subject }) => [resultId(hostsFile, subject), resultId(covered, name.name)]),
          resultId(magicDns, at),
        ],
        judge: (facts): readonly (Finding | Lost)[] =>
          explain(facts, mine, (astray) => {
            const known = astray.filter((spot) => answersRight(facts.maybe(tailnetA(fabric, spot)), spot.name));
            const { system, servers, writer, tailscaleKeeps, links, throughResolve, networkManager } = facts.know(asked);
            const { resolver, resolver6 } = fabric.tailnet;
            if (known.length === 0 || system !== 'Linux') return [];
            if (throughResolved({ system, servers, links, throughResolve })) return [];
            const place = servers.findIndex((one) => one === resolver || one === resolver6);
            if (place === 0) return [];
            const tailscale = facts.know(client);
            const owned = tailscale.is === 'there' && tailscale.accepts !== false;
            if (place < 0 && !tailscaleKeeps && !owned && !links?.some((link) => link.servers.includes(resolver))) return [];
            const by =
              writer === null
                ? ''
                : `, written by ${writer}${/manager/i.test(writer) && networkManager !== null ? ` (${networkManager})` : ''}`;
            const what = `/etc/resolv.conf of ${at} asks ${servers.length === 0 ? 'nobody' : servers.join(', ')}${by}`;
            const [saw, advice] =
              place > 0
                ? [
                    `${what}: ${servers[place]} only where those before it are silent`,
                    `Take the others out, or have them forward the domains: a resolver asks the next one only where one says nothing, and “no such name” is an answer. Tailscale writes the file by itself where it may: sudo systemctl restart tailscaled.`,
                  ]
                : tailscaleKeeps
                  ? [
                      `${what}: it was Tailscale’s, and was written over`,
                      'Let one program own it: systemd-resolved (ln -sf /run/systemd/resolve/stub-resolv.conf /etc/resolv.conf), or NetworkManager with dns=none, or a DHCP client that leaves it alone. Then: sudo systemctl restart tailscaled.',
                    ]
                  : links?.some((link) => link.servers.includes(resolver))
                    ? [
                        `${what}: it goes past systemd-resolved, which knows ${resolver}`,
                        'Lead it there: sudo ln -sf /run/systemd/resolve/stub-resolv.conf /etc/resolv.conf, or let nsswitch.conf ask resolve first (libnss-resolve).',
                      ]
                    : [
                        `${what}, and ${resolver} is not among them`,
                        'Have Tailscale write it again: sudo systemctl restart tailscaled. If another program writes it back, let that one leave it alone.',
                      ];
            return [
              {
                severity: 'fail',
                saw: `${saw}; ${astrayText(known)}`,
                want: `${resolver}, or a resolver that asks it`,
                advice,
                reproduce: onHost(fabric, at, 'ls -l /etc/resolv.conf; cat /etc/resolv.conf; grep hosts: /etc/nsswitch.conf'),
              },
            ];
          }),
      };
    }),
});
