// The arrows of docs/architecture.md: who may import whom, read off the import lines.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, test } from 'vitest';

const SRC = join(import.meta.dirname, '../src');

/** Folder (or `core`: src/*.ts) → folders it may import from, itself included, and packages it may use. */
const ARROWS: Readonly<Record<string, { readonly from: readonly string[]; readonly packages: readonly string[] }>> = {
  core: { from: ['core'], packages: [] },
  fabric: { from: ['core', 'fabric'], packages: ['zod', 'yaml'] },
  services: { from: ['core', 'services'], packages: ['yaml'] },
  lint: { from: ['core', 'fabric', 'services', 'lint'], packages: ['yaml'] },
  probes: { from: ['core', 'services', 'probes'], packages: ['yaml'] },
  own: { from: ['core', 'fabric', 'probes', 'own'], packages: ['zod', 're2js'] },
  draft: { from: ['core', 'fabric', 'services', 'probes', 'draft'], packages: ['yaml'] },
  checks: { from: ['core', 'services', 'probes', 'checks'], packages: ['diff'] },
  deploy: { from: ['core', 'services', 'probes', 'deploy'], packages: [] },
  secrets: { from: ['core', 'hosts', 'secrets'], packages: ['execa', 'signal-exit'] },
  hosts: { from: ['core', 'hosts'], packages: ['dns-packet', 'execa', 'ssh2', '@matrixai/quic', '@matrixai/logger'] },
  report: { from: ['core', 'report'], packages: ['chalk', 'diff'] },
  commands: {
    from: ['core', 'fabric', 'services', 'lint', 'probes', 'own', 'draft', 'checks', 'deploy', 'secrets', 'hosts', 'report', 'commands'],
    packages: ['chalk', 'ora', 'commander'],
  },
  main: { from: ['commands'], packages: ['commander'] },
  index: { from: ['core', 'probes'], packages: [] },
};

const sources = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
const layer = (file: string): string =>
  file === 'main.ts' || file === 'index.ts' ? file.slice(0, -'.ts'.length) : file.includes('/') ? (file.split('/')[0] ?? '') : 'core';
const imports = (file: string): readonly string[] =>
  [...readFileSync(join(SRC, file), 'utf8').matchAll(/(?:\bfrom |import\()'([^']+)'/g)].flatMap(([, target]) =>
    target === undefined ? [] : [target],
  );

test.each(sources)('%s imports only what its folder may', (file) => {
  const allowed = ARROWS[layer(file)];
  expect(allowed, `no arrow is drawn for ${layer(file)}`).toBeDefined();
  for (const target of imports(file)) {
    if (target.startsWith('node:')) continue;
    if (target.startsWith('.'))
      expect(allowed?.from, `${file} → ${target}`).toContain(layer(relative(SRC, join(SRC, dirname(file), target))));
    else expect(allowed?.packages, `${file} → ${target}`).toContain(target);
  }
});

test('the clock, the process and the console belong to commands and hosts', () => {
  const own = new Set(['commands', 'hosts', 'main']);
  const found = sources.filter(
    (file) => !own.has(layer(file)) && /\bDate\.now\(|new Date\(\)|\bprocess\.|\bconsole\./.test(readFileSync(join(SRC, file), 'utf8')),
  );
  expect(found).toEqual([]);
});

test('values of secrets are revealed in hosts/, secrets/ and the secret itself alone', () => {
  const found = sources.filter(
    (file) => !['hosts', 'secrets'].includes(layer(file)) && /\.reveal\(\)/.test(readFileSync(join(SRC, file), 'utf8')),
  );
  expect(found).toEqual(['secret.ts']);
});
