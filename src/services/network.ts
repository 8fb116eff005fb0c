import { BlockList, isIP } from 'node:net';
import type { Address, Cidr } from '../fabric.ts';

export interface Network {
  readonly address: Address;
  readonly prefix: number;
  readonly family: 4 | 6;
}

/** `100.64.0.0/10`, or a bare address. The text is known to be one or the other. */
export const parseNetwork = (text: Cidr | Address): Network => {
  const [address = '', prefix] = text.split('/');
  const family = isIP(address) === 6 ? 6 : 4;
  return { address, prefix: prefix === undefined ? (family === 6 ? 128 : 32) : Number(prefix), family };
};

/** Whether an address, or a whole network, lies inside a network. False for what is no address. */
export const within = (inner: Cidr | Address, outer: Cidr): boolean => {
  const a = parseNetwork(inner);
  const b = parseNetwork(outer);
  if (isIP(a.address) === 0 || isIP(b.address) === 0 || a.family !== b.family || a.prefix < b.prefix) return false;
  // A list costs fifty times what this does, and whole rule sets are walked by it.
  if (a.family === 4) return begin(a.address, b.prefix) === begin(b.address, b.prefix);
  const list = new BlockList();
  list.addSubnet(b.address, b.prefix, 'ipv6');
  return list.check(a.address, 'ipv6');
};

/** The first bits of an IPv4 address, as a number. */
const begin = (address: Address, prefix: number): number =>
  Math.floor(address.split('.').reduce((all, part) => all * 256 + Number(part), 0) / 2 ** (32 - prefix));

/** The network of an address: `172.20.1.2` and 24 are `172.20.1.0/24`. */
export const networkOf = (address: Address, prefix: number): Cidr => {
  const [parts, size] = address.includes(':') ? ([words(address), 16] as const) : ([address.split('.').map(Number), 8] as const);
  const kept = parts.map((part, n) => {
    const bits = size - Math.min(Math.max(prefix - n * size, 0), size);
    return (part >> bits) << bits;
  });
  return `${size === 8 ? kept.join('.') : new URL(`http://[${kept.map((part) => part.toString(16)).join(':')}]`).hostname.slice(1, -1)}/${prefix}`;
};
/** The eight of an IPv6 address, as the URL parser writes them. */
const words = (address: Address): readonly number[] => {
  const [head = '', tail = ''] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const [first, last] = [head, tail].map((half) => half.split(':').filter(Boolean));
  const zeros = Array.from({ length: 8 - (first?.length ?? 0) - (last?.length ?? 0) }, () => '0');
  return [...(first ?? []), ...zeros, ...(last ?? [])].map((word) => Number.parseInt(word, 16));
};
