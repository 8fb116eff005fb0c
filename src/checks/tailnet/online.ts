import { isIP } from 'node:net';
import { defineCheck, type Finding } from '../../check.ts';
import { isLost, type Lost } from '../../evidence.ts';
import { type Pong, tailscalePing, tailscaleState } from '../../probes/tailscale.ts';
import { onHost } from '../../reproduce.ts';
import { within } from '../../services/network.ts';
import { standpoints } from '../../services/vantages.ts';

export default defineCheck({
  id: 'tailnet/online',
  title: 'Where Tailscale runs, it is connected, and its ping reaches the hosts',
  story:
    '“Refused from other hosts” is bind, firewall or the tailnet itself. tailscale ping goes below TCP and below the host’s firewall: silence there is a machine that is off or logged out, ' +
    'and no rule will mend it. A tailnet need not be Tailscale’s, so where its command is not installed there is nothing to judge.',
  decides:
    'Tailscale’s own state on LiteLLM’s host and on those that must get in, and its ping from each to the hosts of the tailnet. Not Running or not online is a failure where somebody must get in; silence of LiteLLM’s host is one, silence of another a warning. No tailscale there: nothing to judge.',
  sources: ['tailscale status --json; tailscale ping: Tailscale 1.98.0', 'measured: a relayed pong exits with 1 and is a pong'],
  each: (fabric, options) => {
    const { hosts, tailnet, litellm } = fabric;
    // A stranger is no member, and may have a tailnet of its own.
    const others = standpoints(fabric, options).filter(({ want }) => want !== 'out');
    return [{ at: litellm.host, want: 'in' as const }, ...others].map(({ at, want }) => {
      const state = tailscaleState(at);
      const peers = [...hosts.values()]
        .filter(({ name, address }) => name !== at && isIP(address) > 0 && within(address, tailnet.range))
        .map(({ name, address }) => ({ name, address, probe: tailscalePing(at, address) }));
      return {
        subject: at,
        needs: [state, ...peers.map(({ probe }) => probe)],
        judge: ({ know, maybe }): readonly (Finding | Lost)[] => {
          const mine = know(state);
          if (mine.is === 'absent') return [];
          if (mine.is === 'no daemon' || mine.state !== 'Running' || !mine.online) {
            const saw =
              mine.is === 'no daemon'
                ? 'tailscale is installed, and tailscaled does not run'
                : mine.state !== 'Running'
                  ? `Tailscale is ${mine.state}`
                  : 'Tailscale runs, and its control server counts this machine as offline';
            const advice =
              mine.is === 'no daemon'
                ? 'Start it: sudo systemctl enable --now tailscaled.'
                : mine.state === 'Running'
                  ? 'Look at its way to the control server: tailscale debug hi, journalctl -u tailscaled.'
                  : 'Bring it up: sudo tailscale up.';
            return [
              {
                severity: want === 'in' ? 'fail' : 'warn',
                saw: `on ${at}: ${saw}`,
                want: 'Running, online',
                advice,
                reproduce: onHost(fabric, at, 'tailscale status'),
              },
            ];
          }
          return peers.flatMap(({ name, address, probe }): readonly (Finding | Lost)[] => {
            const pong = maybe(probe);
            if (isLost(pong)) return [pong];
            const silence = silent(pong);
            if (silence === null) return [];
            return [
              {
                // A client may be asleep; the server may not.
                severity: name === litellm.host ? 'fail' : 'warn',
                saw: `from ${at}, tailscale ping ${address} (${name}): ${silence}`,
                want: `a pong from ${name}`,
                advice: `Look at ${name} itself: is it on, and logged in (tailscale status)? A key may have expired.`,
                reproduce: onHost(fabric, at, `tailscale ping -c 1 --timeout 3s ${address}`),
              },
            ];
          });
        },
      };
    });
  },
});

/** Why it did not answer; `null` where it did, or where there was nothing to ask. */
const silent = (pong: Pong): string | null => {
  switch (pong.is) {
    case 'pong':
    case 'absent':
    case 'itself':
      return null;
    case 'silent':
      return `no answer${pong.peer === '' || pong.peer === '-' ? '' : `; ${pong.peer}`}`;
    case 'no such peer':
      return 'no such machine in its tailnet';
    case 'stopped':
      return 'Tailscale stopped meanwhile';
    default:
      return pong satisfies never;
  }
};
