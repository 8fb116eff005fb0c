// The way of a name from whoever keeps it to the application that asks for it: what each layer says.
import type { Vantage } from './evidence.ts';
import type { Address } from './fabric.ts';

export interface Trail {
  readonly name: string;
  readonly at: Vantage;
  readonly wanted: readonly Address[];
  /** From the origin to the application; the public view, which is none of them, last. */
  readonly layers: readonly Layer[];
}
export interface Layer {
  readonly layer: 'headscale' | 'network map' | 'tailnet resolver' | 'operating system' | 'application' | 'public';
  /** For people: which one it is. */
  readonly who: string;
  readonly says: string;
  /** `aside`: it is no part of the way, or has no say here. */
  readonly is: 'right' | 'wrong' | 'unknown' | 'aside';
  readonly milliseconds: number | null;
}

/** The first layer that diverges. Absent: none does, as far as it is known. */
export const divergence = ({ layers }: Trail): Layer | undefined => layers.find(({ is }) => is === 'wrong');
