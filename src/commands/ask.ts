import { type Check, isOwn, type Options, type Report } from '../check.ts';
import type { Evidence } from '../evidence.ts';
import { examine, needsOf } from '../examine.ts';
import type { Keyring } from '../secret.ts';
import { knownSecrets } from '../secrets/fetch.ts';
import { newBundle } from './bundle.ts';
import { guard } from './guard.ts';
import { progress } from './progress.ts';
import type { Session } from './session.ts';

/** What changes how hosts are asked. */
export interface AskOptions extends Options {
  /** Seconds. */
  readonly timeout?: number;
  /** A new folder for the evidence. */
  readonly record?: string;
}

/** Asks every host once, and judges what it said. `text`: the fabric.yaml that is judged by, for a recording. */
export const ask = async (...args: Parameters<typeof hear>): Promise<Report> => (await hear(...args)).report;

/** The same, with what was said. */
export const hear = async (
  session: Session,
  options: AskOptions,
  keyring: Keyring,
  text: string,
  selected: readonly Check[],
): Promise<{ readonly report: Report; readonly evidence: readonly Evidence[] }> => {
  const { fabric } = session;
  const { record } = options;
  // Nothing of it is sent anywhere: what is known is recognised in answers, and taken out before they are kept.
  const known =
    record === undefined ? keyring : new Map([...(await knownSecrets(fabric.litellm.secrets, process.env, options.timeout)), ...keyring]);
  guard(known);
  const bundle = record === undefined ? undefined : newBundle(record, fabric, text, known);
  const needs = needsOf(fabric, selected, options);
  const asking = progress(`asking ${[...new Set(needs.map(({ question }) => question.at))].join(', ')}`);
  try {
    const evidence = await session.ask(needs, known, options.timeout);
    const at = session.now();
    const own = selected.map(({ id }) => id).filter(isOwn);
    bundle?.write(evidence, needs, options, at, own);
    return { report: examine(fabric, selected, evidence, options, at), evidence };
  } finally {
    asking.end();
  }
};
