// systemd: units of /etc/systemd/system, timers among them, and those that Quadlets become; journalctl. It starts what the stand-ins can play.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Podman, Running } from './podman.ts';
import { type Call, type Command, type Said, unknownUse } from './shell.ts';

/** A unit as its file says. */
interface Definition {
  readonly fragment: string;
  /** `enabled` and `disabled` are told by a link. */
  readonly generated: boolean;
  readonly text: string;
  readonly restart: boolean;
  /** As ExecStart has it; empty for a timer. */
  readonly command: string;
  /** Milliseconds before it is started again. */
  readonly pause: number;
  start(log: (line: string) => void): Promise<Running>;
}
interface Unit {
  active: 'active' | 'inactive' | 'activating' | 'failed';
  sub: string;
  restarts: number;
  result: string;
  /** Seconds since 1970 when it became active last; 0: never. */
  since: number;
  running: Running | undefined;
  again: NodeJS.Timeout | undefined;
  readonly log: { readonly at: number; readonly line: string }[];
}
export interface Systemd {
  readonly systemctl: Command;
  readonly journalctl: Command;
  close(): Promise<void>;
}
/** How to play a unit's ExecStart that is no container: `undefined` where it cannot be. */
export type Player = (unit: string, command: readonly string[]) => Promise<Running> | undefined;

const ETC = 'etc/systemd/system';
const wantsOf = (name: string): string => `${ETC}/${name.endsWith('.timer') ? 'timers' : 'multi-user'}.target.wants`;
const QUADLETS = 'etc/containers/systemd';

/** Every value that a key of a unit file has. */
const values = (text: string, key: string): readonly string[] =>
  text.split('\n').flatMap((line) => (line.startsWith(`${key}=`) ? [line.slice(key.length + 1)] : []));
const pauseOf = (text: string): number => Number(values(text, 'RestartSec')[0] ?? 0.1) * 1000;

/** Properties that some units have. */
const OF_SOME = ['Unit', 'TimersMonotonic', 'TimersCalendar', 'ExecStart'];
/** Its paths as this machine has them: scripts look there. What is printed in the end has the host's own again. */
const execution = (root: string, command: string): string => {
  const there = command.replaceAll(/(?<=^| )\/(?=usr\/|opt\/|etc\/)/g, `${root}/`);
  return `{ path=${there.split(' ')[0]} ; argv[]=${there} ; ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }`;
};
const timed = (name: string, text: string): Readonly<Record<string, string>> => {
  const each = ['OnUnitInactive', 'OnUnitActive', 'OnBoot', 'OnActive'].flatMap((key) =>
    values(text, `${key}Sec`).map((value) => `{ ${key}USec=${value} ; next_elapse=1h }`),
  );
  return { Unit: name.replace('.timer', '.service'), ...(each.length === 0 ? {} : { TimersMonotonic: each.join('\nTimersMonotonic=') }) };
};

export const systemd = (root: string, podman: Podman, play: Player): Systemd => {
  const units = new Map<string, Unit>();
  let quadlets: ReadonlyMap<string, Definition> = new Map();
  for (const name of ['one.timer', 'one.service']) mkdirSync(join(root, wantsOf(name)), { recursive: true });

  const unitOf = (name: string): Unit => {
    const known = units.get(name) ?? {
      active: 'inactive',
      sub: 'dead',
      restarts: 0,
      result: 'success',
      since: 0,
      running: undefined,
      again: undefined,
      log: [],
    };
    units.set(name, known);
    return known;
  };

  const plain = (name: string): Definition | undefined => {
    const path = join(root, ETC, name);
    if (!existsSync(path)) return undefined;
    const text = readFileSync(path, 'utf8');
    return {
      fragment: `/${ETC}/${name}`,
      generated: false,
      text,
      restart: values(text, 'Restart')[0] === 'always',
      pause: pauseOf(text),
      command: values(text, 'ExecStart')[0] ?? '',
      start: async (log) => {
        if (name.endsWith('.timer')) return ticking(name, text);
        for (const line of values(text, 'ExecStartPre')) {
          const [program = '', ...args] = line.replace(/^-/, '').split(' ');
          if (basename(program) === 'podman') await podman.command({ args, cwd: root, stdin: '' });
        }
        const [program = '', verb = '', ...args] = (values(text, 'ExecStart')[0] ?? '').split(' ');
        if (basename(program) === 'podman' && verb === 'run') return podman.run(args, log);
        const played = play(name, [program, verb, ...args]);
        if (played === undefined) throw new Error(`nothing here can play ${program}`);
        return played;
      },
    };
  };

  /** What podman's generator makes of a .container file. */
  const quadlet = (file: string): Definition => {
    const text = readFileSync(join(root, QUADLETS, file), 'utf8');
    const [name = 'systemd-unnamed'] = values(text, 'ContainerName');
    const args = [
      ...['--name', name],
      ...values(text, 'Network').flatMap((network) => ['--network', network]),
      ...values(text, 'Volume').flatMap((volume) => ['-v', volume]),
      ...values(text, 'EnvironmentFile').flatMap((path) => ['--env-file', path]),
      ...values(text, 'Environment').flatMap((line) => ['-e', line]),
      ...values(text, 'HealthCmd').flatMap((line) => ['--health-cmd', line]),
      ...values(text, 'HealthInterval').flatMap((line) => ['--health-interval', line]),
      ...values(text, 'Image'),
      ...values(text, 'Exec').flatMap((line) => line.split(' ')),
    ];
    return {
      fragment: `/run/systemd/generator/${file.replace('.container', '.service')}`,
      generated: true,
      text,
      restart: values(text, 'Restart')[0] === 'always',
      pause: pauseOf(text),
      command: `/usr/bin/podman run ${args.join(' ')}`,
      start: async (log) => {
        const remove = (): Promise<Said> | Said => podman.command({ args: ['rm', '-f', name], cwd: root, stdin: '' });
        await remove();
        const { exited, stop } = podman.run(args, log);
        // Run with --rm: gone once it ends.
        const gone = exited.then(async (code) => {
          await remove();
          return code;
        });
        return { exited: gone, stop };
      },
    };
  };

  /** A timer: its service is started at once, and so many seconds after it has ended. */
  const ticking = (name: string, text: string): Running => {
    const service = name.replace('.timer', '.service');
    const pause = Number.parseFloat(values(text, 'OnUnitInactiveSec')[0] ?? values(text, 'OnUnitActiveSec')[0] ?? '60') * 1000;
    let next: NodeJS.Timeout | undefined;
    let exit = (_: number): void => {};
    let over = false;
    const exited = new Promise<number>((resolve) => {
      exit = resolve;
    });
    const tick = async (): Promise<void> => {
      await start(service);
      await unitOf(service).running?.exited;
      if (!over) next = setTimeout(() => void tick(), pause);
    };
    void tick();
    return {
      exited,
      stop: async () => {
        over = true;
        clearTimeout(next);
        exit(0);
      },
    };
  };

  const reload = (): void => {
    const files = existsSync(join(root, QUADLETS)) ? readdirSync(join(root, QUADLETS)).filter((name) => name.endsWith('.container')) : [];
    quadlets = new Map(files.map((file) => [file.replace('.container', '.service'), quadlet(file)]));
  };
  const definition = (name: string): Definition | undefined => plain(name) ?? quadlets.get(name);

  const start = async (name: string): Promise<Said> => {
    const unit = unitOf(name);
    if (unit.active === 'active') return {};
    const found = definition(name);
    if (found === undefined) return { code: 5, err: `Failed to start ${name}: Unit ${name} not found.\n` };
    clearTimeout(unit.again);
    const running = await found.start((line) => unit.log.push({ at: Date.now() / 1000, line }));
    Object.assign(unit, {
      active: 'active',
      sub: name.endsWith('.timer') ? 'waiting' : 'running',
      result: 'success',
      since: Math.floor(Date.now() / 1000),
      running,
    });
    void running.exited.then((code) => {
      if (unit.running !== running) return; // stopped, or started anew, by somebody who says so himself
      unit.running = undefined;
      unit.result = code === 0 ? 'success' : 'exit-code';
      if (!found.restart) {
        Object.assign(unit, { active: code === 0 ? 'inactive' : 'failed', sub: code === 0 ? 'dead' : 'failed' });
        return;
      }
      Object.assign(unit, { active: 'activating', sub: 'auto-restart' });
      unit.again = setTimeout(() => {
        unit.restarts += 1;
        void start(name);
      }, found.pause);
    });
    return {};
  };
  const stop = async (name: string): Promise<Said> => {
    const unit = unitOf(name);
    if (definition(name) === undefined && unit.active === 'inactive')
      return { code: 5, err: `Failed to stop ${name}: Unit ${name} not loaded.\n` };
    const { running } = unit;
    clearTimeout(unit.again);
    Object.assign(unit, { active: 'inactive', sub: 'dead', result: 'success', restarts: 0, running: undefined });
    await running?.stop();
    await running?.exited;
    return {};
  };

  const linkOf = (name: string): string => join(root, wantsOf(name), name);
  const enable = (name: string): void => writeFileSync(linkOf(name), '');
  const disable = (name: string): Said => {
    if (!existsSync(linkOf(name))) return {};
    rmSync(linkOf(name));
    return { err: `Removed '/${wantsOf(name)}/${name}'.\n` };
  };

  const shown = (name: string, call: Call): Said => {
    const unit = unitOf(name);
    const found = definition(name);
    const properties: Readonly<Record<string, string>> = {
      Result: unit.result,
      NRestarts: String(unit.restarts),
      LoadState: found === undefined ? 'not-found' : 'loaded',
      ActiveState: unit.active,
      User: values(found?.text ?? '', 'User').at(-1) ?? '',
      SubState: unit.sub,
      FragmentPath: found?.fragment ?? '',
      UnitFileState: found === undefined ? '' : found.generated ? 'generated' : existsSync(linkOf(name)) ? 'enabled' : 'disabled',
      ActiveEnterTimestamp: unit.since === 0 ? '' : `@${unit.since}`,
      Id: name,
      ...(name.endsWith('.timer') ? timed(name, found?.text ?? '') : {}),
      ...(found === undefined || found.command === '' ? {} : { ExecStart: execution(root, found.command) }),
    };
    const wanted = (call.args[call.args.indexOf('-p') + 1] ?? '').split(',');
    const strange = wanted.filter((one) => !(one in properties) && !OF_SOME.includes(one));
    if (strange.length > 0) return unknownUse('systemctl', call);
    const bare = call.args.includes('--value');
    return { out: wanted.map((one) => (one in properties ? `${bare ? '' : `${one}=`}${properties[one]}\n` : '')).join('') };
  };

  const known = (suffix: string): readonly string[] =>
    [...units.keys()].filter((one) => one.endsWith(suffix) && definition(one) !== undefined);

  const systemctl = async (call: Call): Promise<Said> => {
    const words = call.args.filter((arg, n) => !arg.startsWith('-') && call.args[n - 1] !== '-p');
    const [verb, short = ''] = words;
    const name = short.includes('.') ? short : `${short}.service`;
    const now = call.args.includes('--now');
    switch (verb) {
      case 'daemon-reload':
        reload();
        return {};
      case 'show': {
        // A pattern stands for the units in memory; one paragraph a unit.
        const named = words.slice(1).flatMap((word) => (word.startsWith('*.') ? known(word.slice(1)) : [word]));
        if (named.length === 1 && !short.startsWith('*.')) return shown(name, call);
        const said = named.map((one) => shown(one, call));
        return said.find(({ code }) => code !== undefined) ?? { out: said.map(({ out }) => out ?? '').join('\n') };
      }
      case 'is-active':
        return { code: unitOf(name).active === 'active' ? 0 : 3 };
      case 'list-timers':
        return {
          out: `NEXT LEFT LAST PASSED UNIT ACTIVATES\n${known('.timer')
            .filter((one) => unitOf(one).active === 'active')
            .map((one) => `- - - - ${one} ${one.replace('.timer', '.service')}\n`)
            .join('')}`,
        };
      case 'cat': {
        const found = definition(name);
        return found === undefined ? { code: 1, err: `No files found for ${name}.\n` } : { out: `# ${found.fragment}\n${found.text}` };
      }
      case 'start':
        return start(name);
      case 'stop':
        return stop(name);
      case 'restart':
        if (definition(name) !== undefined) await stop(name);
        return start(name);
      case 'enable':
        enable(name);
        return now ? start(name) : {};
      case 'disable': {
        const said = disable(name);
        if (now) await stop(name);
        return said;
      }
      case 'reset-failed':
        if (definition(name) === undefined)
          return { code: 1, err: `Failed to reset failed state of unit ${name}: Unit ${name} not loaded.\n` };
        unitOf(name).restarts = 0;
        return {};
      default:
        return unknownUse('systemctl', call);
    }
  };

  return {
    systemctl,
    journalctl: (call) => {
      const said = call.args.join(' ');
      const [, name, n] = /^-u (\S+) -n (\d+) -o cat --no-pager$/.exec(said) ?? [];
      if (name !== undefined)
        return {
          out: unitOf(name)
            .log.slice(-Number(n))
            .map(({ line }) => `${line}\n`)
            .join(''),
        };
      const [, unit, since] = /^(?:-u (\S+)|CONTAINER_NAME=\S+) --since=@(\d+) -n \d+ -o short-unix --no-pager$/.exec(said) ?? [];
      if (since === undefined) return unknownUse('journalctl', call);
      const lines = (unit === undefined ? [] : unitOf(unit).log).filter(({ at }) => at >= Number(since));
      return { out: lines.map(({ at, line }) => `${at.toFixed(6)} akira litellm[1102]: ${line}\n`).join('') || '-- No entries --\n' };
    },
    close: async () => {
      for (const name of units.keys()) await stop(name);
    },
  };
};
