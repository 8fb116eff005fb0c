import { type Probe, succeeded, Unreadable } from '../evidence.ts';
import type { HostName } from '../fabric.ts';
import { quote } from '../shell.ts';

export interface ContainerState {
  /** `running`, `exited`, … */
  readonly status: string;
  /** As it was asked for: `ghcr.io/berriai/litellm:v1.102.4`. */
  readonly image: string;
  readonly imageId: string;
  /** `host`, `bridge`, … */
  readonly network: string;
  /** The policy's name: `always`, `no`, … */
  readonly restart: string;
}

/** What `inspect` says, asked narrowly: a whole inspect prints secrets. `null`: no such container. Tab-separated on one line. */
export const container = (at: HostName, name: string): Probe<ContainerState | null> => ({
  key: `container/${name}`,
  question: {
    at,
    via: 'sh',
    sudo: true,
    // Whether it is there at all is asked where the look fails: each of podman's processes costs a host some 40 ms.
    script: `podman inspect --type container --format '{{.State.Status}}\t{{.ImageName}}\t{{.Image}}\t{{.HostConfig.NetworkMode}}\t{{.HostConfig.RestartPolicy.Name}}' ${quote(name)} || { c=$?; podman container exists ${quote(name)}; if [ $? = 1 ]; then echo absent; else exit $c; fi; }`,
  },
  read: (answer) => {
    const text = succeeded(answer);
    if (text.trim() === 'absent') return null;
    const [status = '', image = '', imageId = '', network = '', restart = ''] = text.trim().split('\t');
    if (!image) throw new Unreadable(`podman inspect said ${JSON.stringify(text.slice(0, 80))}`);
    return { status, image, imageId, network, restart };
  },
});

/** The local image's id. `null`: not pulled yet. */
export const image = (at: HostName, name: string): Probe<string | null> => ({
  key: `image/${name}`,
  question: {
    at,
    via: 'sh',
    sudo: true,
    script: `podman image inspect --format '{{.Id}}' ${quote(name)} 2>/dev/null || podman image exists ${quote(name)} || { [ $? = 1 ] && echo absent; }`,
  },
  read: (answer) => {
    const text = succeeded(answer).trim();
    return text === 'absent' ? null : text;
  },
});

export interface Published {
  readonly engine: 'podman' | 'docker';
  readonly container: string;
  /** The host's address that it is published on. */
  readonly address: string;
  readonly port: number;
}
export interface Containers {
  readonly running: readonly { readonly engine: 'podman' | 'docker'; readonly name: string; readonly image: string }[];
  readonly published: readonly Published[];
}

/**
 * Running containers of both engines and the TCP ports that they publish. An engine that is not there has none.
 *
 *   podman	litellm	ghcr.io/berriai/litellm:v1.102.4
 *   docker	web	docker.io/library/caddy:2	0.0.0.0:4000->4000/tcp, [::]:4000->4000/tcp, 0.0.0.0:8000-8002->8000-8002/tcp
 */
export const containers = (at: HostName): Probe<Containers> => ({
  key: 'containers',
  question: {
    at,
    via: 'sh',
    sudo: true,
    script: `for e in podman docker; do command -v $e >/dev/null || continue; if [ $e = docker ] && docker --version 2>/dev/null | grep -qi podman; then continue; fi; $e ps --format "$e\t{{.Names}}\t{{.Image}}\t{{.Ports}}" || { [ $e = docker ] && continue; exit 1; }; done`,
  },
  read: (answer) => {
    const lines = succeeded(answer)
      .split('\n')
      .filter(Boolean)
      .map((line) => line.split('\t'))
      .map(([engine, name = '', image = '', ports = '']) => ({
        engine: engine === 'docker' ? ('docker' as const) : ('podman' as const),
        name,
        image,
        ports,
      }));
    return {
      running: lines.map(({ engine, name, image }) => ({ engine, name, image })),
      published: lines.flatMap(({ engine, name, ports }) =>
        ports.split(', ').flatMap((one) => publishedPorts(one).map((at) => ({ engine, container: name, ...at }))),
      ),
    };
  },
});

const publishedPorts = (text: string): readonly { readonly address: string; readonly port: number }[] => {
  const [, address = '', first, last] = /^(.*):(\d+)(?:-(\d+))?->.*\/tcp$/.exec(text) ?? [];
  if (first === undefined) return [];
  const bare = address.replace(/^\[|\]$/g, '');
  const count = Number(last ?? first) - Number(first) + 1;
  return Array.from({ length: Math.min(count, 65_536) }, (_, n) => ({ address: bare, port: Number(first) + n }));
};
