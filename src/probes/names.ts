// Names and those who must find them: what the checks of DNS share. A name that its applications find where it belongs needs no
// explanation, whichever resolver told them; all else is asked to explain one that is astray.
import type { Case, Finding } from '../check.ts';
import { type Facts, isLost, type Lost, type Probe, type RecordType, type Vantage } from '../evidence.ts';
import type { Address, DnsName, Fabric } from '../fabric.ts';
import { type Ask, dnsReply, leadsTo, type Reply, type Resolved, resolversSay, saidBy, TYPES } from './dns.ts';
import { lookedUp } from './resolver.ts';
import { type TailscaleDns, tailscaleDns } from './tailscale.ts';

/** One name, and one who must find it. */
export interface Spot {
  readonly name: DnsName;
  readonly at: Vantage;
  /** `mayi.example.net/motoko` */
  readonly subject: string;
}

export const spots = ({ dns }: Fabric): readonly Spot[] =>
  dns === undefined ? [] : dns.from.flatMap((at) => dns.names.map((name) => ({ name, at, subject: `${name.name}/${at}` })));
export const spotsAt = (fabric: Fabric, at: Vantage): readonly Spot[] => spots(fabric).filter((one) => one.at === at);
export const spotsOf = (fabric: Fabric, name: DnsName): readonly Spot[] => spots(fabric).filter((one) => one.name === name);

/** All that it leads to is inside, and it leads somewhere. A machine without IPv6 gets no AAAA, and is right. */
export const isRight = (found: readonly Address[], { inside }: DnsName): boolean =>
  found.length > 0 && found.every((one) => inside.includes(one));
export const strangers = (found: readonly Address[], { inside }: DnsName): readonly Address[] =>
  found.filter((one) => !inside.includes(one));

/** What its applications find instead. */
export interface Astray extends Spot {
  readonly found: readonly Address[];
}
export const lookUps = (all: readonly Spot[]): readonly Probe<unknown>[] => all.map(({ at, name }) => lookedUp(at, name.name));
/** Nothing of what it finds is inside. One that is, among others, is a leak: dns/leak. */
export const isAstray = (found: readonly Address[], { inside }: DnsName): boolean => !found.some((one) => inside.includes(one));
/** A judgement of those that are astray. Where none is, and some could not be looked up, it is not known. */
export const explain = (
  { maybe }: Facts,
  all: readonly Spot[],
  judge: (astray: readonly Astray[]) => readonly (Finding | Lost)[],
  counts: (found: readonly Address[], name: DnsName) => boolean = isAstray,
): readonly (Finding | Lost)[] => {
  const seen = all.map((spot) => ({ spot, found: maybe(lookedUp(spot.at, spot.name.name)) }));
  const astray = seen.flatMap(({ spot, found }) => (isLost(found) || !counts(found, spot.name) ? [] : [{ ...spot, found }]));
  return astray.length > 0 ? judge(astray) : seen.flatMap(({ found }) => (isLost(found) ? [found] : []));
};

/** A case a machine: what its own Tailscale does about DNS, where a name leads its applications astray. Without a Tailscale it is no cause. */
export const ofClients = (
  fabric: Fabric,
  judge: (client: Extract<TailscaleDns, { readonly is: 'there' }>, astray: readonly Astray[], at: Vantage) => readonly Finding[],
): readonly Case[] =>
  (fabric.dns?.from ?? []).map((at) => {
    const [state, mine] = [tailscaleDns(at), spotsAt(fabric, at)];
    return {
      subject: at,
      needs: [state, ...lookUps(mine)],
      judge: (facts) =>
        explain(facts, mine, (astray) => {
          const client = facts.know(state);
          return client.is === 'there' ? judge(client, astray, at) : [];
        }),
    };
  });

export const foundText = (found: readonly Address[]): string => (found.length === 0 ? 'no address' : found.join(', '));
/** `mayi.example.net is 203.0.113.14 for motoko` */
export const astrayText = (astray: readonly Astray[]): string =>
  astray.map(({ name, at, found }) => `${name.name} ${found.length === 0 ? 'has' : 'is'} ${foundText(found)} for ${at}`).join('; ');

/** What the tailnet's resolver is asked for one name: every type, over both transports. */
export const tailnetAsks = (
  fabric: Fabric,
  { at, name }: Spot,
): readonly { readonly transport: 'udp' | 'tcp'; readonly type: RecordType; readonly probe: Probe<Reply> }[] =>
  (['udp', 'tcp'] as const).flatMap((transport) =>
    TYPES.map((type) => ({ transport, type, probe: dnsReply({ at, server: fabric.tailnet.resolver, name: name.name, type, transport }) })),
  );
/** That one question which stands for it. */
export const tailnetA = (fabric: Fabric, { at, name }: Spot): Probe<Reply> =>
  dnsReply({ at, server: fabric.tailnet.resolver, name: name.name, type: typeOf(name), transport: 'udp' });
/** What each of the machine's own resolvers says of it. */
export const eachSays = ({ at, name }: Spot): Probe<readonly Resolved[]> => resolversSay(at, name.name, typeOf(name));
/** `203.0.113.53 says 203.0.113.14, 9.9.9.9 silence (timed out)` */
export const eachText = (all: readonly Resolved[]): string => all.map(({ server, reply }) => `${server} says ${saidBy(reply)}`).join(', ');
/** The public view, from there. */
export const publicAsk = (fabric: Fabric, at: Vantage, name: string, type: RecordType): Ask => ({
  at,
  server: fabric.dns?.public ?? '',
  name,
  type,
  transport: 'udp',
});
export const publicReply = (...args: Parameters<typeof publicAsk>): Probe<Reply> => ({
  ...dnsReply(publicAsk(...args)),
  key: `public/${args[3]}/${args[2]}`,
});
export const publicA = (fabric: Fabric, { at, name }: Spot): Probe<Reply> => publicReply(fabric, at, name.name, typeOf(name));
/** A, unless all that it has inside is IPv6. */
export const typeOf = ({ inside }: DnsName): 'A' | 'AAAA' => (inside.some((one) => !one.includes(':')) ? 'A' : 'AAAA');

/** Whether the tailnet's resolver says of it what it should. */
export const answersRight = (reply: Reply | Lost, name: DnsName): boolean => !isLost(reply) && isRight(leadsTo(reply), name);
