import { type Answer, isLost, type Lost } from '../evidence.ts';
import type { Keyring } from '../secret.ts';

/** Shapes of keys that nobody declared: `sk-…` (LiteLLM, OpenAI, OpenRouter) and whatever follows `Bearer`. Hashes are spared. */
const PATTERNS: readonly (readonly [RegExp, string])[] = [
  [/\bsk-[A-Za-z0-9_-]{8,}/g, '[redacted sk-…]'],
  [/\b(Bearer\s+)(?!\[)[A-Za-z0-9._~+/=-]{8,}/g, '$1[redacted]'],
  [
    /\b((?:\w*api_?key|master_key|salt_key|password|passwd|client_secret|token)["']?\s*[:=]\s*["']?)(?!os\.environ\/|\[|null\b|none\b|true\b|false\b)[^\s"',}\]]{8,}/gi,
    '$1[redacted]',
  ],
];
/** A shorter value is no secret, and replacing it would shred the text. */
const SHORTEST = 8;

/** The text without any known value or key-shaped word: an equal secret stays recognisable by its name. */
export const redactText = (text: string, keyring: Keyring): string => {
  let safe = text;
  const longestFirst = [...keyring.values()].sort((a, b) => b.reveal().length - a.reveal().length);
  for (const secret of longestFirst) if (secret.reveal().length >= SHORTEST) safe = safe.replaceAll(secret.reveal(), String(secret));
  for (const [pattern, token] of PATTERNS) safe = safe.replaceAll(pattern, token);
  return safe;
};

/** Before anyone judges, so that a replay cannot differ from the run. */
export const redact = (answer: Answer | Lost, keyring: Keyring): Answer | Lost =>
  isLost(answer)
    ? { lost: answer.lost, why: redactText(answer.why, keyring) }
    : { code: answer.code, out: redactText(answer.out, keyring), err: redactText(answer.err, keyring) };
