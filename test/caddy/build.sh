#!/bin/bash
# build.sh: what the lab of Caddy needs, in $LAB_DIR/caddy (LAB_DIR: /var/lib/fabric-lab), on top of test/lab/build.sh's base. Root.
#
#   caddy         Caddy at the version that docs/caddy.md measured: Debian's, of its unstable suite, or from its Go module (Go)
#   caddy-debian  Debian's, 2.6.2, for what it cannot do
#   image.tar     the root of a container image: that Caddy and busybox, as bare as upstream's (sh and wget, no curl)
#   layer         Debian's docker.io and what masks and forwards (iptables, conntrack, socat, passt, slirp4netns), over the base
#   bin/curl      the base's curl, which lists HTTP3, for this machine: its own may not
#
# Each is made under another name and renamed when whole; NAME.stamp holds the hash of what defines it, so a second run does nothing.
set -euo pipefail
LAB=$(cd "$(dirname "$0")/../lab" && pwd)
. "$LAB/layer.sh"
. "$LAB/go.sh"
LAB_DIR=${LAB_DIR:-/var/lib/fabric-lab}
OUT=$LAB_DIR/caddy
CADDY=v2.11.4

[ "$(id -u)" = 0 ] || { echo 'caddy: root is needed' >&2; exit 1; }
mkdir -p "$OUT/bin"
exec 9>"$OUT/build.lock"
flock 9

part() { # NAME INPUT...
  local name=$1 new=$OUT/$1.new make want t0=$SECONDS; shift
  make=build_${name%.tar}
  want=$({ declare -f "$make"; echo "$CADDY"; cat "$@" </dev/null; } | sha256sum | cut -d' ' -f1)
  [ -e "$OUT/$name" ] && [ "$(cat "$OUT/$name.stamp" 2>/dev/null)" = "$want" ] && return
  if [ "$name" = layer ] && grep -qs "$OUT/layer" "$LAB_DIR"/run/*/*/base; then
    echo "caddy: the layer must be made anew, but hosts stand on it: $(grep -ls "$OUT/layer" "$LAB_DIR"/run/*/*/base | xargs); take them down first" >&2
    return 1
  fi
  echo "caddy: making $name"
  rm -rf --one-file-system "$new" "$new".* "$OUT/$name.stamp" "${OUT:?}/$name"
  "$make" "$new" || { cat "$new.log" >&2 2>/dev/null; echo "caddy: $name could not be made" >&2; return 1; }
  mv "$new" "$OUT/$name"
  rm -rf --one-file-system "$new".*
  echo "$want" > "$OUT/$name.stamp"
  echo "caddy: $name made in $((SECONDS - t0)) s"
}

build_caddy() { # OUT
  # A suite that stands still where it is served says that it has expired. Two minutes more where it has moved on from this version.
  if mmdebstrap --quiet --variant=extract --include=caddy --aptopt='Acquire::Check-Valid-Until "false"' sid "$1.root" >"$1.log" 2>&1 \
    && [ "$("$1.root/usr/bin/caddy" version)" = "${CADDY#v}" ]; then
    mv "$1.root/usr/bin/caddy" "$1"
    return
  fi
  command -v go >/dev/null || { echo 'caddy: built from its Go module, and Go is not installed' >&2; return 1; }
  GOBIN=$1.bin nice go install "github.com/caddyserver/caddy/v2/cmd/caddy@$CADDY" >"$1.log" 2>&1 || return 1
  mv "$1.bin/caddy" "$1"
}

build_caddy-debian() { # OUT
  mkdir "$1.root"
  (cd "$1.root" && apt-get -qq -o APT::Sandbox::User=root download caddy && dpkg -x caddy_*.deb .) >"$1.log" 2>&1 || return 1
  mv "$1.root/usr/bin/caddy" "$1"
}

build_layer() { # OUT
  # A VPS with Docker as its provider delivers it: no firewalld. Docker keeps its files off the overlay; no pids limit, as in the base.
  # shellcheck disable=SC2016
  layer_of "$1" "$LAB_DIR/base" '
    ln -sf /dev/null "$root/etc/systemd/system/firewalld.service"
    mkdir -p "$root/etc/docker"; echo "{\"data-root\":\"/var/lib/containers/docker\"}" > "$root/etc/docker/daemon.json"' \
    docker.io docker-cli iptables conntrack socat passt slirp4netns uidmap rootlesskit busybox-static >"$1.log" 2>&1
}

build_image() { # OUT
  local root=$1.root base=$LAB_DIR/base/usr x
  mkdir -p "$root"/{bin,lib64,lib/x86_64-linux-gnu,etc/caddy,data,config,proc,sys,dev,tmp,run,srv,root,usr/bin}
  cp "$OUT/caddy" "$root/usr/bin/caddy"
  cp "$base/lib64/ld-linux-x86-64.so.2" "$root/lib64/"; cp "$base/lib/x86_64-linux-gnu/libc.so.6" "$root/lib/x86_64-linux-gnu/" # Debian's wants them
  cp "$OUT/layer/usr/bin/busybox" "$root/bin/busybox"
  for x in sh wget cat ls sleep kill nslookup ip; do ln -s busybox "$root/bin/$x"; done
  printf 'root:x:0:0:root:/root:/bin/sh\n' > "$root/etc/passwd"
  printf 'root:x:0:\n' > "$root/etc/group"
  tar -C "$root" --owner=0 --group=0 --numeric-owner -cf "$1" .
}

[ -d "$LAB_DIR/base" ] || { echo 'caddy: the base comes first: test/lab/build.sh' >&2; exit 1; }
part layer "$LAB_DIR/base.stamp" "$LAB/layer.sh" &
layer=$!
part caddy "$LAB/go.sh"
part caddy-debian
wait $layer
part image.tar "$OUT/caddy.stamp" "$OUT/layer.stamp"

cat > "$OUT/bin/curl.new" <<SH
#!/bin/sh
exec $LAB_DIR/base/usr/lib64/ld-linux-x86-64.so.2 --library-path $LAB_DIR/base/usr/lib/x86_64-linux-gnu $LAB_DIR/base/usr/bin/curl "\$@"
SH
chmod 755 "$OUT/bin/curl.new"; mv "$OUT/bin/curl.new" "$OUT/bin/curl"
"$OUT/bin/curl" -V | grep -q HTTP3 || { echo "caddy: the base's curl has no HTTP3" >&2; exit 1; }
