import { readFileSync, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { Refusal } from '../errors.ts';
import { BECOME, type Keyring, Secret } from '../secret.ts';
import { guard } from './guard.ts';
import { Interrupted } from './interrupted.ts';

/** How the command line hands sudo's password over. */
export interface BecomeOptions {
  readonly askBecomePass?: boolean;
  /** `-`: standard input. */
  readonly becomePassFile?: string;
}

/** The keyring with sudo's password in it, asked for or read as the user said; one for all hosts. What is in it is never printed from here on. */
export const withBecome = async (keyring: Keyring, options: BecomeOptions): Promise<Keyring> => {
  const password = await passwordOf(options);
  const whole = password === undefined ? keyring : new Map([...keyring, [BECOME.secret, new Secret(BECOME.secret, password)]]);
  guard(whole);
  return whole;
};

const passwordOf = async ({ askBecomePass, becomePassFile }: BecomeOptions): Promise<string | undefined> => {
  if (becomePassFile !== undefined) return checked(becomePassFile === '-' ? readFileSync(0, 'utf8') : privately(becomePassFile));
  if (askBecomePass !== true) return undefined;
  if (!process.stdin.isTTY)
    throw new Refusal('nobody can be asked for a password: standard input is not a terminal', {
      next: ['--become-pass-file FILE, or --become-pass-file - to read it from standard input'],
    });
  return checked(await asked());
};

const checked = (text: string): string => {
  const password = text.replace(/\r?\n$/, '');
  if (password === '') throw new Refusal("sudo's password is empty", { next: ['give one, or leave the option out'] });
  if (/[\n\r\0]/.test(password)) throw new Refusal("sudo's password has more than one line", { next: ['give one line'] });
  return password;
};

const privately = (path: string): string => {
  try {
    const { mode } = statSync(path);
    if ((mode & 0o077) !== 0)
      throw new Refusal(`${path} may be read by others (mode ${(mode & 0o777).toString(8)})`, { next: [`chmod 600 ${path}`] });
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof Refusal) throw cause;
    throw new Refusal(`sudo's password cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, {
      next: ['name a file that can be read with --become-pass-file FILE'],
      cause,
    });
  }
};

/** What is typed is not shown. */
const asked = (): Promise<string> =>
  new Promise((resolve, reject) => {
    const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
    const prompt = createInterface({ input: process.stdin, output: nowhere, terminal: true });
    process.stderr.write("sudo's password: ");
    prompt.once('line', (line) => {
      resolve(line);
      prompt.close();
    });
    prompt.once('close', () => {
      process.stderr.write('\n');
      reject(new Interrupted('interrupted')); // harmless after a line
    });
  });
