// Who gets into which site, as tried: what `fabric doctor caddy` prints. Data in, data out.

/** `other`: an answer that is not this site's own. `unknown`: it was not tried, or could not be. */
export type Seen = 'allowed' | 'refused' | 'unreachable' | 'other' | 'unknown';
/** One site, from one vantage, by one address. */
export interface MatrixRow {
  readonly site: string;
  /** As fabric.yaml says it: `vpn`, `public` or `both`. */
  readonly enter: string;
  readonly at: string;
  readonly address: string;
  readonly may: boolean;
  readonly cells: readonly MatrixCell[];
}
export interface MatrixCell {
  /** `h1`, `h2`, `h3`. */
  readonly protocol: string;
  readonly seen: Seen;
  /** In words: `HTTP 403`, or why it is unknown. */
  readonly said: string;
}

/** Whether a cell is as declared; `null`: nobody knows. Who is kept out may be so by a port that is shut. */
export const agrees = ({ may }: MatrixRow, { seen }: MatrixCell): boolean | null => {
  if (seen === 'unknown') return null;
  return may ? seen === 'allowed' : seen !== 'allowed';
};
