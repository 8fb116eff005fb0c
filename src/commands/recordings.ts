// Recordings of checks: fabric's own in its package, under fixtures/; a user's beside fabric.yaml, under rex/. In the folder of a check's
// id, `before`, `after`, and more of each behind a dash: `before-no-firewall`. Each holds fabric.yaml and one VANTAGE.evidence a vantage.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type CheckId, isOwn } from '../check.ts';
import { Refusal } from '../errors.ts';
import { loadFabric } from '../fabric/find.ts';
import type { Fabric } from '../fabric.ts';
import type { Moment, Recorded } from '../prove.ts';
import { type Recording, recording } from '../replay.ts';
import { readBundle } from './bundle.ts';

/** Upwards from here: the source is two folders below it, the bundle one. */
const packageRoot = (folder: string): string =>
  existsSync(join(folder, 'package.json')) || dirname(folder) === folder ? folder : packageRoot(dirname(folder));
const FIXTURES = join(packageRoot(import.meta.dirname), 'fixtures');

/** Where that check's recordings are. `fabric`: the user's. */
export const recordingsFolder = (id: CheckId, fabric: Fabric | null): string =>
  isOwn(id) && fabric ? join(dirname(fabric.file), id) : join(FIXTURES, id);

const isMoment = (name: string): name is Moment => /^(?:before|after)(?:-.+)?$/.test(name);

/** `before` first, `after` last. Empty where there are none. */
export const readRecordings = (folder: string): readonly Recorded[] => {
  const moments = existsSync(folder) ? readdirSync(folder).filter(isMoment) : [];
  const order = (moment: Moment): string => `${moment.startsWith('before') ? 1 : 2}${moment}`;
  return moments.toSorted((a, b) => (order(a) < order(b) ? -1 : 1)).map((moment) => readRecorded(join(folder, moment), moment));
};

const readRecorded = (folder: string, moment: Moment): Recorded => {
  if (existsSync(join(folder, 'bundle.json'))) {
    const { fabric, recordings, options } = readBundle(folder);
    return { moment, fabric, vantages: recordings, options };
  }
  const vantages = readdirSync(folder)
    .filter((name) => name.endsWith('.evidence'))
    .toSorted()
    .map((name) => evidence(join(folder, name)));
  return { moment, fabric: loadFabric(join(folder, 'fabric.yaml'), (file) => readFileSync(file, 'utf8')), vantages };
};

const evidence = (path: string): Recording => {
  const one = recording(readFileSync(path, 'utf8'));
  if ('problem' in one)
    throw new Refusal(`${path}:${one.line}: ${one.problem}`, { next: ['record it again: `fabric rex run ID --record FOLDER`'] });
  return one;
};
