// A step that may cut the operator off: the host takes it back by itself, unless a new connection comes through.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'rolldown';
import { beforeAll, expect, test } from 'vitest';
import { fabricYaml, lab } from './lab.ts';

const it = lab('farmed');
beforeAll(async () => {
  writeFileSync(join(it.dir, 'fabric.yaml'), fabricYaml());
  await build({
    input: join(import.meta.dirname, 'armed.ts'),
    platform: 'node',
    external: ['ssh2'], // asked for by no host here
    output: { dir: join(it.dir, 'armed'), format: 'esm', entryFileNames: 'armed.mjs' },
  });
});
const path = `PATH=${it.dir}/bin:${process.env['PATH']}`;
const armed = (kind: string, seconds: number) =>
  it.exec(
    'ops',
    'env',
    path,
    'NO_COLOR=1',
    process.execPath,
    join(it.dir, 'armed/armed.mjs'),
    join(it.dir, 'fabric.yaml'),
    kind,
    String(seconds),
  );
const there = async (): Promise<boolean> => (await it.root('nft list tables')).includes('table inet cut');
const timers = (): Promise<string> => it.root("systemctl list-units --all --plain --no-legend 'fabric-undo-*'");

test('new connections still come through: confirmed, and it stays', async () => {
  const began = Date.now();
  const { code, err } = await armed('harmless', 20); // a busy machine takes seconds for a new connection
  expect([code, err]).toEqual([0, expect.stringContaining('✓ a table')]);
  expect(await timers()).toBe('');
  await new Promise((resolve) => setTimeout(resolve, began + 25_000 - Date.now()));
  expect(await there()).toBe(true);
  await it.root('nft delete table inet cut');
});

test('new ones do not, while the old one goes on: taken back at once', async () => {
  const { code, err } = await armed('new', 60);
  expect([code, err]).toEqual([1, expect.stringMatching(/✗ a table[\s\S]*↩ a table\n[\s\S]*everything is as it was$/)]);
  expect([await there(), await timers()]).toEqual([false, '']);
});

test('nothing comes through any more: the host takes it back by itself', async () => {
  const { code, err } = await armed('all', 4); // over long before fabric gives the new connection up
  expect([code, err]).toEqual([1, expect.stringContaining('a table: the host takes it back by itself, within 4 s')]);
  expect(await there()).toBe(false);
  expect((await it.exec('ops', 'env', path, 'ssh', 'ops@100.64.0.14', 'true')).code).toBe(0);
});
