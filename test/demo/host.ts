// A simulated host: a scratch folder as its file system, simulators for what needs root or Linux, and an SSH server in front.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileCommands } from './files.ts';
import { firewalld } from './firewalld.ts';
import { backend, openRouter } from './models.ts';
import { nginx } from './n8n.ts';
import { type Listening, simulatedNetwork } from './network.ts';
import { podman, type Running } from './podman.ts';
import { type Command, openShell, type Shell } from './shell.ts';
import { type Login, sshServer } from './sshd.ts';
import { systemd } from './systemd.ts';
import { simulatedTailnet } from './tailnet.ts';

export interface Host extends Shell {
  /** The folder of all that was made: deleted on close. */
  readonly scratch: string;
  readonly login: Login;
}

const FILES: Readonly<Record<string, string>> = {
  'etc/os-release': 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nID=debian\n',
  'etc/hosts': '127.0.0.1 localhost\n127.0.1.1 akira\n',
  'etc/firewalld/firewalld.conf': 'DefaultZone=public\nStrictForwardPorts=no\n',
  'etc/firewalld/services/.keep': '',
  'usr/lib/firewalld/services/ssh.xml': '<service><port protocol="tcp" port="22"/></service>\n',
  // Debian's firewalld knows a service that has vLLM's port.
  'usr/lib/firewalld/services/RH-Satellite-6.xml': '<service><port protocol="tcp" port="8000"/></service>\n',
  'etc/default/vllm': 'ARGS="--port 8000 --host 0.0.0.0 --model qwen2.5-7b"\n',
  'etc/systemd/system/vllm.service': '[Service]\nExecStart=/usr/bin/vllm\n',
  'etc/systemd/system/firewalld.service': '[Service]\nExecStart=/usr/sbin/firewalld\n',
  'etc/containers/systemd/users/.keep': '',
  'run/.keep': '',
  'usr/bin/.keep': '',
  'usr/local/bin/.keep': '',
  'var/spool/.keep': '',
  'var/lib/.keep': '',
};

/** A folder whose path shells need not quote. */
const scratchFolder = (): string => {
  const base = realpathSync(tmpdir());
  return mkdtempSync(join(/^[\w./-]+$/.test(base) ? base : '/tmp', 'fabric-demo-'));
};

/** `hosts:` of a fabric.yaml with the simulated host. */
export const hostsYaml = ({ port, hostKey, identity, user }: Login): string =>
  `hosts:\n  akira: { address: 127.0.0.1, port: ${port}, user: ${user}, client: ssh2, hostKey: "${hostKey}", identity: ${identity} }\n`;

export interface Wishes {
  /** What its resolver knows. */
  readonly names?: ReadonlyMap<string, string>;
  /** It is a client of a tailnet, and can run its Headscale. */
  readonly tailnet?: boolean;
  /** Told, before anything starts, how to end it all: a Ctrl-C does not wait until everything is up. */
  readonly beginning?: (close: () => Promise<void>) => void;
}

/** Brings one up, with vLLM and firewalld running. */
export const startHost = async ({ names: known = new Map(), tailnet = false, beginning = () => {} }: Wishes = {}): Promise<Host> => {
  const scratch = scratchFolder();
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const one of closers.splice(0).reverse()) await one();
    rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
  };
  beginning(close);
  const root = join(scratch, 'root');
  for (const [path, text] of Object.entries(FILES)) {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  const names = new Map(known);
  const network = await simulatedNetwork(root, names);
  const net = simulatedTailnet(root, names);
  closers.push(network.close);
  const firewall = firewalld();
  const containers = podman(root, network, firewall);
  const units = systemd(root, containers, (unit, [program = '']) => {
    if (unit === 'firewalld.service') {
      firewall.start();
      return Promise.resolve(playing(async () => firewall.stop()));
    }
    if (unit === 'headscale.service') {
      net.start();
      return Promise.resolve(playing(async () => {}));
    }
    if (unit === 'nginx.service') return network.listen('host', '0.0.0.0', 80, nginx(network)).then(({ close }) => playing(close));
    if (unit === 'vllm.service') return startVllm();
    if (!existsSync(join(root, program))) return undefined;
    // A script of somebody's, run as the host's shell runs it.
    return Promise.resolve({
      exited: shell.run(program, '', 'root').then(
        ({ code }) => code,
        () => 1,
      ),
      stop: async () => {},
    });
  });
  closers.push(units.close);
  const startVllm = async (): Promise<Running> => {
    const args = /ARGS="(.*)"/.exec(readFileSync(join(root, 'etc/default/vllm'), 'utf8'))?.[1]?.split(' ') ?? [];
    const option = (name: string): string => args[args.indexOf(name) + 1] ?? '';
    const listening: Listening = await network.listen('host', option('--host'), Number(option('--port')), backend([option('--model')]));
    return playing(() => listening.close());
  };
  const shell = openShell(
    scratch,
    new Map<string, Command>([
      ...fileCommands(),
      ...network.commands,
      ...(tailnet ? net.commands : []),
      ['firewall-cmd', firewall.command],
      ['podman', containers.command],
      ['nsenter', containers.nsenter],
      ['systemctl', units.systemctl],
      ['journalctl', units.journalctl],
    ]),
  );
  closers.push(shell.close);
  const server = await sshServer(shell, scratch);
  closers.push(server.close);
  // A neighbour on the tailnet, for whoever knows its name.
  await network.listen('elsewhere', '0.0.0.0', 11434, backend(['llama3:8b']));
  // OpenRouter, twice: with credits for 8,000 tokens left.
  await network.listen('elsewhere', '0.0.0.0', 8090, openRouter(['anthropic/claude-sonnet-4.5'], 8000));
  // And with credits for 2,666 tokens left.
  await network.listen('elsewhere', '0.0.0.0', 8443, openRouter(['anthropic/claude-sonnet-4.5', 'perplexity/sonar-pro'], 2666));
  for (const unit of ['firewalld', 'vllm']) await shell.run(`systemctl start ${unit}`, '');
  return { scratch, login: server.login, run: shell.run, close };
};

/** A process that ends when it is stopped, and not before. */
const playing = (end: () => Promise<void>): Running => {
  let exit = (_: number): void => {};
  const exited = new Promise<number>((resolve) => {
    exit = resolve;
  });
  return {
    exited,
    stop: async () => {
      await end();
      exit(0);
    },
  };
};
