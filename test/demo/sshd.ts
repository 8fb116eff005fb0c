// An SSH server on a free port of 127.0.0.1, for one user with one key, whose shell is the simulated host's.
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import type { Shell } from './shell.ts';

/** What fabric.yaml says of the host. */
export interface Login {
  readonly user: string;
  readonly port: number;
  /** `SHA256:…`, as ssh-keygen prints it. */
  readonly hostKey: string;
  /** The path of the private key. */
  readonly identity: string;
}

/** `folder`: where the private key goes. */
export const sshServer = async (shell: Shell, folder: string): Promise<{ readonly login: Login; close(): Promise<void> }> => {
  const [own, users] = [keyPair(), keyPair()];
  const identity = join(folder, 'id_ed25519');
  writeFileSync(identity, users.private, { mode: 0o600 });
  const allowed = parsed(users.public);
  const open = new Set<ssh2.Connection>();

  const server = new ssh2.Server({ hostKeys: [own.private] }, (client) => {
    open.add(client);
    // An answer is small packets, each of which would wait some 40 ms until the one before is acknowledged. (Its types have no such method.)
    if ('setNoDelay' in client && typeof client.setNoDelay === 'function') client.setNoDelay(true);
    client.on('close', () => open.delete(client)).on('error', () => {});
    client.on('authentication', (login) => {
      if (login.method !== 'publickey' || login.username !== 'ops' || !login.key.data.equals(allowed.getPublicSSH()))
        return login.reject(['publickey']);
      // Without a signature it only asks whether this key would do.
      if (login.signature === undefined || login.blob === undefined) return login.accept();
      return allowed.verify(login.blob, login.signature, login.hashAlgo) === true ? login.accept() : login.reject(['publickey']);
    });
    client.on('session', (accept) => {
      accept().on('exec', (take, _, { command }) => {
        const channel = take();
        const stdin: Buffer[] = [];
        channel.on('data', (chunk: Buffer) => stdin.push(chunk));
        channel.on('error', () => {});
        channel.on('end', async () => {
          const { code, out, err } = await shell.run(command, Buffer.concat(stdin).toString('utf8'));
          if (!open.has(client)) return;
          channel.stderr.write(err);
          channel.write(out);
          channel.exit(code);
          channel.end();
        });
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    login: {
      user: 'ops',
      port: typeof address === 'object' && address !== null ? address.port : 0,
      hostKey: `SHA256:${createHash('sha256').update(parsed(own.public).getPublicSSH()).digest('base64').replace(/=+$/, '')}`,
      identity,
    },
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const client of open) client.end();
      await closed;
    },
  };
};

/** ssh2 1.17 drops the leading zeros of an Ed25519 key: one pair in 256 cannot be read again (measured). */
const keyPair = (): ReturnType<typeof ssh2.utils.generateKeyPairSync> => {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync('ed25519');
    if (!(ssh2.utils.parseKey(pair.public) instanceof Error)) return pair;
  }
};

const parsed = (key: string): ssh2.ParsedKey => {
  const one = ssh2.utils.parseKey(key);
  if (one instanceof Error) throw one;
  return Array.isArray(one) ? (one[0] ?? parsed('')) : one;
};
