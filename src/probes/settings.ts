import { type Probe, Unreadable } from '../evidence.ts';
import type { Fabric, JsonObject } from '../fabric.ts';
import { CONTAINER, configPath } from '../services/litellm.ts';
import { readYaml } from '../services/yaml.ts';
import { file } from './file.ts';

/** LiteLLM's config.yaml as the host has it, read as LiteLLM reads it. `null`: not there. The question is that of the file itself. */
export const hostConfig = ({ litellm }: Fabric): Probe<JsonObject | null> => {
  const asked = file(litellm.host, configPath(litellm));
  return {
    ...asked,
    read: (answer, at) => {
      const seen = asked.read(answer, at);
      if (seen === null) return null;
      const read = readYaml(seen.text);
      if ('why' in read) throw new Unreadable(`${configPath(litellm)}: ${read.why}`);
      return read.value;
    },
  };
};

export interface Workers {
  readonly count: number;
  /** DEFAULT_HEALTH_CHECK_INTERVAL, in seconds, where the container was given one. */
  readonly interval: number | null;
}
/** How many processes LiteLLM was told to start, each with health checks of its own. Of the environment two names alone are looked at.
 *
 *   --num_workers
 *   4
 *   DEFAULT_HEALTH_CHECK_INTERVAL=60
 */
export const workers = ({ litellm }: Fabric): Probe<Workers> => ({
  key: 'workers',
  question: {
    at: litellm.host,
    via: 'sh',
    sudo: true,
    // One look in the good case: each of podman's processes costs a host some 40 ms.
    script: [
      `i=$(podman inspect --type container --format '{{range .Args}}{{println .}}{{end}}{{range .Config.Env}}{{println .}}{{end}}' ${CONTAINER}) || { podman container exists ${CONTAINER}; [ $? = 1 ] && exit 0; exit 1; }`,
      `printf '%s\\n' "$i" | awk '/^--num_workers/ { print; if ($0 !~ /=/ && (getline > 0)) print } /^(NUM_WORKERS|DEFAULT_HEALTH_CHECK_INTERVAL)=[0-9]+$/'`,
    ].join('\n'),
  },
  read: ({ code, out, err }) => {
    if (code !== 0) throw new Unreadable(`exit ${code}: ${err.split('\n')[0] ?? ''}`);
    const after = (pattern: RegExp): number | null => {
      const found = pattern.exec(out)?.[1];
      return found === undefined ? null : Number(found);
    };
    return {
      count: after(/--num_workers[\n=](\d+)/) ?? after(/^NUM_WORKERS=(\d+)$/m) ?? 1,
      interval: after(/^DEFAULT_HEALTH_CHECK_INTERVAL=(\d+)$/m),
    };
  },
});
