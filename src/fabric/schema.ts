// fabric.yaml as it may be written. Every message here says what was expected, as a noun phrase; parse.ts adds what was found and
// where. What a missing part means (the defaults) and how parts refer to each other is in parse.ts too.
import { isIP, isIPv6 } from 'node:net';
import { posix } from 'node:path';
import { z } from 'zod';
import { PROXIES } from '../fabric.ts';

/** What `master_key:` says instead of a name when the proxy is to go without one. */
export const noMasterKey = 'none: everyone who can connect is an administrator';

export const text = (expected: string, pattern: RegExp) => z.string(expected).regex(pattern, expected);
export const count = (expected: string, max: number) => z.int(expected).min(1, expected).max(max, expected);
const tokens = count('a positive whole number', Number.MAX_SAFE_INTEGER);
export const choice = <const Values extends readonly string[]>(...values: Values) =>
  z.enum(values, `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`);
const named = <Value extends z.ZodType>(value: Value) => z.record(z.string(), value, 'a mapping');
/** These keys and no others. For an unknown key, the message is the known ones. */
export const mapping = <Shape extends z.ZodRawShape>(shape: Shape, expected = 'a mapping') =>
  z.strictObject(shape, { error: (issue) => (issue.code === 'unrecognized_keys' ? Object.keys(shape).join(', ') : expected) });

/** An IP address without a zone, or a DNS name. A last label of digits alone is a mistyped IPv4 address. */
function isAddress(address: string): boolean {
  if (isIP(address) !== 0) return !address.includes('%');
  const labels = address.split('.');
  const label = /^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/;
  return address.length <= 253 && labels.every((part) => label.test(part)) && !/^\d+$/.test(labels.at(-1) ?? '');
}

/** `name`, `1.2.3.4:80`, `[::1]:80` … taken apart. */
export function hostAndPort(authority: string): { address: string; port: number | null } | null {
  const [, v6, name, port] = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::([1-9]\d{0,4}))?$/.exec(authority) ?? [];
  const address = v6 ?? name;
  if (address === undefined || !isAddress(address) || isIPv6(address) !== (v6 !== undefined) || Number(port ?? 1) > 65535) return null;
  return { address, port: port === undefined ? null : Number(port) };
}

function isUrl(url: string): boolean {
  const [, authority] = /^https?:\/\/([^/]+)(?:\/[A-Za-z0-9._~%/-]*)?$/.exec(url) ?? [];
  return authority !== undefined && hostAndPort(authority) !== null;
}

/** The eight words of an IPv6 address. The URL parser writes `::ffff:1.2.3.4` and its like as plain words. */
function words(address: string): readonly number[] {
  const [head = '', tail = ''] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const [first, last] = [head, tail].map((half) => half.split(':').filter(Boolean));
  const zeros = Array.from({ length: 8 - (first?.length ?? 0) - (last?.length ?? 0) }, () => '0');
  return [...(first ?? []), ...zeros, ...(last ?? [])].map((word) => Number.parseInt(word, 16));
}

/** The network that a CIDR means: itself, or the same with its host bits cleared. `null` when it is no CIDR. */
function network(cidr: string): string | null {
  const [, address = '', prefix = ''] = /^([^/%]+)\/(0|[1-9]\d{0,2})$/.exec(cidr) ?? [];
  const version = isIP(address);
  const size = version === 6 ? 16 : 8;
  if (version === 0 || Number(prefix) > (version === 6 ? 128 : 32)) return null;
  const parts = version === 6 ? words(address) : address.split('.').map(Number);
  const kept = parts.map((part, index) => {
    const hostBits = size - Math.min(Math.max(Number(prefix) - index * size, 0), size);
    return (part >> hostBits) << hostBits;
  });
  if (kept.every((part, index) => part === parts[index])) return cidr;
  if (version === 4) return `${kept.join('.')}/${prefix}`;
  return `${new URL(`http://[${kept.map((word) => word.toString(16)).join(':')}]`).hostname.slice(1, -1)}/${prefix}`;
}

export const hostName = text(
  'a host name (letters, digits, ".", "_" and "-", first a letter or digit)',
  /^[A-Za-z0-9][A-Za-z0-9._-]*$/,
).refine((name) => name !== 'here', 'another name ("here" means this machine)');
export const backendName = text('a name (letters, digits, ".", "_" and "-", first a letter or digit)', /^[A-Za-z0-9][A-Za-z0-9._-]*$/);
export const secretName = text('a secret\'s name (letters, digits and "_", first no digit)', /^[A-Za-z_][A-Za-z0-9_]*$/);
export const modelName = text(
  'a model\'s name (letters, digits and any of "._:/@+-", first a letter or digit)',
  /^[A-Za-z0-9][A-Za-z0-9._:/@+-]*$/,
);

const address = z.string('an IP address or a DNS name').refine(isAddress, 'an IP address or a DNS name');
const ip = z.string('an IP address').refine((it) => isIP(it) !== 0 && isAddress(it), 'an IP address');
export const oneLine = text('a line of text', /\S/);

const cidr = z.string('a network such as 100.64.0.0/10').superRefine((written, context) => {
  const meant = network(written);
  if (meant === written) return;
  const message = meant === null ? 'a network such as 100.64.0.0/10' : 'a network without host bits';
  context.addIssue({ code: 'custom', message, params: { meant } });
});

const expectedListen = 'an IP address and a port, such as 0.0.0.0:4000 or [::]:4000';
const listen = z.string(expectedListen).transform((written, context) => {
  const found = hostAndPort(written);
  if (found !== null && found.port !== null && isIP(found.address) !== 0) return { address: found.address, port: found.port };
  context.addIssue(expectedListen);
  return z.NEVER;
});

const systemFolders = '/etc /usr /root /home /var /boot /bin /lib /sbin /dev /proc /sys /tmp'.split(' ');
const expectedDirectory = 'an absolute path of letters, digits, ".", "_" and "-", without ".." or a slash at the end';
const directory = text(expectedDirectory, /^(?:\/[A-Za-z0-9._-]+)+$/)
  .refine((path) => posix.normalize(path) === path, expectedDirectory)
  .refine((path) => !systemFolders.includes(path), 'a folder of its own, not one of the system');

const image = text(
  'an image with a tag or a digest, such as ghcr.io/berriai/litellm:v1.102.4',
  /^[a-z0-9][A-Za-z0-9._/-]*(?::\d+\/[A-Za-z0-9._/-]+)?(?::[A-Za-z0-9_][A-Za-z0-9._-]*|(?::[A-Za-z0-9_][A-Za-z0-9._-]*)?@sha256:[0-9a-f]{64})$/,
)
  .refine((name) => /^[^/]*[.:][^/]*\/|^localhost\//.test(name), 'an image with its registry, such as ghcr.io/berriai/litellm:v1.102.4')
  .refine((name) => !/:(main-)?(latest|stable|nightly)$/.test(name), 'an image pinned by a tag that stays, or a digest');

const url = z
  .string('an http or https address, such as http://127.0.0.1:8000')
  .refine((it) => !/\/\/.*@/.test(it), 'an address without user:password (name a secret with key: instead)')
  .refine((it) => !/[?#]/.test(it), 'an address without a query or a fragment')
  .refine(isUrl, 'an http or https address, such as http://127.0.0.1:8000')
  .transform((it) => it.replace(/\/+$/, '').replace(/\/+v1$/, ''));

const expectedFront = 'an https address, such as https://llm.example.net';
const front = z
  .string(expectedFront)
  .refine((it) => /^https:\/\/[^@?#]+$/.test(it) && isUrl(it), expectedFront)
  .transform((it) => it.replace(/\/+$/, '').replace(/\/+v1$/, ''));

const host = mapping({
  address: address.optional(),
  user: text('a user\'s name (letters, digits, ".", "_" and "-", first a letter or "_")', /^[A-Za-z_][A-Za-z0-9._-]*$/).optional(),
  port: count('a port from 1 to 65535', 65535).optional(),
  become: choice('sudo', 'none').optional(),
  client: choice('openssh', 'ssh2', 'local').optional(),
  shell: choice('sh', 'powershell').optional(),
  hostKey: text('a fingerprint such as `ssh-keygen -lf` prints: "SHA256:" and 43 characters', /^SHA256:[A-Za-z0-9+/]{43}$/).optional(),
  identity: text("a private key's path", /^(?!~(?!\/))\P{Cc}+$/u).optional(),
  public: z.array(address, 'a list of addresses').min(1, 'at least one address').optional(),
});

const vantages = z.array(z.string('the name of a host in hosts, or here'), 'a list of hosts').min(1, 'at least one host');

const model = mapping({
  id: modelName,
  alias: modelName.optional(),
  context: tokens.optional(),
  max_tokens: tokens.optional(),
});

const backend = mapping({
  kind: choice('vllm', 'ollama', 'openrouter', 'openai'),
  url: url.optional(),
  key: z.string('the name of a secret in litellm.secrets').optional(),
  cost: choice('none', 'paid').optional(),
  models: z.array(model, 'a list of models').min(1, 'at least one model'),
});

/** The suffix of a vault's host, which is the audience of its tokens as well: `az cloud list --query '[].suffixes.keyvaultDns'`. */
export const AZURE_CLOUDS = {
  AzureCloud: 'vault.azure.net',
  AzureChinaCloud: 'vault.azure.cn',
  AzureUSGovernment: 'vault.usgovcloudapi.net',
  AzureBleuCloud: 'vault.sovcloud-api.fr',
} as const;
export const azureCloud = choice('AzureCloud', 'AzureChinaCloud', 'AzureUSGovernment', 'AzureBleuCloud');

const expectedEndpoint = 'an https address, such as https://kv-ops.vault.azure.net';
const endpoint = z
  .string(expectedEndpoint)
  // A token goes there: in clear text to this machine alone.
  .refine((it) => /^(?:https:\/\/|http:\/\/(?:127\.0\.0\.1|localhost|\[::1\])[:/])[^@?#]+$/.test(it) && isUrl(it), expectedEndpoint)
  .transform((it) => it.replace(/\/+$/, ''));

// Key Vault's own rules for names: https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
const azureSource = mapping({
  vault: text('a vault\'s name (3 to 24 letters, digits and "-", first a letter)', /^[A-Za-z](?:-?[A-Za-z0-9]){2,23}$/).refine(
    (it) => it.length <= 24,
    'a vault\'s name (3 to 24 letters, digits and "-", first a letter)',
  ),
  name: text('a secret\'s name there (letters, digits and "-")', /^[A-Za-z0-9-]{1,127}$/),
  version: text('a version (32 digits and letters a to f)', /^[0-9a-f]{32}$/).optional(),
  endpoint: endpoint.optional(),
  cloud: azureCloud.optional(),
});

const vaultPath = (expected: string) =>
  text(expected, /^(?!.*\/\/)(?!(?:.*\/)?\.\.?(?:\/|$))[^\p{Cc}\s/?#%](?:[^\p{Cc}?#%]*[^\p{Cc}\s/?#%])?$/u);
const vaultSource = mapping({
  path: vaultPath('the path of a secret below its mount, such as litellm/prod'),
  field: text('the name of a field of the secret', /^\P{Cc}+$/u),
  mount: vaultPath('where the engine is mounted, such as secret').optional(),
  address: z
    .string('an http or https address, such as https://vault.example.net:8200')
    .refine((it) => !/[@?#]/.test(it) && isUrl(it), 'an http or https address, such as https://vault.example.net:8200')
    .transform((it) => it.replace(/\/+$/, '').replace(/\/v1$/, ''))
    .optional(),
});

/** The kinds of source that have parts, by the key that says which it is. */
const sourceOfParts = mapping({
  azure: azureSource.optional(),
  vault: vaultSource.optional(),
  command: z
    .array(text('a word of the command', /^[^\0]*$/), 'a list: the program and its arguments, each a word of its own')
    .min(1, 'the program, and its arguments')
    .refine((words) => /^(?!~(?!\/))[^\s]/.test(words[0] ?? ''), 'the program first: its name or its path')
    .optional(),
}).refine((parts) => Object.values(parts).filter((one) => one !== undefined).length === 1, 'one of azure, vault, command');

const FILE = '(?!~(?!\\/))\\P{Cc}+';
const SOURCE = [
  'env:[A-Za-z_][A-Za-z0-9_]*',
  `file:${FILE}`,
  'pass:(?![-/])(?!(?:.*\\/)?\\.\\.?(?:\\/|$))\\P{Cc}*[^\\p{Cc}/]', // pass itself refuses to leave its store
  `sops:${FILE}#[A-Za-z0-9_-]+(?:\\.[A-Za-z0-9_-]+)*`,
  'op:\\/\\/[^\\p{Cc}/]+(?:\\/[^\\p{Cc}/]+){2,3}',
];
const expectedSource =
  'env:NAME, file:PATH, pass:NAME, sops:FILE#KEY.KEY, op://VAULT/ITEM/FIELD, or a mapping with azure, vault or command';
const source = z.union([text(expectedSource, new RegExp(`^(?:${SOURCE.join('|')})$`, 'u')), sourceOfParts], expectedSource);

const litellm = mapping({
  host: hostName,
  directory: directory.optional(),
  image,
  listen: listen.optional(),
  front: front.optional(),
  allow: z.array(cidr, 'a list of networks').min(1, 'at least one network').optional(),
  reachable_from: vantages.optional(),
  unreachable_from: vantages.optional(),
  master_key: z.string(`the name of a secret in litellm.secrets, or "${noMasterKey}"`).optional(),
  secrets: named(source).nullish(),
  backends: named(backend),
  aliases: named(modelName).nullish(),
  config: z.record(z.string(), z.json(), 'a mapping').nullish(),
});

const expectedSite = 'an http or https address, such as https://n8n.example.net';
const site = z
  .string(expectedSite)
  .refine((it) => /^https?:\/\/[^@?#]+$/.test(it) && isUrl(it), expectedSite)
  .transform((it) => it.replace(/\/+$/, ''));

const expectedFile = 'an absolute path of letters, digits, ".", "_", "@" and "-", without ".." or a slash at the end';
const n8n = mapping({
  host: hostName,
  container: text(
    'a container\'s name (letters, digits, ".", "_" and "-", first a letter or digit)',
    /^[A-Za-z0-9][A-Za-z0-9._-]*$/,
  ).optional(),
  unit: text('a unit of systemd, such as n8n.service', /^[A-Za-z0-9][A-Za-z0-9:._@\\-]*\.service$/).optional(),
  env_file: text(expectedFile, /^(?:\/[A-Za-z0-9._@-]+)+$/)
    .refine((path) => posix.normalize(path) === path, expectedFile)
    .optional(),
  url: site,
  webhooks: site.optional(),
  proxies: z.array(choice(...PROXIES), 'a list of proxies from the outside in, or [] for none'),
});

const expectedName = 'a DNS name, such as n8n.example.net';
/** Relative names are search domains' business, and a wildcard is nobody's name. */
export const dnsName = z
  .string(expectedName)
  .refine((it) => /\./.test(it) && !it.endsWith('.') && isIP(it) === 0 && isAddress(it), expectedName);
const addresses = z.union(
  [ip, z.array(ip, 'a list of IP addresses').min(1, 'at least one IP address')],
  'an IP address, or a list of them',
);
const expectedInside = 'an IP address, or a mapping with inside and outside';
const lookedAfter = z.union(
  [addresses, mapping({ inside: addresses, outside: z.union([z.literal('none'), addresses], 'IP addresses, or none').optional() })],
  expectedInside,
);
const file = text(expectedFile, /^(?:\/[A-Za-z0-9._@-]+)+$/).refine((path) => posix.normalize(path) === path, expectedFile);
const headscale = mapping({
  host: hostName,
  config: file.optional(),
  container: text(
    'a container\'s name (letters, digits, ".", "_" and "-", first a letter or digit)',
    /^[A-Za-z0-9][A-Za-z0-9._-]*$/,
  ).optional(),
  container_config: file.optional(),
  compose: file.optional(),
  unit: text('a unit of systemd, such as headscale.service', /^[A-Za-z0-9][A-Za-z0-9:._@\\-]*\.service$/).optional(),
});
const dns = mapping({
  names: named(lookedAfter).refine((names) => Object.keys(names).length > 0, 'at least one name'),
  public: ip.optional(),
  from: vantages.optional(),
  headscale: headscale.optional(),
});

const accepted = mapping({
  check: text('a check such as litellm/exposure', /^[a-z0-9][a-z0-9-]*\/[A-Za-z0-9][A-Za-z0-9-]*$/),
  subject: oneLine.optional(),
  reason: oneLine,
  until: z.iso.date('a date such as 2027-01-31'),
});

/** The whole file. A section or a host with nothing in it is one with every default. */
export const fileSchema = mapping(
  {
    hosts: named(host.nullable()),
    tailnet: mapping({
      range: cidr.optional(),
      resolver: ip.optional(),
      resolver6: ip.refine(isIPv6, 'an IPv6 address').optional(),
    }).nullish(),
    litellm,
    n8n: n8n.optional(),
    dns: dns.optional(),
    accept: z.array(accepted, 'a list').nullish(),
  },
  'a mapping with hosts and litellm',
);

/** A file that the schema has nothing against. */
export type Draft = z.infer<typeof fileSchema>;
