import { defineCheck, type Finding, resultId } from '../../check.ts';
import type { Lost } from '../../evidence.ts';
import { namesText } from '../../probes/certificate.ts';
import { entryCommand, siteUrl } from '../../probes/entry.ts';
import { cellsOf } from '../../probes/matrix.ts';
import { onHost } from '../../reproduce.ts';
import { quote } from '../../shell.ts';
import alive from './alive.ts';
import caddyfile from './caddyfile.ts';

export default defineCheck({
  id: 'caddy/certificate',
  title: 'Each site answers with a certificate of its own name',
  story:
    'A certificate of another name says that another server answers there, or that Caddy has no site of that name: a default_sni, another proxy on the port, a router that forwards to the wrong machine. What it then says of who gets in is said of another site.',
  decides:
    'The names of the certificate that comes with each site’s answer over HTTP/1.1, at each vantage and address: the site’s own, or a wildcard one label above it. Whether it is to be trusted is the browser’s to say: it is looked at apart, and believed by nobody here.',
  sources: ['RFC 6125, 6.4.3 (wildcards)', 'curl(1): %{certs}'],
  each: (fabric) => {
    const { caddy } = fabric;
    if (caddy === undefined) return [];
    return cellsOf(caddy).flatMap(({ at, cells }) => {
      const mine = cells.filter(({ protocol }) => protocol === 'h1');
      if (mine.length === 0) return [];
      return [
        {
          subject: at,
          needs: mine.map(({ probe }) => probe),
          blockedBy: [caddyfile, alive].map((check) => resultId(check, caddy.host)),
          judge: ({ know }) =>
            mine.flatMap(({ site, address, probe }): readonly (Finding | Lost)[] => {
              const tried = know(probe);
              if (tried.is !== 'answered') return [];
              if (tried.names === null) return [{ lost: 'unsupported', why: `the curl of ${at} does not tell a certificate’s names` }];
              if (
                tried.names.some(
                  (name) => name === site.name || (name.startsWith('*.') && site.name.slice(site.name.indexOf('.')) === name.slice(1)),
                )
              )
                return [];
              return [
                {
                  severity: 'fail',
                  saw: `from ${at}, ${site.name} by ${address}: the certificate is for ${namesText(tried.names) || 'no name'}`,
                  want: `a certificate for ${site.name}`,
                  advice:
                    'Is it this Caddy that answers there? Then the site is missing in its Caddyfile, or its certificate could not be had: look at its log.',
                  reproduce: onHost(fabric, at, `${entryCommand(site, address, caddy.port, 'h1')} -v ${quote(siteUrl(site, caddy.port))}`),
                },
              ];
            }),
        },
      ];
    });
  },
});
