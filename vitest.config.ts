import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Milliseconds. What hangs on a host is ended by its own limits; this one is for machines that are many times slower. */
const HOSTS = 600_000;

/**
 * Of the tests on hosts the longest first, so that no worker has one left to do alone at the end. Vitest goes by size where it has no times.
 */
const LONGEST = [
  '../tailnet/tailnet',
  'main',
  'secrets',
  'breakages',
  'runbook',
  'probe-contract',
  'caddy',
  'dns',
  'lint',
  'init',
  'vantages',
  'breakages-cost',
  'cron',
  'become',
  'breakages-host',
].map((one) => join(import.meta.dirname, 'test/e2e', `${one}.test.ts`));
const place = ({ moduleId }: TestSpecification): number => {
  const found = LONGEST.indexOf(moduleId);
  return found === -1 ? LONGEST.length : found;
};
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).sort((a, b) => place(a) - place(b));
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    tags: [
      { name: 'thorough', description: 'One more state of what another test on hosts shows, or what a program does: CI leaves it out.' },
    ],
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
