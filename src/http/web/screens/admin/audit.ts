import type { Hono } from 'hono';
import { AUDIT_ACTIONS, type AuditRow } from '../../../../store/audit.ts';
import { auditCsv } from '../../../audit-csv.ts';
import type { HttpEnv } from '../../../env.ts';
import { Form } from '../../form.ts';
import { link } from '../../link.ts';
import { cursorPager } from '../../ui/cursor-pager.ts';
import { filters } from '../../ui/filters.ts';
import { field, keyField, select } from '../../ui/form.ts';
import { html, type Html } from '../../ui/html.ts';
import { page } from '../../ui/layout.ts';
import { action, empty, heading } from '../../ui/parts.ts';
import { postedForm, type Visit } from '../../visit.ts';
import type { Web } from '../../web.ts';
import {
  auditFilter,
  auditParameters,
  auditQuery,
  filtersUsed,
  OUTCOMES,
  type AuditFilter,
} from './audit-query.ts';
import { auditTable } from './audit-table.ts';
import { verdictCard } from './audit-verdict.ts';

interface Data {
  readonly visit: Visit;
  readonly filter: AuditFilter;
  readonly rows: readonly AuditRow[];
  readonly beforeSeq: number | null;
  readonly hasNext: boolean;
}

const PATH = '/admin/audit';
const SIZE = 100;

/** `/admin/audit`: what was done, by whom, to what, with what outcome; as CSV, too; and whether the chain is whole. */
export function auditScreen(routes: Hono<HttpEnv>, web: Web): void {
  const { oversight } = web.deps;

  routes.get(PATH, async (c) => {
    const query = new Form(new URL(c.req.url).searchParams);
    const filter = auditFilter(query);
    const beforeSeq = /^\d{1,15}$/.test(query.text('before')) ? Number(query.text('before')) : null;
    const visit = c.get('visit');
    const rows = await oversight.audit(visit.caller, {
      ...auditQuery(filter),
      ...(beforeSeq === null ? {} : { beforeSeq }),
      limit: SIZE + 1,
    });
    const body = view({ visit, filter, rows: rows.slice(0, SIZE), beforeSeq, hasNext: rows.length > SIZE });
    return page(c, web, { title: 'Audit', at: PATH, body });
  });

  routes.get('/admin/audit.csv', (c) => {
    const filter = auditFilter(new Form(new URL(c.req.url).searchParams));
    return auditCsv(c, oversight, c.get('visit').caller, auditQuery(filter));
  });

  // Reads the whole chain: nothing that a link should do.
  routes.post('/admin/audit/verify', async (c) => {
    await postedForm(c, web);
    const verdict = await oversight.verifyAudit(c.get('visit').caller, c.req.raw.signal);
    return page(c, web, { title: 'Verify audit', at: PATH, body: verdictCard(verdict, PATH) });
  });
}

function view(data: Data): Html {
  const { visit, filter, rows, beforeSeq, hasNext } = data;
  const at = (before: number | null) => link(PATH, { ...auditParameters(filter), before });
  const last = rows.at(-1);
  return html`${heading('Audit', {
    intro:
      'What was done, newest first. Each row carries the hash of the one before, so that none can be changed or taken out unnoticed.',
    actions: html`<form method="post" action="/admin/audit/verify" data-dialog>
        ${keyField(visit)} <button class="plain">Verify chain</button>
      </form>
      ${action({ href: link('/admin/audit.csv', auditParameters(filter)), text: 'Export CSV' })}`,
  })}
  ${filters({ path: PATH, kept: {}, used: filtersUsed(filter), fields: filterFields(filter) })}
  ${
    last === undefined
      ? empty('Nothing is like that.')
      : html`${auditTable(rows)}
        ${cursorPager({
          shown: rows.length,
          total: null,
          what: 'rows',
          first: beforeSeq === null ? null : at(null),
          next: hasNext ? at(last.seq) : null,
        })}`
  }`;
}

function filterFields({ actor, target, action: chosen, outcome, from, until }: AuditFilter): Html[] {
  const any = { value: '', text: 'any' };
  const choices = (values: readonly string[]) => [any, ...values.map((value) => ({ value, text: value }))];
  return [
    field({ name: 'actor', label: 'Actor', value: actor, hint: 'Name, exactly.', bare: true }),
    field({ name: 'target', label: 'Target', value: target, hint: 'Name or id, exactly.', bare: true }),
    select({ name: 'action', label: 'Action', value: chosen ?? '', choices: choices(AUDIT_ACTIONS) }),
    select({ name: 'outcome', label: 'Outcome', value: outcome ?? '', choices: choices(OUTCOMES) }),
    field({ name: 'from', label: 'From', type: 'date', value: from, bare: true }),
    field({ name: 'until', label: 'Until', type: 'date', value: until, bare: true }),
  ];
}
