import type { HostName } from '../fabric.ts';
import type { Step } from '../plan.ts';

/** Where root's podman keeps its things. */
export const STORAGE = '/var/lib/containers/storage';
/** Its database, which podman makes 0644: it relies on the folder. */
export const DATABASE = `${STORAGE}/db.sql`;

/**
 * Makes podman's folder root's alone, before a container's environment gets into the database in it. `mode`: the folder's; `null`: it is
 * not there. Who has the database open by then would go on reading it, so that is refused. It is never taken back: the keys of every
 * container would lie open again.
 */
export const closeStorage = (host: HostName, mode: string | null): Extract<Step, { readonly do: 'run' }> => ({
  do: 'run',
  host,
  title: `make ${STORAGE} 700 (${mode === null ? 'podman has not made it yet' : `it is ${mode}`}), which is not taken back`,
  script: [
    `mkdir -p ${STORAGE}; chmod 700 ${STORAGE}`,
    `f=$(cd ${STORAGE}; pwd -P)/db.sql; open=''`,
    `for p in $(find /proc/[0-9]*/fd -lname "$f" 2>/dev/null | cut -d / -f 3 | sort -u); do`,
    // By the real user: links of a process that wants no debugger are root's, whoever runs it.
    `  if awk '/^Uid:/ { exit $2 == 0 }' "/proc/$p/status" 2>/dev/null; then open="$open $p"; fi`,
    'done',
    `if [ -n "$open" ]; then echo "others than root have $f open, and would read the keys in it. End these processes first:$open" >&2; exit 1; fi`,
  ].join('\n'),
  undo: 'stays',
});
