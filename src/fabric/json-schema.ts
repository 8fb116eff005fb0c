// fabric.yaml as editors know it: made from the same schema that reads the file. What only the parser can tell (names that nothing has,
// an alias given twice, a network with host bits) is not in it.
import { z } from 'zod';
import type { Json, JsonObject } from '../fabric.ts';
import { backendName, dnsName, fileSchema, hostName, modelName, secretName } from './schema.ts';

/** By key, `*` for a name of your own and `[]` for an item. A test refuses a key that has none. */
const DESCRIPTIONS: Readonly<Record<string, string>> = {
  hosts: 'The machines, by the names that the rest of the file uses.',
  'hosts.*': 'How to reach it. Nothing at all: by its name, as ssh would.',
  'hosts.*.address': 'An IP address or a DNS name. Default: the name above, which ssh_config may know.',
  'hosts.*.user': 'Default: what ssh would use.',
  'hosts.*.port': 'The port of ssh.',
  'hosts.*.become': 'How to become root: sudo (with a password: --ask-become-pass), or none (the user is root).',
  'hosts.*.client': 'openssh, ssh2 (where OpenSSH is not installed; it reads no ssh_config), or local: this machine itself.',
  'hosts.*.shell': 'sh, or powershell: Windows, which is asked for the names of dns and nothing else. Default: sh.',
  'hosts.*.hostKey': 'The host key’s fingerprint, SHA256:…: with ssh2 it must be given, and with ssh2 alone.',
  'hosts.*.identity': 'A private key’s path, with ssh2 alone. Default: the agent’s keys, then ~/.ssh/id_ed25519, id_ecdsa, id_rsa.',
  'hosts.*.public': 'The addresses and names by which strangers would come: hosts that must not get in try these too.',
  'hosts.*.public[]': 'An IP address or a DNS name.',
  tailnet: 'The private network.',
  'tailnet.range': 'Its network. Default: 100.64.0.0/10.',
  'tailnet.resolver': 'Its DNS server. Default: 100.100.100.100.',
  'tailnet.resolver6': 'The same by its IPv6 address. Default: fd7a:115c:a1e0::53.',
  litellm: 'The LiteLLM proxy.',
  'litellm.host': 'The name of the host that it runs on.',
  'litellm.directory': 'The folder of config.yaml and .env on that host. Default: /flux/apps/litellm.',
  'litellm.image': 'With its registry, pinned by a tag that stays or a digest: ghcr.io/berriai/litellm:v1.109.1.',
  'litellm.listen': 'An IP address and a port. Default: 0.0.0.0:4000.',
  'litellm.front':
    'Where clients find it behind a TLS proxy that you keep: https://llm.example.net. Its certificate and its way to LiteLLM are checked.',
  'litellm.allow': 'Networks that may connect. Default: the tailnet’s range.',
  'litellm.allow[]': 'A network such as 100.64.0.0/10.',
  'litellm.reachable_from': 'Hosts that must get in: asked with each validate, and before a deployment is kept.',
  'litellm.reachable_from[]': 'The name of a host, or here: this machine.',
  'litellm.unreachable_from': 'Hosts that must not get in.',
  'litellm.unreachable_from[]': 'The name of a host, or here: this machine.',
  'litellm.master_key':
    'The name of a secret (default: LITELLM_MASTER_KEY); or, in these very words, "none: everyone who can connect is an administrator".',
  'litellm.secrets': 'What .env holds: where each value comes from, never the value.',
  'litellm.secrets.*':
    'env:NAME, file:PATH, pass:NAME, sops:FILE#KEY.KEY, op://VAULT/ITEM/FIELD, or a mapping with azure, vault or command (docs/secrets.md).',
  'litellm.secrets.*.azure': 'A secret of an Azure Key Vault, read as whom az is logged in.',
  'litellm.secrets.*.azure.vault': 'The vault’s name.',
  'litellm.secrets.*.azure.name': 'The secret’s name there.',
  'litellm.secrets.*.azure.version': 'One version. Default: the newest.',
  'litellm.secrets.*.azure.endpoint': 'Where the vault answers. Default: its name below the cloud’s domain.',
  'litellm.secrets.*.azure.cloud': 'As `az cloud list` has it. Default: AzureCloud.',
  'litellm.secrets.*.vault': 'A field of a secret in HashiCorp Vault or OpenBao: the KV engine, of either version.',
  'litellm.secrets.*.vault.path': 'Below the mount: litellm/prod.',
  'litellm.secrets.*.vault.field': 'The field’s name.',
  'litellm.secrets.*.vault.mount': 'Default: secret.',
  'litellm.secrets.*.vault.address': 'Default: VAULT_ADDR, else BAO_ADDR.',
  'litellm.secrets.*.command': 'A program and its arguments, which prints the value and nothing else. No shell reads it.',
  'litellm.secrets.*.command[]': 'One word. Never a secret: others see it in ps.',
  'litellm.backends': 'What LiteLLM routes to, by names of your own.',
  'litellm.backends.*': 'One server of models.',
  'litellm.backends.*.kind': 'vllm, ollama, openrouter, or openai (anything compatible).',
  'litellm.backends.*.url': 'http(s)://host:port, with or without /v1. OpenRouter needs none.',
  'litellm.backends.*.key': 'The name of a secret in litellm.secrets.',
  'litellm.backends.*.cost':
    'none: validate sends it real completions of one token. paid: only with --smoke. Default: none for vllm and ollama, else paid.',
  'litellm.backends.*.models': 'The models that it serves.',
  'litellm.backends.*.models[]': 'One model.',
  'litellm.backends.*.models[].id': 'What the backend calls it.',
  'litellm.backends.*.models[].alias': 'What clients call it. Default: its id.',
  'litellm.backends.*.models[].context': 'The longest input, in tokens.',
  'litellm.backends.*.models[].max_tokens':
    'The longest answer where a client names none, in tokens. Default: 4096 for OpenRouter, which reserves what a request may use; else none.',
  'litellm.aliases': 'More names for models.',
  'litellm.aliases.*': 'The alias of a model.',
  'litellm.config': 'Merged verbatim into LiteLLM’s config.yaml. Keys stand as os.environ/NAME.',
  n8n: 'An n8n that is looked after. fabric asks it; it does not deploy it.',
  'n8n.host': 'The name of the host that it runs on.',
  'n8n.container': 'Its container, of podman or docker. This or unit, or both where a unit starts the container (a Quadlet).',
  'n8n.unit': 'The unit of systemd that starts it, such as n8n.service. With it, fabric fix can restart n8n.',
  'n8n.env_file': 'The file on that host that its variables are set in: one NAME=value a line. With unit, fabric fix can mend it.',
  'n8n.url': 'Where people find the editor: https://n8n.example.net.',
  'n8n.webhooks': 'What the addresses of its webhooks begin with. Default: url.',
  'n8n.proxies': 'All that stands in front of it, from the outside in; [] for nothing. What N8N_PROXY_HOPS must be is counted from it.',
  'n8n.proxies[]':
    'cloudflare (the edge alone), cloudflare-tunnel (the edge and its tunnel), nginx, caddy, traefik, tailscale-serve, other (appends to X-Forwarded-For), or tcp (passes connections on, and is no hop).',
  dns: 'Names that must lead into the private network: what fabric doctor dns follows from Headscale to the application.',
  'dns.names': 'By name, such as n8n.example.net.',
  'dns.names.*': 'What it must be inside: an IP address, a list of them, or a mapping with inside and outside.',
  'dns.names.*[]': 'An IP address.',
  'dns.names.*.inside': 'All the IP addresses that it has inside.',
  'dns.names.*.inside[]': 'An IP address.',
  'dns.names.*.outside': 'All the IP addresses that it has for a public resolver, or none. Default: whatever it has.',
  'dns.names.*.outside[]': 'An IP address.',
  'dns.public': 'A public resolver to compare with, which will be asked for these names. Default: 9.9.9.9.',
  'dns.from': 'Hosts that must find them. Default: this machine.',
  'dns.from[]': 'The name of a host, or here: this machine.',
  'dns.headscale': 'The coordination server. Leave it out where Tailscale runs the tailnet.',
  'dns.headscale.host': 'The name of the host that it runs on.',
  'dns.headscale.config': 'Its config.yaml, on that host. Default, with unit: /etc/headscale/config.yaml.',
  'dns.headscale.container': 'Its container, of podman or docker. This, or unit.',
  'dns.headscale.container_config': 'config.yaml as the container sees it. Default: /etc/headscale/config.yaml.',
  'dns.headscale.compose': 'The compose file on that host that starts it: what restarts it. Default: the container is restarted by itself.',
  'dns.headscale.unit': 'The unit of systemd that runs it, such as headscale.service.',
  accept: 'Risks that somebody accepted: findings again after their day.',
  'accept[]': 'One accepted risk.',
  'accept[].check': 'A check such as litellm/exposure.',
  'accept[].subject': 'What follows the @ in a result. Default: every subject of the check.',
  'accept[].reason': 'Why, for those who come later.',
  'accept[].until': 'The last day that it holds.',
};

/** Mappings whose keys are names: the parser judges these, since zod would leave out what such a key holds. */
const NAMES: Readonly<Record<string, z.ZodType>> = {
  hosts: hostName,
  'litellm.secrets': secretName,
  'litellm.backends': backendName,
  'litellm.aliases': modelName,
  'dns.names': dnsName,
};

/** The JSON Schema (draft 7, which every editor knows) of fabric.yaml as it is written. */
export const jsonSchema = (): JsonObject => ({
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'fabric.yaml',
  ...parts(plain(fileSchema), ''),
});

/** The keys that `DESCRIPTIONS` has, for the test that each of them is one of the file's. */
export const describedKeys: readonly string[] = Object.keys(DESCRIPTIONS);

/** zod's own translation. */
const plain = (schema: z.ZodType): JsonObject => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input', target: 'draft-07' });
  return JSON.parse(JSON.stringify(rest));
};

/** The same part of the schema, with what people should know of it. */
const described = (part: Json, key: string): JsonObject => {
  const description = DESCRIPTIONS[key];
  return { ...(description === undefined ? {} : { description }), ...parts(part, key) };
};
const parts = (part: Json, key: string): JsonObject =>
  Object.fromEntries(
    Object.entries(mapping(part)).map(([word, value]): [string, Json] => {
      if (word === 'properties') {
        const name = (one: string): string => (key === '' ? one : `${key}.${one}`);
        return [word, Object.fromEntries(Object.entries(mapping(value)).map(([one, inner]) => [one, described(inner, name(one))]))];
      }
      if (word === 'additionalProperties' && typeof value === 'object') return [word, described(value, `${key}.*`)];
      if (word === 'items') return [word, described(value, `${key}[]`)];
      if (word === 'anyOf' && Array.isArray(value)) return [word, value.map((branch: Json) => parts(branch, key))];
      const name = word === 'propertyNames' ? NAMES[key] : undefined;
      return [word, name === undefined ? value : plain(name)];
    }),
  );
const mapping = (value: Json): JsonObject => (isMapping(value) ? value : {});
const isMapping = (value: Json): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);
