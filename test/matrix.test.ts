// What `fabric doctor caddy` prints of who got in.
import { Chalk } from 'chalk';
import { expect, test } from 'vitest';
import type { MatrixRow, Seen } from '../src/matrix.ts';
import { matrixJson, matrixText } from '../src/report/caddy.ts';

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
