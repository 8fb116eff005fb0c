// The HTTP of stores: one request, bounded in time and length, without redirects, since a token goes with it.
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { redactText } from '../hosts/redact.ts';
import { Secret } from '../secret.ts';
import { visible } from '../shell.ts';
import type { Missing } from './source.ts';

export interface Asked {
  readonly method?: 'GET' | 'PUT' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly seconds: number;
  /** PEM: who may sign the server's certificate, instead of the usual ones. */
  readonly ca?: string;
  /** What to set where the certificate is signed by none of them. */
  readonly trust: string;
}
export interface Replied {
  readonly status: number;
  /** `null`: no JSON. */
  readonly json: unknown;
}

const MOST = 1024 * 1024;

export const ask = async (url: string, asked: Asked): Promise<Replied | Missing> => {
  const { host, protocol } = new URL(url);
  try {
    const { status, text, location } = await exchange(url, asked);
    if (status >= 300 && status < 400) return { missing: `${host} sends elsewhere (${status}): ${visible(location).slice(0, 100)}` };
    return { status, json: jsonOf(text) };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const name = error instanceof Error ? error.name : '';
    if (code === 'ABORT_ERR' || name === 'TimeoutError' || name === 'AbortError')
      return { missing: `${host} did not answer within ${asked.seconds} s` };
    if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return { missing: `the name of ${host} is not known (DNS)` };
    if (code === 'ECONNREFUSED') return { missing: `${host} refuses connections` };
    if (code === 'E2BIG') return { missing: `${host} answered with more than 1 MiB` };
    if (code === 'EPROTO' && protocol === 'https:') return { missing: `${host} does not speak TLS` };
    if (/CERT|SIGNATURE|ISSUER/.test(code)) return { missing: `the certificate of ${host} is not trusted (${code}): ${asked.trust}` };
    return { missing: `${host} cannot be reached (${code === '' ? name : code})` };
  }
};

const exchange = (url: string, { method = 'GET', headers, body, seconds, ca }: Asked) =>
  new Promise<{ status: number; text: string; location: string }>((resolve, reject) => {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const options = {
      method,
      headers: {
        ...headers,
        ...(text === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) }),
      },
      signal: AbortSignal.timeout(seconds * 1000),
      ...(ca === undefined ? {} : { ca }),
    };
    const sent = (url.startsWith('https:') ? httpsRequest : httpRequest)(url, options, (response) => {
      const chunks: Buffer[] = [];
      let length = 0;
      response.on('error', reject);
      response.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > MOST) response.destroy(Object.assign(new Error('too long'), { code: 'E2BIG' }));
        chunks.push(chunk);
      });
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          text: Buffer.concat(chunks).toString('utf8'),
          location: response.headers.location ?? '',
        }),
      );
    });
    sent.on('error', reject);
    sent.end(text);
  });

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
};

/** What is at a path of JSON, if anything is. */
export const at = (json: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>((value, key) => {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    return Object.entries(value).find(([name]) => name === key)?.[1];
  }, json);

/** What a server says of an error, short and without the token that it was asked with. */
export const remark = (text: unknown, token: string): string => {
  if (typeof text !== 'string') return '';
  const line = visible(redactText(text, new Map([['TOKEN', new Secret('TOKEN', token)]])).replace(/\s+/g, ' ')).trim();
  return line.length <= 200 ? line : `${line.slice(0, 199)}…`;
};
