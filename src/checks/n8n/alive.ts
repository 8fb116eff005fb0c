import { defineCheck } from '../../check.ts';
import { described } from '../../probes/http.ts';
import { n8nHealth, n8nProcess } from '../../probes/n8n.ts';
import { onHost } from '../../reproduce.ts';
import { called, logCommand } from '../../services/n8n.ts';

export default defineCheck({
  id: 'n8n/alive',
  title: 'n8n runs and answers',
  story:
    'What else is asked of n8n (its variables, its log) is asked of the process that runs, so without one there is one finding. It is asked from its own network: a port that is not published, or that nginx alone reaches, is no reason to call it dead.',
  decides:
    'A process is there, and /healthz on its own loopback answers 200. n8n answers so while it still migrates its database: alive is not ready.',
  sources: [
    'n8n: packages/cli/src/abstract-server.ts (/healthz)',
    'measured: n8n 2.40.7 answers /healthz 3 s after its first start, in the middle of its migrations',
  ],
  each: (fabric) => {
    const { n8n } = fabric;
    if (n8n === undefined) return [];
    const [process, health] = [n8nProcess(n8n), n8nHealth(n8n)];
    return [
      {
        subject: n8n.host,
        needs: [process, health],
        judge: ({ know }) => {
          const running = know(process);
          const reproduce = onHost(fabric, n8n.host, logCommand(n8n, running?.by));
          const want = 'n8n runs, and /healthz answers 200';
          if (running === null)
            return [
              {
                severity: 'fail',
                saw: `there is no ${called(n8n)}`,
                want,
                advice: 'Start it, or correct n8n.container and n8n.unit in fabric.yaml. What a user’s own podman runs is not looked at.',
                reproduce: onHost(fabric, n8n.host, 'sudo podman ps -a; sudo docker ps -a; systemctl list-units "*n8n*"'),
              },
            ];
          if (running.variables === null)
            return [
              {
                severity: 'fail',
                saw: `${called(n8n)} is ${running.status}${running.restarts > 0 ? `, after ${running.restarts} restarts by itself` : ''}`,
                want,
                advice: 'Read why it ended, and start it.',
                reproduce,
              },
            ];
          const reply = know(health);
          if (reply === null) return [{ lost: 'unreadable', why: `${called(n8n)} ended while it was asked` }];
          if (typeof reply !== 'string' && reply.status === 200) return [];
          return [
            {
              severity: 'fail',
              saw: `${called(n8n)} runs, and /healthz from its own network: ${described(reply)}`,
              want,
              advice: 'It may still start: ask again in a minute. Then read its log.',
              reproduce,
            },
          ];
        },
      },
    ];
  },
});
