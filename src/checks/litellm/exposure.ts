import { defineCheck, type Finding, type Fix } from '../../check.ts';
import type { Lost } from '../../evidence.ts';
import { containers } from '../../probes/container.ts';
import { firewallSettings, permanentZones, runtimeFirewall } from '../../probes/firewall.ts';
import { interfaces } from '../../probes/network.ts';
import { onHost } from '../../reproduce.ts';
import { closing, strangersOpenings, wide, type Zone } from '../../services/firewall.ts';
import { reach } from '../../services/litellm.ts';
import { within } from '../../services/network.ts';

export default defineCheck({
  id: 'litellm/exposure',
  title: 'Strangers cannot reach the port (inferred from the rules, not tried)',
  story:
    'The runbook’s rich rule admits the tailnet; it closes nothing. Measured: with FedoraWorkstation as the default zone (it opens 1025-65535) and the rule in place, a stranger on the public side got 200. ' +
    'So what counts is every zone that an interface lands in, and every published port.',
  decides:
    'Each zone that a public interface or a strange source lands in, now and after a restart, and each port that podman or docker publishes. Open to everybody is a failure, to some network a warning. No firewall is a failure where LiteLLM listens everywhere.',
  sources: [
    'measured: FedoraWorkstation as the default zone, and published ports, with the rich rule in place',
    'firewalld.conf(5): StrictForwardPorts',
  ],
  each: (fabric) => {
    const { host, allow, listen } = fabric.litellm;
    const way = reach(fabric);
    if (way === 'loopback') return [];
    const now = runtimeFirewall(host);
    const later = permanentZones(host);
    const settings = firewallSettings(host, listen.port);
    const links = interfaces(host);
    const all = containers(host);
    return [
      {
        subject: host,
        needs: [now, later, settings, links, all],
        // No blockedBy: a hole is never an echo.
        judge: ({ know }) => {
          const firewall = know(now);
          const findings: (Finding | Lost)[] = [];
          const add = (severity: Finding['severity'], saw: string, advice: string, command: string, fix?: Fix): void => {
            findings.push({
              severity,
              saw,
              want: `nobody but ${allow.join(', ')} reaches port ${listen.port}`,
              advice,
              ...(fix === undefined ? {} : { fix }),
              reproduce: onHost(fabric, host, command),
            });
          };
          for (const { engine, container, address, port } of know(all).published) {
            if (port !== listen.port || know(settings).strictForwardPorts || address.startsWith('127.')) continue;
            const inside = within(address, fabric.tailnet.range);
            add(
              inside ? 'warn' : 'fail',
              `${engine} publishes port ${port} on ${address || 'every address'} for ${container}: published ports bypass the zones`,
              'Use the host’s network instead: `fabric deploy litellm`.',
              `sudo ${engine} ps --format '{{.Names}} {{.Ports}}'`,
              'deploy', // it retires whatever publishes the port
            );
          }
          if (way === 'tailnet') {
            // Weak host model: Linux answers for any of its addresses on any interface.
            if (firewall.is !== 'running') {
              add(
                'warn',
                `bound to ${listen.address} with ${firewall.is === 'ufw' ? 'ufw, which fabric does not read' : 'no firewall'}: a neighbour on the same network that routes ${listen.address} through this host gets in`,
                'Install and start firewalld, then `fabric deploy litellm`.',
                'sudo firewall-cmd --state',
              );
            }
            return findings;
          }
          if (firewall.is === 'ufw')
            return [...findings, { lost: 'unsupported', why: 'ufw guards this host, and fabric does not read its rules' }];
          if (firewall.is !== 'running') {
            add(
              'fail',
              firewall.is === 'absent'
                ? `bound to ${listen.address} and there is no firewall`
                : `bound to ${listen.address} and firewalld is not running`,
              `Start firewalld (sudo systemctl enable --now firewalld), or listen on the tailnet address alone.`,
              'sudo firewall-cmd --state',
            );
            return findings;
          }
          const judgeZones = (zones: readonly Zone[], set: 'runtime' | 'permanent'): void => {
            for (const one of strangersOpenings(zones, know(links), know(settings), listen.port, fabric.tailnet.range, allow)) {
              if (findings.some((other) => 'saw' in other && other.saw.startsWith(one.what))) continue;
              add(
                wide(one) ? 'fail' : 'warn',
                `${one.what} (${set} rules, ${one.by})`,
                `Close it: ${closing(one)}`,
                `sudo firewall-cmd --info-zone=${one.zone}; sudo firewall-cmd --permanent --info-zone=${one.zone}`,
              );
            }
          };
          judgeZones(firewall.zones, 'runtime');
          judgeZones(know(later), 'permanent');
          return findings;
        },
      },
    ];
  },
});
