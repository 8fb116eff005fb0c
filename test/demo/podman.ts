// podman: LiteLLM's image, and containers of it, whose process is the stand-in for LiteLLM.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Firewall } from './firewalld.ts';
import { litellm } from './models.ts';
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
  running: Running | undefined;
}
export interface Podman {
  readonly command: Command;
  /** `podman run` in the foreground: its arguments after `run`. `log` takes what it prints. */
  run(args: readonly string[], log: (line: string) => void): Running;
}

/** netavark's own range. */
const BRIDGE = '10.88.0.0/16';

/** `patience`: milliseconds that LiteLLM takes to start; in truth it is 10 to 40 seconds. */
export const podman = (root: string, network: Network, firewall: Firewall, patience: number): Podman => {
  const images = new Set(['ghcr.io/berriai/litellm:v1.109.1']);
  const idOf = (image: string): string => createHash('sha256').update(image).digest('hex');
  let containers: readonly Container[] = [];
  const get = (name: string | undefined): Container | undefined => containers.find((one) => one.name === name);
  const drop = (container: Container): void => {
    containers = containers.filter((one) => one !== container);
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
      exit(0);
    };
    if (where === 'container') firewall.trust(BRIDGE, true);
    const starting = setTimeout(async () => {
      const path = files.volumes.get(option('--config', ''));
      try {
        const config = readFileSync(join(root, path ?? option('--config', '')), 'utf8');
        const made = litellm(config, files.environment(), network, where);
        if ('refuses' in made) throw new Error(made.refuses);
        const port = Number(option('--port', '4000'));
        open.push(await network.listen(where, option('--host', '0.0.0.0'), port, made.serve));
        for (const one of container.published) open.push(network.publish(one));
        log(`INFO:     Uvicorn running on http://${option('--host', '0.0.0.0')}:${port} (Press CTRL+C to quit)`);
      } catch (error) {
        log(error instanceof Error ? error.message : String(error));
        container.running = undefined;
        exit(3);
      }
    }, patience);
    container.running = { exited, stop };
    return container.running;
  };

  const run = (args: readonly string[], log: (line: string) => void): Running => {
    const options = new Map<string, string[]>();
    let at = 0;
    for (; args[at]?.startsWith('-'); at += 2) options.set(args[at] ?? '', [...(options.get(args[at] ?? '') ?? []), args[at + 1] ?? '']);
    const [image = '', ...command] = args.slice(at);
    const one = (name: string): string | undefined => options.get(name)?.[0];
    const container: Container = {
      name: one('--name') ?? 'unnamed',
      policy: one('--restart') ?? 'no',
      image,
      network: one('--network') === 'host' ? 'host' : 'bridge',
      published: (options.get('-p') ?? []).map((pair) => Number(pair.split(':')[0])),
      running: undefined,
    };
    if (!images.has(image)) {
      log(`Error: ${image}: image not known`);
      return { exited: Promise.resolve(125), stop: async () => {} };
    }
    containers = [...containers, container];
    const volumes = new Map((options.get('-v') ?? []).map((text) => [text.split(':')[1] ?? '', text.split(':')[0] ?? '']));
    const environment = (): ReadonlyMap<string, string> => {
      const lines = [
        ...(options.get('--env') ?? []).flatMap((path) => readFileSync(join(root, path), 'utf8').split('\n')),
        ...(options.get('-e') ?? []),
      ];
      return new Map(
        lines.filter((line) => line.includes('=')).map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
      );
    };
    return start(container, command, { volumes, environment }, log);
  };

  const missing = (name: string): Said => ({ code: 125, err: `Error: no container with name or ID "${name}" found: no such container\n` });
  const filled = (format: string, fields: Readonly<Record<string, string>>): string =>
    format.replaceAll('\\t', '\t').replace(/\{\{\s*\.([\w.]+)\s*\}\}/g, (_, name: string) => fields[name] ?? `(unknown .${name})`);

  const command = async (call: Call): Promise<Said> => {
    const { args } = call;
    const [verb, second = ''] = args;
    const last = args.at(-1) ?? '';
    const format = args[args.indexOf('--format') + 1] ?? '';
    const one = get(last);
    switch (verb) {
      case '--version':
        return { out: 'podman version 5.4.2\n' };
      case 'info':
        return { out: `${filled(format, { 'Store.GraphRoot': '/var/lib/containers/storage' })}\n` };
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
        return {
          out: `${filled(format, {
            'State.Status': one.running === undefined ? 'exited' : 'running',
            'State.Running': String(one.running !== undefined),
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
    if (!program.startsWith('import os, socket, sys, urllib.error')) return unknownUse('podman', call);
    const reply = await network.get(container.network === 'host' ? 'host' : 'container', url, { seconds: 5 });
    if ('why' in reply) return { code: reply.code, err: `${reply.why}\n` };
    return { out: reply.status < 400 ? `${reply.body}\n${reply.status}\n` : `${reply.status}\n` };
  };

  return { command, run };
};

interface Files {
  /** Paths in the container, and where they are on the host. */
  readonly volumes: ReadonlyMap<string, string>;
  environment(): ReadonlyMap<string, string>;
}
