import { type Answer, Unreadable } from '../evidence.ts';
import { quote } from '../shell.ts';

/** `refused`: nothing listens there. `silent`: no answer in time. */
export type Reached = { readonly status: number; readonly body: string } | 'refused' | 'silent';

/** A curl that prints the body, a new line and the status; `more` is shell text, and may read headers from stdin with `-H @-`. */
export const curl = (url: string, more = '', seconds = 5): string =>
  `curl -qsS -m ${seconds} -w '\\n%{http_code}' ${more}${more ? ' ' : ''}${quote(url)}`;

/** Reads what `curl` above prints. curl's exit codes: 6 no such host, 7 refused, 28 timed out, 52 and 56 cut off. */
export const reached = ({ code, out, err }: Answer): Reached => {
  if (code === 7) return 'refused';
  if (code === 28 || code === 124) return 'silent';
  if (code === 127) throw new Unreadable('curl is not installed there', 'unsupported');
  if (code !== 0) throw new Unreadable(`curl ${code}: ${err.trim().split('\n')[0] ?? ''}`);
  const cut = out.lastIndexOf('\n');
  const status = Number(out.slice(cut + 1));
  if (!Number.isInteger(status) || status < 100) throw new Unreadable(`not an HTTP status: ${JSON.stringify(out.slice(-40))}`);
  return { status, body: out.slice(0, Math.max(cut, 0)) };
};

/** For people: `HTTP 503: {"status":"unhealthy"}`. */
export const described = (reply: Reached): string => {
  if (reply === 'refused') return 'connection refused';
  if (reply === 'silent') return 'no answer in time';
  const body = reply.body.trim().replaceAll(/\s+/g, ' ');
  return `HTTP ${reply.status}${body ? `: ${body.length > 200 ? `${body.slice(0, 200)}…` : body}` : ''}`;
};
