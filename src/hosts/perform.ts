import { isLost } from '../evidence.ts';
import type { Host } from '../fabric.ts';
import type { Step } from '../plan.ts';
import { type Keyring, spell } from '../secret.ts';
import { quote } from '../shell.ts';
import { spliced } from '../splice.ts';
import { journal } from '../state.ts';
import { throughSudo } from '../sudo.ts';
import { sudoPassword, sudoSaid } from './become.ts';
import type { Connector } from './connector.ts';
import { redactText } from './redact.ts';

/** A step could not be done. The message is what the host said, redacted. */
export class StepError extends Error {
  /** The connection failed, not the step. */
  readonly unreachable: boolean;
  constructor(message: string, unreachable = false) {
    super(message);
    this.unreachable = unreachable;
  }
}

/**
 * Runs a script as root on the host, over the script's own stdin, so that nothing of it shows in `ps`. Returns its output.
 * Throws StepError where it exits with another code than 0.
 */
export const asRoot = async (host: Host, connector: Connector, keyring: Keyring, script: string): Promise<string> => {
  // The function is read whole before it runs, and its stdin is empty: no command can eat the rest of the script.
  const text = `main() {\n${script}\n}\nmain </dev/null\n`;
  const password = host.become === 'sudo' ? await sudoPassword(connector, keyring) : null;
  if (isLost(password)) throw new StepError(password.why, true);
  const answer =
    password === null
      ? await connector.exec(host.become === 'sudo' ? 'sudo -n sh -s' : 'sh -s', text)
      : await connector.exec('sh -s', `${throughSudo(text, password)}\n`);
  if (isLost(answer)) throw new StepError(answer.why, true);
  if (answer.code === 0) return redactText(answer.out, keyring);
  const said = redactText(sudoSaid(answer.err.trim()) || answer.out.trim() || '(it said nothing)', keyring);
  throw new StepError(`${host.name}: ${said} (exit ${answer.code})`);
};

type FileStep = Extract<Step, { readonly path: string }>;

/** `set -eu`, and what every script that touches a file begins with: `path`, `dir`, `kept` (where the old file goes) and `tmp`. */
const prologue = ({ path }: FileStep, run: string, n: number): string =>
  [
    'set -eu; umask 077; LC_ALL=C; export LC_ALL',
    `path=${quote(path)}; dir=${quote(path.slice(0, path.lastIndexOf('/')) || '/')}; journal=${quote(journal(run))}; kept="$journal/${n}"`,
  ].join('\n');

/** Refuses where the file is not the one that was planned on. */
const unchanged = (was: { readonly sha256: string } | null): string =>
  was === null
    ? 'if [ -e "$path" ] || [ -L "$path" ]; then echo "$path appeared since the plan was made: run again" >&2; exit 75; fi'
    : [
        'if [ -L "$path" ]; then echo "$path is a symbolic link: fabric does not write through links" >&2; exit 75; fi',
        `if [ "$(sha256sum <"$path" | cut -c1-64)" != ${quote(was.sha256)} ]; then echo "$path changed since the plan was made: run again" >&2; exit 75; fi`,
      ].join('\n');

const KEEP =
  'mkdir -p "$journal"; if [ -e "$path" ]; then cp -p "$path" "$kept.part"; mv -f "$kept.part" "$kept"; else : >"$kept.absent"; fi';
/** The folders that a runbook expects are made as everybody may enter them: the container's user has to. */
const FOLDER = [
  'mkdir -p "$journal"; d=$dir; while [ -n "$d" ] && [ ! -d "$d" ]; do echo "$d"; d=${d%/*}; done >"$kept.folders"', // deepest first
  '(umask 022; mkdir -p "$dir")',
].join('\n');
/** Mode and owner are set while the file is still empty, and it appears under its name whole or not at all. */
const replace = (mode: string, owner: string, fill: string): string =>
  [
    'rm -f "$dir"/.fabric-part.??????', // of a run that was killed
    'tmp=$(mktemp "$dir/.fabric-part.XXXXXX")',
    `trap 'rm -f "$tmp"' EXIT`,
    `chown ${quote(owner)} "$tmp"; chmod ${quote(mode)} "$tmp"`,
    fill,
    'sync "$tmp" 2>/dev/null || true; mv -f "$tmp" "$path"; sync "$dir" 2>/dev/null || true',
    'sha256sum <"$path" | cut -c1-64 >"$kept.after"',
  ].join('\n');

/** The script that does a step that touches a file, values spelled out and quoted. */
const doFile = (step: FileStep, run: string, n: number, keyring: Keyring): string => {
  const head = prologue(step, run, n);
  switch (step.do) {
    case 'write':
      return step.now === null
        ? [head, unchanged(step.was), KEEP, 'rm -f "$path"; echo absent >"$kept.after"'].join('\n')
        : [head, FOLDER, unchanged(step.was), KEEP, replace(step.mode, step.owner, `printf '%s' ${quote(step.now)} | cat >"$tmp"`)].join(
            '\n',
          );
    case 'restore':
      return [
        head,
        `from=${quote(step.from)}`,
        `[ "$(sha256sum <"$from" | cut -c1-64)" = ${quote(step.now.sha256)} ] || { echo "$from is not what the plan showed" >&2; exit 75; }`,
        FOLDER,
        unchanged(step.was),
        KEEP,
        replace(step.mode, step.owner, 'cat "$from" >"$tmp"'),
      ].join('\n');
    case 'patch':
      return [
        head,
        FOLDER,
        step.was === null
          ? unchanged(null)
          : '[ -f "$path" ] && [ ! -L "$path" ] || { echo "$path is gone, or is a link, since the plan was made: run again" >&2; exit 75; }',
        KEEP,
        'old=$path; [ -e "$old" ] || old=/dev/null',
        replace(step.mode, step.owner, fillPatch(step, keyring)),
      ].join('\n');
    case 'splice':
      return [head, unchanged(step.was), KEEP, ...splice(step)].join('\n');
    default:
      return step satisfies never;
  }
};

/** Mode and owner are the file's own, and so is all that stands around the lines. */
const splice = ({ was, now, inPlace }: Extract<Step, { readonly do: 'splice' }>): readonly string[] => [
  `tmp=$(mktemp "${inPlace ? '$journal' : '$dir'}/.fabric-part.XXXXXX")`,
  `trap 'rm -f "$tmp"' EXIT`,
  'chown --reference="$path" "$tmp"; chmod --reference="$path" "$tmp"',
  spliced(was.text, now, '"$path"', '"$tmp"'),
  inPlace
    ? 'cat "$tmp" >"$path"; sync "$path" 2>/dev/null || true'
    : 'sync "$tmp" 2>/dev/null || true; mv -f "$tmp" "$path"; sync "$dir" 2>/dev/null || true',
  'sha256sum <"$path" | cut -c1-64 >"$kept.after"',
];

/** awk reads the edits first (beginning, tab, line), then the file: the first line so begun is replaced, its later twins go. */
const fillPatch = ({ lines }: Extract<Step, { readonly do: 'patch' }>, keyring: Keyring): string => {
  if (lines.length === 0) return 'cat "$old" >"$tmp"'; // mode or owner alone; awk's NR == FNR needs a first line
  const edits = lines.map(({ begins, now }) => `${begins}\t${now === null ? '' : spell(now, keyring)}\n`).join('');
  return `printf '%s' ${quote(edits)} | awk ${quote(PATCH)} - "$old" >"$tmp"`;
};
const PATCH = `NR == FNR { i = index($0, "\t"); b = substr($0, 1, i - 1); order[++count] = b; line[b] = substr($0, i + 1); next }
{ for (k = 1; k <= count; k++) { b = order[k]; if (index($0, b) == 1) { if (!seen[b]++ && line[b] != "") print line[b]; next } } print }
END { for (k = 1; k <= count; k++) { b = order[k]; if (!seen[b] && line[b] != "") print line[b] } }`;

/** The script that puts the file back that the step replaced. A step that never began leaves nothing to undo. */
const undoFile = (step: FileStep, run: string, n: number): string =>
  [
    prologue(step, run, n),
    'if [ -e "$kept.absent" ]; then rm -f "$path"; fi',
    'if [ -e "$kept.folders" ]; then while IFS= read -r d; do rmdir "$d" 2>/dev/null || true; done <"$kept.folders"; fi',
    '[ -e "$kept" ] || exit 0',
    // The step failed before it replaced anything (a full disk): nothing to write, and perhaps no room to.
    'if cmp -s "$kept" "$path" && [ "$(stat -c "%a %u %g" "$kept")" = "$(stat -c "%a %u %g" "$path")" ]; then exit 0; fi',
    ...(step.do === 'splice' && step.inPlace
      ? ['cat "$kept" >"$path"; touch -r "$kept" "$path"']
      : [
          'rm -f "$dir"/.fabric-part.??????',
          'tmp=$(mktemp "$dir/.fabric-part.XXXXXX")',
          `trap 'rm -f "$tmp"' EXIT`,
          'chown --reference="$kept" "$tmp"; chmod --reference="$kept" "$tmp"; cat "$kept" >"$tmp"; touch -r "$kept" "$tmp"; mv -f "$tmp" "$path"',
        ]),
  ].join('\n');

/** The script of a step, or of its taking back. A gate has none: it is a question, not a change. */
export const scriptOf = (
  step: Exclude<Step, { readonly do: 'gate' }>,
  way: 'do' | 'confirm' | 'undo',
  run: string,
  n: number,
  keyring: Keyring,
): string => {
  if (step.do !== 'run') return way === 'do' ? doFile(step, run, n, keyring) : undoFile(step, run, n);
  const preamble = 'set -eu; umask 077; LC_ALL=C; export LC_ALL';
  const { undo } = step;
  if (typeof undo === 'string') {
    if (way === 'do' || undo === 'again') return `${preamble}\n${step.script}`;
    throw new Error(`bug: "${step.title}" cannot be taken back`);
  }
  const back = `${preamble}\n${undo.script}`;
  if (undo.armedFor === undefined) return way === 'do' ? `${preamble}\n${step.script}` : back;
  const timer = `fabric-undo-${run}-${n}`;
  switch (way) {
    case 'do':
      return [
        preamble,
        `systemd-run --quiet --collect --unit=${timer} --on-active=${undo.armedFor} --timer-property=AccuracySec=1s /bin/sh -c ${quote(back)}`,
        step.script,
      ].join('\n');
    case 'confirm':
      return [
        preamble,
        `systemctl is-active -q ${timer}.timer || { echo 'too late: the host has taken it back by itself' >&2; exit 75; }`,
        `systemctl stop ${timer}.timer`,
      ].join('\n');
    case 'undo':
      return `systemctl stop ${timer}.timer 2>/dev/null || true\n${back}`;
    default:
      return way satisfies never;
  }
};
