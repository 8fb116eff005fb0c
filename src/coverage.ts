// A post-mortem document, and which of its entries have a check. Pure.
import type { Book, CheckId, Entry } from './check.ts';

export interface Heading {
  readonly id: Entry['id'];
  /** As the document has it, without its markup. */
  readonly title: string;
  /** Counted from 1. */
  readonly line: number;
}
export interface Covered extends Heading {
  readonly checks: readonly CheckId[];
}

/**
 * Headings that begin with a REX id, each id once, where it comes first. Not those in fenced code, and not one that names a range of them.
 *
 *   ### REX-36 — 1 488 appels facturés en 16 h
 *   ## REX 36 : LiteLLM pings its models
 *   #### **REX-37** (OpenRouter)
 */
export const headings = (text: string): readonly Heading[] => {
  const found = new Map<Entry['id'], Heading>();
  let fence = '';
  for (const [n, line] of text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .entries()) {
    const mark = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1] ?? '';
    if (mark !== '') {
      if (fence === '') fence = mark;
      else if (mark.startsWith(fence)) fence = '';
      continue;
    }
    const heading = fence === '' ? /^ {0,3}#{1,6}\s+(.*?)\s*#*\s*$/.exec(line)?.[1] : undefined;
    // Links and emphasis are its looks.
    const plain = heading?.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll(/[*`]|(?<![\p{L}\d])_|_(?![\p{L}\d])/gu, '');
    const [, number, title = ''] =
      /^(?:\d+[.)]\s*)?REX[\s\u00a0‑-]*(\d{1,6})\b[\s\u00a0]*[—–:.‑-]*[\s\u00a0]*(.*)$/i.exec(plain ?? '') ?? [];
    if (number === undefined || /^(?:à|a|to|through|bis|et|and|&|→|\.\.+|,)?\s*REX[\s\u00a0‑-]*\d/i.test(title)) continue;
    const id: Entry['id'] = `REX-${Number(number)}`;
    if (!found.has(id)) found.set(id, { id, title, line: n + 1 });
  }
  return [...found.values()];
};

export const covered = (text: string, { checks }: Book): readonly Covered[] =>
  headings(text).map((one) => ({ ...one, checks: checks.filter(({ rex }) => rex?.includes(one.id)).map(({ id }) => id) }));
