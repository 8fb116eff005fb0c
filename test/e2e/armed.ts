// Run where the operator stands: an armed step that cuts off nothing, new connections, or all. armed.mjs FILE KIND SECONDS
import { readFileSync } from 'node:fs';
import { change, outcomeCode } from '../../src/commands/change.ts';
import { sessionOf } from '../../src/commands/session.ts';
import { parse } from '../../src/fabric/parse.ts';
import { runKey } from '../../src/secrets/fetch.ts';

const [file = '', kind = '', seconds = ''] = process.argv.slice(2);
const parsed = parse(readFileSync(file, 'utf8'), file);
if ('problems' in parsed) throw new Error(JSON.stringify(parsed.problems));
const session = sessionOf(parsed.fabric);
const options = { dryRun: false, exitCode: false, yes: true, format: 'human', verbose: false } as const;
const rule = kind === 'harmless' ? 'counter' : `ip saddr 100.64.0.5 tcp dport 22 ${kind === 'all' ? '' : 'ct state new '}drop`;
const outcome = await change(
  session,
  [
    {
      do: 'run',
      host: 'akira',
      title: 'a table',
      script: `nft add table inet cut\nnft add chain inet cut in '{ type filter hook input priority -300; }'\nnft add rule inet cut in ${rule}`,
      undo: { script: 'nft delete table inet cut', armedFor: Number(seconds) },
    },
  ],
  runKey(),
  options,
  { verb: 'try', checks: [], keepsReplaced: false },
);
await session.close();
process.exitCode = outcomeCode(outcome, options);
