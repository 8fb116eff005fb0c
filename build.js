// Bundles src/main.ts into dist/, each command a chunk of its own, so that `fabric --help` loads next to nothing; and src/index.ts, which
// a user's own checks import: in the same chunks, so that what they throw and return is what fabric knows. And the program that asks by QUIC.
import { execFileSync } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { build } from 'rolldown';

await rm('dist', { recursive: true, force: true });
await build({
  input: { main: 'src/main.ts', index: 'src/index.ts', 'http3-program': 'src/hosts/http3-program.ts' },
  platform: 'node',
  external: ['ssh2', '@matrixai/quic', '@matrixai/logger'], // loaded where they are needed; they look for parts of their own beside them
  output: { dir: 'dist', format: 'esm', chunkFileNames: '[name].js' },
});
// Their types: dist/types/index.d.ts and what it imports.
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.types.json'], { stdio: 'inherit' });
// The demo, apart: it is no part of the package.
await build({
  input: 'test/demo/main.ts',
  platform: 'node',
  external: ['ssh2', '@matrixai/quic', '@matrixai/logger'], // they load what they need by themselves
  output: { dir: 'dist/demo', format: 'esm' },
});
