import { defineCheck } from '../../check.ts';
import { envFile } from '../../probes/env.ts';
import { onHost } from '../../reproduce.ts';
import { ENV_MODE, ENV_OWNER, envPath } from '../../services/litellm.ts';

export default defineCheck({
  id: 'litellm/env-private',
  title: '.env is root’s alone',
  story:
    '.env holds the master key and the providers’ keys. Podman reads it on the host as root, so nobody else needs to, the container’s user included.',
  decides: 'Mode and owner of .env: 600 root:root, nothing wider.',
  sources: ['podman-systemd.unit(5): EnvironmentFile is read by podman, on the host'],
  each: (fabric) => {
    const { host } = fabric.litellm;
    const path = envPath(fabric.litellm);
    const env = envFile(host, path);
    return [
      {
        subject: host,
        needs: [env],
        judge: ({ know }) => {
          const state = know(env);
          if (state === null || (state.mode === ENV_MODE && state.owner === ENV_OWNER)) return [];
          return [
            {
              severity: 'fail',
              saw: `${path} is ${state.mode.padStart(4, '0')} ${state.owner}`,
              want: `0${ENV_MODE} ${ENV_OWNER}`,
              advice: 'Run `fabric deploy litellm`. If others could read it, rotate the keys in it.',
              fix: 'deploy',
              reproduce: onHost(fabric, host, `sudo stat -c '%a %U:%G' ${path}`),
            },
          ];
        },
      },
    ];
  },
});
