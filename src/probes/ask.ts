// Questions that the entries of a user ask, beside those that fabric's own checks ask.
import { createHash } from 'node:crypto';
import { type Answer, type Probe, succeeded, Unreadable, type Vantage } from '../evidence.ts';
import type { Address } from '../fabric.ts';
import { quote } from '../shell.ts';
import { curl, reached, type Unanswered } from './http.ts';

/** What a key may hold of a text: enough for people to know it by; the hash tells it from others. */
const named = (text: string): string => {
  const words = text.replaceAll(/[^A-Za-z0-9._-]+/g, '-').replaceAll(/^-+|-+$/g, '');
  return `${words.slice(0, 40)}/${createHash('sha256').update(text).digest('hex').slice(0, 8)}`;
};

/** A command of the user's own: POSIX shell, without a secret in it. Its exit code and its complaints are for the caller to judge. */
export const command = (
  at: Vantage,
  script: string,
  { sudo = false, seconds }: { readonly sudo?: boolean; readonly seconds?: number } = {},
): Probe<Answer> => ({
  key: `command/${named(`${sudo ? 'sudo ' : ''}${script}${seconds === undefined ? '' : ` # ${seconds} s`}`)}`,
  question: { at, via: 'sh', script, ...(sudo ? { sudo: true as const } : {}), ...(seconds === undefined ? {} : { seconds }) },
  read: (answer) => {
    // It never got to say anything: no program, or no time. (137: killed, as `timeout` does in the end.)
    if ([124, 127, 137].includes(answer.code)) succeeded(answer);
    return answer;
  },
});

export interface Standing {
  /** In octal digits. */
  readonly mode: string;
  /** `user:group`. */
  readonly owner: string;
}

/**
 * A file's or a folder's mode and owner, and nothing of what it holds: it may be a key. `null`: not there.
 *
 *   600 root:root
 */
export const standing = (at: Vantage, path: string): Probe<Standing | null> => ({
  key: `standing${path}`,
  question: { at, via: 'sh', sudo: true, script: `f=${quote(path)}; [ -e "$f" ] || { echo absent; exit; }; stat -c '%a %U:%G' "$f"` },
  read: (answer) => {
    const text = succeeded(answer).trim();
    if (text === 'absent') return null;
    const [mode = '', owner = ''] = text.split(' ');
    if (!/^[0-7]+$/.test(mode)) throw new Unreadable(`not what stat says: ${JSON.stringify(text.slice(0, 80))}`);
    return { mode, owner };
  },
});

/** Names in lower case. A name that came twice has both values, as HTTP has it: `a, b`. */
export interface Page {
  readonly status: number;
  /** `1.1`, `2`, `3`. */
  readonly protocol: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/**
 * One request, no redirect followed. What `curl -D -` prints: headers (those of a 103 first), an empty line, the body; and our status.
 *
 *   HTTP/2 200
 *   content-type: text/html
 *
 *   <html>…
 *   200
 */
export const page = (at: Vantage, url: string, method: 'GET' | 'HEAD' = 'GET'): Probe<Page | Unanswered> => ({
  key: `page/${method}/${named(url)}`,
  question: { at, via: 'sh', script: curl(url, method === 'HEAD' ? '-I' : '-D -') },
  read: (answer) => {
    const reply = reached(answer);
    if (typeof reply === 'string') return reply;
    let rest = reply.body;
    for (;;) {
      const [block, head] = /^(HTTP\/[^\n]*\n(?:[^\n]*[^\n\r][^\n]*\n)*)(?:\r?\n|$)/.exec(rest) ?? [];
      const [, protocol, status] = /^HTTP\/([\d.]+) (\d{3})/.exec(head ?? '') ?? [];
      if (block === undefined || head === undefined || protocol === undefined)
        throw new Unreadable(`not what HTTP says: ${JSON.stringify(rest.slice(0, 80))}`);
      rest = rest.slice(block.length);
      if (Number(status) >= 200) return { status: reply.status, protocol, headers: headers(head), body: rest };
    }
  },
});

const headers = (head: string): ReadonlyMap<string, string> => {
  const found = new Map<string, string>();
  for (const line of head.split(/\r?\n/).slice(1)) {
    const colon = line.indexOf(':');
    if (colon < 1) continue;
    const [name, value] = [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()];
    const before = found.get(name);
    found.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return found;
};

/** The record types that can be asked for. */
export const RECORDS = ['A', 'AAAA', 'CAA', 'CNAME', 'MX', 'NS', 'PTR', 'SOA', 'SRV', 'TXT'] as const;

/**
 * What a DNS server says, sorted. Empty: it says that there is none. Asks the server of the host's resolv.conf where none is named.
 * getent could not tell a name that is not there from a server that does not answer; dig says NXDOMAIN or SERVFAIL.
 *
 *   ;; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 36029
 *   example.net.		300	IN	MX	10 mail.example.net.
 *   example.net.		300	IN	TXT	"v=spf1 -all"
 */
export const records = (at: Vantage, name: string, type: (typeof RECORDS)[number], server?: Address): Probe<readonly string[]> => ({
  key: `records/${name}/${type}${server === undefined ? '' : `/${server}`}`,
  question: {
    at,
    via: 'sh',
    script: `dig ${server === undefined ? '' : `${quote(`@${server}`)} `}+noall +comments +answer +time=3 +tries=2 -t ${type} -q ${quote(name)}`,
  },
  read: (answer) => {
    // dig complains on stdout. 9: no server answered.
    if (answer.code === 9) throw new Unreadable(answer.out.trim().split('\n').at(-1)?.replace(/^;; /, '') || 'no server answered');
    const text = succeeded(answer);
    const status = /\bstatus: ([A-Z]+)/.exec(text)?.[1];
    if (status !== 'NOERROR' && status !== 'NXDOMAIN')
      throw new Unreadable(`the DNS server said ${status ?? 'nothing that dig could read'}`);
    const line = new RegExp(`^[^;\\s]\\S*\\s+\\d+\\s+IN\\s+${type}\\s+(.*)$`, 'gm');
    return [...text.matchAll(line)].map(([, data = '']) => (type === 'TXT' ? unquoted(data) : data.replaceAll(/\.(?=\s|$)/g, ''))).sort();
  },
});

/** `"v=spf1 " "-all"` is one text in two strings. */
const unquoted = (data: string): string =>
  [...data.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, part = '']) => part.replaceAll(/\\(.)/g, '$1')).join('');

export type Dialled = 'open' | 'connection refused' | 'no answer in time' | 'no way there';

/**
 * Whether a port takes a connection. bash's own: curl would wait for what the service says (telnet://), or say HTTP to it.
 *
 *   bash: connect: Connection refused
 *   bash: nosuch.invalid: Name or service not known
 */
export const dialled = (at: Vantage, address: Address, port: number): Probe<Dialled> => ({
  key: `dialled/${address}/${port}`,
  question: {
    at,
    via: 'sh',
    seconds: 5,
    script: `command -v bash >/dev/null || { echo "bash is not installed there" >&2; exit 127; }; exec bash -c 'exec 3<>"/dev/tcp/$1/$2"' bash ${quote(address)} ${port}`,
  },
  read: (answer) => {
    const { code, err } = answer;
    if (code === 0) return 'open';
    if (code === 124 || code === 137 || /Connection timed out/.test(err)) return 'no answer in time';
    if (/Connection refused/.test(err)) return 'connection refused';
    // A firewall that rejects says this too (icmp-host-prohibited).
    if (/No route to host/.test(err)) return 'no way there';
    succeeded(answer);
    throw new Unreadable(err);
  },
});

export interface Running {
  readonly engine: 'podman' | 'docker';
  /** `running`, `exited`, … */
  readonly status: string;
  /** As it was asked for. */
  readonly image: string;
  /** `host`, `bridge`, … */
  readonly network: string;
  /** The policy's name: `always`, `no`, … */
  readonly restart: string;
}

/**
 * A container of whichever engine has one of that name. `null`: none has.
 *
 *   docker	running	ghcr.io/immich-app/server:v2	bridge	always
 */
export const anyContainer = (at: Vantage, name: string): Probe<Running | null> => ({
  key: `any-container/${name}`,
  question: {
    at,
    via: 'sh',
    sudo: true,
    script: [
      `n=${quote(name)}; any=; for e in podman docker; do command -v $e >/dev/null || continue`,
      // podman's stand-in for docker would be asked twice.
      'if [ $e = docker ] && docker --version 2>/dev/null | grep -qi podman; then continue; fi; any=1',
      'i={{.Config.Image}}; [ $e = docker ] || i={{.ImageName}}',
      's=$($e inspect --type container --format "$e\t{{.State.Status}}\t$i\t{{.HostConfig.NetworkMode}}\t{{.HostConfig.RestartPolicy.Name}}" "$n" 2>&1) && { printf \'%s\\n\' "$s"; exit 0; }',
      'case $s in *[Nn]"o such"*) ;; *) printf \'%s\\n\' "$s" >&2; exit 1;; esac; done',
      '[ -n "$any" ] || { echo "neither podman nor docker is installed there" >&2; exit 127; }; echo absent',
    ].join('\n'),
  },
  read: (answer) => {
    const text = succeeded(answer);
    if (text === 'absent') return null;
    const [engine, status = '', image = '', network = '', restart] = text.split('\t');
    if ((engine !== 'podman' && engine !== 'docker') || restart === undefined)
      throw new Unreadable(`not what inspect says: ${JSON.stringify(text.slice(0, 80))}`);
    return { engine, status, image, network, restart };
  },
});
