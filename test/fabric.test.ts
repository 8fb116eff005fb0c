import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Refusal } from '../src/errors.ts';
import { findFabric, loadFabric } from '../src/fabric/find.ts';
import { parse, problemText } from '../src/fabric/parse.ts';
import type { Fabric } from '../src/fabric.ts';

const file = '/ops/fabric.yaml';
const problems = (text: string): readonly string[] => {
  const parsed = parse(text, file);
  return 'fabric' in parsed ? [] : parsed.problems.map((problem) => problemText('f', problem));
};

const full = `
hosts:
  akira: &host
    address: 100.64.0.14
    user: ops
    port: 2222
    become: sudo
    client: openssh
  motoko: *host
  here-too: { client: local }
  pinned: { client: ssh2, hostKey: SHA256:${'+/'.repeat(21)}x, identity: keys/fabric }
  windows: { shell: powershell }
  rooty: { user: root, address: fd7a:115c:a1e0::14 }
tailnet:
  range: 100.64.0.0/16
  resolver: 100.100.100.101
  resolver6: fd00::53
litellm:
  host: akira
  directory: /opt/litellm
  image: ghcr.io/berriai/litellm:v1.102.4@sha256:${'0a'.repeat(32)}
  listen: "[fd7a:115c:a1e0::14]:4001"
  allow: [100.64.0.0/10, "fd7a:115c:a1e0::/48"]
  master_key: MASTER
  secrets:
    MASTER: env:LITELLM_MASTER_KEY
    OPENROUTER_API_KEY: file:~/.secrets/openrouter
    RELATIVE: file:secrets/key
    ABSOLUTE: file:/etc/secrets/a key
    PASS: pass:litellm/master key
    SOPS: sops:secrets.yaml#litellm.key-2.0
    OP: op://Home Lab/LiteLLM/credentials/key
    AZURE: { azure: { vault: kv-ops, name: litellm-master-key } }
    CHINA:
      azure: { vault: kv-ops, name: a, version: 4387e9f3d6e14c459867679a90fd0f79, endpoint: "https://127.0.0.1:8443/", cloud: AzureChinaCloud }
    VAULT: { vault: { path: litellm/prod, field: key } }
    BAO: { vault: { path: a, field: "my key", mount: kv/team, address: "http://bao:8200/v1" } }
    COMMAND: { command: [bws, secret, get, "4a b"] }
    OWN: { command: [bin/get] }
  backends:
    vllm:
      kind: vllm
      url: http://127.0.0.1:8000//v1/
      cost: paid
      models:
        - id: qwen2.5-7b
          alias: akira/qwen2.5-7b
          context: 32768
          max_tokens: 2048
        - id: bge-m3
    router:
      kind: openrouter
      key: OPENROUTER_API_KEY
      models: [{ id: perplexity/sonar }]
    ollama:
      kind: ollama
      url: https://[::1]:11434/ollama/
      models: [{ id: "llama3:70b" }]
    remote:
      kind: openai
      url: http://wintermute/v1
      key: RELATIVE
      models: [{ id: gpt, max_tokens: 1 }]
  aliases:
    default: akira/qwen2.5-7b
    other: from-config
  config:
    model_list: [{ model_name: from-config }]
    router_settings: { retries: 1.5, text: "two\\nlines", none: null, on: true }
n8n:
  host: motoko
  container: n8n-n8n-1
  unit: n8n@home.service
  env_file: /opt/n8n/.env
  url: https://n8n.example.net/
  webhooks: https://webhooks.example.net/in/
  proxies: [cloudflare-tunnel, tcp, nginx]
dns:
  names:
    MayI.example.net: 100.64.0.14
    n8n.example.net: { inside: [100.64.0.14, "fd7a:115c:a1e0::14"], outside: 203.0.113.14 }
    hidden.example.net: { inside: 100.64.0.15, outside: none }
    two.example.net: [100.64.0.14, 100.64.0.15]
  public: 1.1.1.1
  from: [motoko, here]
  headscale:
    host: akira
    config: /opt/services/headscale/config/config.yaml
    container: headscale
    container_config: /etc/headscale/conf.yaml
    compose: /opt/services/headscale/docker-compose.yml
accept:
  - check: litellm/exposure
    subject: akira
    reason: the zone is left to another team
    until: 2027-01-31
  - { check: host/firewall, reason: "known", until: "2028-02-29" }
`;

const whole: Fabric = {
  file,
  hosts: new Map([
    ['akira', { name: 'akira', address: '100.64.0.14', user: 'ops', port: 2222, become: 'sudo', client: 'openssh' }],
    ['motoko', { name: 'motoko', address: '100.64.0.14', user: 'ops', port: 2222, become: 'sudo', client: 'openssh' }],
    [
      'pinned',
      {
        name: 'pinned',
        address: 'pinned',
        become: 'sudo',
        client: 'ssh2',
        hostKey: `SHA256:${'+/'.repeat(21)}x`,
        identity: '/ops/keys/fabric',
      },
    ],
    ['here-too', { name: 'here-too', address: 'here-too', become: 'sudo', client: 'local' }],
    ['windows', { name: 'windows', address: 'windows', become: 'sudo', client: 'openssh', shell: 'powershell' }],
    ['rooty', { name: 'rooty', address: 'fd7a:115c:a1e0::14', user: 'root', become: 'none', client: 'openssh' }],
  ]),
  tailnet: { range: '100.64.0.0/16', resolver: '100.100.100.101', resolver6: 'fd00::53' },
  litellm: {
    host: 'akira',
    directory: '/opt/litellm',
    image: `ghcr.io/berriai/litellm:v1.102.4@sha256:${'0a'.repeat(32)}`,
    listen: { address: 'fd7a:115c:a1e0::14', port: 4001 },
    allow: ['100.64.0.0/10', 'fd7a:115c:a1e0::/48'],
    reachableFrom: [],
    unreachableFrom: [],
    masterKey: 'MASTER',
    secrets: new Map([
      ['MASTER', { from: 'env', name: 'LITELLM_MASTER_KEY' }],
      ['OPENROUTER_API_KEY', { from: 'file', path: '~/.secrets/openrouter' }],
      ['RELATIVE', { from: 'file', path: '/ops/secrets/key' }],
      ['ABSOLUTE', { from: 'file', path: '/etc/secrets/a key' }],
      ['PASS', { from: 'pass', name: 'litellm/master key' }],
      ['SOPS', { from: 'sops', path: '/ops/secrets.yaml', keys: ['litellm', 'key-2', '0'] }],
      ['OP', { from: 'op', reference: 'op://Home Lab/LiteLLM/credentials/key' }],
      [
        'AZURE',
        {
          from: 'azure',
          vault: 'kv-ops',
          name: 'litellm-master-key',
          endpoint: 'https://kv-ops.vault.azure.net',
          audience: 'https://vault.azure.net',
        },
      ],
      [
        'CHINA',
        {
          from: 'azure',
          vault: 'kv-ops',
          name: 'a',
          version: '4387e9f3d6e14c459867679a90fd0f79',
          endpoint: 'https://127.0.0.1:8443',
          audience: 'https://vault.azure.cn',
        },
      ],
      ['VAULT', { from: 'vault', mount: 'secret', path: 'litellm/prod', field: 'key' }],
      ['BAO', { from: 'vault', mount: 'kv/team', path: 'a', field: 'my key', address: 'http://bao:8200' }],
      ['COMMAND', { from: 'command', argv: ['bws', 'secret', 'get', '4a b'] }],
      ['OWN', { from: 'command', argv: ['/ops/bin/get'] }],
    ]),
    backends: [
      {
        name: 'vllm',
        kind: 'vllm',
        url: 'http://127.0.0.1:8000',
        key: null,
        cost: 'paid',
        models: [
          { id: 'qwen2.5-7b', alias: 'akira/qwen2.5-7b', context: 32768, maxTokens: 2048 },
          { id: 'bge-m3', alias: 'bge-m3', context: null, maxTokens: null },
        ],
      },
      {
        name: 'router',
        kind: 'openrouter',
        url: null,
        key: 'OPENROUTER_API_KEY',
        cost: 'paid',
        models: [{ id: 'perplexity/sonar', alias: 'perplexity/sonar', context: null, maxTokens: 4096 }],
      },
      {
        name: 'ollama',
        kind: 'ollama',
        url: 'https://[::1]:11434/ollama',
        key: null,
        cost: 'none',
        models: [{ id: 'llama3:70b', alias: 'llama3:70b', context: null, maxTokens: null }],
      },
      {
        name: 'remote',
        kind: 'openai',
        url: 'http://wintermute',
        key: 'RELATIVE',
        cost: 'paid',
        models: [{ id: 'gpt', alias: 'gpt', context: null, maxTokens: 1 }],
      },
    ],
    aliases: new Map([
      ['default', 'akira/qwen2.5-7b'],
      ['other', 'from-config'],
    ]),
    config: {
      model_list: [{ model_name: 'from-config' }],
      router_settings: { retries: 1.5, text: 'two\nlines', none: null, on: true },
    },
  },
  n8n: {
    host: 'motoko',
    container: 'n8n-n8n-1',
    unit: 'n8n@home.service',
    envFile: '/opt/n8n/.env',
    url: 'https://n8n.example.net',
    webhooks: 'https://webhooks.example.net/in',
    proxies: ['cloudflare-tunnel', 'tcp', 'nginx'],
  },
  dns: {
    names: [
      { name: 'mayi.example.net', inside: ['100.64.0.14'] },
      { name: 'n8n.example.net', inside: ['100.64.0.14', 'fd7a:115c:a1e0::14'], outside: ['203.0.113.14'] },
      { name: 'hidden.example.net', inside: ['100.64.0.15'], outside: [] },
      { name: 'two.example.net', inside: ['100.64.0.14', '100.64.0.15'] },
    ],
    public: '1.1.1.1',
    from: ['motoko', 'here'],
    headscale: {
      host: 'akira',
      config: '/opt/services/headscale/config/config.yaml',
      run: {
        by: 'container',
        container: 'headscale',
        config: '/etc/headscale/conf.yaml',
        compose: '/opt/services/headscale/docker-compose.yml',
      },
    },
  },
  accept: [
    { check: 'litellm/exposure', subject: 'akira', reason: 'the zone is left to another team', until: '2027-01-31' },
    { check: 'host/firewall', reason: 'known', until: '2028-02-29' },
  ],
};

const minimal = `hosts:
  akira:
litellm:
  host: akira
  image: r.io/litellm:1
  secrets:
    LITELLM_MASTER_KEY: env:KEY
  backends:
    vllm:
      kind: vllm
      url: http://127.0.0.1:8000
      models:
        - id: qwen
`;

const defaults: Fabric = {
  file,
  hosts: new Map([['akira', { name: 'akira', address: 'akira', become: 'sudo', client: 'openssh' }]]),
  tailnet: { range: '100.64.0.0/10', resolver: '100.100.100.100', resolver6: 'fd7a:115c:a1e0::53' },
  litellm: {
    host: 'akira',
    directory: '/flux/apps/litellm',
    image: 'r.io/litellm:1',
    listen: { address: '0.0.0.0', port: 4000 },
    allow: ['100.64.0.0/10'],
    reachableFrom: [],
    unreachableFrom: [],
    masterKey: 'LITELLM_MASTER_KEY',
    secrets: new Map([['LITELLM_MASTER_KEY', { from: 'env', name: 'KEY' }]]),
    backends: [
      {
        name: 'vllm',
        kind: 'vllm',
        url: 'http://127.0.0.1:8000',
        key: null,
        cost: 'none',
        models: [{ id: 'qwen', alias: 'qwen', context: null, maxTokens: null }],
      },
    ],
    aliases: new Map(),
    config: {},
  },
  accept: [],
};

const sentence = 'none: everyone who can connect is an administrator';
const hidden = 'something else (not shown: it may be a secret)';
const source = 'env:NAME, file:PATH, pass:NAME, sops:FILE#KEY.KEY, op://VAULT/ITEM/FIELD, or a mapping with azure, vault or command';
const name = 'a host name (letters, digits, ".", "_" and "-", first a letter or digit)';
const model = 'a model\'s name (letters, digits and any of "._:/@+-", first a letter or digit)';
const path = 'an absolute path of letters, digits, ".", "_" and "-", without ".." or a slash at the end';
const image = 'an image with a tag or a digest, such as ghcr.io/berriai/litellm:v1.102.4';
const listen = 'an IP address and a port, such as 0.0.0.0:4000 or [::]:4000';
const url = 'an http or https address, such as http://127.0.0.1:8000';
const address = 'an IP address or a DNS name';
const user = 'a user\'s name (letters, digits, ".", "_" and "-", first a letter or "_")';

/** What is replaced in the minimal file, by what, and every problem that this makes. */
const bad: readonly (readonly [title: string, was: string, now: string, ...problems: string[]])[] = [
  // YAML
  ['an empty file', minimal, '', 'f:1:1: expected a mapping with hosts and litellm, found nothing'],
  ['only a comment', minimal, '# later\n', 'f:1:1: expected a mapping with hosts and litellm, found nothing'],
  ['a list', minimal, '- akira\n', 'f:1:1: expected a mapping with hosts and litellm, found a list'],
  ['a text', minimal, 'akira\n', 'f:1:1: expected a mapping with hosts and litellm, found "akira"'],
  ['a tab', '  akira:', '\takira:', 'f:2:1: Tabs are not allowed as indentation'],
  ['an open bracket', 'r.io/litellm:1', '[1', 'f:6:3: Flow sequence in block collection must be sufficiently indented and end with a ]'],
  ['an unknown anchor', 'env:KEY', '*hunter2', 'f:7:25: Unresolved alias (the anchor must be set before the alias)'],
  ['an endless anchor', '  akira:\n', '  akira: &a\n    user: *a\n', 'f:3:11: An alias inside of what it stands for'],
  ['a tag', 'env:KEY', '!hunter2 x', 'f:7:25: Unresolved tag'],
  [
    'a second document',
    '  host: akira',
    '---\nhost: akira',
    'f:4:1: Source contains multiple documents; please use YAML.parseAllDocuments()',
  ],
  [
    'the sentence without quotes',
    '  host: akira',
    `  host: akira\n  master_key: ${sentence}`,
    'f:5:15: Nested mappings are not allowed in compact mappings (a text with ": " in it needs quotes)',
  ],
  [
    'a duplicate key beside another problem',
    '  host: akira',
    '  host: akira\n  host: akria',
    'f:5:3: Map keys must be unique',
    'f:5:9 litellm.host: expected the name of a host in hosts, found "akria" (did you mean "akira"?)',
  ],
  [
    'a merge key',
    '  akira:',
    '  akira:\n    <<: {}',
    'f:3:5 hosts.akira["<<"]: expected every key written out (merge keys are not supported), found "<<"',
  ],
  ['a name of JavaScript', '  akira:', '  akira:\n  __proto__:', 'f:3:3 hosts.__proto__: expected another name, found "__proto__"'],
  [
    'no JSON',
    '  host: akira',
    '  host: akira\n  config: {a: [.nan]}',
    'f:5:15 litellm.config.a: expected what JSON can hold, found a list',
  ],
  // shape
  ['no litellm', minimal, 'hosts: {akira: {}}', 'f:1:1 litellm: expected a mapping, found nothing'],
  [
    'an unknown section',
    'hosts:',
    'host: 1\nhosts:',
    'f:1:1 host: expected one of hosts, tailnet, litellm, n8n, dns, accept, found "host" (did you mean "hosts"?)',
  ],
  [
    'an unknown key',
    '  akira:',
    '  akira:\n    usr: ops',
    'f:3:5 hosts.akira.usr: expected one of address, user, port, become, client, shell, hostKey, identity, public, found "usr" (did you mean "user"?)',
  ],
  [
    'an unknown key far from all',
    '  akira:',
    '  akira:\n    password: ops',
    'f:3:5 hosts.akira.password: expected one of address, user, port, become, client, shell, hostKey, identity, public, found "password"',
  ],
  [
    'a key with swapped letters, in another case',
    '  akira:',
    '  akira:\n    Prot: 22',
    'f:3:5 hosts.akira.Prot: expected one of address, user, port, become, client, shell, hostKey, identity, public, found "Prot" (did you mean "port"?)',
  ],
  ['a missing key', '  image: r.io/litellm:1\n', '', `f:3:1 litellm.image: expected ${image}, found nothing`],
  ['a missing key in a list', 'id: qwen', 'alias: qwen', `f:13:11 litellm.backends.vllm.models[0].id: expected ${model}, found nothing`],
  ['an empty value', '  akira:', '  akira:\n    user:', `f:3:10 hosts.akira.user: expected ${user}, found nothing`],
  ['a number for a text', '  akira:', '  akira:\n    user: 1000', `f:3:11 hosts.akira.user: expected ${user}, found 1000`],
  ['a list for a mapping', '  akira:', '  akira: []', 'f:2:10 hosts.akira: expected a mapping, found an empty list'],
  [
    'two problems through one anchor',
    '  akira:',
    '  akira: &a {port: 0}\n  motoko: *a',
    'f:2:20 hosts.akira.port: expected a port from 1 to 65535, found 0',
    'f:2:20 hosts.motoko.port: expected a port from 1 to 65535, found 0',
  ],
  // hosts
  [
    'a host called here',
    '  akira:',
    '  akira:\n  here:',
    'f:3:3 hosts.here: expected another name ("here" means this machine), found "here"',
  ],
  ['a host name with a space', '  akira:', '  akira:\n  a b:', `f:3:3 hosts["a b"]: expected ${name}, found "a b"`],
  [
    'a wrong host with a wrong name',
    '  akira:',
    '  akira:\n  $(x): {port: 0}',
    `f:3:3 hosts["$(x)"]: expected ${name}, found "$(x)"`,
    'f:3:16 hosts["$(x)"].port: expected a port from 1 to 65535, found 0',
  ],
  [
    'a URL for an address',
    '  akira:',
    '  akira:\n    address: http://x',
    `f:3:14 hosts.akira.address: expected ${address}, found "http://x"`,
  ],
  [
    'an address that is an option',
    '  akira:',
    '  akira:\n    address: -oX',
    `f:3:14 hosts.akira.address: expected ${address}, found "-oX"`,
  ],
  [
    'an address that is no IP',
    '  akira:',
    '  akira:\n    address: 100.64.0.256',
    `f:3:14 hosts.akira.address: expected ${address}, found "100.64.0.256"`,
  ],
  [
    'an address with a zone',
    '  akira:',
    '  akira:\n    address: fe80::1%eth0',
    `f:3:14 hosts.akira.address: expected ${address}, found "fe80::1%eth0"`,
  ],
  ['a user with a command', '  akira:', '  akira:\n    user: $(id)', `f:3:11 hosts.akira.user: expected ${user}, found "$(id)"`],
  ['a port too high', '  akira:', '  akira:\n    port: 65536', 'f:3:11 hosts.akira.port: expected a port from 1 to 65535, found 65536'],
  [
    'a port beyond numbers',
    '  akira:',
    '  akira:\n    port: 1e20',
    'f:3:11 hosts.akira.port: expected a port from 1 to 65535, found 100000000000000000000',
  ],
  ['half a port', '  akira:', '  akira:\n    port: 22.5', 'f:3:11 hosts.akira.port: expected a port from 1 to 65535, found 22.5'],
  ['a port in quotes', '  akira:', '  akira:\n    port: "22"', 'f:3:11 hosts.akira.port: expected a port from 1 to 65535, found "22"'],
  [
    'an unknown choice',
    '  akira:',
    '  akira:\n    become: sudoo',
    'f:3:13 hosts.akira.become: expected sudo or none, found "sudoo" (did you mean "sudo"?)',
  ],
  [
    'an unknown client',
    '  akira:',
    '  akira:\n    client: sshd',
    'f:3:13 hosts.akira.client: expected openssh, ssh2 or local, found "sshd" (did you mean "ssh2"?)',
  ],
  [
    'ssh2 without a pinned key',
    '  akira:',
    '  akira:\n    client: ssh2',
    "f:2:3 hosts.akira.hostKey: expected the fingerprint of the host's key, which ssh2 needs (ssh-keygen -lf on the host), found nothing",
  ],
  [
    'a pinned key that is none',
    '  akira:',
    '  akira:\n    client: ssh2\n    hostKey: MD5:aa',
    'f:4:14 hosts.akira.hostKey: expected a fingerprint such as `ssh-keygen -lf` prints: "SHA256:" and 43 characters, found "MD5:aa"',
  ],
  [
    'a pinned key that OpenSSH would not see',
    '  akira:',
    `  akira:\n    hostKey: SHA256:${'a'.repeat(43)}`,
    `f:3:14 hosts.akira.hostKey: expected nothing, without client: ssh2 (OpenSSH has its known_hosts and ssh_config), found "SHA256:${'a'.repeat(43)}"`,
  ],
  [
    'an identity without SSH',
    '  akira:',
    '  akira:\n    client: local\n    identity: key',
    'f:4:15 hosts.akira.identity: expected nothing, without client: ssh2 (there is no SSH to this machine itself), found "key"',
  ],
  // tailnet, allow
  [
    'a network with host bits',
    'litellm:\n',
    'tailnet:\n  range: 100.64.0.1/10\nlitellm:\n',
    'f:4:10 tailnet.range: expected a network without host bits, found "100.64.0.1/10" (did you mean "100.64.0.0/10"?)',
  ],
  [
    'a resolver by name',
    'litellm:\n',
    'tailnet:\n  resolver: dns\nlitellm:\n',
    'f:4:13 tailnet.resolver: expected an IP address, found "dns"',
  ],
  [
    'nobody allowed',
    '  host: akira',
    '  host: akira\n  allow: []',
    'f:5:10 litellm.allow: expected at least one network, found an empty list',
  ],
  [
    'networks that are none',
    '  host: akira',
    '  host: akira\n  allow: [100.64.0.0, 100.64.0.0/33, "fd7a::1:2/64", "::ffff:1.2.3.4/120", "::/0"]',
    'f:5:11 litellm.allow[0]: expected a network such as 100.64.0.0/10, found "100.64.0.0"',
    'f:5:23 litellm.allow[1]: expected a network such as 100.64.0.0/10, found "100.64.0.0/33"',
    'f:5:38 litellm.allow[2]: expected a network without host bits, found "fd7a::1:2/64" (did you mean "fd7a::/64"?)',
    'f:5:54 litellm.allow[3]: expected a network without host bits, found "::ffff:1.2.3.4/120" (did you mean "::ffff:102:300/120"?)',
  ],
  // litellm
  [
    'a host not in hosts',
    'host: akira',
    'host: akria',
    'f:4:9 litellm.host: expected the name of a host in hosts, found "akria" (did you mean "akira"?)',
  ],
  ['a relative directory', '  host: akira', '  host: akira\n  directory: flux', `f:5:14 litellm.directory: expected ${path}, found "flux"`],
  [
    'a directory with ..',
    '  host: akira',
    '  host: akira\n  directory: /flux/../etc',
    `f:5:14 litellm.directory: expected ${path}, found "/flux/../etc"`,
  ],
  ['the root', '  host: akira', '  host: akira\n  directory: /', `f:5:14 litellm.directory: expected ${path}, found "/"`],
  [
    'a slash at the end',
    '  host: akira',
    '  host: akira\n  directory: /flux/',
    `f:5:14 litellm.directory: expected ${path}, found "/flux/"`,
  ],
  [
    'a system folder',
    '  host: akira',
    '  host: akira\n  directory: /etc',
    'f:5:14 litellm.directory: expected a folder of its own, not one of the system, found "/etc"',
  ],
  [
    'an image without a tag',
    'r.io/litellm:1',
    'registry:5000/litellm',
    `f:5:10 litellm.image: expected ${image}, found "registry:5000/litellm"`,
  ],
  [
    'an image with half a digest',
    'r.io/litellm:1',
    'litellm@sha256:abc',
    `f:5:10 litellm.image: expected ${image}, found "litellm@sha256:abc"`,
  ],
  [
    'an image without its registry',
    'r.io/litellm:1',
    'litellm/litellm:1',
    'f:5:10 litellm.image: expected an image with its registry, such as ghcr.io/berriai/litellm:v1.102.4, found "litellm/litellm:1"',
  ],
  [
    'a tag that moves',
    'litellm:1',
    'litellm:main-stable',
    'f:5:10 litellm.image: expected an image pinned by a tag that stays, or a digest, found "r.io/litellm:main-stable"',
  ],
  [
    'a user who is not root and does not become it',
    '  akira:\n',
    '  akira: { user: ops, become: none }\n',
    'f:2:31 hosts.akira.become: expected sudo, since "ops" is not root, found "none"',
  ],
  [
    'a key written out under config',
    '  backends:',
    '  config: { general_settings: { master_key: hunter2hunter2 }, a: [{ api_key: os.environ/X }] }\n  backends:',
    'f:8:45 litellm.config.general_settings.master_key: expected os.environ/NAME, with NAME in litellm.secrets: config.yaml holds no secret, found something else (not shown: it may be a secret)',
  ],
  ['an image with a command', 'r.io/litellm:1', 'r.io/litellm:1;id', `f:5:10 litellm.image: expected ${image}, found "r.io/litellm:1;id"`],
  [
    'listening on a name',
    '  host: akira',
    '  host: akira\n  listen: akira:4000',
    `f:5:11 litellm.listen: expected ${listen}, found "akira:4000"`,
  ],
  [
    'listening without a port',
    '  host: akira',
    '  host: akira\n  listen: 0.0.0.0',
    `f:5:11 litellm.listen: expected ${listen}, found "0.0.0.0"`,
  ],
  [
    'listening on v6 without brackets',
    '  host: akira',
    '  host: akira\n  listen: :::4000',
    `f:5:11 litellm.listen: expected ${listen}, found ":::4000"`,
  ],
  [
    'listening on port 65536',
    '  host: akira',
    '  host: akira\n  listen: 0.0.0.0:65536',
    `f:5:11 litellm.listen: expected ${listen}, found "0.0.0.0:65536"`,
  ],
  // secrets
  ['a secret for its source', 'env:KEY', 'hunter2', `f:7:25 litellm.secrets.LITELLM_MASTER_KEY: expected ${source}, found ${hidden}`],
  ['a number for a source', 'env:KEY', '12345678', `f:7:25 litellm.secrets.LITELLM_MASTER_KEY: expected ${source}, found ${hidden}`],
  [
    'a mapping for a source',
    'env:KEY',
    '{"hunter2\\n": "hunter2\\n"}',
    `f:7:26 litellm.secrets.LITELLM_MASTER_KEY: expected one of azure, vault, command, found ${hidden}`,
    `f:7:39 litellm.secrets.LITELLM_MASTER_KEY: expected one line of text, without control characters, found ${hidden}`,
  ],
  [
    'a mapping for the master key',
    '  host: akira',
    '  host: akira\n  master_key: {"hunter2\\n": "hunter2\\n"}',
    `f:5:15 litellm.master_key: expected the name of a secret in litellm.secrets, or "${sentence}", found ${hidden}`,
    `f:5:29 litellm.master_key: expected one line of text, without control characters, found ${hidden}`,
  ],
  ['no source', 'env:KEY', '', `f:7:25 litellm.secrets.LITELLM_MASTER_KEY: expected ${source}, found nothing`],
  [
    'an entry of pass outside of its store',
    'env:KEY',
    'pass:../x',
    `f:7:25 litellm.secrets.LITELLM_MASTER_KEY: expected ${source}, found ${hidden}`,
  ],
  [
    'an entry of pass that is a flag',
    'env:KEY',
    'pass:-c',
    `f:7:25 litellm.secrets.LITELLM_MASTER_KEY: expected ${source}, found ${hidden}`,
  ],
  [
    'a file of sops without a key',
    'env:KEY',
    'sops:secrets.yaml',
    `f:7:25 litellm.secrets.LITELLM_MASTER_KEY: expected ${source}, found ${hidden}`,
  ],
  [
    'an item of 1Password without a field',
    'env:KEY',
    'op://vault/item',
    `f:7:25 litellm.secrets.LITELLM_MASTER_KEY: expected ${source}, found ${hidden}`,
  ],
  [
    'no kind of source',
    'env:KEY',
    '{}',
    `f:7:25 litellm.secrets.LITELLM_MASTER_KEY: expected one of azure, vault, command, found ${hidden}`,
  ],
  [
    'an unknown kind of source',
    'env:KEY',
    '{ bitwarden: hunter2 }',
    `f:7:27 litellm.secrets.LITELLM_MASTER_KEY: expected one of azure, vault, command, found ${hidden}`,
  ],
  [
    'two kinds of source',
    'env:KEY',
    '{ command: [a], vault: { path: a, field: b } }',
    `f:7:25 litellm.secrets.LITELLM_MASTER_KEY: expected one of azure, vault, command, found ${hidden}`,
  ],
  [
    'a vault of no name',
    'env:KEY',
    '{ azure: { vault: k_v, name: a } }',
    `f:7:43 litellm.secrets.LITELLM_MASTER_KEY.azure.vault: expected a vault's name (3 to 24 letters, digits and "-", first a letter), found ${hidden}`,
  ],
  [
    'an unknown part of a source',
    'env:KEY',
    '{ azure: { vault: kv-ops, name: a, versoin: b } }',
    `f:7:60 litellm.secrets.LITELLM_MASTER_KEY.azure: expected one of vault, name, version, endpoint, cloud, found ${hidden} (did you mean "version"?)`,
  ],
  [
    'an endpoint in clear text',
    'env:KEY',
    '{ azure: { vault: kv-ops, name: a, endpoint: "http://kv.example" } }',
    `f:7:70 litellm.secrets.LITELLM_MASTER_KEY.azure.endpoint: expected an https address, such as https://kv-ops.vault.azure.net, found ${hidden}`,
  ],
  [
    'an unknown cloud',
    'env:KEY',
    '{ azure: { vault: kv-ops, name: a, cloud: China } }',
    `f:7:67 litellm.secrets.LITELLM_MASTER_KEY.azure.cloud: expected AzureCloud, AzureChinaCloud, AzureUSGovernment or AzureBleuCloud, found ${hidden}`,
  ],
  [
    'a vault without a field',
    'env:KEY',
    '{ vault: { path: a } }',
    `f:7:27 litellm.secrets.LITELLM_MASTER_KEY.vault.field: expected the name of a field of the secret, found nothing`,
  ],
  [
    'a path that leads elsewhere',
    'env:KEY',
    '{ vault: { path: a/../b, field: c } }',
    `f:7:42 litellm.secrets.LITELLM_MASTER_KEY.vault.path: expected the path of a secret below its mount, such as litellm/prod, found ${hidden}`,
  ],
  [
    'a command for a shell',
    'env:KEY',
    '{ command: "echo hunter2" }',
    `f:7:36 litellm.secrets.LITELLM_MASTER_KEY.command: expected a list: the program and its arguments, each a word of its own, found ${hidden}`,
  ],
  [
    'no command',
    'env:KEY',
    '{ command: [] }',
    `f:7:36 litellm.secrets.LITELLM_MASTER_KEY.command: expected the program, and its arguments, found ${hidden}`,
  ],
  [
    'a number in a command',
    'env:KEY',
    '{ command: [a, 5] }',
    `f:7:40 litellm.secrets.LITELLM_MASTER_KEY.command[1]: expected a word of the command, found ${hidden}`,
  ],
  ['a home of somebody else', 'env:KEY', 'file:~root/x', `f:7:25 litellm.secrets.LITELLM_MASTER_KEY: expected ${source}, found ${hidden}`],
  [
    'a path with a control character',
    'env:KEY',
    '"file:/a\\eb"',
    `f:7:25 litellm.secrets.LITELLM_MASTER_KEY: expected one line of text, without control characters, found ${hidden}`,
  ],
  [
    'a secret for its name',
    'LITELLM_MASTER_KEY: env:KEY',
    'LITELLM_MASTER_KEY: env:KEY\n    hunter2-hunter2: env:KEY',
    `f:8:5 litellm.secrets: expected a secret's name (letters, digits and "_", first no digit), found ${hidden}`,
  ],
  [
    'no secrets at all',
    '  secrets:\n    LITELLM_MASTER_KEY: env:KEY\n',
    '',
    `f:3:1 litellm.master_key: expected LITELLM_MASTER_KEY in litellm.secrets, or master_key: "${sentence}", found nothing`,
  ],
  [
    'a secret for the master key',
    '  host: akira',
    '  host: akira\n  master_key: hunter2',
    `f:5:15 litellm.master_key: expected the name of a secret in litellm.secrets, or "${sentence}", found ${hidden}`,
  ],
  [
    'a mistyped master key',
    '  host: akira',
    '  host: akira\n  master_key: LITELLM_MASTERKEY',
    `f:5:15 litellm.master_key: expected the name of a secret in litellm.secrets, or "${sentence}", found ${hidden} (did you mean "LITELLM_MASTER_KEY"?)`,
  ],
  // backends
  [
    'an unknown kind',
    'kind: vllm',
    'kind: vlm',
    'f:10:13 litellm.backends.vllm.kind: expected vllm, ollama, openrouter or openai, found "vlm" (did you mean "vllm"?)',
  ],
  [
    'a backend name with a space',
    '    vllm:',
    '    v llm:',
    'f:9:5 litellm.backends["v llm"]: expected a name (letters, digits, ".", "_" and "-", first a letter or digit), found "v llm"',
  ],
  [
    'no url',
    '      url: http://127.0.0.1:8000\n',
    '',
    'f:9:5 litellm.backends.vllm.url: expected an address, which vllm needs, found nothing',
  ],
  [
    'another scheme',
    'http://127.0.0.1:8000',
    'ftp://127.0.0.1',
    `f:11:12 litellm.backends.vllm.url: expected ${url}, found "ftp://127.0.0.1"`,
  ],
  [
    'a url with a command',
    'http://127.0.0.1:8000',
    'http://127.0.0.1:8000/$(id)',
    `f:11:12 litellm.backends.vllm.url: expected ${url}, found "http://127.0.0.1:8000/$(id)"`,
  ],
  [
    'a url with no host',
    'http://127.0.0.1:8000',
    'http://:8000',
    `f:11:12 litellm.backends.vllm.url: expected ${url}, found "http://:8000"`,
  ],
  [
    'a url with a password',
    'http://127.0.0.1:8000',
    'http://ops:hunter2@127.0.0.1:8000',
    `f:11:12 litellm.backends.vllm.url: expected an address without user:password (name a secret with key: instead), found ${hidden}`,
  ],
  [
    'a url with a query',
    'http://127.0.0.1:8000',
    'http://127.0.0.1:8000/?key=hunter2',
    `f:11:12 litellm.backends.vllm.url: expected an address without a query or a fragment, found ${hidden}`,
  ],
  [
    'openrouter without a key',
    'kind: vllm',
    'kind: openrouter',
    'f:9:5 litellm.backends.vllm.key: expected the name of a secret in litellm.secrets, which openrouter needs, found nothing',
  ],
  [
    'a secret for a key',
    'kind: vllm',
    'kind: vllm\n      key: hunter2',
    `f:11:12 litellm.backends.vllm.key: expected the name of a secret in litellm.secrets, found ${hidden}`,
  ],
  ['no models', '\n        - id: qwen', ' []', 'f:12:15 litellm.backends.vllm.models: expected at least one model, found an empty list'],
  [
    'a model with a command',
    'id: qwen',
    'id: qwen`id`',
    `f:13:15 litellm.backends.vllm.models[0].id: expected ${model}, found "qwen\`id\`"`,
  ],
  [
    'no context at all',
    'id: qwen',
    '{id: qwen, context: 0}',
    'f:13:31 litellm.backends.vllm.models[0].context: expected a positive whole number, found 0',
  ],
  [
    'two models of one alias',
    'id: qwen',
    'id: qwen\n        - id: other\n          alias: qwen',
    'f:15:18 litellm.backends.vllm.models[1].alias: expected an alias that no other model has, found "qwen" (already at /ops/fabric.yaml:13:15)',
  ],
  // aliases
  [
    'an alias of a model again',
    '  host: akira',
    '  host: akira\n  aliases: {qwen: qwen}',
    'f:5:13 litellm.aliases.qwen: expected a name that is no alias of a model, found "qwen" (already at /ops/fabric.yaml:14:15)',
  ],
  [
    'an alias for nothing',
    '  host: akira',
    '  host: akira\n  aliases: {a/b: qwem}',
    'f:5:18 litellm.aliases["a/b"]: expected the alias of a model, found "qwem" (did you mean "qwen"?)',
  ],
  // accept
  [
    'a check without a subject area',
    minimal,
    `${minimal}accept: [{check: exposure, reason: x, until: 2027-01-31}]`,
    'f:14:18 accept[0].check: expected a check such as litellm/exposure, found "exposure"',
  ],
  [
    'no such day',
    minimal,
    `${minimal}accept: [{check: a/b, reason: x, until: 2027-02-29}]`,
    'f:14:41 accept[0].until: expected a date such as 2027-01-31, found "2027-02-29"',
  ],
  [
    'no reason',
    minimal,
    `${minimal}accept: [{check: a/b, reason: " ", until: 2027-01-31}]`,
    'f:14:31 accept[0].reason: expected a line of text, found " "',
  ],
  [
    'no reason at all',
    minimal,
    `${minimal}accept:\n  - check: a/b\n    until: 2027-01-31`,
    'f:15:5 accept[0].reason: expected a line of text, found nothing',
  ],
  [
    'two lines',
    minimal,
    `${minimal}accept: [{check: a/b, reason: "x\\n\\u202ey\\0", until: 2027-01-31}]`,
    'f:14:31 accept[0].reason: expected one line of text, without control characters, found "x\\n\\u{202e}y\\u0000"',
  ],
  // n8n
  [
    'an n8n without anything',
    minimal,
    `${minimal}n8n: {}`,
    `f:14:1 n8n.host: expected ${name}, found nothing`,
    'f:14:1 n8n.url: expected an http or https address, such as https://n8n.example.net, found nothing',
    'f:14:1 n8n.proxies: expected a list of proxies from the outside in, or [] for none, found nothing',
    'f:14:1 n8n.container: expected the name of its container, or unit: with the unit that runs it, found nothing',
  ],
  [
    'an n8n with everything wrong',
    minimal,
    `${minimal}n8n:
  host: akria
  container: -x
  unit: n8n
  env_file: ../env
  url: n8n.example.net
  webhooks: https://user:hunter2@example.net
  proxies: [ngnix]
  port: 5678
`,
    'f:15:9 n8n.host: expected the name of a host in hosts, found "akria" (did you mean "akira"?)',
    'f:16:14 n8n.container: expected a container\'s name (letters, digits, ".", "_" and "-", first a letter or digit), found "-x"',
    'f:17:9 n8n.unit: expected a unit of systemd, such as n8n.service, found "n8n"',
    'f:18:13 n8n.env_file: expected an absolute path of letters, digits, ".", "_", "@" and "-", without ".." or a slash at the end, found "../env"',
    'f:19:8 n8n.url: expected an http or https address, such as https://n8n.example.net, found "n8n.example.net"',
    `f:20:13 n8n.webhooks: expected an http or https address, such as https://n8n.example.net, found ${hidden}`,
    'f:21:13 n8n.proxies[0]: expected cloudflare, cloudflare-tunnel, nginx, caddy, traefik, tailscale-serve, tcp or other, found "ngnix" (did you mean "nginx"?)',
    'f:22:3 n8n.port: expected one of host, container, unit, env_file, url, webhooks, proxies, found "port"',
  ],
  [
    'a tunnel counted twice',
    minimal,
    `${minimal}n8n: {host: akira, unit: n8n.service, url: http://n, proxies: [cloudflare, cloudflare-tunnel]}`,
    'f:14:64 n8n.proxies[0]: expected cloudflare-tunnel alone, which is Cloudflare’s edge and its tunnel, found "cloudflare"',
  ],
  [
    'a server that has no POSIX shell',
    '  akira:\nlitellm',
    '  akira: {shell: powershell}\nlitellm',
    'f:4:9 litellm.host: expected a host with a POSIX shell, found "akira"',
  ],
  // dns
  ['names that nothing is said of', minimal, `${minimal}dns: {}`, 'f:14:1 dns.names: expected a mapping, found nothing'],
  ['no name', minimal, `${minimal}dns: {names: {}}`, 'f:14:14 dns.names: expected at least one name, found an empty mapping'],
  [
    'names with everything wrong',
    minimal,
    `${minimal}dns:
  names:
    n8n: 100.64.0.14
    "*.example.net": 100.64.0.14
    a.example.net: 100.64.0.14
    A.example.net: 100.64.0.14
    b.example.net: akira
    c.example.net: {inside: [], outside: nowhere}
    d.example.net: {outside: none}
  public: dns.quad9.net
  from: [here, here, motoko]
  headscale:
    host: akria
    container: headscale
    unit: headscale
    container_config: config.yaml
tailnet: {resolver6: 100.100.100.100}
`,
    'f:16:5 dns.names.n8n: expected a DNS name, such as n8n.example.net, found "n8n"',
    'f:17:5 dns.names["*.example.net"]: expected a DNS name, such as n8n.example.net, found "*.example.net"',
    'f:19:5 dns.names["A.example.net"]: expected a name that stands here once, found "A.example.net" (already at /ops/fabric.yaml:18:20)',
    'f:20:20 dns.names["b.example.net"]: expected an IP address, found "akira"',
    'f:21:29 dns.names["c.example.net"].inside: expected at least one IP address, found an empty list',
    'f:21:42 dns.names["c.example.net"].outside: expected an IP address, found "nowhere"',
    'f:22:5 dns.names["d.example.net"].inside: expected an IP address, or a list of them, found nothing',
    'f:23:11 dns.public: expected an IP address, found "dns.quad9.net"',
    'f:24:16 dns.from[1]: expected each host once, found "here"',
    'f:24:22 dns.from[2]: expected the name of a host in hosts, or here, found "motoko"',
    'f:25:3 dns.headscale.config: expected the path of config.yaml on the host (container_config is the one in the container), found nothing',
    'f:26:11 dns.headscale.host: expected the name of a host in hosts, found "akria" (did you mean "akira"?)',
    'f:28:11 dns.headscale.unit: expected a unit of systemd, such as headscale.service, found "headscale"',
    'f:29:23 dns.headscale.container_config: expected an absolute path of letters, digits, ".", "_", "@" and "-", without ".." or a slash at the end, found "config.yaml"',
    'f:30:22 tailnet.resolver6: expected an IPv6 address, found "100.100.100.100"',
  ],
  [
    'a Headscale that nothing runs',
    minimal,
    `${minimal}dns: {names: {a.b: 100.64.0.1}, headscale: {host: akira, compose: /opt/compose.yml}}`,
    'f:14:33 dns.headscale.container: expected the name of its container, or unit: with the unit that runs it, found nothing',
    'f:14:67 dns.headscale.compose: expected nothing, without container:, found "/opt/compose.yml"',
  ],
  // all at once, by position
  [
    'many things',
    minimal,
    `accept: [{}]
litellm:
  image: ${'x'.repeat(70)}
  host: ghost
  secrets: hunter2
  backends:
    a: {kind: openai, key: hunter2, models: [{id: m, context: -1}, {id: m, extra: sk-hunter2}]}
  aliases: {n: o}
hosts: {akira: {}}
sk-hunter2hunter2: 1
`,
    'f:1:10 accept[0].check: expected a check such as litellm/exposure, found nothing',
    'f:1:10 accept[0].reason: expected a line of text, found nothing',
    'f:1:10 accept[0].until: expected a date such as 2027-01-31, found nothing',
    `f:3:10 litellm.image: expected ${image}, found "${'x'.repeat(58)}…`,
    'f:4:9 litellm.host: expected the name of a host in hosts, found "ghost"',
    `f:5:12 litellm.secrets: expected a mapping, found ${hidden}`,
    'f:7:5 litellm.backends.a.url: expected an address, which openai needs, found nothing',
    'f:7:63 litellm.backends.a.models[0].context: expected a positive whole number, found -1',
    'f:7:73 litellm.backends.a.models[1].id: expected an alias that no other model has, found "m" (already at /ops/fabric.yaml:7:51)',
    'f:7:76 litellm.backends.a.models[1].extra: expected one of id, alias, context, max_tokens, found "extra"',
    'f:8:16 litellm.aliases.n: expected the alias of a model, found "o"',
    `f:10:1 [${hidden}]: expected one of hosts, tailnet, litellm, n8n, dns, accept, found ${hidden}`,
  ],
];

describe('a good fabric.yaml', () => {
  test('says everything', () => expect(parse(full, file)).toEqual({ fabric: whole }));
  test('may say little', () => expect(parse(minimal, file)).toEqual({ fabric: defaults }));
  test('may have CRLF, and sections with nothing in them', () =>
    expect(parse(`${minimal}  aliases:\n  config:\ntailnet:\naccept:\n`.replaceAll('\n', '\r\n'), file)).toEqual({ fabric: defaults }));
  test('says so when it goes without a master key', () => {
    const parsed = parse(minimal.replace('  host: akira', `  host: akira\n  master_key: "${sentence}"`), file);
    expect('fabric' in parsed && parsed.fabric.litellm.masterKey).toBeNull();
  });
  test('with another range allows that one', () => {
    const parsed = parse(`${minimal}tailnet: { range: 10.0.0.0/8 }`, file);
    expect('fabric' in parsed && parsed.fabric.litellm.allow).toEqual(['10.0.0.0/8']);
  });
});

describe('a bad fabric.yaml', () => {
  test.each(bad.map(([title, ...row]) => ({ title, row })))('$title', ({ row: [was, now, ...expected] }) => {
    expect(minimal).toContain(was);
    const found = problems(minimal.replace(was, () => now));
    expect(found).toEqual(expected);
    if (now.includes('hunter2')) expect(found.join()).not.toContain('hunter2');
  });
  test('of aliases of aliases is refused', () => {
    const ten = (anchor: string) => `[${Array(10).fill(anchor).join(', ')}]`;
    expect(problems(`a: &a ${ten('1')}\nb: &b ${ten('*a')}\nc: &c ${ten('*b')}\nd: ${ten('*c')}`)).toEqual([
      'f:1:1: Too many aliases of aliases',
    ]);
  });
});

describe('finding it', () => {
  const all = ['/x.yaml', '/lab/a/fabric.yaml', '/lab/fabric.yaml', '/home/ops/.config/fabric/fabric.yaml', '/etc/fabric/fabric.yaml'];
  const find = (there: readonly string[], more: { flag?: string; env?: string; cwd?: string; home?: string } = {}) =>
    findFabric({ cwd: '/lab/a', home: '/home/ops', ...more, env: { FABRIC_CONFIG: more.env }, exists: (it) => there.includes(it) });
  const refused = (run: () => unknown) => {
    try {
      run();
    } catch (error) {
      if (error instanceof Refusal) return { exit: error.exit, message: error.message, next: error.next };
      throw error;
    }
    return undefined;
  };

  test.each([
    ['the flag', all, { flag: '../../x.yaml', env: '/lab/fabric.yaml' }, '/x.yaml'],
    ['the environment', all, { env: '../fabric.yaml' }, '/lab/fabric.yaml'],
    ['an empty environment', all, { env: '' }, '/lab/a/fabric.yaml'],
    ['this folder', all, {}, '/lab/a/fabric.yaml'],
    ['a folder above', all, { cwd: '/lab/b/c' }, '/lab/fabric.yaml'],
    ['home', all, { cwd: '/srv' }, '/home/ops/.config/fabric/fabric.yaml'],
    ['the system', ['/etc/fabric/fabric.yaml'], {}, '/etc/fabric/fabric.yaml'],
  ] as const)('by %s', (_, there, more, found) => expect(find(there, more)).toBe(found));

  test('nowhere, and without a home', () =>
    expect(refused(() => findFabric({ env: {}, cwd: '/lab/a', exists: () => false }))).toEqual({
      exit: 2,
      message: 'there is no fabric.yaml; looked for\n  /lab/a/fabric.yaml\n  /lab/fabric.yaml\n  /fabric.yaml\n  /etc/fabric/fabric.yaml',
      next: [
        'write one: fabric init (where LiteLLM runs already: fabric init --from-host user@host)',
        'or name one with --config FILE or FABRIC_CONFIG=FILE',
      ],
    }));
  test.each([
    [{ flag: 'no.yaml' }, '--config names /lab/a/no.yaml, which does not exist'],
    [{ flag: '' }, '--config is empty'],
    [{ env: '/no.yaml' }, '$FABRIC_CONFIG names /no.yaml, which does not exist'],
  ])('%o', (more, message) => expect(refused(() => find(all, more))).toMatchObject({ exit: 2, message }));

  test('and reading it', () => expect(loadFabric(file, () => minimal)).toEqual(defaults));
  test('and refusing it, with every problem', () =>
    expect(refused(() => loadFabric('fabric.yaml', () => minimal.replace('akira:', 'here: 1')))).toMatchObject({
      exit: 2,
      message: [
        'fabric.yaml has 3 problems',
        'fabric.yaml:2:3 hosts.here: expected another name ("here" means this machine), found "here"',
        'fabric.yaml:2:9 hosts.here: expected a mapping, found 1',
        'fabric.yaml:4:9 litellm.host: expected the name of a host in hosts, found "akira"',
      ].join('\n'),
    }));
  test.each([
    ['ENOENT', 'no such file'],
    ['EACCES', 'permission denied'],
    ['EISDIR', 'it is a folder'],
    ['EIO', 'input/output error'],
  ])('and not being able to read it: %s', (code, why) => {
    const read = () => {
      throw Object.assign(new Error('input/output error'), { code });
    };
    expect(refused(() => loadFabric(file, read))).toMatchObject({ exit: 2, message: `cannot read ${file}: ${why}` });
  });
  test('and a bug while reading it stays a bug', () =>
    expect(() =>
      loadFabric(file, () => {
        throw new TypeError('bug');
      }),
    ).toThrow(TypeError));
});

test('the example file has no problems', () => {
  expect(parse(readFileSync(join(import.meta.dirname, '../fabric.example.yaml'), 'utf8'), 'fabric.example.yaml')).not.toHaveProperty(
    'problems',
  );
});
