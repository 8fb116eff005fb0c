import { defineCheck } from '../../check.ts';
import { engineDatabase } from '../../probes/env.ts';
import { onHost } from '../../reproduce.ts';

export default defineCheck({
  id: 'litellm/engine-private',
  title: 'What podman remembers of the environment is root’s alone',
  story:
    'Podman keeps the environment of each container in its database, the keys out of .env among it. Podman makes its folder 0700; where systemd-tmpfiles was there first (podman’s own tmpfiles.d names a folder below it), it is 0755, and everybody on the host may read the keys.',
  decides:
    '/var/lib/containers/storage/db.sql: it fails where others, or root’s group, may both enter the folders above it and read it. A storage that was moved elsewhere is not looked for.',
  sources: [
    'measured: podman 5.4.2 on Debian 13: db.sql is 0644, the folder 0700 or 0755 by who made it',
    'podman’s tmpfiles.d/podman.conf',
  ],
  standing: true,
  each: (fabric) => {
    const { host } = fabric.litellm;
    const asked = engineDatabase(host);
    return [
      {
        subject: host,
        needs: [asked],
        judge: ({ know }) => {
          const open = know(asked);
          if (open === null) return [];
          const { folder, database, mode } = open;
          return [
            {
              severity: 'fail',
              saw: `${database} can be read by others: ${folder} is 0${mode}`,
              want: `${folder} 0700, as podman makes it`,
              advice:
                'Run `fabric fix litellm/engine-private`. If somebody else has an account on this host, rotate the keys: `fabric secrets rotate`.',
              fix: [
                {
                  do: 'run',
                  host,
                  title: `make ${folder} 700 (it is ${mode})`,
                  script: `chmod 700 ${folder}`,
                  undo: { script: `chmod ${mode} ${folder}` },
                },
              ],
              reproduce: onHost(fabric, host, `sudo stat -c '%a %n' ${folder} ${database}`),
            },
          ];
        },
      },
    ];
  },
});
