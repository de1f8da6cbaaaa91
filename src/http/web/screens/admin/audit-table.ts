import type { AuditRow } from '../../../../store/audit.ts';
import { link } from '../../link.ts';
import { badge } from '../../ui/badge.ts';
import { html, NOTHING, type Html } from '../../ui/html.ts';
import { table, type Column } from '../../ui/table.ts';
import { dateText } from '../../ui/time.ts';

/** Rows of the audit, newest first; names lead to all that the same one did, or that was done to the same thing. */
export function auditTable(rows: readonly AuditRow[]): Html {
  return table({ caption: 'Audit', columns: COLUMNS, rows });
}

const PATH = '/admin/audit';

const COLUMNS: readonly Column<AuditRow>[] = [
  { title: 'When', cell: whenCell },
  {
    title: 'Actor',
    cell: ({ actor, address, application }) =>
      html`<a class="name" href="${link(PATH, { actor: actor.name })}">${actor.name}</a>
        <span class="dim">${actor.via}</span>
        <div class="dim clip">
          ${[address, application].filter((text) => text !== null && text !== '').join(' · ')}
        </div>`,
  },
  { title: 'Action', heading: true, cell: ({ action }) => html`<code>${action}</code>` },
  { title: 'Target', cell: targetCell },
  { title: 'Outcome', cell: outcomeCell },
  { title: 'Details', cell: detailCell },
  { title: 'Row', className: 'number', cell: ({ seq }) => html`<span class="dim">${seq}</span>` },
];

/** To the second, as one who compares with other logs needs it. */
function whenCell({ at }: AuditRow): Html {
  const iso = at.toISOString();
  return html`<time datetime="${iso}" title="${iso.slice(0, 23).replace('T', ' ')} UTC"
    >${dateText(at)} <span class="dim">${iso.slice(11, 19)}</span></time
  >`;
}

function targetCell({ target }: AuditRow): Html {
  if (target === null) return NOTHING;
  const { kind, id, name } = target;
  return html`<div class="clip">
    <span class="dim">${kind}</span>
    <a href="${link(PATH, { target: id ?? name })}">${name ?? id ?? ''}</a>
  </div>`;
}

const TONES = { ok: 'good', refused: 'warn', failed: 'bad' } as const;

function outcomeCell({ outcome, reason }: AuditRow): Html {
  return html`${badge(TONES[outcome], outcome)}
  ${reason === null ? NOTHING : html`<div class="dim">${reason}</div>`}`;
}

function detailCell({ detail, actor }: AuditRow): Html {
  const all = { ...detail, ...(actor.tid === null ? {} : { byToken: actor.tid }) };
  const entries = Object.entries(all);
  if (entries.length === 0) return NOTHING;
  const shown = entries.map(
    ([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const [first = '', ...rest] = shown;
  if (rest.length === 0 && first.length < 40) return html`<span class="limits"><span>${first}</span></span>`;
  return html`<details>
    <summary>${Object.keys(all).slice(0, 3).join(', ')}${entries.length > 3 ? '…' : ''}</summary>
    <span class="limits">${shown.map((text) => html`<span>${text}</span>`)}</span>
  </details>`;
}
