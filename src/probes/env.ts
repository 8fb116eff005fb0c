import { type Probe, succeeded, Unreadable } from '../evidence.ts';
import type { HostName, SecretName } from '../fabric.ts';
import { RUN_KEY } from '../secret.ts';
import { DATABASE, STORAGE } from '../services/engine.ts';
import { CONTAINER, UNIT } from '../services/litellm.ts';
import { quote } from '../shell.ts';
import { journal, STATE } from '../state.ts';

/** An env file without its values. A value's fingerprint is the SHA-256 of this run's key and the value; `empty` when it has none. */
export interface EnvState {
  readonly mode: string;
  readonly owner: string;
  readonly values: ReadonlyMap<SecretName, string>;
}

/** Shell: of the line in $line, whose name is $n, the name and its value's fingerprint under $key. */
const FINGERPRINT =
  '  v=${line#*=}; if [ -z "$v" ]; then echo "$n empty"; else h=$(printf %s "$key$v" | sha256sum) || exit; echo "$n ${h%% *}"; fi';
const fingerprints = (lines: readonly string[]): ReadonlyMap<SecretName, string> =>
  new Map(lines.map((line) => [line.split(' ')[0] ?? '', line.split(' ')[1] ?? '']));

/**
 * Names and fingerprints, so that no value leaves the host. Later lines win, as podman and docker read it. `null`: not there.
 *
 *   600 root:root
 *   LITELLM_MASTER_KEY 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae
 *   OPENROUTER_API_KEY empty
 */
export const envFile = (at: HostName, path: string): Probe<EnvState | null> => ({
  key: `env${path}`,
  question: {
    at,
    via: 'sh',
    sudo: true,
    stdin: [RUN_KEY, '\n'],
    // The key arrives on stdin and goes on through printf, a builtin: neither it nor a value is in any argv.
    script: [
      'IFS= read -r key || exit 70',
      `f=${quote(path)}; [ -e "$f" ] || { echo absent; exit; }; stat -c '%a %U:%G' "$f" || exit`,
      'while IFS= read -r line || [ -n "$line" ]; do',
      '  n=${line%%=*}; case $line in *=*) ;; *) continue;; esac; case $n in *[!A-Za-z0-9_]*|"") continue;; esac',
      FINGERPRINT,
      'done <"$f"',
    ].join('\n'),
  },
  read: (answer) => {
    const [head = '', ...lines] = succeeded(answer).split('\n').filter(Boolean);
    if (head === 'absent') return null;
    const [mode = '', owner = ''] = head.split(' ');
    return { mode, owner, values: fingerprints(lines) };
  },
});

/**
 * The environment that LiteLLM's process was started with, by fingerprints as above: of `names`, and of those in the env file. `null`: it does not run.
 *
 *   running
 *   LITELLM_MASTER_KEY 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae
 */
export const processEnv = (at: HostName, path: string, names: readonly SecretName[]): Probe<ReadonlyMap<SecretName, string> | null> => ({
  key: 'process/litellm',
  question: {
    at,
    via: 'sh',
    sudo: true,
    stdin: [RUN_KEY, '\n'],
    script: [
      'IFS= read -r key || exit 70',
      `p=0; for e in podman docker; do p=$($e inspect --type container --format '{{.State.Pid}}' ${CONTAINER} 2>/dev/null) || p=0; [ "\${p:-0}" = 0 ] || break; done`,
      // A runbook's unit may run LiteLLM itself. What runs a container has not the container's environment.
      `if [ "\${p:-0}" = 0 ]; then p=$(systemctl show -p MainPID --value ${UNIT} 2>/dev/null) || p=0; case $(cat "/proc/$p/comm" 2>/dev/null) in conmon|podman|docker) p=0;; esac; fi`,
      '[ -r "/proc/${p:-0}/environ" ] || { echo absent; exit; }',
      '[ "$(head -c 1 "/proc/$p/environ" | wc -c)" -gt 0 ] || { echo hidden; exit; }',
      `echo running; names=" $(sed -n 's/^\\([A-Za-z_][A-Za-z0-9_]*\\)=.*/\\1/p' ${quote(path)} 2>/dev/null | tr '\\n' ' ') ${names.join(' ')} "`,
      `tr '\\0' '\\n' <"/proc/$p/environ" | while IFS= read -r line; do`,
      '  n=${line%%=*}; case $names in *" $n "*) ;; *) continue;; esac',
      FINGERPRINT,
      'done',
    ].join('\n'),
  },
  read: (answer) => {
    const [head = '', ...lines] = succeeded(answer).split('\n').filter(Boolean);
    if (head === 'absent') return null;
    if (head === 'hidden') throw new Unreadable('LiteLLM’s process shows no environment');
    return fingerprints(lines);
  },
});

/** A copy of .env that fabric keeps on the host. */
export interface EnvCopy {
  readonly path: string;
  readonly mode: string;
  readonly owner: string;
  /** The fingerprint of the one value that was asked for; `null`: it holds no such name. */
  readonly value: string | null;
}

/**
 * Where a name stands in what fabric keeps: releases, what it found, and what runs replaced.
 *
 *   /var/lib/fabric/litellm/releases/1/env 600 root:root 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae
 */
export const copiesHolding = (at: HostName, name: SecretName): Probe<readonly EnvCopy[]> => ({
  key: `copies/${name}`,
  question: {
    at,
    via: 'sh',
    sudo: true,
    stdin: [RUN_KEY, '\n'],
    script: [
      'IFS= read -r key || exit 70',
      `for f in ${RETAINED} ${journal('*')}/*; do`,
      // Of a journal's files, those that a step found have a number for a name.
      `  [ -f "$f" ] && [ ! -L "$f" ] || continue; case $f in */journal/*/*[!0-9]*) continue;; esac; grep -q '^${name}=' "$f" || continue`,
      `  v=$(sed -n 's/^${name}=//p' "$f" | tail -n 1); if [ -z "$v" ]; then h=empty; else h=$(printf %s "$key$v" | sha256sum) || exit; fi`,
      '  o=$(stat -c %U:%G "$f"); case $o in *UNKNOWN*) o=$(stat -c %u:%g "$f");; esac; echo "$f $(stat -c %a "$f") $o ${h%% *}"',
      'done',
    ].join('\n'),
  },
  read: (answer) =>
    succeeded(answer)
      .split('\n')
      .filter(Boolean)
      .map((line) => line.split(' '))
      .map(([path = '', mode = '', owner = '', value = null]) => ({ path, mode, owner, value })),
});

/** Shell words for the copies of .env that are kept for good. */
const RETAINED = `${STATE}/litellm/releases/*/env ${STATE}/litellm/found/.env`;

/**
 * Who may read what fabric keeps: its folder, and the kept copies of .env.
 *
 *   /var/lib/fabric 700 root:root
 *   /var/lib/fabric/litellm/releases/1/env 600 root:root
 */
export const keptPrivately = (at: HostName): Probe<readonly Omit<EnvCopy, 'value'>[]> => ({
  key: 'copies',
  question: {
    at,
    via: 'sh',
    sudo: true,
    script: `for f in ${STATE} ${RETAINED}; do if [ -e "$f" ]; then stat -c '%n %a %U:%G' "$f" || exit; fi; done`,
  },
  read: (answer) =>
    succeeded(answer)
      .split('\n')
      .filter(Boolean)
      .map((line) => line.split(' '))
      .map(([path = '', mode = '', owner = '']) => ({ path, mode, owner })),
});

/** Podman's folder, and the database in it, which holds the environment of every container. */
export interface EngineStorage {
  /** Octal digits. `null`: there is no such folder, so podman has not run yet, or keeps its things elsewhere. */
  readonly mode: string | null;
  readonly database: boolean;
  /** Others than root, or root's group, may read the database: where it is not there yet, once podman makes it (0644). */
  readonly open: boolean;
}

/**
 * Who gets at podman's database. A link is followed: some keep the folder on another disk.
 *
 *   755 /var/lib/containers
 *   755 /var/lib/containers/storage
 *   644 /var/lib/containers/storage/db.sql
 */
export const engineStorage = (at: HostName): Probe<EngineStorage> => ({
  key: 'podman/database',
  question: {
    at,
    via: 'sh',
    sudo: true,
    script: `[ -e ${STORAGE} ] || exit 0; set -- ${STORAGE.replace(/\/[^/]+$/, '')} ${STORAGE}; [ ! -e ${DATABASE} ] || set -- "$@" ${DATABASE}; stat -L -c '%a %n' "$@"`,
  },
  read: (answer) => {
    const text = succeeded(answer);
    if (text === '') return { mode: null, database: false, open: false };
    const [above, mode, file] = text.split('\n').map((line) => Number.parseInt(line, 8));
    if (above === undefined || mode === undefined) throw new Unreadable(`stat said ${JSON.stringify(text.slice(0, 80))}`);
    const open = [0o001, 0o010].some((enter) => (above & enter) !== 0 && (mode & enter) !== 0 && ((file ?? 0o644) & (enter * 4)) !== 0);
    return { mode: mode.toString(8), database: file !== undefined, open };
  },
});

/** Any letter in either case, for a pattern of `case`. */
const anyCase = (text: string): string => text.replace(/[a-z]/g, (letter) => `[${letter}${letter.toUpperCase()}]`);
/**
 * What people and examples write where a secret is to be put in: patterns of `case`. sk-1234 is the master key of LiteLLM's own
 * documentation.
 */
const PLACEHOLDERS = [
  ...['sk-1234*', 'sk-xxx*', 'sk-...*', '*changeme*', '*change-me*', '*change_me*', '*replace-me*', '*replace_me*', '*replaceme*'],
  ...['your-*', 'your_*', '*-your-*', '*_your_*', '*placeholder*', 'example*', 'insert-*', 'xxx*', 'todo*', 'fixme*', 'tbd'],
  ...['password', 'password1*', 'secret', 'admin', 'test', 'test123*', '12345*', 'letmein', 'qwerty*', 'master-key', 'master_key'],
];

/** Names in an env file whose value is a placeholder. Compared where the values are: only the verdict travels. */
export const placeholders = (at: HostName, path: string): Probe<readonly SecretName[]> => ({
  key: `placeholders${path}`,
  question: {
    at,
    via: 'sh',
    sudo: true,
    script: [
      `f=${quote(path)}; [ -e "$f" ] || exit 0`,
      'while IFS= read -r line || [ -n "$line" ]; do',
      '  n=${line%%=*}; case $line in *=*) ;; *) continue;; esac; case $n in *[!A-Za-z0-9_]*|"") continue;; esac',
      `  case \${line#*=} in ${PLACEHOLDERS.map(anyCase).join('|')}|'<'*'>') echo "$n";; esac`,
      'done <"$f"',
    ].join('\n'),
  },
  read: (answer) => succeeded(answer).split('\n').filter(Boolean),
});
