import type { Probe } from '../evidence.ts';
import type { Fabric } from '../fabric.ts';
import { container, containers, image } from '../probes/container.ts';
import { engineStorage, envFile } from '../probes/env.ts';
import { file, sinceChange } from '../probes/file.ts';
import { firewallSettings, permanentZones, runtimeFirewall } from '../probes/firewall.ts';
import { machine } from '../probes/machine.ts';
import { interfaces, listeners } from '../probes/network.ts';
import { kept, written } from '../probes/release.ts';
import { unit } from '../probes/unit.ts';
import { CONTAINER, envPath, files, RUNBOOK_UNIT, UNIT } from '../services/litellm.ts';

/** Everything that deploying must know of the host, as probes; checks ask with the same ones. */
export const questions = (fabric: Fabric) => {
  const { litellm } = fabric;
  const { host, listen } = litellm;
  const [config, quadlet] = files(litellm);
  const env = envPath(litellm);
  return {
    machine: machine(host),
    config: file(host, config.path),
    quadlet: file(host, quadlet.path),
    runbookUnit: file(host, RUNBOOK_UNIT),
    env: envFile(host, env),
    changed: sinceChange(host, [config.path, quadlet.path, env]),
    unit: unit(host, UNIT),
    image: image(host, litellm.image),
    container: container(host, CONTAINER),
    containers: containers(host),
    engine: engineStorage(host),
    listeners: listeners(host, listen.port),
    firewall: runtimeFirewall(host),
    permanent: permanentZones(host),
    settings: firewallSettings(host, listen.port),
    interfaces: interfaces(host),
    kept: kept(litellm),
    written: written(host),
  };
};

export const needs = (fabric: Fabric): readonly Probe<unknown>[] => Object.values(questions(fabric));
