import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    maxWorkers: 3, // end-to-end files wait for hosts more than they compute
    projects: [
      { test: { name: 'unit', include: ['test/*.test.ts'], environment: 'node', testTimeout: 30_000 } },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/*.test.ts'],
          exclude: ['test/e2e/caddy*.test.ts'],
          environment: 'node',
          testTimeout: 120_000,
          hookTimeout: 600_000,
          fileParallelism: true,
        },
      },
      {
        test: { name: 'e2e-caddy', include: ['test/e2e/caddy*.test.ts'], environment: 'node', testTimeout: 240_000, hookTimeout: 600_000 },
      },
    ],
  },
});
