import { type Facts, isLost, type Lost, type Probe, succeeded } from '../evidence.ts';
import type { Fabric } from '../fabric.ts';
import { baseUrl, CONTAINER, modelsElsewhere } from '../services/litellm.ts';
import { type Deployment, priceOf } from '../services/prices.ts';
import { quote } from '../shell.ts';
import { deployments, record } from './litellm.ts';
import { litellmVersion } from './version.ts';

/** What a health check of LiteLLM asks, and what each costs: three questions, of which two may fail. */
export interface Asked {
  readonly deployments: readonly Deployment[];
  /** By the package's own word. `null`: not told. */
  readonly version: string | null;
}
export const askedModels = (fabric: Fabric): { readonly needs: readonly Probe<unknown>[]; read(facts: Facts): Asked | Lost } => {
  const running = deployments(fabric);
  const version = litellmVersion(fabric.litellm.host, CONTAINER);
  const elsewhere = modelsElsewhere(fabric.litellm);
  const listed = elsewhere.length === 0 ? null : listPrices(fabric, elsewhere);
  return {
    needs: [running, version, ...(listed === null ? [] : [listed])],
    read: ({ maybe }) => {
      const seen = maybe(running);
      if (isLost(seen)) return seen;
      const prices = listed === null ? new Map() : maybe(listed);
      const release = maybe(version);
      return {
        deployments: isLost(prices) ? seen : seen.map((one) => ({ ...one, price: one.price ?? prices.get(one.model) ?? null })),
        version: isLost(release) ? null : release,
      };
    },
  };
};

/** The price map's own entries of models, by the name that was asked for: the map as LiteLLM loaded it, or as its package brought it. What it
 * does not have under OpenRouter's name is looked for under its maker's: 1.109.1 brings no price of OpenRouter's at all.
 *
 *   {"openrouter/perplexity/sonar-pro": {"as": "perplexity/sonar-pro", "input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-05, …}}
 */
export const listPrices = (fabric: Fabric, models: readonly string[]): Probe<ReadonlyMap<string, Deployment['price']>> => ({
  key: 'prices',
  question: {
    at: fabric.litellm.host,
    via: 'sh',
    sudo: true,
    script: `podman exec ${CONTAINER} python3 -c ${quote(PRICES)} ${quote(baseUrl(fabric.litellm))} ${models.map(quote).join(' ')}`,
  },
  read: (answer) => {
    const said: unknown = JSON.parse(succeeded(answer));
    return new Map(
      Object.entries(record(said)).map(([model, entry]) => {
        const fields = record(entry);
        const as = fields['as'];
        return [model, priceOf(model, fields, false, typeof as === 'string' && as !== model ? as : undefined)];
      }),
    );
  },
});
const PRICES = `import importlib.util, json, os, sys, urllib.request
try:
    with urllib.request.urlopen(sys.argv[1] + '/public/litellm_model_cost_map', timeout=5) as reply:
        prices = json.load(reply)
except (OSError, ValueError):
    with open(os.path.join(importlib.util.find_spec('litellm').submodule_search_locations[0], 'model_prices_and_context_window_backup.json')) as file:
        prices = json.load(file)
def names(model):
    yield model
    if not model.startswith('openrouter/'): return
    rest = model[11:].split(':')[0]
    vendor, last = rest.split('/')[0], rest.split('/')[-1]
    for one in (last, last.replace('.', '-')):
        for made in (vendor, {'google': 'gemini', 'x-ai': 'xai', 'mistralai': 'mistral'}.get(vendor, vendor)): yield made + '/' + one
        yield one
wanted = ('input_cost_per_token', 'output_cost_per_token', 'input_cost_per_request', 'input_cost_per_query', 'search_context_cost_per_query')
found = {}
for model in sys.argv[2:]:
    for name in names(model):
        entry = {key: value for key, value in (prices.get(name) or {}).items() if key in wanted and value is not None}
        if entry:
            found[model] = {'as': name, **entry}
            break
print(json.dumps(found))`;
