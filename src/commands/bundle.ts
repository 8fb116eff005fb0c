// A bundle: a folder that holds all that a report was judged by. 0700, its files 0600, redacted before they are written.
//
//   akira.evidence   one file a vantage
//   fabric.yaml      without comments
//   bundle.json      {"schema":"fabric.bundle/1","at":1771400000,"options":{"smoke":false,"at":[]},"vantages":["akira"]}; written last
//                    and "own":["rex/REX-41"] where checks of the user's own were judged: they stay where they are
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { CheckId, Options } from '../check.ts';
import { Refusal } from '../errors.ts';
import type { Evidence, Probe } from '../evidence.ts';
import { bare } from '../fabric/bare.ts';
import { loadFabric } from '../fabric/find.ts';
import { parse } from '../fabric/parse.ts';
import type { Fabric } from '../fabric.ts';
import { questionsOf } from '../hosts/collect.ts';
import { redactText } from '../hosts/redact.ts';
import { type Recording, recording } from '../replay.ts';
import type { Keyring } from '../secret.ts';
import { encode } from '../wire.ts';

const SCHEMA = 'fabric.bundle/1';

/** A bundle, read. */
export interface Bundle {
  readonly fabric: Fabric;
  /** Its fabric.yaml. */
  readonly text: string;
  readonly recordings: readonly Recording[];
  /** What was asked for on the command line. */
  readonly options: Options;
  /** When it was judged: seconds since 1970. */
  readonly at: number;
  /** The user's own checks that were judged by it. */
  readonly own: readonly string[];
}

/** A place for a new bundle. */
export interface NewBundle {
  /** The whole folder appears at once, or not at all. */
  write(evidence: readonly Evidence[], needs: readonly Probe<unknown>[], options: Options, at: number, own: readonly CheckId[]): void;
}

const code = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '');

/**
 * `written`: the text that `fabric` was parsed from. Looks at everything that could be wrong before anybody is asked. Throws a Refusal where the folder holds something (evidence is
 * never overwritten), and where fabric.yaml holds what looks like a secret.
 */
export const newBundle = (name: string, fabric: Fabric, written: string, keyring: Keyring): NewBundle => {
  const folder = resolve(name);
  if (!isFree(folder)) {
    throw new Refusal(`${folder} exists and is not an empty folder`, { next: ['name a new folder with --record: nothing is overwritten'] });
  }
  const { text, strings } = bare(written);
  const leak = strings.find(([, value]) => redactText(value, keyring) !== value);
  if (leak) {
    throw new Refusal(`${fabric.file}: ${redactText(leak[0], keyring)} holds what looks like a secret, and a bundle would keep it`, {
      next: ['put it into litellm.secrets and name it there: os.environ/NAME', 'or validate without --record'],
    });
  }
  const kept = parse(text, fabric.file);
  if (!('fabric' in kept) || !isDeepStrictEqual(kept.fabric, fabric)) {
    throw new Refusal(`${fabric.file} changed while it was read`, { next: ['run the same command again'] });
  }
  return {
    write: (evidence, needs, { smoke, at: from }, at, own) => {
      const questions = questionsOf(needs);
      const part = `${folder}.${process.pid}.part`;
      const put = (file: string, content: string): void => writeFileSync(join(part, file), content, { mode: 0o600, flag: 'wx' });
      try {
        mkdirSync(dirname(folder), { recursive: true });
        mkdirSync(part, { mode: 0o700 });
        for (const one of evidence) put(`${one.vantage}.evidence`, encode(one, questions.get(one.vantage) ?? new Map()));
        put('fabric.yaml', text);
        const manifest = {
          schema: SCHEMA,
          at,
          options: { smoke, at: from },
          vantages: evidence.map(({ vantage }) => vantage),
          ...(own.length === 0 ? {} : { own }),
        };
        put('bundle.json', `${JSON.stringify(manifest, null, 2)}\n`);
        renameSync(part, folder);
      } catch (error) {
        rmSync(part, { recursive: true, force: true });
        throw new Refusal(`the evidence cannot be kept in ${folder}: ${error instanceof Error ? error.message : String(error)}`, {
          next: ['name a folder that can be made with --record'],
          cause: error,
        });
      }
    },
  };
};

const isFree = (folder: string): boolean => {
  try {
    return readdirSync(folder).length === 0;
  } catch (error) {
    return code(error) === 'ENOENT';
  }
};

/** Reads a bundle. Throws a Refusal that names the file, and the line where it has one. */
export const readBundle = (name: string): Bundle => {
  const folder = resolve(name);
  const read = (file: string): string => {
    try {
      return readFileSync(join(folder, file), 'utf8');
    } catch (error) {
      throw new Refusal(
        `${folder} is not a whole bundle: ${file} ${code(error) === 'ENOENT' ? 'is missing' : `cannot be read (${code(error)})`}`,
        {
          next: ['name a folder that `fabric validate --record FOLDER` wrote'],
          cause: error,
        },
      );
    }
  };
  const { at, options, vantages, own } = manifest(join(folder, 'bundle.json'), read('bundle.json'));
  const recordings = vantages.map((vantage) => {
    const file = `${vantage}.evidence`;
    const one = recording(read(file));
    if ('problem' in one) throw foreign(`${join(folder, file)}:${one.line}: ${one.problem}`);
    if (one.evidence.vantage !== vantage) throw foreign(`${join(folder, file)}:1: these are the answers of ${one.evidence.vantage}`);
    return one;
  });
  const text = read('fabric.yaml');
  return { fabric: loadFabric(join(folder, 'fabric.yaml'), () => text), text, recordings, options, at, own };
};

const foreign = (message: string): Refusal =>
  new Refusal(message, { next: ['name a folder that `fabric validate --record FOLDER` wrote'] });

const manifest = (file: string, text: string): Pick<Bundle, 'at' | 'options' | 'own'> & { readonly vantages: readonly string[] } => {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    throw foreign(`${file}:${text.split('\n').length}: this is not JSON, or it is cut short`);
  }
  const member = (of: unknown, key: string): unknown =>
    typeof of === 'object' && of !== null ? Object.entries(of).find(([one]) => one === key)?.[1] : undefined;
  const at = member(data, 'at');
  const smoke = member(member(data, 'options'), 'smoke');
  const from = member(member(data, 'options'), 'at');
  const vantages = member(data, 'vantages');
  const own = member(data, 'own') ?? [];
  if (member(data, 'schema') !== SCHEMA) throw foreign(`${file}:1: expected "schema": "${SCHEMA}"`);
  const isName = (one: unknown): one is string => typeof one === 'string' && /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(one);
  if (
    typeof at !== 'number' ||
    !Number.isSafeInteger(at) ||
    typeof smoke !== 'boolean' ||
    !Array.isArray(from) ||
    !from.every(isName) ||
    !Array.isArray(vantages) ||
    !vantages.every(isName) ||
    !Array.isArray(own) ||
    !own.every((one) => typeof one === 'string' && /^rex\/REX-[A-Za-z0-9-]+$/.test(one))
  )
    throw foreign(`${file}:1: expected "at" (seconds), "options" with "smoke" and "at", and "vantages" (names)`);
  return { at, options: { smoke, at: from }, vantages, own };
};
