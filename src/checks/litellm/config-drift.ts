import { structuredPatch } from 'diff';
import { defineCheck, type Finding } from '../../check.ts';
import { sha256 } from '../../plan.ts';
import { file, sinceChange } from '../../probes/file.ts';
import { unit } from '../../probes/unit.ts';
import { onHost } from '../../reproduce.ts';
import { envPath, files, UNIT } from '../../services/litellm.ts';

export default defineCheck({
  id: 'litellm/config-drift',
  title: 'The files on the host are as fabric.yaml renders them, and LiteLLM has read them',
  story:
    'A file edited by hand is undone by the next deployment, or worse, is what keeps the service alive and nobody knows. And LiteLLM does not reload: an edited file says nothing about what runs.',
  decides:
    'Hash, mode and owner of each file on the host against what fabric.yaml renders; and LiteLLM started after the last change to any of them, .env included.',
  sources: ['measured: LiteLLM does not reload config.yaml'],
  each: (fabric) => {
    const { host } = fabric.litellm;
    const rendered = files(fabric.litellm);
    const there = rendered.map(({ path }) => file(host, path));
    const paths = [...rendered.map(({ path }) => path), envPath(fabric.litellm)];
    const changed = sinceChange(host, paths);
    const state = unit(host, UNIT);
    return [
      {
        subject: host,
        needs: [...there, changed, state],
        judge: ({ know }) => {
          const findings = rendered.flatMap(({ path, mode, owner, text }, n): readonly Finding[] => {
            const probe = there[n];
            const seen = probe ? know(probe) : null;
            const reproduce = onHost(fabric, host, `sudo cat ${path}`);
            const finding = (saw: string, want: string, advice: string): Finding => ({
              severity: 'fail',
              saw,
              want,
              advice,
              fix: 'deploy',
              reproduce,
            });
            if (seen === null)
              return [finding(`${path} is not there`, 'the file that fabric.yaml renders', 'Run `fabric deploy litellm`.')];
            if (seen.sha256 !== sha256(text)) {
              return [
                finding(
                  `${path} differs from what fabric.yaml renders: ${difference(text, seen.text)}`,
                  'no difference',
                  'Move the edit into fabric.yaml (what it does not know goes under litellm.config), then `fabric deploy litellm` (see it first: --dry-run).',
                ),
              ];
            }
            if (seen.mode !== mode || seen.owner !== owner)
              return [finding(`${path} is ${seen.mode} ${seen.owner}`, `${mode} ${owner}`, 'Run `fabric deploy litellm`.')];
            return [];
          });
          if (findings.length > 0) return findings;
          const { age: started } = know(state);
          const edited = know(changed);
          if (started === null || edited === null || edited >= started) return [];
          return [
            {
              severity: 'fail',
              saw: `the files changed ${edited} s ago, LiteLLM started ${started} s ago`,
              want: 'a start after the last change: LiteLLM does not reload',
              advice: 'Run `fabric deploy litellm`.',
              fix: 'deploy',
              reproduce: onHost(
                fabric,
                host,
                `systemctl show -p ActiveEnterTimestamp ${UNIT}; sudo ls -l --time-style=full-iso ${paths.join(' ')}`,
              ),
            },
          ];
        },
      },
    ];
  },
});

/** `2 lines: -  num_retries: 3, +  num_retries: 9`, at most three shown. */
const difference = (want: string, saw: string): string => {
  const lines = structuredPatch('', '', `${want.trimEnd()}\n`, `${saw.trimEnd()}\n`, '', '', { context: 0 }).hunks.flatMap((hunk) =>
    hunk.lines.filter((line) => /^[-+]/.test(line)),
  );
  const shown = lines.slice(0, 3).map((line) => `${line[0]} ${line.slice(1).trim()}`);
  return `${lines.length} ${lines.length === 1 ? 'line' : 'lines'}: ${shown.join(' │ ')}${lines.length > 3 ? ' │ …' : ''}`;
};
