#!/bin/bash
# build.sh: the real Headscale and the real Tailscale that test/tailnet/tailnet.test.ts runs, in $TAILNET_DIR (default
# /var/lib/fabric-lab/tailnet). Root, Go.
#
#   headscale    the server, from its Go module
#   tailscaled   the client, from its Go module, with the command line in it: called `tailscale`, it is that
#
# Both are built by the go.mod of this folder, so all that goes into them is pinned by its go.sum (`go install MODULE@VERSION` wants a
# list of all versions of Headscale, which is not served), and what they share is compiled once: Headscale, which asks for a Tailscale
# of some weeks before, gets the client's own. Tailscale is the newest that Go 1.26 compiles: 1.104 wants 1.27.
# Made under other names and renamed when whole; `stamp` holds the hash of what defines them, so a second run does nothing.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
TAILNET_DIR=${TAILNET_DIR:-/var/lib/fabric-lab/tailnet}
. "$HERE/../lab/go.sh"

mkdir -p "$TAILNET_DIR"
exec 9>"$TAILNET_DIR/build.lock"
flock 9

build() { # OUT/
  local version omit
  # What has no say in names: each of these is compiled against the whole of the client.
  omit=ace,advertiseexitnode,appconnectors,aws,bird,cachenetmap,captiveportal,capture,clientupdate,cloud,colorable,completion,conn25
  omit+=,debugeventbus,debugportmapper,doctor,drive,flashappliance,identityfederation,kube,linkspeed,listenrawdisco,netlog,oauthkey
  omit+=,outboundproxy,portlist,portmapper,posture,qrcodes,relayserver,remoteconfig,routecheck,runtimemetrics,serviceclientprefs,ssh
  omit+=,synology,syspolicy,systray,taildrop,tailnetlock,tap,tpm,tundevstats,useexitnode,useproxy,usermetrics,wakeonlan,webbrowser,webclient
  version=$(go list -m -f '{{slice .Version 1}}' tailscale.com)
  go build -tags "ts_include_cli,ts_omit_${omit//,/,ts_omit_}" -o "$1" \
    -ldflags "-s -w -X tailscale.com/version.shortStamp=$version -X tailscale.com/version.longStamp=$version" \
    github.com/juanfont/headscale/cmd/headscale tailscale.com/cmd/tailscaled
}

# what the lab's certificate is made with
command -v openssl >/dev/null || { apt-get -qq -o DPkg::Lock::Timeout=600 update; DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends openssl >/dev/null; }

want=$({ declare -f build; cat "$HERE"/go.* "$HERE/../lab/go.sh"; } | sha256sum | cut -d' ' -f1)
[ -x "$TAILNET_DIR/headscale" ] && [ -x "$TAILNET_DIR/tailscale" ] && [ "$(cat "$TAILNET_DIR/stamp" 2>/dev/null)" = "$want" ] && exit
command -v go >/dev/null || { echo 'tailnet: Headscale and Tailscale are built from their Go modules, and Go is not installed' >&2; exit 1; }
echo 'tailnet: making headscale and tailscaled'
new=$TAILNET_DIR/new
rm -rf "$new" "$TAILNET_DIR/stamp"
mkdir "$new"
(cd "$HERE" && build "$new/") 2>"$new.log" || { cat "$new.log" >&2; exit 1; }
mv "$new"/* "$TAILNET_DIR"
rm -r "$new" "$new.log"
ln -sfn tailscaled "$TAILNET_DIR/tailscale"
echo "$want" > "$TAILNET_DIR/stamp"
echo "tailnet: headscale and tailscaled made in $SECONDS s"
