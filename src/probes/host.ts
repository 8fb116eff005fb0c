import { type Probe, succeeded, Unreadable } from '../evidence.ts';
import type { HostName } from '../fabric.ts';
import { STORAGE } from '../services/engine.ts';
import { quote } from '../shell.ts';
import { STATE } from '../state.ts';

export interface Clock {
  /** Seconds that the host's clock is surely ahead of ours (negative: behind). 0 while it is somewhere between question and answer. */
  readonly ahead: number;
  /** Whether something keeps it, as `timedatectl` says; `null` where it does not say. */
  readonly kept: boolean | null;
}

/**
 * The host's clock, against ours when the question left and when the answer was here, so that a slow line is no skew.
 *
 *   1771400000
 *   NTP=yes
 *   NTPSynchronized=yes
 */
export const clock = (at: HostName): Probe<Clock> => ({
  key: 'clock',
  question: {
    at,
    via: 'sh',
    script:
      'date +%s; if command -v timedatectl >/dev/null; then timeout 3 timedatectl show -p NTP -p NTPSynchronized 2>/dev/null; fi; true',
  },
  read: (answer, _, here) => {
    const lines = succeeded(answer).split('\n');
    const now = Number(lines[0] || 'nothing');
    if (!Number.isInteger(now)) throw new Unreadable(`not a time: ${JSON.stringify(lines[0]?.slice(0, 80))}`);
    if (here === undefined) throw new Unreadable('nobody noted what time it was here');
    const said = lines.find((line) => line.startsWith('NTPSynchronized='));
    return {
      ahead: now > here.heard ? now - here.heard : now < here.asked ? now - here.asked : 0,
      kept: said === undefined ? null : said.endsWith('=yes'),
    };
  },
});

/** Free space where a folder is, or would be. */
export interface Room {
  readonly path: string;
  /** Where its file system is mounted. */
  readonly mount: string;
  /** Bytes that a process may still write. */
  readonly free: number;
  readonly size: number;
  /** Files that may still be made; `null` where the file system has no such limit (btrfs). */
  readonly inodes: number | null;
}
export interface Disk {
  readonly directory: Room;
  readonly state: Room;
  /** podman's store of images and containers. `null`: no podman there. */
  readonly images: Room | null;
}

/**
 * Three folders, each with `df` of its blocks (1024 bytes) and of its inodes.
 *
 *   = directory /flux/apps/litellm
 *   Filesystem     1024-blocks     Used Available Capacity Mounted on
 *   /dev/vda1        264117228 16000000  79000000      17% /
 *   Filesystem        Inodes  IUsed    IFree IUse% Mounted on
 *   /dev/vda1       16777216 300000 16477216    2% /
 */
export const disk = (at: HostName, directory: string): Probe<Disk> => ({
  key: `disk${directory}`,
  question: {
    at,
    via: 'sh',
    sudo: true,
    script: [
      'room() { echo "= $1 $2"; d=$2; while [ ! -e "$d" ]; do d=$(dirname "$d"); done; df -Pk "$d" && df -Pi "$d"; }',
      `room directory ${quote(directory)} && room state ${STATE} || exit`,
      // Podman is asked only where somebody moved its store: of all its own versions, packages and programs `info` tells as well, a dozen processes.
      'command -v podman >/dev/null || exit 0',
      `g=${STORAGE}; if cat /etc/containers/storage.conf /etc/containers/storage.conf.d/* /usr/share/containers/storage.conf 2>/dev/null | grep '^[[:space:]]*graphroot' | grep -qv '"${STORAGE}"'; then g=$(podman info --format '{{.Store.GraphRoot}}') || exit; fi`,
      'room images "$g"',
    ].join('\n'),
  },
  read: (answer) => {
    const rooms = new Map(succeeded(answer).split(/^= /m).slice(1).map(room));
    const [mine, state] = [rooms.get('directory'), rooms.get('state')];
    if (!mine || !state) throw new Unreadable(`not what df says: ${JSON.stringify(answer.out.slice(0, 80))}`);
    return { directory: mine, state, images: rooms.get('images') ?? null };
  },
});

const room = (text: string): readonly [string, Room] => {
  const [head = '', , blocks = '', , nodes = ''] = text.split('\n');
  const [name = '', path = ''] = head.split(' ');
  const of = (line: string): readonly [string, string, string] => {
    const [, total = '', free = '', mount = ''] = /\s(\d+|-)\s+(?:\d+|-)\s+(\d+|-)\s+\S+\s+(\/.*)$/.exec(line) ?? [];
    if (!mount) throw new Unreadable(`not what df says: ${JSON.stringify(line.slice(0, 80))}`);
    return [total, free, mount];
  };
  const [size, free, mount] = of(blocks);
  const [limit, left] = of(nodes);
  return [
    name,
    { path, mount, free: Number(free) * 1024, size: Number(size) * 1024, inodes: limit === '0' || limit === '-' ? null : Number(left) },
  ];
};
