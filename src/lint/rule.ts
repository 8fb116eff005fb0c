// What a rule is, and what it looks at. Pure.
import type { Path } from '../fabric/places.ts';
import type { Effect, RuleText } from '../lint.ts';
import { compareVersions, parseVersion, type Version } from '../services/version.ts';

export interface Fault {
  readonly path: Path;
  /** Where it is shown: at the key or (the default) at its value. */
  readonly of?: 'key';
  /** What is wrong, in this file. No value of a key is in it. */
  readonly message: string;
  readonly advice: string;
  readonly severity: 'fail' | 'warn';
  readonly effect: Effect;
  /** The names that `dropped` and `fails` are about. */
  readonly models?: readonly string[];
}

export interface Rule extends RuleText {
  readonly find: (config: Config) => Iterable<Fault>;
}

export interface Entry {
  readonly path: Path;
  /** `model_name`, where it is a text. */
  readonly name: string | null;
  readonly params: Mapping;
  /** `litellm_params.model`, with what `custom_llm_provider` puts before it; empty where it is no text, or not known (`os.environ/`). */
  readonly model: string;
  readonly entry: Mapping;
}

export type Mapping = { readonly [key: string]: unknown };

export interface Config {
  /** The file's root, its references to the environment as they are written. */
  readonly root: unknown;
  /** The same with what it includes, as LiteLLM merges it. `null`: what it includes is not known. */
  readonly whole: Mapping | null;
  readonly includes: readonly Include[];
  /** The environment of LiteLLM; `null`: not known. */
  readonly env: ReadonlyMap<string, string> | null;
  readonly version: Version;
  /** Entries of the file's own model_list that are mappings. */
  readonly entries: readonly Entry[];
  /** Whether a key carries an anchor: it is there to be referred to. */
  readonly anchored: (key: string) => boolean;
}

export interface Include {
  readonly name: string;
  readonly index: number;
  readonly data: Mapping | 'missing' | 'no mapping';
}

export const isMapping = (value: unknown): value is Mapping =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
export const entriesOf = (value: unknown): readonly (readonly [string, unknown])[] => (isMapping(value) ? Object.entries(value) : []);
export const itemsOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** Whether a version is this one or a later. */
export const since = (version: Version, first: string): boolean => {
  const from = parseVersion(first);
  return from !== null && compareVersions(version, from) >= 0;
};

/** A section's value in the whole configuration. */
export const section = ({ whole, root }: Config, name: string): Mapping => {
  const found = (whole ?? (isMapping(root) ? root : {}))[name];
  return isMapping(found) ? found : {};
};
/** A section's value in the file itself. */
export const own = ({ root }: Config, name: string): Mapping => {
  const found = isMapping(root) ? root[name] : undefined;
  return isMapping(found) ? found : {};
};

const REFERENCE = 'os.environ/';
export const isReference = (value: unknown): boolean => typeof value === 'string' && value.startsWith(REFERENCE);
/** LiteLLM takes the prefix out wherever it stands, and looks the rest up. */
export const referred = (value: string): string => value.replaceAll(REFERENCE, '');

/** A value as LiteLLM sees it: a reference is what the environment holds, `null` where there is nothing, `undefined` where that is not known. */
export const resolved = ({ env }: Config, value: unknown): unknown => {
  if (typeof value !== 'string' || !isReference(value)) return value ?? null;
  return env === null ? undefined : (env.get(referred(value)) ?? null);
};

/** What kind of thing a value is, for a message that does not quote it. */
export const kindOf = (value: unknown): string => {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (value instanceof Date) return 'a date';
  if (typeof value === 'object') return 'a mapping';
  return typeof value === 'string' ? 'a text' : typeof value === 'boolean' ? `the truth value ${value}` : `a number`;
};

const KEYLIKE =
  /(?:^|[_-])(?:api_?key|secret_?key|access_?key|master_key|salt_key|license_key|password|passwd|secret|(?:auth|access|session|api|bearer|ad|identity|vault)_?token)$/i;
/** Names of variables: A_KEY, A_TOKEN. */
const VARIABLE = /^(?!.*PUBLIC)[A-Z0-9_]*(?:KEY|TOKEN|SECRET|PASSWORD)$/;
/** Whether what stands under this key may be a secret. */
export const isSecretName = (key: string): boolean => KEYLIKE.test(key) || VARIABLE.test(key);

/** A text as a message may show it. */
export const show = (value: string): string => {
  if (/\bsk-|:\/\/[^/]*@|[?&]\w*key=/i.test(value)) return 'a value that is not shown: it may hold a secret';
  return JSON.stringify(value.length <= 60 ? value : `${value.slice(0, 59)}…`);
};
