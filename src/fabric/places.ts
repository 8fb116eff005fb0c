// Where something stands in a YAML file, and what YAML itself has against the file. Pure.
import { type Document, isAlias, isMap, isNode, isScalar, isSeq, type LineCounter, visit } from 'yaml';

export interface Problem {
  readonly line: number;
  readonly column: number;
  /** `hosts.akira.address`; empty for the file as a whole and for errors of YAML itself. */
  readonly path: string;
  readonly message: string;
}

export type Path = readonly PropertyKey[];

/** `fabric.yaml:14:7 hosts.akira.port: expected …, found …` */
export function problemText(file: string, { line, column, path, message }: Problem): string {
  return `${file}:${line}:${column}${path === '' ? '' : ` ${path}`}: ${message}`;
}

/** Line and column of an offset, both from 1. */
export const placeOf = (lines: LineCounter, offset: number): { readonly line: number; readonly column: number } => {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
};

/** By place. */
export const sorted = <P extends Problem>(problems: readonly P[]): readonly P[] =>
  problems.toSorted((a, b) => a.line - b.line || a.column - b.column);

/** What YAML itself has against the file. The part of a message that quotes the file is left out: it may be a secret. */
export function syntaxFaults(document: Document.Parsed): readonly (readonly [offset: number, message: string])[] {
  const faults = [...document.errors, ...document.warnings].map(({ pos, message, code }): readonly [number, string] => {
    const hint = code === 'BLOCK_AS_IMPLICIT_KEY' ? ' (a text with ": " in it needs quotes)' : '';
    return [pos[0], `${message.split('\n')[0]?.replace(/((?<=\S):|(?<=escape sequence)) .*/, '')}${hint}`];
  });
  visit(document, {
    Alias: (_, alias, ancestors) => {
      const target = alias.resolve(document);
      if (target === undefined) faults.push([offsetOf(alias) ?? 0, 'Unresolved alias (the anchor must be set before the alias)']);
      else if (ancestors.includes(target)) faults.push([offsetOf(alias) ?? 0, 'An alias inside of what it stands for']);
    },
  });
  return faults;
}

export const offsetOf = (node: unknown) => (isNode(node) ? node.range?.[0] : undefined);

/** Where a value or its key begins; for what is not there, the key of what it should be in. */
export function locate(document: Document, path: Path, of: 'key' | 'value'): number {
  let [key, value]: unknown[] = [undefined, document.contents];
  for (const segment of path) {
    const parent = isAlias(value) ? value.resolve(document) : value;
    const pair = isMap(parent) ? parent.items.findLast((item) => isScalar(item.key) && String(item.key.value) === segment) : undefined;
    if (pair === undefined && !(isSeq(parent) && parent.has(segment))) return offsetOf(key) ?? offsetOf(value) ?? 0;
    [key, value] = [pair?.key, pair === undefined && isSeq(parent) ? parent.items[Number(segment)] : pair?.value];
  }
  return (of === 'key' ? offsetOf(key) : offsetOf(value)) ?? offsetOf(key) ?? 0;
}
