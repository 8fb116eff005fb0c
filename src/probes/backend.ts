import type { Answer, Probe } from '../evidence.ts';
import type { Backend, Litellm } from '../fabric.ts';
import { CONTAINER } from '../services/litellm.ts';
import { quote } from '../shell.ts';
import { curl, type Reached, reached, type Unanswered } from './http.ts';
import { withKey } from './litellm.ts';

/** OpenRouter's own address; its list of models is public and free. */
const OPENROUTER = 'https://openrouter.ai/api';
export const backendUrl = ({ url }: Backend): string => url ?? OPENROUTER;

export type Listed = { readonly status: number; readonly ids: readonly string[] } | Unanswered;

/** The ids are picked out on the host, since OpenRouter lists hundreds of models; the last line is the status.
 *
 *   "id":"qwen2.5-7b"
 *   200
 */
const listed = (answer: Answer): Listed => {
  const reply = reached(answer);
  if (typeof reply === 'string') return reply;
  const ids = reply.body.split('\n').flatMap((line) => /"id"\s*:\s*"([^"]+)"/.exec(line)?.[1] ?? []);
  return { status: reply.status, ids: ids.filter((id) => !id.startsWith('modelperm-')) }; // vLLM nests permissions with ids of their own
};
const PICK = `tr ',{' '\\n\\n' | grep -E '^ *"id"|^[0-9]{3}$'`;

/** A backend's list of models, asked from the host of LiteLLM. */
export const fromHost = (litellm: Litellm, backend: Backend): Probe<Listed> => ({
  key: `backend/${backend.name}/from-host`,
  question: {
    at: litellm.host,
    via: 'sh',
    ...(backend.key === null ? {} : { sudo: true as const }),
    script: `o=$(${withKey(litellm, backend.key)}${curl(`${backendUrl(backend)}/v1/models`, backend.key === null ? '' : '-H @-')}) || exit $?\nprintf '%s\\n' "$o" | ${PICK}`,
  },
  read: listed,
});

/** The same from where LiteLLM stands: inside its container, by the image's own python (it has no curl). */
export const fromContainer = (litellm: Litellm, backend: Backend): Probe<Listed> => ({
  key: `backend/${backend.name}/from-container`,
  question: {
    at: litellm.host,
    via: 'sh',
    sudo: true,
    script: `o=$(podman exec ${CONTAINER} python3 -c ${quote(PYTHON)} ${quote(`${backendUrl(backend)}/v1/models`)} ${backend.key === null ? '' : quote(backend.key)}) || exit $?\nprintf '%s\\n' "$o" | ${PICK}`,
  },
  read: listed,
});
/** Prints as the curl above does, and exits as it does: 6 no such host, 7 refused or no route, 28 timed out. */
const PYTHON = `import os, socket, sys, urllib.error, urllib.request
url, name = sys.argv[1], (sys.argv + [''])[2]
headers = {'Authorization': 'Bearer ' + os.environ.get(name, '')} if name else {}
try:
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=5) as reply:
        print(reply.read().decode('utf-8', 'replace'))
        print(reply.status)
except urllib.error.HTTPError as error:
    print(error.code)
except (urllib.error.URLError, OSError) as error:
    why = getattr(error, 'reason', error)
    print(why, file=sys.stderr)
    sys.exit(6 if isinstance(why, socket.gaierror) else 28 if isinstance(why, TimeoutError) else 7)`;

/** Whether the same port answers on 127.0.0.1 of the host. */
export const onLoopback = (litellm: Litellm, backend: Backend, port: number): Probe<Reached> => ({
  key: `backend/${backend.name}/on-loopback`,
  question: { at: litellm.host, via: 'sh', script: `${curl(`http://127.0.0.1:${port}/v1/models`, '-o /dev/null')}` },
  read: reached,
});
