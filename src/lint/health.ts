// Rules: what LiteLLM does on a timer. REX-36.
import { type Fault, isReference, kindOf, own, type Rule, since } from './rule.ts';

const INTERVAL = ['general_settings', 'health_check_interval'];
/** The documented default. */
const DEFAULT = 300;

export const health: readonly Rule[] = [
  {
    id: 'health-check-interval-in-router',
    title: 'health_check_interval under router_settings',
    story:
      'It belongs under general_settings. Up to 1.81.1 (seen with 1.80.11, 1.80.15, 1.81.0, 1.81.1) it is ignored there; from 1.81.3 on LiteLLM does not boot: "is NOT a valid router_settings parameter". health_check_concurrency: the same (seen from 1.103.11 on).',
    *find(config) {
      const router = own(config, 'router_settings');
      for (const key of ['health_check_interval', 'health_check_concurrency']) {
        if (!(key in router)) continue;
        const refused = since(config.version, '1.81.3');
        yield {
          path: ['router_settings', key],
          of: 'key',
          message: `${key} does not belong under router_settings: LiteLLM ${refused ? 'does not boot' : 'ignores it'}`,
          advice: 'move it under general_settings; it does something only with background_health_checks: true',
          severity: refused ? 'fail' : 'warn',
          effect: refused ? 'refuses' : 'ignored',
        };
      }
    },
  },
  {
    id: 'health-check-loop',
    title: 'Background health checks that call every model, or never run',
    story:
      'background_health_checks sends every model one real completion per round, for money where it costs money, and again after health_check_interval seconds (REX-36). The loop runs only where that interval is a whole number above 0: quoted, with a fraction, empty, or from os.environ/ (always a text) it ends at once, and /health shows nothing. A quoted "false" counts as true, and so does whatever os.environ/ holds.',
    *find(config) {
      const general = own(config, 'general_settings');
      const on = general['background_health_checks'];
      if (typeof on === 'string' && on !== '')
        yield {
          path: ['general_settings', 'background_health_checks'],
          message: `a text is true for LiteLLM, whatever it says: background health checks are on`,
          advice: 'write true or false without quotes',
          severity: 'warn',
          effect: 'acts',
        };
      if (on !== true && typeof on !== 'string') return;
      const interval = general['health_check_interval'];
      if (!('health_check_interval' in general)) return;
      if (typeof interval !== 'number' || !Number.isInteger(interval) || interval <= 0)
        yield {
          path: INTERVAL,
          message: `${isReference(interval) ? 'what comes from the environment is a text' : typeof interval === 'number' ? `${interval} is no whole number above 0` : `it is ${kindOf(interval)}`}: the background health checks never run`,
          advice: 'write whole seconds without quotes, 3600 or more; or take background_health_checks out',
          severity: 'warn',
          effect: 'ignored',
        };
      else if (interval < DEFAULT)
        yield {
          path: INTERVAL,
          message: `every model gets a real completion about every ${interval} s: ${Math.round(86_400 / interval)} a day each`,
          advice: 'take background_health_checks out, or write 3600 or more',
          severity: 'warn',
          effect: 'acts',
        } satisfies Fault;
    },
  },
];
