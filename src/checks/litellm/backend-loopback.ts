import { isIP } from 'node:net';
import { defineCheck, type Finding } from '../../check.ts';
import { isLost } from '../../evidence.ts';
import { fromHost, onLoopback } from '../../probes/backend.ts';
import { interfaces, resolved } from '../../probes/network.ts';
import { onHost } from '../../reproduce.ts';

export default defineCheck({
  id: 'litellm/backend-loopback',
  title: 'A backend on LiteLLM’s own host is named 127.0.0.1',
  story:
    'vLLM on the same machine, named by its tailnet name, works until the tailnet is down, MagicDNS answers late, or vLLM listens on the loopback alone: ' +
    'then LiteLLM reports a model error, and the model is fine.',
  decides:
    'The backend’s url names an address of LiteLLM’s own host, and its port answers on 127.0.0.1 too. A failure where the named address does not answer, else a warning.',
  sources: ['measured: a backend on the loopback, named by the tailnet address'],
  each: (fabric) => {
    const { litellm } = fabric;
    return litellm.backends.flatMap((backend) => {
      if (backend.url === null) return [];
      const url = new URL(backend.url);
      const name = url.hostname.replace(/^\[|\]$/g, '');
      if (name === 'localhost' || name === '::1' || name.startsWith('127.')) return [];
      const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80));
      const addresses = resolved(litellm.host, name);
      const links = interfaces(litellm.host);
      const direct = fromHost(litellm, backend);
      const loopback = onLoopback(litellm, backend, port);
      return [
        {
          subject: `${litellm.host}:${backend.name}`,
          needs: [...(isIP(name) > 0 ? [] : [addresses]), links, direct, loopback],
          judge: ({ know, maybe }): readonly Finding[] => {
            const own = know(links).flatMap((link) => link.addresses);
            const named = isIP(name) > 0 ? [name] : know(addresses);
            if (!named.some((address) => own.includes(address) || address.startsWith('127.'))) return [];
            const answers = maybe(direct);
            const near = maybe(loopback);
            const fails = isLost(answers) || typeof answers === 'string';
            const better = !isLost(near) && typeof near === 'object';
            if (!better) return []; // it listens on that address alone: then the address is right
            return [
              {
                severity: fails ? 'fail' : 'warn',
                saw: `${backend.url} is this same host${fails ? ', and does not answer there, while 127.0.0.1 does' : ''}`,
                want: `http://127.0.0.1:${port}`,
                advice: `Set litellm.backends.${backend.name}.url to http://127.0.0.1:${port} in fabric.yaml, and deploy.`,
                reproduce: onHost(fabric, litellm.host, `getent ahosts ${name}; curl -si http://127.0.0.1:${port}/v1/models`),
              },
            ];
          },
        },
      ];
    });
  },
});
