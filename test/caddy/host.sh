# host.sh: the states of a VPS with Caddy. Sourced by bash, as root, on a lab host that stands on $LAB_DIR/caddy/layer; a state is a
# few of these functions one after the other, beginning with `clean`. test/e2e/caddy-lab.ts has the list.
# What stands here is a default; one configuration of the tests has others, for none may be assumed.
: "${NAME:=caddy}" "${DIR:=/opt/caddy}" "${NETWORK:=frontend}" "${SUBNET:=172.20.1.0/24}" "${GATEWAY:=172.20.1.1}"
: "${SUBNET6:=fd20:1::/64}" "${VPN_SITE:=n8n.lab.test}" "${WWW_SITE:=www.lab.test}" "${VPN4:=100.64.0.14}" "${PUB4:=203.0.113.14}"
: "${A:=100.64.0.0/10}"        # the ACL that admits the tailnet
: "${B:=$A $SUBNET}"           # the post-mortem's: the bridge's subnet as well
: "${A6:=$A fd7a:115c:a1e0::/48}"
IMAGE=caddy-lab:2.11.4

quietly() { local out; out=$("$@" 2>&1) || { echo "$*: $out" >&2; return 1; }; }

# --- nothing left of the state before

clean() {
  systemctl stop --quiet forwarder socat-{tcp,udp} blanket 2>/dev/null || true
  systemctl reset-failed 2>/dev/null || true
  local id
  if systemctl is-active --quiet docker; then
    id=$(docker ps -aq); [ -z "$id" ] || quietly docker rm -f $id
    for id in $(docker network ls -q --filter type=custom); do quietly docker network rm "$id"; done
  fi
  if id podman >/dev/null 2>&1; then
    as podman podman rm -fa -t 0 >/dev/null 2>&1 || true
    as podman podman network prune -f >/dev/null 2>&1 || true
  fi
  for x in iptables-legacy ip6tables-legacy; do for t in nat filter; do $x -t $t -F; $x -t $t -X; done; done 2>/dev/null || true
  conntrack -F >/dev/null 2>&1 || true
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
  docker image inspect $IMAGE >/dev/null 2>&1 ||
    docker import -c 'CMD ["caddy","run","--config","/etc/caddy/Caddyfile","--adapter","caddyfile"]' -c 'ENV XDG_DATA_HOME=/data XDG_CONFIG_HOME=/config' \
      -c 'ENV PATH=/usr/bin:/bin' -c 'WORKDIR /srv' /srv/caddy.tar $IMAGE >/dev/null
}
network() { # [more arguments, such as --ipv6 --subnet NET]
  quietly docker network create --subnet "$SUBNET" --gateway "$GATEWAY" "$@" "$NETWORK"
}
n8n() { # [docker run's arguments]: what answers behind Caddy
  quietly docker run -d --restart unless-stopped --name n8n "$@" $IMAGE caddy respond --listen :5678 --body '{"status":"ok"}'
}
caddy() { # [docker run's arguments; default: all published on all addresses]
  [ $# != 0 ] || set -- --network "$NETWORK" -p 80:80 -p 443:443 -p 443:443/udp
  quietly docker run -d --restart unless-stopped --name "$NAME" -v "$DIR:/etc/caddy" -v "$DIR/data:/data" "$@" $IMAGE
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
reload() { quietly docker exec "$NAME" caddy reload --config /etc/caddy/Caddyfile --adapter caddyfile; }
answers() { # until Caddy has both certificates
  local i
  for i in $(seq 200); do
    curl -skf -o /dev/null -m 2 --resolve "$WWW_SITE:443:${1:-$PUB4}" "https://$WWW_SITE/" && return
    sleep 0.1
  done
  docker logs "$NAME" 2>&1 | tail -5 >&2
  return 1
}
root_ca() { cat "$DIR/data/caddy/pki/authorities/local/root.crt"; }

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
