import { constants } from 'node:os';
import { execa } from 'execa';
import type { Host } from '../fabric.ts';
import { type Connector, closed } from './connector.ts';
import { underWay } from './running.ts';

/** This machine itself. */
export const local = (host: Host): Connector => {
  const running = underWay();
  return {
    exec: async (command, stdin) => {
      if (running.ended()) return closed(host);
      const { exitCode, signal, stdout, stderr, code, shortMessage } = await running.add(
        execa('sh', ['-c', command], {
          input: stdin,
          reject: false,
          stripFinalNewline: false,
          maxBuffer: 64 * 1024 * 1024,
          detached: true, // Ctrl-C is ours to handle between steps: it must not cut a step in half
        }),
      );
      if (code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') return { lost: 'unreadable', why: 'it printed more than 64 MiB' };
      if (signal) return { code: 128 + constants.signals[signal], out: stdout, err: stderr };
      if (exitCode === undefined) return { lost: 'unsupported', why: shortMessage ?? 'sh could not be started' };
      return { code: exitCode, out: stdout, err: stderr };
    },
    close: async () => running.end(),
  };
};
