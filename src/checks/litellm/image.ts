import { defineCheck, resultId } from '../../check.ts';
import { container } from '../../probes/container.ts';
import { onHost } from '../../reproduce.ts';
import { CONTAINER } from '../../services/litellm.ts';
import unitActive from './unit-active.ts';

export default defineCheck({
  id: 'litellm/image',
  title: 'The container runs the declared image',
  story: 'A container goes on with the image that it was started from: a new tag in fabric.yaml changes nothing that runs.',
  decides: 'The container is there, running, and podman names its image as fabric.yaml does, letter by letter.',
  sources: ['podman-inspect(1)'],
  each: (fabric) => {
    const { host, image: declared } = fabric.litellm;
    const running = container(host, CONTAINER);
    return [
      {
        subject: host,
        needs: [running],
        blockedBy: [resultId(unitActive, host)],
        judge: ({ know }) => {
          const state = know(running);
          const reproduce = onHost(fabric, host, `sudo podman ps --filter name=${CONTAINER} --format '{{.Image}} {{.Status}}'`);
          if (state === null)
            return [
              {
                severity: 'fail',
                saw: `podman has no container ${CONTAINER}`,
                want: declared,
                advice: 'Run `fabric deploy litellm`.',
                fix: 'deploy',
                reproduce,
              },
            ];
          if (state.status !== 'running')
            return [
              {
                severity: 'fail',
                saw: `the container is ${state.status}`,
                want: 'running',
                advice: 'Run `fabric deploy litellm`.',
                fix: 'deploy',
                reproduce,
              },
            ];
          if (state.image !== declared)
            return [
              { severity: 'fail', saw: state.image, want: declared, advice: 'Run `fabric deploy litellm`.', fix: 'deploy', reproduce },
            ];
          return [];
        },
      },
    ];
  },
});
