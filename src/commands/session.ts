import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { Chalk, type ChalkInstance } from 'chalk';
import { Refusal } from '../errors.ts';
import { type Evidence, type Facts, facts, type Lost, type Probe, Unreadable } from '../evidence.ts';
import { findFabric, loadFabric } from '../fabric/find.ts';
import type { Fabric, Host, HostName, SecretName } from '../fabric.ts';
import { collect, type World } from '../hosts/collect.ts';
import { type Connector, connect } from '../hosts/connector.ts';
import type { AskStore } from '../hosts/native.ts';
import { dated } from '../probes/store.ts';
import type { Keyring } from '../secret.ts';
import { askAll, type Had, keyringOf } from '../secrets/fetch.ts';
import type { BecomeOptions } from './become.ts';
import { guard } from './guard.ts';

/** What one command has in hand: the fabric, the way to its hosts, and where to print. */
export interface Session {
  readonly fabric: Fabric;
  readonly paint: ChalkInstance;
  /** Names this run in locks and journals. */
  readonly run: string;
  /** `ann@laptop`: who a lock and a release name. */
  readonly by: string;
  now(): number;
  host(name: HostName): Host;
  connector(name: HostName): Promise<Connector>;
  /** One exec a host. What has not answered `within` so many seconds is lost. */
  ask(probes: readonly Probe<unknown>[], keyring: Keyring, within?: number): Promise<readonly Evidence[]>;
  close(): Promise<void>;
}

/** Colours where they are wanted: NO_COLOR and FORCE_COLOR are obeyed, else a terminal has them. */
export const painter = (stream: NodeJS.WriteStream): ChalkInstance => {
  const { NO_COLOR, FORCE_COLOR } = process.env;
  const forced = FORCE_COLOR === undefined ? undefined : FORCE_COLOR !== '0' && FORCE_COLOR !== 'false';
  const wanted = forced ?? (!NO_COLOR && stream.isTTY && process.env['TERM'] !== 'dumb');
  return new Chalk({ level: wanted ? 1 : 0 });
};

export interface Common extends BecomeOptions {
  readonly config?: string;
}

/** This machine, as a vantage. */
const HERE: Host = { name: 'here', address: '127.0.0.1', become: 'sudo', client: 'local' };

/** Finds and reads fabric.yaml; connects to nothing yet. */
export const open = (common: Common): Session => sessionOf(fabricOf(common));

const fabricOf = ({ config }: Common): Fabric => {
  const home = process.env['HOME'];
  const path = findFabric({
    ...(config === undefined ? {} : { flag: config }),
    env: process.env,
    cwd: process.cwd(),
    ...(home === undefined ? {} : { home }),
    exists: existsSync,
  });
  return loadFabric(path, (file) => readFileSync(file, 'utf8'));
};

/** The session of a Fabric. `through`: a connection that is there already, to whatever host it is asked for. */
export const sessionOf = (fabric: Fabric, through?: Promise<Connector>): Session => {
  const connectors = new Map<HostName, Promise<Connector>>();
  const now = (): number => Math.floor(Date.now() / 1000);
  const host = (name: HostName): Host => {
    const found = fabric.hosts.get(name);
    if (!found) throw new Error(`bug: the host ${name} was not validated`);
    return found;
  };
  const connector = (name: HostName): Promise<Connector> => {
    const known = connectors.get(name) ?? through ?? connect(name === 'here' ? HERE : host(name));
    connectors.set(name, known);
    return known;
  };
  let dates: Promise<ReadonlyMap<SecretName, Had>> | undefined;
  const askStore =
    (within: number | undefined): AskStore =>
    async (secret) => {
      dates ??= datesOf(fabric, within);
      const had = (await dates).get(secret);
      if (had === undefined) return { lost: 'unsupported', why: `${secret}: no store of it keeps a date` };
      if ('missing' in had) {
        const { missing, login } = had;
        return login === undefined ? { lost: 'unreadable', why: missing } : { lost: 'login', why: `${missing}: ${login}` };
      }
      return { code: 0, out: `expires ${had.expiry ?? 'never'}`, err: '' };
    };
  return {
    fabric,
    paint: painter(process.stdout),
    run: randomBytes(6).toString('hex'),
    by: `${userInfo().username}@${hostname()}`,
    now,
    host,
    connector,
    ask: (probes, keyring, within) => {
      const world: World = { fabric, keyring, connector, now, askStore: askStore(within), ...(within === undefined ? {} : { within }) };
      return collect(probes, world);
    },
    close: async () => {
      const all = new Set([...connectors.values(), ...(through ? [through] : [])]);
      await Promise.all([...all].map(async (one) => (await one).close()));
    },
  };
};

/**
 * All stores that keep dates, asked at once and once a run: what they say of the values is all that is kept. Nobody waits for them longer
 * than `within` seconds, and a program that went on would keep this one alive.
 */
const datesOf = async (fabric: Fabric, within: number | undefined): Promise<ReadonlyMap<SecretName, Had>> => {
  const sources = new Map([...fabric.litellm.secrets].filter(([, source]) => dated(source)));
  const had = await askAll(sources, process.env, within);
  guard(new Map([...keyringOf(had)].filter(([name]) => had.has(name))));
  return had;
};

/** Reads the evidence for a command that cannot go on without: what is lost is a Refusal with the next step. */
export const certain = <T>(evidence: readonly Evidence[], needs: readonly Probe<unknown>[], use: (facts: Facts) => T): T => {
  try {
    return use(facts(evidence, needs));
  } catch (error) {
    if (error instanceof Unreadable) throw refusal(error.lost);
    throw error;
  }
};

const refusal = ({ lost, why }: Lost): Refusal => {
  if (lost === 'login' && /sudo.*not found/.test(why)) {
    return new Refusal(`no root there: ${why}`, {
      exit: 4,
      next: ['as root on the host: apt-get install sudo, or dnf install sudo; or connect as root: `user: root`'],
    });
  }
  if (lost === 'login' && /sudo/.test(why)) {
    return new Refusal(`no root there: ${why}`, {
      exit: 4,
      next: /refused/.test(why)
        ? ['run the same command again with the right one']
        : [
            'let the user run sudo without a password (visudo: `USER ALL=(ALL) NOPASSWD:ALL`), or connect as root: `user: root`',
            'or give sudo its password: --ask-become-pass, or --become-pass-file FILE',
          ],
    });
  }
  if (lost === 'login') return new Refusal(why, { exit: 4, next: ['load your key (ssh-add), or let the host know it (ssh-copy-id)'] });
  return new Refusal(why, { exit: 3, next: ['mend that, and run the same command again; nothing was changed'] });
};
