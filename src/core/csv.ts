/** Values of a table cell; dates become ISO-8601 UTC, null becomes empty, lists are joined by spaces. */
export type CsvValue = string | number | boolean | Date | null | readonly string[];

function textOf(value: CsvValue): string {
  if (value === null) return '';
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'object' ? value.join(' ') : String(value);
}

/**
 * One cell. Text that a spreadsheet would run as a formula (OWASP, CSV injection: `=`, `+`, `-`, `@`, tab, return, also
 * behind blanks) gets an apostrophe in front; a number keeps its sign.
 */
export function csvCell(value: CsvValue): string {
  const raw = textOf(value);
  const text = typeof value !== 'number' && /^\s*[=+\-@\t\r]/.test(raw) ? `'${raw}` : raw;
  return /[",\r\n;\t']/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** One line of RFC 4180, with its CRLF. */
export function csvLine(values: readonly CsvValue[]): string {
  return `${values.map(csvCell).join(',')}\r\n`;
}
