// Rules that lint.ts finds itself, since they are about the text and not about what it says.
import type { Rule } from './rule.ts';

export const yamlRules: readonly Rule[] = [
  {
    id: 'duplicate-key',
    title: 'A key twice in one mapping',
    story: 'PyYAML takes the last one and says nothing: of two model_list only the second is there.',
    find: () => [],
  },
  {
    id: 'unknown-tag',
    title: 'A tag that PyYAML does not know',
    story:
      'safe_load ends with "could not determine a constructor for the tag": LiteLLM does not boot. `!env NAME` is nothing that LiteLLM reads.',
    find: () => [],
  },
  {
    id: 'stricter-yaml',
    title: 'YAML that PyYAML does not take',
    story:
      'Editors and other tools take a tab between words, a second anchor of one name, a plain = and control characters. PyYAML stops there, and LiteLLM does not boot. (What is no YAML for anybody ends lint itself, with exit code 2.)',
    find: () => [],
  },
];
