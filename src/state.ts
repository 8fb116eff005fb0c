/** The folder in which fabric keeps what it needs on a host: root's alone, 0700. */
export const STATE = '/var/lib/fabric';
/** Where a run keeps what it replaced: `N` is the file that step N found (`N.absent`: none), `N.after` the hash of what it left. */
export const journal = (run: string): string => `${STATE}/journal/${run}`;
