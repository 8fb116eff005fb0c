// YAML as LiteLLM reads it: with PyYAML, which is YAML 1.1 with words of its own (resolver.py). A plain `yes` is true there,
// `12:30` is 750, `1e-7` is a text, while `y` is a text too.
import { Document, type LineCounter, parseDocument, type Tags, visit } from 'yaml';
import type { Json, JsonObject } from '../fabric.ts';

const TRUE = /^(?:yes|Yes|YES|true|True|TRUE|on|On|ON)$/;
const FALSE = /^(?:no|No|NO|false|False|FALSE|off|Off|OFF)$/;
/** With a dot, and a sign in the exponent. */
const EXPONENT = /^[-+]?[0-9][0-9_]*\.[0-9_]*[eE][-+][0-9]+$/;
const number = ({ value }: { readonly value: unknown }): string =>
  typeof value === 'number' && Number.isInteger(value) ? BigInt(value).toString() : String(value).replace(/^(-?\d+)e/, '$1.0e');

const asPyYaml = (tags: Tags): Tags =>
  tags.flatMap((tag): Tags => {
    if (typeof tag === 'string' || tag.collection !== undefined) return [tag];
    switch (tag.tag) {
      case 'tag:yaml.org,2002:bool':
        return [{ ...tag, test: tag.test?.test('true') ? TRUE : FALSE }];
      case 'tag:yaml.org,2002:int':
        return [tag.format === undefined ? { ...tag, stringify: number } : tag];
      case 'tag:yaml.org,2002:float':
        return [
          { ...tag, ...(tag.format === 'EXP' ? { test: EXPONENT } : {}), ...(tag.format === undefined ? { stringify: number } : {}) },
        ];
      default:
        return [tag];
    }
  });

/** Line breaks to YAML 1.1, and what steers a terminal: written as escapes, which JSON's way of quoting does not ask for. */
const UNSEEN = /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** A document's text in which no character is a break, or unseen, that is not meant as one. Its comments hold none. */
export const documentText = (document: Document): string => {
  visit(document, {
    Scalar: (_, scalar) => {
      if (typeof scalar.value !== 'string') return;
      // Plain, PyYAML takes these two for its own, and stops.
      if (scalar.value === '=' || scalar.value === '<<' || scalar.value.search(UNSEEN) !== -1) scalar.type = 'QUOTE_DOUBLE';
    },
  });
  return document
    .toString({ lineWidth: 0, doubleQuotedMinMultiLineLength: Number.MAX_SAFE_INTEGER })
    .replace(UNSEEN, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
};

const without = (names: string, tags: Tags): Tags =>
  tags.filter((tag) => typeof tag === 'string' || !new RegExp(`:(${names})$`).test(tag.tag));

/** Text that PyYAML reads as this value. */
export const writeYaml = (value: JsonObject): string =>
  documentText(
    new Document(value, { aliasDuplicateObjects: false, version: '1.1', customTags: (tags) => asPyYaml(without('merge', tags)) }),
  );

/** A document whose nodes have places and whose values are PyYAML's. A date is a Date there, as it is no text to PyYAML. */
export const pyYamlDocument = (text: string, lineCounter: LineCounter) =>
  parseDocument(text, {
    version: '1.1',
    merge: true,
    lineCounter,
    customTags: (tags) => asPyYaml(without('binary|set|omap|pairs', tags)),
    prettyErrors: false,
    logLevel: 'error',
  });

/** Values nested deeper, or more of them, are no configuration. */
const DEEPEST = 40;
const MOST = 20_000;

/** A mapping as PyYAML reads it, or why the text is none: a sentence that quotes nothing of it. What JSON cannot hold is left out, by path. */
export const readYaml = (text: string): { readonly value: JsonObject; readonly leftOut: readonly string[] } | { readonly why: string } => {
  const document = parseDocument(text, {
    version: '1.1',
    merge: true,
    uniqueKeys: false, // the last one counts, in PyYAML too
    customTags: (tags) => asPyYaml(without('timestamp|binary|set|omap|pairs', tags)),
    prettyErrors: false,
    logLevel: 'error',
  });
  const [error] = document.errors;
  if (error !== undefined) return { why: `it is no YAML (${error.code}, at character ${error.pos[0]})` };
  let data: unknown;
  try {
    data = document.toJS();
  } catch {
    return { why: 'its aliases stand for too much' };
  }
  if (data === null || data === undefined) return { value: {}, leftOut: [] };
  if (typeof data !== 'object' || Array.isArray(data)) return { why: 'it is no mapping' };
  const leftOut: string[] = [];
  let count = 0;
  const json = (value: unknown, path: string, depth: number): Json | undefined => {
    count += 1;
    if (count > MOST || depth > DEEPEST) throw new RangeError();
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    if (Array.isArray(value))
      return value.map((item, n) => json(item, `${path}[${n}]`, depth + 1)).filter((item): item is Json => item !== undefined);
    if (typeof value === 'object') return mapping(value, path, depth);
    leftOut.push(path);
    return undefined;
  };
  const mapping = (value: object, path: string, depth: number): JsonObject => {
    const kept = Object.entries(value).flatMap(([key, item]): readonly (readonly [string, Json])[] => {
      const at = path === '' ? key : `${path}.${key}`;
      if (key === '__proto__' || key === '<<') {
        leftOut.push(at);
        return [];
      }
      const read = json(item, at, depth + 1);
      return read === undefined ? [] : [[key, read]];
    });
    return Object.fromEntries(kept);
  };
  try {
    return { value: mapping(data, '', 0), leftOut };
  } catch (error) {
    if (error instanceof RangeError) return { why: 'it is nested too deep, or holds too much' };
    throw error;
  }
};
