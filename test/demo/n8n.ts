// n8n behind nginx: how somebody set it up who forgot N8N_PROXY_HOPS, and stand-ins for both.
import type { RequestListener } from 'node:http';
import type { Network } from './network.ts';

/** What differs where the image and nginx are not installed but bound in. */
export interface Installed {
  /** More lines of the Quadlet's [Container]. */
  readonly container?: string;
  readonly nginx?: string;
}

/** Root's shell, the same on a real host and a simulated one. */
export const n8nRunbook = ({ container = '', nginx = '/usr/sbin/nginx' }: Installed = {}): string => `set -e
mkdir -p /opt/n8n /etc/nginx
cat >/opt/n8n/.env <<'E'
N8N_WEBHOOK_URL=https://n8n.example.net/
N8N_LISTEN_ADDRESS=127.0.0.1
N8N_ENCRYPTION_KEY=made-by-hand-and-in-nobodys-log
E
chmod 600 /opt/n8n/.env
cat >/etc/containers/systemd/n8n.container <<'E'
[Container]
ContainerName=n8n
Image=docker.io/n8nio/n8n:2.40.7
Network=host
EnvironmentFile=/opt/n8n/.env
Environment=NODE_ENV=production
${container}
[Service]
Restart=always
[Install]
WantedBy=multi-user.target
E
cat >/etc/nginx/nginx.conf <<'E'
pid /run/nginx.pid;
events {}
http {
  access_log off;
  server {
    listen 80;
    location / {
      proxy_pass http://127.0.0.1:5678;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }
  }
}
E
cat >/etc/systemd/system/nginx.service <<'E'
[Service]
ExecStart=${nginx} -c /etc/nginx/nginx.conf -g 'daemon off;'
E
systemctl daemon-reload; systemctl start n8n; systemctl start nginx
${UNTIL_N8N}`;

/** Waits until n8n takes logins, by nginx. While it migrates its database it says 200 to everything: that it is starting up. */
export const UNTIL_N8N =
  'for i in $(seq 400); do if curl -s -m 2 http://127.0.0.1/rest/settings | grep -q settingsMode; then break; fi; sleep 0.2; done';

/** Somebody logs in, twice, with a wrong password. */
export const VISIT = `for i in 1 2; do curl -s -o /dev/null -H 'Content-Type: application/json' -d '{"emailOrLdapLoginId":"ann@example.net","password":"wrong-1234"}' http://127.0.0.1/rest/login; done`;

/** n8n as far as it is asked here: it limits logins, and complains once as express-rate-limit 7.5.0 does (measured: n8n 2.40.7). */
export const n8n = (environment: ReadonlyMap<string, string>, log: (line: string) => void): RequestListener => {
  const trusts = Number(environment.get('N8N_PROXY_HOPS') ?? 0) > 0;
  let first = true;
  return (incoming, response) => {
    if (incoming.url === '/healthz') return response.writeHead(200).end('{"status":"ok"}');
    if (incoming.url === '/rest/settings') return response.writeHead(200).end('{"data":{"settingsMode":"public"}}');
    if (incoming.url !== '/rest/login' || incoming.method !== 'POST') return response.writeHead(404).end();
    if (first && !trusts && incoming.headers['x-forwarded-for'] !== undefined && environment.get('NODE_ENV') === 'production')
      for (const line of COMPLAINT) log(line);
    first = false;
    return response.writeHead(401).end('{"code":401,"message":"Wrong username or password. Do you have caps lock on?"}');
  };
};
const COMPLAINT: readonly string[] = [
  "ValidationError: The 'X-Forwarded-For' header is set but the Express 'trust proxy' setting is false (default). This could indicate a misconfiguration which would prevent express-rate-limit from accurately identifying users. See https://express-rate-limit.github.io/ERR_ERL_UNEXPECTED_X_FORWARDED_FOR/ for more information.",
  '    at Object.xForwardedForHeader (/usr/local/lib/node_modules/n8n/node_modules/express-rate-limit/dist/index.cjs:187:13) {',
  "  code: 'ERR_ERL_UNEXPECTED_X_FORWARDED_FOR',",
  "  help: 'https://express-rate-limit.github.io/ERR_ERL_UNEXPECTED_X_FORWARDED_FOR/'",
  '}',
];

/** nginx with the configuration above. */
export const nginx =
  (network: Network): RequestListener =>
  async ({ url, method, headers: { host, ...headers } }, response) => {
    const peer = [...(headers['x-forwarded-for'] === undefined ? [] : [headers['x-forwarded-for']]), '127.0.0.1'].join(', ');
    const reply = await network.get('host', `http://127.0.0.1:5678${url}`, {
      method: method === 'POST' ? 'POST' : 'GET',
      headers: { 'x-forwarded-for': peer },
      seconds: 5,
    });
    if ('why' in reply) return response.writeHead(502).end('Bad Gateway');
    return response.writeHead(reply.status).end(reply.body);
  };
