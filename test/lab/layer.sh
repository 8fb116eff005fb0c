# layer.sh: a layer over the lab's base, of Debian's packages. Sourced by who makes one; an input of its part, as it defines it.

layer_of() { # OUT BASE SCRIPT PACKAGE...: what these, and then SCRIPT, which finds the host's root in $root, put over BASE. Nothing is started.
  # A mount namespace of its own: what an interrupted run leaves is files alone. The mirrors are the base's.
  # shellcheck disable=SC2016
  unshare --mount --propagation private bash -euc '
    new=$1 base=$2 script=$3 root=$1.root; shift 3
    mkdir -p "$new" "$new.work" "$root"
    mount -t overlay overlay -o "lowerdir=$base,upperdir=$new,workdir=$new.work" "$root"
    mount --rbind /dev "$root/dev"; mount -t proc proc "$root/proc"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    printf "#!/bin/sh\nexit 101\n" > "$root/usr/sbin/policy-rc.d"; chmod 755 "$root/usr/sbin/policy-rc.d" # start nothing
    export DEBIAN_FRONTEND=noninteractive
    chroot "$root" apt-get -qq update
    chroot "$root" apt-get -qq -y --no-install-recommends install "$@" >/dev/null
    rm -rf "$root"/usr/sbin/policy-rc.d "$root"/etc/resolv.conf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin
    eval "$script"
    umount -R "$root"' layer_of "$@"
}
