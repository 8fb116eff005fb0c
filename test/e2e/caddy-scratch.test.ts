import { writeFileSync } from 'node:fs';
import { test } from 'vitest';
import { caddyLab, STATES, type StateName } from './caddy-lab.ts';

const it = caddyLab('fcad2');
const names = (process.env['ST'] ?? Object.keys(STATES).join(' ')).split(' ') as StateName[];
test.each(names)(
  '%s',
  async (state) => {
    await it.state(state);
    const yaml = it.yaml();
    const ran = await it.fabric(yaml, ['doctor', 'caddy', '--verbose', '--record', `/tmp/h-rec/${state}`]);
    writeFileSync(`/tmp/h-rec/${state}.txt`, `${ran.code}\n${ran.out}\n${ran.err}`);
  },
  240_000,
);
