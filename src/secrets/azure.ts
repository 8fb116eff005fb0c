// Azure Key Vault, by its REST API and the token of az: one token for all secrets of a run. Why not Microsoft's SDK: docs/secrets.md.
//   GET https://myvault.vault.azure.net/secrets/mysecretname/4387e9f3d6e14c459867679a90fd0f79?api-version=7.4
//   {"value":"mysecretvalue","id":"https://myvault.vault.azure.net/secrets/mysecretname/4387e9f3d6e14c459867679a90fd0f79",
//    "attributes":{"enabled":true,"created":1493938410,"updated":1493938410,"exp":1767225600}}
// https://learn.microsoft.com/rest/api/keyvault/secrets/get-secret/get-secret, …/set-secret/set-secret
import type { AzureSource } from '../fabric.ts';
import type { Secret } from '../secret.ts';
import { ask, at, type Replied, remark } from './http.ts';
import { failed, run } from './program.ts';
import type { Fetched, Missing, Stored, World } from './source.ts';

const TRUST = 'name its authority with NODE_EXTRA_CA_CERTS';

export const fetchAzure = async (source: AzureSource, world: World): Promise<Fetched> => {
  const replied = await call(source, world, source.version === undefined ? '' : `/${source.version}`);
  if ('missing' in replied) return replied;
  const [value, exp] = [at(replied.json, 'value'), at(replied.json, 'attributes', 'exp')];
  if (replied.status !== 200 || typeof value !== 'string') return { missing: `the answer is no secret` };
  return { value, ...(typeof exp === 'number' ? { expiry: exp } : {}) };
};

/** A new version; the old ones stay in the vault. */
export const storeAzure = async (source: AzureSource, value: Secret, world: World): Promise<Stored> => {
  const replied = await call(source, world, '', { value: value.reveal() });
  return 'missing' in replied ? replied : { stored: true };
};

const call = async (source: AzureSource, world: World, version: string, body?: unknown): Promise<Replied | Missing> => {
  const asked = world.tokens.get(source.audience) ?? tokenOf(source.audience, world);
  world.tokens.set(source.audience, asked);
  const token = await asked;
  if (typeof token !== 'string') return token;
  const replied = await ask(`${source.endpoint}/secrets/${source.name}${version}?api-version=7.4`, {
    ...(body === undefined ? {} : { method: 'PUT', body }),
    headers: { Authorization: `Bearer ${token}` },
    seconds: world.seconds,
    trust: TRUST,
  });
  return 'missing' in replied || replied.status === 200 ? replied : why(replied, token);
};

/** https://learn.microsoft.com/azure/key-vault/general/rest-error-codes */
const why = ({ status, json }: Replied, token: string): Missing => {
  const inner = at(json, 'error', 'innererror', 'code');
  const said = remark(at(json, 'error', 'message'), token);
  const more = said === '' ? '' : ` (${said})`;
  if (status === 401) return { missing: `the login is not accepted${more}`, login: 'az login' };
  if (status === 403 && inner === 'SecretDisabled') return { missing: 'disabled' };
  if (status === 403 && inner === 'ForbiddenByFirewall') return { missing: `the vault's firewall does not let this machine in${more}` };
  if (status === 403) return { missing: `forbidden for whom az is logged in${typeof inner === 'string' ? `, ${inner}` : ''}${more}` };
  if (status === 404) return { missing: 'not found in the vault' };
  if (status === 429) return { missing: 'the vault answers no more for now: too many requests (429)' };
  return { missing: `the vault answered ${status}${more}` };
};

/** `az account get-access-token --output json`: {"accessToken":"eyJ…","expiresOn":"2026-11-25 20:00:00.000000",…} */
const tokenOf = async (audience: string, world: World): Promise<string | Missing> => {
  const ran = await run(['az', 'account', 'get-access-token', '--resource', audience, '--output', 'json'], world);
  if ('missing' in ran) return ran;
  if (ran.code !== 0) {
    // ERROR: Please run 'az login' to setup account. / AADSTS700082: The refresh token has expired due to inactivity. …
    const signedOut = /az login|AADSTS/.test(ran.err);
    return signedOut ? { missing: `az is not logged in (${ran.err})`, login: 'az login' } : { missing: failed('az', ran) };
  }
  const token = at(jsonOf(ran.out), 'accessToken');
  return typeof token === 'string' && token !== '' ? token : { missing: 'az gave no token' };
};

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
};
