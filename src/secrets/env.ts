import type { Fetched } from './source.ts';

/** `env:NAME`: this process's environment. */
export const fromEnv = (name: string, env: NodeJS.ProcessEnv): Fetched => {
  const value = env[name];
  return value === undefined ? { missing: `the environment variable ${name} is not set` } : { value };
};
