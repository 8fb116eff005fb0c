#!/bin/bash
# image.sh SCRIPT.py [ARGUMENT...]: runs a script of this folder with the Python and the LiteLLM of the lab's image store.
# Root. In a throw-away copy of the image's files (an overlay), with mounts, processes and a network of its own; leaves nothing behind.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
LAB_DIR=${LAB_DIR:-/var/lib/fabric-lab}
IMAGE=("$LAB_DIR"/images/overlay/*/diff/usr/local/lib/python3.13/dist-packages/litellm)
[ -d "${IMAGE[0]}" ] || { echo "no LiteLLM in $LAB_DIR: make lab" >&2; exit 1; }
# shellcheck disable=SC2016
exec unshare --mount --net --pid --fork --kill-child --propagation private bash -euc '
  image=$1 here=$2 script=$3; shift 3
  mount -t tmpfs tmpfs /run; mkdir /run/up /run/work /run/root; root=/run/root
  mount -t overlay overlay -o "lowerdir=$image,upperdir=/run/up,workdir=/run/work" "$root"
  mount -t proc proc "$root/proc"; mount --rbind /dev "$root/dev"; mount -t tmpfs tmpfs "$root/tmp"
  echo "127.0.0.1 localhost" > "$root/etc/hosts"
  cp "$here"/*.py "$here/../lab/openai-server.py" "$root/tmp/"
  # LITELLM_LOCAL_MODEL_COST_MAP: there is no internet. LITELLM_MODE: no .env file is looked for.
  exec env -i PATH=/tmp/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin HOME=/app LITELLM_LOCAL_MODEL_COST_MAP=True LITELLM_MODE=PRODUCTION \
    chroot "$root" /usr/bin/python3 "/tmp/$script" "$@"' image "${IMAGE[0]%/usr/local/*}" "$HERE" "$@"
