// What stands in for Azure Key Vault: its independent emulator, Lowkey Vault, could not be downloaded. The exchange is that of Microsoft's own
// examples (azure-rest-api-specs, Microsoft.KeyVault/stable/7.4/examples/{Get,Set}Secret-example.json) and error codes
// (learn.microsoft.com/azure/key-vault/general/rest-error-codes); Microsoft's JavaScript SDK reads from it and writes to it.
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export const TOKEN = `eyJ0eXAiOiJKV1QifQ.${'standin'.repeat(9)}.sig`;

interface Version {
  readonly value: string;
  readonly version: string;
  readonly exp?: number;
}

export const keyVault = async () => {
  const secrets = new Map<string, Version[]>();
  /** Replies that a name gets instead: of what no secret's state can bring about here. */
  const instead = new Map<
    string,
    { readonly status: number; readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> }
  >();
  const asked: string[] = [];
  let under = 0;
  let most = 0;
  const server = createServer(async (request, response) => {
    most = Math.max(most, ++under);
    response.on('close', () => under--);
    const url = new URL(request.url ?? '', 'http://vault');
    asked.push(`${request.method} ${url.pathname}${url.search}`);
    const send = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): void => {
      response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8', ...headers }).end(JSON.stringify(body));
    };
    const fault = (status: number, code: string, message: string): void => send(status, { error: { code, message } });
    const [, kind, name = '', version] = url.pathname.split('/');
    if (request.headers.authorization !== `Bearer ${TOKEN}`) {
      const challenge = 'Bearer authorization="https://login.microsoftonline.com/t", resource="https://vault.azure.net"';
      send(
        401,
        { error: { code: 'Unauthorized', message: 'AKV10000: Request is missing a Bearer or PoP token.' } },
        { 'WWW-Authenticate': challenge },
      );
      return;
    }
    if (!url.searchParams.has('api-version')) return fault(400, 'BadParameter', 'api-version must be specified');
    if (kind !== 'secrets') return fault(404, 'NotFound', 'no such thing');
    const other = instead.get(name);
    if (other !== undefined) {
      if (other.status !== 0) send(other.status, other.body ?? {}, other.headers);
      return;
    }
    const reply = (one: Version): void =>
      send(200, {
        value: one.value,
        id: `https://myvault.vault.azure.net/secrets/${name}/${one.version}`,
        attributes: {
          enabled: true,
          created: 1493938410,
          updated: 1493938410,
          recoveryLevel: 'Recoverable+Purgeable',
          ...(one.exp === undefined ? {} : { exp: one.exp }),
        },
      });
    const versions = secrets.get(name) ?? [];
    if (request.method === 'PUT') {
      const { value, attributes } = JSON.parse(await textOf(request));
      const made = { value, version: (versions.length + 1).toString(16).padStart(32, '0'), ...attributes };
      secrets.set(name, [...versions, made]);
      return reply(made);
    }
    await new Promise((resolve) => setTimeout(resolve, 20)); // so that parallel requests meet
    const found = version ? versions.find((one) => one.version === version) : versions.at(-1);
    if (found === undefined)
      return fault(404, 'SecretNotFound', `A secret with (name/id) ${name}/${version ?? ''} was not found in this key vault.`);
    reply(found);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port }: AddressInfo = addressOf(server.address());
  return {
    endpoint: `http://127.0.0.1:${port}`,
    secrets,
    instead,
    asked,
    /** How many requests were under way at once. */
    most: () => most,
    end: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};

const addressOf = (address: AddressInfo | string | null): AddressInfo => {
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address;
};

const textOf = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
};
