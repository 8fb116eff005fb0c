import { pathToFileURL } from 'node:url';
import type { LintProblem, RuleText } from '../lint.ts';
import { visible } from '../shell.ts';

const LEVEL = { fail: 'error', warn: 'warning' } as const;

/** SARIF 2.1.0, for code scanning and editors. `file`: as it was named; columns count characters. */
export const sarif = (file: string, problems: readonly LintProblem[], rules: readonly RuleText[], version: string) => ({
  $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
  version: '2.1.0',
  runs: [
    {
      tool: {
        driver: {
          name: 'fabric lint',
          version,
          rules: rules.map(({ id, title, story }) => ({
            id,
            shortDescription: { text: title },
            help: { text: story },
          })),
        },
      },
      columnKind: 'utf16CodeUnits',
      results: problems.map(({ rule, severity, line, column, path, message, advice }) => ({
        ruleId: rule,
        ruleIndex: rules.findIndex(({ id }) => id === rule),
        level: LEVEL[severity],
        message: { text: visible(`${path === '' ? '' : `${path}: `}${message}. ${advice}.`) },
        locations: [
          {
            physicalLocation: {
              artifactLocation: { uri: file.startsWith('/') ? pathToFileURL(file).href : encodeURI(file.replaceAll('\\', '/')) },
              region: { startLine: line, startColumn: column },
            },
          },
        ],
      })),
    },
  ],
});
