import type { ChalkInstance } from 'chalk';
import { visible } from '../shell.ts';
import { divergence, type Layer, type Trail } from '../trail.ts';

const MARK = { right: '✔', wrong: '✖', unknown: '?', aside: '·' } as const;

/** Each name as each asker meets it, layer by layer, with the first that diverges named. */
export const trailTable = (trails: readonly Trail[], paint: ChalkInstance): string => {
  const width = Math.max(0, ...trails.flatMap(({ layers }) => layers.map(({ who }) => who.length)));
  const colour = { right: paint.green, wrong: paint.red, unknown: paint.yellow, aside: paint.dim } as const;
  return trails
    .flatMap((trail) => {
      const first = divergence(trail);
      return [
        `${paint.bold(visible(trail.name))} ${paint.dim('should be')} ${trail.wanted.join(', ')} ${paint.dim('for')} ${trail.at}`,
        ...told(trail).map((layer) => {
          const time = layer.milliseconds === null ? '' : paint.dim(` ${layer.milliseconds} ms`);
          const here = layer === first ? paint.red('  ← diverges here first') : '';
          return `  ${colour[layer.is](MARK[layer.is])} ${visible(layer.who).padEnd(width)}  ${visible(layer.says)}${time}${here}`;
        }),
        '',
      ];
    })
    .join('\n');
};

/** Of a machine that could not be asked anything once is enough. */
const told = ({ at, layers }: Trail): readonly Layer[] => {
  const own = layers.filter(({ layer }) => layer !== 'headscale');
  const [first] = own;
  return first !== undefined && own.every(({ is, says }) => is === 'unknown' && says === first.says)
    ? [...layers.filter(({ layer }) => layer === 'headscale'), { ...first, who: at }]
    : layers;
};

/** For programs: `fabric.report/1` has it as `names`. */
export const trailJson = (trails: readonly Trail[]) =>
  trails.map((trail) => ({
    name: trail.name,
    at: trail.at,
    wanted: trail.wanted,
    divergence: divergence(trail)?.layer ?? null,
    layers: trail.layers.map(({ layer, who, says, is, milliseconds }) => ({
      layer,
      who: visible(who),
      says: visible(says),
      is,
      milliseconds,
    })),
  }));

/** What is otherwise than a moment ago, a line each, with how long the answer took. Time alone is no change. */
export const trailChanges = (before: readonly Trail[], now: readonly Trail[]): readonly string[] =>
  now.flatMap((trail) => {
    const was = before.find(({ name, at }) => name === trail.name && at === trail.at);
    return trail.layers.flatMap((layer) => {
      const old = was?.layers.find(({ who }) => who === layer.who);
      if (old !== undefined && plain(old) === plain(layer)) return [];
      const time = layer.milliseconds === null ? '' : ` (${layer.milliseconds} ms)`;
      return [
        visible(
          `${MARK[layer.is]} ${trail.name} for ${trail.at}: ${layer.who}: ${old === undefined ? '' : `${old.says} → `}${layer.says}${time}`,
        ),
      ];
    });
  });

/** A TTL counts down by itself. */
const plain = ({ is, says }: Layer): string => `${is} ${says.replaceAll(/, TTL \d+/g, '')}`;
