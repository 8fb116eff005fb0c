import type { Answer, Lost } from '../evidence.ts';
import type { Host } from '../fabric.ts';

/** The way to one host. All kinds pass one contract test against a real sshd. */
export interface Connector {
  /** Runs `command` with the host's login shell, `stdin` on its standard input. Never throws for what the host or the network does. */
  exec(command: string, stdin: string): Promise<Answer | Lost>;
  /** Ends what is under way, too. What is asked of it afterwards is lost: a run whose time is over may still be about to ask. */
  close(): Promise<void>;
}

/** Where a connection is, and what its time-outs name. */
export type Phase = 'resolving its name' | 'connecting' | 'connecting through a jump host' | 'key exchange' | 'login' | 'command';
/** Milliseconds that each phase before the command may take. */
export const PATIENCE = 10_000;

/** A host, as losses name it: `akira (ops@100.64.0.14:22)`. */
export const place = ({ name, user, address, port }: Host): string =>
  `${name} (${user === undefined ? '' : `${user}@`}${address}${port === undefined ? '' : `:${port}`})`;

/** What is asked of a connector that was closed. */
export const closed = (host: Host): Lost => ({ lost: 'unreachable', why: `${place(host)}: its connection was closed` });

/** The connector that the host asks for. Loaded on use: nothing connects yet. */
export const connect = async (host: Host): Promise<Connector> => {
  switch (host.client) {
    case 'ssh2':
      return (await import('./ssh2.ts')).ssh2(host);
    case 'local':
      return (await import('./local.ts')).local(host);
    case 'openssh':
      return (await import('./openssh.ts')).openssh(host);
    default:
      return host.client satisfies never;
  }
};
