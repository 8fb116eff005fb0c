import { defineCheck, type Finding } from '../../check.ts';
import { firewallSettings, permanentZones, runtimeFirewall } from '../../probes/firewall.ts';
import { interfaces } from '../../probes/network.ts';
import { onHost } from '../../reproduce.ts';
import { admits, tailnetInterface, zoneFor } from '../../services/firewall.ts';
import { reach, richRule } from '../../services/litellm.ts';

export default defineCheck({
  id: 'litellm/tailnet-admitted',
  title: 'The firewall admits who may connect, now and after a restart',
  story:
    'firewalld has two sets of rules. One that is only in the runtime set is gone after a reboot; one that is only in the permanent set does nothing until a reload. ' +
    'And a rule acts in one zone: the one that the tailnet’s interface lands in.',
  decides:
    'For each network of `allow`: the zone that its packets are judged in (by source, then by the tailnet’s interface, else the default one) lets it connect, in the runtime rules and in the permanent ones. Either missing is a failure. No firewalld: nothing to judge.',
  sources: ['firewalld.zones(5): sources come before interfaces', 'measured: firewall-cmd with and without --permanent'],
  each: (fabric) => {
    const { host, allow, listen } = fabric.litellm;
    if (reach(fabric) === 'loopback') return [];
    const now = runtimeFirewall(host);
    const later = permanentZones(host);
    const settings = firewallSettings(host, listen.port);
    const links = interfaces(host);
    return [
      {
        subject: host,
        needs: [now, later, settings, links],
        judge: ({ know }) => {
          const firewall = know(now);
          if (firewall.is !== 'running') return [];
          const set = know(settings);
          const link = tailnetInterface(know(links), fabric.tailnet.range)?.name;
          return allow.flatMap((network): readonly Finding[] => {
            const inForce = zoneFor(network, link, firewall.zones, set.defaultZone);
            const kept = zoneFor(network, link, know(later), set.defaultZone);
            const absent = [
              admits(inForce, network, listen.port, set) ? '' : 'runtime',
              admits(kept, network, listen.port, set) ? '' : 'permanent',
            ].filter(Boolean);
            if (absent.length === 0) return [];
            const zone = (absent[0] === 'runtime' ? inForce : kept)?.name ?? set.defaultZone;
            const rule = richRule(network, listen.port);
            const add = absent.map(
              (which) => `firewall-cmd${which === 'permanent' ? ' --permanent' : ''} --zone=${zone} --add-rich-rule='${rule}'`,
            );
            return [
              {
                severity: 'fail',
                saw: `zone ${zone} (${link ?? 'no tailnet interface; the default zone'}): no ${absent.join(' and no ')} rule lets ${network} connect to port ${listen.port}`,
                want: rule,
                advice: `Run \`fabric deploy litellm\`, or by hand: sudo ${add.join(' && sudo ')}`,
                fix: 'deploy',
                reproduce: onHost(
                  fabric,
                  host,
                  `sudo firewall-cmd --zone=${zone} --list-rich-rules; sudo firewall-cmd --permanent --zone=${zone} --list-rich-rules`,
                ),
              },
            ];
          });
        },
      },
    ];
  },
});
