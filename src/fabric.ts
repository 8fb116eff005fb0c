// The Fabric: fabric.yaml, validated. What should be true; all else is measured against it. `src/fabric/` makes one.

/** A key of `hosts:`. Never `here`, which means this machine. */
export type HostName = string;
/** An IPv4 or IPv6 address, or a DNS name, without port. */
export type Address = string;
/** An IPv4 or IPv6 network, such as `100.64.0.0/10`. */
export type Cidr = string;
/** A name that can be an environment variable: `[A-Za-z_][A-Za-z0-9_]*`. */
export type SecretName = string;
/** Where a secret's value is kept. Paths are absolute, or begin with `~/`. */
export type SecretSource =
  | { readonly from: 'env'; readonly name: string }
  | { readonly from: 'file'; readonly path: string }
  /** An entry of pass, by its name. */
  | { readonly from: 'pass'; readonly name: string }
  /** A leaf of an encrypted file, by its keys from the top. */
  | { readonly from: 'sops'; readonly path: string; readonly keys: readonly string[] }
  /** `op://vault/item/field` */
  | { readonly from: 'op'; readonly reference: string }
  | AzureSource
  | VaultSource
  /** A program and its arguments, which prints the value. */
  | { readonly from: 'command'; readonly argv: readonly string[] };

/** A secret of an Azure Key Vault. */
export interface AzureSource {
  readonly from: 'azure';
  readonly vault: string;
  readonly name: string;
  /** Absent: the newest. */
  readonly version?: string;
  /** `https://kv-ops.vault.azure.net`, without a slash at the end. */
  readonly endpoint: string;
  /** What its tokens are for: `https://vault.azure.net`. */
  readonly audience: string;
}

/** A field of a secret in HashiCorp Vault's or OpenBao's KV engine, of either version. */
export interface VaultSource {
  readonly from: 'vault';
  readonly mount: string;
  readonly path: string;
  readonly field: string;
  /** Absent: what VAULT_ADDR or BAO_ADDR says. */
  readonly address?: string;
}
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

export interface Fabric {
  /** The file that this was read from: absolute path. */
  readonly file: string;
  readonly hosts: ReadonlyMap<HostName, Host>;
  /** Its network, and its DNS server by both its addresses. */
  readonly tailnet: { readonly range: Cidr; readonly resolver: Address; readonly resolver6: Address };
  readonly litellm: Litellm;
  /** Absent: no n8n here. */
  readonly n8n?: N8n;
  /** Absent: no names to look after. */
  readonly dns?: Dns;
  readonly accept: readonly Accepted[];
}

export interface Host {
  readonly name: HostName;
  /** Where to connect. The name of the host when the file gives none: ssh_config may know it. */
  readonly address: Address;
  readonly user?: string;
  readonly port?: number;
  /** How root's questions are asked: through `sudo -n`, or not at all because the user is root. */
  readonly become: 'sudo' | 'none';
  /** `ssh2`: SSH for machines without OpenSSH. `local`: this machine itself, without SSH. */
  readonly client: 'openssh' | 'ssh2' | 'local';
  /** Absent: a POSIX shell. `powershell`: Windows, which is asked for names and nothing else. */
  readonly shell?: 'powershell';
  /** `SHA256:…`, with ssh2 and there alone: OpenSSH has its known_hosts. */
  readonly hostKey?: string;
  /** A private key's path, absolute or begun with `~/`: with ssh2 alone, OpenSSH has its ssh_config. Absent: the agent, then ~/.ssh. */
  readonly identity?: string;
  /** By which strangers would come: its public addresses and names. */
  readonly public?: readonly Address[];
}

export interface Litellm {
  readonly host: HostName;
  /** Absolute path of the folder that holds config.yaml and .env. */
  readonly directory: string;
  /** With a tag or a digest. */
  readonly image: string;
  readonly listen: { readonly address: Address; readonly port: number };
  /** Networks that may connect. */
  readonly allow: readonly Cidr[];
  /** Where clients find it behind a TLS proxy: `https://llm.example.net`, with a path or none, without a slash at the end. Absent: nowhere. */
  readonly front?: string;
  /** Hosts, or `here`, that must get in. */
  readonly reachableFrom: readonly HostName[];
  /** Hosts, or `here`, that must not. */
  readonly unreachableFrom: readonly HostName[];
  /** `null`: the file says in so many words that it goes without. */
  readonly masterKey: SecretName | null;
  /** What .env holds, by name. */
  readonly secrets: ReadonlyMap<SecretName, SecretSource>;
  readonly backends: readonly Backend[];
  /** Alias → the model's alias that it stands for. */
  readonly aliases: ReadonlyMap<string, string>;
  /** Merged verbatim into LiteLLM's config.yaml. */
  readonly config: JsonObject;
}

export interface Backend {
  readonly name: string;
  readonly kind: 'vllm' | 'ollama' | 'openrouter' | 'openai';
  /** `http(s)://host:port` with an optional path, neither `/v1` nor a slash at the end. `null`: OpenRouter's own. */
  readonly url: string | null;
  readonly key: SecretName | null;
  /** `none`: asking it costs nothing, so validate sends it real one-token completions. */
  readonly cost: 'none' | 'paid';
  readonly models: readonly Model[];
}

export interface Model {
  /** What the backend calls it. */
  readonly id: string;
  /** What clients call it. */
  readonly alias: string;
  /** Tokens. */
  readonly context: number | null;
  /** Tokens: LiteLLM's default for requests that name none, not a cap. */
  readonly maxTokens: number | null;
}

/** How n8n runs, and how people reach it. One of `container` and `unit` at least is there. */
export interface N8n {
  readonly host: HostName;
  /** Of podman or docker. */
  readonly container?: string;
  /** What starts it: systemd's, with its suffix. With a container of a Quadlet, both. */
  readonly unit?: string;
  /** Absolute path of the file that its variables are set in. */
  readonly envFile?: string;
  /** Where people find the editor, without a slash at the end. */
  readonly url: string;
  /** What its webhooks' addresses begin with: `url` where the file gives none. */
  readonly webhooks: string;
  /** What stands in front of it, from the outside in. `[]`: nothing. */
  readonly proxies: readonly Front[];
}
export const PROXIES = ['cloudflare', 'cloudflare-tunnel', 'nginx', 'caddy', 'traefik', 'tailscale-serve', 'tcp', 'other'] as const;
/** `tcp`: passes connections on without looking inside. `other`: appends to X-Forwarded-For. */
export type Front = (typeof PROXIES)[number];

/** Names, and where they must lead. */
export interface Dns {
  readonly names: readonly DnsName[];
  /** The IP address of a public resolver, to compare with. */
  readonly public: Address;
  /** Hosts, or `here`, that must find them. */
  readonly from: readonly HostName[];
  /** Absent: the tailnet is run by Tailscale itself. */
  readonly headscale?: Headscale;
}

export interface DnsName {
  /** Lower case, without a dot at the end. */
  readonly name: string;
  /** IP addresses: all that it has inside. */
  readonly inside: readonly Address[];
  /** IP addresses: all that it has for a public resolver. `[]`: it must have none. Absent: whatever it has. */
  readonly outside?: readonly Address[];
}

/** The coordination server, and what runs it. */
export interface Headscale {
  readonly host: HostName;
  /** Absolute path of its config.yaml on that host. */
  readonly config: string;
  readonly run: HeadscaleContainer | { readonly by: 'unit'; readonly unit: string };
}
export interface HeadscaleContainer {
  readonly by: 'container';
  /** Of podman or docker. */
  readonly container: string;
  /** Absolute path of config.yaml as the container sees it. */
  readonly config: string;
  /** Absolute path of the compose file that starts it. Absent: the container is restarted by itself. */
  readonly compose?: string;
}

/** A risk somebody accepted: a finding again after `until`. */
export interface Accepted {
  readonly check: string;
  /** Absent: every subject of the check. */
  readonly subject?: string;
  readonly reason: string;
  /** The last day that it holds, `YYYY-MM-DD`. */
  readonly until: string;
}
