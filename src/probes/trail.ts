import { type Facts, isLost, type Lost, type Probe } from '../evidence.ts';
import type { Fabric } from '../fabric.ts';
import { isRouted, isTaken, isUnder, type Names, readNames, readRecords } from '../services/headscale.ts';
import { canonical } from '../services/svcb.ts';
import type { Layer, Trail } from '../trail.ts';
import { met, namesText } from './certificate.ts';
import { leadsTo, type Reply, saidBy } from './dns.ts';
import { type HeadscaleServer, headscaleServer } from './headscale-server.ts';
import { eachSays, eachText, foundText, isRight, publicA, type Spot, spots, strangers, tailnetAsks, typeOf } from './names.ts';
import { lookedUp } from './resolver.ts';
import { tailscaleDns } from './tailscale.ts';

interface Asked {
  readonly server: Probe<HeadscaleServer> | null;
}
const serverOf = ({ dns }: Fabric): Asked['server'] => (dns?.headscale === undefined ? null : headscaleServer(dns.headscale));

/** What the layers are read from; the checks of DNS ask all of it. */
export const trailNeeds = (fabric: Fabric): readonly Probe<unknown>[] => {
  const server = serverOf(fabric);
  return [
    ...(server === null ? [] : [server]),
    ...spots(fabric).flatMap((spot) => [
      tailscaleDns(spot.at),
      ...tailnetAsks(fabric, spot).map(({ probe }) => probe),
      lookedUp(spot.at, spot.name.name),
      eachSays(spot),
      ...spot.name.inside.map((address) => met(spot.at, spot.name.name, address)),
      publicA(fabric, spot),
    ]),
  ];
};

export const trails = (fabric: Fabric, facts: Facts): readonly Trail[] => {
  const server = serverOf(fabric);
  return spots(fabric).map((spot) => ({
    name: spot.name.name,
    at: spot.at,
    wanted: spot.name.inside,
    layers: [
      ...(server === null ? [] : [headscaleLayer(spot, facts.maybe(server))]),
      mapLayer(spot, facts),
      tailnetLayer(fabric, spot, facts),
      osLayer(spot, facts),
      ...spot.name.inside.map((address) => applicationLayer(spot, address, facts)),
      publicLayer(fabric, spot, facts),
    ],
  }));
};

const layer = (is: Layer['is'], layer: Layer['layer'], who: string, says: string, milliseconds: number | null = null): Layer => ({
  layer,
  who,
  says,
  is,
  milliseconds,
});
const unknown = (which: Layer['layer'], who: string, { lost, why }: Lost): Layer =>
  layer('unknown', which, who, `not known: ${lost} (${why.split('\n')[0]})`);

const headscaleLayer = ({ name }: Spot, there: HeadscaleServer | Lost): Layer => {
  const who = 'Headscale’s files';
  if (isLost(there)) return unknown('headscale', who, there);
  if (there.onHost === null) return layer('wrong', 'headscale', who, 'no such file on its host');
  const names = readNames(there.textInside);
  const records = there.records === null ? [] : readRecords(there.records.text);
  if ('why' in names || 'why' in records) return layer('wrong', 'headscale', who, 'cannot be read');
  const mine = (there.records === null ? names.records : records).filter(
    (one) => isTaken(one) && one.name.toLowerCase().replace(/\.$/, '') === name.name,
  );
  const found = [...new Set(mine.map(({ value }) => canonical(value)))];
  const routed = isRouted(name.name, names);
  const elsewhere = isUnder(name.name, names.baseDomain) || routedByOthers(name.name, names);
  const record = found.length > 0 ? found.join(', ') : elsewhere ? 'no record, and needs none' : 'no record';
  const right = found.length > 0 ? isRight(found, name) : elsewhere;
  return layer(
    right ? (routed ? 'right' : 'aside') : 'wrong',
    'headscale',
    who,
    `${record}; ${routed ? 'clients ask the tailnet’s resolver for it' : 'clients with split DNS are not told to ask for it'}`,
  );
};
const routedByOthers = (name: string, { split }: Names): boolean => split.some((domain) => isUnder(name, domain));

const mapLayer = ({ name, at }: Spot, facts: Facts): Layer => {
  const who = `network map of ${at}`;
  const client = facts.maybe(tailscaleDns(at));
  if (isLost(client)) return unknown('network map', who, client);
  if (client.is !== 'there')
    return layer('aside', 'network map', who, client.is === 'absent' ? 'no Tailscale there' : 'tailscaled does not run');
  if (client.map === null) return layer('aside', 'network map', who, 'this version does not say (1.96 does)');
  const found = client.map.records.filter((one) => one.name === name.name && isTaken(one)).map(({ value }) => canonical(value));
  if (found.length > 0) return layer(isRight(found, name) ? 'right' : 'wrong', 'network map', who, found.join(', '));
  const elsewhere =
    isUnder(name.name, client.suffix) ||
    [...client.map.routes].some(([domain, servers]) => servers.length > 0 && isUnder(name.name, domain));
  return layer(elsewhere ? 'aside' : 'wrong', 'network map', who, elsewhere ? 'no record, and needs none' : 'no record');
};

const tailnetLayer = (fabric: Fabric, spot: Spot, facts: Facts): Layer => {
  const who = fabric.tailnet.resolver;
  const heard = tailnetAsks(fabric, spot).map((one) => ({ ...one, reply: facts.maybe(one.probe) }));
  const main = heard.find(({ transport, type }) => transport === 'udp' && type === typeOf(spot.name))?.reply;
  if (main === undefined || isLost(main)) return unknown('tailnet resolver', who, main ?? { lost: 'unreadable', why: 'not asked' });
  const wrong = ({ type, reply }: (typeof heard)[number]): boolean =>
    !isLost(reply) &&
    reply.is === 'answer' &&
    (type === typeOf(spot.name) ? !isRight(leadsTo(reply), spot.name) : strangers(leadsTo(reply), spot.name).length > 0);
  const others = heard
    .filter((one) => one.reply !== main && wrong(one))
    .map(({ transport, type, reply }) => `${type} over ${transport.toUpperCase()}: ${isLost(reply) ? '' : saidBy(reply)}`);
  const tcp = heard.find(({ transport, type }) => transport === 'tcp' && type === typeOf(spot.name))?.reply;
  const both = main.is === 'silent' && tcp !== undefined && !isLost(tcp) && tcp.is === 'answer' ? `; over TCP ${saidBy(tcp)}` : '';
  const bad = main.is === 'silent' || heard.some(wrong);
  return layer(
    bad ? 'wrong' : 'right',
    'tailnet resolver',
    who,
    [`${saidBy(main)}${detail(main)}${both}`, ...others].join('; '),
    main.is === 'answer' ? main.milliseconds : null,
  );
};
const detail = (reply: Reply): string => {
  if (reply.is === 'silent') return '';
  const ttl = reply.records[0]?.ttl;
  return ` (${[...(reply.aa === null ? [] : [reply.aa ? 'AA' : 'no AA']), ...(ttl === undefined ? [] : [`TTL ${ttl}`])].join(', ')})`;
};

const osLayer = (spot: Spot, facts: Facts): Layer => {
  const { name, at } = spot;
  const who = `applications on ${at}`;
  const [found, each] = [facts.maybe(lookedUp(at, name.name)), facts.maybe(eachSays(spot))];
  if (isLost(found)) return unknown('operating system', who, found);
  if (isRight(found, name)) return layer('right', 'operating system', who, foundText(found));
  const said = isLost(each) || each.length === 0 ? '' : ` (${eachText(each)})`;
  return layer('wrong', 'operating system', who, `${foundText(found)}${said}`);
};

const applicationLayer = ({ name, at }: Spot, address: string, facts: Facts): Layer => {
  const who = `TLS at ${address}`;
  const seen = facts.maybe(met(at, name.name, address));
  if (isLost(seen)) return unknown('application', who, seen);
  if (seen === null) return layer('aside', 'application', who, 'nothing answers HTTPS');
  const mine = seen.names.some(
    (one) =>
      one.toLowerCase() === name.name || (one.startsWith('*.') && name.name.slice(name.name.indexOf('.')) === one.slice(1).toLowerCase()),
  );
  if (mine || (seen.names.length === 0 && seen.against === null)) return layer('right', 'application', who, 'a certificate for it');
  return layer('wrong', 'application', who, `a certificate for ${namesText(seen.names) || 'somebody else'}`);
};

const publicLayer = (fabric: Fabric, spot: Spot, facts: Facts): Layer => {
  const who = `public (${fabric.dns?.public ?? ''})`;
  const reply = facts.maybe(publicA(fabric, spot));
  return isLost(reply)
    ? unknown('public', who, reply)
    : layer('aside', 'public', who, saidBy(reply), reply.is === 'answer' ? reply.milliseconds : null);
};
