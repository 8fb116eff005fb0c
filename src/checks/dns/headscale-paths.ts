import { defineCheck, type Finding } from '../../check.ts';
import type { Lost } from '../../evidence.ts';
import { headscaleServer } from '../../probes/headscale-server.ts';
import { onHost } from '../../reproduce.ts';

export default defineCheck({
  id: 'dns/headscale-paths',
  rex: ['REX-33'],
  standing: true,
  title: 'Headscale has before it the files that people edit',
  story:
    'In a container Headscale sees other paths than its host. An extra_records_path of the host is no file inside; and a file that is mounted alone stays what it was when an editor, or a deployment, puts a new one in its place: ' +
    'the container keeps the old file, which is no longer on the host, and is told of no change.',
  decides:
    'config.yaml and the file of extra_records_path as the host has them and as Headscale’s process sees them: the same content, and there at all.',
  sources: [
    'Headscale: docs/setup/install/container.md; hscontrol/dns/extrarecords.go; issue 3315',
    'measured: podman 5.4, a file that was replaced under a mount of its own',
  ],
  each: (fabric) => {
    const headscale = fabric.dns?.headscale;
    if (headscale === undefined) return [];
    const { host, config, run } = headscale;
    const server = headscaleServer(headscale);
    return [
      {
        subject: host,
        needs: [server],
        judge: ({ know }): readonly (Finding | Lost)[] => {
          const { running, onHost: there, inside, records } = know(server);
          const reproduce = onHost(
            fabric,
            host,
            run.by === 'unit'
              ? `systemctl cat ${run.unit}`
              : `sudo podman inspect --format '{{json .Mounts}}' ${run.container} || sudo docker inspect --format '{{json .Mounts}}' ${run.container}`,
          );
          const failure = (saw: string, want: string, advice: string): Finding => ({ severity: 'fail', saw, want, advice, reproduce });
          if (there === null)
            return [
              failure(
                `${config} is not on ${host}`,
                'dns.headscale.config names the file on the host',
                'Correct dns.headscale.config in fabric.yaml: it is the path on the host, and container_config the one inside.',
              ),
            ];
          if (running === null) return [{ lost: 'unreadable', why: `Headscale does not run on ${host}, so nobody sees its files` }];
          const kept =
            'It was replaced on the host, and the container keeps the old one. Restart the container; and mount the folder, not the file, so that it does not happen again.';
          if (run.by === 'container' && (inside === null || inside.sha256 !== there.sha256)) {
            const what = inside === null ? `sees no file at ${run.config}` : `has another file at ${run.config} than ${config} of ${host}`;
            return [
              failure(
                `${run.container} ${what}`,
                `the same file: ${config}`,
                inside === null ? 'Mount the folder of config.yaml at that path, or correct container_config.' : kept,
              ),
            ];
          }
          if (records === null) return [];
          if (records.inside === null) {
            const asHost =
              run.by === 'container'
                ? `, which is no path in ${run.container}${records.hostPath === null ? ' (no mount leads there)' : ''}`
                : ', which is not there';
            return [
              failure(
                `extra_records_path is ${records.path}${asHost}`,
                'a path as Headscale sees it',
                'Name the file by its path in the container, in a folder that is mounted.',
              ),
            ];
          }
          if (records.onHost !== null && records.onHost.sha256 !== records.inside.sha256)
            return [
              failure(
                `Headscale has another ${records.path} than ${records.hostPath} of ${host}${records.alone ? ': the file is mounted alone' : ''}`,
                'the same file',
                kept,
              ),
            ];
          return [];
        },
      },
    ];
  },
});
