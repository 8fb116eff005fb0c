// Every check: registered, told, and proven by its recordings, by the same code as `fabric rex test`.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checks } from '../src/checks/index.ts';
import { readRecordings, recordingsFolder } from '../src/commands/recordings.ts';
import { alternativesOf, prove, replayed } from '../src/prove.ts';

const ROOT = join(import.meta.dirname, '..');
const all = checks.map((check) => ({ check, id: check.id, recorded: readRecordings(recordingsFolder(check.id, null)) }));
const alternatives = alternativesOf(all.flatMap(({ recorded }) => recorded.flatMap(({ vantages }) => vantages)));

test.each(all)('$id: red on its incident, green on the healthy host, moved by each fact that it asks for', ({ check, recorded }) => {
  const { red, green, problems } = prove(check, recorded, alternatives);
  expect(problems).toEqual([]);
  expect([red.length > 0, green.length > 0]).toEqual([true, true]);
});

test.each(all)('$id: its own incident is a failure', ({ check, recorded }) => {
  const before = recorded.find(({ moment }) => moment === 'before');
  expect(before && replayed(check, before).map(({ status }) => status)).toContain('fail');
});

test.each(checks)('$id: one name, three places; a story; how it decides; a title that states health', (check) => {
  expect(existsSync(join(ROOT, 'src/checks', `${check.id}.ts`))).toBe(true);
  expect(check.story.length).toBeGreaterThan(60);
  expect(check.decides.length).toBeGreaterThan(40);
  expect(check.title).not.toMatch(/\b(fail|wrong|error|broken)/i);
  if (check.rex) expect(check.sources ?? []).not.toEqual([]);
});

test('every file under src/checks is registered, and every fixture has its check', () => {
  const files = (folder: string): readonly string[] =>
    readdirSync(join(ROOT, folder), { withFileTypes: true })
      .filter((one) => one.isDirectory())
      .flatMap(({ name }) => readdirSync(join(ROOT, folder, name)).map((file) => `${name}/${file.replace(/\.ts$/, '')}`));
  const ids = checks.map(({ id }) => id).sort();
  expect(
    files('src/checks')
      .filter((name) => !name.endsWith('/index'))
      .sort(),
  ).toEqual(ids);
  expect([...files('fixtures')].sort()).toEqual(ids);
});
