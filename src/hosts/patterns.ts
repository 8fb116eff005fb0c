// What secrets look like that nobody declared. test/redact.test.ts has a sample of each, and of what must stay readable.
//
// Every pattern starts with something literal and every repetition is bounded or of one class, so that no text can make it slow.

/** Names whose value is a secret: the end of `DB_PASSWORD`, `clientSecret`, `x-api-key`, `litellm_master_key`. */
const NAME =
  '(?:password|passwd|passphrase|(?<=[_-])pass|(?<=;)pwd|secret|(?<!per[_-])token|credentials?|(?<![A-Za-z])_?auth|' +
  '(?:api|app|master|salt|encryption|signing|private|pre-?shared|preauth|account|access|storage|auth|subscription|service|session|secret)[_-]?key|' +
  'secret[_-]?access[_-]?key|shared[_-]?access[_-]?key|amz-signature)';
/** Not values: LiteLLM's references, fabric.yaml's sources, what has been redacted, variables, and words for nothing. */
const SPARED =
  '(?!os\\.environ/|env:[A-Za-z_]|(?:file|pass|sops):[~./A-Za-z0-9_]|op://|\\{ ?"?(?:azure|vault|command)"?:|\\[|\\$[{(A-Za-z]|\\{\\{|%|(?:null|none|nil|true|false|yes|no|undefined|required|missing|invalid)\\b|(?:empty|dummy|fake|placeholder|not-needed)(?![^\\s,}\\]"\']))';
/** Numbers stay where JSON may hold them bare: taking them out would break it. */
const NUMBER = '(?!-?\\d{1,20}(?:\\.\\d{1,20})?(?:e[-+]?\\d{1,3})?(?![^\\s,}\\]]))';

const named = (before: string, value: string, flags: string): RegExp => new RegExp(`(${before})${SPARED}${value}`, flags);

/** Pattern and what takes its place, in order. */
export const PATTERNS: readonly (readonly [RegExp, string])[] = [
  // -----BEGIN OPENSSH PRIVATE KEY-----, in lines, or with \n in JSON; cut short too.
  [
    /-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----(?:(?!-----)[\s\S])*(?:-----END [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----)?/g,
    '[redacted private key]',
  ],
  [/AGE-SECRET-KEY-1[0-9A-Z]{20,}/gi, '[redacted age key]'],
  // LiteLLM, OpenAI (sk-proj-…), Anthropic (sk-ant-…), OpenRouter (sk-or-v1-…)
  [/(?<![A-Za-z0-9])sk-[A-Za-z0-9_-]{8,}/g, '[redacted sk-…]'],
  [/(?<![A-Za-z0-9])[rs]k_(?:live|test)_[A-Za-z0-9]{10,}|\bwhsec_[A-Za-z0-9+/=]{16,}/g, '[redacted Stripe key]'],
  // Hosts of models: Groq, xAI, Replicate, Perplexity, HuggingFace, Google, NVIDIA, Tavily
  [/\b(?:(?:gsk_|xai-|r8_|pplx-|hf_)[A-Za-z0-9]{20,}|(?:nvapi-|tvly-)[A-Za-z0-9_-]{20,})/g, '[redacted key]'],
  [/\bAIza[A-Za-z0-9_-]{35}|\bya29\.[A-Za-z0-9_-]{20,}|\bGOCSPX-[A-Za-z0-9_-]{20,}/g, '[redacted Google key]'],
  // JWT, and Cloudflare's tunnel token, which is base64 of JSON
  [/\b(?:ops_)?eyJ[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]*){0,4}(?:[A-Za-z0-9+/]*={0,2})/g, '[redacted eyJ…]'],
  // AWS: the id of a key, and of a temporary one
  [/\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b/g, '[redacted AWS key id]'],
  // Azure: a client secret has Q~ in its middle, a shared access signature is a query
  [/(?<![A-Za-z0-9_~.-])[A-Za-z0-9_~.-]{3}\dQ~[A-Za-z0-9_~.-]{31,34}/g, '[redacted Azure client secret]'],
  [/([?&;](?:amp;)?sig=)[A-Za-z0-9%+/=_-]{16,}/gi, '$1[redacted]'],
  // Forges and registries
  [
    /\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|gl(?:pat|dt|rt|rtr|cbt|ptt|ft|imt|agent|soat|ffct)-[A-Za-z0-9_.-]{20,}|npm_[A-Za-z0-9]{30,}|pypi-[A-Za-z0-9_-]{30,}|dckr_(?:pat|oat)_[A-Za-z0-9_-]{20,}|atlasv1\.[A-Za-z0-9_-]{20,})/g,
    '[redacted token]',
  ],
  // Chat
  [/\bx(?:ox[a-z]|app)-[A-Za-z0-9-]{10,}/g, '[redacted Slack token]'],
  [/(hooks\.slack\.com\/(?:services|workflows|triggers)\/|discord(?:app)?\.com\/api\/webhooks\/)[A-Za-z0-9_/-]{10,}/g, '$1[redacted]'],
  [/\b[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}/g, '[redacted Discord token]'],
  [/(?<!\d)\d{8,10}:[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])/g, '[redacted Telegram token]'],
  [/\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}/g, '[redacted SendGrid key]'],
  [/\bSK[0-9a-f]{32}\b/g, '[redacted Twilio key]'],
  // Networks: Tailscale, Headscale
  [/\b(?:tskey|hskey)-[A-Za-z0-9-]{10,}|\bprivkey:[0-9a-f]{32,}/g, '[redacted tskey-…]'],
  // Stores of secrets: Vault, Doppler, Infisical, Bitwarden; Grafana, Linear, Sentry
  [
    /\bhv[sbr]\.[A-Za-z0-9_-]{20,}|\bdp\.(?:ct|pt|st|sa|scim|audit)\.[A-Za-z0-9._-]{20,}|\bst\.[0-9a-f-]{16,}\.[0-9a-f]{16,}\.[0-9a-f]{16,}|\bgl(?:sa|c)_[A-Za-z0-9+/=_-]{20,}|\blin_api_[A-Za-z0-9]{20,}|\bsntry[su]_[A-Za-z0-9+/=_-]{20,}/g,
    '[redacted token]',
  ],
  [
    /\b0\.[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\.[A-Za-z0-9]{20,}:[A-Za-z0-9+/=]{10,}/g,
    '[redacted Bitwarden token]',
  ],
  // What crypt(3) makes: $6$salt$hash, $2b$12$…, $y$…, $apr1$…, $argon2id$…; and {SHA}…
  [
    /\$(?:[156]|apr1)\$(?:rounds=\d{1,9}\$)?[./A-Za-z0-9]{0,16}\$[./A-Za-z0-9]{22,86}|\$2[abxy]?\$\d\d\$[./A-Za-z0-9]{53}|\$(?:y|gy|7)\$[./A-Za-z0-9$]{20,}|\$argon2(?:id|i|d)\$[A-Za-z0-9+/=,$]{20,}|\{SSHA?(?:256|512)?\}[A-Za-z0-9+/]{20,}={0,2}|\{SHA\}[A-Za-z0-9+/]{27}=/g,
    '[redacted hash of a password]',
  ],
  // 32 bytes in base64: Fernet, WireGuard. 64 bytes: Azure storage. A digest says which it is.
  [
    /(?<![A-Za-z0-9+/_=-])(?<![Ss][Hh][Aa]256[-:=])[A-Za-z0-9+/_-]{43}=(?![A-Za-z0-9=])(?<=[a-z][^=]{0,42}=)(?<=[A-Z][^=]{0,42}=)(?<=\d[^=]{0,42}=)/g,
    '[redacted 32 bytes]',
  ],
  [/(?<![A-Za-z0-9+/_=-])(?<!sha512[-:=])[A-Za-z0-9+/_-]{86}==/gi, '[redacted 64 bytes]'],
  // postgres://user:password@host, redis://:password@host, https://token@host
  [/(:\/\/[^\s/@:"'`<>]{0,200}:)(?!\[redacted)[^\s/"'`<>]{1,500}@/g, '$1[redacted]@'],
  [/(:\/\/)[A-Za-z0-9_-]{16,500}@/g, '$1[redacted]@'],
  // Headers
  [/\b(Bearer\s{1,4})(?!\[)[A-Za-z0-9._~+/=-]{8,}/g, '$1[redacted]'],
  [
    /(\bAuthorization["'\\]{0,3}\s{0,4}[:=]\s{0,4}["'\\]{0,3}(?:(?:Basic|Bearer|Token|ApiKey|Digest|Negotiate)\s{1,4})?)(?![\s[]|(?:Basic|Bearer|Token|ApiKey|Digest|Negotiate)\b)[^\r\n"']{4,2000}/gi,
    '$1[redacted]',
  ],
  [/(\b(?:Set-)?Cookie2?["'\\]{0,3}\s{0,4}[:=]\s{0,4}["'\\]{0,3})(?![\s[])[^\r\n"']{4,4000}/gi, '$1[redacted]'],
  // ~/.netrc, curl -u user:password
  [/(\blogin\s{1,4}\S{1,100}\s{1,4}password\s{1,4})(?!\[)\S{1,500}/g, '$1[redacted]'],
  [/((?:\s-u|--user)[ =]?["']?[A-Za-z0-9_.@-]{1,100}:)(?!\[)[^\s"']{4,500}/g, '$1[redacted]'],
  // "password": "two words"
  [named(`${NAME}\\\\?["']?[ \\t]{0,4}[:=]>?[ \\t]{0,4}(\\\\?["'])`, String.raw`(?:(?!\2)[^\r\n]){4,4000}\2`, 'gi'), '$1[redacted]$2'],
  // A whole line of YAML, INI or an env file: the rest of it
  [
    named(
      `^[ \\t]{0,60}(?:export[ \\t]{1,4}|-[ \\t]{1,4})?[A-Za-z0-9_.-]{0,80}${NAME}[ \\t]{0,20}[:=][ \\t]{0,20}(?!["'])`,
      '\\S[^\\r\\n]{3,4000}',
      'gim',
    ),
    '$1[redacted]',
  ],
  // Inside a line: NAME=value, name: value, --name value
  [named(`${NAME}["'\\\\]{0,3}[ \\t]{0,4}=[ \\t]{0,4}["'\\\\]{0,3}`, `${NUMBER}[^\\s"']{4,4000}`, 'gi'), '$1[redacted]'],
  [named(`${NAME}["'\\\\]{0,3}[ \\t]{0,4}:[ \\t]{0,4}["'\\\\]{0,3}`, `${NUMBER}[^\\s"',;}\\]]{4,4000}`, 'gi'), '$1[redacted]'],
  [named(`${NAME}(?<=--[A-Za-z0-9-]{1,60})[ \\t]{1,4}["']?(?!-)`, '[^\\s"\']{4,4000}', 'gi'), '$1[redacted]'],
];
