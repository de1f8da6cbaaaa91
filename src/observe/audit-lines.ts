import type { Log } from '../core/log.ts';
import type { AuditRow } from '../store/audit.ts';

/**
 * The audit as JSON lines, for whoever collects logs: each row as the store has it. Its number and hash are with it, so that
 * a chain which was rewritten in the store no longer fits what was logged.
 */
export function logAuditRows(log: Log, rows: readonly AuditRow[]): void {
  for (const audit of rows) log.info({ audit }, 'audit');
}
