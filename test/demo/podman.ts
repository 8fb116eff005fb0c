// podman: the images of LiteLLM and n8n, and containers of them, whose processes are the stand-ins for both.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Firewall } from './firewalld.ts';
import { litellm, pricesOf } from './models.ts';
import { n8n } from './n8n.ts';
import type { Listening, Network, Where } from './network.ts';
import { type Call, type Command, type Said, unknownUse } from './shell.ts';

/** A process that runs in this one's stead. */
export interface Running {
  readonly exited: Promise<number>;
  stop(): Promise<void>;
}
interface Container {
  name: string;
  policy: string;
  readonly image: string;
  readonly network: 'host' | 'bridge';
  /** Ports of the host that stand for the same port of the container. */
  readonly published: readonly number[];
  readonly args: readonly string[];
  /** As `podman run` was told, with `--health-interval`. */
  readonly health: { readonly command: string; readonly interval: string } | undefined;
  environment(): ReadonlyMap<string, string>;
  running: Running | undefined;
  /** 0: none. What is told of it stands under /proc, as far as anybody asks. */
  pid: number;
  started: string;
  readonly log: (readonly [time: string, line: string])[];
}
export interface Podman {
  readonly command: Command;
  /** Into a container's network: `nsenter -t PID -n curl …`. */
  readonly nsenter: Command;
  /** `podman run` in the foreground: its arguments after `run`. `log` takes what it prints. */
  run(args: readonly string[], log: (line: string) => void): Running;
}

const N8N = 'docker.io/n8nio/n8n:2.40.7';
/** Where it keeps its things, the database among them, which everybody who gets there may read. */
const STORAGE = 'var/lib/containers/storage';
/** netavark's own range. */
const BRIDGE = '10.88.0.0/16';

/** Milliseconds that LiteLLM takes to start; in truth it is 10 to 40 seconds. */
const START = 100;

export const podman = (root: string, network: Network, firewall: Firewall): Podman => {
  const images = new Set(['ghcr.io/berriai/litellm:v1.109.1', N8N]);
  const idOf = (image: string): string => createHash('sha256').update(image).digest('hex');
  let pids = 4000;
  let containers: readonly Container[] = [];
  const get = (name: string | undefined): Container | undefined => containers.find((one) => one.name === name);
  const drop = (container: Container): void => {
    containers = containers.filter((one) => one !== container);
  };

  /** A process of n8n's, as /proc shows it: what it runs, its environment, and that it has no children. LiteLLM's nobody looks at. */
  const born = (container: Container, environment: Files['environment']): void => {
    pids += 1;
    container.pid = pids;
    container.started = now();
    if (container.image !== N8N) return;
    const folder = join(root, 'proc', String(pids));
    mkdirSync(join(folder, 'task', String(pids)), { recursive: true });
    symlinkSync('/usr/local/bin/node', join(folder, 'exe'));
    writeFileSync(join(folder, 'task', String(pids), 'children'), '');
    writeFileSync(join(folder, 'environ'), [...environment()].map(([name, value]) => `${name}=${value}\0`).join(''));
  };

  /** LiteLLM's process: it reads its files when it starts, and listens, or says why not and exits with 3. */
  const start = (container: Container, args: readonly string[], files: Files, log: (line: string) => void): Running => {
    const where: Where = container.network === 'host' ? 'host' : 'container';
    const option = (name: string, otherwise: string): string => (args.includes(name) ? (args[args.indexOf(name) + 1] ?? '') : otherwise);
    const open: Listening[] = [];
    let exit = (_: number): void => {};
    const exited = new Promise<number>((resolve) => {
      exit = resolve;
    });
    const stop = async (): Promise<void> => {
      clearTimeout(starting);
      await Promise.all(open.splice(0).map((one) => one.close()));
      if (where === 'container') firewall.trust(BRIDGE, false);
      container.running = undefined;
      rmSync(join(root, 'proc', String(container.pid)), { recursive: true, force: true });
      container.pid = 0;
      exit(0);
    };
    born(container, files.environment);
    if (where === 'container') firewall.trust(BRIDGE, true);
    const starting = setTimeout(async () => {
      const path = files.volumes.get(option('--config', ''));
      try {
        if (container.image === N8N) {
          open.push(await network.listen(where, '127.0.0.1', 5678, n8n(files.environment(), log)));
          log('Version: 2.40.7');
          return;
        }
        const config = readFileSync(join(root, path ?? option('--config', '')), 'utf8');
        const made = litellm(config, files.environment(), network, where, log);
        if ('refuses' in made) throw new Error(made.refuses);
        const port = Number(option('--port', '4000'));
        open.push(await network.listen(where, option('--host', '0.0.0.0'), port, made.serve));
        for (const one of container.published) open.push(network.publish(one));
        log(`INFO:     Uvicorn running on http://${option('--host', '0.0.0.0')}:${port} (Press CTRL+C to quit)`);
      } catch (error) {
        log(error instanceof Error ? error.message : String(error));
        container.running = undefined;
        container.pid = 0;
        exit(3);
      }
    }, START);
    container.running = { exited, stop };
    return container.running;
  };

  const run = (args: readonly string[], log: (line: string) => void): Running => {
    const options = new Map<string, string[]>();
    let at = 0;
    for (; args[at]?.startsWith('-'); at += 2) options.set(args[at] ?? '', [...(options.get(args[at] ?? '') ?? []), args[at + 1] ?? '']);
    const [image = '', ...command] = args.slice(at);
    const one = (name: string): string | undefined => options.get(name)?.[0];
    const health = one('--health-cmd');
    const container: Container = {
      name: one('--name') ?? 'unnamed',
      policy: one('--restart') ?? 'no',
      image,
      network: one('--network') === 'host' ? 'host' : 'bridge',
      published: (options.get('-p') ?? []).map((pair) => Number(pair.split(':')[0])),
      args: command,
      health: health === undefined ? undefined : { command: health, interval: one('--health-interval') ?? '30s' },
      environment: () => environment(),
      running: undefined,
      pid: 0,
      started: '',
      log: [],
    };
    if (!images.has(image)) {
      log(`Error: ${image}: image not known`);
      return { exited: Promise.resolve(125), stop: async () => {} };
    }
    containers = [...containers, container];
    const volumes = new Map((options.get('-v') ?? []).map((text) => [text.split(':')[1] ?? '', text.split(':')[0] ?? '']));
    const environment = (): ReadonlyMap<string, string> => {
      const lines = [
        ...(options.get('--env-file') ?? []).flatMap((path) => readFileSync(join(root, path), 'utf8').split('\n')),
        ...(options.get('-e') ?? []),
      ];
      return new Map(
        lines.filter((line) => line.includes('=')).map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
      );
    };
    return start(container, command, { volumes, environment }, (line) => {
      container.log.push([now(), line]);
      log(line);
    });
  };

  /** What each of its commands begins with. A folder that somebody made before it keeps its mode. */
  const remember = (): void => {
    mkdirSync(join(root, STORAGE, '..'), { recursive: true, mode: 0o755 });
    mkdirSync(join(root, STORAGE), { recursive: true, mode: 0o700 });
    if (!existsSync(join(root, STORAGE, 'db.sql'))) writeFileSync(join(root, STORAGE, 'db.sql'), '', { mode: 0o644 });
  };

  const missing = (name: string): Said => ({ code: 125, err: `Error: no container with name or ID "${name}" found: no such container\n` });
  const filled = (format: string, fields: Readonly<Record<string, string>>): string =>
    format
      .replaceAll('\\t', '\t')
      .replace(/\{\{index \.Config\.Labels "[\w.]+"\}\}/g, '')
      .replace(/\{\{json \.([\w.]+)\}\}/g, (_, name: string) => JSON.stringify(fields[name]))
      .replace(/\{\{\s*\.([\w.]+)\s*\}\}/g, (_, name: string) => fields[name] ?? `(unknown .${name})`);

  const command = async (call: Call): Promise<Said> => {
    const { args } = call;
    const [verb, second = ''] = args;
    const last = args.at(-1) ?? '';
    const format = args[args.indexOf('--format') + 1] ?? '';
    const one = get(last);
    if (verb === '--version') return { out: 'podman version 5.4.2\n' };
    remember();
    switch (verb) {
      case 'image':
        if (second === 'exists') return { code: images.has(last) ? 0 : 1 };
        return images.has(last) ? { out: `${idOf(last)}\n` } : { code: 125, err: `Error: ${last}: image not known\n` };
      case 'pull':
        images.add(last);
        return { out: `${idOf(last)}\n` };
      case 'container':
        return { code: one === undefined ? 1 : 0 };
      case 'inspect':
        if (one === undefined) return missing(last);
        if (format.includes('.Config.Healthcheck')) return { out: `${healthOf(one)}\n` };
        if (format.startsWith('{{range .Args}}'))
          return {
            out: [...one.args, ...[...one.environment()].map(([name, value]) => `${name}=${value}`), '']
              .map((line) => `${line}\n`)
              .join(''),
          };
        return {
          out: `${filled(format, {
            'State.Status': one.running === undefined ? 'exited' : 'running',
            'State.Running': String(one.running !== undefined),
            'State.Pid': String(one.pid),
            'State.StartedAt': one.started,
            RestartCount: '0',
            ImageName: one.image,
            Image: idOf(one.image),
            'HostConfig.NetworkMode': one.network,
            'HostConfig.RestartPolicy.Name': one.policy,
          })}\n`,
        };
      case 'ps':
        return {
          out: containers
            .filter(({ running }) => args.includes('-a') || running !== undefined)
            .map(({ name, image, network: net, published }) =>
              filled(format, {
                Names: name,
                Image: image,
                Ports: net === 'host' ? '4000/tcp' : published.map((port) => `0.0.0.0:${port}->${port}/tcp`).join(', '),
              }),
            )
            .map((line) => `${line}\n`)
            .join(''),
        };
      case 'stop':
        if (one === undefined) return missing(last);
        await one.running?.stop();
        return { out: `${last}\n` };
      case 'rm':
        if (one === undefined) return {};
        await one.running?.stop();
        drop(one);
        return { out: `${last}\n` };
      case 'update':
        if (one === undefined) return missing(last);
        one.policy = args.find((arg) => arg.startsWith('--restart='))?.slice('--restart='.length) ?? one.policy;
        return { out: `${last}\n` };
      case 'rename': {
        const renamed = get(second);
        if (renamed === undefined) return missing(second);
        renamed.name = last;
        return {};
      }
      case 'exec':
        return inside(call);
      case 'logs':
        if (one === undefined) return missing(last);
        if (!/^logs -t --since \S+ \S+$/.test(args.join(' '))) return unknownUse('podman', call);
        return { out: one.log.map(([time, line]) => `${time} ${line}\n`).join('') };
      default:
        return unknownUse('podman', call);
    }
  };

  /** The programs that fabric runs in the container: what release LiteLLM is; and what an address says, printed as curl would. */
  const inside = async (call: Call): Promise<Said> => {
    const [, name = '', python, dash, program = '', url = ''] = call.args;
    const container = get(name);
    if (container?.running === undefined) return missing(name);
    if (python !== 'python3' || dash !== '-c') return unknownUse('podman', call);
    if (program.startsWith('import importlib.metadata')) return { out: `${/:v?([\d.]+)/.exec(container.image)?.[1]}\n` };
    if (program.startsWith('import importlib.util, json')) return { out: `${JSON.stringify(pricesOf(call.args.slice(6)))}\n` };
    if (!program.startsWith('import os, socket, sys, urllib.error')) return unknownUse('podman', call);
    const reply = await network.get(container.network === 'host' ? 'host' : 'container', url, { seconds: 5 });
    if ('why' in reply) return { code: reply.code, err: `${reply.why}\n` };
    return { out: reply.status < 400 ? `${reply.body}\n${reply.status}\n` : `${reply.status}\n` };
  };

  const nsenter: Command = (call) => {
    const [t, pid, n, program, ...args] = call.args;
    const inside = containers.find((container) => String(container.pid) === pid);
    if (t !== '-t' || n !== '-n' || program !== 'curl' || inside === undefined) return unknownUse('nsenter', call);
    return network.curl(inside.network === 'host' ? 'host' : 'container', { ...call, args });
  };

  return { command, nsenter, run };
};

/** As podman prints it. */
const now = (): string => new Date().toISOString().replace('Z', '000000Z');

/** State and configuration of a container's health check, as `inspect` prints them. */
const healthOf = ({ health, running }: Container): string => {
  if (health === undefined) return '\tnull';
  const Test: unknown = health.command.startsWith('[') ? ['CMD', ...JSON.parse(health.command)] : ['CMD-SHELL', health.command];
  return `${running === undefined ? 'starting' : 'healthy'}\t${JSON.stringify({ Test, Interval: Number.parseFloat(health.interval) * 1e9 })}`;
};

interface Files {
  /** Paths in the container, and where they are on the host. */
  readonly volumes: ReadonlyMap<string, string>;
  environment(): ReadonlyMap<string, string>;
}
