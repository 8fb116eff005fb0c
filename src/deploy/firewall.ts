import type { Facts } from '../evidence.ts';
import type { Cidr, Fabric } from '../fabric.ts';
import type { Step } from '../plan.ts';
import { admitsByRule, tailnetInterface, type Zone, zoneOf } from '../services/firewall.ts';
import { reach, richRule } from '../services/litellm.ts';
import { questions } from './needs.ts';

/**
 * Adds each missing rule, also where the zone is open anyway: closing it must not shut the tailnet out. To the runtime and to the permanent set, without --reload: a
 * reload discards the runtime-only rules of others.
 */
export const openFirewall = (fabric: Fabric, { know }: Facts): readonly Step[] => {
  const asked = questions(fabric);
  const firewall = know(asked.firewall);
  if (firewall.is !== 'running' || reach(fabric) === 'loopback') return [];
  const { litellm } = fabric;
  const settings = know(asked.settings);
  const link = tailnetInterface(know(asked.interfaces), fabric.tailnet.range)?.name;
  const missing = (zones: readonly Zone[], network: Cidr): string | null => {
    const zone = zoneOf(link, zones, settings.defaultZone);
    return zone === undefined || admitsByRule(zone, network, litellm.listen.port) ? null : zone.name;
  };
  return litellm.allow.flatMap((network): readonly Step[] => {
    const runtime = missing(firewall.zones, network);
    const permanent = missing(know(asked.permanent), network);
    const change = (verb: 'add' | 'remove'): string => rules(richRule(network, litellm.listen.port), verb, runtime, permanent);
    if (runtime === null && permanent === null) return [];
    const sets = [runtime === null ? '' : 'runtime', permanent === null ? '' : 'permanent'].filter(Boolean).join(' and ');
    return [
      {
        do: 'run',
        host: litellm.host,
        title: `let ${network} connect to port ${litellm.listen.port}: zone ${runtime ?? permanent} (${link ?? 'default zone'}), ${sets} rules`,
        script: change('add'),
        undo: { script: change('remove') },
      },
    ];
  });
};

/** firewall-cmd lines for one rule in the sets where a zone is named. What is already so is no error to firewall-cmd. */
const rules = (rule: string, verb: 'add' | 'remove', runtime: string | null, permanent: string | null): string =>
  [
    ...(permanent === null ? [] : [`firewall-cmd --permanent --zone=${permanent} --${verb}-rich-rule='${rule}'`]),
    ...(runtime === null ? [] : [`firewall-cmd --zone=${runtime} --${verb}-rich-rule='${rule}'`]),
  ].join('\n');

/** Takes our rules out of every zone that has them, in both sets. */
export const closeFirewall = (fabric: Fabric, { know }: Facts): readonly Step[] => {
  const asked = questions(fabric);
  const firewall = know(asked.firewall);
  if (firewall.is !== 'running') return [];
  const { litellm } = fabric;
  return litellm.allow.flatMap((network) => {
    const rule = richRule(network, litellm.listen.port);
    const having = (zones: readonly Zone[]): readonly string[] =>
      zones.filter((zone) => zone.rules.some(({ text }) => text === rule)).map(({ name }) => name);
    const runtime = having(firewall.zones);
    const permanent = having(know(asked.permanent));
    return [...new Set([...runtime, ...permanent])].map((zone): Step => {
      const change = (verb: 'add' | 'remove'): string =>
        rules(rule, verb, runtime.includes(zone) ? zone : null, permanent.includes(zone) ? zone : null);
      return {
        do: 'run',
        host: litellm.host,
        title: `no longer let ${network} connect to port ${litellm.listen.port}: zone ${zone}`,
        script: change('remove'),
        undo: { script: change('add') },
      };
    });
  });
};
