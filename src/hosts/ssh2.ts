import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIP, connect as openSocket } from 'node:net';
import { constants, userInfo } from 'node:os';
import { join } from 'node:path';
import library, { type Algorithms, type AnyAuthMethod, type Client } from 'ssh2'; // CommonJS, whose names Node does not all see
import type { Answer, Lost } from '../evidence.ts';
import type { Host } from '../fabric.ts';
import { type Connector, closed, PATIENCE, type Phase, place } from './connector.ts';

const MOST = 64 * 1024 * 1024;

/**
 * SSH without OpenSSH, for machines that have none. It reads no ssh_config and no known_hosts: the host's key is pinned in
 * fabric.yaml. One connection for the run, one channel an exec.
 */
export const ssh2 = async (host: Host, patience = PATIENCE, env: NodeJS.ProcessEnv = process.env): Promise<Connector> => {
  let connection: Promise<Client | Lost> | undefined;
  const over = new AbortController();
  /** The connection there is, or a new one where there is none, or it died. */
  const connected = (): Promise<Client | Lost> => {
    connection ??= logIn(host, patience, env, over.signal).then((client) => {
      if (client instanceof library.Client) client.once('close', () => (connection = undefined));
      else connection = undefined;
      return client;
    });
    return connection;
  };
  return {
    exec: async (command, stdin) => {
      if (over.signal.aborted) return closed(host);
      const client = await connected();
      return client instanceof library.Client ? run(host, client, command, stdin) : client;
    },
    close: async () => {
      over.abort();
      const client = await connection;
      if (!(client instanceof library.Client)) return;
      await new Promise<void>((resolve) => {
        const impatient = setTimeout(() => client.destroy(), 1000);
        client.once('close', () => {
          clearTimeout(impatient);
          resolve();
        });
        client.end();
      });
    },
  };
};

/** A client that is logged in, or why there is none. */
const logIn = async (host: Host, patience: number, env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<Client | Lost> => {
  const { ways, notes } = await waysIn(host, env, patience);
  if (signal.aborted) return closed(host);
  return new Promise((resolve) => {
    const client = new library.Client().setMaxListeners(0); // each exec listens
    const socket = openSocket({ host: host.address, port: host.port ?? 22, autoSelectFamilyAttemptTimeout: Math.min(patience, 2500) });
    let phase: Phase = isIP(host.address) === 0 ? 'resolving its name' : 'connecting';
    let timer: NodeJS.Timeout | undefined;
    // `none` first: it asks what the host takes, and Tailscale SSH takes it.
    const attempts = [{ name: 'the host', auth: { type: 'none' as const, username: host.user ?? userInfo().username } }, ...ways];
    let trying = 'the host';
    /** What the host says it takes. */
    let methods: readonly string[] = [];
    let mismatch: string | undefined;
    let over = false;

    const end = (result: Client | Lost): void => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      if (!(result instanceof library.Client)) socket.destroy();
      resolve(result);
    };
    const onAbort = (): void => end(closed(host));
    signal.addEventListener('abort', onAbort);
    const lose = (lost: Lost['lost'], why: string): void => end({ lost, why: `${place(host)}: ${why}` });
    const enter = (next: Phase): void => {
      if (over) return; // a resolver may answer after its time
      phase = next;
      clearTimeout(timer);
      timer = setTimeout(() => {
        const what = `${phase} timed out after ${patience / 1000} s`;
        lose(
          phase === 'login' ? 'login' : 'unreachable',
          phase === 'login' ? [`${what}, waiting for ${trying}`, ...notes].join('; ') : `${what}${hint(phase)}`,
        );
      }, patience);
    };

    enter(phase);
    // Nagle's algorithm makes each exec 3.6 times, each write ten times slower on a LAN (measured).
    socket.setNoDelay(true);
    socket.on('lookup', (error: Error | null) => {
      if (error === null) enter('connecting');
    });
    socket.on('error', (error) => lose('unreachable', `${phase} failed: ${error.message}${hint(phase)}`));
    socket.once('connect', () => {
      enter('key exchange');
      client.connect({
        sock: socket,
        username: host.user ?? userInfo().username,
        readyTimeout: 0, // ours names the phase
        keepaliveInterval: patience / 2, // as openssh.ts: three unanswered ones end it
        keepaliveCountMax: 3,
        algorithms: ALGORITHMS,
        hostVerifier: (shown: Buffer) => {
          mismatch = fingerprint(shown) === host.hostKey ? undefined : changed(host, shown);
          return mismatch === undefined;
        },
        // Called for the next thing to offer; what it returns is offered, false ends it.
        authHandler: (left) => {
          methods = left ?? methods;
          const next = attempts.shift();
          trying = next?.name ?? 'the host';
          return next?.auth ?? false;
        },
      });
    });
    client.once('handshake', () => enter('login'));
    client.once('ready', () => end(client));
    // It stays: an 'error' that nobody listens to would end fabric.
    client.on('error', (error) => {
      if (mismatch !== undefined) return lose('unreachable', mismatch);
      if (error.level === 'agent') return void notes.push(`the agent: ${error.message}`);
      if (phase !== 'login' || !/authentication/i.test(`${error.level} ${error.message}`))
        return lose('unreachable', `${phase} failed: ${error.message}`);
      if (!/^All configured|^Too many/.test(error.message)) return void notes.push(error.message);
      const offered = ways.length === 0 ? 'there is no key to offer' : `it refused ${ways.map(({ name }) => name).join(', ')}`;
      const takes = methods.length === 0 || methods.includes('publickey') ? [] : [`the host takes only: ${methods.join(', ')}`];
      lose('login', [`login failed: ${offered}`, ...takes, ...notes].join('; '));
    });
    client.once('close', () => lose('unreachable', `${phase} failed: the host hung up`));
  });
};

/** ssh2's defaults without what rests on SHA-1. */
const ALGORITHMS: Algorithms = {
  serverHostKey: ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521', 'rsa-sha2-512', 'rsa-sha2-256'],
  hmac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com', 'hmac-sha2-256', 'hmac-sha2-512'],
  compress: ['none'],
};

/** ssh2 knows no ssh_config, so what only ssh_config can reach is out of its reach. */
const hint = (phase: Phase): string =>
  phase === 'resolving its name' || phase === 'connecting'
    ? '. `client: ssh2` reads no ssh_config: an alias or a jump host (ProxyJump) needs `client: openssh`'
    : '';

const fingerprint = (key: Buffer): string => `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;

/** A key's blob begins with the length and the name of its kind: `\0\0\0\x0bssh-ed25519…`. */
const kindOf = (key: Buffer): string => key.subarray(4, 4 + key.readUInt32BE(0)).toString('latin1');
const FILES: readonly (readonly [RegExp, string])[] = [
  [/ed25519/, 'ed25519'],
  [/ecdsa/, 'ecdsa'],
  [/rsa/, 'rsa'],
];
const changed = (host: Host, shown: Buffer): string => {
  const kind = kindOf(shown);
  const file = FILES.find(([pattern]) => pattern.test(kind))?.[1] ?? '*';
  return `its host key is not the pinned one: it shows ${fingerprint(shown)} (${kind}), fabric.yaml says ${host.hostKey}. If the host was reinstalled, or another of its keys is pinned: compare with what \`ssh-keygen -lf /etc/ssh/ssh_host_${file}_key.pub\` prints on the host itself, and correct hostKey. If not, somebody may stand in between`;
};

interface Ways {
  readonly ways: readonly { readonly name: string; readonly auth: AnyAuthMethod }[];
  /** What could not be used, and why. */
  readonly notes: string[];
}

/** What to log in with: the key that fabric.yaml names, else the agent's and then the usual files. */
const waysIn = async ({ user, identity }: Host, env: NodeJS.ProcessEnv, patience: number): Promise<Ways> => {
  const username = user ?? userInfo().username;
  const home = env['HOME'];
  const notes: string[] = [];
  const paths = identity === undefined ? ['id_ed25519', 'id_ecdsa', 'id_rsa'].map((name) => `~/.ssh/${name}`) : [identity];
  const keys: Ways['ways'][number][] = [];
  let encrypted = false;
  for (const path of paths) {
    if (path.startsWith('~/') && home === undefined) {
      notes.push(`HOME is not set: ${identity === undefined ? '~/.ssh' : path} cannot be found`);
      break;
    }
    const text = await readFile(path.startsWith('~/') ? join(home ?? '', path.slice(2)) : path).catch(
      (error: NodeJS.ErrnoException) => error,
    );
    if (text instanceof Error) {
      if (identity !== undefined || text.code !== 'ENOENT') notes.push(`the key ${path} cannot be read: ${text.message}`);
      continue;
    }
    const key = library.utils.parseKey(text);
    if (!(key instanceof Error)) keys.push({ name: `the key ${path}`, auth: { type: 'publickey', username, key: text } });
    else if (/encrypted/i.test(key.message)) {
      encrypted = true;
      notes.push(`the key ${path} is encrypted: ssh-add it`);
    } else notes.push(`the key ${path} is none that can be used: ${key.message}`);
  }
  const socket = env['SSH_AUTH_SOCK'];
  if (identity !== undefined && !encrypted) return { ways: keys, notes };
  if (!socket) return { ways: keys, notes: [...notes, 'there is no agent: SSH_AUTH_SOCK is not set'] };
  const held = await identities(socket, patience);
  if (typeof held !== 'number') return { ways: keys, notes: [...notes, `the agent at ${socket} ${held.why}`] };
  if (held === 0) return { ways: keys, notes: [...notes, `the agent at ${socket} holds no key`] };
  const agent = { name: `the agent's ${held === 1 ? 'key' : `${held} keys`}`, auth: { type: 'agent' as const, username, agent: socket } };
  return { ways: [agent, ...keys], notes };
};

/** How many keys the agent holds. It is asked first, so that one that is dead, or never answers, costs no login. */
const identities = (socket: string, patience: number): Promise<number | { readonly why: string }> =>
  new Promise((resolve) => {
    const timer = setTimeout(() => resolve({ why: `gave no answer for ${patience / 1000} s` }), patience);
    library.createAgent(socket).getIdentities((error, keys) => {
      clearTimeout(timer);
      resolve(error ? { why: 'does not answer: it is gone, or SSH_AUTH_SOCK is stale' } : (keys?.length ?? 0));
    });
  });

const run = (host: Host, client: Client, command: string, stdin: string): Promise<Answer | Lost> =>
  new Promise((resolve) => {
    const lost = (why: string): void => resolve({ lost: 'unreachable', why: `${place(host)}: ${why}` });
    let trouble = 'the connection was lost while a command ran';
    const onError = (error: Error): void => {
      trouble = /keepalive/i.test(error.message) ? 'the host stopped answering while a command ran' : `${trouble}: ${error.message}`;
    };
    const onClose = (): void => lost(trouble);
    client.on('error', onError).once('close', onClose);
    const done = (): void => void client.off('error', onError).off('close', onClose);
    const begin = (): void => {
      client.exec(command, (refused, channel) => {
        if (refused) {
          done();
          return lost(`it opens no channel: ${refused.message}`);
        }
        const out: Buffer[] = [];
        const err: Buffer[] = [];
        let size = 0;
        let exit: { readonly code: number } | undefined;
        const keep = (into: Buffer[]) => (chunk: Buffer) => {
          size += chunk.length;
          if (size <= MOST) return void into.push(chunk);
          done();
          resolve({ lost: 'unreadable', why: `${host.name} printed more than 64 MiB` });
          channel.close();
        };
        channel.on('data', keep(out)).stderr.on('data', keep(err));
        channel.on('error', () => {}); // a command need not read its stdin
        channel.on('exit', (code: number | null, signal?: string) => {
          exit = { code: code ?? 128 + (numberOf(signal) ?? 0) };
        });
        const closed = [channel, channel.stderr].map((stream) => new Promise((over) => stream.once('close', over)));
        void Promise.all(closed).then(() => {
          done();
          if (exit === undefined) return lost(trouble);
          resolve({ code: exit.code, out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString() });
        });
        channel.end(stdin);
      });
    };
    try {
      begin();
    } catch (error) {
      done();
      lost(error instanceof Error ? error.message : String(error));
    }
  });

const numberOf = (signal: string | undefined): number | undefined =>
  Object.entries(constants.signals).find(([name]) => name === signal)?.[1];
