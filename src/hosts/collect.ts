import { setTimeout } from 'node:timers/promises';
import type { Answer, Evidence, Key, Lost, Probe, Question, Script, Vantage } from '../evidence.ts';
import { isLost } from '../evidence.ts';
import type { Fabric } from '../fabric.ts';
import { encodePowerShell, POWERSHELL } from '../powershell.ts';
import { type Keyring, spell } from '../secret.ts';
import { decode, encodeScript } from '../wire.ts';
import { sudoPassword, sudoSaid } from './become.ts';
import type { Connector } from './connector.ts';
import { askNatively, type Native } from './native.ts';
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

/** One exec a host, all hosts at once. An unreachable host is evidence too: each of its answers is lost, with the reason. */
export const collect = async (probes: readonly Probe<unknown>[], world: World): Promise<readonly Evidence[]> =>
  Promise.all([...questionsOf(probes)].map(([at, questions]) => listen(at, questions, world)));

const listen = async (at: Vantage, questions: ReadonlyMap<Key, Question>, world: World): Promise<Evidence> => {
  const become = world.fabric.hosts.get(at)?.become;
  const { scripts: written, native } = byWay(questions);
  const scripts = new Map([...written].map(([key, script]) => [key, become === 'none' ? withoutSudo(script) : script]));
  const before = world.now();
  const windows = world.fabric.hosts.get(at)?.shell === 'powershell';
  const asking = Promise.all([scripts.size === 0 ? null : (windows ? hearWindows : hear)(at, scripts, world), askAll(native)]);
  const within = await (world.within === undefined ? asking : Promise.race([asking, late(at, world.within)]));
  const [said, more] = isLost(within) ? [within, new Map<Key, Lost>([...native.keys()].map((key) => [key, within]))] : within;
  if (isLost(said)) {
    const answers = new Map<Key, Answer | Lost>([...[...scripts.keys()].map((key) => [key, said] as const), ...more]);
    return { vantage: at, at: world.now(), answers };
  }
  const heard = said === null ? { at: world.now(), answers: more } : { ...said, answers: new Map([...said.answers, ...more]) };
  // What nobody asked is not written down: its key is the host's own text.
  const asWanted = [...heard.answers].filter(([key]) => questions.has(key));
  const here = { asked: before, heard: world.now() };
  return { ...heard, vantage: at, here, answers: new Map(asWanted.map(([key, one]) => [key, redact(explained(one), world.keyring)])) };
};

/** What a shell is asked, and what this machine asks by itself. */
export const byWay = (
  questions: ReadonlyMap<Key, Question>,
): { readonly scripts: ReadonlyMap<Key, Script>; readonly native: ReadonlyMap<Key, Native> } => {
  const all = [...questions];
  return {
    scripts: new Map(all.flatMap(([key, question]) => (question.via === 'sh' ? [[key, question]] : []))),
    native: new Map(all.flatMap(([key, question]) => (question.via === 'sh' ? [] : [[key, question]]))),
  };
};

/** All at once. */
const askAll = async (asked: ReadonlyMap<Key, Native>): Promise<ReadonlyMap<Key, Answer | Lost>> =>
  new Map(await Promise.all([...asked].map(async ([key, question]) => [key, await askNatively(question)] as const)));

const hear = async (at: Vantage, asked: ReadonlyMap<Key, Script>, { connector, keyring }: World): Promise<Evidence | Lost> => {
  const way = await connector(at);
  const password = [...asked.values()].some(({ sudo }) => sudo) ? await sudoPassword(way, keyring) : null;
  if (isLost(password)) return password;
  const answer = await way.exec(
    'sh -s',
    encodeScript(at, asked, (content) => spell(content, keyring), password),
  );
  return isLost(answer) ? { ...answer, why: redactText(answer.why, keyring) } : understood(at, answer, keyring);
};

/** What has no PowerShell cannot be asked there. */
const hearWindows = async (at: Vantage, asked: ReadonlyMap<Key, Script>, { connector, keyring }: World): Promise<Evidence | Lost> => {
  const able = new Map([...asked].flatMap(([key, { powershell }]) => (powershell === undefined ? [] : [[key, powershell] as const])));
  const none: Lost = { lost: 'unsupported', why: `${at} answers in PowerShell, and this is asked in sh alone` };
  const rest = [...asked.keys()].filter((key) => !able.has(key)).map((key) => [key, none] as const);
  const answer = await (await connector(at)).exec(POWERSHELL, encodePowerShell(at, able));
  if (isLost(answer)) return { ...answer, why: redactText(answer.why, keyring) };
  const heard = understood(at, { ...answer, out: answer.out.replaceAll('\r\n', '\n') }, keyring);
  return isLost(heard) ? heard : { ...heard, answers: new Map([...heard.answers, ...rest]) };
};

const explained = (one: Answer | Lost): Answer | Lost => (isLost(one) && one.lost === 'login' ? { ...one, why: sudoSaid(one.why) } : one);

/** A loss that comes when the time is over. Nothing waits for its timer alone. */
const late = (at: Vantage, seconds: number): Promise<Lost> =>
  setTimeout(seconds * 1000, { lost: 'timeout', why: `${at}: no answer within ${seconds} s` } as const, { ref: false });

const withoutSudo = ({ sudo: _, ...question }: Script): Script => question;

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
