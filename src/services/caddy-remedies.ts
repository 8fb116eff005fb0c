// What mends a Caddy, as steps. Pure.
import type { Caddy, Cidr } from '../fabric.ts';
import type { FileState, Step } from '../plan.ts';
import { quote } from '../shell.ts';
import { findCaddy } from './caddy-shell.ts';
import type { Ruleset } from './netfilter.ts';

type Steps = readonly Exclude<Step, { readonly do: 'gate' }>[];

/** A step that goes on only where Caddy is: what finds it ends quietly where it is not. */
const found = (caddy: Caddy): string =>
  [
    'there=; trap \'[ -n "$there" ] || { echo "Caddy is not there any more" >&2; exit 75; }\' EXIT',
    findCaddy(caddy),
    'there=1',
    // One that restarts for ever is up for a moment, now and then.
    'up() { [ "$p" != 0 ] && c version >/dev/null 2>&1 && sleep 1 && c version >/dev/null 2>&1; }',
  ].join('\n');

/** Where none runs, a Caddy of the same image looks at the file, with the same folders and variables, and without a network. */
const validate = (caddy: Caddy): string =>
  [
    found(caddy),
    `if up; then o=$(c validate --config "$in" --adapter caddyfile 2>&1) && exit; else`,
    caddy.container === undefined
      ? '  o=$(c validate --config "$in" --adapter caddyfile 2>&1) && exit'
      : [
          '  v=$(mktemp); e inspect --type container --format \'{{range .Config.Env}}{{println .}}{{end}}\' "$n" >"$v"',
          `  o=$(e run --rm --network none --volumes-from "$n" --env-file "$v" --entrypoint caddy "$(e inspect --type container --format '{{.Image}}' "$n")" validate --config "$in" --adapter caddyfile 2>&1) && { rm -f "$v"; exit; }`,
          '  rm -f "$v"',
        ].join('\n'),
    'fi',
    `printf '%s\\n' "$o" | grep '^Error' >&2 || printf '%s\\n' "$o" | tail -n 1 >&2; exit 1`,
  ].join('\n');

/** A reload keeps every connection. One that does not run is started. */
const reload = (caddy: Caddy): string => {
  const restart =
    caddy.unit === undefined
      ? 'e restart "$n" >/dev/null'
      : `systemctl reset-failed ${quote(caddy.unit)} 2>/dev/null || true\nsystemctl restart ${quote(caddy.unit)}`; // it may have given up: start-limit-hit
  return [
    found(caddy),
    `if up; then ${caddy.container === undefined ? `systemctl reload ${quote(caddy.unit ?? '')}` : 'o=$(c reload --config "$in" --adapter caddyfile 2>&1) || { printf "%s\\n" "$o" | tail -n 1 >&2; exit 1; }'}; exit; fi`,
    restart,
    'for i in 1 2 3 4 5 6 7 8 9 10; do sleep 1',
    // Again: it is another process now.
    `  (${'\n'}${findCaddy(caddy)}\n  [ "$p" != 0 ] && c version >/dev/null 2>&1 && sleep 2 && c version >/dev/null 2>&1) && exit`,
    'done',
    'echo "Caddy was started, and does not stay up" >&2; exit 1',
  ].join('\n');
};

/** Lines of the Caddyfile changed; validated, and only then read by the Caddy that runs. */
export const edited = (caddy: Caddy, was: Pick<FileState, 'sha256' | 'text'>, now: string): Steps => {
  const { host } = caddy;
  return [
    { do: 'splice', host, path: caddy.caddyfile, was, now, inPlace: true },
    { do: 'run', host, title: 'caddy validate', script: validate(caddy), undo: 'nothing', seconds: 60 },
    { do: 'run', host, title: 'caddy reload', script: reload(caddy), undo: 'again', seconds: 90 },
  ];
};

/** Flows over UDP keep the translation that they began with. */
const forget = (port: number): string =>
  `if command -v conntrack >/dev/null; then for f in ipv4 ipv6; do conntrack -f $f -D -p udp --orig-port-dst ${port} >/dev/null 2>&1 || true; done; fi`;
export const forgotten = ({ host, port }: Caddy): Steps => [
  { do: 'run', host, title: `forget the flows to ${port}/udp: clients open them anew`, script: forget(port), undo: 'nothing' },
];

export const EXCEPTION = 'fabric-caddy-snat.service';
export const EXCEPTION_FILE = `/etc/systemd/system/${EXCEPTION}`;
/** One family's way to Caddy's container that is not to be masqueraded. */
export interface Exception {
  readonly family: 4 | 6;
  readonly backend: Ruleset['backend'];
  readonly network: Cidr;
  readonly subnet: Cidr;
  /** Of the mark by which Tailscale masquerades: 0xff0000. */
  readonly mask: string;
}
/** The rule that takes Tailscale's mark off again, in mangle: it holds wherever the others insert theirs in nat, and whenever. */
export const unmarking = (network: Cidr, subnet: Cidr, mask: string): string =>
  `-s ${network} -d ${subnet} -j MARK --set-xmark 0x0/${mask}`;
/**
 * What keeps the VPN's clients their addresses on the way to a network. Nothing is let in or shut out by it: it filters nothing. (An
 * ACCEPT in nat before Tailscale's jump does the same until tailscaled makes that jump anew, at the top: measured.)
 */
export const excepted = ({ host, port }: Caddy, exceptions: readonly Exception[], was: FileState | null): Steps => {
  const rules = exceptions.map(({ family, backend, network, subnet, mask }) => ({
    command: `${family === 6 ? 'ip6tables' : 'iptables'}-${backend} -w -t mangle`,
    rule: unmarking(network, subnet, mask),
  }));
  return [
    {
      do: 'write',
      host,
      path: EXCEPTION_FILE,
      mode: '644',
      owner: 'root:root',
      was,
      now: `[Unit]
Description=The VPN's clients keep their addresses on the way to Caddy's container
After=docker.service tailscaled.service
PartOf=docker.service tailscaled.service

[Service]
Type=oneshot
RemainAfterExit=yes
${rules.map(({ command, rule }) => `ExecStartPre=-${command} -D POSTROUTING ${rule}\n`).join('')}${rules
  .map(({ command, rule }) => `ExecStart=${command} -I POSTROUTING 1 ${rule}\n`)
  .join('')}${rules.map(({ command, rule }) => `ExecStop=${command} -D POSTROUTING ${rule}\n`).join('')}
[Install]
WantedBy=multi-user.target
`,
    },
    {
      do: 'run',
      host,
      title: `except ${exceptions.map(({ network, subnet }) => `${network} to ${subnet}`).join(', ')} from masquerading, now and after a restart`,
      script: `systemctl daemon-reload\nsystemctl enable --quiet ${EXCEPTION}\nsystemctl restart ${EXCEPTION}\n${forget(port)}`,
      undo: { script: `systemctl disable --quiet --now ${EXCEPTION}\n${forget(port)}`, armedFor: 60 },
    },
  ];
};
