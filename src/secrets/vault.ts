// HashiCorp Vault and OpenBao, by their common HTTP API: the KV engine, version 1 or 2, as `vault kv` finds out which.
//   GET /v1/sys/internal/ui/mounts/secret → {"data":{"options":{"version":"2"},"path":"secret/","type":"kv"}}
//   GET /v1/secret/data/litellm → {"data":{"data":{"key":"…"},"metadata":{"deletion_time":"","destroyed":false,"version":3}}}
// https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2, https://openbao.org/api-docs/secret/kv/kv-v2/
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { VaultSource } from '../fabric.ts';
import type { Secret } from '../secret.ts';
import { ask, at, type Replied, remark } from './http.ts';
import type { Fetched, Missing, Stored, World } from './source.ts';

export const fetchVault = async (source: VaultSource, world: World): Promise<Fetched> => {
  const server = await open(source, world);
  if ('missing' in server) return server;
  const read = await server.call('GET', server.url);
  if ('missing' in read) return read;
  const value = at(fieldsOf(read, server.version), source.field);
  if (value === undefined) return { missing: `the secret has no such field` };
  if (typeof value !== 'string' && typeof value !== 'number') return { missing: `the field holds no text` };
  // Set beforehand where the secret has a delete_version_after.
  const deletion = Date.parse(String(at(read.json, 'data', 'metadata', 'deletion_time') ?? ''));
  return { value: String(value), ...(Number.isNaN(deletion) ? {} : { expiry: Math.floor(deletion / 1000) }) };
};

/** The field's new value; the secret's other fields stay. Of version 2, only if nobody wrote in between (check and set). */
export const storeVault = async (source: VaultSource, value: Secret, world: World): Promise<Stored> => {
  const server = await open(source, world);
  if ('missing' in server) return server;
  const read = await server.call('GET', server.url);
  if ('missing' in read && !read.none) return read;
  const old = 'missing' in read ? {} : fieldsOf(read, server.version);
  const fields = { ...(typeof old === 'object' ? old : {}), [source.field]: value.reveal() };
  const version = 'missing' in read ? (read.version ?? 0) : Number(at(read.json, 'data', 'metadata', 'version'));
  const written = await server.call('POST', server.url, server.version === 2 ? { options: { cas: version }, data: fields } : fields);
  return 'missing' in written ? { missing: written.missing } : { stored: true };
};

const fieldsOf = ({ json }: Replied, version: 1 | 2): unknown => (version === 2 ? at(json, 'data', 'data') : at(json, 'data'));

/** `none`: nothing is there. `version`: of what was there and is deleted. */
type Refused = Missing & { readonly none?: true; readonly version?: number };

const open = async (source: VaultSource, world: World) => {
  const { env, seconds } = world;
  const variable = (name: string): string | undefined => env[`VAULT_${name}`] || env[`BAO_${name}`] || undefined;
  const program = env['BAO_ADDR'] && !env['VAULT_ADDR'] ? 'bao' : 'vault';
  const address = (source.address ?? variable('ADDR'))?.replace(/\/+$/, '');
  if (address === undefined || !/^https?:\/\/[^/]/.test(address))
    return { missing: `no address: neither fabric.yaml nor VAULT_ADDR or BAO_ADDR gives an http(s) one` };
  const login = `${program} login -address=${address}`;
  const token = variable('TOKEN') ?? (await textOrNone(join(env['HOME'] ?? '', '.vault-token')));
  if (token === undefined) return { missing: `no token: neither VAULT_TOKEN, BAO_TOKEN nor ~/.vault-token`, login };
  if (/[^\x21-\x7e]/.test(token)) return { missing: `the token is not one line of letters and digits`, login };
  const file = variable('CACERT');
  const ca = file === undefined ? undefined : await textOrNone(file);
  if (file !== undefined && ca === undefined) return { missing: `${file} (VAULT_CACERT) cannot be read` };
  const namespace = variable('NAMESPACE');

  const call = async (method: 'GET' | 'POST', path: string, body?: unknown): Promise<Replied | Refused> => {
    const replied = await ask(`${address}/v1/${path}`, {
      method,
      headers: {
        'X-Vault-Token': token,
        'X-Vault-Request': 'true',
        ...(namespace === undefined ? {} : { 'X-Vault-Namespace': namespace }),
      },
      ...(body === undefined ? {} : { body }),
      seconds,
      trust: 'name its authority with VAULT_CACERT',
      ...(ca === undefined ? {} : { ca }),
    });
    return 'missing' in replied || replied.status === 200 || replied.status === 204 ? replied : why(replied, token, login);
  };

  const mount = await call('GET', `sys/internal/ui/mounts/${encoded(source.mount)}`);
  if ('missing' in mount) return { ...mount, missing: `mount ${source.mount}: ${mount.missing}` };
  const version: 1 | 2 = at(mount.json, 'data', 'options', 'version') === '2' ? 2 : 1;
  const url = `${encoded(source.mount)}/${version === 2 ? 'data/' : ''}${encoded(source.path)}`;
  return { version, url, call };
};

const encoded = (path: string): string => path.split('/').map(encodeURIComponent).join('/');

const textOrNone = (path: string): Promise<string | undefined> =>
  readFile(path, 'utf8').then(
    (text) => text.trim() || undefined,
    () => undefined,
  );

const why = ({ status, json }: Replied, token: string, login: string): Refused => {
  const errors = at(json, 'errors');
  const said = remark(Array.isArray(errors) ? errors.join('; ') : '', token);
  const more = said === '' ? '' : ` (${said})`;
  // A deleted version is a 404 with its metadata.
  const deleted = at(json, 'data', 'metadata', 'deletion_time');
  if (status === 404 && deleted) {
    return {
      missing: `its newest version was deleted or has expired (${String(deleted)})`,
      none: true,
      version: Number(at(json, 'data', 'metadata', 'version')),
    };
  }
  if (status === 404) return { missing: 'not there', none: true };
  // Vault has no 401: a token that is wrong or has expired is a 403 too.
  if (status === 403 && /invalid token|bad token/.test(said)) return { missing: 'the token is wrong or has expired', login };
  if (status === 403) return { missing: `forbidden for this token, or the token has expired${more}`, login };
  if (status === 400 && /check-and-set/.test(said)) return { missing: 'somebody else wrote it at the same time' };
  if (status === 503 && /sealed/i.test(said)) return { missing: 'the vault is sealed: unseal it first' };
  return { missing: `the server answered ${status}${more}` };
};
