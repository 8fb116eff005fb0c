import { defineCheck, resultId } from '../../check.ts';
import { listeners } from '../../probes/network.ts';
import { onHost } from '../../reproduce.ts';
import hostNetwork from './host-network.ts';
import unitActive from './unit-active.ts';

const everywhere = (address: string): boolean => address === '0.0.0.0' || address === '*' || address === '::';
const loopback = (address: string): boolean => address.startsWith('127.') || address === '::1';

export default defineCheck({
  id: 'litellm/port-bound',
  title: 'The port is bound where it was declared',
  story:
    'LiteLLM bound to 127.0.0.1 answers on its own host and is refused from everywhere else, which looks like a firewall’s doing and is not.',
  decides: 'The addresses on which something listens at the port (ss). Not the declared one, or wider than it, is a failure.',
  sources: ['ss(8)'],
  each: (fabric) => {
    const { host, listen } = fabric.litellm;
    const bound = listeners(host, listen.port);
    return [
      {
        subject: host,
        needs: [bound],
        blockedBy: [resultId(unitActive, host), resultId(hostNetwork, host)],
        judge: ({ know }) => {
          const seen = know(bound);
          const want = `${listen.address}:${listen.port}`;
          const reproduce = onHost(fabric, host, `ss -ltn 'sport = :${listen.port}'`);
          const good = everywhere(listen.address) ? seen.some(everywhere) : seen.includes(listen.address);
          if (good) {
            const wider = everywhere(listen.address) ? [] : seen.filter(everywhere);
            return wider.length === 0
              ? []
              : [
                  {
                    severity: 'fail',
                    saw: `also bound to ${wider.join(', ')}`,
                    want: `${want} only`,
                    advice: 'Find the second process and stop it.',
                    reproduce,
                  },
                ];
          }
          if (seen.length === 0)
            return [
              {
                severity: 'fail',
                saw: `nothing listens on port ${listen.port}`,
                want,
                advice: 'LiteLLM takes 10-40 s to start, then read its log.',
                reproduce,
              },
            ];
          const only = seen.every(loopback) ? ', loopback only: refused from every other machine' : '';
          return [
            {
              severity: 'fail',
              saw: `bound to ${seen.join(', ')}${only}`,
              want,
              advice: 'Something else starts it with another --host: run `fabric deploy litellm`.',
              reproduce,
            },
          ];
        },
      },
    ];
  },
});
