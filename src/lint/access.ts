// Rules: who may call it, and who can read its keys.

import type { Path } from '../fabric/places.ts';
import {
  type Config,
  entriesOf,
  type Fault,
  isMapping,
  isReference,
  isSecretName,
  itemsOf,
  own,
  type Rule,
  resolved,
  section,
  show,
  since,
} from './rule.ts';

/** From here on LiteLLM refuses to boot without a master key that is one (master_key_boot_check.py is in its package, not in 1.103.11's). */
const GUARDED = '1.104.0';
const PERMIT = 'dangerously_permit_weak_or_unset_master_key';
const permitted = (config: Config): boolean =>
  section(config, 'general_settings')[PERMIT] === true ||
  /^\s*true\s*$/i.test(config.env?.get('LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY') ?? '');

/** The master key in force: LITELLM_MASTER_KEY counts only where general_settings has no master_key at all. `undefined`: not known. */
const masterKey = (config: Config): unknown => {
  const general = section(config, 'general_settings');
  if ('master_key' in general) return resolved(config, general['master_key']);
  return config.env === null ? undefined : (config.env.get('LITELLM_MASTER_KEY') ?? null);
};

const PLACE: Path = ['general_settings', 'master_key'];
const NEXT = 'general_settings: {master_key: os.environ/LITELLM_MASTER_KEY}, and a long random LITELLM_MASTER_KEY in its environment';

const unsafe = (config: Config, why: string): Pick<Fault, 'message' | 'severity' | 'effect'> => {
  if (permitted(config))
    return { message: `${why}, and ${PERMIT} is on: LiteLLM answers everybody, without a key`, severity: 'fail', effect: 'open' };
  if (since(config.version, GUARDED)) return { message: `${why}: LiteLLM does not boot`, severity: 'fail', effect: 'refuses' };
  return { message: `${why}: LiteLLM answers everybody, without a key`, severity: 'fail', effect: 'open' };
};

/** Where master_key stands instead of general_settings. */
const misplaced = (config: Config): Path | null => {
  if (isMapping(config.root) && 'master_key' in config.root) return ['master_key'];
  const at = ['litellm_settings', 'router_settings', 'environment_variables'].find((name) =>
    ['master_key', 'LITELLM_MASTER_KEY'].some((key) => key in own(config, name)),
  );
  if (at === undefined) return null;
  return [at, 'master_key' in own(config, at) ? 'master_key' : 'LITELLM_MASTER_KEY'];
};

export const access: readonly Rule[] = [
  {
    id: 'master-key-misplaced',
    title: 'A master_key where LiteLLM does not read it',
    story:
      'master_key counts under general_settings alone. At the root or under litellm_settings or router_settings it is never read; under environment_variables it comes too late. Without another one LiteLLM is open to everybody up to 1.103, and does not boot from 1.104.0 on (unless it is told to be open: then it is).',
    *find(config) {
      const path = misplaced(config);
      if (path === null) return;
      const where = path.length === 1 ? 'at the root' : `under ${String(path[0])}`;
      const key = masterKey(config);
      const instead = { path, of: 'key', advice: `move it: ${NEXT}` } as const;
      if (key === null) yield { ...instead, ...unsafe(config, `LiteLLM reads no master_key ${where}, and has no other`) };
      else
        yield {
          ...instead,
          message: `LiteLLM reads no master_key ${where}${key === undefined ? ': without LITELLM_MASTER_KEY in its environment it is open, or does not boot' : ''}`,
          severity: key === undefined ? 'fail' : 'warn',
          effect: 'ignored',
        };
    },
  },
  {
    id: 'master-key-missing',
    title: 'No master key',
    story:
      'Without general_settings.master_key and without LITELLM_MASTER_KEY everybody who reaches the port is an administrator, up to 1.103. From 1.104.0 on LiteLLM does not boot: "no master key is set", unless general_settings.dangerously_permit_weak_or_unset_master_key is true (a quoted "true" is not) or LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY is. A master_key that refers to an unset name counts as none, even where LITELLM_MASTER_KEY is set.',
    *find(config) {
      if (config.whole === null || !isMapping(config.root)) return;
      const key = masterKey(config);
      const written = section(config, 'general_settings')['master_key'];
      if (key === undefined && !isReference(written)) {
        if (misplaced(config) !== null) return;
        yield {
          path: isMapping(config.root['general_settings']) ? ['general_settings'] : [],
          of: 'key',
          message: 'no general_settings.master_key: without LITELLM_MASTER_KEY in its environment LiteLLM is open, or does not boot',
          advice: `${NEXT}; or say with --env what its environment is`,
          severity: 'warn',
          effect: 'ignored',
        };
      }
      if (key === null) {
        if (misplaced(config) !== null) return;
        const why = isReference(written)
          ? `the master key comes from ${show(String(written))}, which is not set`
          : 'there is no master key';
        const path =
          'master_key' in own(config, 'general_settings') ? PLACE : isMapping(config.root['general_settings']) ? ['general_settings'] : [];
        yield { path, ...(path === PLACE ? {} : { of: 'key' }), advice: NEXT, ...unsafe(config, why) };
      }
    },
  },
  {
    id: 'master-key-weak',
    title: 'A master key that everybody knows',
    story:
      'LiteLLM’s documentation shows sk-1234 everywhere. From 1.104.0 on it does not boot with that key or an empty one; before, whoever tries it is an administrator.',
    *find(config) {
      const key = masterKey(config);
      if (typeof key !== 'string') return;
      const empty = key.trim() === '';
      if (!empty && key.trim() !== 'sk-1234') return;
      const why = empty ? 'the master key is empty' : 'the master key is the one of the documentation, which everybody knows';
      const path = 'master_key' in own(config, 'general_settings') ? PLACE : [];
      if (since(config.version, GUARDED) && !permitted(config))
        yield { path, message: `${why}: LiteLLM does not boot`, advice: NEXT, severity: 'fail', effect: 'refuses' };
      else if (empty && permitted(config))
        yield {
          path,
          message: `${why}, and ${PERMIT} is on: no key opens it`,
          advice: NEXT,
          severity: 'fail',
          effect: 'fails',
          models: config.entries.flatMap(({ name }) => name ?? []),
        };
      else yield { path, message: why, advice: NEXT, severity: 'fail', effect: 'exposed' };
    },
  },
  {
    id: 'plain-key',
    title: 'A key written out in the file',
    story:
      'LiteLLM takes it as it stands. So does everybody who reads the file: config.yaml is mounted, copied into chats and repositories, and recent images need it readable for their user. os.environ/NAME keeps the key in the environment.',
    *find({ root }) {
      yield* plainKeys(root, []);
    },
  },
];

/** What stands for no key, and what is the name of one. */
const PLACEHOLDER =
  /^(?:|true|false|yes|no|none|null|no-?key|not-?needed|dummy|empty|fake(?:-?key)?|ollama|x+|anything|sk-1234|sk-none|lm-?studio)$/i;
function* plainKeys(value: unknown, path: Path): Generator<Fault> {
  for (const [index, item] of itemsOf(value).entries()) yield* plainKeys(item, [...path, index]);
  for (const [key, item] of entriesOf(value)) {
    const at = [...path, key];
    if (typeof item !== 'string') yield* plainKeys(item, at);
    else if (!item.includes('os.environ/') && !item.startsWith('$') && isPlain(key, item))
      yield {
        path: at,
        message: 'a key stands here as plain text (not shown)',
        advice: 'put it into the environment, write os.environ/NAME here, and make a new key: this one has been in a file',
        severity: 'warn',
        effect: 'exposed',
      };
  }
}

/** By its name, or by its looks: a provider's prefix and a long random rest. */
const isPlain = (key: string, value: string): boolean =>
  !PLACEHOLDER.test(value) &&
  !/^[A-Z]+_[A-Z0-9_]+$/.test(value) &&
  ((isSecretName(key) && !/\s/.test(value)) || /^(?:Bearer )?(?:sk-|gsk_|hf_|AIza|xai-|nvapi-)[\w-]{16,}$/.test(value));
