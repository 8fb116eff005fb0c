// As whom Caddy sees those who come, by what its host does to their packets before. Pure.
import { isIP } from 'node:net';
import type { Address, Caddy, Cidr, Side } from '../fabric.ts';
import type { Interface } from './firewall.ts';
import { destinationRule, type Packet, type Rule, type Ruleset, sourceRule } from './netfilter.ts';
import { within } from './network.ts';

/** How Caddy runs, and how clients come to it. */
export interface Instance {
  readonly by: 'podman' | 'docker' | 'systemd';
  /** Whose engine it is, where it is not root's: rootless. */
  readonly user: string | null;
  /** `running`, `exited`, `restarting`, …; of a unit `active`, `failed`, … */
  readonly status: string;
  readonly running: boolean;
  /** By itself, since somebody started it. */
  readonly restarts: number;
  /** `host`, `bridge`, `slirp4netns`, `pasta`, or the name of a network. */
  readonly mode: string;
  readonly published: readonly Published[];
  readonly networks: readonly Net[];
}
/** A port of the container, and where it is bound on the host. */
export interface Published {
  readonly protocol: 'tcp' | 'udp';
  readonly inside: number;
  readonly address: Address;
  readonly port: number;
}
/** A network that the container is on. */
export interface Net {
  readonly name: string;
  readonly v4: Leg | null;
  readonly v6: Leg | null;
}
export interface Leg {
  readonly address: Address;
  readonly gateway: Address;
  readonly subnet: Cidr;
}

/** The network that it is reached by: the first that has that family. `null`: none has. */
export const subnetOf = ({ networks }: Instance, family: 4 | 6): Cidr | null =>
  networks.flatMap(({ v4, v6 }) => (family === 6 ? v6 : v4)?.subnet ?? [])[0] ?? null;

/** Who has the port on the host. */
export interface Socket {
  readonly protocol: 'tcp' | 'udp';
  readonly address: Address;
  /** `docker-proxy`, `dockerd`, `rootlessport`, `caddy`, …; empty where nobody says so (the kernel’s, or another user’s). */
  readonly program: string;
}
/** What the host was asked. */
export interface Host {
  readonly instance: Instance;
  readonly links: readonly Interface[];
  readonly sockets: readonly Socket[];
  readonly rules: readonly Ruleset[];
}

/** Why Caddy does not see who comes. */
export type Cause = 'tailscale-snat' | 'masquerade' | 'docker-proxy' | 'nat-rules' | 'rootless';
/** How the first packet of a connection comes to Caddy. `as`: whom Caddy sees instead. `by`: the rule, or the program. */
export type Way =
  | { readonly is: 'as it is' | 'closed' }
  | {
      readonly is: 'masked';
      readonly cause: Cause;
      readonly as: Address;
      readonly by: string;
      readonly backend: Ruleset['backend'] | null;
    };

/** Where one side comes in. */
export interface Door {
  readonly side: Side;
  readonly family: 4 | 6;
  readonly address: Address;
  /** The interface that has the address: none where a router stands in front. */
  readonly link: string;
  /** fabric.yaml names it. */
  readonly declared: boolean;
}
/** Bridges and links of containers: nobody from outside comes in there. */
const LOCAL = /^(?:docker\d|br-[0-9a-f]{12}$|podman\d|veth|cni|virbr)/;

/** The declared addresses of a side; then, of a family that has none declared, an address by which it could come all the same. */
export const doorsOf = ({ addresses, allow }: Caddy, links: readonly Interface[], networks: readonly Net[]): readonly Door[] => {
  const gateways = networks.flatMap(({ v4, v6 }) => [v4?.gateway, v6?.gateway]);
  const outer = links.filter((link) => !LOCAL.test(link.name) && !link.addresses.some((address) => gateways.includes(address)));
  const ofVpn = (address: Address): boolean => addresses.vpn.includes(address) || allow.some((network) => within(address, network));
  const carrying = outer.find((link) => link.addresses.some(ofVpn));
  const linkOf = (address: Address, side: Side): string =>
    outer.find((link) => link.addresses.includes(address))?.name ??
    (side === 'vpn' ? carrying : outer.find((link) => link !== carrying))?.name ??
    '';
  return (['vpn', 'public'] as const).flatMap((side) =>
    ([4, 6] as const).flatMap((family): readonly Door[] => {
      const mine = addresses[side].filter((address) => isIP(address) === family);
      if (mine.length > 0) return mine.map((address) => ({ side, family, address, link: linkOf(address, side), declared: true }));
      const [found] = outer.flatMap((link) =>
        link.addresses
          .filter((address) => isIP(address) === family && (side === 'vpn' ? ofVpn(address) : !ofVpn(address) && isGlobal(address)))
          .map((address) => ({ side, family, address, link: link.name, declared: false })),
      );
      return found === undefined ? [] : [found];
    }),
  );
};
/** Routed on the internet: RFC 4291 2.4 has it of IPv6 by its first bits; of IPv4, what is not private, shared or link-local. */
const isGlobal = (address: Address): boolean =>
  isIP(address) === 6
    ? /^[23]/.test(address)
    : !['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '169.254.0.0/16', '127.0.0.0/8'].some((it) =>
        within(address, it),
      );

/** What runs on the host and takes connections for a container, in a name of its own. pasta keeps the client's. */
const PROXIES = /^(?:docker-proxy|rootlessport|rootlesskit|slirp4netns)/;

/** The way of one side's packets through one door. `from`: a client there. */
export const wayOf = ({ instance, links, sockets, rules }: Host, door: Door, protocol: 'tcp' | 'udp', from: Address, port: number): Way => {
  const listening = sockets.filter((one) => one.protocol === protocol && covers(one.address, door.address));
  if (instance.mode === 'host') return { is: listening.length === 0 ? 'closed' : 'as it is' };
  const [net] = instance.networks.filter(({ v4, v6 }) => (door.family === 6 ? v6 : v4) !== null);
  const leg = door.family === 6 ? net?.v6 : net?.v4;
  const packet: Packet = { from, to: door.address, toHost: true, in: door.link, out: '', protocol, port, mark: 0, translated: false };
  const sent = instance.user === null ? destinationRule(rules, packet) : null;
  if (sent !== null && leg !== null && leg !== undefined) {
    const inside = instance.published.find((one) => one.protocol === protocol && one.port === port)?.inside ?? port;
    const out = links.find(({ addresses }) => addresses.includes(leg.gateway))?.name ?? '';
    const rule = sourceRule(rules, { ...packet, to: leg.address, toHost: false, out, port: inside, translated: true });
    return rule === null
      ? { is: 'as it is' }
      : { is: 'masked', cause: causeOf(rule), as: leg.gateway, by: rule.text, backend: rule.backend };
  }
  const proxy = listening.find(({ program }) => PROXIES.test(program));
  if (proxy === undefined) return { is: listening.length === 0 ? 'closed' : 'as it is' };
  const seen = instance.networks.find(({ v4 }) => v4 !== null)?.v4;
  return { is: 'masked', cause: proxied(instance, leg ?? null), as: seen?.gateway ?? '127.0.0.1', by: proxy.program, backend: null };
};
const covers = (bound: Address, address: Address): boolean =>
  bound === address || bound === '*' || (bound === '0.0.0.0' && isIP(address) === 4) || (bound === '::' && isIP(address) === 6);
const causeOf = ({ chain }: Rule): Cause => (chain === 'ts-postrouting' ? 'tailscale-snat' : 'masquerade');
const proxied = ({ user }: Instance, leg: Leg | null): Cause => {
  if (user !== null) return 'rootless';
  // A network without IPv6 has no other way; where it has the family, rules should have come first.
  return leg === null ? 'docker-proxy' : 'nat-rules';
};

/** Whom one mask hides: in words. */
export interface Mask {
  readonly door: Door;
  readonly protocols: readonly ('tcp' | 'udp')[];
  readonly cause: Cause;
  readonly as: Address;
  readonly by: string;
  /** Of the rule; `null`: it is a program. */
  readonly backend: Ruleset['backend'] | null;
}
/** Every mask, a door each. `client`: an address of that side and family. */
export const masksOf = (host: Host, caddy: Caddy, client: (side: Side, family: 4 | 6) => Address): readonly Mask[] =>
  doorsOf(caddy, host.links, host.instance.networks).flatMap((door) => {
    const ways = (['tcp', 'udp'] as const).flatMap((protocol) => {
      const way = wayOf(host, door, protocol, client(door.side, door.family), caddy.port);
      return way.is === 'masked' ? [{ ...way, protocol }] : [];
    });
    const causes = [...new Set(ways.map(({ cause }) => cause))];
    return causes.flatMap((cause): readonly Mask[] => {
      const mine = ways.filter((way) => way.cause === cause);
      const [first] = mine;
      return first === undefined
        ? []
        : [{ door, protocols: mine.map(({ protocol }) => protocol), cause, as: first.as, by: first.by, backend: first.backend }];
    });
  });

/** For people: `HTTP/1.1, 2 and 3`. */
export const spoken = (protocols: readonly ('tcp' | 'udp')[]): string =>
  protocols.length === 2 ? 'HTTP/1.1, 2 and 3' : protocols[0] === 'udp' ? 'HTTP/3' : 'HTTP/1.1 and 2';
