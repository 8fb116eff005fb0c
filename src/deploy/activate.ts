import type { Fabric } from '../fabric.ts';
import type { Step } from '../plan.ts';
import { baseUrl, UNIT } from '../services/litellm.ts';
import { quote } from '../shell.ts';

/** Where the host notes, in ns since 1970, when a service that answered was stopped. In /run: a reboot forgets it. */
const STAMP = '/run/fabric-litellm-down';
/** Seconds that LiteLLM may take: 10-40 as a rule, with database migrations up to 240. */
const PATIENCE = 300;

const alive = (fabric: Fabric): string =>
  `curl -qfsS --noproxy '*' -m 2 -o /dev/null ${quote(`${baseUrl(fabric.litellm)}/health/liveliness`)} 2>/dev/null`;

/** Shell to put before whatever stops the service: the beginning of its downtime, if it answers now. */
export const markDown = (fabric: Fabric): string => `if [ ! -e ${STAMP} ] && ${alive(fabric)}; then date +%s%N >${STAMP}; fi`;

/**
 * Restarts the unit and waits until LiteLLM answers or its unit has died: waiting on the host costs no channel. It does not
 * judge: the gate does. Prints `downtime MILLISECONDS` where something had answered before. Undone, it is run once more.
 */
export const activate = (fabric: Fabric): Step => ({
  do: 'run',
  host: fabric.litellm.host,
  title: `restart ${UNIT} and wait until LiteLLM answers`,
  script: [
    'systemctl daemon-reload',
    `if ! systemctl cat ${UNIT} >/dev/null 2>&1; then systemctl stop ${UNIT} 2>/dev/null || true; rm -f ${STAMP}; exit 0; fi`,
    markDown(fabric),
    `systemctl reset-failed ${UNIT} 2>/dev/null || true; systemctl restart ${UNIT} 2>/dev/null || true`,
    `end=$(($(date +%s) + ${PATIENCE})); n=0`,
    'while [ "$(date +%s)" -lt "$end" ]; do',
    `  if ${alive(fabric)}; then`,
    `    if [ -e ${STAMP} ]; then echo "downtime $((($(date +%s%N) - $(cat ${STAMP})) / 1000000))"; rm -f ${STAMP}; fi`,
    '    exit 0',
    '  fi',
    // Every other second: a question to systemd costs more than the rest of the round, of the CPU that the start wants.
    `  n=$(((n + 1) % 4)); [ $n != 0 ] || case $(systemctl show -p SubState --value ${UNIT}) in auto-restart*|failed|dead) break;; esac`,
    '  sleep 0.5',
    'done',
  ].join('\n'),
  undo: 'again',
});
