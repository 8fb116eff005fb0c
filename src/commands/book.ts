import type { Book } from '../check.ts';
import { entries } from '../checks/entries.ts';
import { checks } from '../checks/index.ts';
import type { Fabric } from '../fabric.ts';

/** What this run knows: fabric's own checks and entries. `null`: without a fabric.yaml. */
export const readBook = async (_fabric: Fabric | null): Promise<Book> => ({ checks, entries });
