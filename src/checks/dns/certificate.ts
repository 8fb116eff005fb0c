import { defineCheck, type Finding, resultId } from '../../check.ts';
import { isLost, type Lost } from '../../evidence.ts';
import { type Met, meetCommand, met, namesText } from '../../probes/certificate.ts';
import { spots } from '../../probes/names.ts';
import { onHost } from '../../reproduce.ts';
import os from './os.ts';

export default defineCheck({
  id: 'dns/certificate',
  rex: ['REX-33'],
  standing: true,
  title: 'Who answers HTTPS at the name’s address inside is who it is for',
  story:
    'The name is right and the site is not: the address is another proxy’s, or the proxy there does not know the name. A browser shows a certificate that belongs to somebody else, and people look for the cause in DNS.',
  decides:
    'The certificate on port 443 of each address of `inside`, asked for by the name: it must be for it. Who signed it does not matter here, and where nothing listens there is nothing to judge.',
  sources: ['RFC 6125; curl(1), --resolve, %{certs}, exit codes 51 and 60'],
  each: (fabric) =>
    spots(fabric).map(({ name, at, subject }) => {
      const asks = name.inside.map((address) => ({ address, probe: met(at, name.name, address) }));
      return {
        subject,
        needs: asks.map(({ probe }) => probe),
        blockedBy: [resultId(os, subject)],
        judge: ({ maybe }): readonly (Finding | Lost)[] =>
          asks.flatMap(({ address, probe }): readonly (Finding | Lost)[] => {
            const seen = maybe(probe);
            if (isLost(seen)) return [seen];
            if (seen === null || isFor(seen, name.name)) return [];
            return [
              {
                severity: 'fail',
                saw: `${address} answers ${name.name} with the certificate of ${seen.names.length > 0 ? namesText(seen.names) : `somebody else (${seen.against})`}`,
                want: `one for ${name.name}`,
                advice: `Is ${address} the right proxy, and does it know ${name.name}? Give it the site and its certificate, or correct the address.`,
                reproduce: onHost(fabric, at, meetCommand(name.name, address)),
              },
            ];
          }),
      };
    }),
});

const isFor = ({ against, names }: Met, name: string): boolean => {
  if (names.length === 0) return against === null || !/subject name|not match|hostname|WRONG_PRINCIPAL/i.test(against);
  return names.some(
    (one) => one.toLowerCase() === name || (one.startsWith('*.') && name.slice(name.indexOf('.')) === one.slice(1).toLowerCase()),
  );
};
