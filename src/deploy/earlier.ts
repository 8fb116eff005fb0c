import type { Facts } from '../evidence.ts';
import type { Fabric } from '../fabric.ts';
import type { FileState, Step } from '../plan.ts';
import { FOUND } from '../probes/release.ts';
import { CONTAINER, configPath, envPath, QUADLET, RUNBOOK_UNIT, UNIT } from '../services/litellm.ts';
import { quote } from '../shell.ts';
import { markDown } from './activate.ts';
import { questions } from './needs.ts';

/** What an earlier deployment, the runbook's way, left running: a unit in /etc/systemd/system, or containers. */
export interface Earlier {
  readonly unit: FileState | null;
  readonly containers: readonly { readonly engine: 'podman' | 'docker'; readonly name: string }[];
}

export const earlier = (fabric: Fabric, { know }: Facts): Earlier => {
  const asked = questions(fabric);
  const unit = know(asked.runbookUnit);
  const { fragment } = know(asked.unit);
  const there = know(asked.container);
  const kept = know(asked.kept);
  // Ours: what the Quadlet runs; also where the Quadlet was deleted, and what it ran still does.
  const ours =
    unit === null &&
    ((fragment.startsWith('/run/systemd/generator/') && know(asked.quadlet) !== null) ||
      (kept.current !== null && there?.network === 'host' && kept.releases.some(({ image }) => image === there.image)));
  const { running, published } = know(asked.containers);
  const port = fabric.litellm.listen.port;
  const taken = know(asked.listeners).length > 0;
  const inTheWay = running.filter(({ engine, name, image }) => {
    if (ours && engine === 'podman' && name === CONTAINER) return false;
    const own = published.filter((one) => one.engine === engine && one.container === name);
    // One of LiteLLM's image that publishes nothing uses the host's network: it is the one that has the port, if the port is taken.
    return (
      name === CONTAINER ||
      own.some((one) => one.port === port) ||
      (!ours && taken && own.length === 0 && /(^|\/)litellm[^/]*(:|@|$)/.test(image))
    );
  });
  // One that is stopped is in the way too: the Quadlet would replace a container of its name.
  const stopped = !ours && there !== null && !inTheWay.some(({ engine, name }) => engine === 'podman' && name === CONTAINER);
  return { unit, containers: [...inTheWay, ...(stopped ? [{ engine: 'podman' as const, name: CONTAINER }] : [])] };
};

/** Keeps what is there before the first deployment touches it: once, and for good. */
export const keepFound = (fabric: Fabric): Step => {
  const { host, directory } = fabric.litellm;
  const files = [configPath(fabric.litellm), envPath(fabric.litellm), `${directory}/docker-compose.yml`, RUNBOOK_UNIT, QUADLET];
  return {
    do: 'run',
    host,
    title: `keep the files of the earlier deployment in ${FOUND}`,
    script: `mkdir -p ${quote(FOUND)}; for f in ${files.map(quote).join(' ')}; do to=${quote(FOUND)}/$(basename "$f"); if [ -e "$f" ] && [ ! -e "$to" ]; then cp -p "$f" "$to"; fi; done; if [ -e ${quote(FOUND)}/.env ]; then chown root:root ${quote(FOUND)}/.env; chmod 600 ${quote(FOUND)}/.env; fi`,
    undo: 'stays',
  };
};

/** Steps that retire the unit and the containers. Undone, everything is back as it was, and starts at boot as it did. */
export const retire = (fabric: Fabric, facts: Facts): readonly Step[] => {
  const { host } = fabric.litellm;
  const { unit, containers } = earlier(fabric, facts);
  const { enabled, active } = facts.know(questions(fabric).unit);
  return [
    ...(unit === null
      ? []
      : [
          {
            do: 'run' as const,
            host,
            title: `retire ${RUNBOOK_UNIT}, which outranks the Quadlet (kept in ${FOUND})`,
            script: [
              markDown(fabric),
              `mkdir -p ${quote(FOUND)}; cp -p ${RUNBOOK_UNIT} ${quote(FOUND)}/litellm.service`,
              `systemctl disable --now ${UNIT} 2>&1`,
              `rm -f ${RUNBOOK_UNIT}; systemctl daemon-reload; systemctl reset-failed ${UNIT} 2>/dev/null || true`,
            ].join('\n'),
            undo: {
              script: [
                `[ -e ${RUNBOOK_UNIT} ] || cp -p ${quote(FOUND)}/litellm.service ${RUNBOOK_UNIT}`,
                `systemctl daemon-reload${enabled === 'enabled' ? `; systemctl enable ${UNIT} 2>&1` : ''}${active === 'active' ? `; systemctl start ${UNIT}` : ''}`,
              ].join('\n'),
            },
          },
        ]),
    ...containers.map(({ engine, name }) => {
      const there = (which: string): string => `${engine} inspect --type container ${which} >/dev/null 2>&1`;
      // The restart policy, and the name it got: both for taking back.
      const note = `${quote(FOUND)}/container.${engine}.${quote(name)}`;
      return {
        do: 'run' as const,
        host,
        title: `retire the ${engine} container ${name} (stopped, and kept as ${name}-retired-by-fabric)`,
        script: [
          markDown(fabric),
          `mkdir -p ${quote(FOUND)}; rm -f ${note}; away=${quote(name)}-retired-by-fabric; n=1`,
          `while ${there('"$away"')}; do n=$((n + 1)); away=${quote(name)}-retired-by-fabric-$n; done`,
          `if ${there(quote(name))}; then`,
          `  policy=$(${engine} inspect --type container --format '{{.HostConfig.RestartPolicy.Name}}' ${quote(name)}); s=$(${engine} inspect --type container --format '{{.State.Running}}' ${quote(name)}); echo "\${policy:-no} $s $away" >${note}`,
          // podman before 5.1 cannot change the policy: there the name alone keeps it out of the way.
          `  ${engine} update --restart=no ${quote(name)} >/dev/null 2>&1 || true; ${engine} stop ${quote(name)} >/dev/null`,
          // One that was started with --rm is gone once it stops.
          `  if ${there(quote(name))}; then ${engine} rename ${quote(name)} "$away"; fi`,
          'fi',
        ].join('\n'),
        undo: {
          script: [
            `[ -e ${note} ] || exit 0`,
            `read -r policy ran away <${note}`,
            `if ${there('"$away"')}; then`,
            // The failed attempt's container may still have the name.
            ...(name === CONTAINER ? [`  systemctl stop ${UNIT} 2>/dev/null || true`] : []),
            `  ${engine} rename "$away" ${quote(name)}; if [ "$ran" = true ]; then ${engine} start ${quote(name)} >/dev/null; fi`,
            `  ${engine} update --restart="$policy" ${quote(name)} >/dev/null 2>&1 || true`,
            'fi',
          ].join('\n'),
        },
      };
    }),
  ];
};
