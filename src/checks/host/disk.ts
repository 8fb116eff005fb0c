import { defineCheck, type Finding } from '../../check.ts';
import { type Disk, disk, type Room } from '../../probes/host.ts';
import { onHost } from '../../reproduce.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

/** What a folder must be able to take, by what is written there: amounts, since a tenth of a large disk is plenty and of a small one nothing. */
interface Need {
  readonly folder: keyof Disk;
  readonly holds: string;
  readonly bytes: { readonly fail: number; readonly warn: number };
  readonly inodes: { readonly fail: number; readonly warn: number };
}
const NEEDS: readonly Need[] = [
  {
    folder: 'images',
    holds: 'podman’s images',
    // The lab's image of LiteLLM is 0.8 GB in 30,000 files, and upstream's carries more; a pull holds the packed layers beside the
    // unpacked ones, and the old image stays for the way back. Below `fail` podman cannot even keep its database and the container's log.
    bytes: { fail: 512 * MIB, warn: 4 * GIB },
    inodes: { fail: 1000, warn: 60_000 },
  },
  // Files of some KiB, and five releases of them: a write that finds no room leaves the old file, and the deployment is taken back.
  { folder: 'directory', holds: 'config.yaml and .env', bytes: { fail: 16 * MIB, warn: 128 * MIB }, inodes: { fail: 50, warn: 500 } },
  { folder: 'state', holds: 'the releases to go back to', bytes: { fail: 16 * MIB, warn: 128 * MIB }, inodes: { fail: 50, warn: 500 } },
];

export default defineCheck({
  id: 'host/disk',
  title: 'There is room for the next deployment',
  story:
    'A full disk shows last where it hurts: podman cannot write its database, a pull ends halfway, the log stops telling why. Each release leaves its image behind, so the store of images grows with every deployment.',
  decides:
    'Free bytes and files (df) where podman’s images, LiteLLM’s folder and fabric’s releases are. Too little for the next deployment is a failure: 512 MiB or 1,000 files for images, 16 MiB or 50 files for the rest. A warning from 4 GiB or 60,000 files, and from 128 MiB or 500 files, down.',
  sources: ['df(1)', 'measured: LiteLLM’s image and what a pull needs beside it'],
  standing: true,
  each: (fabric) => {
    const { host, directory } = fabric.litellm;
    const rooms = disk(host, directory);
    return [
      {
        subject: host,
        needs: [rooms],
        judge: ({ know }) => {
          const found = know(rooms);
          const told = new Set<string>();
          return NEEDS.flatMap(({ folder, holds, bytes, inodes }): readonly Finding[] => {
            const room = found[folder];
            if (room === null || told.has(room.mount)) return [];
            const severity = short(room, { bytes: bytes.fail, inodes: inodes.fail })
              ? 'fail'
              : short(room, { bytes: bytes.warn, inodes: inodes.warn })
                ? 'warn'
                : null;
            if (severity === null) return [];
            told.add(room.mount); // one full file system is one finding
            return [
              {
                severity,
                saw: `${amount(room.free)} of ${amount(room.size)}${room.inodes === null ? '' : ` and ${room.inodes} files`} are free on ${room.mount}, which holds ${room.path} (${holds})`,
                want: `at least ${amount(bytes.warn)}${room.inodes === null ? '' : ` and ${inodes.warn} files`}`,
                advice: `Old images are the largest: sudo podman image prune (with -a also those of old releases, which a rollback then pulls again). Then the largest folders: sudo du -xh ${room.mount} | sort -h | tail.`,
                reproduce: onHost(fabric, host, `df -h ${room.mount}; df -i ${room.mount}; sudo podman system df`),
              },
            ];
          });
        },
      },
    ];
  },
});

const short = ({ free, inodes }: Room, least: { readonly bytes: number; readonly inodes: number }): boolean =>
  free < least.bytes || (inodes !== null && inodes < least.inodes);

const amount = (bytes: number): string => (bytes >= GIB ? `${(bytes / GIB).toFixed(1)} GiB` : `${Math.floor(bytes / MIB)} MiB`);
