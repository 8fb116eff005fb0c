// SOPS: a leaf of an encrypted file. Whatever encrypts it (age, GnuPG, a cloud's keys) is sops' own affair.
import type { SecretSource } from '../fabric.ts';
import type { Secret } from '../secret.ts';
import { atHome } from './file.ts';
import { failed, type Ran, run } from './program.ts';
import type { Fetched, Missing, Stored, World } from './source.ts';

type SopsSource = Extract<SecretSource, { from: 'sops' }>;

/** `["litellm"]["key"]`; digits are an index of a list. */
const extract = (keys: readonly string[]): string => keys.map((key) => (/^\d+$/.test(key) ? `[${key}]` : `["${key}"]`)).join('');

export const fetchSops = async (source: SopsSource, world: World): Promise<Fetched> => {
  const path = atHome(source.path, world.env['HOME']);
  // As JSON, a branch shows itself: as YAML, one of a single key would look like a value.
  const ran = await run(['sops', 'decrypt', '--output-type', 'json', '--extract', extract(source.keys), path], world);
  if ('missing' in ran) return ran;
  if (ran.code !== 0) return why(path, ran);
  if (/^[{[][\s\S]*\n[}\]]\n?$/.test(ran.out)) return { missing: 'it is no value but a mapping or a list' };
  return { value: ran.out };
};

export const storeSops = async (source: SopsSource, value: Secret, world: World): Promise<Stored> => {
  const path = atHome(source.path, world.env['HOME']);
  const ran = await run(['sops', 'set', '--value-stdin', path, extract(source.keys)], world, { stdin: JSON.stringify(value.reveal()) });
  if ('missing' in ran) return ran;
  return ran.code === 0 ? { stored: true } : why(path, ran);
};

/** Exit codes: cmd/sops/codes/codes.go of 3.13. */
const why = (path: string, ran: Ran): Missing => {
  if (ran.code === 100 || /cannot operate on non-existent file/.test(ran.err)) return { missing: `${path} does not exist` };
  if (/component .* not found/.test(ran.err)) return { missing: 'the file has no such key' };
  if (/sops metadata not found/.test(ran.err)) return { missing: `${path} is not encrypted by sops` };
  if (ran.code === 128 || /Failed to get the data key/.test(ran.err)) {
    return {
      missing: `${path}: locked: none of the keys that can decrypt it is here`,
      login: `SOPS_AGE_KEY_FILE=… sops decrypt ${path} (or another key that it is encrypted to)`,
    };
  }
  return { missing: failed('sops', ran) };
};
