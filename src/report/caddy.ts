import type { ChalkInstance } from 'chalk';
import { agrees, type MatrixCell, type MatrixRow } from '../matrix.ts';
import { visible } from '../shell.ts';

const ENTER: Readonly<Record<string, string>> = { vpn: 'the VPN alone', public: 'the public', both: 'everyone' };

/** The matrix for people: a site a block, a vantage and address a line. ✗: not as declared. What was not tried is said below. */
export const matrixText = (rows: readonly MatrixRow[], paint: ChalkInstance): string => {
  if (rows.length === 0) return '';
  const protocols = [...new Set(rows.flatMap(({ cells }) => cells.map(({ protocol }) => protocol)))];
  const [at, address] = [rows.map((row) => row.at), rows.map((row) => row.address)].map((all) => Math.max(...all.map((one) => one.length)));
  const head = `${' '.repeat(4 + (at ?? 0) + (address ?? 0) + 2)}${protocols.map((one) => one.padEnd(14)).join('')}`.trimEnd();
  const sites = [...new Map(rows.map(({ site, enter }) => [site, enter]))];
  const unknown = rows.flatMap((row) => row.cells.filter(({ seen }) => seen === 'unknown').map((cell) => ({ row, cell })));
  const why = new Map(unknown.map(({ row, cell }) => [`${row.at} ${cell.protocol} ${cell.said}`, { row, cell }]));
  return [
    'who gets in, as tried',
    paint.dim(head),
    ...sites.flatMap(([site, enter]) => [
      `  ${paint.bold(visible(site))}  ${paint.dim(`for ${ENTER[enter] ?? enter}`)}`,
      ...rows
        .filter((row) => row.site === site)
        .map((row) =>
          `    ${row.at.padEnd(at ?? 0)} ${row.address.padEnd(address ?? 0)} ${row.cells.map((cell) => shown(row, cell, paint)).join('')}`.trimEnd(),
        ),
    ]),
    ...[...why.values()].map(({ row, cell }) => paint.magenta(`  ? ${cell.protocol} was not tried from ${row.at}: ${visible(cell.said)}`)),
    '',
    '',
  ].join('\n');
};

const shown = (row: MatrixRow, cell: MatrixCell, paint: ChalkInstance): string => {
  const good = agrees(row, cell);
  const text = `${cell.seen === 'unknown' ? '?' : cell.seen}${good === false ? ' ✗' : ''}`.padEnd(14);
  return good === null ? paint.magenta(text) : good ? paint.green(text) : paint.red(text);
};

/** The same for programs: `matrix` of `fabric.report/1`, where a Caddy is declared and was asked. `as_declared` is null where nobody knows. */
export const matrixJson = (rows: readonly MatrixRow[]) =>
  rows.map((row) => ({
    site: row.site,
    enter: row.enter,
    vantage: row.at,
    address: row.address,
    may: row.may,
    cells: row.cells.map((cell) => ({
      protocol: cell.protocol,
      seen: cell.seen,
      said: visible(cell.said),
      as_declared: agrees(row, cell),
    })),
  }));
