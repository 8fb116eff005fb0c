/** What is needed of a process that was started. */
interface Started {
  readonly stdin: { destroy(): unknown } | null;
  readonly stdout: { destroy(): unknown } | null;
  readonly stderr: { destroy(): unknown } | null;
  kill(): boolean;
  unref(): void;
  once(event: 'exit', listener: () => void): unknown;
}

/** The processes that a connector has under way: closing it ends them. */
export const underWay = () => {
  const running = new Set<Started>();
  let ended = false;
  return {
    /** Nothing is to be started any more. */
    ended: (): boolean => ended,
    /** Notes a process until it ends; hands it back. */
    add: <Kind extends Started>(started: Kind): Kind => {
      running.add(started);
      started.once('exit', () => running.delete(started));
      return started;
    },
    /** Ends what has not ended, and waits for nothing of it: a pipe that a grandchild holds open would keep this process alive. */
    end: (): void => {
      ended = true;
      for (const one of running) {
        one.kill();
        for (const pipe of [one.stdin, one.stdout, one.stderr]) pipe?.destroy();
        one.unref();
      }
    },
  };
};
