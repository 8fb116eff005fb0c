// HTTP/3 in a process of its own. The QUIC library throws where nobody can catch it, by which the process ends that it runs in: known to its
// makers (github.com/MatrixAI/js-quic/issues/128, open).
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import type { Answer, Http3Question, Lost } from '../evidence.ts';

/** Seconds for what is not the request: starting, and closing the connection. */
const MORE = 10;

/** What the program answered, however it ended. `program`: a file that Node runs, src/hosts/http3-program.ts as it was built. */
export const ask = async (question: Http3Question, program = new URL('./http3-program.js', import.meta.url)): Promise<Answer | Lost> => {
  const seconds = (question.seconds ?? 6) + MORE;
  const { stdout, stderr, timedOut } = await execa(process.execPath, [fileURLToPath(program)], {
    input: JSON.stringify(question),
    reject: false,
    timeout: seconds * 1000,
  });
  if (stdout !== undefined && stdout !== '') return JSON.parse(stdout);
  if (timedOut) return { lost: 'timeout', why: `the QUIC library took more than ${seconds} s and was ended` };
  const [cause = 'it said nothing'] = stderr?.match(/^\w*Error.*$/m) ?? [];
  return { lost: 'unreadable', why: `the QUIC library ended before it answered: ${cause}` };
};
