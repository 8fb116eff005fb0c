import type { Facts, Lost, Probe, Vantage } from './evidence.ts';
import type { Fabric } from './fabric.ts';
import type { Step } from './plan.ts';

/** `subject area/name`, which is also its file under `src/checks` and its folder under `fixtures`. */
export type CheckId = `${string}/${string}`;
/** check@subject: what is accepted, alerted and gated on. */
export type ResultId = `${CheckId}@${string}`;

/** One file: the story of what goes wrong, and one case per subject. */
export interface Check {
  readonly id: CheckId;
  readonly rex?: readonly `REX-${number}`[];
  /** States health: `The port is bound where it was declared`. */
  readonly title: string;
  readonly story: string;
  /** In a sentence or two, for `fabric explain`: from what facts it decides, and where the line is. */
  readonly decides: string;
  /** Where its facts come from: a page of documentation, a file of somebody's source, an issue, or `measured: …`. */
  readonly sources?: readonly string[];
  /** Answers that its findings quote and that decide nothing, by key, and why they are asked: `fabric rex test` may alter them in vain. */
  readonly spared?: Readonly<Record<string, string>>;
  /** Reads what was, in logs: a fix does not take it away. `doctor` alone asks it. */
  readonly history?: true;
  /** Tells how a host or a release stands, not what a change did to it: never a reason to take one back. */
  readonly standing?: true;
  each(fabric: Fabric, options: Options): readonly Case[];
}
/** What the user asked for on the command line that changes what is asked. */
export interface Options {
  /** Also send completions to backends that cost money. */
  readonly smoke: boolean;
  /** Also ask from there; besides what fabric.yaml declares. */
  readonly at: readonly Vantage[];
}
/** What is asked where nobody said more. */
export const asDeclared: Options = { smoke: false, at: [] };
/** One thing a check judges. A closure: fabric and subject are in scope. */
export interface Case {
  /** Stable: with the check's id it is what people accept and alert on. */
  readonly subject: string;
  readonly needs: readonly Probe<unknown>[];
  /** Where one of these fails, this case is its echo. */
  readonly blockedBy?: readonly ResultId[];
  /** [] = healthy. */
  judge(facts: Facts): readonly (Finding | Lost)[];
}
export interface Finding {
  readonly severity: 'fail' | 'warn';
  readonly saw: string;
  readonly want: string;
  readonly advice: string;
  /** What mends it without a person's judgement. Absent: by hand, as `advice` says. */
  readonly fix?: Fix;
  /** A command, runnable as printed from the operator's shell. */
  readonly reproduce?: string;
}
/** Steps without a gate: `fabric fix` adds one of the finding's own result. Else what `fabric deploy litellm`, or dns, would do. */
export type Fix = 'deploy' | 'deploy dns' | readonly Exclude<Step, { readonly do: 'gate' }>[];

/** A post-mortem: what was concluded then, and what holds. Checks name theirs in `rex`. */
export interface Entry {
  readonly id: `REX-${number}`;
  /** The symptom, as who suffered it would say it. */
  readonly title: string;
  readonly concluded: string;
  /** As measured, or as read in the source. */
  readonly holds: string;
  readonly remedy: string;
  readonly sources: readonly string[];
  /** Error texts that lead here. */
  readonly says: readonly RegExp[];
}
/** What a run knows: fabric's own checks and entries, and those in `rex/` beside fabric.yaml. */
export interface Book {
  readonly checks: readonly Check[];
  readonly entries: readonly Entry[];
}
export type Result = { readonly id: ResultId; readonly check: Check; readonly subject: string } & (
  | { readonly status: 'pass' }
  | { readonly status: 'warn' | 'fail' | 'unknown'; readonly findings: readonly Finding[]; readonly lost: readonly Lost[] }
  | { readonly status: 'blocked'; readonly by: ResultId }
  | { readonly status: 'accepted'; readonly reason: string; readonly until: string; readonly findings: readonly Finding[] }
);
/** `at`: seconds since 1970. */
export interface Report {
  readonly at: number;
  readonly results: readonly Result[];
}

/** One of the user's own, from `rex/` beside fabric.yaml. */
export const isOwn = (id: string): boolean => id.startsWith('rex/');
export const defineCheck = (check: Check): Check => check;
export const resultId = (check: Check | CheckId, subject: string): ResultId => `${typeof check === 'string' ? check : check.id}@${subject}`;
