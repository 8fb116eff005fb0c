import { type Probe, succeeded } from '../evidence.ts';
import type { HostName, Litellm, SecretName } from '../fabric.ts';
import type { FileState } from '../plan.ts';
import { configPath, envPath, QUADLET } from '../services/litellm.ts';
import { quote } from '../shell.ts';
import { STATE } from '../state.ts';
import { file, sealedFile } from './file.ts';

/** Where a host keeps what was deployed, one numbered folder a release: config.yaml, env, litellm.container, release. */
export const RELEASES = `${STATE}/litellm/releases`;
/** The number of the release that is in force. */
export const CURRENT = `${STATE}/litellm/current`;
/** What stood there before fabric came: kept, never touched again. */
export const FOUND = `${STATE}/litellm/found`;
/** The rich rules that fabric added, one a line. */
export const RULES = `${STATE}/litellm/rules`;
/** The names that fabric wrote into .env, one a line: so that it takes out what it put in and nothing else. */
export const WRITTEN = `${STATE}/litellm/names`;
/** The names in a release's folder of the files in force. */
export const keptAs = (litellm: Litellm): readonly (readonly [name: string, path: string])[] => [
  ['config.yaml', configPath(litellm)],
  ['env', envPath(litellm)],
  ['litellm.container', QUADLET],
];

/** The files in force, with the names under which a release keeps them. The values in .env stay on the host. */
export const inForce = (litellm: Litellm) =>
  keptAs(litellm).map(([name, path]) => ({
    name,
    path,
    probe: path === envPath(litellm) ? sealedFile(litellm.host, path) : file(litellm.host, path),
  }));

/** The names that fabric noted it wrote into .env. What it wrote before it took notes is not among them, and stays. */
export const written = (at: HostName): Probe<readonly SecretName[]> => ({
  key: 'fabric/names',
  question: { at, via: 'sh', sudo: true, script: `if [ -e ${WRITTEN} ]; then cat ${WRITTEN}; fi` },
  read: (answer) => succeeded(answer).split('\n').filter(Boolean),
});

export interface Release {
  readonly n: number;
  /** Seconds since 1970. */
  readonly at: number;
  readonly by: string;
  readonly image: string;
}
export interface Kept {
  readonly current: number | null;
  /** The files on the host are those of the current release. */
  readonly inForce: boolean;
  readonly releases: readonly Release[];
  /** firewalld's rich rules that fabric added. */
  readonly rules: readonly string[];
  /** Containers that a deployment retired: `podman litellm-retired-by-fabric`. */
  readonly retired: readonly string[];
  /** Files of an earlier deployment that fabric kept. */
  readonly found: readonly string[];
  /** Folders with the files that a run replaced and did not put back: it died, or was stuck. */
  readonly journals: readonly string[];
  readonly lock: string | null;
  readonly bytes: number;
}

/** What fabric keeps on the host.
 *
 *   current 2
 *   inforce yes
 *   release 2 1771400000 ghcr.io/berriai/litellm:v1.102.4 ann@laptop
 *   rule rule family="ipv4" source address="100.64.0.0/10" port port="4000" protocol="tcp" accept
 *   retired podman litellm-retired-by-fabric
 *   found /var/lib/fabric/litellm/found/litellm.service
 *   journal /var/lib/fabric/journal/0c1d/
 *   lock 0c1d 1771400900 ann@laptop
 *   bytes 20480
 */
export const kept = (litellm: Litellm): Probe<Kept> => ({
  key: 'fabric/kept',
  question: {
    at: litellm.host,
    via: 'sh',
    sudo: true,
    script: [
      `cd ${STATE} 2>/dev/null || exit 0`,
      'if [ -e litellm/current ]; then c=$(cat litellm/current); echo "current $c"; d=litellm/releases/$c',
      `  if ${keptAs(litellm)
        .map(([name, path]) => `cmp -s "$d/${name}" ${quote(path)}`)
        .join(' && ')}; then echo 'inforce yes'; fi`,
      'fi',
      'for f in litellm/releases/*/release; do if [ -e "$f" ]; then echo "release $(cat "$f")"; fi; done',
      "if [ -s litellm/rules ]; then sed 's/^/rule /' litellm/rules; fi",
      'for e in podman docker; do command -v $e >/dev/null && $e ps -a --format \'{{.Names}}\' 2>/dev/null | sed -n "/-retired-by-fabric/s/^/retired $e /p"; done',
      `for f in litellm/found/* litellm/found/.[!.]*; do if [ -e "$f" ]; then echo "found ${STATE}/$f"; fi; done`,
      `for d in journal/*/; do if [ -d "$d" ]; then echo "journal ${STATE}/$d"; fi; done`,
      'if [ -s lock ]; then echo "lock $(cat lock)"; fi',
      'echo "bytes $(du -sb . | cut -f1)"',
    ].join('\n'),
  },
  read: (answer) => {
    const lines = succeeded(answer).split('\n');
    const after = (word: string): readonly string[] =>
      lines.flatMap((line) => (line.startsWith(`${word} `) ? [line.slice(word.length + 1)] : []));
    const [current] = after('current');
    return {
      current: current === undefined ? null : Number(current),
      inForce: after('inforce').length > 0,
      releases: after('release')
        .map((line) => /^(\d+) (\d+) (\S+) (.*)$/.exec(line))
        .flatMap((m) => (m ? [{ n: Number(m[1]), at: Number(m[2]), image: m[3] ?? '', by: m[4] ?? '' }] : []))
        .sort((a, b) => a.n - b.n),
      rules: after('rule'),
      retired: after('retired'),
      found: after('found'),
      journals: after('journal'),
      lock: after('lock')[0] ?? null,
      bytes: Number(after('bytes')[0] ?? 0),
    };
  },
});

export interface Previous {
  readonly n: number;
  readonly image: string;
  /** By its name in the release's folder. The text of `env` is its names alone. */
  readonly files: ReadonlyMap<string, FileState>;
}

/** The release before the one in force, with its files; `env` without its values. `null`: there is none.
 *
 *   = 1 ghcr.io/berriai/litellm:v1.102.4
 *   = config.yaml 644 root:root 9f86…
 *   model_list:
 */
export const previousRelease = (at: HostName): Probe<Previous | null> => ({
  key: 'fabric/previous-release',
  question: {
    at,
    via: 'sh',
    sudo: true,
    script: [
      `c=$(cat ${quote(CURRENT)} 2>/dev/null) && cd ${quote(RELEASES)} || { echo none; exit 0; }`,
      'p=; for d in $(ls | sort -n); do if [ "$d" -lt "$c" ]; then p=$d; fi; done',
      'if [ -z "$p" ]; then echo none; exit 0; fi',
      'cd "$p"; echo "= $p $(cut -d" " -f3 release)"',
      'for f in config.yaml env litellm.container; do',
      `  echo "= $f $(stat -c '%a %U:%G' $f) $(sha256sum <$f | cut -c1-64)"`,
      '  if [ $f = env ]; then sed -n "s/=.*/=/p" env; else cat $f; fi',
      'done',
    ].join('\n'),
  },
  read: (answer) => {
    const text = succeeded(answer);
    if (text.trim() === 'none') return null;
    const [head = '', ...blocks] = text.split(/^= /m).slice(1);
    const [n, image = ''] = head.trim().split(' ');
    return {
      n: Number(n),
      image,
      files: new Map(
        blocks.map((block) => {
          const cut = block.indexOf('\n');
          const [name = '', mode = '', owner = '', sha256 = ''] = block.slice(0, cut).split(' ');
          return [name, { mode, owner, sha256, text: block.slice(cut + 1) }];
        }),
      ),
    };
  },
});
