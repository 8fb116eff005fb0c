// config.yaml's text → what LiteLLM will make of it, by place. Pure: files that it includes are handed in.
import { type Document, isMap, isScalar, Lexer, LineCounter, visit } from 'yaml';
import { locate, type Path, type Problem, placeOf, sorted, syntaxFaults } from '../fabric/places.ts';
import type { LintProblem } from '../lint.ts';
import { parseVersion, type Version } from '../services/version.ts';
import { pyYamlDocument } from '../services/yaml.ts';
import type { Config, Entry, Include, Mapping } from './rule.ts';
import { isMapping, isReference, itemsOf } from './rule.ts';
import { rules } from './rules.ts';

/** The LiteLLM that all rules were seen with (test/e2e/lint.test.ts). */
export const MEASURED = '1.109.1';

export interface LintOptions {
  readonly version?: Version;
  /** LiteLLM's environment, where it is known. */
  readonly env?: ReadonlyMap<string, string>;
  /** Reads a file that config.yaml includes, by the path written there; `null`: there is none. Absent: nobody can tell. */
  readonly read?: (path: string) => string | null;
}

/** `unreadable`: it is no YAML, so nothing can be said about it. */
export type Linted = { readonly problems: readonly LintProblem[] } | { readonly unreadable: readonly Problem[] };

export const lint = (text: string, options: LintOptions = {}): Linted => {
  const lines = new LineCounter();
  const document = pyYamlDocument(text, lines);
  const duplicates = document.errors.filter(({ code }) => code === 'DUPLICATE_KEY');
  const tags = document.warnings.filter(({ code }) => code === 'TAG_RESOLVE_FAILED');
  const syntax = syntaxFaults(document).map(([offset, message]) => ({ ...placeOf(lines, offset), path: '', message }));
  if (syntax.length > duplicates.length + tags.length) return { unreadable: sorted(syntax) };
  let root: unknown;
  try {
    root = document.toJS();
  } catch {
    return { unreadable: [{ line: 1, column: 1, path: '', message: 'Too many aliases of aliases' }] };
  }
  const includes = included(root, options.read);
  const config: Config = {
    root,
    whole: isMapping(root) && includes !== null ? merged(root, includes) : null,
    includes: includes ?? [],
    env: options.env ?? null,
    version: options.version ?? parseVersion(MEASURED) ?? { release: [], pre: null, post: null, dev: null },
    entries: entries(root),
    anchored: (key) => {
      const pair = isMap(document.contents)
        ? document.contents.items.find(({ key: one }) => isScalar(one) && one.value === key)
        : undefined;
      return typeof pair?.value === 'object' && pair.value !== null && 'anchor' in pair.value && pair.value.anchor !== undefined;
    },
  };
  const found = rules.flatMap((rule) =>
    [...rule.find(config)].map(({ path, of, models, ...fault }): LintProblem => {
      const place = placeOf(lines, locate(document, path, of ?? 'value'));
      return { rule: rule.id, ...place, path: pathText(path), ...fault, models: models ?? [] };
    }),
  );
  const ofText = [
    ...duplicates.map(({ pos }) => ({ offset: pos[0], ...DUPLICATE })),
    ...tags.map(({ pos }) => ({
      offset: pos[0],
      ...refused('unknown-tag', 'LiteLLM reads no tags of your own (!…), and does not boot', TAGLESS),
    })),
    ...strictness(text, document).map(([offset, message, advice]) => ({ offset, ...refused('stricter-yaml', message, advice) })),
  ].map(({ offset, ...fault }) => ({ ...placeOf(lines, offset), ...fault }));
  return { problems: sorted([...found, ...ofText]) };
};

const DUPLICATE = {
  rule: 'duplicate-key',
  path: '',
  message: 'this key stands there twice: LiteLLM takes the last one, and what stands under the others is lost without a word',
  advice: 'make one of them',
  severity: 'fail',
  effect: 'ignored',
  models: [],
} as const;
const TAGLESS = 'write the value as a text; os.environ/NAME takes it from the environment';
const refused = (rule: string, message: string, advice: string) =>
  ({ rule, path: '', message, advice, severity: 'fail', effect: 'refuses', models: [] }) as const;

/** What this reader takes and PyYAML does not. */
const strictness = (text: string, document: Document.Parsed): readonly (readonly [offset: number, message: string, advice: string])[] => {
  const found: (readonly [number, string, string])[] = [];
  let offset = 0;
  for (const token of new Lexer().lex(text)) {
    if (/^[\u0002\u0018\u001f]$/.test(token)) continue; // the lexer's own marks
    if (/^[ \t]*\t[ \t]*$/.test(token))
      found.push([offset, 'a tab between words: PyYAML takes none, and LiteLLM does not boot', 'write spaces']);
    offset += token.length;
  }
  const odd = /[^\t\n\r\u0020-\u007e\u0085\u00a0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u.exec(text.replace(/^\ufeff/, ' '));
  if (odd !== null) found.push([odd.index, 'a control character: PyYAML takes none, and LiteLLM does not boot', 'take it out']);
  const anchors = new Set<string>();
  visit(document, {
    Node: (_, node) => {
      const at = node.range?.[0] ?? 0;
      if (isScalar(node) && node.type === 'PLAIN' && node.source === '=')
        found.push([at, 'PyYAML takes a plain = for a sign of its own, and LiteLLM does not boot', 'put it in quotes']);
      if (!('anchor' in node) || node.anchor === undefined) return;
      if (anchors.has(node.anchor))
        found.push([
          at,
          'an anchor of this name is there already: PyYAML takes each once, and LiteLLM does not boot',
          'give it another name',
        ]);
      anchors.add(node.anchor);
    },
  });
  return found;
};

/** What the file includes, and what that includes; `null` where it includes something and nobody can read it. */
const included = (root: unknown, read: LintOptions['read']): readonly Include[] | null => {
  const names = itemsOf(isMapping(root) ? root['include'] : undefined);
  if (names.length === 0) return [];
  if (read === undefined) return null;
  const found: Include[] = [];
  const seen = new Set<string>();
  const take = (name: unknown, index: number): void => {
    if (typeof name !== 'string' || seen.has(name)) return;
    seen.add(name);
    const text = read(name);
    if (text === null) {
      found.push({ name, index, data: 'missing' });
      return;
    }
    const document = pyYamlDocument(text, new LineCounter());
    const data: unknown = document.errors.some(({ code }) => code !== 'DUPLICATE_KEY') ? undefined : document.toJS();
    found.push({ name, index, data: isMapping(data) ? data : data === null ? {} : 'no mapping' });
    for (const more of itemsOf(isMapping(data) ? data['include'] : undefined)) take(more, index);
  };
  for (const [index, name] of names.entries()) take(name, index);
  return found;
};

/** Lists are extended, all else is replaced (config_includes.py). */
const merged = (root: Mapping, includes: readonly Include[]): Mapping => {
  const whole: Record<string, unknown> = { ...root };
  for (const { data } of includes)
    for (const [key, value] of isMapping(data) ? Object.entries(data) : []) {
      const before = whole[key];
      whole[key] = Array.isArray(before) && Array.isArray(value) ? [...before, ...value] : value;
    }
  return whole;
};

const entries = (root: unknown): readonly Entry[] =>
  itemsOf(isMapping(root) ? root['model_list'] : undefined).flatMap((entry, index): readonly Entry[] => {
    if (!isMapping(entry)) return [];
    const params = isMapping(entry['litellm_params']) ? entry['litellm_params'] : {};
    const [model, provider] = [params['model'], params['custom_llm_provider']];
    const known = typeof model === 'string' && !isReference(model);
    return [
      {
        path: ['model_list', index],
        name: typeof entry['model_name'] === 'string' ? entry['model_name'] : null,
        params,
        model: !known ? '' : typeof provider === 'string' && model.split('/')[0] !== provider ? `${provider}/${model}` : model,
        entry,
      },
    ];
  });

/** `model_list[2].litellm_params.model` */
const pathText = (path: Path): string =>
  path
    .map((segment) => {
      if (typeof segment === 'number') return `[${segment}]`;
      const name = String(segment);
      return /^[A-Za-z0-9_-]+$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
    })
    .join('')
    .replace(/^\./, '');

/** Of a file with KEY=value lines: the environment that LiteLLM gets from it, as podman and docker read it. */
export const readEnvironment = (text: string): ReadonlyMap<string, string> =>
  new Map(
    text.split('\n').flatMap((line): readonly (readonly [string, string])[] => {
      const found = /^\s*([A-Za-z_][A-Za-z0-9_]*)=(.*?)\r?$/.exec(line);
      return found === null ? [] : [[found[1] ?? '', found[2] ?? '']];
    }),
  );
