import { type Answer, isLost, type Lost } from '../evidence.ts';
import type { Keyring } from '../secret.ts';
import { quote } from '../shell.ts';
import { PATTERNS } from './patterns.ts';

/** A shorter value is no secret, and replacing it would shred the text. */
const SHORTEST = 8;

/** A value as it may turn up: as it is, in JSON, in a URL, quoted for a shell, and in base64, also in the middle of something longer. */
const guises = (value: string): readonly string[] => {
  const url = encodeURIComponent(value);
  const shifted = [0, 1, 2].map((offset) => {
    const encoded = Buffer.concat([Buffer.alloc(offset), Buffer.from(value)]).toString('base64');
    // The first and the last characters depend on the neighbours.
    const whole = Math.floor(((offset + Buffer.byteLength(value)) * 8) / 6);
    return encoded.slice(Math.ceil((offset * 8) / 6), whole);
  });
  return [
    value,
    JSON.stringify(value).slice(1, -1),
    url,
    url.replace(/%[0-9A-F]{2}/g, (byte) => byte.toLowerCase()),
    url.replaceAll('%20', '+'),
    quote(value),
    ...shifted,
    ...shifted.map((text) => text.replaceAll('+', '-').replaceAll('/', '_')),
  ].filter((text) => text.length >= SHORTEST);
};

/** Puts names in the place of known values: an equal secret stays recognisable by its name. */
export const recogniser = (keyring: Keyring): ((text: string) => string) => {
  const known = [...keyring.values()]
    .filter((secret) => secret.reveal().length >= SHORTEST)
    .flatMap((secret) => [...new Set(guises(secret.reveal()))].map((guise) => ({ guise, name: String(secret) })))
    .sort((a, b) => b.guise.length - a.guise.length);
  return (text) => known.reduce((safe, { guise, name }) => safe.replaceAll(guise, () => name), text);
};

/** The text without any known value or secret-shaped word. */
export const redactText = (text: string, keyring: Keyring): string =>
  PATTERNS.reduce((safe, [pattern, token]) => safe.replaceAll(pattern, token), recogniser(keyring)(text));

/** Variables that hold a known value: what is started is not to inherit them. */
export const holders = (env: NodeJS.ProcessEnv, keyring: Keyring): readonly string[] => {
  const values = new Set([...keyring.values()].map((secret) => secret.reveal()).filter((value) => value.length >= SHORTEST));
  return Object.entries(env).flatMap(([name, value]) => (value !== undefined && values.has(value) ? [name] : []));
};

/** Before anyone judges, so that a replay cannot differ from the run. */
export const redact = (answer: Answer | Lost, keyring: Keyring): Answer | Lost =>
  isLost(answer)
    ? { lost: answer.lost, why: redactText(answer.why, keyring) }
    : { code: answer.code, out: redactText(answer.out, keyring), err: redactText(answer.err, keyring) };
