// A fabric as the runbook has it, for tests that need one.
import { parse } from '../src/fabric/parse.ts';
import type { Fabric } from '../src/fabric.ts';

export const SAMPLE = `
hosts:
  akira:
    address: 100.64.0.14
    user: ops
tailnet:
  range: 100.64.0.0/10
litellm:
  host: akira
  image: ghcr.io/berriai/litellm:v1.109.1
  secrets:
    LITELLM_MASTER_KEY: env:LITELLM_MASTER_KEY
    OPENROUTER_API_KEY: file:~/.secrets/openrouter
  backends:
    vllm:
      kind: vllm
      url: http://127.0.0.1:8000/v1
      models:
        - id: qwen2.5-7b
          alias: akira/qwen2.5-7b
          context: 32768
    openrouter:
      kind: openrouter
      key: OPENROUTER_API_KEY
      models:
        - id: anthropic/claude-sonnet-4.5
          alias: claude
  aliases:
    default: akira/qwen2.5-7b
`;

/** A fabric of a text that has no problems. */
export const fabricOf = (text: string): Fabric => {
  const result = parse(text, '/etc/fabric/fabric.yaml');
  if ('problems' in result) throw new Error(result.problems.map(({ line, path, message }) => `${line} ${path}: ${message}`).join('\n'));
  return result.fabric;
};

export const sample = fabricOf(SAMPLE);
