// The plan of `fabric deploy dns`, pure: what changes, in which order, and that afterwards there is nothing left. The scripts themselves run
// on a real Headscale in test/tailnet.
import { describe, expect, test } from 'vitest';
import { type Check, type Report, type Result, resultId } from '../src/check.ts';
import acceptDns from '../src/checks/dns/accept-dns.ts';
import covered from '../src/checks/dns/covered.ts';
import os from '../src/checks/dns/os.ts';
import { consequences, dnsPlan, type Found } from '../src/deploy/dns.ts';
import type { Dns, Headscale } from '../src/fabric.ts';
import { type FileState, type Plan, sha256 } from '../src/plan.ts';
import { mounts, onHost } from '../src/probes/headscale.ts';
import type { HeadscaleServer } from '../src/probes/headscale-server.ts';
import { title } from '../src/report/plan.ts';
import type { Way } from '../src/services/headscale.ts';

const CONFIG = '/opt/services/headscale/config/config.yaml';
const UNIT: Headscale = { host: 'hs', config: CONFIG, run: { by: 'unit', unit: 'headscale.service' } };
const CONTAINER: Headscale = {
  host: 'hs',
  config: CONFIG,
  run: { by: 'container', container: 'headscale', config: '/etc/headscale/config.yaml' },
};
const dns: Dns = { names: [{ name: 'chat.example.com', inside: ['100.64.0.14'] }], public: '9.9.9.9', from: ['here'] };
const RECORD = '  extra_records:\n    - { name: chat.example.com, type: A, value: 100.64.0.14 }\n';
const yaml = (override: string, rest = RECORD, split = '{}'): string =>
  `noise: {}\ndns:\n  base_domain: tail.example.net\n  override_local_dns: ${override}\n  nameservers: { global: [9.9.9.9], split: ${split} }\n${rest}`;
const state = (text: string): FileState => ({ sha256: sha256(text), text, mode: '640', owner: 'root:headscale' });

/** On a server that has read what is there. */
const found = (config: string, more: Partial<Found> = {}, server: Partial<HeadscaleServer> = {}): Found => {
  const seen = { age: 100, inode: '1', sha256: sha256(config) };
  return {
    config: state(config),
    mounted: null,
    records: null,
    server: { running: 50, onHost: seen, inside: seen, text: config, textInside: config, records: null, ...server },
    ...more,
  };
};
const FOLDER = { engine: 'podman' as const, mounts: [{ source: '/opt/services/headscale/config', destination: '/etc/headscale' }] };
const ALONE = {
  engine: 'docker' as const,
  mounts: [
    { source: CONFIG, destination: '/etc/headscale/config.yaml' },
    { source: '/opt/services/headscale/config/records.json', destination: '/etc/headscale/records.json' },
  ],
};
const NONE: Report = { at: 0, results: [] };
const planned = (headscale: Headscale, there: Found, way: Way = 'split'): Plan => {
  const plan = dnsPlan(dns, headscale, there, way, NONE);
  if ('why' in plan) throw new Error(plan.why);
  return plan;
};
const titles = (plan: Plan): readonly string[] => plan.map(title).map((line) => line.replace(/:.*/, ''));
const GATE = 'gate';

test('a route: configtest beside the file in force, the lines, a restart, the gate; and then nothing', () => {
  const was = yaml('false');
  const plan = planned(UNIT, found(was));
  expect(titles(plan)).toEqual(['headscale configtest of the new config.yaml', `edit ${CONFIG}`, 'restart headscale.service', GATE]);
  const now = was.replace('split: {}', 'split: { "chat.example.com": [] }');
  expect(plan[1]).toMatchObject({ do: 'splice', path: CONFIG, now });
  expect(planned(UNIT, found(now))).toEqual([]);
});

test('the wide way, and the words with which each is chosen', () => {
  const was = yaml('false');
  const now = was.replace('dns: false', 'dns: true');
  expect(planned(UNIT, found(was), 'override')[1]).toMatchObject({ do: 'splice', now });
  expect(planned(UNIT, found(now), 'override')).toEqual([]);
  expect(planned(UNIT, found(now), 'split')).toEqual([]); // asked for already, whatever the way
  const said = (way: Way): readonly string[] => consequences(dns, state(was), way).map((line) => line.replace(/:.*/, ''));
  expect(said('split')).toEqual(['split', 'fabric deploy dns --remedy override']);
  expect(said('override')).toEqual(['override', 'fabric deploy dns --remedy split']);
  expect(consequences(dns, state(now), 'split')).toEqual([]);
});

test('the gate: what it is for, and what only follows from that; a name that is astray for another reason is left out', () => {
  const of = (check: Check, subject: string) => ({ id: resultId(check, subject), check, subject });
  const results: readonly Result[] = [
    { ...of(covered, 'chat.example.com'), status: 'fail', findings: [{ severity: 'fail', saw: '', want: '', advice: '' }], lost: [] },
    { ...of(os, 'chat.example.com/motoko'), status: 'blocked', by: resultId(covered, 'chat.example.com') },
    { ...of(acceptDns, 'togusa'), status: 'fail', findings: [{ severity: 'fail', saw: '', want: '', advice: '' }], lost: [] },
    { ...of(os, 'chat.example.com/togusa'), status: 'blocked', by: resultId(acceptDns, 'togusa') },
  ];
  const plan = dnsPlan(dns, UNIT, found(yaml('false')), 'split', { at: 0, results });
  expect('why' in plan ? plan : plan.at(-1)).toMatchObject({
    do: 'gate',
    must: [
      { id: 'dns/covered@chat.example.com', atWorst: 'pass' },
      { id: 'dns/os@chat.example.com/motoko', atWorst: 'pass' },
    ],
  });
});

test.each<readonly [status: 'pass' | 'unknown', planned: boolean]>([
  ['pass', false],
  ['unknown', true],
])('a name under base_domain that has no record and is %s', (status, planned) => {
  const name = 'motoko.tail.example.net';
  const result = { id: resultId(os, `${name}/togusa`), check: os, subject: `${name}/togusa` };
  const results: readonly Result[] = [status === 'pass' ? { ...result, status } : { ...result, status, findings: [], lost: [] }];
  const machine: Dns = { ...dns, names: [{ name, inside: ['100.64.0.1'] }] };
  const plan = dnsPlan(machine, UNIT, found(yaml('false')), 'split', { at: 0, results });
  expect('why' in plan || plan.length > 0).toBe(planned);
});

describe('a file of records', () => {
  const config = yaml('true', '  extra_records_path: /etc/headscale/records.json\n');
  test.each<readonly [what: string, Headscale, Found, titles: readonly string[]]>([
    ['of a unit: no restart', UNIT, found(config, { records: state('[]\n') }), ['edit /etc/headscale/records.json', GATE]],
    [
      'in a folder that is mounted: no restart',
      CONTAINER,
      found(config, { mounted: FOLDER, records: state('[]\n') }),
      ['edit /opt/services/headscale/config/records.json', GATE],
    ],
    [
      'mounted alone: a restart',
      CONTAINER,
      found(config, { mounted: ALONE, records: state('[]\n') }),
      ['edit /opt/services/headscale/config/records.json', 'restart headscale', GATE],
    ],
    [
      'that is not there yet',
      CONTAINER,
      found(config, { mounted: FOLDER }),
      ['write /opt/services/headscale/config/records.json (new, 640 root', GATE],
    ],
  ])('%s', (_, headscale, there, expected) => {
    const plan = planned(headscale, there);
    expect(titles(plan)).toEqual(expected);
    const step = plan[0];
    const now = step !== undefined && (step.do === 'splice' || step.do === 'write') ? step.now : null;
    expect(now).not.toBeNull();
    expect(planned(headscale, { ...there, records: state(now ?? '') })).toEqual([]);
  });
});

describe('a restart alone', () => {
  const config = yaml('true');
  const seen = { age: 100, inode: '1', sha256: sha256(config) };
  test.each<readonly [what: string, server: Partial<HeadscaleServer>, restarts: boolean]>([
    ['nothing is stale', {}, false],
    ['it does not run', { running: null }, true],
    ['config.yaml was changed since it started', { running: 200 }, true],
    ['it has another config.yaml before it', { inside: { ...seen, sha256: sha256('old') } }, true],
    [
      'it has another file of records before it',
      { records: { path: '/r', inside: seen, text: '', hostPath: '/r', onHost: { ...seen, sha256: sha256('new') }, alone: true } },
      true,
    ],
  ])('%s', (_, server, restarts) => {
    expect(titles(planned(UNIT, found(config, {}, server)))).toEqual(restarts ? ['restart headscale.service', GATE] : []);
  });
});

describe('what a container is asked with', () => {
  const script = (headscale: Headscale, mounted: Found['mounted'], n: number): string => {
    const step = planned(headscale, found(yaml('false'), { mounted }))[n];
    return step?.do === 'run' ? step.script : '';
  };
  test('its own program, where it sees the folder; its image, where it sees one file', () => {
    expect(script(CONTAINER, FOLDER, 0)).toContain('podman exec headscale headscale "$@"');
    expect(script(CONTAINER, FOLDER, 0)).toContain('headscale configtest -c /etc/headscale/.fabric-configtest.yaml');
    expect(script(CONTAINER, ALONE, 0)).toContain('docker run --rm --network none --volumes-from headscale');
  });
  test('compose restarts what compose started', () => {
    expect(script(CONTAINER, FOLDER, 2)).toContain('podman restart headscale');
    const composed: Headscale = {
      ...CONTAINER,
      run: {
        by: 'container',
        container: 'headscale',
        config: '/etc/headscale/config.yaml',
        compose: '/opt/services/headscale/compose.yaml',
      },
    };
    expect(script(composed, ALONE, 2)).toContain('docker compose -f /opt/services/headscale/compose.yaml restart "$service"');
  });
});

describe('no plan', () => {
  test.each<readonly [what: string, Headscale, Found, why: RegExp]>([
    ['no config.yaml there', UNIT, { ...found(''), config: null }, /is the path on the host, not the one in a container$/],
    ['no such container', CONTAINER, found(yaml('false')), /^there is no container headscale on hs$/],
    [
      'another file in the container',
      { ...CONTAINER, config: '/etc/headscale/config.yaml' },
      found(yaml('false'), { mounted: FOLDER }),
      /^\/etc\/headscale\/config\.yaml in headscale is \/opt\/services\/headscale\/config\/config\.yaml of hs, and fabric\.yaml says \/etc\/headscale\/config\.yaml$/,
    ],
    ['the image’s own file', CONTAINER, found(yaml('false'), { mounted: { engine: 'podman', mounts: [] } }), /is the image's own file/],
    [
      'a file of records that is nowhere on the host',
      CONTAINER,
      found(yaml('false', '  extra_records_path: /var/lib/records.json\n'), { mounted: FOLDER }),
      /^extra_records_path is \/var\/lib\/records\.json, which is in no mount of the container headscale/,
    ],
    [
      'a file that is no JSON',
      UNIT,
      found(yaml('true', '  extra_records_path: /r.json\n'), { records: state('[,]') }),
      /^\/r\.json on hs: it is no JSON$/,
    ],
    ['tabs', UNIT, found('dns:\n\tmagic_dns: true\n'), /config\.yaml on hs: it is no YAML that Headscale reads \(TAB_AS_INDENT/],
  ])('%s', (_, headscale, there, why) => {
    const plan = dnsPlan(dns, headscale, there, 'split', NONE);
    expect('why' in plan && plan.why).toMatch(why);
  });
});

test('where a container’s path is on the host', () => {
  const read = (out: string) => mounts('hs', 'headscale').read({ code: 0, out, err: '' }, 0);
  expect(read('absent\n')).toBeNull();
  const mounted = read('podman\n/opt/a\t/etc/headscale\n/opt/b/config.yaml\t/etc/headscale/config.yaml\n');
  const there = mounted?.mounts ?? [];
  expect(mounted?.engine).toBe('podman');
  expect(onHost(there, '/etc/headscale/records.json')).toEqual({ path: '/opt/a/records.json', alone: false });
  expect(onHost(there, '/etc/headscale/config.yaml')).toEqual({ path: '/opt/b/config.yaml', alone: true });
  expect(onHost(there, '/etc/headscales/x')).toBeNull();
  expect(() => read('no such engine')).toThrow('inspect said');
});
