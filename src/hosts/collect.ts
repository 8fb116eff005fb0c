import { setTimeout } from 'node:timers/promises';
import type { Answer, Evidence, Key, Lost, Native, Probe, Question, Spoken, Vantage } from '../evidence.ts';
import { isLost } from '../evidence.ts';
import type { Fabric } from '../fabric.ts';
import { type Keyring, spell } from '../secret.ts';
import { decode, encodeScript } from '../wire.ts';
import { sudoPassword, sudoSaid } from './become.ts';
import type { Connector } from './connector.ts';
import { askNatively } from './native.ts';
import { redact, redactText } from './redact.ts';

/** What collecting and performing need of the outside. Tests count its execs. */
export interface World {
  readonly fabric: Fabric;
  readonly keyring: Keyring;
  connector(at: Vantage): Promise<Connector>;
  /** Seconds since 1970, here. */
  now(): number;
  /** Seconds after which what has not answered is lost. For ever when absent. */
  readonly within?: number;
}

/** What is to be asked where: the union of all needs. Two questions under one key are a bug. */
export const questionsOf = (probes: readonly Probe<unknown>[]): ReadonlyMap<Vantage, ReadonlyMap<Key, Question>> => {
  const wanted = new Map<Vantage, Map<Key, Question>>();
  for (const { key, question } of probes) {
    if (/\s/.test(key)) throw new Error(`bug: white space in the key ${key}`);
    const there = wanted.get(question.at) ?? new Map<Key, Question>();
    const twin = there.get(key);
    if (twin && JSON.stringify(twin) !== JSON.stringify(question)) throw new Error(`bug: two questions share the key ${key}`);
    wanted.set(question.at, there.set(key, question));
  }
  return wanted;
};

/** Those that go to the vantage's shell. */
export const spokenOf = (questions: ReadonlyMap<Key, Question>): ReadonlyMap<Key, Spoken> =>
  new Map([...questions].flatMap(([key, question]) => (question.via === 'sh' ? [[key, question] as const] : [])));

/** One exec a host, all hosts at once. An unreachable host is evidence too: each of its answers is lost, with the reason. */
export const collect = async (probes: readonly Probe<unknown>[], world: World): Promise<readonly Evidence[]> =>
  Promise.all([...questionsOf(probes)].map(([at, questions]) => listen(at, questions, world)));

const listen = async (at: Vantage, questions: ReadonlyMap<Key, Question>, world: World): Promise<Evidence> => {
  const become = world.fabric.hosts.get(at)?.become;
  const native = [...questions].flatMap(([key, question]) => (question.via === 'sh' ? [] : [[key, question] as const]));
  const spoken = new Map([...spokenOf(questions)].map(([key, question]) => [key, become === 'none' ? withoutSudo(question) : question]));
  const before = world.now();
  const asking = together(at, spoken, native, world);
  const heard = await (world.within === undefined ? asking : Promise.race([asking, late(at, world.within)]));
  if (isLost(heard)) return { vantage: at, at: world.now(), answers: new Map([...questions.keys()].map((key) => [key, heard])) };
  // What nobody asked is not written down: its key is the host's own text.
  const asWanted = [...heard.answers].filter(([key]) => questions.has(key));
  const here = { asked: before, heard: world.now() };
  return { ...heard, vantage: at, here, answers: new Map(asWanted.map(([key, one]) => [key, redact(explained(one), world.keyring)])) };
};

/** What its shell is told and what we ask ourselves, at the same time. */
const together = async (
  at: Vantage,
  spoken: ReadonlyMap<Key, Spoken>,
  native: readonly (readonly [Key, Native])[],
  world: World,
): Promise<Evidence | Lost> => {
  const asking = Promise.all(native.map(async ([key, question]) => [key, await askNatively(question)] as const));
  if (spoken.size === 0) return { vantage: at, at: world.now(), answers: new Map(await asking) };
  const [heard, ours] = await Promise.all([hear(at, spoken, world), asking]);
  const answered = isLost(heard) ? heard : await instead(heard, spoken);
  if (native.length === 0) return answered;
  // What its shell could not be asked takes nothing away from what we asked ourselves.
  const said = isLost(answered) ? new Map([...spoken.keys()].map((key) => [key, answered])) : answered.answers;
  return { ...(isLost(answered) ? { vantage: at, at: world.now() } : answered), answers: new Map([...said, ...ours]) };
};

/** Where a tool was not there, what we ask ourselves in its place. What we cannot either stays as it was said. */
const instead = async (heard: Evidence, spoken: ReadonlyMap<Key, Spoken>): Promise<Evidence> => {
  const answers = [...heard.answers].map(async ([key, answer]) => {
    const otherwise = spoken.get(key)?.otherwise;
    if (otherwise === undefined || isLost(answer) || answer.code !== 127) return [key, answer] as const;
    const ours = await askNatively(otherwise);
    return [key, isLost(ours) ? { ...answer, err: `${answer.err}; ${ours.why}` } : ours] as const;
  });
  return { ...heard, answers: new Map(await Promise.all(answers)) };
};

const hear = async (at: Vantage, asked: ReadonlyMap<Key, Spoken>, { connector, keyring }: World): Promise<Evidence | Lost> => {
  const way = await connector(at);
  const password = [...asked.values()].some(({ sudo }) => sudo) ? await sudoPassword(way, keyring) : null;
  if (isLost(password)) return password;
  const answer = await way.exec(
    'sh -s',
    encodeScript(at, asked, (content) => spell(content, keyring), password),
  );
  return isLost(answer) ? { ...answer, why: redactText(answer.why, keyring) } : understood(at, answer, keyring);
};

const explained = (one: Answer | Lost): Answer | Lost => (isLost(one) && one.lost === 'login' ? { ...one, why: sudoSaid(one.why) } : one);

/** A loss that comes when the time is over. Nothing waits for its timer alone. */
const late = (at: Vantage, seconds: number): Promise<Lost> =>
  setTimeout(seconds * 1000, { lost: 'timeout', why: `${at}: no answer within ${seconds} s` } as const, { ref: false });

const withoutSudo = ({ sudo: _, ...question }: Spoken): Spoken => question;

const understood = (at: Vantage, { code, out, err }: Answer, keyring: Keyring): Evidence | Lost => {
  try {
    return decode(out);
  } catch {
    // The reason quotes what was heard: redacted first, since half a secret is not recognised.
    return {
      lost: 'unreadable',
      why: `${at}: exit ${code}: ${redactText(err, keyring).trim().split('\n')[0] || whyNot(redactText(out, keyring))}`,
    };
  }
};

const whyNot = (stream: string): string => {
  try {
    decode(stream);
    return 'it printed what could be read only in part';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
};
