// What Linux's own tools say of files, on any system. Everything belongs to root unless it was given away: the demo is not root, so
// owners are remembered here and not by the file system.
import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Call, type Commands, type Said, unknownUse } from './shell.ts';

const sha256 = (data: Buffer | string): string => createHash('sha256').update(data).digest('hex');

/** Bytes of a folder and all in it, as `du -sb` counts them: a folder itself is 4096. */
const size = (path: string): number => {
  const is = lstatSync(path);
  return is.isDirectory() ? readdirSync(path).reduce((sum, name) => sum + size(join(path, name)), 4096) : is.size;
};

export const fileCommands = (): Commands => {
  const owners = new Map<number, string>();
  const ownerOf = (path: string): string => owners.get(statSync(path).ino) ?? 'root:root';

  const stat = (call: Call): Said => {
    // It always looks at what a link leads to: nothing here asks for links themselves.
    const [flag, format = '', ...paths] = call.args[0] === '-L' ? call.args.slice(1) : call.args;
    if (flag !== '-c') return unknownUse('stat', call);
    let [out, err] = ['', ''];
    for (const path of paths) {
      const at = resolve(call.cwd, path);
      try {
        const is = statSync(at);
        const [user = '', group = ''] = ownerOf(at).split(':');
        const id = (name: string): string => (name === 'root' ? '0' : '1000');
        const fields: Readonly<Record<string, string>> = {
          n: path,
          a: (is.mode & 0o7777).toString(8),
          U: user,
          G: group,
          u: id(user),
          g: id(group),
          Y: String(Math.floor(is.mtimeMs / 1000)),
          i: String(is.ino),
        };
        out += `${format.replace(/%(.)/g, (_, field: string) => fields[field] ?? `(unknown %${field})`)}\n`;
      } catch {
        err += `stat: cannot statx '${path}': No such file or directory\n`;
      }
    }
    return { code: err === '' ? 0 : 1, out, err };
  };

  return new Map([
    ['stat', stat],
    [
      'sha256sum',
      ({ args, cwd, stdin }: Call): Said =>
        args.length === 0
          ? { out: `${sha256(stdin)}  -\n` }
          : { out: args.map((path) => `${sha256(readFileSync(resolve(cwd, path)))}  ${path}\n`).join('') },
    ],
    [
      'chown',
      ({ args: [owner = '', ...paths], cwd }: Call): Said => {
        const from = /^--reference=(.*)$/.exec(owner)?.[1];
        const to = from === undefined ? owner : ownerOf(resolve(cwd, from));
        for (const path of paths) owners.set(statSync(resolve(cwd, path)).ino, to);
        return {};
      },
    ],
    [
      '.chmod',
      ({ args: [from = '', ...paths], cwd }: Call): Said => {
        const { mode } = statSync(resolve(cwd, from.replace('--reference=', '')));
        for (const path of paths) chmodSync(resolve(cwd, path), mode & 0o7777);
        return {};
      },
    ],
    [
      'du',
      (call: Call): Said => {
        const [flag, path = '.'] = call.args;
        return flag === '-sb' ? { out: `${size(resolve(call.cwd, path))}\t${path}\n` } : unknownUse('du', call);
      },
    ],
    [
      // One file system of 250 GiB, a third of it taken.
      'df',
      (call: Call): Said => {
        const used = (all: number): string => `${all} ${Math.floor(all / 3)} ${all - Math.floor(all / 3)} 34% /\n`;
        if (call.args[0] === '-Pk')
          return { out: `Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/vda1 ${used(262_144_000)}` };
        if (call.args[0] === '-Pi') return { out: `Filesystem Inodes IUsed IFree IUse% Mounted on\n/dev/vda1 ${used(16_777_216)}` };
        return unknownUse('df', call);
      },
    ],
    [
      '.date',
      (call: Call): Said => {
        const now = Date.now();
        return call.args[0] === '+%s%N'
          ? { out: `${Math.floor(now / 1000)}${String(now % 1000).padStart(3, '0')}000000\n` }
          : unknownUse('date', call);
      },
    ],
    // Always had: nobody else changes this host.
    ['flock', (): Said => ({})],
  ]);
};
