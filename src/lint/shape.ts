// Rules: is it a configuration at all?
import { type Fault, isMapping, isReference, kindOf, type Rule, referred, show } from './rule.ts';

const refuses = { severity: 'fail', effect: 'refuses' } as const;

export const shape: readonly Rule[] = [
  {
    id: 'not-a-mapping',
    title: 'A list or a text where LiteLLM needs a mapping',
    story:
      'LiteLLM calls `.get` on the root, on general_settings, litellm_settings, on each entry of model_list, its litellm_params and its model_info: a value of another kind ends the boot with an AttributeError. An empty file does too. Where router_settings is no mapping it is ignored without a word.',
    *find({ root }) {
      if (!isMapping(root)) {
        const message = root === null || root === undefined ? 'the file is empty' : `the root is ${kindOf(root)}, and not a mapping`;
        yield { path: [], message: `${message}: LiteLLM does not boot`, advice: 'begin with model_list:', ...refuses };
        return;
      }
      for (const name of ['general_settings', 'litellm_settings'])
        if (root[name] !== null && root[name] !== undefined && !isMapping(root[name])) yield wrong([name], 'a mapping', root[name]);
      const router = root['router_settings'];
      if (router !== null && router !== undefined && !isMapping(router))
        yield {
          ...wrong(['router_settings'], 'a mapping', router),
          message: `${kindOf(router)}, and not a mapping: all of it is ignored`,
          severity: 'warn',
          effect: 'ignored',
        };
      const list = root['model_list'];
      if (list === null || list === undefined) return;
      if (!Array.isArray(list)) {
        yield { ...wrong(['model_list'], 'a list', list), advice: 'put a dash before each entry: - model_name: …' };
        return;
      }
      for (const [index, entry] of list.entries()) if (!isMapping(entry)) yield wrong(['model_list', index], 'a mapping', entry);
    },
  },
  {
    id: 'entry-incomplete',
    title: 'An entry of model_list without model_name, litellm_params or model',
    story:
      'LiteLLM reads these three of every entry before anything else: one that is missing ends the boot with a KeyError, one that is empty with a TypeError or an AttributeError. The usual cause is indentation: `model:` beside `litellm_params:` instead of inside. A model_info without a value does the same.',
    *find({ entries, env }) {
      for (const { path, entry, params } of entries) {
        const name = entry['model_name'];
        if (name === undefined || name === null)
          yield {
            path: [...path, 'model_name'],
            message: 'the entry has no model_name: LiteLLM does not boot',
            advice: 'say what clients call it: model_name: …',
            ...refuses,
          };
        if (!isMapping(entry['litellm_params'])) {
          const beside = entry['model'] !== undefined ? '; `model` stands beside it: indent it, so that it is inside' : '';
          yield {
            path: [...path, 'litellm_params'],
            message: `litellm_params is ${kindOf(entry['litellm_params'])}: LiteLLM does not boot${beside}`,
            advice: 'litellm_params: holds model, api_base and the rest, indented',
            ...refuses,
          };
        } else if (params['model'] === undefined || params['model'] === null)
          yield {
            path: [...path, 'litellm_params', 'model'],
            message: 'litellm_params has no model: LiteLLM does not boot',
            advice: 'say which: model: provider/name',
            ...refuses,
          };
        if ('model_info' in entry && !isMapping(entry['model_info']))
          yield {
            path: [...path, 'model_info'],
            message: `model_info is ${kindOf(entry['model_info'])}: LiteLLM does not boot`,
            advice: 'take it out, or put a mapping there',
            ...refuses,
          };
        for (const [key, at, value] of [
          ['model_name', [...path, 'model_name'], name],
          ['model', [...path, 'litellm_params', 'model'], params['model']],
        ] as const)
          if (typeof value === 'string' && isReference(value) && env !== null && !env.has(referred(value)))
            yield {
              path: at,
              message: `${key} comes from ${show(value)}, which is not set: LiteLLM does not boot`,
              advice: 'set it, or write the name here',
              ...refuses,
            };
      }
    },
  },
  {
    id: 'not-a-text',
    title: 'A value that YAML does not read as a text',
    story:
      'LiteLLM reads YAML 1.1: a plain `no`, `on`, `123`, `1:30` or `2026-01-01` is a truth value, a number or a date. As model_name, model or master_key it ends the boot; as api_base or api_key the entry is dropped by a validation error that is only in the log.',
    *find({ root, entries }) {
      for (const { path, entry, params, name } of entries) {
        const model = params['model'];
        if (name === null && entry['model_name'] !== undefined && entry['model_name'] !== null)
          yield untexted([...path, 'model_name'], entry['model_name'], 'LiteLLM does not boot');
        if (typeof model !== 'string' && model !== undefined && model !== null)
          yield untexted([...path, 'litellm_params', 'model'], model, 'LiteLLM does not boot');
        for (const key of ['api_base', 'api_key'])
          if (params[key] !== undefined && params[key] !== null && typeof params[key] !== 'string')
            yield {
              ...untexted([...path, 'litellm_params', key], params[key], 'LiteLLM drops the entry'),
              effect: 'dropped',
              models: name === null ? [] : [name],
            };
      }
      const master = isMapping(root) && isMapping(root['general_settings']) ? root['general_settings']['master_key'] : undefined;
      if (master !== undefined && master !== null && typeof master !== 'string')
        yield untexted(['general_settings', 'master_key'], master, 'LiteLLM does not boot');
    },
  },
  {
    id: 'not-a-number',
    title: 'A text where LiteLLM needs a number',
    story:
      'rpm and tpm that are no number: the entry is dropped by a validation error that is only in the log. A timeout like `30s` passes, and every call fails with "could not convert string to float".',
    *find({ entries, root }) {
      const texted = (value: unknown): value is string =>
        typeof value === 'string' && !isReference(value) && !Number.isFinite(Number(value || 'x'));
      for (const { path, params, name } of entries) {
        const models = name === null ? [] : [name];
        for (const key of ['rpm', 'tpm'])
          if (texted(params[key]))
            yield {
              path: [...path, 'litellm_params', key],
              message: `${key} is no number: LiteLLM drops the entry`,
              advice: 'write a whole number',
              severity: 'fail',
              effect: 'dropped',
              models,
            };
        for (const key of ['timeout', 'stream_timeout'])
          if (texted(params[key]))
            yield {
              path: [...path, 'litellm_params', key],
              message: `${key} is no number: every call of this model fails`,
              advice: 'write seconds: 30',
              severity: 'fail',
              effect: 'fails',
              models,
            };
      }
      const router = isMapping(root) ? root['router_settings'] : undefined;
      if (isMapping(router) && texted(router['timeout']))
        yield {
          path: ['router_settings', 'timeout'],
          message: 'timeout is no number: every call fails',
          advice: 'write seconds: 30',
          severity: 'fail',
          effect: 'fails',
          models: entries.flatMap(({ name }) => name ?? []),
        };
    },
  },
  {
    id: 'include',
    title: 'A file to include that is not there, or takes a section away',
    story:
      'include must be a list of files, relative to this one; one that is missing or no mapping ends the boot. Lists are joined, but a mapping such as general_settings replaces this file’s as a whole: a master_key in it is gone, and nothing says so.',
    *find({ root, includes }) {
      if (!isMapping(root)) return;
      const names = root['include'];
      if ('include' in root && !(Array.isArray(names) && names.every((one) => typeof one === 'string'))) {
        yield {
          path: ['include'],
          message: `include is ${kindOf(names)}, and must be a list of files: LiteLLM does not boot`,
          advice: 'include: [models.yaml]',
          ...refuses,
        };
        return;
      }
      for (const { name, index, data } of includes) {
        const path = ['include', index];
        if (data === 'missing')
          yield {
            path,
            message: `there is no file ${name}: LiteLLM does not boot`,
            advice: 'write its path relative to this file',
            ...refuses,
          };
        else if (data === 'no mapping')
          yield {
            path,
            message: `${name} is no YAML mapping: LiteLLM does not boot`,
            advice: 'write it as a config.yaml of its own',
            ...refuses,
          };
        else
          for (const [key, value] of Object.entries(data))
            if (isMapping(value) && isMapping(root[key]))
              yield {
                path,
                message: `${name} has ${key} too, which replaces this file's ${key} as a whole (${Object.keys(root[key]).join(', ')})`,
                advice: `keep ${key} in one of the files`,
                severity: 'warn',
                effect: 'ignored',
              };
      }
    },
  },
];

const wrong = (path: Fault['path'], wanted: string, value: unknown): Fault => ({
  path,
  message: `${kindOf(value)}, and not ${wanted}: LiteLLM does not boot`,
  advice: `write ${wanted}`,
  ...refuses,
});

const untexted = (path: Fault['path'], value: unknown, then: string): Fault => ({
  path,
  message: `YAML reads it as ${kindOf(value)}: ${then}`,
  advice: 'put it in quotes',
  ...refuses,
});
