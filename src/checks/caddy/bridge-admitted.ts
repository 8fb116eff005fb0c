import { defineCheck, type Finding, resultId } from '../../check.ts';
import { isLost, type Lost } from '../../evidence.ts';
import { config, firewall, forwarders, instance, lines, sockets } from '../../probes/caddy.ts';
import { file } from '../../probes/file.ts';
import { interfaces } from '../../probes/network.ts';
import { onHost } from '../../reproduce.ts';
import { adaptCommand, clientOf, guarded, onlyNarrows, outcome, ownRanges, serverOn } from '../../services/caddy.ts';
import { canExcept, EXCEPTION_FILE, edited, excepted } from '../../services/caddy-remedies.ts';
import { withoutRanges } from '../../services/caddyfile.ts';
import { masksOf, spoken } from '../../services/masking.ts';
import alive from './alive.ts';
import caddyfile from './caddyfile.ts';

export default defineCheck({
  id: 'caddy/bridge-admitted',
  rex: ['REX-34'],
  title: 'No ACL admits the network of Caddy’s own container',
  story:
    'REX-34’s remedy admitted the Docker bridge’s network, since the VPN’s clients appeared as its gateway. But the gateway is whoever is masked: with Docker as it comes, everyone who comes by IPv6; where the NAT rules are missing, a rule masquerades all, or a program on the host passes connections on, everyone. The site is then open to the internet, over every protocol, and its ACL still looks like one.',
  decides:
    'The networks of the running container against the ranges of the ACL of each site for the VPN alone: a range that holds the gateway, which the routes then let in while they refuse a stranger. A failure where a stranger can look like the gateway now, by the rules, the sockets and the programs of the host; else a warning.',
  sources: [
    'the post-mortem of REX-34',
    'measured: the same ACL in eleven states of Docker, podman and Tailscale, curl from a public address by IPv4 and IPv6',
  ],
  spared: {
    'caddy/lines': 'the lines that its fix edits, by their numbers',
    'file/etc/systemd/system/fabric-caddy-snat.service': 'whether a fix was here before: its own file',
  },
  each: (fabric) => {
    const { caddy } = fabric;
    if (caddy === undefined || guarded(caddy).length === 0) return [];
    const asked = {
      config: config(caddy),
      instance: instance(caddy),
      links: interfaces(caddy.host),
      sockets: sockets(caddy),
      rules: firewall(caddy),
      forwarders: forwarders(caddy),
      lines: lines(caddy),
      exception: file(caddy.host, EXCEPTION_FILE),
    };
    return [
      {
        subject: caddy.host,
        needs: Object.values(asked),
        blockedBy: [caddyfile, alive].map((check) => resultId(check, caddy.host)),
        judge: ({ know, maybe }) => {
          const [found, there] = [know(asked.config), know(asked.instance)];
          if (found === null || there === null) return [{ lost: 'unreadable', why: 'Caddy does not run' }];
          const server = serverOn(found.servers, caddy.port);
          if (server === undefined) return [{ lost: 'unreadable', why: `no server of Caddy’s configuration listens on ${caddy.port}` }];
          const legs = there.networks.flatMap(({ v4, v6 }) => [v4, v6].flatMap((leg) => leg ?? []));
          const admitted = guarded(caddy).flatMap((site) => {
            const ranges = ownRanges(
              server,
              site,
              legs.map(({ subnet }) => subnet),
            );
            const out = clientOf(caddy, 'public', 4);
            const ends = [...legs.flatMap(({ gateway, address }) => [gateway, address]), out].map(
              (client) => outcome(server, { host: site.name, path: site.path, client, remote: client }).is,
            );
            return ranges.length > 0 && ends.slice(0, -1).includes('reached') && ends.at(-1) !== 'reached' ? [{ site, ranges }] : [];
          });
          if (admitted.length === 0) return [];
          const [rules, programs] = [maybe(asked.rules), know(asked.forwarders)];
          const host = { instance: there, links: know(asked.links), sockets: know(asked.sockets), rules: isLost(rules) ? [] : rules };
          const all = masksOf(host, caddy, (side, of) => clientOf(caddy, side, of));
          const masks = all.filter(({ door, cause }) => door.side === 'public' && !(isLost(rules) && cause === 'nat-rules'));
          // Whom the VPN's own clients are taken for gets in by the range alone: first they need their addresses.
          const hidden = all.filter(({ door }) => door.side === 'vpn' && door.declared);
          const [text, exception] = [maybe(asked.lines), maybe(asked.exception)];
          const ranges = [...new Set(admitted.flatMap((one) => one.ranges))];
          const narrowed = isLost(text) || text === null ? null : withoutRanges(text.text, ranges);
          const gateways = legs.flatMap(({ gateway, address }) => [gateway, address]);
          const kept =
            hidden.length === 0 ? [] : isLost(exception) || !hidden.every(canExcept) ? null : excepted(caddy, there, all, exception);
          const fix =
            isLost(text) || text === null || narrowed === null || kept === null || !onlyNarrows(server, caddy, ranges, gateways)
              ? null
              : [...kept, ...edited(caddy, text, narrowed)];
          const causes = [...new Set(hidden.map(({ cause }) => `caddy/${cause}`))];
          const advice =
            fix !== null
              ? `\`fabric fix caddy/bridge-admitted\` takes ${ranges.join(', ')} out of it${kept === null || kept.length === 0 ? '' : ', after it has given the VPN’s clients their own addresses back'}.`
              : `Take ${ranges.join(', ')} out of it${causes.length === 0 ? '' : `; but first mend ${causes.join(', ')}, or the VPN’s clients who come by ${hidden.map(({ door }) => door.address).join(', ')} are shut out with the strangers`}.`;
          const open = [
            ...masks.map(({ door, protocols, by }) => `to whoever comes by ${door.address}, over ${spoken(protocols)} (${by})`),
            ...programs.map((program) => `to whoever comes through ${program}`),
          ];
          const findings = admitted.map(({ site, ranges }): Finding => {
            const now =
              open.length === 0
                ? 'nobody from outside is masked as it now; containers of that network and the host are'
                : `it is open now ${open.join('; ')}`;
            return {
              severity: open.length === 0 ? 'warn' : 'fail',
              saw: `${site.name} admits ${ranges.join(', ')}, the network of Caddy’s own container: ${now}`,
              want: `its ACL names the VPN’s networks alone: ${caddy.allow.join(', ')}`,
              advice,
              ...(fix === null ? {} : { fix }),
              reproduce: onHost(fabric, caddy.host, adaptCommand(caddy, there.by)),
            };
          });
          const lost: readonly Lost[] = isLost(rules) && open.length === 0 ? [rules] : [];
          return [...findings, ...lost];
        },
      },
    ];
  },
});
