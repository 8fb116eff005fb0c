import type { ChalkInstance } from 'chalk';
import type { LintProblem } from '../lint.ts';
import { visible } from '../shell.ts';

const MARK = { fail: '✗', warn: '!' } as const;

/** `config.yaml:14:7 model_list[2].litellm_params.model: …`, what to do under it, and a line of counts. Nothing where nothing is wrong. */
export const humanLint = (file: string, problems: readonly LintProblem[], paint: ChalkInstance): string => {
  if (problems.length === 0) return '';
  const count = (severity: LintProblem['severity']): number => problems.filter((one) => one.severity === severity).length;
  const counts = [paint.red(`${count('fail')} fail`), paint.yellow(`${count('warn')} warn`)].filter(
    (_, n) => count(n === 0 ? 'fail' : 'warn') > 0,
  );
  return [
    ...problems.flatMap(({ severity, line, column, path, message, advice, rule }) => {
      const colour = severity === 'fail' ? paint.red : paint.yellow;
      return [
        `${colour(MARK[severity])} ${paint.bold(visible(`${file}:${line}:${column}`))}${path === '' ? '' : ` ${visible(path)}`}: ${visible(message)}`,
        `  ${paint.dim('do')} ${visible(advice)}  ${paint.dim(rule)}`,
      ];
    }),
    counts.join(', '),
    '',
  ].join('\n');
};

/** `fabric.lint/1`: the LiteLLM that it was judged for, and `problems` with `rule`, `severity`, `effect`, `line`, `column`, `path`, `message`, `advice`, `models`. */
export const lintJson = (file: string, version: string, problems: readonly LintProblem[]) => ({
  schema: 'fabric.lint/1',
  file,
  litellm: version,
  summary: {
    fail: problems.filter(({ severity }) => severity === 'fail').length,
    warn: problems.filter(({ severity }) => severity === 'warn').length,
  },
  problems: problems.map(({ rule, severity, effect, line, column, path, message, advice, models }) => ({
    rule,
    severity,
    effect,
    line,
    column,
    path: visible(path),
    message: visible(message),
    advice: visible(advice),
    models: models.map(visible),
  })),
});
