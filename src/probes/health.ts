// Who calls LiteLLM's /health, and what its log says of it. URLs are cut out on the host: a line with curl may hold a key.
import { type Answer, type Probe, type Script, succeeded, Unreadable } from '../evidence.ts';
import type { Fabric } from '../fabric.ts';
import { CONTAINER, UNIT } from '../services/litellm.ts';
import { quote } from '../shell.ts';

/** Where on a host a call of /health is written. `url`: as it stands there, up to the path's end. */
export type Caller =
  | {
      readonly kind: 'container';
      readonly engine: 'podman' | 'docker';
      readonly name: string;
      /** `healthy`: its health check gets through. */
      readonly health: string;
      /** Seconds. */
      readonly interval: number;
      readonly url: string;
    }
  /** A file that gives a container its health check. */
  | { readonly kind: 'file'; readonly path: string; readonly line: number; readonly url: string }
  | {
      readonly kind: 'timer';
      readonly timer: string;
      readonly service: string;
      /** `enabled`, `static`, `transient`, … */
      readonly enabled: string;
      /** `OnUnitActiveUSec=30s`, `OnCalendar=*-*-* *:00/5:00` */
      readonly when: string;
      readonly url: string;
      /** The script that holds the URL; the unit's own command where empty. */
      readonly script: string;
    }
  /** A service that runs all the time, and sleeps in between. `interval`: seconds, or `null` where it does not say. */
  | { readonly kind: 'service'; readonly service: string; readonly interval: number | null; readonly url: string; readonly script: string }
  | {
      readonly kind: 'cron';
      readonly path: string;
      readonly line: number;
      readonly when: string;
      readonly url: string;
      readonly script: string;
    }
  | { readonly kind: 'proxy'; readonly path: string; readonly line: number; readonly interval: string; readonly url: string };

/** No more of its path follows: /health/liveliness and /healthz are others. */
const END = '/health/?([^A-Za-z0-9_./-]|$)';
const LONGEST = '256k';
/** What `systemctl show` says, a unit a paragraph, as a line each: started unit, timer, state of its file, when. */
const TIMERS = `function end() { if (a == "active") printf "%s\\t%s\\t%s\\t%s\\n", u, i, (s == "" ? "-" : s), w; a = w = u = i = s = "" }
/^$/ { end() } /^Id=/ { i = substr($0, 4) } /^Unit=/ { u = substr($0, 6) } /^ActiveState=/ { a = substr($0, 13) } /^UnitFileState=/ { s = substr($0, 15) }
/^Timers/ { sub(/^[A-Za-z]*=[{] /, ""); sub(/ ;.*/, ""); w = w (w == "" ? "" : " ") $0 } END { end() }`;
/** Service, state, command. */
const SERVICES = `function end() { if (x != "" && !(i in seen)) printf "%s\\t%s\\t%s\\n", i, a, x; seen[i]; a = x = i = "" }
/^$/ { end() } /^Id=/ { i = substr($0, 4) } /^ActiveState=/ { a = substr($0, 13) }
/^ExecStart=/ { sub(/^.* argv\\[\\]=/, ""); sub(/ ; ignore_errors=.*/, ""); x = x " " $0 } END { end() }`;

/**
 * Everything on LiteLLM's host that calls its /health again and again, as far as files and systemd tell.
 *
 *   container	podman	litellm	healthy	30000000000	http://127.0.0.1:4000/health
 *   file	/etc/containers/systemd/litellm.container.d/hand.conf	2	/health
 *   timer	poll.timer	poll.service	enabled	OnUnitActiveUSec=30s	http://127.0.0.1:4000/health	/usr/local/bin/poll
 *   service	poll.service	30	http://127.0.0.1:4000/health
 *   cron	/etc/cron.d/litellm	2	0 * * * *	http://127.0.0.1:4000/health
 *   proxy	/etc/caddy/Caddyfile	4	30s	/health
 */
export const healthCallers = ({ litellm }: Fabric): Probe<readonly Caller[]> => {
  const { port } = litellm.listen;
  const front = litellm.front?.replace(/^https?:\/\//, '').replaceAll('.', '[.]');
  const at = front === undefined ? `:${port}` : `(:${port}|${front})`;
  return {
    key: 'health/callers',
    question: {
      at: litellm.host,
      via: 'sh',
      sudo: true,
      seconds: 20,
      script: [
        'for c in awk cut find grep sed sort; do command -v $c >/dev/null || { echo "$c: not found" >&2; exit 127; }; done',
        'set -f; tab=$(printf "\\t")',
        `any=${quote(`[][A-Za-z0-9._:/-]*${END}`)}; ours=${quote(`[][A-Za-z0-9._:/-]*${at}${END}`)}`,
        // hits REGEX [FILE]: number and URL of lines that are no comment.
        `hits() { U=$1; shift; awk -v "U=$U" '/^[ \\t]*[#;]/ { next } match($0, U) { t = substr($0, RSTART, RLENGTH); sub(/[^A-Za-z0-9_.\\/-]$/, "", t); printf "%d\\t%s\\n", FNR, t; if (++n == 5) exit }' "$@"; }`,
        // scripts WORDS: the first of them that is a script in which a call stands: its path into s, the URL into u and its sleep into z. Most
        // words are none, which the shell sees by itself.
        'scripts() {',
        '  s=; u=; z=; for w in "$@"; do',
        '    case $w in /*) ;; *) continue;; esac; [ -f "$w" ] && [ -r "$w" ] || continue',
        '    l=; IFS= read -r l 2>/dev/null <"$w"; case $l in "#!"*) ;; *) continue;; esac',
        `    h=$(find "$w" -size -${LONGEST} -exec cat {} + | hits "$ours" | head -n 1); [ -n "$h" ] || continue`,
        '    s=$w; u=${h#*"$tab"}; z=$(sed -n "s/^[^#]*sleep  *\\([0-9][0-9]*\\).*/\\1/p" "$w" | head -n 1); return',
        '  done',
        '}',
        'found() { [ -n "$1" ]; }',
        // The health checks of containers that run LiteLLM.
        'for e in podman docker; do',
        '  command -v $e >/dev/null || continue',
        '  if [ $e = docker ] && docker --version 2>/dev/null | grep -qi podman; then continue; fi',
        `  list=$($e ps --format '{{.Names}}\\t{{.Image}}') || { [ $e = docker ] && continue; exit 1; }`,
        `  printf '%s\\n' "$list" | grep -E '^${CONTAINER}\t|litellm[^/\t]*$' | cut -f1 | while IFS= read -r n; do`,
        `    j=$($e inspect --type container --format '{{if .State.Health}}{{.State.Health.Status}}{{end}}\\t{{json .Config.Healthcheck}}' "$n") || continue`,
        '    u=$(printf "%s\\n" "${j#*"$tab"}" | hits "$any"); found "$u" || continue',
        '    i=$(printf "%s\\n" "$j" | sed -n "s/.*\\"Interval\\":\\([0-9]*\\).*/\\1/p")',
        `    printf 'container\\t%s\\t%s\\t%s\\t%s\\t%s\\n' $e "$n" "\${j%%"$tab"*}" "\${i:-30000000000}" "\${u#*"$tab"}"`,
        '  done || exit',
        'done',
        // Files that give them.
        `of() { while IFS="$tab" read -r n u; do printf 'file\\t%s\\t%s\\t%s\\n' "$1" "$n" "$u"; done; }`,
        `find /etc/containers/systemd -type f -size -${LONGEST} 2>/dev/null | grep -E '\\.(container|conf)$' | sort | while IFS= read -r f; do`,
        '  case $f in */litellm.container|*/litellm.container.d/*) ;; *) grep -q "^Image=.*litellm" "$f" || continue;; esac',
        `  sed '/^Health\\(Startup\\)\\{0,1\\}Cmd=/!s/.*//' "$f" | hits "$any" | of "$f"`,
        'done',
        `find ${quote(litellm.directory)} -maxdepth 1 -type f -size -${LONGEST} 2>/dev/null | grep -E '/(docker-)?compose[^/]*[.]ya?ml$' | sort | while IFS= read -r f; do hits "$any" "$f" | of "$f"; done`,
        // systemd: services that call it, and the timers that start them; what a timer starts may not be loaded while it rests.
        'if command -v systemctl >/dev/null; then',
        `  timers=$(systemctl show '*.timer' -p Id,Unit,ActiveState,UnitFileState,TimersMonotonic,TimersCalendar 2>/dev/null | awk ${quote(TIMERS)})`,
        `  systemctl show '*.service' $(printf '%s\\n' "$timers" | cut -f1) -p Id,ActiveState,ExecStart 2>/dev/null | awk ${quote(SERVICES)} | while IFS="$tab" read -r i a x; do`,
        // A container's own health check: told above.
        '    case $x in *--health-cmd*|*"podman healthcheck run"*) continue;; esac',
        // Most services call nothing: what the shell sees by itself needs no awk.
        '    u=; s=; z=; case $x in */health*) u=$(printf "%s\\n" "$x" | hits "$ours"); u=${u#*"$tab"};; esac',
        '    case $x in *sleep*) z=$(printf "%s\\n" "$x" | sed -n "s/.*sleep  *\\([0-9][0-9]*\\).*/\\1/p");; esac',
        '    [ -n "$u" ] || scripts $x; [ -n "$u" ] || continue',
        `    printf '%s\\n' "$timers" | { t=; while IFS="$tab" read -r tu ti ts tw; do if [ "$tu" = "$i" ]; then t=1; printf 'timer\\t%s\\t%s\\t%s\\t%s\\t%s\\t%s\\n' "$ti" "$i" "$ts" "$tw" "$u" "$s"; fi; done`,
        `      if [ -z "$t" ]; then case $a in active|activating) printf 'service\\t%s\\t%s\\t%s\\t%s\\n' "$i" "$z" "$u" "$s";; esac; fi; }`,
        '  done',
        'fi',
        // cron: whole tables, line by line, and the scripts that they name.
        'set +f; tables="/etc/crontab /etc/cron.d/* /var/spool/cron/* /var/spool/cron/crontabs/*"',
        'for f in $tables; do',
        '  [ -f "$f" ] || continue; c=0; set -f',
        '  while IFS= read -r line || [ -n "$line" ]; do',
        '    c=$((c + 1)); case $line in [0-9*@]*|" "*) ;; *) continue;; esac',
        '    u=; case $line in */health*) u=$(printf "%s\\n" "$line" | hits "$ours"); u=${u#*"$tab"};; esac; s=; set -- $line; [ $# -gt 1 ] || continue',
        '    [ -n "$u" ] || scripts "$@"; [ -n "$u" ] || continue',
        '    case $1 in @*) w=$1;; *) w="$1 $2 $3 $4 $5";; esac',
        `    printf 'cron\\t%s\\t%s\\t%s\\t%s\\t%s\\n' "$f" $c "$w" "$u" "$s"`,
        '  done <"$f"; set +f',
        'done',
        'for p in hourly daily weekly monthly; do for f in /etc/cron.$p/*; do',
        '  [ -f "$f" ] || continue; u=$(hits "$ours" "$f" | head -n 1); found "$u" || continue',
        `  printf 'cron\\t%s\\t%s\\t@%s\\t%s\\t\\n' "$f" "\${u%%"$tab"*}" $p "\${u#*"$tab"}"`,
        'done; done; set -f',
        // Proxies that ask what is behind them, where they run.
        'for p in caddy nginx haproxy; do',
        '  systemctl is-active -q $p 2>/dev/null || continue',
        `  find /etc/$p -type f -size -${LONGEST} 2>/dev/null | sort | while IFS= read -r f; do`,
        `    grep -qE ':${port}([^0-9]|$)' "$f" || continue`,
        '    i=$(sed -n "s/^[ \\t]*health_interval[ \\t][ \\t]*\\([0-9a-z.]*\\).*/\\1/p; s/.*health_check.* interval=\\([0-9a-z]*\\).*/\\1/p; s/.* inter \\([0-9a-z]*\\).*/\\1/p" "$f" | head -n 1)',
        `    sed -E '/health_uri|health_check|httpchk|http-check/!s/.*//' "$f" | hits "$any" | while IFS="$tab" read -r n u; do printf 'proxy\\t%s\\t%s\\t%s\\t%s\\n' "$f" "$n" "$i" "$u"; done`,
        '  done',
        'done',
        'true',
      ].join('\n'),
    },
    read: (answer) =>
      succeeded(answer)
        .split('\n')
        .flatMap((line): readonly Caller[] => {
          const [kind, a = '', b = '', c = '', d = '', e = '', f = ''] = line.split('\t');
          switch (kind) {
            case 'container':
              return [{ kind, engine: a === 'docker' ? 'docker' : 'podman', name: b, health: c, interval: Number(d) / 1e9, url: e }];
            case 'file':
              return [{ kind, path: a, line: Number(b), url: c }];
            case 'timer':
              return [{ kind, timer: a, service: b, enabled: c, when: d, url: e, script: f }];
            case 'service':
              return [{ kind, service: a, interval: b === '' ? null : Number(b), url: c, script: d }];
            case 'cron':
              return [{ kind, path: a, line: Number(b), when: c, url: d, script: e }];
            case 'proxy':
              return [{ kind, path: a, line: Number(b), interval: c, url: d }];
            default:
              return [];
          }
        }),
  };
};

/**
 * LiteLLM's lines in the journal since it started, at most of a day and 200,000, with their times, and journalctl's own end: shell. What its
 * container says where no unit runs it; nothing where nothing runs.
 */
const JOURNAL = [
  `s=$(systemctl show -p ActiveEnterTimestamp --value --timestamp=unix ${UNIT}); s=\${s#@}; a=$(systemctl show -p ActiveState --value ${UNIT})`,
  'd=$(($(date +%s) - 86400)); if [ "$a" = inactive ] || [ "${s:-0}" -lt "$d" ]; then s=$d; fi',
  `w="-u ${UNIT}"; if [ "$a" = inactive ]; then w=; [ "$(podman inspect --type container --format '{{.State.Running}}' ${CONTAINER} 2>/dev/null)" != true ] || w=CONTAINER_NAME=${CONTAINER}; fi`,
  'log() { [ -z "$w" ] || journalctl $w --since=@$s -n 200000 -o short-unix --no-pager; echo "end $?"; }',
];
/** Awk: how journalctl ended. Every line of its own begins with a time, or with `--`. */
const ENDED = '/^end [0-9]+$/ { code = $2; next }';
/** What it printed, in words; throws where journalctl failed. */
const words = (answer: Answer): readonly (readonly string[])[] => {
  const lines = succeeded(answer).split('\n');
  const [, code] = lines.find((line) => line.startsWith('ended '))?.split(' ') ?? [];
  if (code === undefined) throw new Unreadable('the log was not read to its end');
  if (code === '127') throw new Unreadable('journalctl is not there', 'unsupported');
  if (code !== '0') throw new Unreadable(`journalctl: exit ${code}: ${answer.err.trim().split('\n')[0] ?? ''}`);
  return lines.map((line) => line.split(' '));
};

/** Calls of /health by one caller, answered: one request to each model, or to one where they name it. */
export interface Calls {
  readonly from: string;
  readonly models: 'all' | 'one';
  readonly count: number;
  /** Seconds ago. */
  readonly first: number;
  readonly last: number;
  /** Seconds between one and the next: the median. `null`: there was one. */
  readonly period: number | null;
}

/**
 * LiteLLM's own access log, counted on the host. One that was refused (401) called no model, and is not counted.
 *
 *   1795634392.049527 akira litellm[1102]: INFO:     127.0.0.1:38402 - "GET /health HTTP/1.1" 200 OK
 *
 * becomes, with the gaps between calls in tenths of a second:
 *
 *   ended 0
 *   calls 127.0.0.1 all 1488 1795576800.1 1795634392.0
 *   gap 127.0.0.1 all 387 1401
 */
export const healthCalls = ({ litellm }: Fabric): Probe<readonly Calls[], Script> => ({
  key: 'health/calls',
  question: {
    at: litellm.host,
    via: 'sh',
    sudo: true,
    seconds: 30,
    script: [
      ...JOURNAL,
      `log | awk '${ENDED} match($0, /[0-9A-Fa-f.:]+:[0-9]+ - .?"GET [/]health[/]?([?][^ ]*)? HTTP[/][0-9.]+.?" (200|503)/) {`,
      '  t = $1; l = substr($0, RSTART, RLENGTH); f = l; sub(/:[0-9]+ - .*/, "", f); m = l ~ /[?&]model(_id)?=/ ? "one" : "all"; k = f " " m',
      '  if (k in n) g[k " " int((t - last[k]) * 10 + 0.5)]++; else { first[k] = t; if (++kinds > 50) exit }',
      '  n[k]++; last[k] = t',
      `} END { print "ended", code + 0; for (k in n) print "calls", k, n[k], first[k], last[k]; for (k in g) print "gap", k, g[k] }' | sort | head -n 5000`,
    ].join('\n'),
  },
  read: (answer, at) => {
    const lines = words(answer);
    return lines.flatMap(([word, from = '', models, count, first, last]): readonly Calls[] => {
      if (word !== 'calls') return [];
      const gaps = lines
        .filter(([other, one, which]) => other === 'gap' && one === from && which === models)
        .map(([, , , tenths, times]) => ({ gap: Number(tenths) / 10, times: Number(times) }))
        .sort((a, b) => a.gap - b.gap);
      return [
        {
          from,
          models: models === 'one' ? 'one' : 'all',
          count: Number(count),
          first: at - Number(first),
          last: at - Number(last),
          period: median(gaps),
        },
      ];
    });
  },
});
const median = (gaps: readonly { readonly gap: number; readonly times: number }[]): number | null => {
  const half = gaps.reduce((sum, { times }) => sum + times, 0) / 2;
  let passed = 0;
  for (const { gap, times } of gaps) {
    passed += times;
    if (passed >= half) return gap;
  }
  return null;
};

export interface Refusals {
  readonly count: number;
  /** The last ones, oldest first. */
  readonly last: readonly {
    /** Seconds ago. */
    readonly ago: number;
    readonly requested: number;
    readonly affordable: number;
    /** What the account lacks, or what its key is limited to. */
    readonly by: 'credits' | 'key';
    /** The name that the client used. Empty: the log does not say it. */
    readonly model: string;
  }[];
}

/**
 * OpenRouter's refusals for want of credits, from LiteLLM's log since it started: numbers and the model's name alone. Each is told twice,
 * by itself and at the end of its traceback (measured, 1.109.1).
 *
 *   1795634647.995700 akira litellm[1102]: … Exception occured - … This request requires more credits, or fewer max_tokens. You requested up to 16000 tokens, but can only afford 2666. To increase, visit https://openrouter.ai/settings/credits …
 *   1795634647.995712 akira litellm[1102]: LiteLLM: model group 'claude' failed with the error above. No fallback was attempted.
 *
 * becomes
 *
 *   ended 0
 *   count 1
 *   refusal 1795634647.995700 16000 2666 credits claude
 */
export const creditRefusals = ({ litellm }: Fabric): Probe<Refusals, Script> => ({
  key: 'credit-refusals',
  question: {
    at: litellm.host,
    via: 'sh',
    sudo: true,
    seconds: 30,
    script: [
      ...JOURNAL,
      `log | awk '${ENDED} /litellm.exceptions[.]/ && /can only afford/ { next }`,
      'match($0, /requested up to [0-9]+ tokens, but can only afford [0-9]+/) {',
      '  l = substr($0, RSTART, RLENGTH); split(l, w, " "); i = n++ % 20; r[i] = $1 " " w[4] " " w[10] " " ($0 ~ /settings[/]keys/ ? "key" : "credits"); m[i] = ""; open = 1',
      '}',
      `open && match($0, /[Mm]odel [Gg]roup[ =].?[A-Za-z0-9._\\/:-]+/) { l = substr($0, RSTART + 12, RLENGTH - 12); sub(/^[^A-Za-z0-9]/, "", l); m[(n - 1) % 20] = l; open = 0 }`,
      `END { print "ended", code + 0; print "count", n + 0; for (k = n > 20 ? n - 20 : 0; k < n; k++) print "refusal", r[k % 20], m[k % 20] }'`,
    ].join('\n'),
  },
  read: (answer, at) => {
    const lines = words(answer);
    return {
      count: Number(lines.find(([word]) => word === 'count')?.[1] ?? 0),
      last: lines.flatMap(([word, time, requested, affordable, by, model = '']) =>
        word === 'refusal'
          ? [
              {
                ago: at - Number(time),
                requested: Number(requested),
                affordable: Number(affordable),
                by: by === 'key' ? ('key' as const) : ('credits' as const),
                model,
              },
            ]
          : [],
      ),
    };
  },
});
