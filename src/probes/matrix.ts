import { type Facts, isLost, type Probe, type Vantage } from '../evidence.ts';
import type { Address, Caddy, Side, Site } from '../fabric.ts';
import type { MatrixRow } from '../matrix.ts';
import { mayEnter } from '../services/caddy.ts';
import { entry, PROTOCOLS, type Protocol, saidOf, type Tried, verdictOf } from './entry.ts';

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

/** The matrix, of what was heard. */
export const matrixOf = (caddy: Caddy, { maybe }: Facts): readonly MatrixRow[] =>
  cellsOf(caddy).flatMap(({ at, cells }) => {
    const rows = new Map(cells.map((cell) => [`${cell.site.name} ${cell.address}`, cell]));
    return [...rows.values()].map(({ site, address, may }) => ({
      site: site.name,
      enter: site.enter,
      at,
      address,
      may: may === true,
      cells: cells
        .filter((cell) => cell.site === site && cell.address === address)
        .map(({ protocol, probe }) => {
          const tried = maybe(probe);
          return isLost(tried)
            ? { protocol, seen: 'unknown' as const, said: tried.why }
            : { protocol, seen: verdictOf(tried), said: saidOf(tried) };
        }),
    }));
  });
