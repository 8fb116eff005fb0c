import { defineCheck, type Finding, resultId } from '../../check.ts';
import { isLost, type Lost } from '../../evidence.ts';
import { liveliness as alive } from '../../probes/litellm.ts';
import { ownAddresses, saidOf, type Tried, tried, triedUrl, tryCommand } from '../../probes/vantage.ts';
import { onHost } from '../../reproduce.ts';
import { within } from '../../services/network.ts';
import { doors, ownDoor, standpoints } from '../../services/vantages.ts';
import liveliness from './liveliness.ts';
import portBound from './port-bound.ts';
import tailnetAdmitted from './tailnet-admitted.ts';

const PATH = '/health/liveliness';

export default defineCheck({
  id: 'litellm/access',
  title: 'Who may connect gets in, and who may not is kept out (tried)',
  story:
    'Rules can be read for days and be wrong: a router forwards the port, a container engine passes the zones by, an ACL of the tailnet drops a client. So hosts that must get in, ' +
    'and hosts that must not, try: reachable_from and unreachable_from of fabric.yaml, and --at. An unknown vantage is neither in nor out.',
  decides:
    'A connection from each declared vantage, and each of --at: HTTP 200 by the tailnet’s door for who must get in, no connection by any door for who must not. An open door in spite of that is a failure; a closed one in front of a LiteLLM that does not answer itself is unknown.',
  sources: ['curl(1): %{http_code} and %{time_connect}'],
  each: (fabric, options) => {
    const { host, allow, listen } = fabric.litellm;
    const front = ownDoor(fabric);
    const home = alive(fabric);
    return standpoints(fabric, options).map(({ at, want }) => {
      const own = ownAddresses(at);
      const addresses = want === 'in' ? [front] : doors(fabric);
      const attempts = addresses.map((address) => ({ address, probe: tried(at, address, listen.port, PATH) }));
      return {
        subject: at,
        needs: [home, ...(want === 'by its address' ? [own] : []), ...attempts.map(({ probe }) => probe)],
        // Not where it may have to be kept out: what explains a closed door does not excuse an open one.
        ...(want === 'in' ? { blockedBy: [liveliness, portBound, tailnetAdmitted].map((check) => resultId(check, host)) } : {}),
        judge: ({ know, maybe }): readonly (Finding | Lost)[] => {
          const seen = attempts.map(({ address, probe }) => ({ address, seen: know(probe) }));
          const links = want === 'by its address' ? know(own) : [];
          const member = links.find((address) => allow.some((network) => within(address, network)));
          const who = member === undefined ? at : `${at} (${member})`;
          const here = maybe(home);
          const serves = !isLost(here) && typeof here === 'object' && here.status === 200;
          const unproven: Lost = {
            lost: 'unreadable',
            why: `LiteLLM does not answer on ${host} itself, so what ${at} sees says nothing about the way to it`,
          };
          const nameless = (address: string): Lost => ({
            lost: 'unreadable',
            why: `${at} does not know the name ${address}: give hosts.${host}.address as an address`,
          });
          const finding = (address: string, one: Tried, wanted: string, advice: string): Finding => ({
            severity: 'fail',
            saw: `from ${who}: ${triedUrl(address, listen.port, '')}: ${saidOf(one)}`,
            want: wanted,
            advice,
            reproduce: onHost(fabric, at, tryCommand(triedUrl(address, listen.port, PATH))),
          });
          if (want === 'in' || member !== undefined) {
            return seen.flatMap(({ address, seen: one }): readonly (Finding | Lost)[] => {
              if (address !== front || (one.is === 'answered' && one.status === 200)) return [];
              if (one.is === 'no such host') return [nameless(address)];
              if (want !== 'in' && !serves) return [unproven];
              const advice = `It works on ${host} and not from ${at}: look at the firewall of ${host}, the tailnet’s access rules, and whether ${at} is on the tailnet (tailscale status).`;
              return [finding(address, one, 'HTTP 200', advice)];
            });
          }
          const kept = seen.flatMap(({ address, seen: one }): readonly (Finding | Lost)[] => {
            if (one.is === 'no such host') return [nameless(address)];
            if (one.is === 'kept out') return [];
            const advice = `Close the way in: litellm/exposure names what the rules of ${host} open; a router may forward the port as well.`;
            return [finding(address, one, `${at} is kept out: it is not in ${allow.join(', ')}`, advice)];
          });
          // A closed door in front of nobody proves nothing.
          return serves || kept.some((one) => 'severity' in one) ? kept : [...kept, unproven];
        },
      };
    });
  },
});
