// What is wrong with a YAML text that a person wrote: each problem at its place, in the same words. Pure.
import { LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { nearest } from '../nearest.ts';
import { locate, type Path, type Problem, placeOf, sorted, syntaxFaults } from './places.ts';

export { type Path, type Problem, problemText } from './places.ts';

/** A problem before it has a line and a column. */
export type Fault = { readonly path: Path; readonly of: 'key' | 'value'; readonly message: string };

/** A text as YAML: what it says, where its parts stand, and what YAML itself has against it. */
export interface Written {
  readonly data: unknown;
  readonly problems: readonly Problem[];
  place(path: Path, of: Fault['of']): { readonly line: number; readonly column: number };
}

/** `null` for `written` where nothing more can be said than the problems. */
export function readYaml(text: string): { readonly problems: readonly Problem[]; readonly written: Written | null } {
  const lines = new LineCounter();
  // logLevel: `silent` would also keep quiet about a second document.
  const options = { lineCounter: lines, prettyErrors: false, stringKeys: true, resolveKnownTags: false, logLevel: 'error' } as const;
  const document = parseDocument(text, options);
  const place = (offset: number) => placeOf(lines, offset);
  const problems: readonly Problem[] = syntaxFaults(document).map(([offset, message]) => ({ ...place(offset), path: '', message }));
  // A duplicate key leaves the rest readable: the last one counts, here as in locate().
  if (problems.length > document.errors.filter(({ code }) => code === 'DUPLICATE_KEY').length)
    return { problems: sorted(problems), written: null };
  try {
    const data: unknown = document.toJS();
    return { problems, written: { data, problems, place: (path, of) => place(locate(document, path, of)) } };
  } catch {
    return { problems: [{ line: 1, column: 1, path: '', message: 'Too many aliases of aliases' }], written: null };
  }
}

/** The faults at their places, each place once, after what YAML said. */
export function placed({ problems, place }: Written, faults: Iterable<Fault>, pathText: (path: Path) => string): readonly Problem[] {
  const all = [...problems];
  const seen = new Set<string>();
  for (const { path, of, message } of faults) {
    const key = JSON.stringify([path, of]);
    if (!seen.has(key)) all.push({ ...place(path, of), path: pathText(path), message });
    seen.add(key);
  }
  return sorted(all);
}

export const isMapping = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
export const entries = (value: unknown) => (isMapping(value) ? Object.entries(value) : []);
export const items = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
export const isNothing = (value: unknown) => value === undefined || value === null;

/** What is at a path, if anything is. */
export function get(data: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, segment) => {
    if (typeof segment === 'number') return items(value)[segment];
    return isMapping(value) && Object.hasOwn(value, segment) ? value[String(segment)] : undefined;
  }, data);
}

export interface More {
  readonly of?: Fault['of'];
  readonly known?: readonly string[];
  readonly meant?: string;
  readonly first?: string;
}
/** Makes the fault of a value: `expected …, found … (did you mean …?)`. */
export type Wrong = (path: Path, expected: string, found: unknown, more?: More) => Fault;

/** The plain one: what was found is shown. */
export const wrong = (path: Path, expected: string, found: unknown, more: More = {}, shown = show(found)): Fault => {
  const { of = 'value', known = [], meant, first } = more;
  const near = meant ?? (typeof found === 'string' ? nearest(found, known) : undefined);
  const after = `${near === undefined ? '' : ` (did you mean ${show(near)}?)`}${first === undefined ? '' : ` (already at ${first})`}`;
  return { path, of, message: `expected ${expected}, found ${shown}${after}` };
};

type Issue = z.ZodError['issues'][number];
/** z.json() takes no message. */
const isJson = (issue: Issue): boolean => issue.code === 'invalid_union' && issue.message === 'Invalid input';
/** What may be a text or a mapping, and is a mapping: what is wrong inside of it. */
const meantBranch = (data: unknown, issue: Issue): readonly Issue[] =>
  issue.code !== 'invalid_union' || isJson(issue) || !isMapping(get(data, issue.path))
    ? [issue]
    : (issue.errors[1] ?? []).map((one) => ({ ...one, path: [...issue.path, ...one.path] }));

/** Where the data is unlike its schema. `under`: where in the file the data stands. */
export function* schemaFaults(data: unknown, error: z.ZodError | undefined, wrong: Wrong, under: Path = []): Generator<Fault> {
  const issues = (error?.issues ?? []).flatMap((one) => meantBranch(data, one));
  const unknown = new Set(issues.filter(({ code }) => code === 'unrecognized_keys').map(({ path }) => pathText(path)));
  for (const issue of issues) {
    // A mapping with a mistyped key lacks the right one: one mistake.
    if (issue.code === 'custom' && unknown.has(pathText(issue.path))) continue;
    const path = [...under, ...issue.path];
    if (issue.code === 'unrecognized_keys') {
      const known = issue.message.split(', ');
      for (const key of issue.keys) yield wrong([...path, key], `one of ${issue.message}`, key, { of: 'key', known });
    } else {
      const known = issue.code === 'invalid_value' ? issue.values.map(String) : [];
      const meant: unknown = issue.code === 'custom' ? issue.params?.['meant'] : undefined;
      const expected = isJson(issue) ? 'what JSON can hold' : issue.message;
      yield wrong(path, expected, get(data, issue.path), { known, ...(typeof meant === 'string' ? { meant } : {}) });
    }
  }
}

export const notShown = 'something else (not shown: it may be a secret)';

/** A value as a problem may show it: no secret, no control characters, not long. */
export function show(value: unknown): string {
  if (isNothing(value)) return 'nothing';
  if (typeof value === 'object')
    return `${Object.keys(value ?? {}).length === 0 ? 'an empty' : 'a'} ${Array.isArray(value) ? 'list' : 'mapping'}`;
  if (typeof value !== 'string') return String(value);
  if (/\bsk-|:\/\/.*[@?]/.test(value)) return notShown;
  const visible = JSON.stringify(value).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
  return visible.length <= 60 ? visible : `${[...visible].slice(0, 59).join('')}…`;
}

/** `models[0].id`, `aliases["a/b"]`. */
export const pathText = (path: Path): string =>
  path
    .map((segment) => {
      if (typeof segment === 'number') return `[${segment}]`;
      const quoted = show(String(segment));
      return quoted.startsWith('"') && /^[A-Za-z0-9_-]+$/.test(String(segment)) ? `.${String(segment)}` : `[${quoted}]`;
    })
    .join('')
    .replace(/^\./, '');
