import { styleText } from 'node:util';
import { printable } from '../terminal.ts';
import type { Cell, Column } from './columns.ts';
import { displayWidth } from './width.ts';

/** Two blanks between columns, headings in upper case; ends with a line break. */
export function renderTable<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  colored: boolean,
): string {
  const shown = columns.filter(({ heading }) => heading !== null);
  const headings = shown.map(({ heading }) => heading ?? '');
  const cells = rows.map((row) => shown.map((each) => cellText(each.value(row))));
  const widths = headings.map((heading, index) =>
    Math.max(displayWidth(heading), ...cells.map((line) => displayWidth(line[index] ?? ''))),
  );
  const head = line(headings, widths);
  const body = cells.map((texts) => line(texts, widths));
  return [colored ? styleText('bold', head) : head, ...body].join('\n') + '\n';
}

/** One line for each property. */
export function renderDetails<Row>(row: Row, columns: readonly Column<Row>[], colored: boolean): string {
  const width = Math.max(...columns.map(({ key }) => key.length));
  const lines = columns.map((each) => {
    const name = each.key.padEnd(width);
    return `${colored ? styleText('bold', name) : name}  ${cellText(each.value(row))}`.trimEnd();
  });
  return lines.join('\n') + '\n';
}

function line(texts: readonly string[], widths: readonly number[]): string {
  const padded = texts.map((text, index) => text + ' '.repeat((widths[index] ?? 0) - displayWidth(text)));
  return padded.join('  ').trimEnd();
}

/** Times are shown to the minute, in UTC; nothing is a dash. */
function cellText(cell: Cell): string {
  if (cell === null || cell === '') return '-';
  if (cell instanceof Date) return `${cell.toISOString().slice(0, 16).replace('T', ' ')}Z`;
  if (typeof cell === 'object') return cell.length === 0 ? '-' : printable(cell.join(', '));
  return printable(String(cell)).replaceAll(/\s/g, ' ');
}
