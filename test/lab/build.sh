#!/bin/bash
# build.sh: everything the lab needs, in $LAB_DIR (default /var/lib/fabric-lab, a real file system, not an overlay). Root.
#
#   debian   Debian trixie with the packages of a lab host
#   base     the same, set up: users, keys, firewalld zone, vLLM's stand-in; the root file system under every lab host
#   nm       Debian's NetworkManager over the base, not started: for test/e2e/dns.test.ts
#   images   podman's read-only image store that all hosts share: the real LiteLLM, in an image of the lab's own making
#
# Each part is made under another name and renamed when whole; NAME.stamp holds the hash of what defines it (its function
# below, its input files, the stamp of the part it stands on), so a second run does nothing and a change remakes only what it
# touches. `build.sh PART...` makes these parts even if they are there.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/layer.sh"
LAB_DIR=${LAB_DIR:-/var/lib/fabric-lab}
SUITE=trixie
LITELLM=$(sed -n 's/^litellm==//p' "$HERE/litellm.lock")
IMAGE=ghcr.io/berriai/litellm

# ---------------------------------------------------------------------------------------------------------------------------

need() { # PACKAGE...: on this machine
  local p missing=()
  for p; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing+=("$p")
  done
  [ ${#missing[@]} = 0 ] && return
  echo "lab: installing ${missing[*]}"
  local apt=(apt-get -qq -o DPkg::Lock::Timeout=600)
  "${apt[@]}" update
  DEBIAN_FRONTEND=noninteractive "${apt[@]}" install -y --no-install-recommends "${missing[@]}" >/dev/null
}

running() { # the lab hosts that stand on this $LAB_DIR, of whatever LAB_NET
  local d cg=/sys/fs/cgroup/unified
  [ -d $cg ] || cg=/sys/fs/cgroup
  for d in "$LAB_DIR"/run/*/*/; do
    d=${d#"$LAB_DIR"/run/}; d=${d%/}
    if grep -qs '^populated 1' "$cg/fabric-${d/\//-}/cgroup.events"; then echo "$d"; fi
  done
}

part() { # NAME INPUT...
  local name=$1 new=$LAB_DIR/$1.new.$$ want t0=$SECONDS; shift
  want=$({ declare -f "build_$name"; echo "$SUITE $IMAGE"; cat "$@"; } | sha256sum | cut -d' ' -f1)
  [[ " $FORCE " != *" $name "* ]] && [ -d "$LAB_DIR/$name" ] && [ "$(head -1 "$LAB_DIR/$name.stamp" 2>/dev/null)" = "$want" ] && return
  if [ -d "$LAB_DIR/$name" ] && [ -n "$(running)" ]; then # nobody stands on what was never there
    echo "lab: $name must be made anew, but these hosts stand on it: $(running | xargs); take them down first (lab net-down)" >&2
    exit 1
  fi
  echo "lab: making $name"
  "build_$name" "$new"
  rm -rf --one-file-system "$new".* "$LAB_DIR/$name.stamp" "${LAB_DIR:?}/$name"
  mv "$new" "$LAB_DIR/$name"
  printf '%s\n' "$want" "made $(date -u +%FT%TZ)" > "$LAB_DIR/$name.stamp"
  echo "lab: $name made in $((SECONDS - t0)) s, $(du -sh "$LAB_DIR/$name" | cut -f1)"
}

# --- Debian. No mirror is named: the suite, its updates and security updates come from where this machine gets its packages.

build_debian() { # OUT
  local packages=(
    systemd systemd-sysv libpam-systemd systemd-resolved libnss-resolve dbus openssh-server sudo
    firewalld nftables podman crun conmon netavark aardvark-dns catatonit
    python3 curl ca-certificates iproute2 iputils-ping procps jq bind9-dnsutils dnsmasq-base)
  mmdebstrap --quiet --variant=minbase --include="$(IFS=,; echo "${packages[*]}")" \
    --aptopt='Apt::Install-Recommends "false"' --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    "$SUITE" "$1"
}

# --- base

build_base() { # OUT
  local b=$1 user
  cp -a "$LAB_DIR/debian" "$b"
  : > "$b/etc/machine-id" # each host makes its own; so with the ssh host keys, see `lab up`
  rm -f "$b"/etc/ssh/ssh_host_* "$b/etc/hostname" "$b/etc/resolv.conf"
  ln -sf /dev/null "$b/etc/systemd/system/systemd-modules-load.service" # no libkmod in nspawn

  # root, ops (may become root without a password) and nosudo (may not), all with the lab's key
  chroot "$b" passwd -d root >/dev/null 2>&1
  for user in ops nosudo; do chroot "$b" useradd -m -s /bin/bash $user; done
  echo 'ops ALL=(ALL) NOPASSWD:ALL' > "$b/etc/sudoers.d/ops"
  chmod 440 "$b/etc/sudoers.d/ops"
  for user in root home/ops home/nosudo; do
    install -d -m 700 "$b/$user/.ssh"
    install -m 600 "$LAB_DIR/keys/id.pub" "$b/$user/.ssh/authorized_keys"
  done
  for user in ops nosudo; do chroot "$b" chown -R $user:$user /home/$user/.ssh; done

  # podman: the shared image store; and no limit on pids, as cgroup 2 has no pids controller where another one took it first
  mkdir -p "$b/srv/images" "$b/etc/containers/containers.conf.d"
  cat > "$b/etc/containers/storage.conf" <<'CONF'
[storage]
driver = "overlay"
runroot = "/run/containers/storage"
graphroot = "/var/lib/containers/storage"

[storage.options]
additionalimagestores = ["/srv/images"]
CONF
  printf '[containers]\npids_limit = 0\n' > "$b/etc/containers/containers.conf.d/50-lab.conf"

  # Fedora's default zone (as in Fedora 31, plus <forward/> of today's zones), for whoever needs it; Debian's default stays `public`
  cat > "$b/usr/lib/firewalld/zones/FedoraWorkstation.xml" <<'XML'
<?xml version="1.0" encoding="utf-8"?>
<zone>
  <short>Fedora Workstation</short>
  <description>Unsolicited incoming network packets are rejected from port 1 to 1024, except for select network services. Incoming packets that are related to outgoing network connections are accepted. Outgoing network connections are allowed.</description>
  <service name="dhcpv6-client"/>
  <service name="ssh"/>
  <service name="samba-client"/>
  <port protocol="udp" port="1025-65535"/>
  <port protocol="tcp" port="1025-65535"/>
  <forward/>
</zone>
XML

  # vLLM's stand-in: put ARGS= into /etc/default/vllm, then `systemctl start vllm`
  install -D -m 755 "$HERE/openai-server.py" "$b/usr/local/lib/fabric-lab/openai-server.py"
  cat > "$b/etc/systemd/system/vllm.service" <<'UNIT'
[Unit]
Description=Stand-in for vLLM (fabric's lab)

[Service]
EnvironmentFile=-/etc/default/vllm
ExecStart=/usr/bin/python3 -u /usr/local/lib/fabric-lab/openai-server.py $ARGS
DynamicUser=yes
Restart=on-failure

[Install]
WantedBy=multi-user.target
UNIT
}

# --- nm: NetworkManager, which takes the network for itself where it runs

build_nm() { # OUT
  # shellcheck disable=SC2016
  layer_of "$1" "$LAB_DIR/base" \
    'chroot "$root" systemctl --quiet disable NetworkManager NetworkManager-wait-online NetworkManager-dispatcher' network-manager
}

# --- images: LiteLLM from PyPI, as the lock file says, in an image as bare as upstream's: uid 65532, no curl, no wget,
# --- no coreutils; only python3 and a shell

build_images() { # OUT
  local out=$1 root=$1.root site=usr/local/lib/python3.13/dist-packages x
  mmdebstrap --quiet --variant=extract --include=python3,libpython3-stdlib,libstdc++6,dash \
    --dpkgopt='path-exclude=/usr/share/*' "$SUITE" "$root"
  for x in bin sbin lib lib64; do ln -sfn usr/$x "$root/$x"; done
  rm -rf "$root"/var/lib/apt "$root"/var/cache "$root"/etc/apt "$root"/etc/resolv.conf "$root"/etc/hostname
  mkdir -p "$root"/{proc,sys,run,app/docker,"$site",usr/local/bin}
  printf 'root:x:0:0:root:/root:/bin/sh\nnonroot:x:65532:65532:nonroot:/app:/bin/sh\n' > "$root/etc/passwd"
  printf 'root:x:0:\nnonroot:x:65532:\n' > "$root/etc/group"

  # uv, as pip takes four times as long
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target "$1.uv" uv==0.13.9
  "$1.uv/bin/uv" pip install --quiet --system-certs --cache-dir "$1.uv/cache" --no-deps --python-version 3.13 --only-binary=:all: \
    --target "$root/$site" -r "$HERE/litellm.lock"
  rm -rf "${root:?}/$site/bin" # their first line names this machine's python
  cat > "$root/usr/local/bin/litellm" <<'PY'
#!/usr/bin/python3
import gc
import sys
from litellm_cli.main import proxy_server
gc.disable()  # a quarter of a start would go into collections that find nothing (7.3 s instead of 9.9), and no test lasts long
sys.exit(proxy_server())
PY
  printf '#!/bin/sh\nexec litellm "$@"\n' > "$root/app/docker/prod_entrypoint.sh"
  chmod 755 "$root/usr/local/bin/litellm" "$root/app/docker/prod_entrypoint.sh"
  chown -R 65532:65532 "$root/app"
  # byte code now, since uid 65532 could not keep it; without it every start compiles everything
  # (`|| true`: some packages carry a file or two that are no Python 3.13)
  chroot "$root" python3 -m compileall -q -j0 --invalidation-mode unchecked-hash /usr/lib/python3.13 "/$site" >/dev/null || true
  chroot "$root" python3 -c 'import ssl, sqlite3, litellm_cli.main'

  # LITELLM_LOCAL_MODEL_COST_MAP: the lab has no internet; without it each start spends 7 s on three tries to fetch a price list
  mkdir "$out"
  tar -C "$root" -c --exclude=./dev/* --exclude=./tmp/* . | in_base "$out" podman --root /srv/store --runroot /run/store \
    import --quiet \
    --change 'USER 65532:65532' --change 'WORKDIR /app' --change 'EXPOSE 4000/tcp' \
    --change 'ENV HOME=/app' --change 'ENV PATH=/usr/local/bin:/usr/bin:/bin' --change 'ENV LITELLM_LOCAL_MODEL_COST_MAP=True' \
    --change 'ENTRYPOINT ["/app/docker/prod_entrypoint.sh"]' --change 'CMD ["--port","4000"]' \
    - "$IMAGE:v$LITELLM"
  # a second name for the same image, so that tests can change the declared one
  in_base "$out" podman --root /srv/store --runroot /run/store tag "$IMAGE:v$LITELLM" "$IMAGE:v1.109.0-lab"
}

in_base() { # STORE COMMAND...: run in the base, its changes thrown away, STORE bound to /srv/store
  local store=$1; shift
  # shellcheck disable=SC2016
  unshare --mount --propagation private bash -euc '
    store=$1 base=$2; shift 2
    scratch=$store.scratch; rm -rf "$scratch"; mkdir -p "$scratch"/{up,work,root}; root=$scratch/root
    mount -t overlay overlay -o "lowerdir=$base,upperdir=$scratch/up,workdir=$scratch/work" "$root"
    mkdir -p "$root/srv/store"; mount --bind "$store" "$root/srv/store"
    mount -t proc proc "$root/proc"; mount -t sysfs sysfs "$root/sys"; mount --rbind /dev "$root/dev"
    mount -t tmpfs tmpfs "$root/run"; mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
    rc=0; chroot "$root" "$@" || rc=$?
    umount -R "$root"; rm -rf "$scratch"; exit $rc' in_base "$store" "$LAB_DIR/base" "$@"
}

# ---------------------------------------------------------------------------------------------------------------------------

[ "$(id -u)" = 0 ] || { echo 'lab: root is needed' >&2; exit 1; }
FORCE=$*
need systemd-container mmdebstrap nftables openssh-client iproute2 procps python3 python3-pip curl ca-certificates
mkdir -p "$LAB_DIR/keys"
exec 9>"$LAB_DIR/build.lock"
flock 9 # who comes second waits, and finds all made
rm -rf --one-file-system "$LAB_DIR"/*.new.* || true # what an interrupted run left
if [ "$(findmnt -n -o FSTYPE -T "$LAB_DIR")" = overlay ]; then
  echo "lab: $LAB_DIR lies on an overlay, which podman in a host cannot use; set LAB_DIR to a folder on a real file system" >&2
  exit 1
fi
[ -f "$LAB_DIR/keys/id" ] || ssh-keygen -q -t ed25519 -N '' -C fabric-lab -f "$LAB_DIR/keys/id"

part debian /dev/null
part base "$LAB_DIR/debian.stamp" "$LAB_DIR/keys/id.pub" "$HERE/openai-server.py"
part nm "$LAB_DIR/base.stamp" "$HERE/layer.sh"
part images "$HERE/litellm.lock"
