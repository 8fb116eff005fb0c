#!/bin/bash
# build.sh: the real Headscale and the real Tailscale that test/tailnet/tailnet.test.ts runs, in $TAILNET_DIR (default
# /var/lib/fabric-lab/tailnet). Root, Go.
#
#   headscale    the server, from its Go module
#   tailscaled   the client, from its Go module, with the command line in it: called `tailscale`, it is that
#
# Each is built by a go.mod of this folder, so all that goes into it is pinned by its go.sum (`go install MODULE@VERSION` wants a list
# of all versions of Headscale, which is not served). Tailscale is the newest that Go 1.26 compiles: 1.104 wants 1.27. Left out of it is
# what has no say in names (AWS, Kubernetes, TPM, SSH, Taildrive, completions): a third of the time.
# Made under another name and renamed when whole; NAME.stamp holds the hash of what defines it, so a second run does nothing.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
TAILNET_DIR=${TAILNET_DIR:-/var/lib/fabric-lab/tailnet}

mkdir -p "$TAILNET_DIR"
exec 9>"$TAILNET_DIR/build.lock"
flock 9

part() { # NAME
  local name=$1 new=$TAILNET_DIR/$1.new want t0=$SECONDS
  want=$({ declare -f "build_$name"; cat "$HERE/$name"/go.*; } | sha256sum | cut -d' ' -f1)
  [ -x "$TAILNET_DIR/$name" ] && [ "$(cat "$TAILNET_DIR/$name.stamp" 2>/dev/null)" = "$want" ] && return
  command -v go >/dev/null || { echo "tailnet: $name is built from its Go module, and Go is not installed" >&2; exit 1; }
  echo "tailnet: making $name"
  rm -rf "$new" "$TAILNET_DIR/$name.stamp"
  (cd "$HERE/$name" && "build_$name" "$new") 2>"$new.log" || { cat "$new.log" >&2; exit 1; }
  rm -f "$new.log"
  mv "$new" "$TAILNET_DIR/$name"
  echo "$want" > "$TAILNET_DIR/$name.stamp"
  echo "tailnet: $name made in $((SECONDS - t0)) s"
}

build_headscale() { # OUT
  CGO_ENABLED=0 go build -mod=readonly -ldflags '-s -w' -o "$1" github.com/juanfont/headscale/cmd/headscale
}

build_tailscaled() { # OUT
  local version omit=aws,bird,completion,desktop_sessions,drive,kube,ssh,systray,tap,tpm
  version=$(go list -mod=readonly -m -f '{{slice .Version 1}}' tailscale.com)
  local stamps="-X tailscale.com/version.shortStamp=$version -X tailscale.com/version.longStamp=$version"
  CGO_ENABLED=0 go build -mod=readonly -tags "ts_include_cli,ts_omit_${omit//,/,ts_omit_}" -ldflags "-s -w $stamps" -o "$1" tailscale.com/cmd/tailscaled
}

# what the lab's certificate is made with
command -v openssl >/dev/null || { apt-get -qq -o DPkg::Lock::Timeout=600 update; DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends openssl >/dev/null; }
part headscale
part tailscaled
ln -sfn tailscaled "$TAILNET_DIR/tailscale"
