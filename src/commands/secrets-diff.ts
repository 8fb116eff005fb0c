import { type Compared, compare, needs, type Verdict } from '../deploy/compare.ts';
import { askAll, keyringOf } from '../secrets/fetch.ts';
import { sourceText } from '../secrets/source.ts';
import { visible } from '../shell.ts';
import { withBecome } from './become.ts';
import { fingerprintsOf } from './planning.ts';
import { progress } from './progress.ts';
import { meant } from './secrets-sync.ts';
import { type Common, certain, open } from './session.ts';

export interface DiffOptions extends Common {
  readonly host?: string;
  readonly format: 'human' | 'json';
}

/** `fabric secrets diff`: source = .env = running process, by name. Exit 0 the same, 1 different, 3 or 4 unknown. */
export const secretsDiff = async (service: string, options: DiffOptions): Promise<number> => {
  const session = open(options);
  const { fabric } = session;
  const { host, secrets } = fabric.litellm;
  try {
    meant(fabric, service, options.host);
    const had = await askAll(secrets, process.env);
    const keyring = await withBecome(keyringOf(had), options);
    const asking = progress(`asking ${host}`);
    const evidence = await session.ask(needs(fabric), keyring).finally(() => asking.end());
    const compared = certain(evidence, needs(fabric), (facts) => compare(fabric, facts, fingerprintsOf(keyring)));
    const missing = new Map([...had].flatMap(([name, said]) => ('missing' in said ? [[name, said] as const] : [])));
    if (options.format === 'json') {
      const names = compared.names.map((one) => ({ ...one, why: missing.get(one.name)?.missing ?? null }));
      process.stdout.write(`${JSON.stringify({ schema: 'fabric.secrets-diff/1', host, runs: compared.runs, names }, null, 2)}\n`);
    } else {
      const width = Math.max(0, ...compared.names.map(({ name }) => name.length));
      const rows = compared.names.map((one) => {
        const source = secrets.get(one.name);
        // What is missing says where from.
        const from = missing.get(one.name)?.missing ?? (source === undefined ? 'nowhere' : sourceText(source));
        return `${visible(one.name).padEnd(width)}  ${relation(one)}  ${visible(from)}\n`;
      });
      process.stdout.write(rows.join(''));
      process.stdout.write(advice(compared));
    }
    if (compared.names.some(differs)) return 1;
    if (missing.size > 0) return 4;
    return compared.runs ? 0 : 3;
  } finally {
    await session.close();
  }
};

/** `source = .env ≠ process`, in columns of one width. */
const relation = ({ file, process: running }: Compared['names'][number]): string => {
  const sign = (which: Verdict): string => ({ same: '=', different: '≠', absent: '≠', unknown: '?' })[which];
  const env = file === 'absent' ? 'not in .env' : '.env';
  const process_ = running === 'absent' ? 'not in the process' : 'process';
  return `source ${sign(file)} ${env.padEnd(11)} ${sign(running)} ${process_.padEnd(18)}`;
};

const differs = ({ file, process: running }: Compared['names'][number]): boolean =>
  [file, running].some((which) => which === 'different' || which === 'absent');

const advice = ({ names, runs }: Compared): string =>
  [
    names.some(({ file, source }) => source && (file === 'different' || file === 'absent'))
      ? 'the sources hold what .env does not: `fabric secrets sync`\n'
      : '',
    runs ? '' : 'LiteLLM does not run there, so no process has them\n',
    names.some(({ process: running }) => running === 'different' || running === 'absent')
      ? 'LiteLLM was started with other values than .env holds: `fabric secrets sync` restarts it; where that does not help, its unit or its image sets them\n'
      : '',
  ].join('');
