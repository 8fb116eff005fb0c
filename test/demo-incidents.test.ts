// The simulated host suffers REX-36 and REX-37 for real: its timer calls /health, its LiteLLM asks the models, its log says so.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Host, hostsYaml, startHost } from './demo/host.ts';
import { handMade, NO_POLLER, poller, runbook, UNTIL_ALIVE, UNTIL_POLLED } from './demo/runbook.ts';
import { asRoot, BIN } from './operator.ts';

const KEY = 'sk-demo-0123456789abcdef';
const PAID = 'http://100.64.0.20:8443';
let host: Host;
beforeAll(async () => {
  host = await startHost();
});
afterAll(() => host.close());

const root = (script: string): Promise<string> => asRoot(host, script);
/** What fails, with what was seen. */
const failing = async (): Promise<ReadonlyMap<string, string>> => {
  const file = join(host.scratch, 'fabric.yaml');
  writeFileSync(
    file,
    `${hostsYaml(host.login)}litellm:
  host: akira
  image: ghcr.io/berriai/litellm:v1.109.1
  secrets:
    LITELLM_MASTER_KEY: env:LITELLM_MASTER_KEY
    OPENROUTER_API_KEY: env:OPENROUTER_API_KEY
  backends:
    vllm:
      kind: vllm
      url: http://100.64.0.14:8000
      models: [{ id: qwen2.5-7b, alias: default }]
    openrouter:
      kind: openrouter
      url: ${PAID}
      key: OPENROUTER_API_KEY
      models: [{ id: perplexity/sonar-pro, alias: search, max_tokens: 2000 }]
`,
  );
  const { stdout } = await execa(process.execPath, [BIN, 'validate', '--format', 'json', '--config', file], { reject: false });
  const { results }: { results: { id: string; status: string; findings: { saw: string }[] }[] } = JSON.parse(stdout);
  return new Map(
    results.filter(({ status }) => status === 'fail').map(({ id, findings }) => [id, findings.map(({ saw }) => saw).join('\n')]),
  );
};
const complete = `curl -s -w '%{http_code}' -o /dev/null -H 'Authorization: Bearer ${KEY}' -d '{"model":"search","messages":[]}' http://127.0.0.1:4000/v1/chat/completions`;

test('a timer that calls /health, and a model without max_tokens: found, and over when they are', async () => {
  await root(`${runbook(KEY)}; ${handMade(PAID)}`);
  await root(UNTIL_ALIVE);
  await root(poller(KEY));
  await root(UNTIL_POLLED);
  expect(await root(complete)).toBe('402');
  const found = await failing();
  expect(found.get('litellm/paid-health-checks@akira')).toMatch(
    /^litellm-watch\.timer starts litellm-watch\.service every 1 s, which asks http:\/\/127\.0\.0\.1:4000\/health \(in \/usr\/local\/bin\/litellm-watch\): up to 86,400 calls a day × 2 models = 172,800 requests: search 86,400 × 0\.00626 \$ .* → 541\.21 \$ a day/,
  );
  expect(found.get('litellm/openrouter-max-tokens@akira')).toMatch(
    /^search .* has no max_tokens, .* OpenRouter refused 64000 tokens \d+ s ago: the credits allow 2666$/,
  );
  await root(NO_POLLER);
  expect([...(await failing()).keys()]).not.toContain('litellm/paid-health-checks@akira');
});
