// What `fabric doctor caddy` prints of who got in.
import { Chalk } from 'chalk';
import { expect, test } from 'vitest';
import { asDeclared } from '../src/check.ts';
import certificate from '../src/checks/caddy/certificate.ts';
import letsIn from '../src/checks/caddy/lets-in.ts';
import { examine } from '../src/examine.ts';
import type { MatrixRow, Seen } from '../src/matrix.ts';
import { matrixJson, matrixText } from '../src/report/caddy.ts';
import { fabricOf, SAMPLE } from './sample.ts';

const row = (site: string, enter: string, at: string, address: string, may: boolean, ...seen: readonly Seen[]): MatrixRow => ({
  site,
  enter,
  at,
  address,
  may,
  cells: seen.map((one, n) => ({
    protocol: `h${n + 1}`,
    seen: one,
    said: one === 'unknown' ? 'the curl there does not speak HTTP3\u001b[2J' : 'HTTP 200',
  })),
});
const rows: readonly MatrixRow[] = [
  row('n8n.lab.test', 'vpn', 'here', '100.64.0.14', true, 'allowed', 'refused', 'unknown'),
  row('n8n.lab.test', 'vpn', 'gaijin', '2001:db8::14', false, 'allowed', 'other', 'unreachable'),
  row('www.lab.test', 'both', 'here', '100.64.0.14', true, 'other', 'unreachable', 'unknown'),
];

test('a site a block, a vantage and address a line; what is not as declared is marked, and what was not tried is said', () =>
  expect(matrixText(rows, new Chalk({ level: 0 }))).toBe(`who gets in, as tried
                        h1            h2            h3
  n8n.lab.test  for the VPN alone
    here   100.64.0.14  allowed       refused ✗     ?
    gaijin 2001:db8::14 allowed ✗     other         unreachable
  www.lab.test  for everyone
    here   100.64.0.14  other ✗       unreachable ✗ ?
  ? h3 was not tried from here: the curl there does not speak HTTP3\\x1b[2J

`));

test('the same for programs', () => {
  expect(matrixJson(rows).map(({ vantage, cells }) => [vantage, cells.map((cell) => cell.as_declared)])).toEqual([
    ['here', [true, false, null]],
    ['gaijin', [false, true, true]],
    ['here', [false, false, null]],
  ]);
  expect(matrixText([], new Chalk({ level: 0 }))).toBe('');
});

test('another site’s answer is that certificate’s to explain, and says nothing of this one’s ACL', () => {
  const fabric = fabricOf(`${SAMPLE.replace('hosts:\n', 'hosts:\n  motoko: {}\n')}caddy:
  host: akira
  container: caddy
  caddyfile: /opt/caddy/Caddyfile
  addresses: { vpn: [100.64.0.14] }
  sites: { n8n.example.net: { enter: vpn } }
  vantages: { vpn: [motoko] }
`);
  const answer = { code: 0, out: '404 1.1 9 0.001 0.004\nown\nnames DNS:router.example.net', err: '' };
  const keys = [certificate, letsIn].flatMap((check) => check.each(fabric, asDeclared).flatMap(({ needs }) => needs.map(({ key }) => key)));
  const evidence = { vantage: 'motoko', at: 0, answers: new Map(keys.map((key) => [key, answer])) };
  const { results } = examine(fabric, [certificate, letsIn], [evidence], asDeclared, 0);
  expect(results).toMatchObject([{ status: 'fail' }, { status: 'blocked', by: 'caddy/certificate@motoko' }]);
});
