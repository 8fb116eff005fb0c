import { defineCheck, resultId } from '../../check.ts';
import { container, image } from '../../probes/container.ts';
import { onHost } from '../../reproduce.ts';
import { CONTAINER, UNIT } from '../../services/litellm.ts';
import { imageTag, isRolling } from '../../services/version.ts';
import imageCheck from './image.ts';
import unitActive from './unit-active.ts';

export default defineCheck({
  id: 'litellm/image-moved',
  title: 'A restart starts the image that runs now',
  story:
    'A tag is a name that can be moved. Pulled again, it names another image while the container goes on with the old one, and some restart weeks later brings the new one, unasked; LiteLLM’s main-stable once went back two minor versions. ' +
    'Seen on the host alone: whether the registry’s tag has moved since is not asked.',
  decides:
    'The id of the image that runs against the id that its name has on the host now. Different is a failure: the next start changes what runs. A rolling tag, or a name that is gone, is a warning.',
  sources: ['podman-inspect(1), podman-image-inspect(1)', 'measured: podman pull of a tag that was moved'],
  each: (fabric) => {
    const { host, image: declared } = fabric.litellm;
    const running = container(host, CONTAINER);
    const local = image(host, declared);
    return [
      {
        subject: host,
        needs: [running, local],
        blockedBy: [resultId(unitActive, host), resultId(imageCheck, host)],
        judge: ({ know }) => {
          const state = know(running);
          const now = know(local);
          if (state === null) return []; // litellm/image says so
          if (isRolling(state.image)) {
            return [
              {
                severity: 'warn',
                saw: `the container runs ${state.image}, and ${imageTag(state.image)} is whatever upstream published last`,
                want: 'a tag that stays, or a digest',
                advice: `Pin what runs: set litellm.image to its version (sudo podman exec ${CONTAINER} litellm --version), then \`fabric deploy litellm\`.`,
                reproduce: onHost(fabric, host, `sudo podman ps --filter name=${CONTAINER} --format '{{.Image}} {{.ImageID}}'`),
              },
            ];
          }
          if (state.image !== declared || now === state.imageId) return []; // another image is litellm/image's finding
          const reproduce = onHost(
            fabric,
            host,
            `sudo podman inspect --type container --format '{{.Image}}' ${CONTAINER}; sudo podman image inspect --format '{{.Id}}' ${declared}`,
          );
          if (now === null) {
            return [
              {
                severity: 'warn',
                saw: `no image on ${host} is called ${declared} any more; the container runs ${short(state.imageId)}`,
                want: 'the image that runs, under its name: the next start pulls it anew',
                advice: `Give it back its name: sudo podman tag ${state.imageId} ${declared}.`,
                reproduce,
              },
            ];
          }
          return [
            {
              severity: 'fail',
              saw: `${declared} names ${short(now)} since it was pulled or tagged again; the container runs ${short(state.imageId)}`,
              want: 'one image: the next restart changes what runs',
              advice: `Take the new one now: sudo systemctl restart ${UNIT}, then \`fabric validate\`. Or keep the old one: sudo podman tag ${state.imageId} ${declared}. A digest in litellm.image cannot move.`,
              reproduce,
            },
          ];
        },
      },
    ];
  },
});

/** Twelve digits, as podman prints them. */
const short = (id: string): string => id.replace(/^sha256:/, '').slice(0, 12);
