#!/bin/bash
# smoke.sh: the lab once, from nothing to nothing (about a minute once build.sh has run). Exit 0 if all is as it should be.
set -u
cd "$(dirname "$0")" || exit 1
export LAB_NET=smoke
failed=0
key=sk-smoke-$$-$RANDOM
ts=100.64.0.14 wan=203.0.113.14

ok() { # WHAT GOT WANT
  if [ "$2" = "$3" ]; then echo "ok   $1"; else echo "FAIL $1: got '$2', want '$3'"; failed=1; fi
}
code() { ./lab exec "$1" curl -s -m 3 -o /dev/null -w '%{http_code}' "http://$2:4000/health/liveliness"; }
alive() { # CLIENT ADDRESS: 200 within 90 s
  local c
  for _ in $(seq 300); do c=$(code "$1" "$2"); [ "$c" = 200 ] && break; sleep 0.3; done
  echo "$c"
}
say() { # MODEL: what a completion through the proxy returns
  ./lab exec ops curl -s -m 20 "http://$ts:4000/v1/chat/completions" -H "Authorization: Bearer $key" \
    -H 'Content-Type: application/json' -d '{"model":"'"$1"'","max_tokens":5,"messages":[{"role":"user","content":"hi"}]}' |
    jq -r '.choices[0].message.content'
}
on() { ./lab ssh h1 "$@" </dev/null; }
trap './lab net-down; LAB_NET=smokeb ./lab net-down' EXIT

./build.sh || exit 1
./lab net-down
./lab net-up && ./lab client ops 100.64.0.5/10 ts && ./lab client pub 203.0.113.9/24 wan || exit 1
./lab up h1 $ts $wan && ./lab wait h1 || exit 1
ok 'h1 is up' "$(on systemctl is-system-running --wait)" running
ok 'ops may sudo' "$(LAB_USER=ops ./lab ssh h1 sudo -n id -u </dev/null)" 0
ok 'nosudo may not' "$(LAB_USER=nosudo ./lab ssh h1 'id -un; sudo -n true 2>/dev/null; echo $?' </dev/null | xargs)" 'nosudo 1'
./lab ssh-config > "${LAB_DIR:-/var/lib/fabric-lab}/run/$LAB_NET/ssh_config"
ok 'ssh -F, by name' \
  "$(./lab exec ops ssh -F "${LAB_DIR:-/var/lib/fabric-lab}/run/$LAB_NET/ssh_config" ops@h1 hostname </dev/null)" h1
ok 'Fedora'\''s zone is there' "$(on firewall-cmd --zone=FedoraWorkstation --list-ports)" '1025-65535/tcp 1025-65535/udp'

./lab ssh h1 "cat > /etc/default/vllm; systemctl enable -q --now vllm" <<< 'ARGS="--port 8000 --model qwen2.5-7b"'
./lab ssh h1 'mkdir -p /etc/litellm; cat > /etc/litellm/config.yaml' <<'YAML'
model_list:
  - model_name: akira/qwen2.5-7b
    litellm_params: {model: hosted_vllm/qwen2.5-7b, api_base: http://127.0.0.1:8000/v1}
router_settings:
  model_group_alias: {default: akira/qwen2.5-7b}
YAML
./lab ssh h1 'umask 077; cat > /etc/litellm/env' <<< "LITELLM_MASTER_KEY=$key"
./lab ssh h1 'cat > /etc/containers/systemd/litellm.container; systemctl daemon-reload; systemctl start litellm' <<'UNIT'
[Container]
Image=ghcr.io/berriai/litellm:v1.109.1
ContainerName=litellm
Pull=never
Network=host
Volume=/etc/litellm/config.yaml:/app/config.yaml:ro
EnvironmentFile=/etc/litellm/env
Exec=--config /app/config.yaml --port 4000
HealthCmd=["python3","-c","import urllib.request; urllib.request.urlopen('http://127.0.0.1:4000/health/liveliness', timeout=5)"]
HealthInterval=30s
[Service]
Restart=always
[Install]
WantedBy=multi-user.target
UNIT
ok 'the Quadlet is active' "$(on systemctl is-active litellm)" active
t0=$SECONDS
ok 'LiteLLM answers in the host' \
  "$(on 'for i in $(seq 300); do c=$(curl -s -m 3 -o /dev/null -w "%{http_code}" http://127.0.0.1:4000/health/liveliness); [ $c = 200 ] && break; sleep 0.2; done; echo $c')" 200
echo "     after $((SECONDS - t0)) s"
ok 'it is healthy' "$(on podman healthcheck run litellm '>/dev/null;' podman inspect --format '{{.State.Health.Status}}' litellm)" healthy
ok 'tailnet blocked before the rule' "$(code ops $ts)" 000
ok 'stranger blocked before the rule' "$(code pub $wan)" 000
on "firewall-cmd -q --permanent --add-rich-rule='rule family=\"ipv4\" source address=\"100.64.0.0/10\" port port=\"4000\" protocol=\"tcp\" accept'; firewall-cmd -q --reload"
ok 'tailnet passes' "$(code ops $ts)" 200
ok 'stranger still blocked' "$(code pub $wan)" 000
ok 'a completion from the tailnet' "$(say akira/qwen2.5-7b)" 'This is the stand-in for'
ok 'the same by its alias' "$(say default)" 'This is the stand-in for'

# another lab on the same machine, with the same addresses, sees nothing of this one
LAB_NET=smokeb ./lab net-up
LAB_NET=smokeb ./lab client ops 100.64.0.5/10 ts
ok 'another lab is apart' "$(LAB_NET=smokeb ./lab exec ops ping -c 1 -W 1 -q $ts >/dev/null 2>&1; echo $?)" 1
LAB_NET=smokeb ./lab net-down

boot() { on cat /proc/sys/kernel/random/boot_id 2>/dev/null; }
before=$(boot)
timeout 10 ./lab ssh h1 systemctl reboot </dev/null 2>/dev/null
for _ in $(seq 100); do
  now=$(boot)
  [ -n "$now" ] && [ "$now" != "$before" ] && break
  sleep 0.2
done
ok 'it rebooted' "$([ -n "$now" ] && [ "$now" != "$before" ] && echo yes)" yes
ok 'after the reboot: tailnet' "$(alive ops $ts)" 200
ok 'after the reboot: stranger' "$(code pub $wan)" 000
ok 'after the reboot: a completion' "$(say default)" 'This is the stand-in for'

./lab crash h1
ok 'a host without power says nothing' "$(./lab exec ops ping -c 1 -W 1 -q $ts >/dev/null 2>&1; echo $?)" 1
./lab start h1 && ./lab wait h1
ok 'after the power cut: tailnet' "$(alive ops $ts)" 200
ok 'after the power cut: stranger' "$(code pub $wan)" 000

./lab net-down && ./lab net-down
ok 'nothing is left' "$(ip netns list | grep -c "^$LAB_NET-"; ls -d /sys/fs/cgroup/{unified/,}fabric-$LAB_NET-* 2>/dev/null | wc -l)" $'0\n0'
exit $failed
