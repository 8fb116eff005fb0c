// Any program that prints the value: the way to stores that have no file here.
import type { SecretSource } from '../fabric.ts';
import { atHome } from './file.ts';
import { failed, printed, run } from './program.ts';
import type { Fetched, World } from './source.ts';

export const fetchCommand = async (source: Extract<SecretSource, { from: 'command' }>, world: World): Promise<Fetched> => {
  const [program = '', ...args] = source.argv;
  const ran = await run([atHome(program, world.env['HOME']), ...args], world);
  if ('missing' in ran) return ran;
  if (ran.code === 0) return { value: printed(ran.out) };
  return { missing: `exit ${ran.code}: ${failed(program, ran)}` };
};
