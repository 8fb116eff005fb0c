import { join } from 'node:path';
import { execa } from 'execa';
import { beforeAll } from 'vitest';

/** Where the real stores' programs are, for a file that has called `storesBuilt`. */
export const STORES = process.env['STORES_DIR'] ?? '/var/lib/fabric-lab/stores';

/** Milliseconds. Two to three minutes as a rule, once; this is for machines that are many times slower. */
const BUILDING = 1_800_000;

/** Before this file's tests: what is missing is built, as it says while it is, and whoever else builds it is waited for. */
export const storesBuilt = (): void => {
  beforeAll(async () => {
    await execa(join(import.meta.dirname, 'build.sh'), { stdout: 'inherit', stderr: ['inherit', 'pipe'] });
  }, BUILDING);
};
