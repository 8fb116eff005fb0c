import { type Answer, type Probe, type Script, succeeded, Unreadable } from '../evidence.ts';
import type { Address, Caddy } from '../fabric.ts';
import { type Server, serversOf } from '../services/caddy.ts';
import { findCaddy } from '../services/caddy-shell.ts';
import type { Instance, Leg, Net, Published, Socket } from '../services/masking.ts';
import { parseRules, type Ruleset } from '../services/netfilter.ts';
import { networkOf } from '../services/network.ts';
import { bracket, quote } from '../shell.ts';

const ask = <T>(caddy: Caddy, key: string, script: string, read: (answer: Answer) => T, seconds?: number): Probe<T, Script> => ({
  key: `caddy/${key}`,
  question: { at: caddy.host, via: 'sh', sudo: true, script, ...(seconds === undefined ? {} : { seconds }) },
  read,
});

/**
 * `null`: there is no such container or unit. Of a container that restarts for ever, its networks may be empty.
 *
 *   docker		running	1939	0	frontend	{"443/tcp":[{"HostIp":"0.0.0.0","HostPort":"443"}],"2019/tcp":null}	{"frontend":{"Gateway":"172.20.1.1","IPAddress":"172.20.1.2","IPPrefixLen":24,"GlobalIPv6Address":"",…}}
 *   systemd		active	812	0	host	{}	{}
 */
export const instance = (caddy: Caddy): Probe<Instance | null> =>
  ask(caddy, 'instance', `${findCaddy(caddy)}\nprintf '%s\\t%s\\t%s\\n' "$w" "$u" "$(printf '%s\\n' "$s" | cut -f1-6)"`, (answer) => {
    const text = succeeded(answer);
    if (text === 'absent') return null;
    const [by = '', user = '', status = '', pid = '', restarts = '', mode = '', ports = '', networks = ''] = text.split('\t');
    if (by !== 'podman' && by !== 'docker' && by !== 'systemd')
      throw new Unreadable(`not an instance: ${JSON.stringify(text.slice(0, 80))}`);
    return {
      by,
      user: user === '' ? null : user,
      status,
      running: pid !== '0' && pid !== '',
      restarts: Number(restarts),
      mode,
      published: publishedOf(JSON.parse(ports || '{}')),
      networks: networksOf(JSON.parse(networks || '{}')),
    };
  });

/**
 * Where Caddy's own program could not be asked: what restarts for ever was up when it was found, and is gone. Engines have half a dozen
 * ways to say so, one of them an exit code alone; a process that has ended, a zombie too, has no `exe`.
 */
const GONE = 'if ! readlink "/proc/$p/exe" >/dev/null; then echo absent; exit; fi';

type Json = unknown;
const entries = (value: Json): readonly (readonly [string, Json])[] =>
  typeof value === 'object' && value !== null ? Object.entries(value) : [];
const field = (value: Json, name: string): string => {
  const found = entries(value).find(([key]) => key === name)?.[1];
  return typeof found === 'string' || typeof found === 'number' ? String(found) : '';
};

const publishedOf = (ports: Json): readonly Published[] =>
  entries(ports).flatMap(([name, bindings]) => {
    const [inside, protocol] = name.split('/');
    if (!Array.isArray(bindings) || (protocol !== 'tcp' && protocol !== 'udp')) return [];
    // podman leaves the address of "all" out.
    return bindings.map((one: Json) => ({
      protocol,
      inside: Number(inside),
      address: field(one, 'HostIp') || '0.0.0.0',
      port: Number(field(one, 'HostPort')),
    }));
  });

const networksOf = (networks: Json): readonly Net[] =>
  entries(networks).map(([name, one]) => ({
    name,
    v4: leg(field(one, 'IPAddress'), field(one, 'Gateway'), field(one, 'IPPrefixLen')),
    v6: leg(field(one, 'GlobalIPv6Address'), field(one, 'IPv6Gateway'), field(one, 'GlobalIPv6PrefixLen')),
  }));
const leg = (address: string, gateway: string, prefix: string): Leg | null =>
  address === '' || gateway === '' ? null : { address, gateway, subnet: networkOf(address, Number(prefix)) };

/** Strings of the configuration that judging needs: of all else only their place leaves the host. Tokens, passwords and headers are among it. */
const KEPT = 'handler|listen|protocols|protocol|host|path|method|ranges|source|group|name|status_code';
/** JSON, a token a line, with the strings of other keys emptied. */
const NARROW = `grep -oE '"([^"\\\\]|\\\\.)*"|[][{}:,]|[^][{}:,"[:space:]]+' | awk '{ t = $0 }
t == "{" || t == "[" { printf "%s", t; k[d + 1] = t == "[" ? k[d] : ""; d++; y[d] = t; e = t == "{"; next }
t == "}" || t == "]" { printf "%s", t; d--; e = 0; next }
t == "," { printf "%s", t; e = y[d] == "{"; next }
t == ":" { printf "%s", t; e = 0; next }
e { k[d] = t; printf "%s", t; next }
{ printf "%s", t !~ /^"/ || k[d] ~ /^"(${KEPT})"$/ ? t : "\\"\\"" }'`;

/** What Caddy goes by, and where that was read: from its admin API, or adapted from the file where that does not answer. */
export interface Config {
  readonly from: 'admin' | 'file';
  readonly servers: readonly Server[];
}

/**
 * `null`: nothing runs. The admin API is asked from Caddy's own network, by the host's curl: its image need not have one.
 *
 *   admin
 *   {"admin":{"listen":""},"apps":{"http":{"servers":{"srv0":{"listen":[":443"],"routes":[{"handle":[{"handler":"subroute","routes":[…
 */
export const config = (caddy: Caddy): Probe<Config | null> => {
  const { address, port } = caddy.admin;
  const url = `http://${bracket(address)}:${port}/config/`;
  return ask(
    caddy,
    'config',
    [
      findCaddy(caddy),
      'if [ "$p" = 0 ]; then echo absent; exit; fi',
      `if j=$(nsenter -t "$p" -n curl -qsSf --noproxy '*' -m 4 ${quote(url)} 2>/dev/null) && [ -n "$j" ] && [ "$j" != null ]; then echo admin`,
      `else j=$(c adapt --config "$in" --adapter caddyfile 2>&1) || { ${GONE}; printf "%s\\n" "$j" | grep "^Error" >&2; exit 1; }; echo file; j=$(printf "%s\\n" "$j" | grep "^{" | tail -n 1); fi`,
      `printf '%s\\n' "$j" | ${NARROW}`,
    ].join('\n'),
    (answer) => {
      const [from = '', json = ''] = succeeded(answer).split('\n');
      if (from === 'absent') return null;
      if (from !== 'admin' && from !== 'file') throw new Unreadable(`not a configuration: ${JSON.stringify(from.slice(0, 80))}`);
      return { from, servers: serversOf(json) };
    },
  );
};

/** What Caddy says of the file as it is now. `null`: nothing runs that could say. */
export type Adapted = { readonly is: 'adapts' } | { readonly is: 'refused'; readonly why: string };
/**
 *   0
 *   1
 *   Error: /etc/caddy/Caddyfile:6: unrecognized directive: 200
 */
export const adapted = (caddy: Caddy): Probe<Adapted | null> =>
  ask(
    caddy,
    'adapted',
    [
      findCaddy(caddy),
      'if [ "$p" = 0 ]; then echo absent; exit; fi',
      'o=$(c adapt --config "$in" --adapter caddyfile 2>&1 >/dev/null); r=$?',
      `if [ $r = 0 ]; then echo 0; exit; fi; ${GONE}`,
      `printf '%s\\n' "$o" | grep '^Error: ' | tail -n 1 | { read -r e && printf '%s\\n%s\\n' $r "$e"; } || { printf '%s\\n' "$o" >&2; exit 1; }`,
    ].join('\n'),
    (answer) => {
      const [code = '', ...why] = answer.out.split('\n');
      if (code === 'absent') return null;
      if (code === '0') return { is: 'adapts' };
      if (!/^\d+$/.test(code)) throw new Unreadable(`exit ${answer.code}: ${answer.err.trim().split('\n')[0] ?? ''}`);
      const [error = ''] = why;
      if (error === '') throw new Unreadable(`caddy adapt ended with ${code} and no error`);
      return { is: 'refused', why: error };
    },
  );

/**
 * Its version, as numbers; `null`: nothing runs.
 *
 *   v2.11.4 h1:XKxkMSgdxDqrr4y5LBhuqR8NKUeDrrvsMrtuNxlmJX4=
 *   v2.11.4                    (of its build's list of modules: built from its Go module it says "unknown")
 *   2.6.2
 */
export const version = (caddy: Caddy): Probe<readonly number[] | null> =>
  ask(
    caddy,
    'version',
    `${findCaddy(caddy)}\nif [ "$p" = 0 ]; then echo absent; exit; fi\nv=$(c version) || { r=$?; ${GONE}; exit $r; }; case $v in v[0-9]* | [0-9]*) echo "$v";; *) c build-info | awk '$2 == "github.com/caddyserver/caddy/v2" { print $3; exit }';; esac`,
    (answer) => {
      const text = succeeded(answer);
      if (text === 'absent') return null;
      const [, numbers] = /^v?(\d+\.\d+\.\d+)/.exec(text) ?? [];
      if (numbers === undefined) throw new Unreadable(`not a version: ${JSON.stringify(text.slice(0, 60))}`);
      return numbers.split('.').map(Number);
    },
  );

/**
 *   udp UNCONN 0      0         [::]:443    [::]:* users:(("docker-proxy",pid=2011,fd=7))
 *   tcp LISTEN 0      4096         *:443       *:* users:(("caddy",pid=812,fd=7))
 */
export const sockets = (caddy: Caddy): Probe<readonly Socket[]> =>
  ask(caddy, 'sockets', `ss -Hltunp 'sport = :${caddy.port}'`, (answer) =>
    succeeded(answer)
      .split('\n')
      .flatMap((line) => {
        const [protocol, , , , local = ''] = line.trim().split(/\s+/);
        if (protocol !== 'tcp' && protocol !== 'udp') return [];
        const address = local
          .slice(0, local.lastIndexOf(':'))
          .replace(/^\[|\]$/g, '')
          .replace(/%.*$/, '');
        return [{ protocol, address, program: /users:\(\("([^"]*)"/.exec(line)?.[1] ?? '' }] as const;
      }),
  );

/** What translates addresses: the tables nat and mangle whole, and of filter's the chains that a forwarded packet passes. */
const RULES = `awk '/^\\*/ { t = $1 } /^[*:]/ || t == "*nat" || t == "*mangle" || $2 == "FORWARD" || $2 ~ /^(ts-|DOCKER)/'`;
/**
 * The rules of both families and both backends, which are two worlds: `iptables` shows one of them. The text is iptables-save's, with a
 * heading before each.
 *
 *   # 4 nft
 *   *nat
 *   -A POSTROUTING -j ts-postrouting
 */
export const firewall = (caddy: Caddy): Probe<readonly Ruleset[]> =>
  ask(
    caddy,
    'firewall',
    [
      'for f in 4 6; do i=iptables; if [ $f = 6 ]; then i=ip6tables; fi; for b in nft legacy; do',
      '  s=$i-$b-save; if ! command -v $s >/dev/null; then s=$i-save; command -v $s >/dev/null || continue; case $($s --version)-$b in *nf_tables*-nft | *legacy*-legacy) ;; *) continue;; esac; fi',
      `  echo "# $f $b"; $s 2>/dev/null | ${RULES}`,
      'done; done',
      `nft list tables 2>/dev/null | sed -nE 's/^table [a-z0-9]+ (docker-bridges|netavark)$/# own \\1/p'`,
    ].join('\n'),
    (answer) => {
      const text = succeeded(answer);
      const [, own] = /^# own (\S+)$/m.exec(text) ?? [];
      if (own !== undefined)
        throw new Unreadable(`the engine has nftables rules of its own (table ${own}), which fabric does not read`, 'unsupported');
      const parts = text.split(/^# (?=[46] (?:nft|legacy)$)/m);
      return parts.flatMap((part) => {
        const [, family, backend] = /^([46]) (nft|legacy)\n/.exec(`${part}\n`) ?? [];
        if (backend !== 'nft' && backend !== 'legacy') return [];
        return [{ backend, family: family === '6' ? 6 : 4, tables: parseRules(part) }] as const;
      });
    },
  );

/** A flow over UDP as the kernel follows it: who sent it where, and who answers whom. */
export interface Flow {
  readonly from: Address;
  readonly to: Address;
  readonly answers: Address;
  readonly answered: Address;
}
/**
 *   udp      17 29 src=100.64.0.5 dst=100.64.0.14 sport=54741 dport=443 src=172.20.1.2 dst=172.20.1.1 sport=443 dport=54741 mark=0 use=1
 */
export const flows = (caddy: Caddy): Probe<readonly Flow[]> =>
  ask(
    caddy,
    'flows',
    `{ if command -v conntrack >/dev/null; then conntrack -L -p udp --orig-port-dst ${caddy.port} 2>/dev/null; conntrack -f ipv6 -L -p udp --orig-port-dst ${caddy.port} 2>/dev/null; elif [ -r /proc/net/nf_conntrack ]; then grep ' udp .* dport=${caddy.port} ' /proc/net/nf_conntrack; else echo 'neither conntrack nor /proc/net/nf_conntrack is there' >&2; exit 127; fi; } | head -n 200`,
    (answer) =>
      (answer.code === 127 ? succeeded(answer) : answer.out).split('\n').flatMap((line) => {
        const [, from, to, answers, answered] = /src=(\S+) dst=(\S+) .*?src=(\S+) dst=(\S+) /.exec(line) ?? [];
        return from === undefined || to === undefined || answers === undefined || answered === undefined
          ? []
          : [{ from, to, answers, answered }];
      }),
  );

/** Requests of one kind in the access log. */
export interface Seen {
  readonly count: number;
  readonly status: number;
  /** `HTTP/1.1`, `HTTP/2.0`, `HTTP/3.0`. */
  readonly protocol: string;
  readonly client: Address;
  readonly host: string;
}
const logs = ({ unit, container }: Caddy, lines: number): string =>
  container === undefined ? `journalctl -u ${quote(unit ?? '')} -n ${lines} -o cat` : `e logs --tail ${lines} "$n" 2>&1`;

/**
 * The last requests that it logged, counted on the host by what they have in common. Empty where no site logs, or into a file.
 *
 *       12 403 HTTP/3.0 172.20.1.1 a.lab.test
 */
export const accessLog = (caddy: Caddy): Probe<readonly Seen[]> =>
  ask(
    caddy,
    'access-log',
    `${findCaddy(caddy)}\n${logs(caddy, 3000)} | grep '"http.log.access' | tail -n 500 | sed -nE 's/.*"client_ip":"([^"]*)","proto":"([^"]*)","method":"[^"]*","host":"([^"]*)".*"status":([0-9]+).*/\\4 \\2 \\1 \\3/p' | sort | uniq -c | sort -rn | head -n 60`,
    (answer) =>
      succeeded(answer)
        .split('\n')
        .flatMap((line) => {
          const [, count, status, protocol, client, host] = /^ *(\d+) (\d+) (\S+) (\S+) (\S+)$/.exec(line) ?? [];
          return protocol === undefined || client === undefined || host === undefined
            ? []
            : [{ count: Number(count), status: Number(status), protocol, client, host }];
        }),
  );

/** What Caddy says of itself. */
export interface OwnLog {
  /** The last error that ended it; `null`: none among its last lines. */
  readonly error: string | null;
  /** Names that it could not look up: how often, and as what. */
  readonly lookups: readonly { readonly name: string; readonly count: number; readonly why: string }[];
}
/** Go's own words, with the server that was asked or without, and what it was doing when the time was over. */
const LOOKUPS = String.raw`/^Error: / { e = $0 }
{ while (match($0, /lookup [^ :"]+( on [^ "]+)?: (read udp [^ "]+: )?(i\/o timeout|server misbehaving|no such host)/)) {
  s = substr($0, RSTART + 7, RLENGTH - 7); $0 = substr($0, RSTART + RLENGTH); w = s; sub(/.*: /, "", w); sub(/[ :].*/, "", s); n[s " " w]++ } }
END { for (s in n) print "lookup " n[s] " " s; if (e != "") print e }`;
/**
 *   lookup 1525 n8n i/o timeout
 *   Error: adapting config using caddyfile: /etc/caddy/Caddyfile:6: unrecognized directive: 200
 */
export const ownLog = (caddy: Caddy): Probe<OwnLog> =>
  ask(
    caddy,
    'own-log',
    `${findCaddy(caddy)}\n${logs(caddy, 20000)} | awk ${quote(LOOKUPS)} | sort`,
    (answer) => {
      const lines = succeeded(answer).split('\n');
      const lookups = lines.flatMap((line) => {
        const [, count, name, why] = /^lookup (\d+) (\S+) (.+)$/.exec(line) ?? [];
        return name === undefined || why === undefined ? [] : [{ name, count: Number(count), why }];
      });
      return { error: lines.find((line) => line.startsWith('Error: ')) ?? null, lookups };
    },
    20,
  );

/**
 * Programs on the host that pass connections on to its own port: their clients look like the host. Told by their arguments and
 * cloudflared's own file, never by what else stands in either.
 *
 *   socat
 *   cloudflared
 */
export const forwarders = (caddy: Caddy): Probe<readonly string[]> =>
  ask(
    caddy,
    'forwarders',
    [
      '{',
      `grep -alE '(127\\.0\\.0\\.1|localhost|\\[::1\\]):${caddy.port}([^0-9]|$)|userspace-networkin[g]' /proc/[0-9]*/cmdline 2>/dev/null | while read -r f; do c=$(cat "\${f%/cmdline}/comm" 2>/dev/null); case $c in sh | bash | dash | ash | timeout | sudo | grep | curl | sshd* | caddy | docker* | podman | conmon | '') ;; *) echo "$c";; esac; done`,
      `if grep -sqE 'service: *.?https?://(localhost|127\\.0\\.0\\.1)${caddy.port === 443 ? '(:443)?' : `:${caddy.port}`}([^:0-9]|$)' /etc/cloudflared/*.y*ml; then echo cloudflared; fi`,
      '} | sort -u',
    ].join('\n'),
    (answer) => succeeded(answer).split('\n').filter(Boolean),
  );

/** Of the Caddyfile, what an edit is made from: the other lines are empty here, and never leave the host. */
export interface Lines {
  readonly sha256: string;
  /** Its lines that name addresses, and where its heredocs begin and end. */
  readonly text: string;
}
/** In a heredoc: until its marker. Behind one: a status code alone. Lines with client_ip or remote_ip, and those that a backslash joins to them. */
const RELEVANT = String.raw`h != "" { if (index($0, h)) { h = ""; c = 1; print } else print ""; next }
c && /^[ \t\r]*$/ { print; next }
c { c = 0; if ($0 ~ /^[ \t]*[1-5][0-9][0-9][ \t\r]*$/) { print; next } }
k || /client_ip|remote_ip/ { print; k = /\\\r?$/; next }
match($0, /(^|[ \t])<<[A-Za-z0-9_-]+\r?$/) { h = substr($0, RSTART, RLENGTH); gsub(/[ \t\r<]/, "", h); print; next }
{ print "" }`;
/**
 * `null`: the file is not there.
 *
 *   9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
 *
 *   	@blocked not client_ip 100.64.0.0/10 172.20.1.0/24
 */
export const lines = (caddy: Caddy): Probe<Lines | null> =>
  ask(
    caddy,
    'lines',
    `f=${quote(caddy.caddyfile)}; [ -e "$f" ] || { echo absent; exit; }; h=$(sha256sum <"$f") || exit; echo "\${h%% *}"; awk ${quote(RELEVANT)} "$f"`,
    (answer) => {
      const [sha256 = '', ...rest] = succeeded(answer).split('\n');
      if (sha256 === 'absent') return null;
      if (!/^[0-9a-f]{64}$/.test(sha256)) throw new Unreadable(`not a file: ${JSON.stringify(sha256.slice(0, 80))}`);
      return { sha256, text: rest.join('\n') };
    },
  );
