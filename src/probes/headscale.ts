import { type Probe, succeeded, Unreadable } from '../evidence.ts';
import type { HostName } from '../fabric.ts';
import { quote } from '../shell.ts';

/** A path of the host as a container sees it. */
export interface Mount {
  readonly source: string;
  readonly destination: string;
}
export interface Mounted {
  readonly engine: 'podman' | 'docker';
  readonly mounts: readonly Mount[];
}

/**
 * What of the host a container of either engine sees. `null`: no such container.
 *
 *   podman
 *   /opt/services/headscale/config	/etc/headscale
 */
export const mounts = (at: HostName, container: string): Probe<Mounted | null> => ({
  key: `mounts/${container}`,
  question: {
    at,
    via: 'sh',
    sudo: true,
    script: `for e in podman docker; do command -v $e >/dev/null || continue; if o=$($e container inspect --format '{{range .Mounts}}{{.Source}}{{"\\t"}}{{.Destination}}{{"\\n"}}{{end}}' ${quote(container)} 2>/dev/null); then if [ $e = docker ] && docker --version 2>/dev/null | grep -qi podman; then e=podman; fi; echo $e; printf '%s\\n' "$o"; exit; fi; done; echo absent`,
  },
  read: (answer) => {
    const [engine, ...lines] = succeeded(answer).split('\n').filter(Boolean);
    if (engine === 'absent') return null;
    if (engine !== 'podman' && engine !== 'docker') throw new Unreadable(`inspect said ${JSON.stringify(String(engine).slice(0, 80))}`);
    return {
      engine,
      mounts: lines.map((line) => {
        const [source = '', destination = ''] = line.split('\t');
        return { source, destination };
      }),
    };
  },
});

/** Where on the host a container's path is, and whether it is mounted alone, as a file. `null`: in the container's own files. */
export const onHost = (mounts: readonly Mount[], path: string): { readonly path: string; readonly alone: boolean } | null => {
  const around = mounts.filter(({ destination }) => path === destination || path.startsWith(`${destination.replace(/\/$/, '')}/`));
  const nearest = around.toSorted((a, b) => b.destination.length - a.destination.length)[0];
  if (nearest === undefined) return null;
  return { path: `${nearest.source}${path.slice(nearest.destination.length)}`, alone: nearest.destination === path };
};
