// docs/coverage.md is what docs/coverage.yaml, the post-mortems and the checks say today (npm run coverage).
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { entries } from '../src/checks/entries.ts';
import { checks } from '../src/checks/index.ts';

const DOCS = join(import.meta.dirname, '../docs');
const NOT_YET = 'not yet' as const;
const line = z.strictObject({ what: z.string().min(1), checks: z.union([z.literal(NOT_YET), z.array(z.string()).min(1)]) });
const sections = z
  .array(z.strictObject({ title: z.string(), lines: z.array(line).min(1) }))
  .parse(parse(readFileSync(join(DOCS, 'coverage.yaml'), 'utf8')));

const postMortems = {
  title: 'The post-mortems',
  lines: entries.map(({ id, title }) => {
    const mine = checks.filter(({ rex }) => rex?.includes(id)).map((check) => check.id);
    return { what: `${id}: ${title}`, checks: mine.length === 0 ? NOT_YET : mine };
  }),
};
const all = [...sections, postMortems];
const lines = all.flatMap((section) => section.lines);
const named = new Set(lines.flatMap((one) => (one.checks === NOT_YET ? [] : one.checks)));

test('every check that a line names exists, no line stands twice, and every post-mortem has its line', () => {
  expect([...named].filter((id) => !checks.some((check) => check.id === id))).toEqual([]);
  const texts = sections.flatMap((section) => section.lines.map(({ what }) => what));
  expect(texts).toEqual([...new Set(texts)]);
  expect(texts.length).toBeGreaterThan(40);
});

test('docs/coverage.md is current', async () => {
  const cell = (text: string): string => text.replaceAll('|', '\\|');
  const covered = (some: typeof lines): number => some.filter((one) => one.checks !== NOT_YET).length;
  const page = [
    '<!-- Made by `npm run coverage` from docs/coverage.yaml and src/checks: change those. -->',
    '# What is checked of what went wrong',
    '',
    `${covered(lines)} of ${lines.length} lines have a check. \`fabric explain ID\` tells what one looks at, and what its incident looked like.`,
    '',
    ...all.flatMap(({ title, lines: mine }) => [
      `## ${title}`,
      '',
      `| what went wrong, or has to hold (${covered(mine)} of ${mine.length}) | check |`,
      '|---|---|',
      ...mine.map((one) => `| ${cell(one.what)} | ${one.checks === NOT_YET ? NOT_YET : one.checks.map((id) => `\`${id}\``).join(', ')} |`),
      '',
    ]),
  ];
  await expect(page.join('\n')).toMatchFileSnapshot(join(DOCS, 'coverage.md'));
});
