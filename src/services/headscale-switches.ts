import { parse } from 'yaml';

/** A switch that is written as a text. */
export interface Switch {
  readonly key: 'magic_dns' | 'override_local_dns';
  readonly written: string;
  /** What viper makes of it. */
  readonly taken: boolean;
  /** What people mean by it. */
  readonly meant: boolean;
}

/** Those of a part `dns:` that are no booleans. Throws where it is no YAML. */
export const switchesOf = (text: string): readonly Switch[] => {
  const data: unknown = parse(text, { merge: true, logLevel: 'error' });
  const dns: unknown = isObject(data) ? data['dns'] : null;
  if (!isObject(dns)) return [];
  return (['magic_dns', 'override_local_dns'] as const).flatMap((key) => {
    const written = dns[key];
    if (typeof written !== 'string') return [];
    // strconv.ParseBool; all else is an error, which viper drops.
    const taken = ['1', 't', 'T', 'true', 'TRUE', 'True'].includes(written);
    return [{ key, written, taken, meant: taken || /^(?:y|yes|on|enabled?)$/i.test(written.trim()) }];
  });
};
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
