import { defineCheck, type Finding, resultId } from '../../check.ts';
import { headscaleServer } from '../../probes/headscale-server.ts';
import { onHost } from '../../reproduce.ts';
import { readNames, readRecords } from '../../services/headscale.ts';
import paths from './headscale-paths.ts';

export default defineCheck({
  id: 'dns/headscale-loaded',
  rex: ['REX-33'],
  standing: true,
  title: 'Headscale runs, on its files as they are',
  story:
    'config.yaml is read once, at the start: a record added to it is nobody’s until Headscale is restarted. The file of extra_records_path is read again when it changes; but with one comma too many Headscale logs an error, ' +
    'keeps the records that it had, and says nothing to anybody who asks.',
  decides:
    'When Headscale’s process started and when its config.yaml was last changed, as it sees it; and whether that file, and the file of extra_records_path, can be read as what they should be.',
  sources: ['Headscale: docs/ref/dns.md; hscontrol/dns/extrarecords.go (bad JSON keeps the old records)'],
  each: (fabric) => {
    const headscale = fabric.dns?.headscale;
    if (headscale === undefined) return [];
    const { host, config, run } = headscale;
    const server = headscaleServer(headscale);
    return [
      {
        subject: host,
        needs: [server],
        blockedBy: [resultId(paths, host)],
        judge: ({ know }): readonly Finding[] => {
          const { running, inside, textInside, records } = know(server);
          const name = run.by === 'unit' ? run.unit : run.container;
          const again =
            run.by === 'unit'
              ? `sudo systemctl restart ${name}`
              : run.compose === undefined
                ? `sudo podman restart ${name}`
                : `docker compose -f ${run.compose} restart`;
          const failure = (saw: string, want: string, advice: string): Finding => ({
            severity: 'fail',
            saw,
            want,
            advice,
            reproduce: onHost(
              fabric,
              host,
              run.by === 'unit'
                ? `systemctl status ${name}; ls -l --time-style=full-iso ${config}`
                : `sudo podman ps -a --filter name=${name} || sudo docker ps -a --filter name=${name}; ls -l --time-style=full-iso ${config}`,
            ),
          });
          if (running === null)
            return [failure(`${name} does not run on ${host}`, 'it runs', `Read why it ended, then start it: ${again}.`)];
          const names = readNames(textInside);
          if ('why' in names)
            return [failure(`the part dns: of ${config}: ${names.why}`, 'YAML', 'Correct it: headscale configtest says where.')];
          const bad = records === null || records.text.trim() === '' ? null : readRecords(records.text);
          if (bad !== null && 'why' in bad && records !== null)
            return [
              failure(
                `${records.path}: ${bad.why}, so Headscale keeps the records that it had`,
                'a list of records in JSON',
                `Correct it: jq . ${records.hostPath ?? records.path}`,
              ),
            ];
          if (inside !== null && inside.age < running)
            return [
              {
                ...failure(
                  `${config} was changed ${ago(running - inside.age)} after Headscale started, and is not read again`,
                  'started after the last change',
                  `Restart it: ${again}.`,
                ),
                fix: 'deploy dns',
              },
            ];
          return [];
        },
      },
    ];
  },
});

const ago = (seconds: number): string =>
  seconds < 120 ? `${seconds} s` : seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
