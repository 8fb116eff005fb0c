import { defineCheck, type Finding, resultId } from '../../check.ts';
import { config, forwarders, instance, sockets } from '../../probes/caddy.ts';
import { onHost } from '../../reproduce.ts';
import { aclOf, guarded, outcome, serverOn } from '../../services/caddy.ts';
import alive from './alive.ts';
import caddyfile from './caddyfile.ts';

export default defineCheck({
  id: 'caddy/forwarder',
  rex: ['REX-34'],
  title: 'Nobody comes in through a program on the host that the ACL admits',
  story:
    'cloudflared, tailscale funnel, a tailscaled in userspace or a socat passes connections on to 127.0.0.1: to Caddy they come from the host itself, which is the bridge’s gateway where Caddy is in a container. An ACL that admits the gateway lets in whoever comes through; one that does not refuses them all, the VPN’s clients as well.',
  decides:
    'Programs on the host whose arguments, or cloudflared’s own file, name Caddy’s port on a loopback address: a failure where the running configuration admits the address that they have for Caddy, or where one of them has the port in Caddy’s place; else a warning.',
  sources: [
    'cloudflared and tailscale: their configuration files',
    'measured: socat to 127.0.0.1:443 beside Docker, curl from a public address',
  ],
  each: (fabric) => {
    const { caddy } = fabric;
    if (caddy === undefined || guarded(caddy).length === 0) return [];
    const [it, there, running, open] = [config(caddy), forwarders(caddy), instance(caddy), sockets(caddy)];
    return [
      {
        subject: caddy.host,
        needs: [it, there, running, open],
        blockedBy: [caddyfile, alive].map((check) => resultId(check, caddy.host)),
        judge: ({ know }) => {
          const [found, programs, instance] = [know(it), know(there), know(running)];
          if (found === null || instance === null) return [{ lost: 'unreadable', why: 'Caddy does not run' }];
          if (programs.length === 0) return [];
          const server = serverOn(found.servers, caddy.port);
          if (server === undefined) return [{ lost: 'unreadable', why: `no server of Caddy’s configuration listens on ${caddy.port}` }];
          const [leg] = instance.networks.flatMap(({ v4 }) => v4 ?? []);
          // It has the port itself: everyone comes through it.
          const first = know(open).some(({ program }) => programs.includes(program));
          const client = instance.mode === 'host' ? '127.0.0.1' : (leg?.gateway ?? '127.0.0.1');
          return guarded(caddy).map(({ name, path }): Finding => {
            const admits = outcome(server, { host: name, path, client, remote: client }).is === 'reached';
            return {
              severity: admits || first ? 'fail' : 'warn',
              saw: `${programs.join(', ')} on ${caddy.host} passes connections on to port ${caddy.port}: they are ${client} to Caddy, whom ${name} ${admits ? `admits (${aclOf(server, name).ranges.join(', ')})` : 'refuses, whoever they are'}`,
              want: admits ? `${client} is not admitted` : 'nobody who may enter has to come that way',
              advice: admits
                ? `Take what holds ${client} out of the ACL: who comes through ${programs.join(' or ')} is let in, whoever he is.`
                : first
                  ? `${programs.join(' or ')} has the port in Caddy’s place: publish Caddy’s own on the addresses that clients come by.`
                  : 'If it serves public sites alone, that is as it should be: accept it in fabric.yaml.',
              reproduce: onHost(fabric, caddy.host, `sudo ps -eo comm,args | grep -E '(127.0.0.1|localhost):${caddy.port}'`),
            };
          });
        },
      },
    ];
  },
});
