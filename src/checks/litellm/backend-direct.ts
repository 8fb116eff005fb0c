import { isIP } from 'node:net';
import { defineCheck, type Finding } from '../../check.ts';
import { isLost, type Lost } from '../../evidence.ts';
import type { Backend } from '../../fabric.ts';
import { containers } from '../../probes/container.ts';
import { firewallSettings, permanentZones, runtimeFirewall } from '../../probes/firewall.ts';
import { interfaces, listeners, resolved } from '../../probes/network.ts';
import { ownAddresses, saidOf, tried, triedUrl, tryCommand } from '../../probes/vantage.ts';
import { onHost } from '../../reproduce.ts';
import { admits, closing, strangersOpenings, tailnetInterface, wide, type Zone, zoneFor } from '../../services/firewall.ts';
import { within } from '../../services/network.ts';
import { doors, ownDoor, standpoints } from '../../services/vantages.ts';

const MODELS = '/v1/models';

export default defineCheck({
  id: 'litellm/backend-direct',
  title: 'Nobody gets to a backend past LiteLLM (inferred from bind and rules, and tried from declared vantages)',
  story:
    'Clients use LiteLLM, not vLLM directly: there are the keys, the limits and the names. vLLM and Ollama serve whoever connects, and vLLM binds 0.0.0.0 by default; ' +
    'Fedora’s FedoraWorkstation zone opens every port from 1025 up, so a backend on port 8000 answers strangers without any key.',
  decides:
    'Where the backend’s port is bound, who publishes it, and what each zone that an interface lands in lets in, now and after a restart; and what declared vantages get when they try. Open to strangers is a failure (a warning where the backend wants a key), open to the tailnet a warning.',
  sources: [
    'measured: FedoraWorkstation’s ports 1025-65535, and published ports, with firewalld’s rich rule in place',
    'vLLM: --host defaults to 0.0.0.0',
  ],
  each: (fabric, options) => {
    const { litellm, tailnet } = fabric;
    const { host, allow } = litellm;
    return litellm.backends.filter(local).flatMap((backend) => {
      const url = new URL(backend.url ?? '');
      const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80));
      const name = url.hostname.replace(/^\[|\]$/g, '');
      const near = name === 'localhost' || name === '::1' || name.startsWith('127.');
      const named = resolved(host, name);
      const ask = {
        bound: listeners(host, port),
        links: interfaces(host),
        now: runtimeFirewall(host),
        later: permanentZones(host),
        settings: firewallSettings(host, port),
        published: containers(host),
      };
      // A backend elsewhere is asked at its own address: of its firewall nothing is known here.
      const attempts = standpoints(fabric, options).map(({ at, want }) => ({
        at,
        want,
        own: ownAddresses(at),
        doors: (!near ? [name] : want === 'in' ? [ownDoor(fabric)] : doors(fabric)).map((address) => ({
          address,
          probe: tried(at, address, port, MODELS),
        })),
      }));
      // With a key of its own it is a port to be tried, not an open door. Where it was tried, its answer says whether it asks for one.
      const inferred = backend.key === null ? 'fail' : 'warn';
      const want = `${backend.kind} answers ${near ? `${host} itself` : host} alone; clients use LiteLLM`;
      const bind = `Let ${backend.name} listen on 127.0.0.1 (vllm serve --host 127.0.0.1; OLLAMA_HOST=127.0.0.1), or close its port.`;
      return [
        {
          subject: `${host}:${backend.name}`,
          needs: [
            ...Object.values(ask),
            ...(near || isIP(name) > 0 ? [] : [named]),
            ...attempts.flatMap(({ own, want: wanted, doors: ways }) => [
              ...(wanted === 'by its address' ? [own] : []),
              ...ways.map(({ probe }) => probe),
            ]),
          ],
          judge: ({ know, maybe }): readonly (Finding | Lost)[] => {
            const found: (Finding | Lost)[] = [];
            const add = (severity: Finding['severity'], saw: string, advice: string, at: string, command: string): void => {
              found.push({ severity, saw, want, advice, reproduce: onHost(fabric, at, command) });
            };
            for (const { at, want: wanted, own, doors: ways } of attempts) {
              for (const { address, probe } of ways) {
                const seen = maybe(probe);
                const addresses = wanted === 'by its address' ? maybe(own) : [];
                const lost = isLost(seen) ? seen : isLost(addresses) ? addresses : null;
                if (lost !== null) found.push(lost);
                if (isLost(seen) || isLost(addresses)) continue;
                if (seen.is === 'no such host') found.push({ lost: 'unreadable', why: `${at} does not know the name ${address}` });
                if (seen.is === 'no such host' || seen.is === 'kept out') continue;
                if (seen.is === 'answered' && (seen.status === 401 || seen.status === 403)) continue; // it asks for a key of its own
                const member = wanted === 'in' || addresses.some((one) => allow.some((network) => within(one, network)));
                add(
                  member ? 'warn' : 'fail',
                  `from ${at}: ${triedUrl(address, port, MODELS)}: ${saidOf(seen)}, past LiteLLM`,
                  bind,
                  at,
                  tryCommand(triedUrl(address, port, MODELS)),
                );
              }
            }
            const links = know(ask.links);
            const mine = links.flatMap(({ addresses }) => addresses);
            const names = near ? [] : isIP(name) > 0 ? [name] : know(named);
            if (!near && !names.some((address) => mine.includes(address))) return found; // on another machine
            const settings = know(ask.settings);
            for (const { engine, container, address, port: open } of know(ask.published).published) {
              if (open !== port || settings.strictForwardPorts || address.startsWith('127.') || address === '::1') continue;
              add(
                within(address, tailnet.range) ? 'warn' : inferred,
                `${engine} publishes port ${port} on ${address || 'every address'} for ${container}: published ports bypass the zones`,
                `Publish it on the loopback alone: ${engine} run -p 127.0.0.1:${port}:…`,
                host,
                `sudo ${engine} ps --format '{{.Names}} {{.Ports}}'`,
              );
            }
            const open = know(ask.bound).filter((address) => address !== '::1' && !address.startsWith('127.'));
            if (open.length === 0) return found;
            const bound = `${backend.name} is bound to ${open.join(', ')}:${port}`;
            const tailnetOnly = open.every((address) => within(address, tailnet.range));
            const firewall = know(ask.now);
            const show = `ss -ltn 'sport = :${port}'`;
            if (firewall.is === 'ufw')
              return [...found, { lost: 'unsupported', why: `${bound}; ufw guards ${host}, and fabric does not read its rules` }];
            if (firewall.is !== 'running') {
              add(
                tailnetOnly ? 'warn' : inferred,
                `${bound}, and ${firewall.is === 'absent' ? 'there is no firewall' : 'firewalld is not running'}`,
                bind,
                host,
                show,
              );
              return found;
            }
            const judge = (zones: readonly Zone[], set: 'runtime' | 'permanent'): void => {
              const strange = tailnetOnly ? [] : strangersOpenings(zones, links, settings, port, tailnet.range, allow);
              for (const one of strange) {
                if (found.some((other) => 'saw' in other && other.saw.includes(one.what))) continue;
                add(
                  wide(one) ? inferred : 'warn',
                  `${bound}, and ${one.what} (${set} rules, ${one.by})`,
                  `${bind} ${closing(one)}`,
                  host,
                  show,
                );
              }
              for (const network of allow) {
                const zone = zoneFor(network, tailnetInterface(links, tailnet.range)?.name, zones, settings.defaultZone);
                if (!zone || strange.some((one) => one.zone === zone.name) || !admits(zone, network, port, settings)) continue;
                const saw = `${bound}, and zone ${zone.name} lets ${network} connect to port ${port}`;
                if (found.some((other) => 'saw' in other && other.saw.startsWith(saw))) continue;
                add('warn', `${saw} (${set} rules)`, bind, host, show);
              }
            };
            judge(firewall.zones, 'runtime');
            judge(know(ask.later), 'permanent');
            return found;
          },
        },
      ];
    });
  },
});

/** Backends at home; what is paid for elsewhere is not ours to close. */
const local = ({ kind, url }: Backend): boolean => url !== null && (kind === 'vllm' || kind === 'ollama');
