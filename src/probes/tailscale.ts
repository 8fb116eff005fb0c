import { type Probe, succeeded, Unreadable, type Vantage } from '../evidence.ts';
import type { Address } from '../fabric.ts';

/** Where the command is; the macOS app has it inside. What follows runs where there is one. */
const FIND =
  't=$(command -v tailscale) || { t=/Applications/Tailscale.app/Contents/MacOS/Tailscale; [ -x "$t" ]; } || { echo absent; exit; }';

export type TailscaleState =
  | { readonly is: 'absent' }
  /** tailscaled does not run. */
  | { readonly is: 'no daemon' }
  /** `state`: `Running`, `Stopped`, `NeedsLogin`, `Starting`, … `online`: the control server counts it so. */
  | { readonly is: 'there'; readonly state: string; readonly online: boolean };

/**
 * Tailscale as that machine has it, asked narrowly: the whole status names every machine and user of the tailnet. Seen with 1.98.0:
 *
 *     "BackendState": "Running",
 *       "Online": true,
 */
export const tailscaleState = (at: Vantage): Probe<TailscaleState> => ({
  key: 'tailscale/state',
  question: {
    at,
    via: 'sh',
    script: `${FIND}\no=$("$t" status --json --peers=false) || exit; printf '%s\\n' "$o" | grep -E '^  "BackendState"|^    "Online"'`,
  },
  read: (answer) => {
    // failed to connect to local tailscaled; it doesn't appear to be running (sudo systemctl start tailscaled ?)
    if (answer.code === 1 && /failed to connect to local/.test(answer.err)) return { is: 'no daemon' };
    const text = succeeded(answer);
    if (text.trim() === 'absent') return { is: 'absent' };
    const state = /"BackendState": "(\w+)"/.exec(text)?.[1];
    if (state === undefined) throw new Unreadable('tailscale status names no BackendState');
    return { is: 'there', state, online: /"Online": true/.test(text) };
  },
});

export type Pong =
  | { readonly is: 'absent' | 'itself' }
  /** `via`: `192.0.2.2:41641` where it is direct, `DERP(fra)` where it is relayed. */
  | { readonly is: 'pong'; readonly via: string }
  /** `peer`: what the status says of it: `offline, last seen 3h ago`. Empty where it says nothing. */
  | { readonly is: 'silent'; readonly peer: string }
  | { readonly is: 'no such peer' }
  | { readonly is: 'stopped' };

/**
 * One ping of Tailscale's own, below TCP and below any firewall of the host. A relayed pong is a pong, though the command then exits with 1
 * ("direct connection not established"). Seen with 1.98.0; the line with DERP and the peer's line are from its source.
 *
 *   pong from motoko (100.64.0.7) via 192.0.2.2:50816 in 1ms
 *   pong from motoko (100.64.0.7) via DERP(fra) in 35ms
 *   ping "100.64.0.7" timed out
 *   = linux offline, last seen 3h ago
 */
export const tailscalePing = (at: Vantage, address: Address): Probe<Pong> => ({
  key: `tailscale/ping/${address}`,
  question: {
    at,
    via: 'sh',
    script: `${FIND}\n"$t" ping -c 1 --timeout 3s ${address}; c=$?\n[ $c = 0 ] || "$t" status 2>/dev/null | awk '$1 == "${address}" { $1 = $2 = $3 = ""; sub(/^ */, "= "); print }'\nexit $c`,
  },
  read: (answer) => {
    const said = `${answer.out}\n${answer.err}`;
    const via = /^pong from .* via (\S+) in /m.exec(said)?.[1];
    if (via !== undefined) return { is: 'pong', via };
    if (/^absent$/m.test(answer.out)) return { is: 'absent' };
    if (/is local Tailscale IP/.test(said)) return { is: 'itself' };
    if (/no matching peer/.test(said)) return { is: 'no such peer' };
    if (/timed out|no reply/.test(said)) return { is: 'silent', peer: /^= (?:\S+ )?(.*)$/m.exec(said)?.[1]?.trim() ?? '' };
    if (/Tailscale is stopped|Logged out|failed to connect to local/.test(said)) return { is: 'stopped' };
    succeeded(answer);
    throw new Unreadable(`tailscale ping said ${JSON.stringify(answer.out.slice(0, 80))}`);
  },
});

/** What Tailscale does about DNS on that machine. `null` inside: that version does not say. */
export type TailscaleDns =
  | { readonly is: 'absent' | 'no daemon' }
  | {
      readonly is: 'there';
      readonly state: string;
      /** `false`: userspace networking, where no packet of other programs gets into the tailnet. */
      readonly tun: boolean;
      /** accept-dns. */
      readonly accepts: boolean | null;
      readonly magicDns: boolean | null;
      /** Of the tailnet's machines, without a dot at the end; empty: none. */
      readonly suffix: string;
      /** Health warnings about DNS. */
      readonly health: readonly string[];
      readonly map: NetworkMap | null;
    };
/** What the control server sent. */
export interface NetworkMap {
  readonly records: readonly { readonly name: string; readonly type: string; readonly value: string }[];
  /** For every name. Empty: the machine's own resolvers stay. */
  readonly resolvers: readonly string[];
  /** By domain, without a dot at the end. */
  readonly routes: ReadonlyMap<string, readonly string[]>;
}

/**
 * Narrow parts of the status, then `tailscale dns status --json`, which came with 1.96; accept-dns is CorpDNS of the preferences as well.
 *
 *   "BackendState": "Running",
 *   "TUN": true,
 *     "MagicDNSSuffix": "tail.example.net",
 *     "MagicDNSEnabled": true
 *   = prefs
 *   	"CorpDNS": true,
 *   = dns
 *   {"TailscaleDNS":true,"Resolvers":[],"SplitDNSRoutes":{},"ExtraRecords":[{"Name":"mayi.example.net","Value":"100.64.0.14"}]}
 */
export const tailscaleDns = (at: Vantage): Probe<TailscaleDns> => ({
  key: 'tailscale/dns',
  question: {
    at,
    via: 'sh',
    powershell: [
      "$t = (Get-Command tailscale.exe -ErrorAction SilentlyContinue).Source; if (-not $t) { 'absent'; return }",
      '$o = & $t status --json --peers=false 2>&1; if ($LASTEXITCODE -ne 0) { throw "$o" }',
      '$s = ($o -join "`n") | ConvertFrom-Json',
      `'  "BackendState": "' + $s.BackendState + '",'; '  "TUN": ' + "$($s.TUN)".ToLower() + ','`,
      `if ($s.CurrentTailnet) { '    "MagicDNSSuffix": "' + $s.CurrentTailnet.MagicDNSSuffix + '",'; '    "MagicDNSEnabled": ' + "$($s.CurrentTailnet.MagicDNSEnabled)".ToLower() }`,
      `'= prefs'; & $t debug prefs 2>$null | Select-String '"CorpDNS"' | ForEach-Object { $_.Line }`,
      "'= dns'; & $t dns status --json 2>$null",
    ].join('\n'),
    script: [
      FIND,
      'o=$("$t" status --json --peers=false) || exit',
      `printf '%s\\n' "$o" | sed -n '/^  "Health": \\[$/,/^  \\]/p; /^  "\\(BackendState\\|TUN\\)"/p; /^    "MagicDNS/p'`,
      `echo '= prefs'; "$t" debug prefs 2>/dev/null | grep '"CorpDNS"'`,
      `echo '= dns'; "$t" dns status --json 2>/dev/null; :`,
    ].join('\n'),
  },
  read: (answer) => {
    if (answer.code === 1 && /failed to connect to local/.test(answer.err)) return { is: 'no daemon' };
    const text = succeeded(answer);
    if (text.trim() === 'absent') return { is: 'absent' };
    const [status = '', prefs = '', dns = ''] = text.split(/^= (?:prefs|dns)\n?/m);
    const state = /"BackendState": "(\w+)"/.exec(status)?.[1];
    const tun = /"TUN": (true|false)/.exec(status)?.[1];
    if (state === undefined || tun === undefined) throw new Unreadable('tailscale status names no BackendState and TUN');
    const said = jsonOf(dns);
    const accepts = said === null ? /"CorpDNS": (true|false)/.exec(prefs)?.[1] : String(said['TailscaleDNS']);
    const magic = /"MagicDNSEnabled": (true|false)/.exec(status)?.[1];
    return {
      is: 'there',
      state,
      tun: tun === 'true',
      accepts: accepts === undefined ? null : accepts === 'true',
      magicDns: magic === undefined ? null : magic === 'true',
      suffix: bare(/"MagicDNSSuffix": "([^"]*)"/.exec(status)?.[1] ?? ''),
      health: [...(/"Health": \[([\s\S]*?)^ {2}\]/m.exec(status)?.[1] ?? '').matchAll(/"((?:[^"\\]|\\.)*)"/g)]
        .flatMap(([, one]) => one ?? [])
        .filter((one) => /dns|resolv/i.test(one)),
      map: said === null ? null : mapOf(said),
    };
  },
});

const bare = (name: string): string => name.toLowerCase().replace(/\.$/, '');
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const jsonOf = (text: string): Readonly<Record<string, unknown>> | null => {
  if (!text.trimStart().startsWith('{')) return null;
  const value: unknown = JSON.parse(text);
  return isObject(value) ? value : null;
};
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
/** Resolvers are `{ "Addr": "9.9.9.9" }`. */
const addressOf = (value: unknown): readonly string[] =>
  isObject(value) && typeof value['Addr'] === 'string' ? [value['Addr']] : typeof value === 'string' ? [value] : [];
const mapOf = (said: Readonly<Record<string, unknown>>): NetworkMap => ({
  records: list(said['ExtraRecords'])
    .filter(isObject)
    // As it is written: one with a capital is never found.
    .map((one) => ({ name: String(one['Name']).replace(/\.$/, ''), type: String(one['Type'] ?? ''), value: String(one['Value']) })),
  resolvers: list(said['Resolvers']).flatMap(addressOf),
  routes: new Map(
    Object.entries(isObject(said['SplitDNSRoutes']) ? said['SplitDNSRoutes'] : {}).map(([domain, servers]) => [
      bare(domain),
      list(servers).flatMap(addressOf),
    ]),
  ),
});
