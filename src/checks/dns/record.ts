import { defineCheck, type Finding, resultId } from '../../check.ts';
import type { Lost } from '../../evidence.ts';
import type { DnsName } from '../../fabric.ts';
import { nearest } from '../../nearest.ts';
import { type HeadscaleServer, headscaleServer } from '../../probes/headscale-server.ts';
import { astrayText, explain, lookUps, spotsOf } from '../../probes/names.ts';
import { onHost } from '../../reproduce.ts';
import { type ExtraRecord, isTaken, isUnder, type Names, readNames, readRecords } from '../../services/headscale.ts';
import { canonical } from '../../services/svcb.ts';
import loaded from './headscale-loaded.ts';
import paths from './headscale-paths.ts';

export default defineCheck({
  id: 'dns/record',
  rex: ['REX-33'],
  standing: true,
  title: 'Headscale has a record of the name that clients take',
  story:
    'A record may be missing, misspelled, or of the wrong address. And of what is there, clients take A and AAAA with an address and drop all else without a word: a CNAME, a wildcard, a type in small letters, a name with a capital. ' +
    'Headscale’s list looks complete, and nobody answers.',
  decides:
    'extra_records, or the file of extra_records_path as Headscale sees it, where the name leads its applications astray somewhere: a record that clients take, for each address of `inside`, and none besides.',
  sources: [
    'Tailscale: ipn/ipnlocal/node_backend.go, tailcfg.DNSRecord (A and AAAA alone)',
    'Headscale: docs/ref/dns.md; issues 1099 (CNAME), 1840 and 2508 (wildcards)',
    'measured: Headscale 0.29 and Tailscale, records that clients take (test/tailnet)',
  ],
  each: (fabric) => {
    const { dns } = fabric;
    const headscale = dns?.headscale;
    if (dns === undefined || headscale === undefined) return [];
    const server = headscaleServer(headscale);
    return dns.names.map((name) => {
      const mine = spotsOf(fabric, name);
      return {
        subject: name.name,
        needs: [server, ...lookUps(mine)],
        blockedBy: [resultId(paths, headscale.host), resultId(loaded, headscale.host)],
        judge: (facts): readonly (Finding | Lost)[] =>
          explain(facts, mine, (astray) => {
            const there = facts.know(server);
            const names = readNames(there.textInside);
            if ('why' in names) return [{ lost: 'unreadable', why: `the part dns: of ${headscale.config}: ${names.why}` }];
            const saw = wrong(name, names, recordsOf(there, names));
            if (saw === null) return [];
            const where =
              there.records === null ? `dns.extra_records of ${headscale.config}` : (there.records.hostPath ?? there.records.path);
            return [
              {
                severity: 'fail',
                saw: `${saw}; ${astrayText(astray)}`,
                want: name.inside
                  .map((one) => `{ name: ${name.name}, type: ${one.includes(':') ? 'AAAA' : 'A'}, value: ${one} }`)
                  .join(', '),
                fix: 'deploy dns',
                advice: `Put it into ${where}: fabric deploy dns, or by hand${there.records === null ? ' and restart Headscale' : ''}.`,
                reproduce: onHost(fabric, headscale.host, `sudo grep -n -A3 ${name.name} ${there.records?.hostPath ?? headscale.config}`),
              },
            ];
          }),
      };
    });
  },
});

const recordsOf = ({ records }: HeadscaleServer, names: Names): readonly ExtraRecord[] => {
  if (records === null) return names.records;
  const read = records.text.trim() === '' ? [] : readRecords(records.text);
  return 'why' in read ? [] : read;
};

const plain = (name: string): string => name.toLowerCase().replace(/\.$/, '');
/** What is wrong with the records of a name; `null`: nothing. */
const wrong = ({ name, inside }: DnsName, names: Names, all: readonly ExtraRecord[]): string | null => {
  const mine = all.filter((one) => plain(one.name) === name);
  const taken = mine.filter(isTaken).map(({ value }) => canonical(value));
  const other = taken.filter((one) => !inside.includes(one));
  if (other.length > 0) return `its record says ${other.join(', ')}`;
  // One address of each kind is answered, whatever the number of records; a machine of the tailnet needs none.
  if (taken.length > 0 || isUnder(name, names.baseDomain) || names.split.some((domain) => isUnder(name, domain))) return null;
  const [dropped] = mine;
  if (dropped !== undefined && dropped.name !== dropped.name.toLowerCase())
    return `its record is written ${dropped.name}, and one with capitals is never found`;
  if (dropped !== undefined)
    return `its record is of type ${dropped.type || 'none'} with ${dropped.value || 'nothing'}, which clients drop`;
  const wildcard = all.find((one) => one.name.startsWith('*.') && isUnder(name, one.name.slice(2)));
  if (wildcard !== undefined) return `there is only ${wildcard.name}, and wildcards are nobody’s record`;
  const near = nearest(
    name,
    all.map((one) => plain(one.name)),
  );
  return near === undefined ? `none of ${all.length} records is of it` : `there is no record of it, but one of ${near}`;
};
