// What mends a Caddy, as steps. Pure.
import type { Caddy, Cidr } from '../fabric.ts';
import type { FileState, Step } from '../plan.ts';
import { quote } from '../shell.ts';
import { family } from './caddy.ts';
import { findCaddy } from './caddy-shell.ts';
import { type Instance, type Mask, subnetOf } from './masking.ts';

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
/** A rule that leaves clients their addresses on the way to Caddy's container. */
interface Exception {
  readonly tables: 'iptables' | 'ip6tables';
  readonly backend: NonNullable<Mask['backend']>;
  readonly table: 'mangle' | 'nat';
  readonly rule: string;
  /** For people. */
  readonly whom: string;
}
/** What masks by a rule of the host's: another rule before it leaves whom it masks their addresses. */
export const canExcept = ({ cause }: Mask): boolean => cause === 'tailscale-snat' || cause === 'masquerade';

/** The rule that takes Tailscale's mark off again, in mangle: it holds wherever the others insert theirs in nat, and whenever. */
const unmarking = (network: Cidr, subnet: Cidr, mask: string): string => `-s ${network} -d ${subnet} -j MARK --set-xmark 0x0/${mask}`;
/** `ts-postrouting -m mark --mark 0x40000/0xff0000 -j MASQUERADE` */
const markOf = (rule: string): string => /--mark 0x[0-9a-f]+\/(0x[0-9a-f]+)/.exec(rule)?.[1] ?? '0xff0000';

const exceptionOf = (caddy: Caddy, instance: Instance, { door, cause, backend, by }: Mask): Exception | null => {
  const network = caddy.allow.find((one) => family(one) === door.family);
  const subnet = subnetOf(instance, door.family);
  if (backend === null || subnet === null) return null;
  const where = { tables: door.family === 6 ? 'ip6tables' : 'iptables', backend } as const;
  if (cause !== 'tailscale-snat')
    // What a container sends to its own published port must still come back to it: Docker masquerades that, further down.
    return { ...where, table: 'nat', rule: `! -s ${subnet} -d ${subnet} -j ACCEPT`, whom: `everyone to ${subnet}` };
  return network === undefined
    ? null
    : { ...where, table: 'mangle', rule: unmarking(network, subnet, markOf(by)), whom: `${network} to ${subnet}` };
};
const inUnit = ({ tables, backend, table }: Exception): string => `${tables}-${backend} -w -t ${table}`;
/** The same as a person types it. */
export const exceptionCommand = (caddy: Caddy, instance: Instance, mask: Mask): string | null => {
  const found = exceptionOf(caddy, instance, mask);
  return found && `sudo ${found.tables} -t ${found.table} -I POSTROUTING 1 ${found.rule}`;
};

/**
 * What gives clients their addresses back, of all masks that a rule can be set against: one unit, so that whoever asks for it writes the
 * same. `null`: there are none, or one that has no such rule. Nothing is let in or shut out by it: it filters nothing. (Against Tailscale
 * an ACCEPT in nat before its jump does the same until tailscaled makes that jump anew, at the top: measured.)
 */
export const excepted = (caddy: Caddy, instance: Instance, masks: readonly Mask[], was: FileState | null): Steps | null => {
  const all = masks.filter(canExcept).map((mask) => exceptionOf(caddy, instance, mask));
  const rules = [...new Map(all.flatMap((one) => (one === null ? [] : [[JSON.stringify(one), one] as const]))).values()];
  if (rules.length === 0 || all.includes(null)) return null;
  const { host, port } = caddy;
  return [
    {
      do: 'write',
      host,
      path: EXCEPTION_FILE,
      mode: '644',
      owner: 'root:root',
      was,
      now: `[Unit]
Description=Clients keep their addresses on the way to Caddy's container
After=docker.service tailscaled.service
PartOf=docker.service tailscaled.service

[Service]
Type=oneshot
RemainAfterExit=yes
${rules.map((one) => `ExecStartPre=-${inUnit(one)} -D POSTROUTING ${one.rule}\n`).join('')}${rules
  .map((one) => `ExecStart=${inUnit(one)} -I POSTROUTING 1 ${one.rule}\n`)
  .join('')}${rules.map((one) => `ExecStop=${inUnit(one)} -D POSTROUTING ${one.rule}\n`).join('')}
[Install]
WantedBy=multi-user.target
`,
    },
    {
      do: 'run',
      host,
      title: `except ${rules.map(({ whom }) => whom).join(', ')} from masquerading, now and after a restart`,
      script: `systemctl daemon-reload\nsystemctl enable --quiet ${EXCEPTION}\nsystemctl restart ${EXCEPTION}\n${forget(port)}`,
      undo: { script: `systemctl disable --quiet --now ${EXCEPTION}\n${forget(port)}`, armedFor: 60 },
    },
  ];
};
