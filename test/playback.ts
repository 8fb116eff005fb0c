// The command against a host that says what a lab host once said: an `ssh` in PATH plays its recordings back. The real ssh is in
// test/connectors.test.ts and test/e2e.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll } from 'vitest';
import { asDeclared } from '../src/check.ts';
import { checks } from '../src/checks/index.ts';
import type { Answer, Lost } from '../src/evidence.ts';
import { decode, encode } from '../src/wire.ts';
import { fabricOf } from './sample.ts';

const BIN = join(import.meta.dirname, '../bin/fabric.js');
const FIXTURES = join(import.meta.dirname, '../fixtures');
export const FABRIC = readFileSync(join(FIXTURES, 'litellm/readiness/after/fabric.yaml'), 'utf8');

/** How many results a report of validate on it has. */
export const COUNT = checks.filter(({ history }) => !history).flatMap((check) => check.each(fabricOf(FABRIC), asDeclared)).length;

export type Answers = ReadonlyMap<string, Answer | Lost>;
const recorded = (name: string): Answers => {
  const folder = join(FIXTURES, name);
  const file = join(folder, 'akira.evidence');
  return existsSync(file) ? decode(readFileSync(file, 'utf8')).answers : new Map(); // some need no answer there
};
/** Every answer of the healthy host, with those of a broken one over them: `litellm/readiness/before`. */
export const answersOf = (...broken: readonly string[]): Answers => {
  const own = (id: string): boolean => readFileSync(join(FIXTURES, id, 'after/fabric.yaml'), 'utf8') === FABRIC;
  const ids = checks.map(({ id }) => id);
  // Where another fabric.yaml asked the same, this one's answer counts.
  const healthy = [...ids.filter((id) => !own(id)), ...ids.filter(own)].map((id) => `${id}/after`);
  return new Map([...healthy, ...broken].flatMap((name) => [...recorded(name)]));
};

export interface Ran {
  readonly code: number | undefined;
  readonly out: string;
  readonly err: string;
}

/** One folder with fabric.yaml, a home, and the `ssh`. */
export const playback = () => {
  const dir = mkdtempSync(join(tmpdir(), 'fabric-play-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  mkdirSync(join(dir, 'bin'));
  mkdirSync(join(dir, 'home'));
  writeFileSync(join(dir, 'fabric.yaml'), FABRIC);
  const ssh = (body: string): void => writeFileSync(join(dir, 'bin/ssh'), `#!/bin/sh\ncat >/dev/null\n${body}\n`, { mode: 0o755 });
  const env = { PATH: `${dir}/bin:${process.env['PATH']}`, HOME: join(dir, 'home') };
  return {
    dir,
    env,
    config: join(dir, 'fabric.yaml'),
    /** What the host says from now on. */
    says: (answers: Answers): void => {
      const [, ...lines] = encode({ vantage: 'akira', at: 0, answers }, new Map()).split('\n');
      // A clock that is right: the answer to `clock` is the time.
      writeFileSync(join(dir, 'stream'), lines.join('\n').replace(/(?<=\n?= clock 0\n\| )\d+/, 'NOW'));
      ssh(`now=$(date +%s); echo "#fabric-evidence/1 akira $now"; sed "s/^| NOW$/| $now/" ${dir}/stream`);
    },
    /** What ssh does from now on: shell. */
    ssh,
    start: (args: readonly string[], more: NodeJS.ProcessEnv = {}) =>
      execa(process.execPath, [BIN, ...args], {
        cwd: dir,
        reject: false,
        stdin: 'ignore',
        stripFinalNewline: false,
        env: { ...env, ...more },
        extendEnv: false,
      }),
    run: async (args: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<Ran> => {
      const { exitCode, stdout, stderr } = await execa(process.execPath, [BIN, ...args], {
        cwd: dir,
        reject: false,
        stdin: 'ignore',
        stripFinalNewline: false,
        env: { ...env, ...more },
        extendEnv: false,
      });
      return { code: exitCode, out: stdout, err: stderr };
    },
  };
};
