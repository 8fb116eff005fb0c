import { isIP } from 'node:net';
import { defineCheck, type Finding, type Fix } from '../../check.ts';
import { isLost } from '../../evidence.ts';
import type { Fabric } from '../../fabric.ts';
import { type Caller, healthCallers } from '../../probes/health.ts';
import { askedModels } from '../../probes/prices.ts';
import { onHost } from '../../reproduce.ts';
import { baseUrl, CONTAINER, QUADLET } from '../../services/litellm.ts';
import { every, money } from '../../services/prices.ts';
import { cronPeriod, duration, timerPeriod } from '../../services/schedule.ts';
import { quote } from '../../shell.ts';

export default defineCheck({
  id: 'litellm/paid-health-checks',
  rex: ['REX-36'],
  standing: true,
  title: 'Nothing on the host calls /health on a timer',
  story:
    'GET /health is no health check as others have one: LiteLLM sends a real request to every model, and waits. As a container’s health check, 30 seconds after the one before, ' +
    'that is 2,274 paid requests a day and model. A post-mortem found 1,488 calls in 16 hours, blamed LiteLLM’s defaults, and “fixed” them; the caller stayed.',
  decides:
    'It looks for LiteLLM’s /health (not /health/liveliness or /health/readiness) in the health checks of its containers, in Quadlets and compose files, in the commands and scripts of services, timers and cron, ' +
    'and in the health checks of caddy, nginx and haproxy. It fails where a model that is asked may cost money, and warns where all are at home or the call does not get through.',
  sources: [
    'measured: LiteLLM 1.109.1, one GET /health is one request to each deployment; podman’s health timer counts from the end of the one before',
    'LiteLLM: proxy/health_endpoints/_health_endpoints.py, proxy/health_check.py',
    'LiteLLM: docs/proxy/health.md',
  ],
  spared: {
    prices: 'prices alone',
    'version/litellm': 'how long a probe’s answer may be, which is money alone',
  },
  each: (fabric) => {
    const { host } = fabric.litellm;
    const callers = healthCallers(fabric);
    const asked = askedModels(fabric);
    return [
      {
        subject: host,
        needs: [callers, ...asked.needs],
        judge: (facts): readonly Finding[] => {
          const found = facts.know(callers).filter(({ url }) => ours(fabric, url));
          const models = found.length === 0 ? null : asked.read(facts);
          const files = found.filter((one) => one.kind === 'file');
          const checked = found.some(({ kind }) => kind === 'container');
          return found.flatMap((caller): readonly Finding[] => {
            // With the container it is told; a compose file that nothing runs says nothing, and one often stays behind.
            if (caller.kind === 'file' && (checked || !caller.path.startsWith('/etc/'))) return [];
            const { what, period, through, advice, fix, reproduce } = described(fabric, caller, files);
            const reckoned =
              models === null || isLost(models) || period === null
                ? null
                : money(fabric, models.deployments, models.version, 86_400 / period, 'a day');
            const paid = models === null || isLost(models) ? true : money(fabric, models.deployments, null, 1, 'a day').paid;
            const cost = isLost(models) ? `what that costs is not known: ${models.why}` : reckoned?.text;
            return [
              {
                severity: paid && through ? 'fail' : 'warn',
                saw: `${what}${cost === undefined ? ', which is one request to each model' : `: ${reckoned && rests(caller) ? 'up to ' : ''}${cost}`}`,
                want: 'nothing asks /health again and again: /health/liveliness and /health/readiness call no model',
                advice,
                ...(fix === undefined ? {} : { fix }),
                reproduce: onHost(fabric, host, reproduce),
              },
            ];
          });
        },
      },
    ];
  },
});

/** Not another machine's LiteLLM: an address in the URL is this host's. */
const ours = ({ hosts, litellm }: Fabric, url: string): boolean => {
  const name = /^(?:https?:\/\/)?(\[[^\]]*\]|[^/:]*)/.exec(url)?.[1]?.replace(/^\[|\]$/g, '') ?? '';
  if (isIP(name) === 0 || name.startsWith('127.') || name === '::1' || name === '0.0.0.0' || name === '::') return true;
  const host = hosts.get(litellm.host);
  return [litellm.listen.address, host?.address, ...(host?.public ?? [])].includes(name);
};

/** Its pause begins when the call is over: 30 seconds and a sweep of 8 are one call in 38. */
const rests = (caller: Caller): boolean =>
  caller.kind === 'container' || caller.kind === 'service' || (caller.kind === 'timer' && caller.when.includes('OnUnitInactive'));

interface Described {
  readonly what: string;
  /** Seconds; `null`: not known. */
  readonly period: number | null;
  /** It reaches LiteLLM, as far as that is known. */
  readonly through: boolean;
  readonly advice: string;
  readonly fix?: Fix;
  readonly reproduce: string;
}
const pace = (period: number | null, otherwise: string): string => (period === null ? otherwise : `every ${every(period)}`);

const described = (fabric: Fabric, caller: Caller, files: readonly (Caller & { readonly kind: 'file' })[]): Described => {
  const { host } = fabric.litellm;
  const instead = `Ask ${baseUrl(fabric.litellm)}/health/liveliness instead, which calls no model and needs no key`;
  switch (caller.kind) {
    case 'container': {
      const through = caller.health === 'healthy';
      // Not by deploying: that leaves drop-ins, and other people's Quadlets, where they are.
      const strange = files.filter(({ path }) => path.startsWith('/etc/containers/') && path !== QUADLET);
      const lines = (strange.length > 0 ? strange : files).map(({ path, line }) => `${path}:${line}`);
      const where = lines.length === 0 ? '' : `, as ${lines.join(' and ')} ${lines.length === 1 ? 'says' : 'say'}`;
      const deployed = caller.engine === 'podman' && caller.name === CONTAINER && strange.length === 0;
      return {
        what: `the health check of ${caller.engine}’s container ${caller.name} asks ${caller.url} ${pace(caller.interval, '')} and the time that it takes${where}${through ? '' : ` (it does not get through at present: ${caller.health || 'its state is not known'})`}`,
        period: caller.interval,
        through,
        advice: deployed
          ? 'Run `fabric deploy litellm`: its health check asks /health/liveliness.'
          : strange.length > 0
            ? `Take HealthCmd out of ${strange.map(({ path, line }) => `${path} (line ${line})`).join(', ')}, or let it ask /health/liveliness; then \`sudo systemctl daemon-reload && sudo systemctl restart litellm\`.`
            : `${instead}; then start the container anew.`,
        ...(deployed ? { fix: 'deploy' as const } : {}),
        reproduce: `sudo ${caller.engine} inspect --format '{{json .Config.Healthcheck}}' ${quote(caller.name)}`,
      };
    }
    case 'file':
      return {
        what: `${caller.path}:${caller.line} gives the container a health check that asks ${caller.url}; the one that runs does not have it`,
        period: null,
        through: false,
        advice: `Let it ask /health/liveliness before it is started anew.`,
        reproduce: `sudo sed -n ${caller.line}p ${quote(caller.path)}`,
      };
    case 'timer': {
      const { timer, service, enabled, when, url, script } = caller;
      const period = timerPeriod(when);
      const stop = `systemctl disable --now ${quote(timer)}`;
      const fix: Fix = [
        {
          do: 'run',
          host,
          title: `stop ${timer}, which calls /health`,
          script: stop,
          undo: { script: `systemctl enable --now ${quote(timer)}` },
        },
      ];
      return {
        what: `${timer} starts ${service} ${pace(period, `(${when || 'no time is told'})`)}, which asks ${url}${script === '' ? '' : ` (in ${script})`}`,
        period,
        through: true,
        advice: `${instead}, or stop it: \`sudo ${enabled === 'enabled' ? stop : `systemctl stop ${timer}`}\`.`,
        ...(enabled === 'enabled' ? { fix } : {}),
        reproduce: `systemctl list-timers ${quote(timer)}; systemctl cat ${quote(service)}`,
      };
    }
    case 'service':
      return {
        what: `${caller.service} runs all the time and asks ${caller.url} ${pace(caller.interval, 'again and again')}${caller.script === '' ? '' : ` (in ${caller.script})`}`,
        period: caller.interval,
        through: true,
        advice: `${instead}, or stop it: \`sudo systemctl disable --now ${caller.service}\`.`,
        reproduce: `systemctl cat ${quote(caller.service)}`,
      };
    case 'cron': {
      const { path, line, when, url, script } = caller;
      return {
        what: `line ${line} of ${path} (${when}) asks ${url}${script === '' ? '' : ` (in ${script})`}`,
        period: cronPeriod(when),
        through: true,
        advice: `${instead}: edit line ${line} of ${path}${script === '' ? '' : `, or ${script}`}.`,
        reproduce: `sudo sed -n ${line}p ${quote(path)}`,
      };
    }
    case 'proxy': {
      const period = duration(caller.interval === '' ? (caller.path.startsWith('/etc/caddy') ? '30s' : '5s') : caller.interval);
      return {
        what: `${caller.path}:${caller.line} lets the proxy ask ${caller.url} ${pace(period, 'again and again')} whether LiteLLM is up`,
        period,
        through: true,
        advice: `Write /health/liveliness there, and reload the proxy.`,
        reproduce: `sudo sed -n ${caller.line}p ${quote(caller.path)}`,
      };
    }
    default:
      return caller satisfies never;
  }
};
