import { defineCheck, type Finding, type Fix, resultId } from '../../check.ts';
import { isLost } from '../../evidence.ts';
import type { N8n } from '../../fabric.ts';
import { type EnvFile, healthScript, type Log, n8nEnvFile, n8nLog, n8nProcess, type Process } from '../../probes/n8n.ts';
import { onHost } from '../../reproduce.ts';
import { effectiveHops, HOPS, hopsOf, logCommand, plain, trustNeeded, variablesCommand } from '../../services/n8n.ts';
import { quote } from '../../shell.ts';
import alive from './alive.ts';

const UNEXPECTED = 'ERR_ERL_UNEXPECTED_X_FORWARDED_FOR';
const PERMISSIVE = 'ERR_ERL_PERMISSIVE_TRUST_PROXY';
/** Seconds that n8n may take to answer after a restart: 5 here, a minute and more on a small machine. */
const PATIENCE = 120;

export default defineCheck({
  id: 'n8n/proxy-hops',
  rex: ['REX-38'],
  title: 'n8n counts as many proxies as stand in front of it',
  story:
    'n8n takes as the client whoever is N8N_PROXY_HOPS entries from its own end of X-Forwarded-For. Too few, and everyone is the last proxy: one person’s wrong passwords use up the limit of all, and a webhook’s allowlist of addresses knows nobody. ' +
    'With none at all it says so, as ERR_ERL_UNEXPECTED_X_FORWARDED_FOR, once for each of its limits and start: a quiet log proves nothing. Too many, and a client writes its own address into the header, which passes every limit and allowlist, and nothing says so.',
  decides:
    'The proxies of n8n.proxies that append to X-Forwarded-For (a Cloudflare tunnel is one, what passes TCP on is none) against N8N_PROXY_HOPS in the environment of the process that runs, read as n8n reads it: what is no number is 0. ' +
    'The error in its log since it started decides where no proxy is declared. n8n.env_file tells whether a restart is due.',
  sources: [
    'n8n: packages/cli/src/abstract-server.ts (trust proxy), packages/@n8n/config/src/decorators.ts (how numbers are read)',
    'express-rate-limit 7.5.0: source/validations.ts, source/lib.ts (validations end with the first request)',
    'cloudflared: ingress/origin_proxy.go, issue 1426',
    'measured: n8n 2.40.7, and express 5.1.0 with express-rate-limit 7.5.0, behind nginx 1.22 and Caddy 2.6 (test/e2e/n8n.test.ts)',
  ],
  each: (fabric) => {
    const { n8n } = fabric;
    if (n8n === undefined) return [];
    const [process, log] = [n8nProcess(n8n), n8nLog(n8n)];
    const file = n8n.envFile === undefined ? undefined : n8nEnvFile(n8n, n8n.envFile);
    return [
      {
        subject: n8n.host,
        needs: [process, log, ...(file === undefined ? [] : [file])],
        blockedBy: [resultId(alive, n8n.host)],
        judge: ({ know, maybe }) => {
          const running = know(process);
          if (running === null || running.variables === null) return [{ lost: 'unreadable', why: 'n8n does not run' }];
          const [written, right] = [running.variables.get(HOPS), hopsOf(n8n)];
          const hops = effectiveHops(written);
          const said = maybe(log);
          const found = file === undefined ? null : maybe(file);
          const there = isLost(found) ? null : found;
          const planned = there?.variables.get(HOPS);
          // Whoever hands the file on may take quotes off (systemd, compose) or not (podman, docker run): either reading may be the process's.
          const due = planned !== undefined && ![planned, plain(planned)].some((one) => effectiveHops(one) === hops);

          const front = n8n.proxies.length === 0 ? 'nothing is declared in front' : `${amount(right)} in front (${n8n.proxies.join(', ')})`;
          const has = `${HOPS} is ${written === undefined ? 'not set' : written}${String(hops) === (written ?? '') ? '' : `, which counts as ${hops}`}`;
          const because = planned === undefined || !due ? '' : `; ${n8n.envFile} says ${planned}, which this process has not read`;
          const want = `${HOPS}=${right} in the process that runs`;
          const trust = trustNeeded(n8n).map((one) => ` And ${one}: else the client’s address is lost before n8n.`);
          const reproduce = onHost(fabric, n8n.host, variablesCommand(n8n, HOPS, running.by));
          const readLog = onHost(fabric, n8n.host, `${logCommand(n8n, running.by)} 2>&1 | grep -B 8 ERR_ERL_`);
          const wrong = (effect: string): Finding => {
            const fix = remedy(n8n, there, right);
            return {
              severity: 'fail',
              saw: `${has}, and ${front}: ${effect}${because}`,
              want,
              advice: `${fix === undefined ? byHand(n8n, running, right, planned) : `\`fabric fix n8n/proxy-hops\` sets it and restarts ${n8n.unit}.`}${trust.join('')}`,
              ...(fix === undefined ? {} : { fix }),
              reproduce,
            };
          };

          if (hops > right)
            return [
              wrong('whoever sends an X-Forwarded-For names the address that n8n takes for his: limits and allowlists count for nothing'),
            ];
          if (hops < right) {
            const limits =
              running.variables.get('NODE_ENV') === 'production'
                ? ''
                : ' (NODE_ENV is not production, so n8n limits nobody and does not complain either)';
            return [
              wrong(
                `everyone comes from a proxy’s address, and shares one limit${limits}${isLost(said) ? '' : complaints(said, UNEXPECTED)}`,
              ),
            ];
          }
          if (isLost(said)) return [said];
          const findings: Finding[] = [];
          if (complaints(said, UNEXPECTED) !== '')
            findings.push({
              severity: 'warn',
              saw: `requests come with X-Forwarded-For, though ${front}${complaints(said, UNEXPECTED)}`,
              want: 'n8n.proxies names all that stands in front',
              advice:
                'Is there a proxy after all? Declare it in n8n.proxies. Otherwise a client wrote the header himself, which counts for nothing here.',
              reproduce: readLog,
            });
          if (complaints(said, PERMISSIVE) !== '')
            findings.push({
              severity: 'fail',
              saw: `something made Express trust every proxy (trust proxy is true)${complaints(said, PERMISSIVE)}`,
              want: 'a number of proxies',
              advice: `${HOPS} cannot do that: look for code of your own in n8n (EXTERNAL_HOOK_FILES).`,
              reproduce: readLog,
            });
          if (due)
            findings.push({
              severity: 'warn',
              saw: `${has}, which is right; ${n8n.envFile} says ${planned}, which the next start will read`,
              want: `${HOPS}=${right} in ${n8n.envFile}`,
              advice: `Correct the line in ${n8n.envFile}.`,
              reproduce: onHost(fabric, n8n.host, `sudo grep -n ${HOPS} ${n8n.envFile}`),
            });
          return findings;
        },
      },
    ];
  },
});

const amount = (count: number): string => (count === 1 ? '1 proxy stands' : `${count} proxies stand`);
const complaints = (log: Log | null, code: string): string => {
  const seen = log?.errors.get(code);
  return seen === undefined
    ? ''
    : `; since it started it logged ${code} ${seen.count === 1 ? 'once' : `${seen.count} times`}, last at ${seen.last}`;
};

/** The line in its file, and a restart that reads it: a unit's does, a container's own keeps the environment that it was made with. */
const remedy = (n8n: N8n, file: EnvFile | null, right: number): Fix | undefined => {
  const { host, unit, envFile } = n8n;
  if (unit === undefined || envFile === undefined || file === null) return undefined;
  const there = file.variables.get(HOPS);
  return [
    ...(there === String(right)
      ? []
      : [
          {
            do: 'patch' as const,
            host,
            path: envFile,
            mode: file.mode,
            owner: file.owner,
            was: { mode: file.mode, owner: file.owner },
            lines: [{ begins: `${HOPS}=`, was: there === undefined ? ('absent' as const) : ('other' as const), now: `${HOPS}=${right}` }],
          },
        ]),
    {
      do: 'run',
      host,
      title: `restart ${unit} and wait until n8n answers`,
      seconds: PATIENCE + 60,
      script: [
        `systemctl restart ${quote(unit)}`,
        `answers() {\n${healthScript(n8n)}\n}`,
        `end=$(($(date +%s) + ${PATIENCE}))`,
        'while [ "$(date +%s)" -lt "$end" ]; do',
        `  if (answers) 2>/dev/null | tail -n 1 | grep -qx 200; then exit 0; fi`,
        `  case $(systemctl show -p SubState --value ${quote(unit)}) in auto-restart*|failed|dead) break;; esac`,
        '  sleep 0.5',
        'done',
      ].join('\n'),
      undo: 'again',
    },
  ];
};

/** What a person does instead: the line, and what makes a process read it. */
const byHand = ({ container, unit, envFile }: N8n, { by, compose }: Process, right: number, planned: string | undefined): string => {
  const line = planned === String(right) ? '' : `Set ${HOPS}=${right} in ${envFile ?? 'its environment'}. `;
  if (unit !== undefined) return `${line}Then: sudo systemctl restart ${unit}`;
  const again =
    compose === null
      ? `make the container ${container} anew`
      : `cd ${quote(compose.folder)} && sudo ${by === 'podman' ? 'podman-compose' : 'docker compose'} up -d ${quote(compose.service)}`;
  return `${line}A restart keeps the environment that the container was made with, so: ${again}${compose === null ? '' : ' (compose passes it on where the service lists it under environment: or env_file:)'}`;
};
