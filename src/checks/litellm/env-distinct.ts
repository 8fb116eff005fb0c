import { defineCheck } from '../../check.ts';
import { envFile } from '../../probes/env.ts';
import { onHost } from '../../reproduce.ts';
import { envPath } from '../../services/litellm.ts';

export default defineCheck({
  id: 'litellm/env-distinct',
  title: 'No value stands under two names in .env',
  story:
    'A master key that is also somebody else’s key is sent to them with every request; one that is also LITELLM_SALT_KEY can never be changed, since the salt cannot. ' +
    'Elsewhere one value under two names is a slip of copying, or a key that has to be rotated in two places.',
  decides:
    'Fingerprints of the values in .env are compared, under this run’s random key. With the master key among them it fails, else it warns.',
  sources: [
    'https://docs.litellm.ai/docs/proxy/prod',
    'measured: LiteLLM 1.109.1 falls back to the master key where there is no salt (proxy/common_utils/encrypt_decrypt_utils.py)',
  ],
  each: (fabric) => {
    const { host, masterKey } = fabric.litellm;
    const path = envPath(fabric.litellm);
    const env = envFile(host, path);
    return [
      {
        subject: host,
        needs: [env],
        judge: ({ know }) => {
          const byValue = new Map<string, string[]>();
          for (const [name, value] of know(env)?.values ?? [])
            if (value !== 'empty') byValue.set(value, [...(byValue.get(value) ?? []), name]);
          return [...byValue.values()]
            .filter((names) => names.length > 1)
            .map((names) => ({
              severity: masterKey !== null && names.includes(masterKey) ? ('fail' as const) : ('warn' as const),
              saw: `${path}: ${names.join(' and ')} hold one value`,
              want: 'a value of its own for each',
              advice:
                'Make a new one for all but one of them where they are issued, put them where fabric.yaml takes them from, and run `fabric secrets sync`.',
              reproduce: onHost(fabric, host, `sudo cut -d= -f2- ${path} | sort | uniq -d | wc -l`),
            }));
        },
      },
    ];
  },
});
