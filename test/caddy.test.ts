// Caddy's configuration as `caddy adapt` 2.11.4 printed it, and whom it lets in.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  type Asking,
  aclOf,
  memberOf,
  outcome,
  overlap,
  pathsOf,
  type Server,
  serverOn,
  serversOf,
  stranger,
} from '../src/services/caddy.ts';

const FILES = join(import.meta.dirname, 'caddy-samples');
const server = (file: string): Server => {
  const found = serverOn(serversOf(readFileSync(join(FILES, file), 'utf8')), 443);
  if (found === undefined) throw new Error(`${file}: no server on 443`);
  return found;
};
const VARIANTS = server('variants-a-b.json');
const LEAKS = server('directive-order.json');
const said = (one: Server, host: string, client: string, path = '/'): string => {
  const asking: Asking = { host, path, client, remote: client };
  const end = outcome(one, asking);
  return [end.is, 'by' in end ? end.by : 'status' in end ? String(end.status) : 'why' in end ? end.why : ''].filter(Boolean).join(' ');
};

// As curl saw it: 403 or 200.
test.each([
  [VARIANTS, 'a.lab.test', '100.64.0.5', '/', 'reached respond'],
  [VARIANTS, 'a.lab.test', '203.0.113.9', '/', 'denied 403'],
  [VARIANTS, 'a.lab.test', '172.20.1.1', '/', 'denied 403'],
  [VARIANTS, 'a.lab.test', 'fd7a:115c:a1e0::5', '/', 'denied 403'],
  [VARIANTS, 'b.lab.test', '100.64.0.5', '/', 'reached respond'],
  [VARIANTS, 'b.lab.test', '172.20.1.1', '/', 'reached respond'],
  [VARIANTS, 'b.lab.test', '203.0.113.9', '/', 'denied 403'],
  [VARIANTS, 'echo.lab.test', '203.0.113.9', '/', 'reached respond'],
  [VARIANTS, 'nobody.lab.test', '203.0.113.9', '/', 'nothing'],
  // An ACL that never acts: error sorts after handle, route and redir.
  [LEAKS, 'a.lab.test', '203.0.113.9', '/', 'reached respond'],
  [LEAKS, 'b.lab.test', '203.0.113.9', '/', 'reached respond'],
  [LEAKS, 'echo.lab.test', '203.0.113.9', '/', 'denied 403'],
  [LEAKS, 'echo.lab.test', '203.0.113.9', '/api/x', 'reached respond'],
  [LEAKS, 'echo.lab.test', '203.0.113.9', '/old', 'reached respond'],
  [LEAKS, 'c.lab.test', '203.0.113.9', '/', 'denied 403'],
  [LEAKS, 'c.lab.test', '100.64.0.5', '/', 'reached respond'],
  [LEAKS, 'd.lab.test', '203.0.113.9', '/', 'denied null'],
  [LEAKS, 'd.lab.test', '100.64.0.5', '/', 'reached respond'],
])('%# %s %s %s %s', (one, host, client, path, expected) => expect(said(one, host, client, path)).toBe(expected));

const made = (...routes: readonly object[]): Server => {
  const config = { apps: { http: { servers: { s: { listen: ['10.0.0.1:443'], routes } } } } };
  const found = serverOn(serversOf(JSON.stringify(config)), 443);
  if (found === undefined) throw new Error('no server');
  return found;
};
const DENY = { handle: [{ handler: 'error', status_code: '403' }] };
const SERVE = { handle: [{ handler: 'encode' }, { handler: 'reverse_proxy' }] };
const VPN = { client_ip: { ranges: ['100.64.0.0/10'] } };
describe('matchers and routes', () => {
  test.each([
    ['the other way round: in by a range, all else is denied', [{ match: [VPN], ...SERVE }, DENY], '203.0.113.9', 'denied 403'],
    ['the other way round, from the VPN', [{ match: [VPN], ...SERVE }, DENY], '100.100.1.1', 'reached reverse_proxy'],
    ['any of several sets', [{ match: [{ path: ['/no'] }, VPN], ...SERVE }, DENY], '100.64.0.1', 'reached reverse_proxy'],
    ['a bare address', [{ match: [{ remote_ip: { ranges: ['203.0.113.9'] } }], ...DENY }, SERVE], '203.0.113.9', 'denied 403'],
    ['a wildcard host', [{ match: [{ host: ['*.lab.test'] }], ...SERVE, terminal: true }, DENY], '::1', 'reached reverse_proxy'],
    ['what decides is not known', [{ match: [{ expression: {} }], ...DENY }, SERVE], '::1', 'unsure a matcher “expression”'],
    ['what decides is not known, and changes nothing', [{ match: [{ header: {} }], ...SERVE }, SERVE], '::1', 'reached reverse_proxy'],
    ['not of what is not known', [{ match: [{ not: [{ header: {} }] }], ...DENY }, SERVE], '::1', 'unsure a matcher “header”'],
    [
      'a group is taken once',
      [{ group: 'g', match: [{ method: ['GET'] }], handle: [{ handler: 'vars' }] }, { group: 'g', ...DENY }, SERVE],
      '::1',
      'reached reverse_proxy',
    ],
    ['a terminal route that does not answer', [{ handle: [{ handler: 'headers' }], terminal: true }, DENY], '::1', 'nothing'],
    ['a named route', [{ handle: [{ handler: 'invoke', name: 'x' }] }, SERVE], '::1', 'reached reverse_proxy'],
  ] as const)('%s', (_, routes, client, expected) => expect(said(made(...routes), 'a.lab.test', client)).toBe(expected));
});

test('what an ACL names, and the paths that a site tells apart', () => {
  expect(aclOf(VARIANTS, 'b.lab.test')).toEqual({ ranges: ['100.64.0.0/10', '172.20.1.0/24'], byHeader: true });
  expect(aclOf(LEAKS, 'd.lab.test')).toEqual({ ranges: ['100.64.0.0/10'], byHeader: false });
  expect(aclOf(VARIANTS, 'echo.lab.test')).toEqual({ ranges: [], byHeader: false });
  expect(pathsOf(LEAKS, { name: 'echo.lab.test', path: '/', enter: 'vpn', marker: null })).toEqual(['/', '/old', '/api/x']);
});

test.each([
  ['100.64.0.0/10', '100.64.0.5'],
  ['10.0.0.7/32', '10.0.0.7'],
  ['10.0.0.6/31', '10.0.0.7'],
  ['fd7a:115c:a1e0::/48', 'fd7a:115c:a1e0::5'],
])('a member of %s: %s', (network, member) => expect(memberOf(network)).toBe(member));
test.each([
  ['172.20.1.0/24', '172.20.1.0/24', true],
  ['172.16.0.0/12', '172.20.1.0/24', true],
  ['172.20.1.1', '172.20.1.0/24', true],
  ['172.20.2.0/24', '172.20.1.0/24', false],
  ['::/0', '172.20.1.0/24', false],
])('%s and %s overlap: %s', (a, b, yes) => expect(overlap(a, b)).toBe(yes));
test('a stranger is whom no range names', () =>
  expect([stranger(4, []), stranger(4, ['192.0.2.0/24']), stranger(6, ['2001:db8::/32'])]).toEqual([
    '192.0.2.1',
    '198.51.100.77',
    '2001:4860:4860::8888',
  ]));
