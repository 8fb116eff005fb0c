import type { Fabric } from '../fabric.ts';
import type { Step } from '../plan.ts';
import { CURRENT, keptAs, RELEASES } from '../probes/release.ts';
import { quote } from '../shell.ts';

/** Shell that notes which release is in force, and says so. `n`: its number, or shell that gives it. */
export const putInForce = (n: string): string =>
  `echo "${n}" >${quote(`${CURRENT}.new`)}; mv ${quote(`${CURRENT}.new`)} ${quote(CURRENT)}; echo "release ${n}"`;

/** How many releases a host keeps. */
const KEEP = 5;

/** Keeps the files in force as the next release: image, config and .env together. `image`: theirs. `more`: shell that comes with it. */
export const keepRelease = ({ litellm }: Fabric, by: string, image: string, more: readonly string[] = []): Step => ({
  do: 'run',
  host: litellm.host,
  title: 'keep this as a release, for `fabric rollback litellm`',
  script: [
    `mkdir -p ${quote(RELEASES)}; cd ${quote(RELEASES)}`,
    'n=$(($(ls | sort -n | tail -n 1) + 1))', // an empty folder counts from 0
    // What was rolled back from is not the way back: the release before this one is the one in force now.
    `c=$(cat ${quote(CURRENT)} 2>/dev/null || echo "$n"); for d in $(ls); do if [ "$d" -gt "$c" ]; then rm -rf "$d"; fi; done`,
    'rm -rf .new; mkdir .new',
    ...keptAs(litellm).map(([name, path]) => `cp -p ${quote(path)} .new/${name}`),
    `printf '%s %s %s %s\\n' "$n" "$(date +%s)" ${quote(image)} ${quote(by)} >.new/release`,
    'mv .new "$n"',
    putInForce('$n'),
    `for d in $(ls | sort -rn | tail -n +${KEEP + 1}); do rm -rf "$d"; done`,
    ...more,
  ].join('\n'),
  undo: 'stays',
});
