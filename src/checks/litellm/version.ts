import { defineCheck, type Finding, resultId } from '../../check.ts';
import { isLost } from '../../evidence.ts';
import { container } from '../../probes/container.ts';
import { litellmVersion } from '../../probes/version.ts';
import { onHost } from '../../reproduce.ts';
import { advisoriesOn, fixedIn, KNOWN_UNTIL, NEWEST_TRIED, remedies } from '../../services/advisories.ts';
import { CONTAINER } from '../../services/litellm.ts';
import { compareVersions, imageTag, parseVersion, type Version } from '../../services/version.ts';
import unitActive from './unit-active.ts';

export default defineCheck({
  id: 'litellm/version',
  title: 'The LiteLLM that runs has no known holes',
  story:
    'LiteLLM mends several lines of releases at once, so a newer version can lack what an older one has: 1.84.3 has a fix that 1.85.0 and 1.86.0 lack. Hence ranges, and the version that runs by its own word: a tag says what somebody called the image. ' +
    `The list is fabric’s own, kept until ${KNOWN_UNTIL}; nothing is asked of the network.`,
  decides:
    'The version by the container’s own python, with the patch that the tag of a running image tells, against fabric’s list of advisories: one that lets strangers in, or that is exploited, is a failure, others a warning.',
  sources: ['osv.dev, GitHub’s and LiteLLM’s own advisories: each is named in src/services/advisories.ts'],
  standing: true,
  each: (fabric) => {
    const { host, image } = fabric.litellm;
    const inside = litellmVersion(host, CONTAINER);
    const running = container(host, CONTAINER);
    return [
      {
        subject: host,
        needs: [inside, running],
        blockedBy: [resultId(unitActive, host)],
        judge: ({ maybe }) => {
          const state = maybe(running);
          const from = isLost(state) || state === null ? null : state.image;
          const said = maybe(inside);
          const tag = imageTag(image);
          if (isLost(said)) {
            // Nothing was heard at all: one cause, said once for every check.
            if (isLost(state) && state.why === said.why) return [said];
            // What was declared may not be what runs: good for a warning, not for a pass.
            const declared = tag === null ? null : parseVersion(tag);
            const why = `${said.why}; ${declared === null ? `${image} does not tell its version either` : `judged by the tag of ${image} instead`}`;
            return [...(declared === null ? [] : judged(declared, `The declared tag ${tag}`, image)), { lost: said.lost, why }];
          }
          const version = parseVersion(said);
          if (version === null) return [{ lost: 'unreadable', why: `fabric cannot place the version ${said}` }];
          return judged(patched(version, from), `LiteLLM ${said}`, from);
        },
      },
    ];

    function judged(version: Version, name: string, from: string | null): readonly Finding[] {
      const found = advisoriesOn(version, from);
      const { line, nearest } = remedies(version);
      return (['fail', 'warn'] as const).flatMap((severity): readonly Finding[] => {
        const mine = found.filter((one) => one.severity === severity);
        if (mine.length === 0) return [];
        return [
          {
            severity,
            saw: `${name}: ${mine.map((one) => `${one.ids[0]} (${one.what}), fixed in ${fixedIn(one, version)}`).join('; ')}`,
            want: 'a version without known holes',
            advice: `Set litellm.image to release ${line ?? nearest} (the nearest that is whole${line === null ? ', there is none in this line' : ', of the same line'}) or ${NEWEST_TRIED} (the newest that fabric was tried with), then \`fabric deploy litellm\`.`,
            reproduce: onHost(
              fabric,
              host,
              `sudo podman exec ${CONTAINER} python3 -c 'import importlib.metadata as m; print(m.version("litellm"))'`,
            ),
          },
        ];
      });
    }
  },
});

/** `v1.83.10-stable.patch.3` holds the package 1.83.10: the patch shows in the tag of what runs alone. */
const patched = (version: Version, image: string | null): Version => {
  const tag = image === null ? null : imageTag(image);
  const named = tag === null ? null : parseVersion(tag);
  if (named === null || named.post === null || version.post !== null || version.pre !== null || version.dev !== null) return version;
  return compareVersions({ ...named, post: null }, version) === 0 ? named : version;
};
