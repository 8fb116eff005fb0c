import { describe, expect, test } from 'vitest';
import type { DnsName } from '../src/fabric.ts';
import {
  isRouted,
  type Names,
  readNames,
  readRecords,
  type Why,
  withJsonRecords,
  withRecords,
  withRoutes,
} from '../src/services/headscale.ts';

const names = (text: string): Names => {
  const read = readNames(text);
  if ('why' in read) throw new Error(read.why);
  return read;
};
const CHAT: DnsName = { name: 'chat.example.com', inside: ['100.64.0.14'] };
const MAYI: DnsName = { name: 'mayi.example.com', inside: ['100.64.0.14', 'fd7a:115c:a1e0::e'] };
const A = '{ name: "chat.example.com", type: "A", value: "100.64.0.14" }';

describe('what Headscale makes of override_local_dns', () => {
  test.each<readonly [written: string, override: boolean, text: string | null]>([
    ['true', true, null],
    ['True', true, null],
    ['false', false, null],
    ['yes', false, 'yes'],
    ['on', false, 'on'],
    ['"true"', true, 'true'],
    ['"1"', true, '1'],
    ['"yes"', false, 'yes'],
    ['1', true, null],
    ['0', false, null],
    ['', false, null],
  ])('%s', (written, override, text) => {
    expect(names(`dns:\n  override_local_dns: ${written}\n`)).toMatchObject({ override, overrideText: text });
  });
  test('absent is true, as a section that is not there', () => {
    expect(names('dns:\n  magic_dns: false\n')).toMatchObject({ override: true, magicDns: false });
    expect(names('server_url: http://x\n')).toMatchObject({
      override: true,
      magicDns: true,
      baseDomain: '',
      records: [],
      recordsPath: null,
    });
  });
});

describe('which names clients with split DNS ask the tailnet for', () => {
  const base: Names = { ...names('dns: {}'), override: false, baseDomain: 'tail.example.net' };
  test.each<readonly [text: string, past: boolean]>([
    ['dns: { magic_dns: false, nameservers: { split: { example.com: [9.9.9.9] } } }', true],
    ['dns: { magic_dns: false, nameservers: { split: { example.com: [9.9.9.9, 1.1.1.1], example.org: [1.1.1.1, 9.9.9.9] } } }', true],
    ['dns: { magic_dns: false, nameservers: { split: { example.com: [9.9.9.9], example.org: [1.1.1.1] } } }', false],
    ['dns: { magic_dns: false, nameservers: { split: { example.com: [9.9.9.9], example.org: [] } } }', false],
    ['dns: { magic_dns: false, nameservers: { split: {} } }', false],
    ['dns: { magic_dns: true, nameservers: { split: { example.com: [9.9.9.9] } } }', false],
  ])('past the records: %s', (text, past) => expect(names(text).past).toBe(past));
  test.each<readonly [name: string, with_: Partial<Names>, routed: boolean]>([
    ['chat.example.com', { split: ['example.com'], past: true }, false],
    ['chat.example.com', {}, false],
    ['chat.example.com', { override: true }, true],
    ['chat.example.com', { split: ['chat.example.com'] }, true],
    ['chat.example.com', { split: ['Example.com.'] }, true],
    ['xchat.example.com', { split: ['chat.example.com'] }, false],
    ['chat.tail.example.net', {}, true],
    ['chat.tail.example.net', { magicDns: false }, false],
    ['tail.example.net.evil.org', {}, false],
    ['chat.example.com', { baseDomain: '' }, false],
  ])('%s, %j', (name, with_, routed) => expect(isRouted(name, { ...base, ...with_ })).toBe(routed));
});

/** Each: a file, and the file afterwards. */
const RECORDS: Readonly<Record<string, readonly [was: string, now: string]>> = {
  'a list in lines gets one in lines': [
    'dns:\n  extra_records:\n    - name: a.example.com\n      type: A\n      value: 100.64.0.1 # a\n  # the end\nlog: {}\n',
    'dns:\n  extra_records:\n    - name: a.example.com\n      type: A\n      value: 100.64.0.1 # a\n    - name: "chat.example.com"\n      type: "A"\n      value: "100.64.0.14"\n  # the end\nlog: {}\n',
  ],
  'a list as far out as its key': [
    'dns:\n  extra_records:\n  - {name: a.example.com, type: A, value: 100.64.0.1}\n',
    `dns:\n  extra_records:\n  - {name: a.example.com, type: A, value: 100.64.0.1}\n  - ${A}\n`,
  ],
  'a list on one line': [
    'dns: { extra_records: [ {name: a.example.com, type: A, value: 100.64.0.1} ] } # x\n',
    `dns: { extra_records: [ {name: a.example.com, type: A, value: 100.64.0.1}, ${A} ] } # x\n`,
  ],
  'an empty list, with the example under it as a comment': [
    'dns:\n    extra_records: [] # none yet\n    #   - name: "grafana.example.com"\nlog: {}\n',
    `dns:\n    extra_records: # none yet\n      - ${A}\n    #   - name: "grafana.example.com"\nlog: {}\n`,
  ],
  'an empty list on one line': ['dns: { extra_records: [] }\n', `dns: { extra_records: [${A}] }\n`],
  'a key with nothing': ['dns:\n  extra_records:\n\nlog: {}\n', `dns:\n  extra_records:\n    - ${A}\n\nlog: {}\n`],
  'no such key': [
    'dns:\n  magic_dns: true   # yes\n\nlog: {}\n',
    `dns:\n  magic_dns: true   # yes\n  extra_records:\n    - ${A}\n\nlog: {}\n`,
  ],
  'no such section': ['log: {}', `log: {}\ndns:\n  extra_records:\n    - ${A}\n`],
  'no end of line at the end': ['dns:\n  magic_dns: true', `dns:\n  magic_dns: true\n  extra_records:\n    - ${A}\n`],
  'lines that end as on Windows': [
    'dns:\r\n  magic_dns: true\r\n# end\r\n',
    `dns:\r\n  magic_dns: true\r\n  extra_records:\r\n    - ${A}\r\n# end\r\n`,
  ],
  'a block scalar before': [
    'dns:\n  base_domain: >-\n    tail\n\nlog: {}\n',
    `dns:\n  base_domain: >-\n    tail\n  extra_records:\n    - ${A}\n\nlog: {}\n`,
  ],
  'the record is there, with a dot at its end and no type': [
    'dns:\n  extra_records:\n    - { name: chat.example.com., value: 100.64.0.14 }\n',
    'dns:\n  extra_records:\n    - { name: chat.example.com., value: 100.64.0.14 }\n',
  ],
  'the record is there with a capital, and so is never found': [
    'dns:\n  extra_records:\n    - { name: Chat.example.com, type: A, value: 100.64.0.14 }\n',
    `dns:\n  extra_records:\n    - { name: Chat.example.com, type: A, value: 100.64.0.14 }\n    - ${A}\n`,
  ],
  'another address goes': [
    'dns:\n  extra_records:\n    - name: chat.example.com\n      type: A\n      value: 100.64.0.9\n    - { name: b.example.com, type: A, value: 100.64.0.2 }\n',
    `dns:\n  extra_records:\n    - { name: b.example.com, type: A, value: 100.64.0.2 }\n    - ${A}\n`,
  ],
  'another address goes, on one line': [
    'dns: {extra_records: [{name: b.example.com, type: A, value: 100.64.0.2}, {name: chat.example.com, type: A, value: 100.64.0.9}]}\n',
    `dns: {extra_records: [{name: b.example.com, type: A, value: 100.64.0.2}, ${A}]}\n`,
  ],
  'the only one goes': [
    'dns:\n  extra_records: # ours\n    - name: chat.example.com\n      type: A\n      value: 100.64.0.9\nlog: {}\n',
    'dns:\n  extra_records: # ours\n    - name: "chat.example.com"\n      type: "A"\n      value: "100.64.0.14"\nlog: {}\n',
  ],
  'what clients drop stays, and counts for nothing': [
    'dns:\n  extra_records:\n    - { name: chat.example.com, type: CNAME, value: akira.tail.example.net }\n',
    `dns:\n  extra_records:\n    - { name: chat.example.com, type: CNAME, value: akira.tail.example.net }\n    - ${A}\n`,
  ],
  'keys in capitals, which viper takes': ['DNS:\n  Extra_Records: []\n', `DNS:\n  Extra_Records:\n    - ${A}\n`],
  'an anchor that nobody else uses': ['dns:\n  extra_records: &r []\n', `dns:\n  extra_records: &r\n    - ${A}\n`],
};
describe('records', () => {
  test.each(Object.entries(RECORDS))('%s', (_, [was, now]) => {
    expect(withRecords(was, [CHAT])).toBe(now);
    expect(withRecords(now, [CHAT])).toBe(now); // twice is once
  });
  test('both families, and a second name', () => {
    const now = withRecords('dns:\n  extra_records: []\n', [CHAT, MAYI]);
    expect(typeof now === 'string' && names(now).records).toEqual([
      { name: 'chat.example.com', type: 'A', value: '100.64.0.14' },
      { name: 'mayi.example.com', type: 'A', value: '100.64.0.14' },
      { name: 'mayi.example.com', type: 'AAAA', value: 'fd7a:115c:a1e0::e' },
    ]);
  });
});

const ROUTE = '"chat.example.com": []';
const SPLIT: Readonly<Record<string, readonly [was: string, now: string]>> = {
  'none, and comments that show how': [
    'dns:\n  override_local_dns: false\n  nameservers:\n    global:\n      - 9.9.9.9\n    split: {}\n      # foo.bar.com:\n      #   - 1.1.1.1\n  search_domains: []\n',
    `dns:\n  override_local_dns: false\n  nameservers:\n    global:\n      - 9.9.9.9\n    split:\n      ${ROUTE}\n      # foo.bar.com:\n      #   - 1.1.1.1\n  search_domains: []\n`,
  ],
  'one is there': [
    'dns:\n  override_local_dns: false\n  nameservers:\n    split:\n      foo.example.org:\n        - 1.1.1.1 # ours\n',
    `dns:\n  override_local_dns: false\n  nameservers:\n    split:\n      foo.example.org:\n        - 1.1.1.1 # ours\n      ${ROUTE}\n`,
  ],
  'on one line': [
    'dns: {override_local_dns: false, nameservers: {split: {foo.example.org: [1.1.1.1]}}}\n',
    `dns: {override_local_dns: false, nameservers: {split: {foo.example.org: [1.1.1.1], ${ROUTE}}}}\n`,
  ],
  'no nameservers': [
    'dns:\n  override_local_dns: false\nlog: {}\n',
    `dns:\n  override_local_dns: false\n  nameservers:\n    split:\n      ${ROUTE}\nlog: {}\n`,
  ],
  'nameservers with nothing': [
    'dns:\n  override_local_dns: false\n  nameservers:\n',
    `dns:\n  override_local_dns: false\n  nameservers:\n    split:\n      ${ROUTE}\n`,
  ],
  'the domain above is routed, past the records': [
    'dns:\n  override_local_dns: false\n  magic_dns: false\n  nameservers:\n    split:\n      example.com: [9.9.9.9]\n',
    `dns:\n  override_local_dns: false\n  magic_dns: false\n  nameservers:\n    split:\n      example.com: [9.9.9.9]\n      ${ROUTE}\n`,
  ],
  'the domain above is routed': [
    'dns:\n  override_local_dns: false\n  nameservers:\n    split:\n      example.com: [100.64.0.1]\n',
    'dns:\n  override_local_dns: false\n  nameservers:\n    split:\n      example.com: [100.64.0.1]\n',
  ],
  'a word for true that is false is written as what it is': [
    'dns:\n  override_local_dns: yes # all of it\n',
    `dns:\n  override_local_dns: false # all of it\n  nameservers:\n    split:\n      ${ROUTE}\n`,
  ],
  'a text for true that is true is written as what it is': ['dns:\n  override_local_dns: "true"\n', 'dns:\n  override_local_dns: true\n'],
  'override_local_dns is true': ['dns:\n  override_local_dns: true\n', 'dns:\n  override_local_dns: true\n'],
};
describe('the narrow way: a route of the name', () => {
  test.each(Object.entries(SPLIT))('%s', (_, [was, now]) => {
    expect(withRoutes(was, [CHAT], 'split')).toBe(now);
    expect(withRoutes(now, [CHAT], 'split')).toBe(now);
  });
});

const OVERRIDE: Readonly<Record<string, readonly [was: string, now: string]>> = {
  false: [
    'dns:\n  override_local_dns: false # why\n  nameservers: { global: [9.9.9.9] }\n',
    'dns:\n  override_local_dns: true # why\n  nameservers: { global: [9.9.9.9] }\n',
  ],
  yes: [
    "dns:\n  override_local_dns: 'yes'\n  nameservers: { global: [9.9.9.9] }\n",
    'dns:\n  override_local_dns: true\n  nameservers: { global: [9.9.9.9] }\n',
  ],
  nothing: [
    'dns:\n  override_local_dns:\n  nameservers: { global: [9.9.9.9] }\n',
    'dns:\n  override_local_dns: true\n  nameservers: { global: [9.9.9.9] }\n',
  ],
};
describe('the wide way: override_local_dns', () => {
  test.each(Object.entries(OVERRIDE))('%s', (_, [was, now]) => {
    expect(withRoutes(was, [CHAT], 'override')).toBe(now);
    expect(withRoutes(now, [CHAT], 'override')).toBe(now);
  });
  test('is refused without a resolver for all else, with which Headscale would not start', () => {
    expect(withRoutes('dns:\n  override_local_dns: false\n', [CHAT], 'override')).toEqual({
      why: 'override_local_dns: true needs a resolver under nameservers.global, or Headscale does not start',
    });
  });
});

describe('what is not edited', () => {
  test.each<readonly [text: string, why: RegExp]>([
    ['dns:\n\textra_records: []\n', /no YAML that Headscale reads \(TAB_AS_INDENT/],
    ['dns: {}\ndns: {}\n', /DUPLICATE_KEY/],
    ['dns:\n  extra_records: []\n  Extra_Records: []\n', /dns\.extra_records stands there in a way/],
    ['- dns\n', /no mapping/],
    ['dns: {}\n---\ndns: {}\n', /MULTIPLE_DOCS/],
    ['x: &d\n  magic_dns: true\ndns: *d\n', /in a way/], // the edit would change x too
    ['x: &d { extra_records: [] }\ndns: *d\n', /in a way/],
    ['dns:\n  extra_records: &r []\nx: *r\n', /in a way/],
    ['dns: text\n', /in a way/],
    [
      'a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n',
      /aliases/,
    ],
  ])('%j', (text, why) => {
    const said = withRecords(text, [CHAT]);
    expect(typeof said === 'string' ? said : said.why).toMatch(why);
  });
  test('a merge key gives a section of its own what it needs', () => {
    const now = withRoutes('x: &d\n  magic_dns: true\ndns:\n  <<: *d\n  override_local_dns: false\n', [CHAT], 'split');
    expect(now).toBe(`x: &d\n  magic_dns: true\ndns:\n  <<: *d\n  override_local_dns: false\n  nameservers:\n    split:\n      ${ROUTE}\n`);
  });
});

describe('a file of records', () => {
  const json = (text: string): string | Why => withJsonRecords(text, [CHAT]);
  const A_JSON = '{\n    "name": "chat.example.com",\n    "type": "A",\n    "value": "100.64.0.14"\n  }';
  test.each<readonly [was: string, now: string]>([
    ['', `[\n  ${A_JSON}\n]\n`],
    ['[]\n', `[\n  ${A_JSON}\n]\n`],
    [
      '[\n\t{ "name": "chat.example.com", "type": "A", "value": "100.64.0.9", "note": 1 },\n\t{ "name": "b.example.com", "note": 2 }\n]',
      `[\n\t{\n\t\t"name": "b.example.com",\n\t\t"note": 2\n\t},\n\t${A_JSON.replaceAll('  ', '\t')}\n]\n`,
    ],
    ['[{"name":"chat.example.com.","type":"","value":"100.64.0.14"}]', '[{"name":"chat.example.com.","type":"","value":"100.64.0.14"}]'],
  ])('%j', (was, now) => expect(json(was)).toBe(now));
  test('what is none is not touched', () => {
    expect(json('{"name":"chat.example.com"}')).toEqual({ why: 'it is JSON, and no list of records' });
    expect(json('[{"name":')).toEqual({ why: 'it is no JSON' });
    expect(readRecords('[{"Name":"a.example.com","Type":"A","Value":"100.64.0.1"}]')).toEqual([
      { name: 'a.example.com', type: 'A', value: '100.64.0.1' },
    ]);
  });
});
