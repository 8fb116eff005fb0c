import { defineCheck } from '../../check.ts';
import { placeholders } from '../../probes/env.ts';
import { onHost } from '../../reproduce.ts';
import { environmentNames, envPath } from '../../services/litellm.ts';

export default defineCheck({
  id: 'litellm/env-placeholder',
  title: 'No secret is what an example says',
  story:
    'A key that was copied from documentation (sk-1234, changeme, your-key-here) is known to everybody: as a master key it lets everybody in, and as a provider’s key it is refused at the first request. ' +
    'Recent versions of LiteLLM do not start with sk-1234; older ones do.',
  decides:
    'Each value in .env of a name that fabric.yaml declares or config.yaml takes is compared with a list of such words, on the host: only the verdict leaves it.',
  sources: ['https://docs.litellm.ai/docs/proxy/virtual_keys', 'https://github.com/BerriAI/litellm/pull/42019'],
  each: (fabric) => {
    const { host, secrets } = fabric.litellm;
    const path = envPath(fabric.litellm);
    const ours = new Set([...secrets.keys(), ...environmentNames(fabric.litellm)]);
    const asked = placeholders(host, path);
    return [
      {
        subject: host,
        needs: [asked],
        judge: ({ know }) => {
          const found = [...new Set(know(asked))].filter((name) => ours.has(name));
          if (found.length === 0) return [];
          return [
            {
              severity: 'fail',
              saw: `${path}: ${found.join(', ')} ${found.length === 1 ? 'is a placeholder' : 'are placeholders'}`,
              want: 'values that nobody can guess',
              advice: `Put real ones where fabric.yaml takes them from (\`fabric secrets rotate NAME\` makes a master key), and run \`fabric secrets sync\`.`,
              // Where the source holds a real one by now. Where it does not, a deployment changes nothing, and says so.
              ...(found.every((name) => secrets.has(name)) ? { fix: 'deploy' as const } : {}),
              reproduce: onHost(fabric, host, `sudo grep -ciE '=(sk-1234|changeme|your[-_])' ${path}`),
            },
          ];
        },
      },
    ];
  },
});
