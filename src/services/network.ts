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
  const list = new BlockList();
  list.addSubnet(b.address, b.prefix, b.family === 6 ? 'ipv6' : 'ipv4');
  return list.check(a.address, a.family === 6 ? 'ipv6' : 'ipv4');
};

/** The network of an address: `172.20.1.2` and 24 are `172.20.1.0/24`. Of IPv6 the address stands for it. */
export const networkOf = (address: Address, prefix: number): Cidr => {
  if (address.includes(':')) return `${address}/${prefix}`;
  const bits = address.split('.').reduce((all, part) => all * 256 + Number(part), 0);
  const first = Math.floor(bits / 2 ** (32 - prefix)) * 2 ** (32 - prefix);
  return `${[24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256).join('.')}/${prefix}`;
};
