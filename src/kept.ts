// What this machine remembers of results between runs: `{"schema":"fabric.memory/1","results":{"litellm/exposure@akira":{…}}}`.
import type { ResultId } from './check.ts';

/** Results by id, as a file's text. */
export const keptText = (schema: string, results: ReadonlyMap<ResultId, unknown>): string =>
  `${JSON.stringify({ schema, results: Object.fromEntries(results) }, null, 1)}\n`;

/** `null`: it is not what this version writes. `read` gives `null` for what is no such thing. */
export const readKept = <T>(
  text: string,
  schema: string,
  read: (one: { readonly [key: string]: unknown }) => T | null,
): ReadonlyMap<ResultId, T> | null => {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isObject(data) || data['schema'] !== schema || !isObject(data['results'])) return null;
  const results = new Map<ResultId, T>();
  for (const [id, one] of Object.entries(data['results'])) {
    const known = isResultId(id) && isObject(one) ? read(one) : null;
    if (!isResultId(id) || known === null) return null;
    results.set(id, known);
  }
  return results;
};

const isObject = (value: unknown): value is { readonly [key: string]: unknown } => typeof value === 'object' && value !== null;
const isResultId = (id: string): id is ResultId => /^[^/@]+\/[^@]+@/.test(id);
export const isCount = (value: unknown): value is number => Number.isSafeInteger(value);
