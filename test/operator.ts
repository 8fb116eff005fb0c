// Whoever runs fabric against the demo's simulated host, and looks there whether it did what it says.
import { join } from 'node:path';
import { execa } from 'execa';
import type { Host } from './demo/host.ts';

export const BIN = join(import.meta.dirname, '../bin/fabric.js');

/** What a script prints that root runs there, without the white space around it. Throws where it fails. */
export const asRoot = async (host: Host, script: string): Promise<string> => {
  const { code, out, err } = await host.run('sh -s', script, 'root');
  if (code !== 0) throw new Error(`exit ${code}: ${err || out}`);
  return out.trim();
};
/** What LiteLLM there says to a key: a status of HTTP. */
export const statusOf = (host: Host, key: string): Promise<string> =>
  asRoot(
    host,
    `printf 'Authorization: Bearer %s\\n' ${key} | curl -s -o /dev/null -w '%{http_code}' -H @- http://127.0.0.1:4000/v1/models || true`,
  );

/** fabric, begun by somebody whose home is that folder. Of this machine's environment it gets PATH alone. */
export const startFabric = (folder: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  execa(process.execPath, [BIN, ...args], {
    cwd: folder,
    reject: false,
    stdin: 'ignore',
    env: { PATH: process.env['PATH'], HOME: folder, NO_COLOR: '1', ...env },
    extendEnv: false,
  });
/** The same to its end. */
export const runFabric = async (folder: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) => {
  const { exitCode, stdout, stderr } = await startFabric(folder, args, env);
  return { code: exitCode, out: stdout, err: stderr };
};
