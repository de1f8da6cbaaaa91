import { html, NOTHING, type Html } from './html.ts';

export interface Column<Row> {
  /** Null: the column needs no heading for the eye; `label` names it for screen readers. */
  readonly title: string | null;
  readonly label?: string;
  readonly cell: (row: Row) => Html | string | number;
  /** Address of the list sorted by this column, and how it is sorted now. */
  readonly sort?: { readonly href: string; readonly now: 'ascending' | 'descending' | null };
  readonly className?: string;
  /** Names its row. */
  readonly heading?: boolean;
}

export interface TableOptions<Row> {
  /** For screen readers. */
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  /** Narrow enough to stay a table everywhere. */
  readonly small?: boolean;
}

/**
 * A table that becomes a list of cards on a narrow screen. Roles are spelled out, since browsers forget them when a table is
 * not displayed as one.
 */
export function table<Row>({ caption, columns, rows, small = false }: TableOptions<Row>): Html {
  return html`<div class="${small ? 'small' : 'scroll'}">
    <table role="table">
      <caption>
        ${caption}
      </caption>
      <thead role="rowgroup">
        <tr role="row">
          ${columns.map(head)}
        </tr>
      </thead>
      <tbody role="rowgroup">
        ${rows.map(
          (row) =>
            html`<tr role="row">
              ${columns.map((column) => cell(column, row))}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

function head<Row>({ title, label, sort, className = '' }: Column<Row>): Html {
  const name = title ?? html`<span class="unseen">${label ?? ''}</span>`;
  if (sort === undefined) return html`<th role="columnheader" scope="col" class="${className}">${name}</th>`;
  return html`<th
    role="columnheader"
    scope="col"
    class="${className}"
    ${sort.now === null ? NOTHING : html`aria-sort="${sort.now}"`}
  >
    <a href="${sort.href}">${name}</a>
  </th>`;
}

function cell<Row>({ title, cell: show, className = '', heading = false }: Column<Row>, row: Row): Html {
  const name = title === null ? NOTHING : html`data-label="${title}"`;
  return heading
    ? html`<th role="rowheader" scope="row" class="${className}" ${name}>${show(row)}</th>`
    : html`<td role="cell" class="${className}" ${name}>${show(row)}</td>`;
}
