#!/bin/bash
# boot.sh [--whole] < cases.json > results.jsonl: the real LiteLLM of the lab's image store, on each of the cases (boot.py).
# Root. Runs in a throw-away copy of the image's files (an overlay), in mounts and a network of its own; leaves nothing behind.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
LAB_DIR=${LAB_DIR:-/var/lib/fabric-lab}
IMAGE=("$LAB_DIR"/images/overlay/*/diff/usr/local/lib/python3.13/dist-packages/litellm)
[ -d "${IMAGE[0]}" ] || { echo "no LiteLLM in $LAB_DIR: make lab" >&2; exit 1; }
# shellcheck disable=SC2016
exec unshare --mount --net --pid --fork --kill-child --propagation private bash -euc '
  image=$1 here=$2; shift 2
  scratch=/run/fabric-lint.$$
  mkdir -p /run; mount -t tmpfs tmpfs /run; mkdir -p "$scratch"/{up,work,root}; root=$scratch/root
  mount -t overlay overlay -o "lowerdir=$image,upperdir=$scratch/up,workdir=$scratch/work" "$root"
  mount -t proc proc "$root/proc"; mount --rbind /dev "$root/dev"; mount -t tmpfs tmpfs "$root/tmp"
  echo "127.0.0.1 localhost" > "$root/etc/hosts"
  cp "$here/boot.py" "$here/../lab/openai-server.py" "$root/tmp/"
  exec chroot "$root" /usr/bin/python3 /tmp/boot.py "$@"' litellm "${IMAGE[0]%/usr/local/*}" "$HERE" "$@"
