import { Refusal } from '../errors.ts';
import type { Host } from '../fabric.ts';
import type { Keyring } from '../secret.ts';
import { quote } from '../shell.ts';
import { STATE } from '../state.ts';
import type { Connector } from './connector.ts';
import { asRoot } from './perform.ts';

/** Seconds after which a run that no longer renews its lease is taken for dead. Every step renews it. */
const LEASE = 600;

export interface Lock {
  /** Put before each step's script: renews the lease, or refuses where another run took it over. */
  readonly renew: string;
  /** Who left a lock that had expired, if anybody did. */
  readonly tookOver: string | null;
  /** Gives the lock back. The replaced files are kept where something could not be taken back. */
  release(keepFiles: boolean): Promise<void>;
}

/** One run at a time on a host. Throws a Refusal (exit 5) that names who holds the lock, from where, and until when. */
export const acquire = async (host: Host, connector: Connector, keyring: Keyring, run: string, who: string): Promise<Lock> => {
  const write = `printf '%s %s %s\\n' ${quote(run)} "$(($(date +%s) + ${LEASE}))" ${quote(who)} >${STATE}/lock.new && mv -f ${STATE}/lock.new ${STATE}/lock || { echo 'the lock cannot be written' >&2; exit 75; }`;
  const said = await asRoot(
    host,
    connector,
    keyring,
    [
      `set -eu; umask 077; mkdir -p ${STATE}; chmod 700 ${STATE}`,
      `exec 9>>${STATE}/mutex; flock 9`,
      `if [ -s ${STATE}/lock ]; then`,
      `  read -r run expires who <${STATE}/lock`,
      '  if [ "$expires" -gt "$(date +%s)" ]; then echo "held $((expires - $(date +%s))) $who"; exit 0; fi',
      '  echo "dead 0 $who"',
      'fi',
      write,
      // What dead runs replaced stays for a month: it may be the only copy.
      `if [ -d ${STATE}/journal ]; then find ${STATE}/journal -mindepth 1 -maxdepth 1 -mtime +30 -exec rm -rf {} +; fi`,
    ].join('\n'),
  );
  const [, verdict, seconds, holder] = /^(held|dead) (\d+) (.*)$/m.exec(said) ?? [];
  if (verdict === 'held') {
    throw new Refusal(`${host.name} is locked by ${holder}: a run is under way, or died; its lock expires in ${seconds} s`, {
      exit: 5,
      next: ['wait for it to end, or for its lock to expire, and run the same command again'],
    });
  }
  return {
    renew: `[ "$(cut -d' ' -f1 <${STATE}/lock)" = ${quote(run)} ] || { echo 'another run took the lock over' >&2; exit 75; }\n${write}`,
    tookOver: verdict === 'dead' ? (holder ?? '') : null,
    release: async (keepFiles) => {
      await asRoot(
        host,
        connector,
        keyring,
        `[ "$(cut -d' ' -f1 <${STATE}/lock)" != ${quote(run)} ] || rm -f ${STATE}/lock${keepFiles ? '' : `; rm -rf ${STATE}/journal/${quote(run)}`}`,
      );
    },
  };
};
