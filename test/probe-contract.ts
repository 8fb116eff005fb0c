// What every probe must say of a host in known states. Run against a lab host, where the expected facts are recorded, and against
// the demo's simulators: one that drifts from what a real host says fails here.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checks } from '../src/checks/index.ts';
import { needs as deployNeeds } from '../src/deploy/needs.ts';
import { needs as removeNeeds } from '../src/deploy/remove.ts';
import { needs as rollbackNeeds } from '../src/deploy/rollback.ts';
import { needs as syncNeeds } from '../src/deploy/sync.ts';
import { facts, isLost, type Key, type Probe } from '../src/evidence.ts';
import { needsOf } from '../src/examine.ts';
import { byWay, questionsOf } from '../src/hosts/collect.ts';
import { lastLines } from '../src/probes/unit.ts';
import { type Keyring, RUN_KEY, Secret, spell } from '../src/secret.ts';
import { UNIT } from '../src/services/litellm.ts';
import { decode, encodeScript } from '../src/wire.ts';
import { NO_POLLER, poller, runbook, UNTIL_ALIVE, UNTIL_POLLED } from './demo/runbook.ts';
import { fabricOf } from './sample.ts';

export const KEY = 'sk-contract-0123456789abcdef';
const IMAGE = 'ghcr.io/berriai/litellm:v1.109.1';
const RECORDED = join(import.meta.dirname, 'demo/facts.json');

/** A host in hand, real or simulated. */
export interface Place {
  /** Runs a script as root; throws where it fails. */
  root(script: string): Promise<string>;
  /** Runs `sh -s` as the user who logs in, with `stdin`; its stdout. */
  ask(stdin: string): Promise<string>;
  /** `fabric ARGS`, with `yaml` as everything of fabric.yaml but `hosts:`. LITELLM_MASTER_KEY is KEY. */
  fabric(yaml: string, args: readonly string[]): Promise<{ readonly code: number | undefined; readonly err: string }>;
}

/** fabric.yaml without `hosts:`. The second backend is a name that no resolver knows. */
const yamlWith = (context: number): string => `litellm:
  host: akira
  image: ${IMAGE}
  secrets:
    LITELLM_MASTER_KEY: env:LITELLM_MASTER_KEY
  backends:
    vllm:
      kind: vllm
      url: http://127.0.0.1:8000
      models:
        - id: qwen2.5-7b
          alias: akira/qwen2.5-7b
          context: ${context}
    wintermute:
      kind: ollama
      url: http://wintermute:11434
      cost: paid
      models:
        - id: llama3:8b
          alias: wintermute/llama3
  aliases:
    default: akira/qwen2.5-7b
`;
const YAML = yamlWith(32768);

const vllm = (model: string): string =>
  `echo 'ARGS="--port 8000 --host 0.0.0.0 --model ${model}"' >/etc/default/vllm; systemctl restart vllm; for i in $(seq 600); do curl -sf -o /dev/null http://127.0.0.1:8000/health && exit 0; sleep 0.1; done; exit 1`;
const rule = `rule family="ipv4" source address="100.64.0.0/10" port port="4000" protocol="tcp" accept`;

/** One after the other: each begins where the one before it ended. */
const states: readonly (readonly [
  name: string,
  how: { readonly root?: readonly string[]; readonly fabric?: readonly string[]; readonly yaml?: string },
])[] = [
  // Podman's folder as systemd-tmpfiles leaves it, where that is first.
  ['virgin', { root: ['systemctl stop vllm', 'podman ps -q; chmod 755 /var/lib/containers/storage'] }],
  ['the backend runs, under another model’s name', { root: [vllm('qwen3-8b')] }],
  ['deployed by a runbook', { root: [vllm('qwen2.5-7b'), runbook(KEY), UNTIL_ALIVE] }],
  ['a timer of somebody’s calls /health', { root: [poller(KEY), UNTIL_POLLED] }],
  ['adopted', { root: [NO_POLLER], fabric: ['deploy', 'litellm', '--yes'] }],
  ['a second release', { fabric: ['deploy', 'litellm', '--yes'], yaml: yamlWith(16384) }],
  ['rolled back', { fabric: ['rollback', 'litellm', '--yes'], yaml: yamlWith(16384) }],
  ['the unit stopped', { root: ['systemctl stop litellm'] }],
  [
    'the rule missing from the permanent set',
    { root: ['systemctl start litellm', UNTIL_ALIVE, `firewall-cmd -q --permanent --remove-rich-rule='${rule}'`] },
  ],
  [
    'the public interface in Fedora’s zone, the rule missing from the runtime set',
    {
      root: [
        `firewall-cmd -q --permanent --add-rich-rule='${rule}'; firewall-cmd -q --remove-rich-rule='${rule}'; firewall-cmd -q --zone=FedoraWorkstation --change-interface=eth0`,
      ],
    },
  ],
  ['firewalld stopped', { root: ['systemctl stop firewalld'] }],
  [
    'the backend stopped, .env readable by others, a name in /etc/hosts',
    {
      root: [
        "systemctl start firewalld; systemctl stop vllm; chmod 644 /flux/apps/litellm/.env; echo '100.64.0.14 wintermute' >>/etc/hosts",
      ],
    },
  ],
  [
    'LiteLLM dead: it refuses its config',
    {
      root: [
        // It would start again after 5 s, perhaps while one looks.
        `cd /etc/containers/systemd; sed 's/^RestartSec=5$/RestartSec=600/' litellm.container >new; mv new litellm.container; systemctl daemon-reload`,
        `printf 'router_settings:\\n  health_check_interval: 0\\n' >/flux/apps/litellm/config.yaml; systemctl restart litellm || true; for i in $(seq 900); do [ "$(systemctl show -p SubState --value litellm)" = auto-restart ] && exit 0; sleep 0.1; done; exit 1`,
      ],
    },
  ],
  ['healed by deploying again', { root: [vllm('qwen2.5-7b')], fabric: ['deploy', 'litellm', '--yes'] }],
  ['removed', { fabric: ['remove', 'litellm', '--yes'] }],
];

type Data = string | number | boolean | null | readonly Data[] | { readonly [key: string]: Data };

/** Facts as JSON: maps become objects. */
const data = (value: unknown): Data => {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, one]) => [String(key), data(one)]));
  if (Array.isArray(value)) return value.map(data);
  if (typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, data(one)]));
  return String(value);
};

const isList = (value: Data): value is readonly Data[] => Array.isArray(value);
const replaced = (value: Data, names: readonly string[], by: (value: Data) => Data): Data => {
  if (isList(value)) return value.map((one) => replaced(one, names, by));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, names.includes(name) ? by(one) : replaced(one, names, by)]));
};

/** The nature of one machine and of one moment: left out of the comparison, each for its reason. */
const natures: readonly (readonly [key: RegExp, same: (fact: Data) => Data])[] = [
  // Ages grow while one looks.
  [/^unit\//, (fact) => replaced(fact, ['age'], (one) => (one === null ? null : 'some'))],
  [/^changed/, (fact) => (fact === null ? null : 'some')],
  // The hash of whatever was pulled or built there.
  [/^image\//, (fact) => (fact === null ? null : 'an id')],
  [/^container\//, (fact) => replaced(fact, ['imageId'], () => 'an id')],
  // Who deployed, when, and how much that takes on its file system.
  [/^fabric\/kept/, (fact) => replaced(fact, ['at', 'by', 'bytes'], (one) => (one === 0 ? 0 : 'some'))],
  // How much room there is.
  [/^disk/, (fact) => replaced(fact, ['mount', 'free', 'size', 'inodes'], () => 'some')],
  // Link-local addresses come from MAC addresses; veth pairs have random names.
  [
    /^interfaces/,
    (fact) =>
      isList(fact)
        ? fact
            .filter((one) => !/"name":"veth/.test(JSON.stringify(one)))
            .map((one) => replaced(one, ['addresses'], (list) => (isList(list) ? list.filter((a) => !/^fe80:/.test(String(a))) : list)))
        : fact,
  ],
  // The words of whoever wrote the program.
  [/^log\//, (fact) => (isList(fact) && fact.length > 0 ? 'lines' : fact)],
  // How often it was called so far, and when.
  [/^health\/calls/, (fact) => replaced(fact, ['count', 'first', 'last', 'period'], () => 'some')],
  // An answer's id, time and tokens.
  [/^litellm\/completion\//, (fact) => replaced(fact, ['body'], (body) => (String(body).includes('"choices"') ? 'choices' : 'an error'))],
];

const observed = async (place: Place, yaml: string): Promise<Readonly<Record<Key, Data>>> => {
  const fabric = fabricOf(`hosts:\n  akira:\n    user: ops\n${yaml}`);
  const probes: readonly Probe<unknown>[] = [
    ...deployNeeds(fabric),
    ...rollbackNeeds(fabric),
    ...removeNeeds(fabric),
    // The simulated LiteLLM is no process of its own.
    ...syncNeeds(fabric).filter(({ key }) => key !== 'process/litellm'),
    ...needsOf(fabric, checks, { smoke: false, at: [] }),
    lastLines('akira', UNIT, 20),
  ];
  // Fingerprints are equal on both sides under one key.
  const keyring: Keyring = new Map([[RUN_KEY.secret, new Secret(RUN_KEY.secret, '0'.repeat(64))]]);
  const said: Record<Key, Data> = {};
  for (const [vantage, questions] of questionsOf(probes)) {
    const evidence = decode(await place.ask(encodeScript(vantage, byWay(questions).scripts, (content) => spell(content, keyring))));
    const { maybe } = facts([evidence], probes);
    for (const probe of probes) {
      if (probe.question.at !== vantage || probe.key in said) continue;
      const fact = maybe(probe);
      // Of what is lost, the reason's kind counts; its words are the programs'.
      said[probe.key] = isLost(fact)
        ? { lost: fact.lost }
        : natures.filter(([key]) => key.test(probe.key)).reduce((value, [, same]) => same(value), data(fact));
    }
  }
  return said;
};

/** One test a state. `record`: the facts are written down instead, as what is to be expected everywhere. */
export const probeContract = (place: Place, record: boolean): void => {
  const expected: Record<string, Readonly<Record<Key, Data>>> = record ? {} : JSON.parse(readFileSync(RECORDED, 'utf8'));
  test.each(states)(
    '%s',
    async (name, { root = [], fabric, yaml = YAML }) => {
      for (const script of root) await place.root(script);
      if (fabric !== undefined) {
        const { code, err } = await place.fabric(yaml, fabric);
        expect(code, err).toBe(0);
      }
      const seen = await observed(place, yaml);
      if (record) {
        expected[name] = seen;
        writeFileSync(RECORDED, `${JSON.stringify(expected, null, 1)}\n`);
      }
      expect(seen).toEqual(expected[name]);
    },
    600_000,
  );

  test('every recorded state was looked at', () => {
    expect(Object.keys(expected)).toEqual(states.map(([name]) => name));
  });
};
