import { defineCheck } from '../../check.ts';
import { engineStorage } from '../../probes/env.ts';
import { onHost } from '../../reproduce.ts';
import { closeStorage, DATABASE, STORAGE } from '../../services/engine.ts';

export default defineCheck({
  id: 'litellm/engine-private',
  title: 'What podman remembers of the environment is root’s alone',
  story:
    'Podman keeps the environment of each container in its database, the keys out of .env among it. Podman makes its folder 0700; where systemd-tmpfiles was there first (podman’s own tmpfiles.d names a folder below it), it is 0755, and everybody on the host may read the keys.',
  decides:
    '/var/lib/containers/storage/db.sql: it fails where others, or root’s group, may both enter the folders above it and read it. A link at its place is followed; a storage that storage.conf puts elsewhere is not looked for.',
  sources: [
    'measured: podman 5.4.2 on Debian 13: db.sql is 0644, the folder 0700 or 0755 by who made it',
    'podman’s tmpfiles.d/podman.conf',
  ],
  standing: true,
  each: (fabric) => {
    const { host } = fabric.litellm;
    const asked = engineStorage(host);
    return [
      {
        subject: host,
        needs: [asked],
        judge: ({ know }) => {
          const { mode, database, open } = know(asked);
          if (!database || !open) return [];
          return [
            {
              severity: 'fail',
              saw: `${DATABASE} can be read by others: ${STORAGE} is 0${mode}`,
              want: `${STORAGE} 0700, as podman makes it`,
              advice:
                'Run `fabric fix litellm/engine-private`; the next deployment and sync do the same. If somebody else has an account on this host, rotate the keys: `fabric secrets rotate`.',
              fix: [closeStorage(host, mode)],
              reproduce: onHost(fabric, host, `sudo stat -L -c '%a %n' ${STORAGE} ${DATABASE}`),
            },
          ];
        },
      },
    ];
  },
});
