import { type Probe, succeeded, Unreadable } from '../evidence.ts';
import type { N8n } from '../fabric.ts';
import { VARIABLES, type Variables } from '../services/n8n.ts';
import { quote } from '../shell.ts';
import { type Reached, reached } from './http.ts';

export interface Process {
  readonly by: 'podman' | 'docker' | 'systemd';
  /** `running`, `exited`, `restarting`, …; of a unit `active`, `failed`, … */
  readonly status: string;
  /** By itself, since somebody started it. */
  readonly restarts: number;
  /** Of the process, of these names alone. `null`: it does not run. */
  readonly variables: Variables | null;
  /** Where compose keeps its file, and what it calls the service; `null` where no compose made the container. */
  readonly compose: { readonly folder: string; readonly service: string } | null;
}

const engines = `for e in podman docker; do command -v $e >/dev/null || continue; if [ $e = docker ] && docker --version 2>/dev/null | grep -qi podman; then continue; fi`;
/** What is asked of a container: a whole inspect prints secrets. Both engines print the time of its start in the same way as JSON. */
const FIELDS = [
  '{{.State.Status}}',
  '{{.State.Pid}}',
  '{{.RestartCount}}',
  '{{json .State.StartedAt}}',
  '{{index .Config.Labels "com.docker.compose.project.working_dir"}}',
  '{{index .Config.Labels "com.docker.compose.service"}}',
].join('\t');

/**
 * Sets `e` (who runs it), `s` (what he says of it) and `p` (a process, 0: none), or says `absent` and ends. What a container runs first is
 * an init, and a unit of a Quadlet runs conmon: from there it goes down to the first `node`. Its children have another environment.
 */
const find = ({ container, unit }: N8n): string =>
  [
    ...(container === undefined
      ? [
          `s=$(systemctl show ${quote(unit ?? '')} -p LoadState,ActiveState,MainPID,NRestarts,InvocationID) || exit`,
          'v() { printf "%s\\n" "$s" | sed -n "s/^$1=//p"; }',
          'case $(v LoadState) in not-found) echo absent; exit;; esac',
          'e=systemd p=$(v MainPID)',
          's=$(printf "%s\\t%s\\t%s\\t" "$(v ActiveState)" "$p" "$(v NRestarts)"; v InvocationID)',
        ]
      : [
          'p= bad=',
          `${engines}; i="$e inspect --type container"; s=$($i --format ${quote(FIELDS)} ${quote(container)} 2>/dev/null) && { p=$(printf '%s\\n' "$s" | cut -f2); break; }; b=$($i --format x ${quote(container)} 2>&1 >/dev/null); case $b in *[Nn]'o such '*) ;; *) bad="$e: $b";; esac; done`,
          'if [ -z "$p" ]; then if [ -n "$bad" ]; then printf "%s\\n" "$bad" >&2; exit 1; fi; echo absent; exit; fi',
        ]),
    "q=$p; while [ \"$q\" != 0 ] && ! ls -l /proc/$q/exe 2>/dev/null | grep -qE '/node( [(]deleted[)])?$'; do q=$(cut -d' ' -f1 /proc/$q/task/$q/children 2>/dev/null); q=${q:-0}; done",
    'if [ "$q" != 0 ]; then p=$q; fi',
  ].join('\n');
/** Of the process `p`, from where nothing else of its environment gets. A new line in a value begins no line of its own. */
const environment = (names: readonly string[]): string =>
  `tr '\\n\\000' ' \\n' </proc/$p/environ | { grep -E '^(${names.join('|')})=' || true; }`;

/**
 * The process and its own variables: what a file says is not what was read. `null`: there is no such container or unit.
 *
 *   podman	running	4711	0	"2026-11-25T18:44:20.123456789Z"	/opt/n8n	n8n
 *   N8N_PROXY_HOPS=1
 *   NODE_ENV=production
 */
export const n8nProcess = (n8n: N8n): Probe<Process | null> => ({
  key: 'n8n/process',
  question: {
    at: n8n.host,
    via: 'sh',
    sudo: true,
    script: `${find(n8n)}\nprintf '%s\\t%s\\n' $e "$s"; if [ "$p" = 0 ]; then exit; fi; [ -r /proc/$p/environ ] || { echo "process $p is gone" >&2; exit 1; }\n${environment([...VARIABLES, ...VARIABLES.map((name) => `${name}_FILE`)])}`,
  },
  read: (answer) => {
    const [head = '', ...lines] = succeeded(answer).split('\n');
    if (head === 'absent') return null;
    const [by = '', status = '', pid = '', restarts = '', , folder = '', service = ''] = head.split('\t');
    if (by !== 'podman' && by !== 'docker' && by !== 'systemd') throw new Unreadable(`not a process: ${JSON.stringify(head.slice(0, 80))}`);
    const variables = variablesOf(lines);
    const elsewhere = VARIABLES.find((name) => !variables.has(name) && variables.has(`${name}_FILE`));
    if (elsewhere !== undefined)
      throw new Unreadable(`${elsewhere}_FILE is set: n8n reads it from a file of its own, which fabric does not open`, 'unsupported');
    return {
      by,
      status,
      restarts: Number(restarts),
      variables: pid === '0' ? null : variables,
      compose: folder === '' || service === '' ? null : { folder, service },
    };
  },
});

/** `NAME=value` a line; the last one counts. */
const variablesOf = (lines: readonly string[]): Variables =>
  new Map(lines.flatMap((line) => (/^\w+=/.test(line) ? [[line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]] : [])));

/**
 * Whether it answers, asked from its own network: its port need not be published. `null`: it does not run. In the way of `curl` in http.ts.
 *
 *   {"status":"ok"}
 *   200
 */
export const n8nHealth = (n8n: N8n): Probe<Reached | null> => ({
  key: 'n8n/health',
  question: { at: n8n.host, via: 'sh', sudo: true, script: healthScript(n8n) },
  read: (answer) => (answer.out === 'absent' ? null : reached(answer)),
});
/** The same, for a step that waits until it answers. */
export const healthScript = (n8n: N8n): string =>
  [
    find(n8n),
    'if [ "$p" = 0 ]; then echo absent; exit; fi',
    `v=$(${environment(['N8N_PORT', 'N8N_LISTEN_ADDRESS', 'N8N_PROTOCOL', 'N8N_SSL_KEY', 'N8N_ENDPOINT_HEALTH'])})`,
    'w() { printf "%s\\n" "$v" | sed -n "s/^$1=//p"; }',
    'a=$(w N8N_LISTEN_ADDRESS); case $a in ""|::|0.0.0.0) a=127.0.0.1;; *:*) a="[$a]";; esac',
    'c=http; if [ "$(w N8N_PROTOCOL)" = https ] && [ -n "$(w N8N_SSL_KEY)" ]; then c=https; fi',
    'o=$(w N8N_PORT); h=$(w N8N_ENDPOINT_HEALTH)',
    `nsenter -t "$p" -n curl -qsSk --noproxy '*' -m 5 -w '\\n%{http_code}' "$c://$a:\${o:-5678}/\${h:-healthz}"`,
  ].join('\n');

export interface Log {
  /** `2.40.7`; `null` where the log no longer reaches back to the start. */
  readonly version: string | null;
  /** Lines `code: 'ERR_ERL_…'` of express-rate-limit, by code, since the process started. */
  readonly errors: ReadonlyMap<string, { readonly count: number; readonly last: string }>;
}

/**
 * What it logged since it started, counted there: n8n's log holds what its workflows say. express-rate-limit prints each complaint once for
 * each limiter and process, so few lines are no few requests. `null`: there is no such container or unit.
 *
 *   version 2.40.7
 *   2 2026-11-25T18:47:51.004512000Z ERR_ERL_UNEXPECTED_X_FORWARDED_FOR
 */
export const n8nLog = (n8n: N8n): Probe<Log | null> => ({
  key: 'n8n/log',
  question: {
    at: n8n.host,
    via: 'sh',
    sudo: true,
    seconds: 20,
    script: [
      find(n8n),
      `i=$(printf '%s\\n' "$s" | cut -f4 | tr -d '"')`,
      '{ case $e in',
      'systemd) journalctl -q _SYSTEMD_INVOCATION_ID="$i" -o short-iso --no-pager;;',
      `*) $e logs -t --since "$i" ${quote(n8n.container ?? '')} 2>&1;;`,
      'esac; echo "ended $?"; } | awk \'',
      '/^ended [0-9]+$/ { code = substr($0, 7); next }',
      'v == "" && /(^|[^A-Za-z])Version: [0-9]+[.][0-9]+[.][0-9]+/ { v = $0; sub(/.*[^A-Za-z]Version: |^Version: /, "", v); sub(/[" ].*/, "", v) }',
      '/code: .*ERR_ERL_[A-Z_]+/ { c = $0; sub(/.*ERR_ERL_/, "ERR_ERL_", c); sub(/[^A-Z_].*/, "", c); n[c]++; t[c] = $1 }',
      'END { if (code != 0) { print "its log cannot be read: exit " code | "cat >&2"; exit 1 } if (v != "") print "version " v; for (c in n) print n[c], t[c], c }\'',
    ].join('\n'),
  },
  read: (answer) => {
    const text = succeeded(answer);
    if (text === 'absent') return null;
    const lines = text.split('\n').filter(Boolean);
    return {
      version: lines.flatMap((line) => /^version (\d+\.\d+\.\d+\S*)$/.exec(line)?.[1] ?? [])[0] ?? null,
      errors: new Map(
        lines.flatMap((line) => {
          const [, count = '', last = '', code = ''] = /^(\d+) (\S+) (ERR_ERL_[A-Z_]+)$/.exec(line) ?? [];
          return code === '' ? [] : [[code, { count: Number(count), last }]];
        }),
      ),
    };
  },
});

export interface EnvFile {
  /** In octal digits, and `user:group`. */
  readonly mode: string;
  readonly owner: string;
  /** Of the same names alone. */
  readonly variables: Variables;
}

/**
 * The file that its variables are set in. `null`: not there.
 *
 *   600 root:root
 *   N8N_PROXY_HOPS=1
 */
export const n8nEnvFile = ({ host }: N8n, path: string): Probe<EnvFile | null> => ({
  key: `n8n/env-file${path}`,
  question: {
    at: host,
    via: 'sh',
    sudo: true,
    script: `f=${quote(path)}; [ -e "$f" ] || { echo absent; exit; }; stat -c '%a %U:%G' "$f" && { grep -E '^(${VARIABLES.join('|')})=' "$f" || true; }`,
  },
  read: (answer) => {
    const [head = '', ...lines] = succeeded(answer).split('\n');
    if (head === 'absent') return null;
    const [mode = '', owner = ''] = head.split(' ');
    return { mode, owner, variables: variablesOf(lines) };
  },
});
