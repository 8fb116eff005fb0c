import { defineCheck, resultId } from '../../check.ts';
import { container, image } from '../../probes/container.ts';
import { onHost } from '../../reproduce.ts';
import { CONTAINER } from '../../services/litellm.ts';
import unitActive from './unit-active.ts';

export default defineCheck({
  id: 'litellm/image',
  title: 'The container runs the declared image',
  story:
    'A container goes on with the image that it was started from: neither a new tag in the file nor a pull of the same tag changes what runs.',
  each: (fabric) => {
    const { host, image: declared } = fabric.litellm;
    const running = container(host, CONTAINER);
    const local = image(host, declared);
    return [
      {
        subject: host,
        needs: [running, local],
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
                reproduce,
              },
            ];
          if (state.image !== declared)
            return [{ severity: 'fail', saw: state.image, want: declared, advice: 'Run `fabric deploy litellm`.', reproduce }];
          if (know(local) !== state.imageId) {
            return [
              {
                severity: 'warn',
                saw: `the tag ${declared} has moved since the container started`,
                want: 'the image that the tag names now',
                advice: 'Restart the unit, or pin the image by its digest.',
                reproduce,
              },
            ];
          }
          return [];
        },
      },
    ];
  },
});
