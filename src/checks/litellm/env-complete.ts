import { defineCheck } from '../../check.ts';
import { envFile } from '../../probes/env.ts';
import { onHost } from '../../reproduce.ts';
import { environmentNames, envPath } from '../../services/litellm.ts';

export default defineCheck({
  id: 'litellm/env-complete',
  title: 'Every secret that is declared, and every os.environ/NAME of config.yaml, is in .env',
  story:
    'LiteLLM resolves a name that is not set to nothing, without an error: a backend without its key, or a proxy without its master key, which is open.',
  decides:
    'Each name that fabric.yaml declares or config.yaml takes from the environment stands in .env with a value. Values are never read: each is a fingerprint, or `empty`.',
  sources: ['LiteLLM: os.environ/NAME that is not set resolves to None (issues 1851, 34877)'],
  each: (fabric) => {
    const { host } = fabric.litellm;
    const path = envPath(fabric.litellm);
    const names = [...new Set([...environmentNames(fabric.litellm), ...fabric.litellm.secrets.keys()])].sort();
    const env = envFile(host, path);
    return [
      {
        subject: host,
        needs: [env],
        judge: ({ know }) => {
          const values = know(env)?.values ?? new Map<string, string>();
          const missing = names.filter((name) => !values.has(name));
          const empty = names.filter((name) => values.get(name) === 'empty');
          if (missing.length + empty.length === 0) return [];
          const undeclared = [...missing, ...empty].filter((name) => !fabric.litellm.secrets.has(name));
          const saw = [missing.length > 0 ? `missing: ${missing.join(', ')}` : '', empty.length > 0 ? `empty: ${empty.join(', ')}` : '']
            .filter(Boolean)
            .join('; ');
          return [
            {
              severity: 'fail',
              saw: `${path}: ${saw}`,
              want: names.join(', '),
              advice:
                undeclared.length > 0
                  ? `Declare ${undeclared.join(', ')} under litellm.secrets in fabric.yaml, and run \`fabric deploy litellm\`.`
                  : 'Run `fabric deploy litellm`.',
              ...(undeclared.length > 0 ? {} : { fix: 'deploy' as const }),
              reproduce: onHost(fabric, host, `sudo sed -n 's/=.*/=/p' ${path}`),
            },
          ];
        },
      },
    ];
  },
});
