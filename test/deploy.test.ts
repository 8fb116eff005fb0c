// The plan as a pure function of what a host answered: tables, no host.

import { Chalk } from 'chalk';
import { expect, test } from 'vitest';
import { asDeclared } from '../src/check.ts';
import { checks } from '../src/checks/index.ts';
import { needs } from '../src/deploy/needs.ts';
import { plan } from '../src/deploy/plan.ts';
import { obstacles } from '../src/deploy/preconditions.ts';
import * as removal from '../src/deploy/remove.ts';
import * as rolling from '../src/deploy/rollback.ts';
import * as syncing from '../src/deploy/sync.ts';
import { type Answer, type Evidence, facts, type Lost, type Probe } from '../src/evidence.ts';
import { examine, needsOf } from '../src/examine.ts';
import type { Fabric } from '../src/fabric.ts';
import { type Plan, type Step, sha256 } from '../src/plan.ts';
import { engineStorage } from '../src/probes/env.ts';
import { humanPlan, title } from '../src/report/plan.ts';
import { baseUrl, files } from '../src/services/litellm.ts';
import { fabricOf, SAMPLE, sample } from './sample.ts';

const ok = (out: string): Answer => ({ code: 0, out, err: '' });
type Said = Readonly<Record<string, Answer | Lost>>;
/** The answer whose beginning of a key says most. */
const longest = (said: Said, key: string): Answer | Lost =>
  Object.entries(said)
    .filter(([begin]) => key.startsWith(begin))
    .sort(([a], [b]) => b.length - a.length)[0]?.[1] ?? ok('');
const hear = (probes: readonly Probe<unknown>[], said: Said): readonly Evidence[] => [
  {
    vantage: 'akira',
    at: 1000,
    answers: new Map(probes.map(({ key }) => [key, longest(said, key)])),
  },
];

const ZONES = (rules: string, more = ''): string => `running
public (default, active)
  target: default
  interfaces: eth0 tailscale0
  sources: 
  services: dhcpv6-client ssh
  ports: ${more}
  rich rules: 
${rules}
trusted
  target: ACCEPT
  interfaces: 
  rich rules: 
`;
const RULE = '\trule family="ipv4" source address="100.64.0.0/10" port port="4000" protocol="tcp" accept';
const unit = (properties: Readonly<Record<string, string>>): Answer =>
  ok(
    Object.entries({ LoadState: 'loaded', ActiveState: 'active', SubState: 'running', NRestarts: '0', Result: 'success', ...properties })
      .map(([name, value]) => `${name}=${value}`)
      .join('\n'),
  );
const prints = new Map([...sample.litellm.secrets.keys()].map((name) => [name, `print-of-${name}`]));

/** What `stat` says of podman's folder, the one above it, and the database in it. */
const engine = (mode: string, { above = '755', database = '644' }: { above?: string; database?: string | null } = {}): Answer =>
  ok(
    [
      `${above} /var/lib/containers`,
      `${mode} /var/lib/containers/storage`,
      ...(database === null ? [] : [`${database} /var/lib/containers/storage/db.sql`]),
    ].join('\n'),
  );

/** A host on which nothing was ever deployed: Debian 13, booted since podman was installed. */
const virgin: Said = {
  'file/': ok('absent'),
  'sealed/': ok('absent'),
  'env/': ok('absent'),
  'changed/': ok(''),
  machine: ok('like debian\npodman version 5.4.2'),
  unit: unit({ LoadState: 'not-found', ActiveState: 'inactive', SubState: 'dead' }),
  image: ok('absent'),
  'container/': ok('absent'),
  containers: ok(''),
  listen: ok(''),
  'firewall/runtime': ok(ZONES('')),
  'firewall/permanent': ok(ZONES('').replace('running\n', '')),
  'firewall/settings': ok('DefaultZone=public\nStrictForwardPorts=no'),
  interfaces: ok('2: tailscale0    inet 100.64.0.14/10 scope global\n3: eth0    inet 203.0.113.14/24 scope global'),
  'fabric/kept': ok(''),
  'podman/database': engine('755'),
  'litellm/health': { code: 7, out: '', err: '' },
};

/** The host as a kept deployment of `fabric` leaves it. */
const after = (fabric: Fabric): Said => {
  const [config, quadlet] = files(fabric.litellm);
  const file = (text: string): Answer => ok(`644 root:root ${sha256(text)}\n${text}`);
  return {
    ...virgin,
    [`file${config.path}`]: file(config.text),
    [`file${quadlet.path}`]: file(quadlet.text),
    'file/etc/systemd': ok('absent'),
    'env/': ok(`600 root:root\n${[...prints].map(([name, print]) => `${name} ${print}`).join('\n')}`),
    'changed/': ok('900'),
    unit: unit({ FragmentPath: '/run/systemd/generator/litellm.service', UnitFileState: 'generated', ActiveEnterTimestamp: '@950' }),
    image: ok('sha256:1'),
    'container/': ok(`running\t${fabric.litellm.image}\tsha256:1\thost\tno`),
    containers: ok(`podman\tlitellm\t${fabric.litellm.image}\t`),
    listen: ok('LISTEN 0 2048 0.0.0.0:4000 0.0.0.0:*'),
    'firewall/runtime': ok(ZONES(RULE)),
    'firewall/permanent': ok(ZONES(RULE).replace('running\n', '')),
    'fabric/kept': ok('current 1\ninforce yes\nrelease 1 900 image ann@laptop\nbytes 1'),
    'podman/database': engine('700'),
    'litellm/health': ok('"I\'m alive!"\n200'),
  };
};

const planned = (said: Said, fabric: Fabric = sample): Plan => {
  const all = [...needs(fabric), ...needsOf(fabric, checks, asDeclared)];
  const evidence = hear(all, said);
  const before = examine(fabric, checks, evidence, asDeclared, 1000);
  return plan(fabric, facts(evidence, needs(fabric)), { before, fingerprints: prints, by: 'ann@laptop' });
};
const titles = (steps: Plan): readonly string[] => steps.map((step) => title(step).replace(/ \(.*/, ''));
const GATE = 'gate: LiteLLM is up, answers, refuses strangers and serves the declared models; nothing else is worse';
const CLOSE = 'make /var/lib/containers/storage 700';
const OPEN = 'let 100.64.0.0/10 connect to port 4000: zone public';

test('a virgin host: pull first, files, start, gate, the firewall last, then the release is kept', () => {
  const steps = planned(virgin);
  expect(titles(steps)).toEqual([
    'pull ghcr.io/berriai/litellm:v1.109.1',
    CLOSE,
    'write /flux/apps/litellm/config.yaml',
    'write /flux/apps/litellm/.env',
    'write /etc/containers/systemd/litellm.container',
    'restart litellm.service and wait until LiteLLM answers',
    GATE,
    OPEN,
    'gate: the firewall admits who may connect; nothing else is worse',
    'keep this as a release, for `fabric rollback litellm`',
  ]);
  const gate = steps.find((step) => step.do === 'gate');
  expect(gate?.do === 'gate' && gate.must.map(({ id }) => id)).toEqual(
    expect.arrayContaining(
      ['litellm/unit-active', 'litellm/liveliness', 'litellm/readiness', 'litellm/key-required', 'litellm/models-equal'].map(
        (id) => `${id}@akira`,
      ),
    ),
  );
});

test('idempotence: on the host that a deployment leaves, nothing', () => {
  expect(planned(after(sample))).toEqual([]);
});

test('a plan is JSON through and through, and holds names of secrets alone', () => {
  const steps = planned(virgin);
  expect(JSON.parse(JSON.stringify(steps))).toEqual(steps);
  expect(humanPlan(steps, new Chalk({ level: 0 }), true)).toContain('+ LITELLM_MASTER_KEY=[secret LITELLM_MASTER_KEY]');
});

const without = (said: Said, ...keys: readonly string[]): Said =>
  Object.fromEntries(Object.entries(said).filter(([key]) => !keys.includes(key)));
const config = `file${files(sample.litellm)[0].path}`;
const own = (said: Said): Said => ({ ...after(sample), ...said });

test.each<[string, Said, readonly string[]]>([
  [
    'config.yaml edited by hand',
    own({ [config]: ok(`644 root:root ${sha256('x')}\nx`) }),
    ['write /flux/apps/litellm/config.yaml', 'restart', GATE, 'keep'],
  ],
  [
    'a key that changed in the store',
    own({ 'env/': ok('600 root:root\nLITELLM_MASTER_KEY older\nOPENROUTER_API_KEY print-of-OPENROUTER_API_KEY\nHAND x') }),
    ['edit /flux/apps/litellm/.env', 'restart', GATE, 'keep'],
  ],
  [
    '.env that others can read: mended without a restart',
    own({ 'env/': ok(`644 root:root\n${[...prints].map(([name, print]) => `${name} ${print}`).join('\n')}`) }),
    ['make /flux/apps/litellm/.env 600 root:root', GATE, 'keep'],
  ],
  ['podman’s folder opened to others: closed without a restart', own({ 'podman/database': engine('755') }), [CLOSE, GATE]],
  [
    'podman’s folder opened to others, and a restart: closed before it',
    own({ 'podman/database': engine('755'), 'changed/': ok('980') }),
    [CLOSE, 'restart', GATE],
  ],
  [
    'stopped by hand',
    own({ unit: unit({ ActiveState: 'inactive', FragmentPath: '/run/systemd/generator/litellm.service' }) }),
    ['restart', GATE],
  ],
  ['interrupted between the files and the restart', own({ 'changed/': ok('980') }), ['restart', GATE]],
  ['interrupted between the gate and the release', own({ 'fabric/kept': ok('bytes 1') }), ['keep']],
  ['the rule is gone from the runtime set alone', own({ 'firewall/runtime': ok(ZONES('')) }), [OPEN, 'gate: the firewall admits']],
  [
    'the zone is open to everybody: the rule is added all the same, so that closing it shuts nobody out',
    own({
      'firewall/runtime': ok(ZONES('', '1025-65535/tcp')),
      'firewall/permanent': ok(ZONES('', '1025-65535/tcp').replace('running\n', '')),
    }),
    [OPEN, 'gate: the firewall admits'],
  ],
])('%s', (_, said, expected) => {
  const seen = titles(planned(said));
  expect(seen.length, seen.join('\n')).toBe(expected.length);
  expected.forEach((begin, n) => {
    expect(seen[n]).toContain(begin);
  });
});

// Others get at the database in it, or will once podman has made it.
test.each<[string, Answer, 'open' | 'closed' | 'not there']>([
  ['as podman makes it', engine('700'), 'closed'],
  ['as systemd-tmpfiles leaves it', engine('755'), 'open'],
  ['the same before podman ran: it makes the database 0644', engine('755', { database: null }), 'open'],
  ['as podman makes it, before the database', engine('700', { database: null }), 'closed'],
  ['entered, if not listed', engine('711'), 'open'],
  ['root’s group alone', engine('750'), 'open'],
  ['root’s group enters, and the database is root’s alone', engine('750', { database: '600' }), 'closed'],
  ['root’s group enters, and only others read', engine('750', { database: '604' }), 'closed'],
  ['listed, and not entered', engine('744'), 'closed'],
  ['sticky bits', engine('2755'), 'open'],
  ['the folder above is closed', engine('755', { above: '700' }), 'closed'],
  ['podman has not run, or keeps its things elsewhere', ok(''), 'not there'],
])('podman’s folder: %s', (_, said, is) => {
  const { open, mode } = engineStorage('akira').read(said, 1000);
  expect(mode === null ? 'not there' : open ? 'open' : 'closed').toBe(is);
  // A deployment of all, a restart, and one that changes nothing.
  const closes = (from: Said): boolean => titles(planned({ ...from, 'podman/database': said })).includes(CLOSE);
  expect([closes(virgin), closes(own({ 'changed/': ok('980') })), closes(after(sample))]).toEqual(
    is === 'closed' ? [false, false, false] : is === 'open' ? [true, true, true] : [true, true, false],
  );
});

test('podman’s folder is closed before anything starts, taken back by nobody, and the gate wants it closed', () => {
  for (const from of [virgin, own({ 'podman/database': engine('755'), 'changed/': ok('980') })]) {
    const steps = planned(from);
    const [step] = steps.filter((one) => title(one).startsWith(CLOSE));
    expect(step).toMatchObject({ do: 'run', undo: 'stays', title: `${CLOSE} (it is 755), which is not taken back` });
    const at = (begin: string): number => titles(steps).findIndex((one) => one.startsWith(begin));
    expect(at('restart')).toBeGreaterThan(at(CLOSE));
    expect(steps.flatMap((one) => (one.do === 'gate' ? one.must : []))).toContainEqual({
      id: 'litellm/engine-private@akira',
      atWorst: 'pass',
    });
    // The check's own fix is this step, to the letter.
    const evidence = hear(needsOf(sample, checks, asDeclared), from);
    const { results } = examine(sample, checks, evidence, asDeclared, 1000);
    const found = results.find(({ id }) => id === 'litellm/engine-private@akira');
    expect(found?.status === 'fail' && found.findings.map(({ fix }) => fix)).toEqual([[step]]);
  }
});

const SYNC_GATE = 'gate: LiteLLM is up, answers and refuses strangers; nothing else is worse';
const ENV_GATE = 'gate: .env is complete, and root’s alone, as is what podman remembers of it';
const older = ok('600 root:root\nLITELLM_MASTER_KEY older\nOPENROUTER_API_KEY print-of-OPENROUTER_API_KEY');
const stopped = unit({ LoadState: 'loaded', ActiveState: 'inactive', SubState: 'dead' });
test.each<[string, Said, 'auto' | 'never', readonly string[]]>([
  ['nothing differs', {}, 'auto', []],
  ['nothing differs, and podman’s folder is open', { 'podman/database': engine('755') }, 'auto', [CLOSE, ENV_GATE]],
  ['a key changed', { 'env/': older }, 'auto', ['edit /flux/apps/litellm/.env', 'restart', SYNC_GATE, 'keep']],
  [
    'a key changed, and podman’s folder is open',
    { 'env/': older, 'podman/database': engine('755') },
    'auto',
    [CLOSE, 'edit /flux/apps/litellm/.env', 'restart', SYNC_GATE, 'keep'],
  ],
  [
    'the same without a restart: it may come at any time',
    { 'env/': older, 'podman/database': engine('755') },
    'never',
    [CLOSE, 'edit /flux/apps/litellm/.env', ENV_GATE],
  ],
  [
    'the same of a unit that is stopped',
    { 'env/': older, 'podman/database': engine('755'), unit: stopped },
    'auto',
    [CLOSE, 'edit', ENV_GATE],
  ],
  ['no folder, and nothing starts', { 'env/': older, 'podman/database': ok(''), unit: stopped }, 'auto', ['edit', ENV_GATE]],
  ['no folder, and a restart', { 'env/': older, 'podman/database': ok('') }, 'auto', [CLOSE, 'edit', 'restart', SYNC_GATE, 'keep']],
])('a sync: %s', (_, said, restart, expected) => {
  const all = [...syncing.needs(sample), ...needsOf(sample, checks, asDeclared)];
  const evidence = hear(all, { ...after(sample), 'fabric/names': ok([...prints.keys()].join('\n')), ...said });
  const before = examine(sample, checks, evidence, asDeclared, 1000);
  const { plan: steps } = syncing.sync(sample, facts(evidence, syncing.needs(sample)), {
    before,
    fingerprints: prints,
    by: 'a@b',
    restart,
  });
  const seen = titles(steps);
  expect(seen.length, seen.join('\n')).toBe(expected.length);
  expected.forEach((begin, n) => {
    expect(seen[n]).toContain(begin);
  });
});

test('lines of somebody else’s file are shown by their numbers, and nothing that stands around them: it may not have been heard', () => {
  const was = { sha256: '0', text: 'a\n\n\n@b not client_ip 1.0.0.0/8 2.0.0.0/8\n\nz' };
  const plan: Plan = [{ do: 'splice', host: 'akira', path: '/c', was, now: was.text.replace(' 2.0.0.0/8', '').replace('z', 'y\nz') }];
  expect(humanPlan(plan, new Chalk({ level: 0 }), false)).toBe(
    [
      '1  edit /c',
      '     line 4',
      '     -@b not client_ip 1.0.0.0/8 2.0.0.0/8',
      '     +@b not client_ip 1.0.0.0/8',
      '     line 6',
      '     +y',
      '',
    ].join('\n'),
  );
});

test('only the set that lacks the rule is changed, and without a reload', () => {
  const [step] = planned(own({ 'firewall/runtime': ok(ZONES('')) }));
  expect(step?.do === 'run' && step.script.split('\n')[0]).toBe(`firewall-cmd --zone=public --add-rich-rule='${RULE.trim()}'`);
  expect(step?.do === 'run' && step.undo).toEqual({
    script: expect.stringMatching(/^firewall-cmd --zone=public --remove-rich-rule='rule .*'\n/),
  });
  expect(JSON.stringify(planned(virgin))).not.toContain('--reload');
});

const runbook: Said = {
  ...virgin,
  'file/etc/systemd/system/litellm.service': ok(`644 root:root ${sha256('[Service]')}\n[Service]`),
  [config]: ok(`600 root:root ${sha256('model_list: []')}\nmodel_list: []`),
  unit: unit({ FragmentPath: '/etc/systemd/system/litellm.service', UnitFileState: 'enabled', ActiveEnterTimestamp: '@900' }),
  image: ok('sha256:1'),
  containers: ok(
    'podman\tlitellm_litellm_1\tghcr.io/berriai/litellm:main-stable\t0.0.0.0:4000->4000/tcp\npodman\tweb\tdocker.io/library/caddy:2\t',
  ),
  listen: ok('LISTEN 0 2048 0.0.0.0:4000 0.0.0.0:*'),
};
test('a host deployed the runbook’s way: its files are kept, unit and container retired before ours starts', () => {
  const seen = titles(planned(without(runbook)));
  expect(seen).toEqual([
    CLOSE,
    'keep the files of the earlier deployment in /var/lib/fabric/litellm/found',
    'write /flux/apps/litellm/config.yaml',
    'write /flux/apps/litellm/.env',
    'write /etc/containers/systemd/litellm.container',
    'retire /etc/systemd/system/litellm.service, which outranks the Quadlet',
    'retire the podman container litellm_litellm_1',
    'restart litellm.service and wait until LiteLLM answers',
    GATE,
    OPEN,
    'gate: the firewall admits who may connect; nothing else is worse',
    'keep this as a release, for `fabric rollback litellm`',
  ]);
});

const tailnetOnly = fabricOf(SAMPLE.replace('  image:', '  listen: 100.64.0.14:4000\n  image:'));
const keyless = fabricOf(
  `${SAMPLE.replace('  secrets:\n    LITELLM_MASTER_KEY: env:LITELLM_MASTER_KEY', '  master_key: "none: everyone who can connect is an administrator"\n  secrets:')}`,
);
test('without a master key, said in so many words: the gate skips that condition, and the unit permits it', () => {
  const steps = planned({ ...virgin }, keyless);
  const gates = steps.flatMap((step) => (step.do === 'gate' ? step.must : []));
  expect(gates.filter(({ id, atWorst }) => id.startsWith('litellm/key-required') && atWorst === 'pass')).toEqual([]);
  expect(files(keyless.litellm)[1].text).toContain('Environment=LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY=true');
  expect(files(sample.litellm)[1].text).not.toContain('DANGEROUSLY');
});

test('the Quadlet deleted by hand, what it ran still running: it is ours, and nothing is retired', () => {
  const said = own({
    'file/etc/containers': ok('absent'),
    [`file${files(sample.litellm)[1].path}`]: ok('absent'),
    'fabric/kept': ok(`current 1\nrelease 1 900 ${sample.litellm.image} ann@laptop\nbytes 1`),
  });
  expect(titles(planned(said)).filter((one) => one.startsWith('retire'))).toEqual([]);
});

test('a network that may not connect any more, and an older port: what fabric opened for them is closed', () => {
  const lan = RULE.trim().replace('100.64.0.0/10', '192.168.1.0/24');
  const old = RULE.trim().replace('4000', '3999');
  const zones = ZONES(`${RULE}\n\t${lan}\n\t${old}\n\trule service name="ssh" accept`);
  const kept = ok(`current 1\ninforce yes\nrelease 1 900 image ann@laptop\nrule ${RULE.trim()}\nrule ${lan}\nrule ${old}\nbytes 1`);
  const steps = planned(
    own({ 'firewall/runtime': ok(zones), 'firewall/permanent': ok(zones.replace('running\n', '')), 'fabric/kept': kept }),
  );
  expect(titles(steps)).toEqual([
    'no longer let 192.168.1.0/24 connect to port 4000: zone public',
    'no longer let 100.64.0.0/10 connect to port 3999: zone public',
    'gate: the firewall admits who may connect; nothing else is worse',
  ]);
});

test('a network made narrower: the wide rule goes, and the narrow one comes first', () => {
  const narrow = fabricOf(SAMPLE.replace('  image:', '  allow: [100.64.0.0/26]\n  image:'));
  const zones = ZONES(RULE);
  const kept = ok(`current 1\ninforce yes\nrelease 1 900 image ann@laptop\nrule ${RULE.trim()}\nbytes 1`);
  const said = own({ 'firewall/runtime': ok(zones), 'firewall/permanent': ok(zones.replace('running\n', '')), 'fabric/kept': kept });
  expect(titles(planned(said, narrow))).toEqual([
    'let 100.64.0.0/26 connect to port 4000: zone public',
    'no longer let 100.64.0.0/10 connect to port 4000: zone public',
    'gate: the firewall admits who may connect; nothing else is worse',
  ]);
});

test('containers: of LiteLLM’s image on another port it is left alone; stopped, under our name, it is retired', () => {
  const beside = { containers: ok('podman\tlitellm-dev\tghcr.io/berriai/litellm:v1\t0.0.0.0:4001->4000/tcp') };
  expect(titles(planned({ ...virgin, ...beside })).filter((one) => one.startsWith('retire'))).toEqual([]);
  const stopped = { 'container/': ok('exited\tx\tsha256:1\tbridge\tno') };
  expect(titles(planned({ ...virgin, ...stopped })).filter((one) => one.startsWith('retire'))).toEqual([
    'retire the podman container litellm',
  ]);
});

const inTheWay = (said: Said, fabric = sample): readonly string[] =>
  obstacles(fabric, facts(hear(needs(fabric), { ...virgin, ...said }), needs(fabric))).map(({ what, mend }) => `${what} → ${mend}`);
test.each<[string, Said, Fabric, readonly string[]]>([
  ['a ready host', {}, sample, []],
  ['no podman, on Debian', { machine: ok('like debian\nmissing podman') }, sample, ['akira lacks podman → sudo apt-get install -y podman']],
  [
    'no podman and no ss, on Fedora',
    { machine: ok('like fedora\nmissing podman\nmissing ss') },
    sample,
    ['akira lacks podman, ss → sudo dnf install -y podman iproute'],
  ],
  [
    'an old podman',
    { machine: ok('like debian\npodman version 4.3.1') },
    sample,
    ['akira has podman 4.3.1; Quadlets need 4.4 → sudo apt-get install -y podman'],
  ],
  [
    'firewalld stopped',
    { 'firewall/runtime': ok('stopped') },
    sample,
    ['firewalld on akira is not running → sudo systemctl enable --now firewalld'],
  ],
  [
    'no firewalld, bound everywhere',
    { 'firewall/runtime': ok('absent') },
    sample,
    [expect.stringContaining('0.0.0.0:4000 would be open to everyone')],
  ],
  ['ufw, bound everywhere', { 'firewall/runtime': ok('ufw') }, sample, [expect.stringContaining('fabric does not read ufw’s rules')]],
  ['no firewalld, bound to the tailnet address', { 'firewall/runtime': ok('absent') }, tailnetOnly, []],
  ['ufw, bound to the tailnet address', { 'firewall/runtime': ok('ufw') }, tailnetOnly, []],
  [
    'something else has the port',
    { listen: ok('LISTEN 0 5 0.0.0.0:4000 0.0.0.0:*') },
    sample,
    [expect.stringContaining('port 4000 on akira is taken')],
  ],
])('before anything changes: %s', (_, said, fabric, expected) => {
  expect(inTheWay(said, fabric)).toEqual(expected);
});

const rolled = (said: Said): Plan => {
  const all = [...rolling.needs(sample), ...needsOf(sample, checks, asDeclared)];
  const evidence = hear(all, { ...after(sample), 'sealed/': ok(`600 root:root ${sha256('e')}\nLITELLM_MASTER_KEY=`), ...said });
  return rolling.plan(sample, facts(evidence, rolling.needs(sample)), examine(sample, checks, evidence, asDeclared, 1000));
};
const released = (config: string, unit: string): Said => ({
  'fabric/previous': ok(
    `= 1 ghcr.io/berriai/litellm:v1.108.0\n= config.yaml 644 root:root ${sha256(config)}\n${config}\n= env 600 root:root ${sha256('olde')}\nLITELLM_MASTER_KEY=\n= litellm.container 644 root:root ${sha256(unit)}\n${unit}`,
  ),
});
const KEYED = 'general_settings:\n  master_key: os.environ/LITELLM_MASTER_KEY';
const EXEC = 'Exec=--config /app/config.yaml --host 0.0.0.0 --port 4000';
test('rollback: image, config.yaml and .env of the release before, together, through a gate', () => {
  expect(titles(rolled(released(KEYED, EXEC)))).toEqual([
    'pull ghcr.io/berriai/litellm:v1.108.0 unless it is there',
    'restore /flux/apps/litellm/config.yaml from /var/lib/fabric/litellm/releases/1/config.yaml',
    'restore /flux/apps/litellm/.env from /var/lib/fabric/litellm/releases/1/env',
    'restore /etc/containers/systemd/litellm.container from /var/lib/fabric/litellm/releases/1/litellm.container',
    'restart litellm.service and wait until LiteLLM answers',
    'gate: LiteLLM is up, answers and refuses strangers',
    'release 1 is the one in force',
  ]);
});
test('rollback closes podman’s folder before it starts anything', () => {
  const seen = titles(rolled({ ...released(KEYED, EXEC), 'podman/database': engine('755') }));
  expect(seen.slice(0, 2)).toEqual(['pull ghcr.io/berriai/litellm:v1.108.0 unless it is there', CLOSE]);
  expect(seen.filter((one) => one === CLOSE).length).toBe(1);
});
test('rollback opens the firewall again where a later release had closed it', () => {
  const shut = { 'firewall/runtime': ok(ZONES('')), 'firewall/permanent': ok(ZONES('').replace('running\n', '')) };
  expect(titles(rolled({ ...released(KEYED, EXEC), ...shut }))).toContain(OPEN);
});
test.each([
  ['another port', KEYED, EXEC.replace('4000', '4001'), 'release 1 listens on 0.0.0.0:4001'],
  ['no key', 'model_list: []', EXEC, 'release 1 goes without a master key'],
  ['another key', KEYED.replace('LITELLM_', 'OTHER_'), EXEC, 'release 1 takes the master key from OTHER_MASTER_KEY'],
])('rollback to %s cannot be judged with this file: refused before anything changes', (_, config, unit, message) => {
  expect(() => rolled(released(config, unit))).toThrow(message);
});
test('rollback without a release before: refused, and says what is kept', () => {
  expect(() => rolled({ 'fabric/previous': ok('none') })).toThrow('akira keeps no release before the one in force');
});

test('remove: stop, close the firewall, delete, and the kept releases with their keys last', () => {
  const evidence = hear(removal.needs(sample), { ...after(sample), 'sealed/': ok(`600 root:root ${sha256('e')}\nA=`) });
  const steps: Plan = removal.plan(sample, facts(evidence, removal.needs(sample)));
  expect(titles(steps)).toEqual([
    'stop litellm.service',
    'no longer let 100.64.0.0/10 connect to port 4000: zone public',
    'delete /etc/containers/systemd/litellm.container',
    'delete /flux/apps/litellm/config.yaml',
    'delete /flux/apps/litellm/.env',
    'systemd forgets the unit',
    'delete the 1 kept releases, with the keys in them: CANNOT BE TAKEN BACK',
  ]);
  expect(steps.filter((step: Step) => step.do === 'run' && step.undo === 'impossible').length).toBe(1);
  const gone = hear(removal.needs(sample), virgin);
  expect(removal.plan(sample, facts(gone, removal.needs(sample)))).toEqual([]);
});

test('remove: keys put into .env by hand stay, and so does what somebody else deployed', () => {
  const hand = hear(removal.needs(sample), {
    ...after(sample),
    'env/': ok('600 root:root\nLITELLM_MASTER_KEY x\nHAND y'),
    'sealed/': ok(`600 root:root ${sha256('e')}\nA=`),
  });
  const step = removal.plan(sample, facts(hand, removal.needs(sample))).find((one) => one.do === 'patch');
  expect(step?.do === 'patch' && step.lines.map(({ begins, now }) => [begins, now])).toEqual([
    ['LITELLM_MASTER_KEY=', null],
    ['OPENROUTER_API_KEY=', null],
  ]);
  const theirs = hear(removal.needs(sample), { ...runbook, 'sealed/': ok(`600 root:root ${sha256('e')}\nA=`) });
  expect(removal.plan(sample, facts(theirs, removal.needs(sample)))).toEqual([]);
});

test('the address that the health check asks is the one that is listened on', () => {
  expect([sample, tailnetOnly].map(({ litellm }) => baseUrl(litellm))).toEqual(['http://127.0.0.1:4000', 'http://100.64.0.14:4000']);
});
