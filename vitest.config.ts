import { defineConfig } from 'vitest/config';

/** Milliseconds. What hangs on a host is ended by its own limits; this one is for machines that are many times slower. */
const HOSTS = 600_000;

export default defineConfig({
  test: {
    maxWorkers: 3, // end-to-end files wait for hosts more than they compute
    projects: [
      { test: { name: 'unit', include: ['test/*.test.ts'], environment: 'node', testTimeout: 120_000 } },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/*.test.ts'],
          exclude: ['test/e2e/caddy*.test.ts'],
          environment: 'node',
          testTimeout: HOSTS,
          hookTimeout: HOSTS,
          fileParallelism: true,
        },
      },
      {
        test: { name: 'e2e-caddy', include: ['test/e2e/caddy*.test.ts'], environment: 'node', testTimeout: HOSTS, hookTimeout: HOSTS },
      },
      {
        test: {
          name: 'e2e-tailnet',
          include: ['test/tailnet/*.test.ts'],
          environment: 'node',
          testTimeout: HOSTS,
          hookTimeout: HOSTS,
        },
      },
    ],
  },
});
