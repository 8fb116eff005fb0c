import { defineCheck, type Finding } from '../../check.ts';
import { envFile, keptPrivately } from '../../probes/env.ts';
import { onHost } from '../../reproduce.ts';
import { ENV_MODE, ENV_OWNER, envPath } from '../../services/litellm.ts';
import { quote } from '../../shell.ts';
import { STATE } from '../../state.ts';

export default defineCheck({
  id: 'litellm/env-private',
  title: '.env and its copies are root’s alone',
  story:
    '.env holds the master key and the providers’ keys. Podman reads it on the host as root, so nobody else needs to, the container’s user included. A copy that others may read undoes that, and a rollback would put it in force as it is.',
  decides:
    '.env has to be 0600 root:root, and so has its copy in each kept release and in what fabric found; /var/lib/fabric has to be 0700, which shuts in the copies that a run makes.',
  sources: ['podman-systemd.unit(5): EnvironmentFile is read by podman, on the host'],
  each: (fabric) => {
    const { host } = fabric.litellm;
    const path = envPath(fabric.litellm);
    const env = envFile(host, path);
    const kept = keptPrivately(host);
    return [
      {
        subject: host,
        needs: [env, kept],
        judge: ({ know }) => {
          const state = know(env);
          const own: readonly Finding[] =
            state === null || (state.mode === ENV_MODE && state.owner === ENV_OWNER)
              ? []
              : [
                  {
                    severity: 'fail',
                    saw: `${path} is ${state.mode.padStart(4, '0')} ${state.owner}`,
                    want: `0${ENV_MODE} ${ENV_OWNER}`,
                    advice: 'Run `fabric deploy litellm`. If others could read it, rotate the keys in it.',
                    fix: 'deploy',
                    reproduce: onHost(fabric, host, `sudo stat -c '%a %U:%G' ${path}`),
                  },
                ];
          const copies = know(kept).flatMap(({ path: copy, mode, owner }): readonly Finding[] => {
            const wanted = copy === STATE ? '700' : ENV_MODE;
            if (mode === wanted && owner === ENV_OWNER) return [];
            const set = (bits: string, who: string): string => `chown ${quote(who)} ${quote(copy)}; chmod ${quote(bits)} ${quote(copy)}`;
            return [
              {
                severity: 'fail',
                saw: `${copy} is ${mode.padStart(4, '0')} ${owner}`,
                want: `0${wanted} ${ENV_OWNER}`,
                advice: 'Run `fabric fix litellm/env-private`. If others could read it, rotate the keys in it.',
                fix: [
                  {
                    do: 'run',
                    host,
                    title: `make ${copy} ${wanted} ${ENV_OWNER} (it is ${mode} ${owner})`,
                    script: set(wanted, ENV_OWNER),
                    undo: owner.includes('UNKNOWN') ? 'stays' : { script: set(mode, owner) },
                  },
                ],
                reproduce: onHost(fabric, host, `sudo stat -c '%a %U:%G' ${copy}`),
              },
            ];
          });
          return [...own, ...copies];
        },
      },
    ];
  },
});
