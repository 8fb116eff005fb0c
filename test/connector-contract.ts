// What every connector must do, whatever the way to the host. Run against this machine's sshd, and against lab hosts.
import { expect, test } from 'vitest';
import type { Connector } from '../src/hosts/connector.ts';

/** Kills the sshd above the shell, however many shells lie between. */
export const KILL_SSHD = `p=$$; until grep -q sshd /proc/$p/comm; do p=$(cut -d' ' -f4 /proc/$p/stat); done; kill -9 $p`;

/** `make` gives a new connector; `kill` is shell that ends the connection under the command, where there is one. */
export const contract = (make: () => Promise<Connector>, kill: string | null): void => {
  const exec = async (command: string, stdin = ''): ReturnType<Connector['exec']> => {
    const connector = await make();
    try {
      return await connector.exec(command, stdin);
    } finally {
      await connector.close();
    }
  };

  test.each([0, 1, 3, 75, 124, 137, 254, 255])('exit code %i arrives as it is', async (code) => {
    expect(await exec(`exit ${code}`)).toMatchObject({ code, out: '' });
  });

  test('stdout and stderr apart, byte for byte', async () => {
    expect(await exec(`printf 'a\\n\\nü\\t'; printf 'b\\n' >&2`)).toEqual({ code: 0, out: 'a\n\nü\t', err: 'b\n' });
  });

  test('10 MB on stdin arrive whole', async () => {
    const text = 'ünïcödé\n'.repeat(10_000_000 / 12);
    const answer = await exec('wc -c', text);
    expect('out' in answer && Number(answer.out.trim())).toBe(Buffer.byteLength(text));
  });

  test('a command that reads no stdin does not hang, nor fail', async () => {
    expect(await exec('echo done', 'x'.repeat(1_000_000))).toMatchObject({ code: 0, out: 'done\n' });
  });

  test('several at once, each with its own answer', async () => {
    const connector = await make();
    const answers = await Promise.all(['1', '2', '3'].map((n) => connector.exec(`read x; echo $x`, `${n}\n`)));
    await connector.close();
    expect(answers.map((one) => 'out' in one && one.out)).toEqual(['1\n', '2\n', '3\n']);
  });

  test('a command that does not exist is the command’s trouble', async () => {
    expect(await exec('no-such-command-here')).toMatchObject({ code: 127 });
  });

  test('closing ends what is under way, at once', async () => {
    const connector = await make();
    const running = connector.exec('echo begun >&2; sleep 60', '');
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const before = performance.now();
    await connector.close();
    await running;
    expect(performance.now() - before).toBeLessThan(25_000);
  });

  test('closed before it has connected: at once, and nothing is started', async () => {
    const connector = await make();
    const running = connector.exec('sleep 30', '');
    const before = performance.now();
    await connector.close();
    const after = connector.exec('sleep 30', '');
    await running;
    expect(await after).toMatchObject({ lost: 'unreachable', why: expect.stringContaining('its connection was closed') });
    expect(performance.now() - before).toBeLessThan(5000);
  });

  if (kill !== null) {
    test('a connection that dies is lost, and never an exit code', async () => {
      expect(await exec(`${kill}; sleep 5; echo survived`)).toMatchObject({ lost: 'unreachable', why: expect.stringMatching(/\w/) });
    });
  }
};
