// A lab for one test file: real systemd hosts in namespaces of its own, an operator on the tailnet, a stranger outside.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect } from 'vitest';
import { asDeclared, type CheckId } from '../../src/check.ts';
import { checks } from '../../src/checks/index.ts';
import { needsOf } from '../../src/examine.ts';
import { questionsOf } from '../../src/hosts/collect.ts';
import type { Moment } from '../../src/prove.ts';
import { decode, encode } from '../../src/wire.ts';
import { fabricOf } from '../sample.ts';

const LAB = join(import.meta.dirname, '../lab/lab');
const BIN = join(import.meta.dirname, '../../bin/fabric.js');
const FIXTURES = join(import.meta.dirname, '../../fixtures');
export const KEY = 'sk-lab-0123456789abcdef';
export const IMAGE = 'ghcr.io/berriai/litellm:v1.109.1';
/** The same image under another tag: the lab's own. */
export const OTHER_IMAGE = 'ghcr.io/berriai/litellm:v1.109.0-lab';

export interface Ran {
  readonly code: number | undefined;
  readonly out: string;
  readonly err: string;
}
export interface FileOptions {
  readonly image?: string;
  readonly url?: string;
  readonly more?: string;
  readonly models?: string;
  readonly litellm?: string;
  readonly user?: string;
}

/** fabric.yaml for the lab's host. `more` goes under `litellm:`. */
export const fabricYaml = ({
  image = IMAGE,
  url = 'http://127.0.0.1:8000',
  more = '',
  models = '',
  litellm = '',
  user = 'ops',
}: FileOptions = {}): string => `hosts:
  akira:
    address: 100.64.0.14
    user: ${user}
litellm:
  host: akira
  image: ${image}
${litellm}  secrets:
    LITELLM_MASTER_KEY: env:LITELLM_MASTER_KEY
  backends:
    vllm:
      kind: vllm
      url: ${url}
      models:
        - id: qwen2.5-7b
          alias: akira/qwen2.5-7b
          context: 32768
${models}  aliases:
    default: akira/qwen2.5-7b
${more}`;

/** What the ends of both networks have besides IPv4, and what the host stands on, where that is not the lab's base alone. */
export interface Extras {
  readonly six?: { readonly ops: string; readonly pub: string; readonly tailnet: string; readonly wan: string };
  readonly base?: string;
  /** More of systemd-nspawn's arguments. */
  readonly nspawn?: string;
  /** Programs that come before this machine's own. */
  readonly bin?: string;
}

/**
 * An `ssh` in `dir`/bin that has a lab's `ssh-config` as an operator has ~/.ssh/config. The key exchange is a cheap one: OpenSSH's own choice
 * takes 140 ms of CPU for each connection (9.2).
 */
export const operatorsSsh = (dir: string, config: string): void => {
  mkdirSync(join(dir, 'bin'));
  writeFileSync(join(dir, 'ssh_config'), `KexAlgorithms curve25519-sha256\n${config}`);
  writeFileSync(join(dir, 'bin/ssh'), `#!/bin/sh\nexec /usr/bin/ssh -F ${dir}/ssh_config "$@"\n`, { mode: 0o755 });
};

/** Brings a lab up before the file's tests and down after them. `net` must be its own, since files run side by side. */
export const lab = (net: string, { six, base, nspawn, bin }: Extras = {}) => {
  const dir = mkdtempSync(join(tmpdir(), 'fabric-e2e-'));
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    LAB_NET: net,
    ...(base === undefined ? {} : { LAB_BASE: base }),
    ...(nspawn === undefined ? {} : { LAB_NSPAWN_EXTRA: nspawn }),
  };
  const with6 = (four: string, address6: string | undefined): string => (address6 === undefined ? four : `${four},${address6}`);
  const run = async (
    file: string,
    args: readonly string[],
    more: { readonly env?: NodeJS.ProcessEnv; readonly input?: string; readonly timeout?: number } = {},
  ): Promise<Ran> => {
    const { exitCode, stdout, stderr } = await execa(file, args, {
      reject: false,
      env: more.env ?? env,
      input: more.input ?? '',
      timeout: more.timeout ?? 300_000,
      stripFinalNewline: true,
    });
    return { code: exitCode, out: stdout, err: stderr };
  };
  const must = async (ran: Promise<Ran>): Promise<string> => {
    const { code, out, err } = await ran;
    if (code !== 0) throw new Error(`exit ${code}: ${err || out}`);
    return out;
  };
  const verb = (...args: readonly string[]): Promise<string> => must(run(LAB, args));
  const root = (script: string, host = 'akira'): Promise<string> => must(run(LAB, ['root', host, 'sh', '-s'], { input: script }));
  const curl = (from: 'ops' | 'pub', url: string, ...args: readonly string[]): Promise<Ran> =>
    run(LAB, ['exec', from, 'curl', '-s', '-m', '60', ...args, url]);
  const fabricEnv = {
    ...env,
    PATH: `${dir}/bin:${bin === undefined ? '' : `${bin}:`}${env['PATH'] ?? ''}`,
    XDG_STATE_HOME: join(dir, 'state'),
    LITELLM_MASTER_KEY: KEY,
    NO_COLOR: '1',
  };

  beforeAll(async () => {
    await must(run(LAB, ['net-down']));
    await verb('net-up');
    await verb('client', 'ops', with6('100.64.0.5/10', six?.ops), 'ts');
    await verb('client', 'pub', with6('203.0.113.9/24', six?.pub), 'wan');
    await verb('up', 'akira', with6('100.64.0.14', six?.tailnet), with6('203.0.113.14', six?.wan));
    await verb('wait', 'akira');
    operatorsSsh(dir, await verb('ssh-config'));
  });
  afterAll(async () => {
    await run(LAB, ['net-down']);
    rmSync(dir, { recursive: true, force: true });
  });

  const file = (text: string): string => {
    const path = join(dir, 'fabric.yaml');
    writeFileSync(path, text);
    return path;
  };
  return {
    dir,
    verb,
    /** A program of this machine in a client's network namespace, or in a host's. */
    exec: (from: string, ...command: readonly string[]): Promise<Ran> => run(LAB, ['exec', from, ...command]),
    /** Runs a script as root on a host, past its sshd; its output. Throws where it fails. */
    root,
    /** The host rebooted, and in reach again. */
    reboot: async (): Promise<void> => {
      const boot = (): Promise<string> => root('cat /proc/sys/kernel/random/boot_id');
      const before = await boot();
      await root('systemctl reboot').catch(() => '');
      await expect.poll(() => boot().catch(() => before), { timeout: 300_000, interval: 200 }).not.toBe(before);
      await verb('wait', 'akira');
    },
    /** `fabric ARGS`, where the operator stands: on the tailnet, as a user who has sudo on the host. */
    fabric: (text: string, args: readonly string[], extra: NodeJS.ProcessEnv = {}): Promise<Ran> =>
      run(LAB, ['exec', 'ops', process.execPath, BIN, ...args, '--config', file(text)], { env: { ...fabricEnv, ...extra } }),
    /** The same in a folder, with the fabric.yaml that is found there or none. */
    fabricIn: (folder: string, args: readonly string[]): Promise<Ran> =>
      run(LAB, ['exec', 'ops', 'sh', '-c', 'cd "$0" && exec "$@"', folder, process.execPath, BIN, ...args], {
        env: { ...fabricEnv, HOME: dir, FABRIC_CONFIG: '' },
      }),
    /** The same on a terminal, answered with `y`: its exit code, or undefined where it never ended. */
    onTerminal: async (text: string, args: readonly string[]): Promise<number | undefined> => {
      const command = `stty cols 120 rows 40; exec ${process.execPath} ${BIN} ${args.join(' ')} --config ${file(text)}`;
      return (await run(LAB, ['exec', 'ops', 'script', '-qec', command, '/dev/null'], { env: fabricEnv, input: 'y\n' })).code;
    },
    fabricProcess: (text: string, args: readonly string[]) =>
      execa(LAB, ['exec', 'ops', process.execPath, BIN, ...args, '--config', file(text)], {
        reject: false,
        env: fabricEnv,
        stdin: 'ignore',
      }),
    /** The status that a client gets, by curl and not by fabric's own word; 0 when it cannot connect. */
    status: async (from: 'ops' | 'pub', path = '/health/liveliness', ...args: readonly string[]): Promise<number> => {
      const address = from === 'ops' ? '100.64.0.14' : '203.0.113.14';
      return Number((await curl(from, `http://${address}:4000${path}`, '-m', '20', '-o', '/dev/null', '-w', '%{http_code}', ...args)).out);
    },
    completion: async (model: string): Promise<string> =>
      (
        await curl(
          'ops',
          'http://100.64.0.14:4000/v1/chat/completions',
          '-H',
          `Authorization: Bearer ${KEY}`,
          '-H',
          'Content-Type: application/json',
          '-d',
          JSON.stringify({ model, max_tokens: 4, messages: [{ role: 'user', content: 'hi' }] }),
        )
      ).out,
    vllm: (args: string): Promise<string> =>
      root(
        `echo 'ARGS="${args}"' >/etc/default/vllm; systemctl restart vllm; for i in $(seq 200); do curl -sf -o /dev/null http://127.0.0.1:8000/health && exit 0; sleep 0.3; done; exit 1`,
      ),
    /** Until LiteLLM answers on its own host. */
    alive: (): Promise<string> =>
      root('for i in $(seq 480); do curl -sf -m 2 -o /dev/null http://127.0.0.1:4000/health/liveliness && exit 0; sleep 0.5; done; exit 1'),
  };
};
export type Lab = ReturnType<typeof lab>;

/** Whether a way to break a check is its first: CI leaves the others out (`thorough`). */
export const isFirst = <Way extends readonly [title: string, how: { readonly check: CheckId }]>(
  [, { check }]: Way,
  n: number,
  ways: readonly Way[],
): boolean => ways.findIndex(([, how]) => how.check === check) === n;

/** The ids of results with a status, from `validate --format json`. */
export const having = (json: string, status: string): readonly string[] => {
  const report: { results: { id: string; status: string }[] } = JSON.parse(json);
  return report.results.filter((one) => one.status === status).map(({ id }) => id);
};
export const findingsOf = (json: string, id: string): string => {
  const report: { results: { id: string; findings: { saw: string }[] }[] } = JSON.parse(json);
  return report.results
    .filter((one) => one.id === id)
    .flatMap(({ findings }) => findings.map(({ saw }) => saw))
    .join('\n');
};

/** With FABRIC_FIXTURES=1, keeps what one check needs of a recording as its fixture: `before` is red, `after` is green. */
export const keepFixture = (check: CheckId, moment: Moment, fabricText: string, recorded: string): void => {
  if (process.env['FABRIC_FIXTURES'] !== '1') return;
  const folder = join(FIXTURES, check, moment);
  mkdirSync(folder, { recursive: true });
  const needs = needsOf(
    fabricOf(fabricText),
    checks.filter(({ id }) => id === check),
    asDeclared,
  );
  writeFileSync(join(folder, 'fabric.yaml'), fabricText);
  for (const [vantage, questions] of questionsOf(needs)) {
    const evidence = decode(readFileSync(join(recorded, `${vantage}.evidence`), 'utf8'));
    const answers = new Map([...evidence.answers].filter(([key]) => questions.has(key)));
    writeFileSync(join(folder, `${vantage}.evidence`), encode({ ...evidence, answers }, questions));
  }
};
