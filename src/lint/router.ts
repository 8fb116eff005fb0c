// Rules: names that lead nowhere, and settings that end the boot.
import type { Path } from '../fabric/places.ts';
import { nearest } from '../nearest.ts';
import {
  type Config,
  entriesOf,
  type Fault,
  isMapping,
  isReference,
  itemsOf,
  kindOf,
  own,
  type Rule,
  section,
  show,
  since,
} from './rule.ts';

const STRATEGIES = [
  'simple-shuffle',
  'lar1',
  'least-busy',
  'latency-based-routing',
  'cost-based-routing',
  'usage-based-routing-v2',
  'usage-based-routing',
  'provider-budget-routing',
];
const refuses = { severity: 'fail', effect: 'refuses' } as const;

/** Names of model_list, of this file and what it includes; `null` where they are not all known. */
const served = (config: Config): readonly string[] | null => {
  if (config.whole === null || section(config, 'general_settings')['store_model_in_db'] === true) return null;
  const names = itemsOf(config.whole['model_list']).map((entry) => (isMapping(entry) ? entry['model_name'] : undefined));
  return names.some((name) => isReference(name)) ? null : names.filter((name) => typeof name === 'string');
};
const serves = (names: readonly string[], name: string): boolean =>
  names.some(
    (one) =>
      one === name ||
      (one.includes('*') &&
        new RegExp(
          `^${one
            .split('*')
            .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
            .join('.*')}$`,
        ).test(name)),
  );

const aliases = (config: Config): readonly (readonly [alias: string, target: string, path: Path])[] =>
  entriesOf(own(config, 'router_settings')['model_group_alias']).flatMap(([alias, value]): readonly (readonly [string, string, Path])[] => {
    const path = ['router_settings', 'model_group_alias', alias];
    if (typeof value === 'string') return [[alias, value, path]];
    return isMapping(value) && typeof value['model'] === 'string' ? [[alias, value['model'], [...path, 'model']]] : [];
  });

export const router: readonly Rule[] = [
  {
    id: 'alias-unknown',
    title: 'An alias of a model that there is not',
    story:
      'router_settings.model_group_alias of a name that model_list does not have: /v1/models does not list it, and calls fail with "There are no healthy deployments for this model". An alias of an alias fails too. An alias with the name of a model hides that model.',
    *find(config) {
      const names = served(config);
      if (names === null) return;
      const all = aliases(config);
      for (const [alias, target, path] of all) {
        const chain = all.some(([other]) => other === target) && !names.includes(target);
        if (!serves(names, target)) {
          const near = nearest(target, names);
          yield {
            path,
            message: chain
              ? `${show(target)} is an alias itself, which LiteLLM does not follow: calls fail`
              : `model_list has no ${show(target)}${near === undefined ? '' : ` (did you mean ${show(near)}?)`}: calls fail`,
            advice: 'name a model_name of model_list',
            severity: 'fail',
            effect: 'fails',
            models: [alias],
          };
        }
        if (names.includes(alias))
          yield {
            path: ['router_settings', 'model_group_alias', alias],
            of: 'key',
            message: `model_list has a ${show(alias)} too: it is never called, the alias wins`,
            advice: 'rename one of them',
            severity: 'warn',
            effect: 'ignored',
          };
      }
    },
  },
  {
    id: 'alias-shape',
    title: 'model_group_alias that is no mapping',
    story: 'A list under router_settings.model_group_alias ends the boot with an AttributeError.',
    *find(config) {
      const value = own(config, 'router_settings')['model_group_alias'];
      if (value !== undefined && value !== null && !isMapping(value))
        yield {
          path: ['router_settings', 'model_group_alias'],
          message: `model_group_alias is ${kindOf(value)}: LiteLLM does not boot`,
          advice: 'write alias: model_name',
          ...refuses,
        };
    },
  },
  {
    id: 'fallback-shape',
    title: 'Fallbacks that are no list of one-key mappings',
    story:
      'fallbacks is a list; each item is a mapping of one model_name to a list: - m: [a, b]. A mapping instead of the list, two keys in an item, or a text instead of the inner list end the boot (the last: 1.104.0 still boots). default_fallbacks must be a list.',
    *find(config) {
      for (const [name, key] of LISTS) {
        const value = own(config, name)[key];
        const path = [name, key];
        if (value === undefined || value === null || key !== 'fallbacks') continue;
        if (!Array.isArray(value)) {
          yield shapeless(path, kindOf(value), 'write a list: - model: [fallback]');
          continue;
        }
        for (const [index, item] of value.entries()) {
          if (!isMapping(item)) yield shapeless([...path, index], kindOf(item), 'write model: [fallback]');
          else if (Object.keys(item).length !== 1)
            yield shapeless([...path, index], `a mapping of ${Object.keys(item).length} keys`, 'one item for each model');
          else
            for (const [model, list] of Object.entries(item))
              if (!Array.isArray(list) && since(config.version, '1.109.0'))
                yield shapeless([...path, index, model], kindOf(list), 'put it in brackets: [fallback]');
        }
      }
      for (const name of ['litellm_settings', 'router_settings']) {
        const value = own(config, name)['default_fallbacks'];
        if (value !== undefined && value !== null && !Array.isArray(value))
          yield shapeless([name, 'default_fallbacks'], kindOf(value), 'put it in brackets: [model]');
      }
    },
  },
  {
    id: 'fallback-unknown',
    title: 'A fallback of or to a model that there is not',
    story:
      'LiteLLM checks no names of fallbacks. One that model_list does not have is no fallback: nothing is said until the day it is needed.',
    *find(config) {
      const names = served(config);
      if (names === null) return;
      const known = [...names, ...aliases(config).map(([alias]) => alias)];
      const missing = (name: unknown): name is string =>
        typeof name === 'string' && name !== '*' && !name.startsWith('os.environ/') && !serves(known, name);
      const fault = (path: Path, name: string, of?: 'key'): Fault => {
        const near = nearest(name, known);
        return {
          path,
          ...(of === undefined ? {} : { of }),
          message: `model_list has no ${show(name)}${near === undefined ? '' : ` (did you mean ${show(near)}?)`}: there is no fallback`,
          advice: 'name a model_name of model_list',
          severity: 'warn',
          effect: 'ignored',
        };
      };
      for (const [section, key] of LISTS)
        for (const [index, item] of itemsOf(own(config, section)[key]).entries())
          for (const [model, list] of entriesOf(item)) {
            const path = [section, key, index, model];
            if (missing(model)) yield fault(path, model, 'key');
            for (const [n, name] of itemsOf(list).entries()) if (missing(name)) yield fault([...path, n], name);
          }
    },
  },
  {
    id: 'routing-strategy',
    title: 'A routing_strategy that LiteLLM does not know',
    story: `LiteLLM does not boot: "Invalid routing_strategy". 1.109.1 knows ${STRATEGIES.join(', ')}.`,
    *find(config) {
      const value = own(config, 'router_settings')['routing_strategy'];
      if (typeof value !== 'string' || isReference(value) || STRATEGIES.includes(value) || config.version.release[1] !== 109) return;
      const near = nearest(value, STRATEGIES);
      yield {
        path: ['router_settings', 'routing_strategy'],
        message: `LiteLLM knows no strategy ${show(value)}${near === undefined ? '' : ` (did you mean ${near}?)`}: it does not boot`,
        advice: `one of ${STRATEGIES.join(', ')}`,
        ...refuses,
      };
    },
  },
  {
    id: 'enterprise-setting',
    title: 'A setting of the paid edition, without a licence',
    story:
      'general_settings.allowed_ips and enforced_params, and worker_registry, end the boot where LITELLM_LICENSE (or general_settings.litellm_license) is no valid licence.',
    *find(config) {
      const general = own(config, 'general_settings');
      if (
        'litellm_license' in general ||
        config.env === null ||
        config.env.has('LITELLM_LICENSE') ||
        'LITELLM_LICENSE' in own(config, 'environment_variables')
      )
        return;
      for (const key of ['allowed_ips', 'enforced_params'])
        if (general[key] !== undefined && general[key] !== null)
          yield {
            path: ['general_settings', key],
            of: 'key',
            message: `${key} needs LITELLM_LICENSE: without it LiteLLM does not boot`,
            advice: 'take it out; a firewall does what allowed_ips does',
            ...refuses,
          };
    },
  },
  {
    id: 'cache-nowhere',
    title: 'A cache without a place',
    story:
      'litellm_settings.cache: true means Redis: without cache_params and without REDIS_HOST or REDIS_URL LiteLLM does not boot. A quoted "true" is no truth value there: it boots, and every call fails.',
    *find(config) {
      const litellm = own(config, 'litellm_settings');
      const path = ['litellm_settings', 'cache'];
      if (typeof litellm['cache'] === 'string' && !isReference(litellm['cache']))
        yield {
          path,
          message: 'a text, and no truth value: every call fails',
          advice: 'write true or false without quotes',
          severity: 'fail',
          effect: 'fails',
          models: config.entries.flatMap(({ name }) => name ?? []),
        };
      if (litellm['cache'] !== true || entriesOf(litellm['cache_params']).length > 0 || config.env === null) return;
      if (!['REDIS_HOST', 'REDIS_URL', 'REDIS_CLUSTER_NODES', 'REDIS_SENTINEL_NODES'].some((name) => config.env?.has(name)))
        yield {
          path,
          message: 'no cache_params, and no REDIS_HOST or REDIS_URL: LiteLLM does not boot',
          advice: 'add cache_params: {type: local}, or name the Redis',
          ...refuses,
        };
    },
  },
  {
    id: 'budget-without-database',
    title: 'A budget that nobody counts',
    story:
      'litellm_settings.max_budget is enforced with a database alone. Without one LiteLLM says in its log that the budget "will NOT be enforced", and serves on. router_settings.provider_budget_config needs no database.',
    *find(config) {
      const { env } = config;
      if (
        own(config, 'litellm_settings')['max_budget'] === undefined ||
        env === null ||
        env.has('DATABASE_URL') ||
        'database_url' in section(config, 'general_settings')
      )
        return;
      yield {
        path: ['litellm_settings', 'max_budget'],
        of: 'key',
        message: 'without a database no budget is enforced',
        advice: 'set DATABASE_URL, or use router_settings.provider_budget_config',
        severity: 'warn',
        effect: 'ignored',
      };
    },
  },
];

const LISTS = ['router_settings', 'litellm_settings'].flatMap((name) =>
  ['fallbacks', 'context_window_fallbacks', 'content_policy_fallbacks'].map((key) => [name, key] as const),
);
const shapeless = (path: Path, found: string, advice: string): Fault => ({
  path,
  message: `${found} here: LiteLLM does not boot`,
  advice,
  ...refuses,
});
