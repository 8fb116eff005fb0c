// The demo's simulators say what a real host says: the probes' contract, with the facts that were recorded from the lab.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll } from 'vitest';
import { type Host, hostsYaml, startHost } from './demo/host.ts';
import { asRoot, BIN } from './operator.ts';
import { KEY, probeContract } from './probe-contract.ts';

let host: Host;
beforeAll(async () => {
  host = await startHost();
});
afterAll(async () => {
  await host.close();
  if (existsSync(host.scratch)) throw new Error(`${host.scratch} was left behind`);
});

probeContract(
  {
    root: (script) => asRoot(host, script),
    ask: async (stdin) => (await host.run('sh -s', stdin)).out,
    fabric: async (yaml, args) => {
      const file = join(host.scratch, 'fabric.yaml');
      writeFileSync(file, `${hostsYaml(host.login)}${yaml}`);
      const { exitCode, stderr } = await execa(process.execPath, [BIN, ...args, '--config', file], {
        reject: false,
        env: { LITELLM_MASTER_KEY: KEY },
      });
      return { code: exitCode, err: stderr };
    },
  },
  false,
);
