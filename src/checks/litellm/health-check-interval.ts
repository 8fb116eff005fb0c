import { defineCheck, type Finding, type Fix } from '../../check.ts';
import { isLost } from '../../evidence.ts';
import { hostConfig } from '../../probes/settings.ts';
import { litellmVersion } from '../../probes/version.ts';
import { onHost } from '../../reproduce.ts';
import { CONTAINER, configOf, configPath, isMapping } from '../../services/litellm.ts';
import { before } from '../../services/prices.ts';
import { imageTag, parseVersion } from '../../services/version.ts';

/** Settings of health checks that stand elsewhere now and then. */
const NAMES = ['health_check_interval', 'health_check_concurrency', 'background_health_checks'] as const;
const SECTIONS = ['router_settings', 'litellm_settings', ''] as const;

export default defineCheck({
  id: 'litellm/health-check-interval',
  rex: ['REX-36'],
  standing: true,
  title: 'Settings of health checks stand in general_settings, where LiteLLM reads them',
  story:
    'A post-mortem wrote router_settings.health_check_interval: 0 to stop paid health checks. It never stopped any: releases of then dropped it without a word, those after 1.80.11 and before 1.81.3 answered every request with a 500, ' +
    'and since 1.81.3 LiteLLM does not start with it. Updating is what breaks, months after the fix.',
  decides:
    'It reads config.yaml on the host, and judges by the release that runs; where none does, by the image’s tag. In router_settings it fails, since sooner or later LiteLLM does not start; elsewhere nothing reads it, and it warns.',
  sources: [
    'LiteLLM: issues 19422 and 19441; proxy/proxy_server.py, load_config',
    'measured: LiteLLM 1.109.1 exits with 3: is NOT a valid router_settings parameter',
  ],
  spared: { 'version/litellm': 'which harm it does there; that it does is decided without' },
  each: (fabric) => {
    const { litellm } = fabric;
    const { host } = litellm;
    const config = hostConfig(fabric);
    const release = litellmVersion(host, CONTAINER);
    return [
      {
        subject: host,
        needs: [config, release],
        judge: ({ know, maybe }): readonly Finding[] => {
          const seen = know(config);
          if (seen === null) return [];
          const running = maybe(release);
          const tag = imageTag(litellm.image);
          const version = isLost(running) ? (tag !== null && parseVersion(tag) !== null ? tag : null) : running;
          const named = version === null ? 'LiteLLM' : `LiteLLM ${version}${isLost(running) ? ' (by the image’s tag)' : ''}`;
          return SECTIONS.flatMap((section) => {
            const settings = section === '' ? seen : seen[section];
            if (!isMapping(settings)) return [];
            return NAMES.flatMap((name): readonly Finding[] => {
              const value = settings[name];
              if (value === undefined) return [];
              const router = section === 'router_settings' && name !== 'background_health_checks';
              const what = !router
                ? `${named} does not read it there`
                : before(version, '1.80.12')
                  ? `${named} ignores it, and from 1.81.3 on it does not start with it`
                  : before(version, '1.81.3')
                    ? `${named} answers every request with 500: Router.__init__() got an unexpected keyword argument`
                    : `${named} does not start with it: '${name}' is NOT a valid router_settings parameter`;
              const ours = section === '' ? configOf(litellm) : configOf(litellm)[section];
              const mended = !isMapping(ours) || ours[name] === undefined;
              const fix: Fix = 'deploy';
              const at = section === '' ? name : `${section}.${name}`;
              return [
                {
                  severity: router ? 'fail' : 'warn',
                  saw: `${at}: ${JSON.stringify(value)?.slice(0, 40)} in ${configPath(litellm)}: ${what}`,
                  want: `no ${name} there: it stops no health check, since LiteLLM makes none by itself unless general_settings.background_health_checks is on`,
                  advice: mended
                    ? 'Run `fabric deploy litellm`: fabric.yaml does not have it.'
                    : `Take it out of litellm.config${section === '' ? '' : `.${section}`} in fabric.yaml, then run \`fabric deploy litellm\`. What calls /health is found by litellm/paid-health-checks.`,
                  ...(mended ? { fix } : {}),
                  reproduce: onHost(fabric, host, `sudo grep -n ${name} ${configPath(litellm)}`),
                },
              ];
            });
          });
        },
      },
    ];
  },
});
