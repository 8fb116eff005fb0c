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
ExecStart=/usr/bin/podman run --name litellm -p 4000:4000 -v /flux/apps/litellm/config.yaml:/app/config.yaml:ro --env /flux/apps/litellm/.env ghcr.io/berriai/litellm:v1.109.1 --config /app/config.yaml --port 4000
ExecStop=/usr/bin/podman stop litellm
Restart=always
[Install]
WantedBy=multi-user.target
E
chmod 644 /etc/systemd/system/litellm.service
systemctl daemon-reload; systemctl enable -q --now litellm`;

/** Waits until LiteLLM answers on its own host. */
export const UNTIL_ALIVE =
  'for i in $(seq 300); do curl -sf -m 2 -o /dev/null http://127.0.0.1:4000/health/liveliness && exit 0; sleep 0.2; done; exit 1';
