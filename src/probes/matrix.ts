import type { Probe, Vantage } from '../evidence.ts';
import type { Address, Caddy, Side, Site } from '../fabric.ts';
import { mayEnter } from '../services/caddy.ts';
import { entry, PROTOCOLS, type Protocol, type Tried } from './entry.ts';

/** One question of the matrix: a site, from a vantage, by an address, over a protocol. */
export interface Cell {
  readonly at: Vantage;
  readonly side: Side;
  readonly site: Site;
  readonly address: Address;
  readonly protocol: Protocol;
  /** `null`: nothing is declared of it. */
  readonly may: boolean | null;
  readonly probe: Probe<Tried>;
}
/** Every cell, by vantage: each address of its side, each site of which something is declared. The server itself is never one. */
export const cellsOf = (caddy: Caddy): readonly { readonly at: Vantage; readonly side: Side; readonly cells: readonly Cell[] }[] =>
  (['vpn', 'public'] as const).flatMap((side) =>
    caddy.vantages[side].map((at) => ({
      at,
      side,
      cells: caddy.sites.flatMap((site) => {
        const may = mayEnter(site, side);
        if (may === null) return [];
        return caddy.addresses[side].flatMap((address) =>
          PROTOCOLS.map((protocol) => ({ at, side, site, address, protocol, may, probe: entry(at, site, address, caddy.port, protocol) })),
        );
      }),
    })),
  );
