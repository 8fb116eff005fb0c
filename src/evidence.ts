import type { Address, HostName, SecretName } from './fabric.ts';
import type { Content } from './secret.ts';

/** Who was asked: a host of fabric.yaml, or `here`: this machine. */
export type Vantage = HostName;
/** What an answer is written down under: chosen by its probe, stable, without white space: `file/flux/apps/litellm/.env`. */
export type Key = string;

/** Data, JSON through and through. Only `src/hosts` asks it. */
export type Question = Script | Native;
/** What a shell answers. */
export interface Script {
  readonly at: Vantage;
  readonly via: 'sh';
  /** POSIX shell. It may show in `ps`, so it cannot hold a secret. */
  readonly script: string;
  /** The same question for Windows, answered in the same words. Absent: there is no such. */
  readonly powershell?: string;
  /** Where a secret may stand. */
  readonly stdin?: Content;
  readonly sudo?: true;
  /** After which the host ends it. 10 when absent. */
  readonly seconds?: number;
  /** Asked instead where a tool was not there (exit 127), at `here`: what it prints is what the tool would have. */
  readonly otherwise?: Native;
}

/** Asked by this machine itself, without a shell. */
export type Native = DnsQuestion | QuicQuestion | Http3Question | StoreQuestion;
/** The answer is what dig prints. Elsewhere a script asks it of dig. */
export interface DnsQuestion {
  readonly at: 'here';
  readonly via: 'dns';
  /** `os`: the first of this machine's own resolvers that answers. `each`: all of them, each under a line `= ADDRESS`. */
  readonly server: Address | 'os' | 'each';
  readonly name: string;
  readonly type: RecordType;
  readonly transport: 'udp' | 'tcp';
  /** 4 when absent. */
  readonly seconds?: number;
}
/** `HTTPS`: type 65, which tells a browser addresses too (RFC 9460). */
export type RecordType = 'A' | 'AAAA' | 'HTTPS';
/** Whether QUIC is spoken there: a version that nobody has must draw a Version Negotiation packet (RFC 9000, 6.1). */
export interface QuicQuestion {
  readonly at: 'here';
  readonly via: 'quic';
  /** An IP address. */
  readonly to: string;
  readonly port: number;
  /** 3 when absent. */
  readonly seconds?: number;
}
/** One request over HTTP/3, printed as the curl of src/probes/entry.ts prints it. */
export interface Http3Question {
  readonly at: 'here';
  readonly via: 'http3';
  /** An IP address. */
  readonly to: string;
  readonly port: number;
  /** Its SNI and Host. */
  readonly name: string;
  readonly path: string;
  readonly marker: string | null;
  /** 6 when absent. */
  readonly seconds?: number;
}
/** What a secret's store says about it, but for the value: `expires 1767225600`, or `expires never`. */
export interface StoreQuestion {
  readonly at: 'here';
  readonly via: 'store';
  readonly secret: SecretName;
}

/** Raw on purpose; no final newline. */
export interface Answer {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}
/** What could not be known, and why. Never the same as "is not there". */
export interface Lost {
  readonly lost: 'unreachable' | 'login' | 'timeout' | 'unsupported' | 'unreadable';
  readonly why: string;
}
/** Seconds since 1970. */
export interface Span {
  readonly asked: number;
  readonly heard: number;
}
/** Every answer of one vantage at one moment. `at`: seconds since 1970 by that vantage's own clock. */
export interface Evidence {
  readonly vantage: Vantage;
  readonly at: number;
  /** When the question left and the answer was here, by this machine's clock. Absent where nobody noted it. */
  readonly here?: Span;
  readonly answers: ReadonlyMap<Key, Answer | Lost>;
}

/** One narrow question and how to read its answer. `at` is the answering vantage's clock: readers turn times into ages. `here`: ours. */
export interface Probe<T, Asked extends Question = Question> {
  readonly key: Key;
  readonly question: Asked;
  read(answer: Answer, at: number, here?: Span): T;
}

/** What was written down, read. `know` makes the case unknown when it cannot; `maybe` hands the reason over. */
export interface Facts {
  know<T>(probe: Probe<T>): T;
  maybe<T>(probe: Probe<T>): T | Lost;
}

export const isLost = (value: unknown): value is Lost => typeof value === 'object' && value !== null && 'lost' in value && 'why' in value;

/** Thrown by a reader, or by `know`: becomes `unknown`, never `fail`. */
export class Unreadable extends Error {
  readonly lost: Lost;
  constructor(why: string, lost: Lost['lost'] = 'unreadable') {
    super(why);
    this.lost = { lost, why };
  }
}

/** The output of a command that succeeded. Throws `Unreadable` with its exit code and first line of complaint otherwise. */
export const succeeded = ({ code, out, err }: Answer): string => {
  if (code === 0) return out;
  const complaint = err.trim().split('\n')[0] || '(it said nothing)';
  if (code === 124 || code === 137) throw new Unreadable('timed out', 'timeout');
  if (code === 127) throw new Unreadable(complaint, 'unsupported');
  throw new Unreadable(`exit ${code}: ${complaint}`);
};

/** Reads evidence through probes. Reading one that is not in `declared` is a bug, so that no case forgets to ask. */
export const facts = (evidence: readonly Evidence[], declared: readonly Probe<unknown>[]): Facts => {
  const heard = new Map(evidence.map((one) => [one.vantage, one]));
  const allowed = new Set(declared.map(({ key, question }) => `${question.at} ${key}`));
  const maybe = <T>(probe: Probe<T>): T | Lost => {
    const { at } = probe.question;
    if (!allowed.has(`${at} ${probe.key}`)) throw new Error(`bug: ${probe.key} at ${at} was read but is not in needs`);
    const one = heard.get(at);
    const answer = one?.answers.get(probe.key);
    if (!one || !answer) return { lost: 'unreadable', why: `${probe.key} was not asked at ${at}` };
    if (isLost(answer)) return answer;
    try {
      return probe.read(answer, one.at, one.here);
    } catch (error) {
      // Whatever a reader throws is a loss, not a crash: it met untrusted text.
      const { lost, why } = error instanceof Unreadable ? error.lost : { lost: 'unreadable' as const, why: String(error) };
      return { lost, why: `${probe.key} at ${at}: ${why}` };
    }
  };
  const know = <T>(probe: Probe<T>): T => {
    const value = maybe(probe);
    if (isLost(value)) throw new Unreadable(value.why, value.lost);
    return value;
  };
  return { know, maybe };
};
