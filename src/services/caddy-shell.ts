// Shell text that finds Caddy on its host, for questions and for steps. Nothing here runs anything.
import type { Caddy } from '../fabric.ts';
import { quote } from '../shell.ts';

/** Asked narrowly: a whole inspect prints secrets. */
const FIELDS = [
  '{{.State.Status}}',
  '{{.State.Pid}}',
  '{{.RestartCount}}',
  '{{.HostConfig.NetworkMode}}',
  '{{json .NetworkSettings.Ports}}',
  '{{json .NetworkSettings.Networks}}',
  '{{range .Mounts}}{{.Source}}={{.Destination}}|{{end}}',
].join('\t');

/**
 * Who runs it: root's podman or docker, else a user's own. Sets `w` (which), `u` (whose; empty: root's), `s` (what it says), `p` (a process,
 * 0: none) and `in` (the Caddyfile where Caddy finds it), and defines `e` (the engine) and `c` (Caddy's own program); or says `absent` and ends.
 */
export const findCaddy = ({ container, unit, caddyfile }: Caddy): string =>
  container === undefined
    ? [
        `s=$(systemctl show ${quote(unit ?? '')} -p LoadState,ActiveState,MainPID,NRestarts) || exit`,
        'v() { printf "%s\\n" "$s" | sed -n "s/^$1=//p"; }',
        'case $(v LoadState) in not-found) echo absent; exit;; esac',
        `w=systemd u= p=$(v MainPID) in=${quote(caddyfile)}`,
        // Between two starts systemd calls it activating, and it has a process now and then.
        'case $(v ActiveState) in active | reloading) ;; *) p=0;; esac',
        's=$(printf "%s\\t%s\\t%s\\thost\\t{}\\t{}\\t" "$(v ActiveState)" "$p" "$(v NRestarts)")',
        // What does not run is what would be started.
        `x=$(readlink "/proc/$p/exe") || x=$(systemctl show ${quote(unit ?? '')} -p ExecStart --value | sed -n 's/^{ path=\\([^ ;]*\\).*/\\1/p' | head -n 1)`,
        'c() { "$x" "$@"; }',
      ].join('\n')
    : [
        `w= u= bad= n=${quote(container)}`,
        'e() { case $w/$u in */) "$w" "$@";; docker/*) docker -H "unix://$d/docker.sock" "$@";; *) (cd / && runuser -u "$u" -- env XDG_RUNTIME_DIR="$d" podman "$@");; esac; }',
        `look() { b=$(e inspect --type container --format ${quote(FIELDS)} "$n" 2>&1) && { s=$b; return 0; }; case $b in *[Nn]o\\ such*) ;; *) bad="$w: $b";; esac; w=; return 1; }`,
        'for w in podman docker; do command -v $w >/dev/null || { w=; continue; }; if [ $w = docker ] && docker --version 2>/dev/null | grep -qi podman; then w=; continue; fi; look && break; done',
        'if [ -z "$w" ]; then for d in /run/user/[0-9]*; do u=$(id -nu "${d##*/}" 2>/dev/null) || continue',
        '  if [ -S "$d/docker.sock" ] && command -v docker >/dev/null; then w=docker; look && break; fi',
        '  if [ -d "$(getent passwd "$u" | cut -d: -f6)/.local/share/containers" ] && command -v podman >/dev/null; then w=podman; look && break; fi',
        'done; fi',
        'if [ -z "$w" ]; then if [ -n "$bad" ]; then printf "%s\\n" "$bad" >&2; exit 1; fi; echo absent; exit; fi',
        `p=$(printf '%s\\n' "$s" | cut -f2)`,
        // A folder is mounted, or the file itself. What is not mounted is where the image has it.
        `in=$(printf '%s\\n' "$s" | cut -f7 | tr '|' '\\n' | awk -F= -v f=${quote(caddyfile)} '$1 != "" && (f == $1 || index(f, $1 "/") == 1) && length($1) > l { l = length($1); i = $2 substr(f, l + 1) } END { print i }'); in=\${in:-/etc/caddy/Caddyfile}`,
        'c() { e exec "$n" caddy "$@"; }',
      ].join('\n');
