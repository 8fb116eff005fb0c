import { type Probe, succeeded, Unreadable } from '../evidence.ts';
import type { Headscale } from '../fabric.ts';
import { quote } from '../shell.ts';

/** A file as it stands somewhere: seconds since its last change, and its hash. */
export interface Seen {
  readonly age: number;
  readonly inode: string;
  readonly sha256: string;
}
/** What Headscale has before it, and what is on its host. */
export interface HeadscaleServer {
  /** Seconds that it has run, at the least. `null`: it does not. */
  readonly running: number | null;
  /** config.yaml on the host, and where Headscale itself looks: in a container, another root. `null`: no such file. */
  readonly onHost: Seen | null;
  readonly inside: Seen | null;
  /** The part `dns:` of the file on the host, and of the one inside where that is another. */
  readonly text: string;
  readonly textInside: string;
  /** Of extra_records_path. `null`: there is none. */
  readonly records: RecordsSeen | null;
}
export interface RecordsSeen {
  /** As Headscale's config says. */
  readonly path: string;
  /** `null`: Headscale finds no such file. */
  readonly inside: Seen | null;
  /** What it holds, as Headscale sees it. */
  readonly text: string;
  /** Where that path is on the host; `null`: in no mount. */
  readonly hostPath: string | null;
  readonly onHost: Seen | null;
  /** The mount is the file itself, and not its folder. */
  readonly alone: boolean;
}

/**
 * The server's files, as they are on the host and as its process sees them: /proc/PID/root is the container's own root. Only the part `dns:`
 * travels: the rest holds keys. Seen with podman 5.4:
 *
 *   running 1771400000
 *   host 1771399000 4711 9f86d081…
 *   inside 1771399000 4711 9f86d081…
 *   path /var/lib/headscale/records.json
 *   records 1771399000 4712 60303ae2…
 *   mount /opt/services/headscale/data /var/lib/headscale
 *   hostpath /opt/services/headscale/data/records.json
 *   hostrecords 1771399000 4712 60303ae2…
 *   = host
 *   dns:
 *     magic_dns: true
 *   = inside
 *   = records
 *   [{"name":"mayi.example.net","type":"A","value":"100.64.0.14"}]
 */
export const headscaleServer = ({ host, config, run }: Headscale): Probe<HeadscaleServer> => {
  // What it is that runs: `u` where it does, `r` the root that its process sees.
  const running =
    run.by === 'unit'
      ? [
          `s=$(systemctl show --timestamp=unix -p ActiveState,ActiveEnterTimestamp ${quote(run.unit)})`,
          'u= r=; case $s in *ActiveState=active*) u=1; echo "running $(printf "%s\\n" "$s" | sed -n "s/^ActiveEnterTimestamp=@//p")";; esac',
        ]
      : [
          'p= e= u= r=',
          `for c in podman docker; do command -v $c >/dev/null || continue; i=$($c container inspect --format '{{.State.Pid}}' ${quote(run.container)} 2>/dev/null) && { p=$i e=$c; break; }; done`,
          `[ -z "$e" ] || $e container inspect --format '{{range .Mounts}}{{printf "mount %s %s\\n" .Source .Destination}}{{end}}' ${quote(run.container)} >"$m"`,
          'if [ "${p:-0}" -gt 0 ] 2>/dev/null; then u=1 r=/proc/$p/root; b=$(sed -n "s/^btime //p" /proc/stat) t=$(sed "s/.*) //" /proc/$p/stat | cut -d" " -f20); echo "running $((b + t / $(getconf CLK_TCK)))"; fi',
        ];
  // A container's start is the sum of two times that are each rounded down: it may be two seconds later, and after a change that it read.
  const rounded = run.by === 'unit' ? 0 : 2;
  const inside = run.by === 'unit' ? config : run.config;
  return {
    key: 'headscale/server',
    question: {
      at: host,
      via: 'sh',
      sudo: true,
      script: [
        'm=$(mktemp) || exit; trap \'rm -f "$m"\' EXIT',
        ...running,
        'f() { if [ -f "$2" ]; then h=$(sha256sum <"$2"); echo "$1 $(stat -c \'%Y %i\' "$2") ${h%% *}"; fi; }',
        'd() { echo "= $1"; [ ! -f "$2" ] || awk \'/^[^ #\\t-]/ { p = /^["\\047]?dns["\\047]?[ \\t]*:/ } p\' "$2"; }',
        `f host ${quote(config)}`,
        ...(run.by === 'unit' ? [] : ['cat "$m"']),
        `c=${quote(inside)}; [ -z "$r" ] || c=$r$c; i=$c; [ -f "$i" ] || i=${quote(config)}`,
        '[ -z "$u" ] || f inside "$c"',
        `x=$(sed -n 's/^[ \\t]*extra_records_path:[ \\t]*//p' "$i" 2>/dev/null | sed 's/[ \\t]#.*//; s/^["\\047]//; s/["\\047][ \\t]*$//' | head -n 1)`,
        'if [ -n "$x" ]; then echo "path $x"; f records "$r$x"',
        run.by === 'unit'
          ? 'h=$x'
          : `h=$(awk -v x="$x" '{ d = $3; if (x == d) { print $2; exit } if (index(x, d "/") == 1 && length(d) > n) { n = length(d); b = $2 substr(x, n + 1) } } END { if (b != "") print b }' "$m" | head -n 1)`,
        'if [ -n "$h" ]; then echo "hostpath $h"; f hostrecords "$h"; fi; fi',
        `d host ${quote(config)}`,
        `echo "= inside"; [ -z "$u" ] || cmp -s "$c" ${quote(config)} || d x "$c" | tail -n +2`,
        'echo "= records"; [ -z "$x" ] || [ ! -f "$r$x" ] || cat "$r$x"',
      ].join('\n'),
    },
    read: (answer, now) => {
      const [head = '', onHost = '', textInside = '', records = ''] = succeeded(answer).split(/^= (?:host|inside|records)\n?/m);
      const after = (word: string): string | undefined => new RegExp(`^${word} (.*)$`, 'm').exec(head)?.[1];
      const seen = (word: string): Seen | null => {
        const [, time, inode, sha256] = /^(\d+) (\d+) ([0-9a-f]{64})$/.exec(after(word) ?? '') ?? [];
        if (time === undefined || inode === undefined || sha256 === undefined) {
          if (after(word) !== undefined) throw new Unreadable(`not a file: ${JSON.stringify(after(word)?.slice(0, 60))}`);
          return null;
        }
        return { age: now - Number(time), inode, sha256 };
      };
      const [started, path, hostPath] = [after('running'), after('path'), after('hostpath')];
      return {
        running: started === undefined ? null : now - Number(started) - rounded,
        onHost: seen('host'),
        inside: seen('inside'),
        text: onHost,
        textInside: textInside.trim() === '' ? onHost : textInside,
        records:
          path === undefined
            ? null
            : {
                path,
                inside: seen('records'),
                text: records,
                hostPath: hostPath ?? null,
                onHost: seen('hostrecords'),
                alone: new RegExp(`^mount \\S+ ${path.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`, 'm').test(head),
              },
      };
    },
  };
};
