#!/bin/bash
# build.sh: the real stores of secrets that test/e2e/{stores,secrets}.test.ts run, and what reads env files for the
# second of these, in $STORES_DIR (default /var/lib/fabric-lab/stores). Root, Go.
#
#   pass, gpg, age-keygen   Debian's packages
#   sops                    getsops/sops, from its Go module
#   vault-server            HashiCorp Vault's core and KV engine (test/stores/vault): 1.3.2 needs 250 modules and a minute. 1.21 needs
#                           1,392, and does not compile against the newest module that it asks for; OpenBao's main module cannot be had.
#   env-readers             the parser of docker's --env-file (test/env-readers)
#
# Each is made under another name and renamed when whole; NAME.stamp holds the hash of what defines it, so a second run does nothing.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
STORES_DIR=${STORES_DIR:-/var/lib/fabric-lab/stores}
SOPS=v3.13.3
. "$HERE/../lab/go.sh"

mkdir -p "$STORES_DIR"
exec 9>"$STORES_DIR/build.lock"
flock 9

missing=()
for p in pass gnupg age; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing+=("$p")
done
if [ ${#missing[@]} != 0 ]; then
  echo "stores: installing ${missing[*]}"
  apt=(apt-get -qq -o DPkg::Lock::Timeout=600)
  "${apt[@]}" update
  DEBIAN_FRONTEND=noninteractive "${apt[@]}" install -y --no-install-recommends "${missing[@]}" >/dev/null
fi

part() { # NAME INPUT...
  local name=$1 new=$STORES_DIR/$1.new want t0=$SECONDS; shift
  want=$({ declare -f "build_${name/-/_}"; echo "$SOPS"; cat "$HERE/../lab/go.sh" "$@"; } | sha256sum | cut -d' ' -f1)
  [ -x "$STORES_DIR/$name" ] && [ "$(cat "$STORES_DIR/$name.stamp" 2>/dev/null)" = "$want" ] && return
  command -v go >/dev/null || { echo "stores: $name is built from its Go module, and Go is not installed" >&2; exit 1; }
  echo "stores: making $name"
  rm -rf "$new" "$STORES_DIR/$name.stamp"
  "build_${name/-/_}" "$new"
  mv "$new" "$STORES_DIR/$name"
  echo "$want" > "$STORES_DIR/$name.stamp"
  echo "stores: $name made in $((SECONDS - t0)) s"
}

build_sops() { # OUT
  local bin
  bin=$(mktemp -d)
  GOBIN=$bin go install "github.com/getsops/sops/v3/cmd/sops@$SOPS" 2>"$1.log" || { cat "$1.log" >&2; return 1; }
  mv "$bin/sops" "$1"
  rm -rf "$bin" "$1.log"
}

build_vault_server() { # OUT
  (cd "$HERE/vault" && go build -o "$1" .) 2>"$1.log" || { cat "$1.log" >&2; return 1; }
  rm -f "$1.log"
}

build_env_readers() { # OUT
  (cd "$HERE/../env-readers" && go build -o "$1" .) 2>"$1.log" || { cat "$1.log" >&2; return 1; }
  rm -f "$1.log"
}

part sops
part vault-server "$HERE"/vault/*
part env-readers "$HERE"/../env-readers/*
