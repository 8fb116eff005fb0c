import { readFileSync } from 'node:fs';
import type { Report } from '../check.ts';
import { type Ledger, ledgerText, noted, readLedger } from '../ledger.ts';
import { visible } from '../shell.ts';
import { stateName, writeWhole } from './own-state.ts';

const path = (file: string): string => `${stateName(file)}.ledger`;

/** Of that fabric.yaml. Empty where nothing was kept yet, or where it cannot be read. */
export const recallLedger = (file: string): Ledger => {
  try {
    return readLedger(readFileSync(path(file), 'utf8')) ?? new Map();
  } catch {
    return new Map();
  }
};

/**
 * Notes a live run. It is no reason for a run to fail: where it cannot be kept, a run says so, or nothing where it is to be `silent`. Of two
 * runs at once the later one counts.
 */
export const keepLedger = (file: string, report: Report, { silent = false }: { readonly silent?: boolean } = {}): void => {
  try {
    writeWhole(path(file), ledgerText(noted(recallLedger(file), report)));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    if (!silent) process.stderr.write(`fabric: this run could not be noted for \`fabric rex list\`: ${visible(why)}\n`);
  }
};
