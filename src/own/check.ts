// A user's entry becomes a check and a post-mortem like any other: no second engine.
import { type Check, defineCheck, type Entry } from '../check.ts';
import type { Vantage } from '../evidence.ts';
import type { Fabric } from '../fabric.ts';
import { onHost } from '../reproduce.ts';
import { commandOf, probeOf } from './heard.ts';
import { judge, wantOf } from './judge.ts';
import type { Told } from './markdown.ts';

export type RexId = Entry['id'];

/** `file`: as a person names it, `rex/REX-41.md`. */
export const checkOf = (id: RexId, file: string, { title, story, at, ask, expect, severity = 'fail', advice }: Told): Check =>
  defineCheck({
    id: `rex/${id}`,
    rex: [id],
    title,
    story,
    decides: `Asks ${at.join(', ')}: ${commandOf(ask, expect)}. Wanted: ${wantOf(expect)}.`,
    sources: [file],
    each: (fabric) =>
      vantages(at, fabric).map((where) => {
        const heard = probeOf(where, ask, expect);
        return {
          subject: where,
          needs: [heard],
          judge: ({ know }) => {
            const unmet = judge(know(heard), expect);
            if (unmet.length === 0) return [];
            const [saw, want] = (['saw', 'want'] as const).map((side) => [...new Set(unmet.map((one) => one[side]))].join('; '));
            return [
              { severity, saw: saw ?? '', want: want ?? '', advice, reproduce: onHost(fabric, where, commandOf(ask, expect, where)) },
            ];
          },
        };
      }),
  });

/** `all`: every host of fabric.yaml. Each once. */
const vantages = (at: readonly string[], { hosts }: Fabric): readonly Vantage[] => [
  ...new Set(at.flatMap((name) => (name === 'all' ? [...hosts.keys()] : [name]))),
];

export const entryOf = (id: RexId, file: string, { title, story, advice, errors = [] }: Told): Entry => ({
  id,
  title,
  // Its author tells in prose what was concluded and what holds.
  concluded: '',
  holds: story,
  remedy: advice,
  sources: [file],
  says: errors.map(asText),
});

/** Finds the text wherever it stands, however its words are spaced. */
export const asText = (text: string): RegExp =>
  new RegExp(
    text
      .trim()
      .split(/\s+/)
      .map((word) => word.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&'))
      .join('\\s+'),
    'i',
  );
