// The simulated network: hosts with addresses of a tailnet and of the internet, whose ports stand for free ports of 127.0.0.1. What
// asks by name asks a DNS server on loopback.
import { createSocket, type Socket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type RequestListener, request } from 'node:http';
import { type AddressInfo, isIP } from 'node:net';
import { join } from 'node:path';
import { decode, encode } from 'dns-packet';
import { type Call, type Commands, type Said, unknownUse } from './shell.ts';

/** `container`: a network of a container's own, behind this host. */
export type Where = 'host' | 'container' | 'elsewhere';
const ADDRESSES: ReadonlyMap<string, Where> = new Map([
  ['100.64.0.14', 'host'],
  ['203.0.113.14', 'host'],
  ['10.88.0.1', 'host'],
  ['100.64.0.20', 'elsewhere'],
]);

/** What curl says where nothing came back, by its exit code. */
interface Nothing {
  readonly code: 6 | 7 | 28;
  readonly why: string;
}
export interface Reply {
  readonly status: number;
  readonly body: string;
}
export interface Ask {
  readonly method?: 'GET' | 'POST';
  readonly headers?: IncomingHttpHeaders;
  readonly body?: string;
  readonly seconds: number;
}
export interface Listening {
  close(): Promise<void>;
}
export interface Network {
  readonly commands: Commands;
  /** Serves at an address and a port of the simulated network; in truth on a free port of 127.0.0.1. */
  listen(where: Where, address: string, port: number, serve: RequestListener): Promise<Listening>;
  /** Makes what listens in a container answer on a port of the host too. */
  publish(port: number): Listening;
  get(from: Where, url: string, ask: Ask): Promise<Reply | Nothing>;
  /** curl, run somewhere: the command of that name is the host's. */
  curl(from: Where, call: Call): Promise<Said>;
  close(): Promise<void>;
}

interface Bound {
  readonly where: Where;
  readonly address: string;
  readonly port: number;
  /** The port of 127.0.0.1 that it stands for. */
  readonly real: number;
}

const INTERFACES = `1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever
1: lo    inet6 ::1/128 scope host proto kernel_lo \\       valid_lft forever preferred_lft forever
2: tailscale0    inet 100.64.0.14/10 scope global tailscale0\\       valid_lft forever preferred_lft forever
2: tailscale0    inet6 fe80::64ff:fe40:e/64 scope link proto kernel_ll \\       valid_lft forever preferred_lft forever
3: eth0    inet 203.0.113.14/24 scope global eth0\\       valid_lft forever preferred_lft forever
3: eth0    inet6 fe80::cbff:fe00:710e/64 scope link proto kernel_ll \\       valid_lft forever preferred_lft forever
`;
const BRIDGE = '4: podman0    inet 10.88.0.1/16 brd 10.88.255.255 scope global podman0\\       valid_lft forever preferred_lft forever\n';

/** `root`: the host's file system, for its /etc/hosts. `names`: what the DNS server knows. */
export const simulatedNetwork = async (root: string, names: ReadonlyMap<string, string>): Promise<Network> => {
  let bound: readonly Bound[] = [];
  const dns = await dnsServer(names);

  const resolved = async (name: string): Promise<readonly string[]> => {
    if (isIP(name) !== 0) return [name];
    if (name === 'localhost') return ['127.0.0.1'];
    const hosts = readFileSync(join(root, 'etc/hosts'), 'utf8').split('\n');
    const line = hosts.map((one) => one.split(/\s+/)).find(([, ...known]) => known.includes(name));
    return line?.[0] === undefined ? asked(dns, name) : [line[0]];
  };

  const get = async (from: Where, url: string, { method = 'GET', headers = {}, body = '', seconds }: Ask): Promise<Reply | Nothing> => {
    const { hostname, port: text, pathname } = new URL(url);
    const port = Number(text || 80);
    // The host's resolver listens on the host's loopback, which a container with a network of its own does not reach.
    if (from === 'container' && isIP(hostname) === 0) return { code: 28, why: `Resolving timed out after ${seconds * 1000} milliseconds` };
    const [address] = await resolved(hostname);
    if (address === undefined) return { code: 6, why: `Could not resolve host: ${hostname}` };
    const where = address.startsWith('127.') ? from : ADDRESSES.get(address);
    const serving = bound.find((one) => one.where === where && one.port === port && (one.address === '0.0.0.0' || one.address === address));
    if (serving === undefined)
      return { code: 7, why: `Failed to connect to ${hostname} port ${port} after 0 ms: Could not connect to server` };
    return new Promise((resolve) => {
      const asking = request(
        { host: '127.0.0.1', port: serving.real, path: pathname, method, headers, timeout: seconds * 1000, agent: false },
        (response) => {
          let said = '';
          response.setEncoding('utf8').on('data', (chunk) => {
            said += chunk;
          });
          response.on('end', () => resolve({ status: response.statusCode ?? 0, body: said }));
        },
      );
      asking.on('timeout', () => asking.destroy());
      asking.on('error', () =>
        resolve({ code: 28, why: `Operation timed out after ${seconds * 1000} milliseconds with 0 bytes received` }),
      );
      asking.end(body);
    });
  };

  const curl = async (from: Where, call: Call): Promise<Said> => {
    let [url, out, format, seconds] = ['', '', '', 300];
    let body: string | undefined;
    let [fail, loud] = [false, false];
    const headers: IncomingHttpHeaders = {};
    const args = [...call.args];
    for (let arg = args.shift(); arg !== undefined; arg = args.shift()) {
      if (arg === '--noproxy' || arg === '--resolve') args.shift();
      else if (arg === '-m') seconds = Number(args.shift());
      else if (arg === '-o') out = args.shift() ?? '';
      else if (arg === '-w') format = args.shift() ?? '';
      else if (arg === '-d') body = args.shift();
      else if (arg === '-H') {
        const value = args.shift() ?? '';
        for (const line of (value === '@-' ? call.stdin : value).split('\n').filter(Boolean))
          headers[line.slice(0, line.indexOf(':')).toLowerCase()] = line.slice(line.indexOf(':') + 1).trim();
      } else if (/^-[qsSfk]+$/.test(arg)) {
        fail ||= arg.includes('f');
        loud ||= arg.includes('S');
      } else if (/^https?:\/\//.test(arg)) url = arg;
      else return unknownUse('curl', call);
    }
    // Nothing speaks TLS there.
    if (url.startsWith('https://'))
      return { code: 7, err: loud ? `curl: (7) Failed to connect to ${new URL(url).hostname} port 443 after 0 ms\n` : '' };
    const reply = await get(from, url, {
      method: body === undefined ? 'GET' : 'POST',
      headers,
      seconds,
      ...(body === undefined ? {} : { body }),
    });
    const complaint = (code: number, why: string): Said => ({ code, err: loud ? `curl: (${code}) ${why}\n` : '' });
    const written = (status: number): string => format.replaceAll('\\n', '\n').replaceAll('%{http_code}', String(status).padStart(3, '0'));
    if ('why' in reply) return { ...complaint(reply.code, reply.why), out: written(0) };
    if (fail && reply.status >= 400)
      return { ...complaint(22, `The requested URL returned error: ${reply.status}`), out: written(reply.status) };
    return { out: `${out === '/dev/null' ? '' : reply.body}${written(reply.status)}` };
  };

  const ss = (call: Call): Said => {
    const port = /^-Hltn sport = :(\d+)$/.exec(call.args.join(' '))?.[1];
    if (port === undefined) return unknownUse('ss', call);
    const here = bound.filter((one) => one.where === 'host' && one.port === Number(port));
    return { out: here.map(({ address }) => `LISTEN 0      2048   ${address}:${port} 0.0.0.0:*\n`).join('') };
  };
  const ip = (call: Call): Said =>
    call.args.join(' ') === '-o addr show'
      ? { out: `${INTERFACES}${bound.some(({ where }) => where === 'container') ? BRIDGE : ''}` }
      : unknownUse('ip', call);
  const getent = async (call: Call): Promise<Said> => {
    const [database, name = ''] = call.args;
    if (database !== 'ahosts') return unknownUse('getent', call);
    const addresses = await resolved(name);
    return addresses.length === 0
      ? { code: 2 }
      : { out: addresses.flatMap((one) => ['STREAM', 'DGRAM', 'RAW'].map((kind) => `${one.padEnd(15)} ${kind} ${name}\n`)).join('') };
  };

  const closers = new Set<() => Promise<void>>();
  const stand = (one: Bound): (() => void) => {
    bound = [...bound, one];
    return () => {
      bound = bound.filter((other) => other !== one);
    };
  };
  return {
    commands: new Map<string, (call: Call) => Said | Promise<Said>>([
      ['curl', (call) => curl('host', call)],
      ['ss', ss],
      ['ip', ip],
      ['getent', getent],
    ]),
    listen: async (where, address, port, serve) => {
      const server = createServer(serve);
      await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
      const leave = stand({ where, address, port, real: portOf(server.address()) });
      const close = async (): Promise<void> => {
        leave();
        closers.delete(close);
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      };
      closers.add(close);
      return { close };
    },
    publish: (port) => {
      const inside = bound.find((one) => one.where === 'container' && one.port === port);
      const leave = stand({ where: 'host', address: '0.0.0.0', port, real: inside?.real ?? 0 });
      return { close: async () => leave() };
    },
    get,
    curl,
    close: async () => {
      await Promise.all([...closers].map((close) => close()));
      await new Promise<void>((resolve) => dns.close(() => resolve()));
    },
  };
};

const portOf = (address: AddressInfo | string | null): number => (typeof address === 'object' && address !== null ? address.port : 0);

/** A name server on a free port of 127.0.0.1: addresses of the names that it knows, NXDOMAIN for all others. */
const dnsServer = async (names: ReadonlyMap<string, string>): Promise<Socket> => {
  const socket = createSocket('udp4');
  socket.on('message', (message, from) => {
    const { id = 0, questions = [] } = decode(message);
    const answers = questions.flatMap(({ name, type }) => {
      const data = names.get(name);
      return data === undefined || type !== 'A' ? [] : [{ type: 'A' as const, name, data, ttl: 60 }];
    });
    // The low four bits are the answer's code: 3 is NXDOMAIN.
    const known = questions.every(({ name }) => names.has(name));
    socket.send(encode({ type: 'response', id, flags: known ? 0x0180 : 0x0183, questions, answers }), from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return socket;
};

/** A name's IPv4 addresses, asked over UDP. */
const asked = (server: Socket, name: string): Promise<readonly string[]> =>
  new Promise((resolve) => {
    const socket = createSocket('udp4');
    const end = (addresses: readonly string[]): void => {
      clearTimeout(patience);
      socket.close();
      resolve(addresses);
    };
    const patience = setTimeout(() => end([]), 2000);
    socket.on('message', (message) => end((decode(message).answers ?? []).flatMap((one) => (one.type === 'A' ? [one.data] : []))));
    const query = encode({ type: 'query', id: 1, flags: 0x0100, questions: [{ type: 'A', name }] });
    socket.bind(0, '127.0.0.1', () => socket.send(query, server.address().port, '127.0.0.1'));
  });
