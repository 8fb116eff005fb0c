// What makes Headscale say the declared names, and its clients ask for them. Pure.
import type { CheckId, Report, Result } from '../check.ts';
import type { Dns, DnsName, Headscale } from '../fabric.ts';
import { type FileState, gateList, type Plan, type Step } from '../plan.ts';
import { type Mounted, onHost } from '../probes/headscale.ts';
import type { HeadscaleServer } from '../probes/headscale-server.ts';
import {
  isRouted,
  isUnder,
  type Names,
  readNames,
  type Way,
  type Why,
  withJsonRecords,
  withRecords,
  withRoutes,
} from '../services/headscale.ts';
import { quote } from '../shell.ts';
import { spliced } from '../splice.ts';

/** What there is on Headscale's host. */
export interface Found {
  readonly config: FileState | null;
  /** `null`: it runs in no container, or there is none of that name. */
  readonly mounted: Mounted | null;
  /** Of the path that `recordsFile` gives; `null`: it gives none, or no such file is there. */
  readonly records: FileState | null;
  readonly server: HeadscaleServer;
}

/** The host's path of the file of records that Headscale reads, and whether it reads it by itself when it changes. */
export interface RecordsFile {
  readonly path: string;
  /** A file that is mounted alone: what takes its place is another file, which the container does not see (inotify and the mount hold the old one). */
  readonly alone: boolean;
}
export const recordsFile = (headscale: Headscale, config: FileState | null, mounted: Mounted | null): RecordsFile | Why | null => {
  const names = config && readNames(config.text);
  if (names === null || 'why' in names || names.recordsPath === null) return null;
  const path = names.recordsPath;
  if (headscale.run.by === 'unit') return { path, alone: false };
  const there = onHost(mounted?.mounts ?? [], path);
  return (
    there ?? {
      why: `extra_records_path is ${path}, which is in no mount of the container ${headscale.run.container}: no path of ${headscale.host}`,
    }
  );
};

/** The changes, or why there can be none. Empty: already so. */
export const dnsPlan = (dns: Dns, headscale: Headscale, found: Found, way: Way, before: Report): Plan | Why => {
  const { host, config: path, run } = headscale;
  const { config, mounted, server } = found;
  if (config === null)
    return { why: `${path} is not on ${host}: dns.headscale.config is the path on the host, not the one in a container` };
  if (run.by === 'container') {
    if (mounted === null) return { why: `there is no container ${run.container} on ${host}` };
    const there = onHost(mounted.mounts, run.config);
    if (there?.path !== path)
      return {
        why: `${run.config} in ${run.container} is ${there === null ? "the image's own file" : `${there.path} of ${host}`}, and fabric.yaml says ${path}`,
      };
  }
  const file = recordsFile(headscale, config, mounted);
  if (file !== null && 'why' in file) return file;
  const named = (why: Why | string, at: string): string | Why => (typeof why === 'string' ? why : { why: `${at} on ${host}: ${why.why}` });

  const routed = named(withRoutes(config.text, dns.names, way), path);
  const recorded = dns.names.filter((name) => !isMachine(name, config, before));
  const wanted = file === null && typeof routed === 'string' ? named(withRecords(routed, recorded), path) : routed;
  if (typeof wanted !== 'string') return wanted;
  const records = file === null ? null : named(withJsonRecords(found.records?.text ?? '', recorded), file.path);
  if (records !== null && typeof records !== 'string') return records;

  const configSteps: readonly Step[] =
    wanted === config.text ? [] : [configtest(headscale, config, wanted, mounted), { do: 'splice', host, path, was: config, now: wanted }];
  const recordSteps: readonly Step[] =
    file === null || records === null || records === found.records?.text
      ? []
      : [recordStep(host, file.path, found.records, records, config)];
  const restart = configSteps.length > 0 || (recordSteps.length > 0 && file?.alone === true) || isStale(server);
  const change = [...recordSteps, ...configSteps, ...(restart ? [activate(headscale, mounted)] : [])];
  return change.length === 0 ? [] : [...change, gate(host, before)];
};

/** A machine's own name, under base_domain, has no record and needs none: it is found everywhere already. */
const isMachine = ({ name }: DnsName, { text }: FileState, { results }: Report): boolean => {
  const names = readNames(text);
  const found = results.filter(({ check, subject }) => check.id === 'dns/os' && subject.startsWith(`${name}/`));
  return !('why' in names) && isUnder(name, names.baseDomain) && found.length > 0 && found.every(({ status }) => status === 'pass');
};

/** It does not run, or not on the files that are there: config.yaml is read once, and a file that is mounted alone is the one of then. */
const isStale = ({ running, onHost, inside, records }: HeadscaleServer): boolean =>
  running === null ||
  (inside !== null && inside.age < running) ||
  inside?.sha256 !== onHost?.sha256 ||
  (records !== null && records.inside?.sha256 !== records.onHost?.sha256);

/** A file of records is new where there is none, and belongs to whom config.yaml belongs. */
const recordStep = (host: string, path: string, was: FileState | null, now: string, { mode, owner }: FileState): Step =>
  was === null ? { do: 'write', host, path, mode, owner, was, now } : { do: 'splice', host, path, was, now };

/** `podman exec C headscale`, or the unit's own program as the unit's own user: root would leave files that the service cannot open. */
const headscaleIn = ({ run }: Headscale, mounted: Mounted | null): string =>
  run.by === 'container'
    ? `headscale() { ${mounted?.engine ?? 'podman'} exec ${quote(run.container)} headscale "$@"; }`
    : [
        `unit=${quote(run.unit)}; bin=$(systemctl show -p ExecStart --value "$unit" | sed -n 's/^{ path=\\([^ ;]*\\) .*/\\1/p' | head -n 1)`,
        '[ -x "$bin" ] || { echo "$unit starts no program that is there: ${bin:-no ExecStart}" >&2; exit 1; }',
        'user=$(systemctl show -p User --value "$unit")',
        'headscale() { if [ -n "$user" ] && [ "$user" != root ]; then runuser -u "$user" -- "$bin" "$@"; else "$bin" "$@"; fi; }',
      ].join('\n');

const TRIAL = '.fabric-configtest.yaml';
/** Headscale's own word on the new file, which stands beside the one in force for that long. */
const configtest = (headscale: Headscale, config: FileState, now: string, mounted: Mounted | null): Step => {
  const { host, config: path, run } = headscale;
  const folder = (file: string): string => file.slice(0, file.lastIndexOf('/'));
  const trial = `${folder(path)}/${TRIAL}`;
  const lines = [
    `path=${quote(path)}; trial=${quote(trial)}`,
    `trap 'rm -f "$trial"' EXIT; : >"$trial"; chown --reference="$path" "$trial"; chmod --reference="$path" "$trial"`,
    spliced(config.text, now, '"$path"', '"$trial"'),
  ];
  const alone = run.by === 'container' && onHost(mounted?.mounts ?? [], run.config)?.alone === true;
  const engine = mounted?.engine ?? 'podman';
  // A container that has config.yaml alone does not see what stands beside it: its image is asked, with all that it has and the new file.
  const test =
    run.by === 'container' && alone
      ? `${engine} run --rm --network none --volumes-from ${quote(run.container)} -v "$trial:/${TRIAL}:ro" "$(${engine} container inspect --format '{{.Image}}' ${quote(run.container)})" configtest -c /${TRIAL}`
      : `${headscaleIn(headscale, mounted)}\nheadscale configtest -c ${run.by === 'container' ? quote(`${folder(run.config)}/${TRIAL}`) : '"$trial"'}`;
  return {
    do: 'run',
    host,
    title: 'headscale configtest of the new config.yaml',
    script: [...lines, test].join('\n'),
    undo: 'nothing',
    seconds: 60,
  };
};

const activate = (headscale: Headscale, mounted: Mounted | null): Step => {
  const { host, run } = headscale;
  const say = 'echo "headscale does not answer 30 s after its restart" >&2; exit 1';
  const until = `n=0; until headscale users list >/dev/null 2>&1; do n=$((n + 1)); [ $n -lt 60 ] || { ${say}; }; sleep 0.5; done`;
  if (run.by === 'unit')
    return {
      do: 'run',
      host,
      title: `restart ${run.unit}: clients keep their connections, and learn the names within seconds`,
      script: `systemctl restart ${quote(run.unit)}\n${headscaleIn(headscale, mounted)}\n${until}`,
      undo: 'again',
      seconds: 60,
    };
  const engine = mounted?.engine ?? 'podman';
  const alone = `${engine} restart ${quote(run.container)} >/dev/null`;
  const composed =
    run.compose === undefined
      ? alone
      : [
          `service=$(${engine} container inspect --format '{{index .Config.Labels "com.docker.compose.service"}}' ${quote(run.container)})`,
          `if [ -n "$service" ] && ${engine} compose version >/dev/null 2>&1; then ${engine} compose -f ${quote(run.compose)} restart "$service"`,
          `elif [ -n "$service" ] && command -v ${engine}-compose >/dev/null; then ${engine}-compose -f ${quote(run.compose)} restart "$service"`,
          `else ${alone}; fi`,
        ].join('\n');
  return {
    do: 'run',
    host,
    title: `restart ${run.container}${run.compose === undefined ? '' : ` by ${run.compose}`}: clients keep their connections, and learn the names within seconds`,
    script: `${composed}\n${headscaleIn(headscale, mounted)}\n${until}`,
    undo: 'again',
    seconds: 60,
  };
};

/** What it is for, and what follows from it: a name that is astray for another reason is no reason to take this back. */
const OURS: readonly CheckId[] = ['dns/headscale-loaded', 'dns/headscale-switches', 'dns/record', 'dns/covered', 'dns/netmap'];
const isOurs = (result: Result): boolean =>
  OURS.includes(result.check.id) || (result.status === 'blocked' && OURS.some((id) => result.by.startsWith(`${id}@`)));

const gate = (host: string, before: Report): Step => ({
  do: 'gate',
  host,
  title: 'clients are told of every declared name, and ask for it; nothing else is worse',
  ...gateList(
    before,
    before.results.filter(isOurs).map(({ id }) => id),
  ),
  hopeless: [],
  withinSeconds: 60,
});

/** What the chosen way does to all that clients look up besides, and what the other would: sentences. */
export const consequences = (dns: Dns, config: FileState | null, way: Way): readonly string[] => {
  const names = config === null ? null : readNames(config.text);
  if (names === null || 'why' in names) return [];
  const open = dns.names.map(({ name }) => name).filter((name) => !isRouted(name, names));
  if (open.length === 0) return [];
  const split = `split: clients ask the tailnet for ${open.join(', ')} and for what is below, which does not exist for them without a record; all else stays with the resolver that they have`;
  const override = `override: clients ask the tailnet for every name, which passes them on to ${globals(names)}; their own resolver, and the names that it alone knows, are not asked any more`;
  return way === 'split'
    ? [`${split}.`, `fabric deploy dns --remedy ${override}.`]
    : [`${override}.`, `fabric deploy dns --remedy ${split}.`];
};
const globals = ({ global }: Names): string => (global.length === 0 ? 'nameservers.global, of which there is none' : global.join(', '));
