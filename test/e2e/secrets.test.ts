// Secrets on a real host: from their sources into .env and into the running LiteLLM, and nowhere else.
import { mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { fabricYaml, having, lab } from './lab.ts';

const it = lab('fsecrets');
const [OLD, NEW] = ['sk-lab-old-4711aabbccddeeff', 'sk-lab-new-0815ffeeddccbbaa'];
const EXTRA = `tok#en $HOME "x" 'y' ä€ =;&`;
const source = (name: string): string => join(it.dir, 'keys', name);
const put = (name: string, value: string): void => writeFileSync(source(name), `${value}\n`, { mode: 0o600 });
const yaml = (...names: readonly string[]): string =>
  fabricYaml({}).replace(
    '    LITELLM_MASTER_KEY: env:LITELLM_MASTER_KEY\n',
    `    LITELLM_MASTER_KEY: file:${source('master')}\n${names.map((name) => `    ${name}: file:${source(name)}\n`).join('')}`,
  );
const YAML = yaml('EXTRA_KEY');
const secrets = (text: string, ...args: readonly string[]) => it.fabric(text, ['secrets', ...args]);
const env = (): Promise<string> => it.root('cat /flux/apps/litellm/.env');
const startedAt = (): Promise<string> => it.root('podman inspect --format "{{.State.StartedAt}}" litellm');
/** What LiteLLM says to a key, asked by curl on its own host. */
const status = (key: string): Promise<string> =>
  it.root(
    `printf 'Authorization: Bearer %s\\n' '${key}' | curl -s -m 5 -o /dev/null -w '%{http_code}' -H @- http://127.0.0.1:4000/v1/models`,
  );

beforeAll(async () => {
  mkdirSync(join(it.dir, 'keys'), { mode: 0o700 });
  put('master', OLD);
  put('EXTRA_KEY', EXTRA);
  await it.vllm('--host 127.0.0.1 --port 8000 --model qwen2.5-7b');
  const { code, err } = await it.fabric(YAML, ['deploy', 'litellm', '--yes']);
  expect(err).toContain('keep this as a release');
  expect(code).toBe(0);
});

test('after a deployment: nothing to sync, and source, .env and process are the same', async () => {
  expect(await secrets(YAML, 'sync', '--dry-run', '--exit-code')).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^LITELLM_MASTER_KEY {2}same .*\nEXTRA_KEY {11}same .*\nakira: nothing to change$/),
  });
  const { code, out } = await secrets(YAML, 'diff');
  expect([out, code]).toEqual([
    expect.stringMatching(/^LITELLM_MASTER_KEY {2}source = \.env {8}= process .*\nEXTRA_KEY {11}source = \.env {8}= process/),
    0,
  ]);
});

test('a key changed, one added by hand, one no longer declared: synced, restarted once through the gate', async () => {
  await it.root("echo 'HAND=made' >>/flux/apps/litellm/.env");
  put('master', NEW);
  put('SECOND_KEY', 'second-value-of-this-test');
  const text = yaml('SECOND_KEY');
  const before = await startedAt();
  const watching = watch([OLD, NEW, 'second-value-of-this-test']);
  const { code, out, err } = await secrets(text, 'sync', '--yes');
  const seen = await watching.end();
  expect([code, err]).toEqual([0, expect.stringContaining('gate: LiteLLM is up')]);
  expect(out).toMatch(
    /^LITELLM_MASTER_KEY {2}changed .*\nSECOND_KEY {10}added .*\nEXTRA_KEY {11}removed: .*\nHAND {16}kept: put there by hand\n/,
  );
  expect(await env()).toBe(`LITELLM_MASTER_KEY=${NEW}\nHAND=made\nSECOND_KEY=second-value-of-this-test`);
  expect(await startedAt()).not.toBe(before);
  expect([await status(OLD), await status(NEW)]).toEqual(['400', '200']);
  expect(await secrets(text, 'sync', '--dry-run', '--exit-code')).toMatchObject({ code: 0 });
  expect(await it.fabric(text, ['deploy', 'litellm', '--dry-run', '--exit-code'])).toMatchObject({ code: 0 });
  // Nowhere but where they belong, on both ends, while it ran.
  expect(`${out}${err}`).not.toMatch(/sk-lab-|second-value/);
  expect(seen.samples).toBeGreaterThan(20);
  expect(seen.inArguments).toEqual([]);
  expect(seen.inEnvironments).toEqual([]);
  expect(seen.inFiles).toEqual([]);
});

interface Seen {
  readonly samples: number;
  readonly inArguments: readonly string[];
  readonly inEnvironments: readonly string[];
  readonly inFiles: readonly string[];
}
const read = (path: string): Buffer => {
  try {
    return readFileSync(path);
  } catch {
    return Buffer.alloc(0); // gone by now
  }
};
const names = (folder: string): readonly string[] => {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
};
/** All regular files below, by path. */
const below = (folder: string): readonly string[] =>
  names(folder).flatMap((name) => {
    const path = join(folder, name);
    try {
      const found = statSync(path);
      return found.isDirectory() ? below(path) : found.isFile() && found.size < 1_000_000 ? [path] : [];
    } catch {
      return [];
    }
  });

/**
 * Looks for values in the arguments and the environment of every process of this machine, the lab's hosts included, and in files on
 * both ends, until it is ended. What is allowed is left out: LiteLLM's own processes, .env, and root's own copies of it.
 */
const watch = (values: readonly string[]) => {
  const needles = values.map((value) => Buffer.from(value));
  const holds = (path: string): boolean => {
    const bytes = read(path);
    return needles.some((needle) => bytes.includes(needle));
  };
  const [args, envs, files] = [new Set<string>(), new Set<string>(), new Set<string>()];
  let samples = 0;
  let over = false;
  const leader = it.verb('leader', 'akira');
  const look = async (): Promise<void> => {
    const root = `/proc/${(await leader).trim()}/root`;
    const hosts = [readlinkSync('/proc/self/ns/pid'), readlinkSync(`/proc/${(await leader).trim()}/ns/pid`)];
    while (!over) {
      for (const pid of names('/proc').filter((name) => /^\d+$/.test(name))) {
        if (holds(`/proc/${pid}/cmdline`)) args.add(read(`/proc/${pid}/cmdline`).toString().replaceAll('\0', ' '));
        if (holds(`/proc/${pid}/environ`) && pid !== String(process.pid)) {
          const space = names(`/proc/${pid}/ns`).length === 0 ? '' : readlinkSync(`/proc/${pid}/ns/pid`);
          // In a space of its own: the container.
          if (hosts.includes(space)) envs.add(read(`/proc/${pid}/cmdline`).toString().replaceAll('\0', ' '));
        }
      }
      const there = ['flux', 'var/lib/fabric', 'tmp', 'var/tmp', 'root', 'home', 'run/user', 'run/fabric-litellm-down'].flatMap((name) =>
        below(`${root}/${name}`),
      );
      const here = [
        ...names('/tmp')
          .filter((name) => name.startsWith('fabric-'))
          .map((name) => `/tmp/${name}`),
        '/run/user',
      ].flatMap(below);
      for (const path of [...there, ...here.filter((one) => !one.startsWith(join(it.dir, 'keys')))]) {
        if (!holds(path)) continue;
        const name = path.replace(root, '');
        const mine =
          /^\/flux\/apps\/litellm\/(\.env|\.fabric-part\.\w{6})$|^\/var\/lib\/fabric\/(litellm\/releases\/(\d+|\.new)\/env|journal\/\w+\/\d+(\.part)?)$/.test(
            name,
          );
        if (!mine || (statSync(path).mode & 0o777) !== 0o600 || statSync(path).uid !== 0) files.add(name);
      }
      samples += 1;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const looking = look();
  return {
    end: async (): Promise<Seen> => {
      over = true;
      await looking;
      return { samples, inArguments: [...args], inEnvironments: [...envs], inFiles: [...files] };
    },
  };
};

test('rotate: a new key in its source and in force, the old one refused, and in no kept release', async () => {
  const text = yaml('SECOND_KEY');
  const dry = await secrets(text, 'rotate', 'LITELLM_MASTER_KEY', '--dry-run', '--exit-code');
  expect([dry.code, dry.out]).toEqual([6, expect.stringContaining('edit /var/lib/fabric/litellm/releases/1/env')]);
  expect(readFileSync(source('master'), 'utf8')).toBe(`${NEW}\n`);
  const { code, out, err } = await secrets(text, 'rotate', 'LITELLM_MASTER_KEY', '--yes');
  expect([code, err]).toEqual([0, expect.stringContaining('the old key is refused')]);
  const made = readFileSync(source('master'), 'utf8').trim();
  expect(made).toMatch(/^sk-[0-9a-f]{64}$/);
  expect(statSync(source('master')).mode & 0o777).toBe(0o600);
  expect([await status(NEW), await status(made)]).toEqual(['400', '200']);
  expect(`${out}${err}`).not.toContain(made);
  // Nothing that fabric keeps brings a revoked key back.
  expect(await it.root(`grep -rlE '${OLD}|${NEW}' /var/lib/fabric /flux || true`)).toBe('');
  expect(
    await it.root(
      `grep -lF ${made} /var/lib/fabric/litellm/releases/*/env | wc -l; stat -c %a /var/lib/fabric/litellm/releases/*/env | sort -u`,
    ),
  ).toBe('3\n600');
  expect((await secrets(text, 'diff')).code).toBe(0);
  const { out: json } = await it.fabric(text, ['validate', '--format', 'json']);
  expect(having(json, 'fail')).toEqual([]);
});
