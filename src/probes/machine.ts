import { type Probe, succeeded } from '../evidence.ts';
import type { HostName } from '../fabric.ts';

export interface Machine {
  /** `debian`, `fedora`, …: ID and ID_LIKE of /etc/os-release. */
  readonly like: readonly string[];
  /** Commands of those asked for that are not there. */
  readonly missing: readonly string[];
  /** Podman's version as numbers: `[5, 4, 2]`. Empty when it is not there. */
  readonly podman: readonly number[];
}

/** What a deployment needs to find on the host. */
export const NEEDED = ['podman', 'systemctl', 'curl', 'ss', 'ip', 'flock', 'awk', 'sha256sum', 'timeout'] as const;

/**
 *   like fedora
 *   missing podman
 *   podman version 5.4.2
 */
export const machine = (at: HostName): Probe<Machine> => ({
  key: 'machine',
  question: {
    at,
    via: 'sh',
    sudo: true,
    script: `. /etc/os-release 2>/dev/null; echo "like $ID $ID_LIKE"; for c in ${NEEDED.join(' ')}; do command -v $c >/dev/null || echo "missing $c"; done; if command -v podman >/dev/null; then podman --version; fi`,
  },
  read: (answer) => {
    const lines = succeeded(answer).split('\n');
    const after = (word: string): readonly string[] =>
      lines.flatMap((line) => (line.startsWith(`${word} `) ? [line.slice(word.length + 1)] : []));
    return {
      like: after('like').flatMap((line) => line.split(' ').filter(Boolean)),
      missing: after('missing'),
      podman: (/^podman version ([\d.]+)/m.exec(lines.join('\n'))?.[1] ?? '').split('.').filter(Boolean).map(Number),
    };
  },
});
