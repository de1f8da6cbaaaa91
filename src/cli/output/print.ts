import { Option } from 'commander';
import { csvLine } from '../../core/csv.ts';
import { usesColor, type Terminal } from '../terminal.ts';
import type { Column } from './columns.ts';
import { renderDetails, renderTable } from './table.ts';

export const FORMATS = ['table', 'json', 'csv'] as const;
export type Format = (typeof FORMATS)[number];

export interface OutputOptions {
  readonly output: Format;
}

export function outputOption(): Option {
  return new Option('-o, --output <format>', 'form of the output').choices(FORMATS).default('table');
}

/** Writes a list: JSON is an array of whole rows. */
export function printList<Row>(
  terminal: Terminal,
  format: Format,
  rows: readonly Row[],
  columns: readonly Column<Row>[],
): void {
  const { stdout } = terminal;
  if (format === 'json') stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
  else if (format === 'csv') stdout.write(csvOf(rows, columns));
  else stdout.write(renderTable(rows, columns, usesColor(terminal)));
}

/** Writes one thing: JSON is one object, a table has a line for each property. */
export function printOne<Row>(
  terminal: Terminal,
  format: Format,
  row: Row,
  columns: readonly Column<Row>[],
): void {
  const { stdout } = terminal;
  if (format === 'json') stdout.write(`${JSON.stringify(row, null, 2)}\n`);
  else if (format === 'csv') stdout.write(csvOf([row], columns));
  else stdout.write(renderDetails(row, columns, usesColor(terminal)));
}

function csvOf<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string {
  const header = csvLine(columns.map(({ key }) => key));
  return header + rows.map((row) => csvLine(columns.map((each) => each.value(row)))).join('');
}
