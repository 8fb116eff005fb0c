import { holders, recogniser } from '../hosts/redact.ts';
import type { Keyring } from '../secret.ts';

const known = new Map<string, ReturnType<typeof recogniser>>();

/**
 * From here on whatever this process prints stands without these values, however it came to hold one, and no program that it starts
 * inherits a variable that holds one.
 */
export const guard = (keyring: Keyring): void => {
  if (known.size === 0) for (const stream of [process.stdout, process.stderr]) guardStream(stream);
  for (const [name, secret] of keyring) known.set(name, recogniser(new Map([[name, secret]])));
  for (const name of holders(process.env, keyring)) delete process.env[name];
};

type Done = (error?: Error | null) => void;
const guardStream = (stream: NodeJS.WriteStream): void => {
  const write = stream.write.bind(stream);
  stream.write = (chunk: Uint8Array | string, encoding?: BufferEncoding | Done, done?: Done): boolean => {
    const safe = typeof chunk === 'string' ? [...known.values()].reduce((text, recognise) => recognise(text), chunk) : chunk;
    return typeof encoding === 'function' ? write(safe, encoding) : write(safe, encoding, done);
  };
};
