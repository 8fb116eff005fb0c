// Rules: os.environ/NAME, and what only looks like it.
import type { Path } from '../fabric/places.ts';
import { entriesOf, type Fault, isReference, itemsOf, own, type Rule, referred, section, show } from './rule.ts';

interface Value {
  readonly path: Path;
  readonly text: string;
  /** Directly in a list: LiteLLM looks at mappings in lists, not at texts. */
  readonly listed: boolean;
}

function* texts(value: unknown, path: Path, listed = false): Generator<Value> {
  if (typeof value === 'string') yield { path, text: value, listed };
  for (const [index, item] of itemsOf(value).entries()) yield* texts(item, [...path, index], true);
  for (const [key, item] of entriesOf(value)) yield* texts(item, [...path, key]);
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Lists whose texts LiteLLM resolves later: alert_to_webhook_url (slack_alerting). */
const RESOLVED_LISTS: ReadonlySet<PropertyKey> = new Set(['alert_to_webhook_url']);

export const environment: readonly Rule[] = [
  {
    id: 'env-unset',
    title: 'os.environ/NAME of a name that is not set',
    story:
      'An unset name is read as nothing, without a word: an openai/ model fails with "Missing credentials", a hosted_vllm/ model without its api_base calls api.openai.com, a setting takes its default. (model_name, model and master_key: see entry-incomplete and master-key-missing.) Judged with --env.',
    *find(config) {
      const { env, root, entries } = config;
      if (env === null) return;
      const declared = own(config, 'environment_variables');
      for (const { path, text, listed } of texts(root, [])) {
        const name = referred(text);
        if (!isReference(text) || listed || !NAME.test(name) || env.has(name) || name in declared) continue;
        const last = path.at(-1);
        if (last === 'model_name' || (last === 'model' && path.length === 4) || String(path) === 'general_settings,master_key') continue;
        const entry = entries.find((one) => one.path[1] === path[1] && path[0] === 'model_list' && path[2] === 'litellm_params');
        const needed =
          entry !== undefined &&
          ((last === 'api_base' && entry.model.startsWith('hosted_vllm/')) ||
            (last === 'api_key' && /^openai\//.test(entry.model) && !env.has('OPENAI_API_KEY')));
        yield {
          path,
          message: `${name} is not set in LiteLLM's environment: this is read as nothing`,
          advice: `set ${name}, or correct the name`,
          severity: 'fail',
          ...(needed ? { effect: 'fails', models: entry.name === null ? [] : [entry.name] } : { effect: 'ignored' }),
        };
      }
    },
  },
  {
    id: 'env-too-late',
    title: 'os.environ/NAME of a name that only environment_variables sets',
    story:
      'LiteLLM resolves os.environ/ in the whole file first, and sets environment_variables afterwards: the reference is read as nothing.',
    *find(config) {
      const declared = own(config, 'environment_variables');
      for (const { path, text, listed } of texts(config.root, [])) {
        const name = referred(text);
        if (!isReference(text) || listed || !Object.hasOwn(declared, name) || path[0] === 'environment_variables' || config.env?.has(name))
          continue;
        const entry = config.entries.find((one) => path[0] === 'model_list' && one.path[1] === path[1]);
        const needed = path.at(-1) === 'api_base' && entry?.model.startsWith('hosted_vllm/') === true;
        yield {
          path,
          message: `${name} is set by environment_variables, which comes too late: this is read as nothing`,
          advice: `set ${name} in LiteLLM's environment, or write the value here`,
          severity: config.env === null ? 'warn' : 'fail',
          ...(needed && config.env !== null ? { effect: 'fails', models: entry.name === null ? [] : [entry.name] } : { effect: 'ignored' }),
        };
      }
    },
  },
  {
    id: 'env-literal',
    title: 'A text that looks like the environment and is taken as it stands',
    story:
      'Only a text that begins with os.environ/ is looked up, and all that follows is the name: "Bearer os.environ/KEY", " os.environ/KEY", ${KEY}, os.environ.KEY and OS.ENVIRON/KEY are sent as they stand, and os.environ/HOST/v1 looks for a variable HOST/v1. A text in a list is not looked up at all (tags, fallbacks; alert_to_webhook_url is).',
    *find({ root }) {
      for (const { path, text, listed } of texts(root, [])) {
        const inList = listed && !path.some((segment) => RESOLVED_LISTS.has(segment));
        const where = path.at(-1);
        if (isReference(text) && inList)
          yield literal(path, 'a text in a list is not looked up in the environment: it is taken as it stands', 'write the value itself');
        else if (isReference(text) && !NAME.test(referred(text)) && !referred(text).startsWith('oidc/') && !listed)
          yield literal(
            path,
            `LiteLLM looks for a variable of the whole name ${show(referred(text))}, and finds none`,
            'put the whole value into one variable',
          );
        else if (!isReference(text) && text.includes('os.environ/'))
          yield literal(
            path,
            'os.environ/ does not begin the text: it is taken as it stands',
            'put the whole value into one variable, and write os.environ/NAME',
          );
        else if (
          where !== 'command' &&
          (/^\$\{?[A-Za-z_][A-Za-z0-9_]*\}?$/.test(text) ||
            /^os\.environ[.[(]|^os\.getenv\(/.test(text) ||
            (/^(?:os\.environ|env|environ)\/[A-Za-z_]\w*$/i.test(text) && !isReference(text)))
        )
          yield literal(path, 'LiteLLM takes this as it stands, and does not look it up', 'write os.environ/NAME');
      }
    },
  },
  {
    id: 'model-list-variable',
    title: 'LITELLM_MODEL_LIST',
    story:
      'LiteLLM has no such variable: models come from model_list alone (or from its database). With nothing but LITELLM_MODEL_LIST, /v1/models is empty.',
    *find(config) {
      const name = 'LITELLM_MODEL_LIST';
      if (name in section(config, 'environment_variables') || config.env?.has(name))
        yield {
          path: name in own(config, 'environment_variables') ? ['environment_variables', name] : [],
          of: 'key',
          message: `LiteLLM reads no ${name}`,
          advice: 'write the models under model_list',
          severity: 'warn',
          effect: 'ignored',
        };
    },
  },
];

const literal = (path: Path, message: string, advice: string): Fault => ({ path, message, advice, severity: 'fail', effect: 'ignored' });
