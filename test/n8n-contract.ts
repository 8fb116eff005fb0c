// What n8n's probes must say in known states, and what the fix of n8n/proxy-hops does. Run against a lab host with the real n8n, where
// the expected facts are recorded, and against the demo's stand-ins.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { asDeclared } from '../src/check.ts';
import { n8n as checks } from '../src/checks/n8n/index.ts';
import { facts, isLost, type Probe } from '../src/evidence.ts';
import { examine, needsOf } from '../src/examine.ts';
import { byWay, questionsOf } from '../src/hosts/collect.ts';
import { scriptOf } from '../src/hosts/perform.ts';
import { decode, encodeScript } from '../src/wire.ts';
import type { Installed } from './demo/n8n.ts';
import { n8nRunbook, UNTIL_N8N, VISIT } from './demo/n8n.ts';
import type { Place } from './probe-contract.ts';
import { fabricOf, SAMPLE } from './sample.ts';

const RECORDED = join(import.meta.dirname, 'demo/n8n-facts.json');
export const N8N_YAML = `n8n:
  host: akira
  container: n8n
  unit: n8n.service
  env_file: /opt/n8n/.env
  url: https://n8n.example.net
  proxies: [nginx]
`;
const fabric = fabricOf(`${SAMPLE}${N8N_YAML}`);

const set = (lines: string): string =>
  `sed -i.old '/^N8N_PROXY_HOPS=/d' /opt/n8n/.env; rm -f /opt/n8n/.env.old; printf '${lines}' >>/opt/n8n/.env`;
const again = `systemctl restart n8n\n${UNTIL_N8N}`;

/** One after the other. What the checks say then, by what they saw. */
const states: readonly (readonly [
  name: string,
  how: { readonly root?: string; readonly fix?: true },
  says: Readonly<Record<string, RegExp>>,
])[] = [
  ['absent', {}, { 'n8n/alive': /^fail: there is no container n8n$/, 'n8n/proxy-hops': /^blocked/, 'n8n/urls': /^blocked/ }],
  [
    'N8N_PROXY_HOPS forgotten, and nobody has come yet',
    { root: 'RUNBOOK' },
    {
      'n8n/alive': /^pass/,
      'n8n/proxy-hops': /^fail: N8N_PROXY_HOPS is not set, which counts as 0, and 1 proxy stands in front \(nginx\): [^;]*$/,
      'n8n/urls': /^pass/,
    },
  ],
  ['somebody logged in', { root: VISIT }, { 'n8n/proxy-hops': /logged ERR_ERL_UNEXPECTED_X_FORWARDED_FOR once, last at 2/ }],
  [
    'healed by the fix, and somebody logged in',
    { fix: true, root: `${UNTIL_N8N}\n${VISIT}` },
    { 'n8n/proxy-hops': /^pass/, 'n8n/alive': /^pass/ },
  ],
  [
    'too many',
    { root: `${set('N8N_PROXY_HOPS=2\\n')}; ${again}; ${VISIT}` },
    { 'n8n/proxy-hops': /^fail: N8N_PROXY_HOPS is 2, and 1 proxy stands in front/ },
  ],
  [
    'corrected in the file, and not read',
    { root: set('N8N_PROXY_HOPS=1\\n') },
    { 'n8n/proxy-hops': /says 1, which this process has not read$/ },
  ],
  ['a restart is all that is due', { fix: true, root: UNTIL_N8N }, { 'n8n/proxy-hops': /^pass/ }],
  ['stopped', { root: 'systemctl stop n8n' }, { 'n8n/alive': /^fail/, 'n8n/proxy-hops': /^blocked/, 'n8n/urls': /^blocked/ }],
];

type Data = string | number | boolean | null | readonly Data[] | { readonly [key: string]: Data };
const data = (value: unknown): Data => {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, one]) => [String(key), data(one)]).sort());
  if (typeof value !== 'object') return String(value);
  // Times are the moment's.
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, key === 'last' ? 'a time' : data(one)]));
};

export const n8nContract = (place: Pick<Place, 'root' | 'ask'>, record: boolean, installed: Installed = {}): void => {
  const expected: Record<string, Data> = record ? {} : JSON.parse(readFileSync(RECORDED, 'utf8'));
  const probes: readonly Probe<unknown>[] = needsOf(fabric, checks, asDeclared);
  const look = async () => {
    const evidence = await Promise.all(
      [...questionsOf(probes)].map(async ([vantage, questions]) =>
        decode(await place.ask(encodeScript(vantage, byWay(questions).scripts, String))),
      ),
    );
    return { evidence, results: examine(fabric, checks, evidence, asDeclared, 0).results };
  };

  test.each(states)(
    '%s',
    async (name, { root, fix }, says) => {
      if (fix) {
        const findings = (await look()).results.flatMap((result) => ('findings' in result ? result.findings : []));
        const steps = findings.flatMap(({ fix: one }) => (one === undefined || typeof one === 'string' ? [] : one));
        expect(steps.map((step) => step.do)).toEqual(name.startsWith('a restart') ? ['run'] : ['patch', 'run']);
        for (const [n, step] of steps.entries()) await place.root(scriptOf(step, 'do', `contract-${steps.length}`, n, new Map()));
      }
      if (root !== undefined) await place.root(root === 'RUNBOOK' ? n8nRunbook(installed) : root);
      const { evidence, results } = await look();
      for (const [id, pattern] of Object.entries(says)) {
        const result = results.find(({ check }) => check.id === id);
        const saw = result === undefined ? [] : 'findings' in result ? result.findings.map((one) => one.saw) : [];
        expect(`${result?.status}: ${saw.join('; ')}`).toMatch(pattern);
      }
      const { maybe } = facts(evidence, probes);
      const seen = Object.fromEntries(
        probes.map((probe) => {
          const fact = maybe(probe);
          return [probe.key, isLost(fact) ? { lost: fact.lost } : data(fact)];
        }),
      );
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
