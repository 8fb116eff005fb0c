import { defineCheck, type Finding } from '../../check.ts';
import { isLost, type Lost } from '../../evidence.ts';
import { entryCommand, saidOf, siteUrl, verdictOf } from '../../probes/entry.ts';
import { cellsOf } from '../../probes/matrix.ts';
import { onHost } from '../../reproduce.ts';
import { family } from '../../services/caddy.ts';
import { quote } from '../../shell.ts';

export default defineCheck({
  id: 'caddy/keeps-out',
  rex: ['REX-34'],
  title: 'Who may not enter a site is kept out, over each protocol and by each address (tried)',
  story:
    'An ACL that is a hole answers its owner as one that is none: he is on the VPN. So each declared public vantage asks for each site for the VPN alone, over HTTP/1.1, 2 and 3, by IPv4 and IPv6: one of these ways alone may be open.',
  decides:
    'What curl gets at each public vantage: the site’s own answer, a redirection, a login or a broken backend is a failure, whatever explains it. A protocol that the curl there does not speak was not tried, and is said to be unknown.',
  sources: ['curl(1): --http3-only, --resolve', 'measured: 14 states, curl by IPv4 and IPv6 over three protocols (test/e2e/caddy.test.ts)'],
  each: (fabric) => {
    const { caddy } = fabric;
    if (caddy === undefined) return [];
    return cellsOf(caddy)
      .map(({ at, cells }) => ({ at, cells: cells.filter(({ may }) => may === false) }))
      .filter(({ cells }) => cells.length > 0)
      .map(({ at, cells }) => ({
        subject: at,
        needs: cells.map(({ probe }) => probe),
        judge: ({ maybe }) => {
          const seen = cells.map((cell) => ({ cell, tried: maybe(cell.probe) }));
          const lost = seen.flatMap(({ cell, tried }): readonly Lost[] =>
            isLost(tried)
              ? [{ ...tried, why: `${cell.site.name} by ${cell.address} over ${cell.protocol} was not tried from ${at}: ${tried.why}` }]
              : [],
          );
          const open = seen.flatMap(({ cell, tried }) => (isLost(tried) || verdictOf(tried) !== 'allowed' ? [] : [{ cell, tried }]));
          const ways = [...new Map(open.map((one) => [`${one.cell.site.name} ${one.cell.address}`, one])).values()];
          const findings = ways.map(({ cell: { site, address }, tried }): Finding => {
            const mine = open.filter(({ cell }) => cell.site === site && cell.address === address);
            return {
              severity: 'fail',
              saw: `from ${at}, ${siteUrl(site, caddy.port)} by ${address} (IPv${family(address)}) over ${mine.map(({ cell }) => cell.protocol).join(', ')}: ${saidOf(tried)}, which is let in`,
              want: `${at} is refused: ${site.name} is for the VPN alone`,
              advice:
                'Close it: caddy/bridge-admitted, caddy/acl-acts and caddy/trusted-proxies say which line opens it, and `fabric fix REX-34` closes what needs no judgement. Until then take the site off, or its port off that address.',
              reproduce: onHost(
                fabric,
                at,
                `${entryCommand(site, address, caddy.port, mine[0]?.cell.protocol ?? 'h1')} -i ${quote(siteUrl(site, caddy.port))}`,
              ),
            };
          });
          return [...findings, ...lost];
        },
      }));
  },
});
