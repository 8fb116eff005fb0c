import { defineCheck, type Finding, resultId } from '../../check.ts';
import { isLost, type Lost } from '../../evidence.ts';
import { entryCommand, type Protocol, saidOf, siteUrl, type Tried, verdictOf } from '../../probes/entry.ts';
import { type Cell, cellsOf } from '../../probes/matrix.ts';
import { onHost } from '../../reproduce.ts';
import { quote } from '../../shell.ts';
import aclFamilies from './acl-families.ts';
import alive from './alive.ts';
import caddyfile from './caddyfile.ts';
import certificate from './certificate.ts';
import dockerProxy from './docker-proxy.ts';
import forwarder from './forwarder.ts';
import masquerade from './masquerade.ts';
import natRules from './nat-rules.ts';
import rootless from './rootless.ts';
import staleUdp from './stale-udp.ts';
import tailscaleSnat from './tailscale-snat.ts';
import version from './version.ts';

/** What explains that somebody who may enter does not get in. */
const CAUSES = [caddyfile, version, alive, tailscaleSnat, natRules, masquerade, rootless, forwarder, dockerProxy, aclFamilies, staleUdp];

export default defineCheck({
  id: 'caddy/lets-in',
  rex: ['REX-34'],
  title: 'Who may enter a site gets in, over each protocol and by each address (tried)',
  story:
    'A rule that is right on paper refuses those whom it should admit: because Caddy sees them as somebody else, because they come by IPv6, because HTTP/3 goes another way than TCP. So each declared vantage asks for each site that it may enter, over HTTP/1.1, 2 and 3, by each declared address.',
  decides:
    'What curl gets at each vantage: the site’s own answer (its marker, or any that is not empty; a redirection, a login and a broken backend are behind the door). 403, 404 and a connection that is ended are refusals; Caddy’s empty 200 for a name that it does not know is neither. HTTP/3 that is not reachable at all is judged by caddy/http3.',
  sources: ['curl(1): --http3-only, --resolve', 'measured: 14 states, curl by IPv4 and IPv6 over three protocols (test/e2e/caddy.test.ts)'],
  each: (fabric) => {
    const { caddy } = fabric;
    if (caddy === undefined) return [];
    return cellsOf(caddy)
      .map(({ at, cells }) => ({ at, cells: cells.filter(({ may }) => may === true) }))
      .filter(({ cells }) => cells.length > 0)
      .map(({ at, cells }) => ({
        subject: at,
        needs: cells.map(({ probe }) => probe),
        // Another site’s answer says nothing of this one’s ACL.
        blockedBy: [...CAUSES.map((check) => resultId(check, caddy.host)), resultId(certificate, at)],
        judge: ({ maybe }) => {
          const seen = cells.map((cell) => ({ cell, tried: maybe(cell.probe) }));
          // That HTTP/3 could not be tried is for caddy/http3 to say.
          const lost = seen.flatMap(({ cell, tried }): readonly Lost[] => (isLost(tried) && cell.protocol !== 'h3' ? [tried] : []));
          const wrong = seen.flatMap(({ cell, tried }) => {
            if (isLost(tried)) return [];
            const verdict = verdictOf(tried);
            return verdict === 'allowed' || (verdict === 'unreachable' && cell.protocol === 'h3') ? [] : [{ cell, tried }];
          });
          const together = new Map<string, { readonly cell: Cell; readonly tried: Tried; readonly protocols: readonly Protocol[] }>();
          for (const { cell, tried } of wrong) {
            const key = `${cell.site.name} ${cell.address} ${saidOf(tried)}`;
            const known = together.get(key);
            together.set(key, { cell, tried, protocols: [...(known?.protocols ?? []), cell.protocol] });
          }
          const findings = [...together.values()].map(({ cell: { site, address }, tried, protocols }): Finding => {
            const [first = 'h1'] = protocols;
            return {
              severity: 'fail',
              saw: `from ${at}, ${siteUrl(site, caddy.port)} by ${address} over ${protocols.join(', ')}: ${saidOf(tried)}`,
              want: `${at} gets in${site.marker === null ? '' : `, and the answer holds ${JSON.stringify(site.marker)}`}`,
              advice:
                verdictOf(tried) === 'unreachable'
                  ? `Nothing answers there: is the port published on that address, and does a firewall let it through? An address that nobody is to use does not belong in caddy.addresses.`
                  : `Caddy’s ACL, or what stands behind it, refuses ${at}. Where nothing above explains it, look at the site’s log: which client_ip does it name?`,
              reproduce: onHost(fabric, at, `${entryCommand(site, address, caddy.port, first)} -i ${quote(siteUrl(site, caddy.port))}`),
            };
          });
          return [...findings, ...lost];
        },
      }));
  },
});
