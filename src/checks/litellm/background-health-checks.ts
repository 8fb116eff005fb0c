import { defineCheck, type Finding, type Fix } from '../../check.ts';
import { isLost, type Lost } from '../../evidence.ts';
import type { Json, JsonObject } from '../../fabric.ts';
import { file } from '../../probes/file.ts';
import { askedModels } from '../../probes/prices.ts';
import { hostConfig, workers } from '../../probes/settings.ts';
import { onHost } from '../../reproduce.ts';
import { configOf, configPath, isMapping } from '../../services/litellm.ts';
import { before, every, money } from '../../services/prices.ts';

/** LiteLLM's own (constants.py, DEFAULT_HEALTH_CHECK_INTERVAL). */
const USUAL = 300;
/** A pause that nobody minds, in seconds. */
const SELDOM = 3600;

export default defineCheck({
  id: 'litellm/background-health-checks',
  rex: ['REX-36'],
  standing: true,
  title: 'LiteLLM does not probe paid models by itself, or seldom',
  story:
    'With general_settings.background_health_checks LiteLLM asks every model in a loop, each of its worker processes by itself, and nothing of it shows in the access log. ' +
    'The pause is health_check_interval, 300 seconds where none is given; 0, a quoted number or 30.0 is no int to Python, and switches the loop off.',
  decides: `It reads config.yaml on the host as LiteLLM does. It fails where the loop runs, some model that it asks is not at home, and the pause is shorter than ${every(SELDOM)}.`,
  sources: [
    'LiteLLM: proxy/proxy_server.py, _run_background_health_check and load_config',
    'LiteLLM: issues 6368 and 8248, mended by 10887 (before 1.71.1 it did not pause at all)',
    'measured: LiteLLM 1.109.1, interval 2 s: one request to each model every 2 s and the sweep’s time',
  ],
  spared: {
    prices: 'prices alone',
    'version/litellm': 'whether the loop pauses, and how long a probe’s answer may be: money alone',
  },
  each: (fabric) => {
    const { litellm } = fabric;
    const { host } = litellm;
    const config = hostConfig(fabric);
    const written = file(host, configPath(litellm));
    const processes = workers(fabric);
    const asked = askedModels(fabric);
    return [
      {
        subject: host,
        needs: [config, processes, ...asked.needs],
        judge: (facts): readonly (Finding | Lost)[] => {
          const general = facts.know(config)?.['general_settings'];
          if (!isMapping(general) || !truthy(general['background_health_checks'])) return [];
          const { count, interval } = facts.know(processes);
          const pause = pauseOf(general, interval ?? USUAL, facts.know(written)?.text ?? '');
          if (pause === null) return [];
          const models = asked.read(facts);
          if (isLost(models)) return [models];
          const groups = general['background_health_check_model_groups'];
          const probed = models.deployments.filter(({ spared, name }) => !spared && (!Array.isArray(groups) || groups.includes(name)));
          const hot = before(models.version, '1.71.1');
          if (pause >= SELDOM && !hot) return [];
          const reckoned = money(fabric, probed, models.version, (count * 86_400) / pause, 'a day');
          if (!reckoned.paid) return [];
          const ours = configOf(litellm)['general_settings'];
          const mended = !isMapping(ours) || !truthy(ours['background_health_checks']);
          const fix: Fix = 'deploy';
          return [
            {
              severity: 'fail',
              saw:
                `background_health_checks is on, with a pause of ${every(pause)} after each sweep${count > 1 ? ` in each of ${count} workers` : ''}` +
                `${hot ? `, which LiteLLM ${models.version} does not make` : ''}: ${hot ? 'more than ' : 'up to '}${reckoned.text}`,
              want: `no loop, or a pause of ${every(SELDOM)} and more`,
              advice: mended
                ? 'Run `fabric deploy litellm`: fabric.yaml does not ask for it.'
                : 'Take background_health_checks out of litellm.config.general_settings in fabric.yaml (or give it health_check_interval: 3600), then run `fabric deploy litellm`.',
              ...(mended ? { fix } : {}),
              reproduce: onHost(fabric, host, `sudo grep -n -A 1 health_check ${configPath(litellm)}`),
            },
          ];
        },
      },
    ];
  },
});

/** As Python has it: `"false"`, quoted, is true. */
const truthy = (value: Json | undefined): boolean =>
  value !== undefined && value !== null && value !== false && value !== 0 && value !== '' && !(Array.isArray(value) && value.length === 0);

/** Seconds, or `null` where the loop does not run: `isinstance(interval, int)` and above 0. YAML's `yes` is 1 to Python. `text`: where `30.0` is told from 30. */
const pauseOf = (general: JsonObject, usual: number, text: string): number | null => {
  const interval = 'health_check_interval' in general ? general['health_check_interval'] : usual;
  if (interval === true) return 1;
  if (typeof interval !== 'number' || !Number.isInteger(interval) || interval <= 0) return null;
  return /health_check_interval["']?\s*:\s*[\d_]+\.[\d_]*(?:[eE][-+]\d+)?\s*(?:[#,}]|$)/m.test(text) ? null : interval;
};
