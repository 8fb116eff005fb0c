# host.sh: the states of a VPS with Caddy. Sourced by bash, as root, on a lab host that stands on $LAB_DIR/caddy/layer; a state is a
# few of these functions one after the other, beginning with `clean`. test/e2e/caddy-lab.ts has the list.
# What stands here is a default; one configuration of the tests has others, for none may be assumed.
: "${NAME:=caddy}" "${DIR:=/opt/caddy}" "${MOUNT:=}" "${NETWORK:=frontend}" "${SUBNET:=172.20.1.0/24}" "${GATEWAY:=172.20.1.1}"
: "${SUBNET6:=fd20:1::/64}" "${VPN_SITE:=n8n.lab.test}" "${WWW_SITE:=www.lab.test}" "${VPN4:=100.64.0.14}" "${PUB4:=203.0.113.14}" "${VPN6:=fd7a:115c:a1e0::14}" "${PUB6:=2001:db8:1::14}"
: "${A:=100.64.0.0/10}" # the ACL that admits the tailnet
: "${B:=$A $SUBNET}"    # the post-mortem's: the bridge's subnet as well
: "${G:=$A $GATEWAY}"    # its gateway alone
: "${A6:=$A fd7a:115c:a1e0::/48}"
: "${B6:=$A6 $SUBNET $SUBNET6}"
IMAGE=caddy-lab:2.11.4

quietly() { local out; out=$("$@" 2>&1) || { echo "$*: $out" >&2; return 1; }; }

# --- nothing left of the state before

clean() {
  systemctl stop --quiet 'forward-*' 2>/dev/null || true
  systemctl reset-failed 2>/dev/null || true
  if [ -e /etc/systemd/system/fabric-caddy-snat.service ]; then # what `fabric fix` left
    systemctl disable --quiet --now fabric-caddy-snat; rm /etc/systemd/system/fabric-caddy-snat.service; systemctl daemon-reload
  fi
  local id
  if systemctl is-active --quiet docker; then
    id=$(docker ps -aq); [ -z "$id" ] || quietly docker rm -f $id
    for id in $(docker network ls -q --filter type=custom); do quietly docker network rm "$id"; done
  fi
  if id pod >/dev/null 2>&1; then
    as_pod podman rm -fa -t 0 >/dev/null 2>&1 || true
    as_pod podman network prune -f >/dev/null 2>&1 || true
    systemctl kill -s KILL rootless-docker 2>/dev/null || true
  fi
  for x in iptables-legacy ip6tables-legacy; do for t in mangle nat filter; do $x -t $t -F; $x -t $t -X; done; done 2>/dev/null || true
  conntrack -F >/dev/null 2>&1 || true
  ip route del default 2>/dev/null || true; ip -6 route del default dev eth0 2>/dev/null || true
}

# --- Docker

daemon() { # JSON members: of daemon.json. A restart of Docker with rules of its own alone, unless all is as it should be already.
  local want="{\"data-root\":\"/var/lib/containers/docker\"${1:+,$1}}"
  systemctl stop --quiet docker docker.socket
  nft flush ruleset
  echo "$want" >/etc/docker/daemon.json
  ip -br link | awk '$1 ~ /^(br-|docker0)/ {print $1}' | while read -r link; do ip link del "$link"; done
  sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0
  systemctl reset-failed docker; systemctl start docker
  image
}
image() {
  docker image inspect $IMAGE >/dev/null 2>&1 ||
    docker import -c 'CMD ["caddy","run","--config","/etc/caddy/Caddyfile","--adapter","caddyfile"]' -c 'ENV XDG_DATA_HOME=/data XDG_CONFIG_HOME=/config' \
      -c 'ENV PATH=/usr/bin:/bin' -c 'WORKDIR /srv' /srv/caddy/image.tar $IMAGE >/dev/null
}
network() { # [more arguments, such as --ipv6 --subnet NET]
  quietly docker network create --subnet "$SUBNET" --gateway "$GATEWAY" "$@" "$NETWORK"
}
n8n() { # [docker run's arguments]: what answers behind Caddy
  quietly docker run -d --restart unless-stopped --name n8n "$@" $IMAGE caddy respond --listen :5678 --body '{"status":"ok"}'
}
caddy() { # [docker run's arguments; default: all published on all addresses]
  [ $# != 0 ] || set -- --network "$NETWORK" -p 80:80 -p 443:443 -p 443:443/udp
  quietly docker run -d --restart unless-stopped --name "$NAME" -v "$DIR$MOUNT:/etc/caddy$MOUNT" -v "$DIR/data:/data" "$@" $IMAGE
}
blanket() { iptables -t nat -A POSTROUTING -j MASQUERADE; }
forwarder() { # what cloudflared, Tailscale's funnel or a tunnel of one's own does: it asks Caddy in its own name
  local a
  for a in "$VPN4" "$PUB4"; do
    systemd-run -q -u "forward-tcp-$a" socat "TCP4-LISTEN:443,bind=$a,fork,reuseaddr" TCP4:127.0.0.1:443
    systemd-run -q -u "forward-udp-$a" socat -T 10 "UDP4-RECVFROM:443,bind=$a,fork,reuseaddr" UDP4:127.0.0.1:443
  done
}
old_caddy() { # docker run's arguments: Debian's Caddy, 2.6.2, and the libraries that it wants
  caddy --network "$NETWORK" -p 80:80 -p 443:443 -p 443:443/udp -v /srv/caddy/caddy-debian:/usr/bin/caddy:ro -v /usr/lib:/lib:ro -v /usr/lib64:/lib64:ro
  restarts
}

# --- without root, as user pod

as_pod() { (cd / && runuser -u pod -- env "HOME=/home/pod" "XDG_RUNTIME_DIR=/run/user/$(id -u pod)" "$@"); }
pod_user() { # no Docker, and the user, who may publish 80 and up
  systemctl stop --quiet docker docker.socket; nft flush ruleset
  sysctl -qw net.ipv4.ip_unprivileged_port_start=80
  id pod >/dev/null 2>&1 || { useradd -m -s /bin/bash pod; loginctl enable-linger pod; }
  # this machine's node, which the lab binds there, may be root's alone
  as_pod test -r /dev/net/tun || { umount /dev/net/tun; rm -f /dev/net/tun; mknod -m 666 /dev/net/tun c 10 200; }
  until [ -d "/run/user/$(id -u pod)" ]; do sleep 0.1; done
  chown -R pod: "$DIR"
}
podman_rootless() { # podman run's arguments
  local conf=/home/pod/.config/containers/storage.conf
  if [ ! -e $conf ]; then
    install -d -o pod /var/lib/containers/pod /home/pod/.config /home/pod/.config/containers
    # vfs: a user has no overlay on an overlay
    printf '[storage]\ndriver = "vfs"\nrunroot = "/run/user/%s/containers"\ngraphroot = "/var/lib/containers/pod"\n' "$(id -u pod)" >$conf
    quietly as_pod podman import -q -c 'CMD ["caddy","run","--config","/etc/caddy/Caddyfile","--adapter","caddyfile"]' -c 'ENV XDG_DATA_HOME=/data' \
      -c 'ENV XDG_CONFIG_HOME=/config' -c 'ENV PATH=/usr/bin:/bin' -c 'WORKDIR /srv' /srv/caddy/image.tar $IMAGE
  fi
  as_pod podman network exists "$NETWORK" 2>/dev/null || quietly as_pod podman network create --subnet "$SUBNET" --gateway "$GATEWAY" "$NETWORK"
  quietly as_pod podman run -d --name "$NAME" -v "$DIR$MOUNT:/etc/caddy$MOUNT" -v "$DIR/data:/data" -p 80:80 -p 443:443 -p 443:443/udp "$@" $IMAGE
}

docker_rootless() { # from here on `docker` is the user's
  local run
  run=/run/user/$(id -u pod)
  rm -rf /var/lib/containers/rootless
  install -d -o pod /var/lib/containers/rootless
  systemd-run -q -u rootless-docker --uid=pod -p Delegate=yes --setenv=HOME=/home/pod --setenv="XDG_RUNTIME_DIR=$run" \
    --setenv=PATH=/usr/sbin:/usr/bin:/sbin:/bin --setenv=DOCKERD_ROOTLESS_ROOTLESSKIT_NET=slirp4netns \
    --setenv=DOCKERD_ROOTLESS_ROOTLESSKIT_PORT_DRIVER=builtin /usr/share/docker.io/contrib/dockerd-rootless.sh \
    --data-root /var/lib/containers/rootless --storage-driver vfs --exec-opt native.cgroupdriver=cgroupfs
  docker() { as_pod /usr/bin/docker -H "unix:///run/user/$(id -u pod)/docker.sock" "$@"; }
  until docker version >/dev/null 2>&1; do sleep 0.1; systemctl is-active --quiet rootless-docker; done
  image
}

# --- Caddy

caddyfile() { # ACL [UPSTREAM]; lines of `servers` from $SERVERS; the site's way of keeping strangers out from $DENY and $ENTER
  mkdir -p "$DIR/data"
  cat >"$DIR/Caddyfile" <<CADDY
{
	admin localhost:2019
	skip_install_trust
	servers {
		${SERVERS:-protocols h1 h2 h3}
	}
}

(vpn_only) {
	@blocked not client_ip $1
	error @blocked 403
}

$VPN_SITE {
	tls internal
	log
	header X-Seen {client_ip}
	import vpn_only
${ENTER:-	reverse_proxy ${2:-n8n:5678}}
}

$WWW_SITE {
	tls internal
	log
	header X-Seen {client_ip}
	respond "The public page"
}
CADDY
}
heredoc() { # REX-35: the status on a line of its own, and a restart
  cat >>"$DIR/Caddyfile" <<'CADDY'

bootstrap.lab.test {
	tls internal
	respond <<BOOTSTRAP
		#!/bin/sh
		echo hello
		BOOTSTRAP
		200
}
CADDY
  quietly docker restart -t 1 "$NAME"
  restarts
}
restarts() { # until Docker has tried so often that it leaves seconds between two starts
  until [ "$(docker inspect -f '{{.RestartCount}}' "$NAME")" -ge 6 ]; do sleep 0.2; done
  resting
}
resting() { # until it lies between two starts
  until [ "$(docker inspect -f '{{.State.Status}}' "$NAME")" = restarting ]; do sleep 0.1; done
}
answers() { # until Caddy has its certificates, what is behind it listens, and no IPv6 address is tentative: a reply would leave by another, the host's own
  local i
  if docker inspect n8n >/dev/null 2>&1; then # port 5678, in its own network
    for i in $(seq 600); do
      grep -qs ':162E 0*:0000 0A' /proc/"$(docker inspect -f '{{.State.Pid}}' n8n)"/net/tcp{,6} && break
      sleep 0.1
    done
  fi
  for i in $(seq 50); do [ -n "$(ip -6 addr show tentative)" ] || break; sleep 0.1; done
  for i in $(seq 600); do
    curl -skf -o /dev/null -m 2 --resolve "$WWW_SITE:443:${1:-$PUB4}" "https://$WWW_SITE/" && return
    sleep 0.1
  done
  docker logs "$NAME" 2>&1 | tail -5 >&2
  return 1
}
root_ca() { cat "$DIR/data/caddy/pki/authorities/local/root.crt"; }

addresses() { # the server's, beside those by which it is looked after
  ip addr replace "$VPN4/10" dev tailscale0; ip addr replace "$PUB4/24" dev eth0
  ip addr replace "$VPN6/48" dev tailscale0 nodad; ip addr replace "$PUB6/32" dev eth0 nodad
}
no_addresses() {
  [ "$VPN4" = 100.64.0.14 ] || { ip addr del "$VPN4/10" dev tailscale0; ip addr del "$VPN6/48" dev tailscale0; }
  [ "$PUB4" = 203.0.113.14 ] || { ip addr del "$PUB4/24" dev eth0; ip addr del "$PUB6/32" dev eth0; }
}
routed() { # a way to everywhere, by which pasta finds the interface that it imitates
  ip route replace default via 203.0.113.1 dev eth0; ip -6 route replace default via 2001:db8::1 dev eth0
}

# --- Tailscale's rules, as its source writes them (util/linuxfw/iptables_runner.go: AddChains, AddHooks, AddBase, AddSNATRule)

tailscale() { # nft|legacy [above|below] [snat|no-snat]: above or below Docker's, which is a matter of who came last
  local t x at4 mark=0x40000/0xff0000
  for x in iptables-$1 ip6tables-$1; do
    for t in ts-input ts-forward; do $x -N $t; done
    $x -t nat -N ts-postrouting
    $x -I INPUT 1 -j ts-input
    if [ "${2:-above}" = above ]; then $x -I FORWARD 1 -j ts-forward; else $x -A FORWARD -j ts-forward; fi
    $x -t nat -I POSTROUTING 1 -j ts-postrouting
    if [ "$x" = "iptables-$1" ]; then
      $x -A ts-input ! -i tailscale0 -s 100.115.92.0/23 -j RETURN
      $x -A ts-input ! -i tailscale0 -s 100.64.0.0/10 -j DROP
    fi
    $x -A ts-input -i tailscale0 -j ACCEPT
    $x -A ts-forward -i tailscale0 -j MARK --set-mark $mark
    $x -A ts-forward -m mark --mark $mark -j ACCEPT
    [ "$x" != "iptables-$1" ] || $x -A ts-forward -o tailscale0 -s 100.64.0.0/10 -j DROP
    $x -A ts-forward -o tailscale0 -j ACCEPT
    [ "${3:-snat}" = no-snat ] || $x -t nat -A ts-postrouting -m mark --mark $mark -j MASQUERADE
  done
}
tailscale_again() { # nft|legacy: tailscaled restarts, and its jumps stand on top
  local x
  for x in "iptables-$1" "ip6tables-$1"; do
    $x -D FORWARD -j ts-forward; $x -I FORWARD 1 -j ts-forward
    $x -t nat -D POSTROUTING -j ts-postrouting; $x -t nat -I POSTROUTING 1 -j ts-postrouting
  done
}
