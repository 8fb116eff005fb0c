import { createHash } from 'node:crypto';
import type { Report, Result, ResultId } from './check.ts';
import type { HostName } from './fabric.ts';
import type { Content } from './secret.ts';

/** A file as its host described it: hash taken there, text redacted and for showing only. `mode` in octal digits, `owner` as `user:group`. */
export interface FileState {
  readonly sha256: string;
  readonly text: string;
  readonly mode: string;
  readonly owner: string;
}

/** In hex, of the text's UTF-8 bytes: what `sha256sum` says of the file. */
export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** How a `run` is taken back. */
export type Undo =
  | {
      readonly script: string;
      /**
       * Seconds from the step's beginning after which the host takes it back by itself, unless a new connection has said that it still
       * comes through: for what may cut the operator off.
       */
      readonly armedFor?: number;
    }
  /** An activation: run once more when the files are back. */
  | 'again'
  /** It changes nothing that would have to be. */
  | 'nothing'
  /** Better kept, also where the rest is taken back: which is said then. */
  | 'stays'
  /** Said before anything starts. */
  | 'impossible';

/** What a result may have become at worst for the gate to pass. */
export interface Must {
  readonly id: ResultId;
  /** `unknown`: anything but a failure of its own. */
  readonly atWorst: 'pass' | 'warn' | 'unknown';
}

/** A line of a file that others own too: the line so begun, appended when absent; `null` removes it. */
export interface Line {
  readonly begins: string;
  readonly was: 'absent' | 'other';
  readonly now: Content | null;
}

/**
 * One change as data: shown, applied, undone. `write` is for files that fabric owns, `patch` for env files that it shares, `splice` for
 * others' files.
 */
export type Step = { readonly host: HostName } & (
  | {
      readonly do: 'write';
      readonly path: string;
      readonly mode: string;
      readonly owner: string;
      readonly was: FileState | null;
      /** `null` removes the file. */
      readonly now: string | null;
    }
  | {
      /** Puts a kept file back, from where the host keeps it. */
      readonly do: 'restore';
      readonly path: string;
      readonly mode: string;
      readonly owner: string;
      readonly was: FileState | null;
      readonly from: string;
      readonly now: FileState;
    }
  | {
      readonly do: 'patch';
      readonly path: string;
      readonly mode: string;
      readonly owner: string;
      /** Octal digits and user:group as found; `null`: the file is not there yet. */
      readonly was: { readonly mode: string; readonly owner: string } | null;
      readonly lines: readonly Line[];
    }
  | {
      /** Other lines in a file of somebody else's, which may hold secrets: the rest of it stays on the host, with its mode and owner. */
      readonly do: 'splice';
      readonly path: string;
      readonly was: Pick<FileState, 'sha256' | 'text'>;
      /** As redacted as `was.text`. */
      readonly now: string;
      /**
       * The file itself stays, and gets other lines: a container may have it mounted alone, and would go on reading one that was replaced.
       * An interruption may leave it half written; the journal has it whole.
       */
      readonly inPlace?: true;
    }
  | { readonly do: 'run'; readonly title: string; readonly script: string; readonly undo: Undo; readonly seconds?: number }
  | {
      readonly do: 'gate';
      readonly title: string;
      readonly must: readonly Must[];
      /** Could not be asked (no way there, no login, no curl): left out, and shown. */
      readonly unverified: readonly ResultId[];
      /** A `fail` here ends the waiting: it does not heal by itself. */
      readonly hopeless: readonly ResultId[];
      readonly withinSeconds: number;
      /** A unit of that host, whose last lines are shown where the gate is not passed. */
      readonly log?: string;
    }
);
/** JSON through and through: what `--format json` prints is this. */
export type Plan = readonly Step[];

/** The gate's list, decided when the plan is made: our own conditions, which must pass, and whatever held before, which may not get worse. */
export const gateList = (
  { results }: Report,
  own: readonly ResultId[],
): { readonly must: readonly Must[]; readonly unverified: readonly ResultId[] } => {
  // What a fix is for counts, whatever kind of check found it.
  const before = results.filter(({ id, check }) => own.includes(id) || (!check.standing && !check.history));
  const deaf = (result: Result): boolean =>
    result.status === 'unknown' && result.lost.every(({ lost }) => lost === 'unreachable' || lost === 'unsupported' || lost === 'login');
  return {
    must: before.flatMap((result): readonly Must[] => {
      if (deaf(result)) return [];
      if (own.includes(result.id)) return [{ id: result.id, atWorst: 'pass' }];
      return result.status === 'pass' || result.status === 'warn' ? [{ id: result.id, atWorst: result.status }] : [];
    }),
    unverified: before.filter((result) => deaf(result) && own.includes(result.id)).map(({ id }) => id),
  };
};

/** The members of `must` that the report does not meet. */
export const unmet = (must: readonly Must[], { results }: Report): readonly Result[] => {
  const byId = new Map(results.map((result) => [result.id, result]));
  return must.flatMap(({ id, atWorst }) => {
    const result = byId.get(id);
    if (!result) return [];
    const good =
      result.status === 'pass' ||
      result.status === 'accepted' ||
      (result.status === 'warn' && atWorst !== 'pass') ||
      (result.status !== 'fail' && atWorst === 'unknown');
    return good ? [] : [result];
  });
};
