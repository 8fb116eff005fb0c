/**
 * LiteLLM deployed by hand, as a runbook has it: a published port, a unit in /etc/systemd/system, an .env that everybody may read.
 * Root's shell, the same on a real host and a simulated one.
 */
export const runbook = (key: string): string => `mkdir -p /flux/apps/litellm; cd /flux/apps/litellm
cat >config.yaml <<'E'
model_list:
- model_name: default
  litellm_params: { model: hosted_vllm/qwen2.5-7b, api_base: "http://100.64.0.14:8000/v1" }
E
printf 'LITELLM_MASTER_KEY=${key}\\nHAND_MADE=1\\n' >.env; chmod 644 .env config.yaml
cat >/etc/systemd/system/litellm.service <<'E'
[Unit]
Description=LiteLLM, the runbook's way
[Service]
ExecStartPre=-/usr/bin/podman rm -f litellm
ExecStart=/usr/bin/podman run --name litellm -p 4000:4000 -v /flux/apps/litellm/config.yaml:/app/config.yaml:ro --env-file /flux/apps/litellm/.env ghcr.io/berriai/litellm:v1.109.1 --config /app/config.yaml --port 4000
ExecStop=/usr/bin/podman stop litellm
Restart=always
[Install]
WantedBy=multi-user.target
E
chmod 644 /etc/systemd/system/litellm.service
systemctl daemon-reload; systemctl enable -q --now litellm`;

/** Waits until LiteLLM answers on its own host. */
export const UNTIL_ALIVE =
  'for i in $(seq 1200); do curl -sf -m 2 -o /dev/null http://127.0.0.1:4000/health/liveliness && exit 0; sleep 0.2; done; exit 1';

/** Somebody's watch over LiteLLM, as REX-36 had it: a timer whose script asks /health, which is a request to every model. */
export const poller = (key: string): string => `cat >/usr/local/bin/litellm-watch <<'E'
#!/bin/sh
# Is LiteLLM well?
curl -s -m 20 -o /dev/null -H 'Authorization: Bearer ${key}' http://127.0.0.1:4000/health
E
chmod 755 /usr/local/bin/litellm-watch
cat >/etc/systemd/system/litellm-watch.service <<'E'
[Service]
Type=oneshot
ExecStart=/usr/local/bin/litellm-watch
E
cat >/etc/systemd/system/litellm-watch.timer <<'E'
[Timer]
OnActiveSec=0
OnUnitInactiveSec=1s
AccuracySec=100ms
[Install]
WantedBy=timers.target
E
systemctl daemon-reload; systemctl enable -q --now litellm-watch.timer`;

/** Waits until LiteLLM has been asked often enough to see a pace in it. */
export const UNTIL_POLLED =
  'for i in $(seq 1200); do [ "$(journalctl -u litellm.service -n 1000 -o cat --no-pager | grep -c \'"GET /health HTTP\')" -ge 5 ] && exit 0; sleep 0.2; done; exit 1';

export const NO_POLLER =
  'systemctl disable -q --now litellm-watch.timer; rm /etc/systemd/system/litellm-watch.* /usr/local/bin/litellm-watch; systemctl daemon-reload';

/** config.yaml as somebody wrote it by hand, with a model of OpenRouter's and no max_tokens, as REX-37 had it; `url` is whom it asks. */
export const handMade = (url: string): string => `cat >/flux/apps/litellm/config.yaml <<'E'
model_list:
- model_name: default
  litellm_params: { model: hosted_vllm/qwen2.5-7b, api_base: "http://100.64.0.14:8000/v1" }
- model_name: search
  litellm_params: { model: openrouter/perplexity/sonar-pro, api_base: "${url}/v1", api_key: none }
E
systemctl restart litellm`;
