// The demo's n8n says what the real one says: the contract of n8n's probes, with the facts that were recorded from the lab.
import { afterAll, beforeAll } from 'vitest';
import { type Host, startHost } from './demo/host.ts';
import { n8nContract } from './n8n-contract.ts';
import { asRoot } from './operator.ts';

let host: Host;
beforeAll(async () => {
  host = await startHost();
});
afterAll(() => host.close());

n8nContract(
  {
    root: (script) => asRoot(host, script),
    ask: async (stdin) => (await host.run('sh -s', stdin)).out,
  },
  false,
);
