import type { Json } from '../fabric.ts';

/** `data[0].id`, `["a.b"].c`, `[1]`. `null`: not such a path. */
export const parsePath = (path: string): readonly (string | number)[] | null => {
  const text = path.startsWith('[') ? path : `.${path}`;
  const step = /\.([^.[\]"\s]+)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]/y;
  const steps: (string | number)[] = [];
  while (step.lastIndex < text.length) {
    const [found, name, index, quoted] = step.exec(text) ?? [];
    if (found === undefined) return null;
    steps.push(index === undefined ? (name ?? quoted?.replaceAll(/\\(.)/g, '$1') ?? '') : Number(index));
  }
  return steps.length === 0 ? null : steps;
};

/** `undefined`: nothing is there. */
export const at = (data: Json, path: readonly (string | number)[]): Json | undefined =>
  path.reduce<Json | undefined>((value, step) => {
    if (typeof value !== 'object' || value === null) return undefined;
    if (isList(value)) return typeof step === 'number' ? value[step] : undefined;
    return Object.hasOwn(value, step) ? value[step] : undefined;
  }, data);

const isList = (value: Json): value is readonly Json[] => Array.isArray(value);

/** As an expectation judges it: a text as it is, all else as JSON. */
export const plain = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value));
