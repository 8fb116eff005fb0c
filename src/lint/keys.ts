// Rules: keys that LiteLLM does not read.
import { nearest } from '../nearest.ts';
import { entriesOf, type Fault, isMapping, own, type Rule } from './rule.ts';
import { GENERAL, LITELLM, PARAMS, ROOT, ROUTER } from './words.ts';

const SECTIONS = [
  ['general_settings', GENERAL],
  ['router_settings', ROUTER],
  ['litellm_settings', LITELLM],
] as const;
/** What other rules say more about. */
const ELSEWHERE: ReadonlySet<string> = new Set(['master_key', 'model_list', 'health_check_interval', 'health_check_concurrency']);
/** What an entry of model_list may hold; the last three are of the database. */
const ENTRY: ReadonlySet<string> = new Set([
  'model_name',
  'litellm_params',
  'model_info',
  'team_id',
  'blocked',
  'access_groups',
  'model_id',
]);

/** The parameters that a slip costs most. Not all: servers have parameters of their own (top_k, models, vertex_ai_project), which are no slips. */
const SLIPS = [
  'api_base',
  'api_key',
  'api_version',
  'base_url',
  'max_tokens',
  'max_retries',
  'temperature',
  'stream_timeout',
  'custom_llm_provider',
];
/** Beside litellm_params these do nothing (rpm and tpm may stand there). */
const PARAMETERS: ReadonlySet<string> = new Set([...SLIPS, 'timeout', 'extra_headers', 'litellm_credential_name']);

const ignored = { of: 'key', severity: 'warn', effect: 'ignored' } as const;

export const keys: readonly Rule[] = [
  {
    id: 'unknown-key',
    title: 'A key that LiteLLM does not know, mistyped perhaps',
    story:
      'LiteLLM reads the root keys and settings that it knows and says nothing about others (router_settings: one warning in the log). In litellm_params what it does not know goes to the model’s server as a parameter. Root keys with an anchor, and those that begin with x- or a dot, are taken for notes of your own. Known is what 1.109.1 knows; in the sections, only what looks like a slip is reported.',
    *find({ root, entries, anchored, version }) {
      if (!isMapping(root)) return;
      for (const key of Object.keys(root)) {
        if (ROOT.has(key) || anchored(key) || /^(?:x-|x_|[._])/.test(key) || ELSEWHERE.has(key) || home(key) !== undefined) continue;
        yield unknown([key], key, nearest(key, [...ROOT]), 'take it out, or begin it with x- if it is a note of yours');
      }
      for (const [name, known] of SECTIONS)
        for (const [key] of entriesOf(root[name])) {
          if (known.has(key) || ELSEWHERE.has(key) || home(key, name) !== undefined) continue;
          const near = nearest(key, [...known]);
          if (near !== undefined || (name === 'router_settings' && version.release[1] === 109))
            yield unknown([name, key], key, near, 'take it out');
        }
      for (const { path, params, entry } of entries) {
        for (const key of Object.keys(params)) {
          if (PARAMS.has(key)) continue;
          const near = nearest(key, SLIPS);
          if (near !== undefined)
            yield {
              ...unknown([...path, 'litellm_params', key], key, near, ''),
              message: `LiteLLM does not know ${key} (did you mean ${near}?), and sends it to the model's server as a parameter`,
            };
        }
        for (const key of Object.keys(entry)) {
          const near = ENTRY.has(key) || PARAMS.has(key) ? undefined : nearest(key, [...ENTRY]);
          if (near !== undefined) yield unknown([...path, key], key, near, '');
        }
      }
    },
  },
  {
    id: 'misplaced-key',
    title: 'A key in a section where LiteLLM does not read it',
    story:
      'Each setting is read in one section: router_settings.drop_params is ignored with a warning, general_settings.drop_params and what stands at the root without a word. Beside litellm_params, a key such as api_base or max_tokens is ignored: a model with its api_base there calls api.openai.com (seen with hosted_vllm).',
    *find({ root, entries }) {
      if (!isMapping(root)) return;
      for (const key of Object.keys(root)) {
        const where = ROOT.has(key) || ELSEWHERE.has(key) ? undefined : home(key);
        if (where !== undefined) yield misplaced([key], key, 'at the root', where);
      }
      if ('health_check_interval' in root)
        yield misplaced(['health_check_interval'], 'health_check_interval', 'at the root', 'general_settings');
      for (const [name, known] of SECTIONS)
        for (const [key] of entriesOf(root[name])) {
          if (known.has(key)) continue;
          const where =
            key === 'health_check_interval' && name === 'litellm_settings'
              ? 'general_settings'
              : ELSEWHERE.has(key)
                ? undefined
                : home(key, name);
          if (where !== undefined) yield misplaced([name, key], key, `under ${name}`, where);
        }
      for (const { path, entry } of entries)
        for (const key of Object.keys(entry))
          if (PARAMETERS.has(key) && isMapping(entry['litellm_params']))
            yield misplaced([...path, key], key, 'beside litellm_params', 'litellm_params');
    },
  },
  {
    id: 'model-list-misplaced',
    title: 'A model_list where LiteLLM does not read it',
    story:
      'Models are read from the root key model_list alone. Under a section, or as `models`, they are ignored, and /v1/models is empty.',
    *find(config) {
      const places: readonly (readonly string[])[] = [...SECTIONS.map(([name]) => [name, 'model_list']), ['models']];
      for (const path of places) {
        const [first = '', second] = path;
        if (second === undefined ? isMapping(config.root) && first in config.root : second in own(config, first))
          yield {
            path,
            message: 'LiteLLM reads no models here',
            advice: 'move it to the root, as model_list:',
            of: 'key',
            severity: 'fail',
            effect: 'ignored',
          };
      }
    },
  },
];

/** The one section that knows a key, but for `except`. */
const home = (key: string, except?: string): string | undefined => {
  const found = SECTIONS.filter(([name, known]) => name !== except && known.has(key));
  return found.length === 1 ? found[0]?.[0] : undefined;
};

const unknown = (path: Fault['path'], key: string, near: string | undefined, advice: string): Fault => ({
  path,
  message: `LiteLLM knows no ${key} here, and ignores it${near === undefined ? '' : ` (did you mean ${near}?)`}`,
  advice: near === undefined ? advice : `write ${near}`,
  ...ignored,
});

const misplaced = (path: Fault['path'], key: string, here: string, where: string): Fault => ({
  path,
  message: `LiteLLM ignores ${key} ${here}`,
  advice: `move it under ${where}`,
  ...ignored,
});
