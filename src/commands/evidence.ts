import type { Report } from '../check.ts';
import { checks } from '../checks/index.ts';
import { answers, verdicts } from '../difference.ts';
import type { Key } from '../evidence.ts';
import { examine, needsOf } from '../examine.ts';
import { replay } from '../replay.ts';
import { differenceJson, humanDifference } from '../report/difference.ts';
import { RUN_KEY } from '../secret.ts';
import { type Bundle, readBundle } from './bundle.ts';
import { painter } from './session.ts';

export interface EvidenceDiffOptions {
  readonly format: 'human' | 'json';
}

/** `fabric evidence diff A B`: what changed between two recordings. Exit 0 where nothing did, else 1. */
export const evidenceDiff = async (before: string, after: string, { format }: EvidenceDiffOptions): Promise<number> => {
  const [a, b] = [readBundle(before), readBundle(after)];
  const [was, now] = [judged(a), judged(b)];
  const changed = verdicts(was, now);
  const said = answers(a.recordings, b.recordings, sealed(b));
  const declared = a.text === b.text ? null : { was: a.text, now: b.text };
  process.stdout.write(
    format === 'json'
      ? `${JSON.stringify(differenceJson(changed, said, declared), null, 2)}\n`
      : humanDifference(changed, said, declared, now, painter(process.stdout)),
  );
  return changed.length === 0 && said.length === 0 && declared === null ? 0 : 1;
};

const judged = ({ fabric, recordings, options, at }: Bundle): Report =>
  examine(fabric, checks, replay(recordings, needsOf(fabric, checks, options)), options, at);

/** The questions that are answered in fingerprints. */
const sealed = ({ fabric, options }: Bundle): ReadonlySet<Key> =>
  new Set(
    needsOf(fabric, checks, options)
      .filter(({ question }) => question.via === 'sh' && typeof question.stdin === 'object' && question.stdin.includes(RUN_KEY))
      .map(({ key }) => key),
  );
