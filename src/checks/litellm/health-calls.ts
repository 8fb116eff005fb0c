import { defineCheck, type Finding, resultId } from '../../check.ts';
import { isLost } from '../../evidence.ts';
import type { Fabric } from '../../fabric.ts';
import { type Calls, healthCalls } from '../../probes/health.ts';
import { askedModels } from '../../probes/prices.ts';
import { onHost } from '../../reproduce.ts';
import { UNIT } from '../../services/litellm.ts';
import { dollars, every, money } from '../../services/prices.ts';
import paidHealthChecks from './paid-health-checks.ts';

/** Fewer calls are somebody who looks. */
const FEWEST = 5;
/** Periods after which calls that stopped are over. */
const OVER = 3;

export default defineCheck({
  id: 'litellm/health-calls',
  rex: ['REX-36'],
  history: true,
  standing: true,
  title: 'LiteLLM’s log shows nobody who calls /health at a steady pace',
  story:
    'LiteLLM’s own probes all bear one tag, litellm-internal-health-check, whoever asked for them: the tag does not tell why. The access log does: GET /health at a pace is a monitor, on the host or elsewhere, ' +
    'and its address stands there. No such line, and requests all the same: then background_health_checks is on.',
  decides: `It counts answered calls of /health in LiteLLM’s journal since it started, at most of a day, by address: from ${FEWEST} calls on, whose mean distance is about their median. They are over when the last is older than ${OVER} of these.`,
  sources: ['measured: uvicorn’s access log of LiteLLM 1.109.1', 'LiteLLM: constants.py, LITTELM_INTERNAL_HEALTH_SERVICE_ACCOUNT_NAME'],
  spared: paidHealthChecks.spared ?? {},
  each: (fabric) => {
    const { host } = fabric.litellm;
    const calls = healthCalls(fabric);
    const asked = askedModels(fabric);
    return [
      {
        subject: host,
        needs: [calls, ...asked.needs],
        blockedBy: [resultId(paidHealthChecks, host)],
        judge: (facts): readonly Finding[] => {
          const steady = facts.know(calls).flatMap((one) => (one.period === null ? [] : [{ ...one, period: one.period }]));
          return steady.filter(goesOn).map((one): Finding => {
            const models = asked.read(facts);
            const { count, from, first, last, period } = one;
            const seen = `${count.toLocaleString('en-US')} calls of /health in ${hours(first - last)} from ${from}, one every ${every(period)}, the last ${Math.round(last)} s ago`;
            const day =
              isLost(models) || one.models === 'one' ? null : money(fabric, models.deployments, models.version, 86_400 / period, 'a day');
            const soFar = isLost(models) || day === null ? null : money(fabric, models.deployments, models.version, count, 'so far');
            const cost = isLost(models)
              ? `what that costs is not known: ${models.why}`
              : day === null
                ? 'each of them one request to the model that it names'
                : `${day.text}${soFar !== null && soFar.total > 0 ? `; so far ${dollars(soFar.total)}` : ''}`;
            return {
              severity: day === null || day.paid ? 'fail' : 'warn',
              saw: `${seen}: ${cost}`,
              want: 'no calls at a pace',
              advice: `${who(fabric, from)}: let it ask /health/liveliness, which calls no model and needs no key.`,
              reproduce: onHost(fabric, host, `sudo journalctl -u ${UNIT} -o short-iso --no-pager | grep '"GET /health[? ]' | tail`),
            };
          });
        },
      },
    ];
  },
});

const goesOn = ({ count, first, last, period }: Calls & { readonly period: number }): boolean => {
  const mean = (first - last) / Math.max(count - 1, 1);
  // A second more: the log's times and the host's `date +%s` differ by what is behind the dot.
  return count >= FEWEST && mean < period * OVER && last <= period * OVER + 1;
};
const hours = (seconds: number): string =>
  seconds >= 5400 ? `${Math.round(seconds / 3600)} h` : seconds >= 120 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds)} s`;

const who = ({ hosts, litellm }: Fabric, from: string): string => {
  if (from.startsWith('127.') || from === '::1')
    return `It runs on ${litellm.host} itself, or comes through a proxy there: litellm/paid-health-checks says where it is written down; a program that does not, shows in \`sudo ss -tnp 'dport = :${litellm.listen.port}'\` while it calls`;
  // Podman's and Docker's bridges: a published port shows their gateway, whoever comes.
  if (/^(?:10\.(?:88|89)|172\.(?:1[6-9]|2\d|3[01]))\.\d+\.1$/.test(from))
    return `It comes through the port that LiteLLM’s container publishes, from ${litellm.host} itself or from elsewhere (${from} is the container network’s gateway): litellm/paid-health-checks says what on the host calls it`;
  const known = [...hosts.values()].find(({ address }) => address === from);
  return `It is ${known ? known.name : `whatever has the address ${from}`}: a monitor, or a proxy’s health check`;
};
