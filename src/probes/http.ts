import { type Answer, Unreadable } from '../evidence.ts';
import { quote } from '../shell.ts';

/** Why nothing came back: a fact about the place that was asked, not a loss. */
export type Unanswered = 'connection refused' | 'no answer in time' | 'no such host' | 'cut off' | 'no TLS';
export type Reached = { readonly status: number; readonly body: string } | Unanswered;

/** curl's exit codes. */
const UNANSWERED: ReadonlyMap<number, Unanswered> = new Map([
  [6, 'no such host'],
  [7, 'connection refused'],
  [28, 'no answer in time'],
  [35, 'no TLS'],
  [52, 'cut off'],
  [56, 'cut off'],
  [60, 'no TLS'],
  [124, 'no answer in time'], // timeout's own
]);

/**
 * A curl that asks the address itself and no proxy, so that a key goes nowhere else. It prints the body, a new line and the status;
 * `more` is shell text, and may read headers from stdin with `-H @-`.
 */
export const curl = (url: string, more = '', seconds = 5): string =>
  `curl -qsS --noproxy '*' -m ${seconds} -w '\\n%{http_code}' ${more}${more ? ' ' : ''}${quote(url)}`;

/** Reads what `curl` above prints. */
export const reached = ({ code, out, err }: Answer): Reached => {
  const unanswered = UNANSWERED.get(code);
  if (unanswered) return unanswered;
  if (code === 127) throw new Unreadable('curl is not installed there', 'unsupported');
  if (code !== 0) throw new Unreadable(`curl ${code}: ${err.trim().split('\n')[0] ?? ''}`);
  const cut = out.lastIndexOf('\n');
  const status = Number(out.slice(cut + 1));
  if (!Number.isInteger(status) || status < 100) throw new Unreadable(`not an HTTP status: ${JSON.stringify(out.slice(-40))}`);
  return { status, body: out.slice(0, Math.max(cut, 0)) };
};

/** For people: `HTTP 503: {"status":"unhealthy"}`. */
export const described = (reply: Reached): string => {
  if (typeof reply === 'string') return reply;
  const body = reply.body.trim().replaceAll(/\s+/g, ' ');
  return `HTTP ${reply.status}${body ? `: ${body.length > 200 ? `${body.slice(0, 200)}…` : body}` : ''}`;
};
