// The evidence format, and the one script that asks a host everything. A fixture is this format too.
//
//   #fabric-evidence/1 akira 1771400000 1771399999 1771400001   (its clock; in a recording also ours, when asked and when answered)
//   = unit/litellm 0
//   ? 1f0c2a9b33de
//   | ActiveState=active
//   ! a line of stderr
//   = file/etc/shadow login
//   ! sudo: a password is required
//   . end
import { createHash } from 'node:crypto';
import { type Answer, type Evidence, isLost, type Key, type Lost, type Question, type Script, type Vantage } from './evidence.ts';
import type { Content } from './secret.ts';
import { quote } from './shell.ts';
import { throughSudo } from './sudo.ts';

const HEADER = '#fabric-evidence/1';
/** Bytes an answer; a longer one is lost, never cut. */
export const LIMIT = 1_048_576;
/** Seconds a probe may take unless it says otherwise. */
const PATIENCE = 10;
/** Probes that run side by side on one host. */
const ABREAST = 24;

/**
 * One POSIX script for the stdin of `sh -s`. Root's questions share one inner sudo; refused, only they are lost (`login`).
 * `password`: what sudo wants, or null where it wants none.
 */
export const encodeScript = (
  vantage: Vantage,
  questions: ReadonlyMap<Key, Script>,
  spell: (content: Content) => string,
  password: string | null = null,
): string => {
  const plain = [...questions].filter(([, { sudo }]) => !sudo);
  const root = [...questions].filter(([, { sudo }]) => sudo);
  return [
    `printf '%s %s %s\\n' ${quote(HEADER)} ${quote(vantage)} "$(date +%s)"`,
    ...(root.length === 0
      ? []
      : [
          'r=$(mktemp -d) || exit 70',
          `trap 'rm -rf "$r"' EXIT`,
          `${throughSudo(`${sections(root, spell)}\n`, password)} >"$r/out" 2>"$r/err" &`,
          'j=$!',
        ]),
    `(\n${sections(plain, spell)}\n)`,
    ...(root.length === 0
      ? []
      : [
          'if wait "$j"; then cat "$r/out"; else',
          // Given a password, sudo may lecture first.
          password === null
            ? '  why=$(head -n 1 "$r/err")'
            : `  why=$(grep '^sudo: ' "$r/err" | tail -n 1); [ -n "$why" ] || why=$(grep . "$r/err" | tail -n 1)`,
          ...root.map(([key]) => `  printf '= %s login\\n! %s\\n' ${quote(key)} "$why"`),
          'fi',
        ]),
    `echo '. end'`,
    '',
  ].join('\n');
};

/**
 * t SECONDS SCRIPT NUMBER: the script, ended with all that it started when its time is up, and then its code is 124. GNU's timeout does
 * it, FreeBSD's and uutils' too. macOS has none; BusyBox's ends the shell alone, and its children hold the pipe open (measured): there
 * a shell watches. Children are ended as a process group, which setsid or perl makes, or else bash itself (`set -m`; dash and
 * ash cannot without a terminal). A background job reads /dev/null (POSIX 2.9.3) unless it is given its stdin as another descriptor.
 */
const TIMEOUT: readonly string[] = [
  'case $(timeout --help 2>&1) in *--kill-after*) t() { timeout -k 1 "$1" sh -c "$2"; };;',
  '*) if command -v setsid >/dev/null; then g() { exec setsid "$@"; }',
  `elif command -v perl >/dev/null; then g() { exec perl -e 'setpgrp; exec @ARGV' "$@"; }`,
  'else g() { exec "$@"; }; fi',
  't() { {',
  '  command -v setsid >/dev/null || command -v perl >/dev/null || set -m',
  '  : >"$d/$3.on"; g sh -c "$2" <&4 4<&- 2>&5 5>&- & c=$!',
  '  k() { kill "-$1" "-$c" || kill "-$1" "$c"; }',
  // It looks every second, and is told nothing: a signal to a shell that is just starting its sleep is lost (measured in dash, ash, mksh).
  '  (n=0; while [ -e "$d/$3.on" ]; do if [ "$n" -ge "$1" ]; then : >"$d/$3.late"; k TERM; sleep 1; k KILL; exit; fi; sleep 1; n=$((n + 1)); done) </dev/null >/dev/null 2>&1 3>&- 4<&- 5>&- & w=$!',
  '  wait "$c"; r=$?; if [ -e "$d/$3.late" ]; then wait "$w"; r=124; else rm -f "$d/$3.on"; fi; return "$r"',
  '} 4<&0 5>&2 2>/dev/null; };;',
  'esac',
];

/** Awk: the answers of the keys that it reads, a line each, from the files in $D. */
const PREFIXED = `function all(mark, file, line) { while ((getline line <file) > 0) print mark line; close(file) }
{ f = ENVIRON["D"] "/" NR - 1; c = ""; getline c <(f ".code"); close(f ".code"); print "= " $0 " " (c == "" ? "unreadable" : c); all("| ", f ".out"); all("! ", f ".err") }`;

const sections = (asked: readonly (readonly [Key, Script])[], spell: (content: Content) => string): string =>
  [
    'LC_ALL=C PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin; export LC_ALL PATH; umask 077; d=$(mktemp -d) || exit 70',
    `trap 'rm -rf "$d"' EXIT`,
    ...TIMEOUT,
    // a NUMBER SECONDS SCRIPT, its complaints to a `head` of their own: what is over the limit is read no further, so that nothing fills the
    // host's disk. A question costs six processes, its own shell among them.
    `a() { { { t "$2" "$3" "$1"; echo $? >"$d/$1.code"; } 2>&3 | head -c ${LIMIT + 1} >"$d/$1.out" || echo unreadable >"$d/$1.code"; } 3>&1; }`,
    ...asked.flatMap(([, { script, stdin, seconds }], n) => {
      const run = `a ${n} ${seconds ?? PATIENCE} ${quote(script)}`;
      const fed = stdin === undefined ? `${run} </dev/null` : `printf '%s' ${quote(spell(stdin))} | ${run}`;
      const line = `${fed} | head -c 65536 >"$d/${n}.err" &`;
      return (n + 1) % ABREAST === 0 ? [line, 'wait'] : [line];
    }),
    'wait',
    // One wc for all. What is too long is lost whole.
    `wc -c "$d"/*.out | while read -r n f; do case $n-$f in *-total) ;; *) if [ "$n" -gt ${LIMIT} ]; then : >"$f"; echo unreadable >"\${f%out}code"; echo 'longer than ${LIMIT} bytes' >"\${f%out}err"; fi;; esac; done`,
    `set -- ${asked.map(([key]) => quote(key)).join(' ')}`,
    // Where it ends before its end, whatever it said is lost as well.
    `printf '%s\\n' "$@" | D=$d awk ${quote(PREFIXED)} || printf '\\n= %s unsupported\\n! no awk there, or it failed\\n' "$@"`,
  ].join('\n');

const REASONS: ReadonlyMap<string, Lost['lost']> = new Map(
  (['unreachable', 'login', 'timeout', 'unsupported', 'unreadable'] as const).map((one) => [one, one]),
);

/** Reads the format. Throws where it is not the format, or is cut short: a missing `. end` is an error, not an empty answer. */
export const decode = (stream: string): Evidence => {
  const lines = stream.split('\n');
  const [mark, vantage, at, asked, heard] = lines.shift()?.split(' ') ?? [];
  if (mark !== HEADER || !vantage || !/^\d+$/.test(at ?? ''))
    throw new Error(`not an evidence stream: it begins ${JSON.stringify(stream.slice(0, 60))}`);
  const answers = new Map<Key, Answer | Lost>();
  let key = '';
  let verdict = '';
  let out: string[] = [];
  let err: string[] = [];
  const flush = (): void => {
    const lost = REASONS.get(verdict) ?? (/^\d+$/.test(verdict) ? undefined : 'unreadable');
    if (key) answers.set(key, lost ? { lost, why: err.join('\n') } : { code: Number(verdict), out: out.join('\n'), err: err.join('\n') });
    out = [];
    err = [];
  };
  for (const line of lines) {
    if (line === '. end') {
      flush();
      return { vantage, at: Number(at), ...(heard === undefined ? {} : { here: { asked: Number(asked), heard: Number(heard) } }), answers };
    }
    if (line.startsWith('= ')) {
      flush();
      [, key = '', verdict = ''] = line.split(' ');
    } else if (line.startsWith('| ')) out.push(line.slice(2));
    else if (line.startsWith('! ')) err.push(line.slice(2));
  }
  throw new Error(`the answers of ${vantage} are cut short after ${JSON.stringify(key)}`);
};

/**
 * Twelve hex digits that change when a question does, so that a recording cannot outlive the question it answers. What Windows is asked instead
 * is no part of it: no recording of it is a host's.
 */
export const questionMark = (question: Question): string => {
  const { powershell: _, ...asked } = { powershell: '', ...question };
  return createHash('sha256').update(JSON.stringify(asked)).digest('hex').slice(0, 12);
};

/** The format, from evidence: what `--record` writes. The questions are noted by their marks. */
export const encode = ({ vantage, at, here, answers }: Evidence, questions: ReadonlyMap<Key, Question>): string =>
  [
    `${HEADER} ${vantage} ${at}${here === undefined ? '' : ` ${here.asked} ${here.heard}`}`,
    ...[...answers].flatMap(([key, answer]) => {
      const question = questions.get(key);
      const mark = question ? [`? ${questionMark(question)}`] : [];
      const prefixed = (prefix: string, text: string): readonly string[] =>
        text === '' ? [] : text.split('\n').map((line) => `${prefix} ${line}`);
      return isLost(answer)
        ? [`= ${key} ${answer.lost}`, ...mark, ...prefixed('!', answer.why)]
        : [`= ${key} ${answer.code}`, ...mark, ...prefixed('|', answer.out), ...prefixed('!', answer.err)];
    }),
    '. end',
    '',
  ].join('\n');

/** The marks in a recording, by key. */
export const marks = (stream: string): ReadonlyMap<Key, string> => {
  const found = new Map<Key, string>();
  let key = '';
  for (const line of stream.split('\n')) {
    if (line.startsWith('= ')) key = line.split(' ')[1] ?? '';
    else if (line.startsWith('? ')) found.set(key, line.slice(2));
  }
  return found;
};
