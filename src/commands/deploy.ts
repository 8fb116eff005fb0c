import type { Result } from '../check.ts';
import { checks } from '../checks/index.ts';
import { needs as deployNeeds, questions } from '../deploy/needs.ts';
import type { Fabric, SecretSource } from '../fabric.ts';
import type { Plan } from '../plan.ts';
import { humanReport } from '../report/human.ts';
import { fetchSecrets } from '../secrets/fetch.ts';
import { tailnetInterface } from '../services/firewall.ts';
import { clientUrl, declaredModels, envPath, reach } from '../services/litellm.ts';
import { within } from '../services/network.ts';
import { quote } from '../shell.ts';
import { withBecome } from './become.ts';
import { type ChangeOptions, change, type Outcome, outcomeCode } from './change.ts';
import { planDeployment } from './planning.ts';
import { certain, open } from './session.ts';

/** `fabric deploy litellm`: plan, confirm, lock, apply, gate, keep or take back. */
export const deploy = async (options: ChangeOptions): Promise<number> => {
  const session = open(options);
  const { fabric } = session;
  const { litellm } = fabric;
  try {
    const keyring = await withBecome(await fetchSecrets(litellm.secrets, process.env), options);
    // Most deployments change nothing, and need no check to say so: a completion and backends that hang may take seconds. Where
    // something is to change, all is asked in one go, for the gate must know what held before.
    const said = checks.filter(({ id }) => id === 'litellm/exposure');
    const first = await planDeployment(session, keyring, said);
    const { evidence, before, plan } = first.plan.length === 0 ? first : await planDeployment(session, keyring, checks);
    // What no plan of ours closes is said before anything is opened.
    const open = before.results
      .filter(({ check }) => check.id === 'litellm/exposure')
      .flatMap((result): readonly Result[] => {
        if (result.status !== 'fail' && result.status !== 'warn') return [];
        const findings = result.findings.filter(({ fix }) => plan.length === 0 || fix !== 'deploy');
        return findings.length === 0 ? [] : [{ ...result, findings }];
      });
    if (open.length > 0)
      process.stderr.write(`no deployment closes this:\n${humanReport({ at: before.at, results: open }, session.paint, false)}\n`);
    const address = certain(evidence, deployNeeds(fabric), ({ know }) =>
      tailnetInterface(know(questions(fabric).interfaces), fabric.tailnet.range)?.addresses.find((one) =>
        within(one, fabric.tailnet.range),
      ),
    );
    const url = `${clientUrl(fabric, address)}/v1`;
    const outcome = await change(session, plan, keyring, options, { verb: 'deploy LiteLLM', checks, keepsReplaced: false });
    if (options.format === 'json') process.stdout.write(`${JSON.stringify(deployJson(fabric, plan, outcome, url), null, 2)}\n`);
    else if (outcome.is === 'done') process.stdout.write(`\n${summary(fabric, outcome.notes, url)}`);
    return outcomeCode(outcome, options);
  } finally {
    await session.close();
  }
};

/** `fabric.deploy/1`: `outcome`, the plan's steps as data, and where the service is. */
const deployJson = (fabric: Fabric, plan: Plan, outcome: Outcome, url: string) => ({
  schema: 'fabric.deploy/1',
  host: fabric.litellm.host,
  outcome: outcome.is,
  why: 'why' in outcome ? outcome.why : null,
  ...(outcome.is === 'done'
    ? { release: Number(outcome.notes.get('release') ?? 0) || null, downtimeMilliseconds: Number(outcome.notes.get('downtime') ?? 0) }
    : {}),
  url,
  models: declaredModels(fabric.litellm),
  plan,
});

/** Shell that prints a secret's value, from where fabric.yaml takes it. */
const fetchedBy = (source: SecretSource): string => {
  const path = (name: string): string => (name.startsWith('~/') ? `~/${quote(name.slice(2))}` : quote(name));
  switch (source.from) {
    case 'env':
      return `$${source.name}`;
    case 'file':
      return `$(cat ${path(source.path)})`;
    case 'pass':
      return `$(pass show ${quote(source.name)} | head -n1)`;
    case 'sops':
      return `$(sops decrypt --extract ${quote(source.keys.map((key) => `["${key}"]`).join(''))} ${path(source.path)})`;
    case 'op':
      return `$(op read ${quote(source.reference)})`;
    case 'azure':
      return `$(az keyvault secret show --vault-name ${source.vault} --name ${source.name} --query value --output tsv)`;
    case 'vault':
      return `$(vault kv get -mount=${quote(source.mount)} -field=${quote(source.field)} ${quote(source.path)})`;
    case 'command':
      return `$(${source.argv.map(quote).join(' ')})`;
    default:
      return source satisfies never;
  }
};

const summary = (fabric: Fabric, notes: ReadonlyMap<string, string>, url: string): string => {
  const { litellm } = fabric;
  const down = notes.get('downtime');
  const release = notes.get('release');
  const model = litellm.aliases.has('default') ? 'default' : (declaredModels(litellm)[0] ?? 'default');
  const source = litellm.masterKey === null ? undefined : litellm.secrets.get(litellm.masterKey);
  const key = source === undefined ? '' : ` -H "Authorization: Bearer ${fetchedBy(source)}"`;
  const body = JSON.stringify({ model, max_tokens: 16, messages: [{ role: 'user', content: 'Hello' }] });
  const rows: readonly (readonly [string, string])[] = [
    ['url', reach(fabric) === 'loopback' ? `${url} (on ${litellm.host} alone)` : url],
    ['models', declaredModels(litellm).join(', ')],
    [
      'key',
      litellm.masterKey === null
        ? 'none: everyone who can connect is an administrator'
        : `${litellm.masterKey}, in ${envPath(litellm)} on ${litellm.host} (root alone reads it)`,
    ],
    ['downtime', down === undefined ? 'none: nothing answered before' : `${(Number(down) / 1000).toFixed(1)} s`],
    ['try', `curl -s ${url}/chat/completions${key} -H 'Content-Type: application/json' -d '${body}'`],
    ['then', 'fabric validate'],
  ];
  return [
    `LiteLLM is deployed on ${litellm.host}${release === undefined ? '' : `: release ${release}`}`,
    ...rows.map(([name, text]) => `  ${name.padEnd(9)} ${text}`),
    '',
  ].join('\n');
};
