import type { Actor } from '../accounts/actor.ts';
import type { Oversight } from '../accounts/oversight.ts';
import type { CsvValue } from '../core/csv.ts';
import type { AuditQuery, AuditRow } from '../store/audit.ts';
import { csvDownload, type CsvFile } from './csv-download.ts';
import type { HttpContext } from './env.ts';

const PAGE = 1000;

const COLUMNS = [
  'seq',
  'at',
  'action',
  'outcome',
  'actor',
  'actorUid',
  'via',
  'actorTid',
  'targetKind',
  'targetId',
  'target',
  'address',
  'application',
  'reason',
  'detail',
  'hash',
] as const;

/** Every row of the audit that the query matches, newest first, as a file to download, safe to open in a spreadsheet. */
export function auditCsv(
  c: HttpContext,
  oversight: Oversight,
  actor: Actor,
  query: AuditQuery,
): Promise<Response> {
  return csvDownload(c, { name: 'audit.csv', columns: COLUMNS, pages: pagesOf(oversight, actor, query) });
}

async function* pagesOf(oversight: Oversight, actor: Actor, query: AuditQuery): CsvFile['pages'] {
  let before: Pick<AuditQuery, 'beforeSeq'> = {};
  for (;;) {
    const rows = await oversight.audit(actor, { ...query, ...before, limit: PAGE });
    yield rows.map(lineOf);
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE) return;
    before = { beforeSeq: last.seq };
  }
}

function lineOf({ actor, target, detail, ...row }: AuditRow): readonly CsvValue[] {
  const cells: Readonly<Record<(typeof COLUMNS)[number], CsvValue>> = {
    ...row,
    actor: actor.name,
    actorUid: actor.uid,
    via: actor.via,
    actorTid: actor.tid,
    targetKind: target?.kind ?? null,
    targetId: target?.id ?? null,
    target: target?.name ?? null,
    detail: detail === null ? null : JSON.stringify(detail),
  };
  return COLUMNS.map((column) => cells[column]);
}
