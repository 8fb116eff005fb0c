// What src/hosts/http3-apart.ts runs: a question on stdin, its answer on stdout.
import { readFileSync, writeSync } from 'node:fs';
import { request } from './http3.ts';

await request(JSON.parse(readFileSync(0, 'utf8')), (answer) => void writeSync(1, JSON.stringify(answer)));
process.exit();
