import { DAY_MS } from '../../../../core/duration.ts';
import {
  AUDIT_ACTIONS,
  type AuditAction,
  type AuditEntry,
  type AuditQuery,
} from '../../../../store/audit.ts';
import type { Form } from '../../form.ts';
import { endOfDay } from '../../ui/time.ts';

export const OUTCOMES = ['ok', 'refused', 'failed'] as const satisfies readonly AuditEntry['outcome'][];

/** Which part of the audit is looked at; every field has a place in the address. */
export interface AuditFilter {
  /** Name of who did it. */
  readonly actor: string;
  /** Name or id of what it was done to. */
  readonly target: string;
  readonly action: AuditAction | null;
  readonly outcome: AuditEntry['outcome'] | null;
  /** Days, as date fields hold them; empty: no limit. */
  readonly from: string;
  readonly until: string;
}

/** Reads an address leniently: what makes no sense is as if it were not there. */
export function auditFilter(query: Form): AuditFilter {
  const day = (name: string): string => (endOfDay(query.text(name)) === null ? '' : query.text(name));
  return {
    actor: query.text('actor').slice(0, 250),
    target: query.text('target').slice(0, 250),
    action: AUDIT_ACTIONS.find((one) => one === query.text('action')) ?? null,
    outcome: OUTCOMES.find((one) => one === query.text('outcome')) ?? null,
    from: day('from'),
    until: day('until'),
  };
}

export function auditParameters(filter: AuditFilter): Record<string, string | null> {
  return { ...filter };
}

export function filtersUsed(filter: AuditFilter): number {
  return Object.values(filter).filter((value) => value !== null && value !== '').length;
}

/** For the service, without pages. */
export function auditQuery({ actor, target, action, outcome, from, until }: AuditFilter): AuditQuery {
  const start = (day: string) => new Date(`${day}T00:00:00Z`);
  return {
    ...(actor === '' ? {} : { actor }),
    ...(target === '' ? {} : { target }),
    ...(action === null ? {} : { action }),
    ...(outcome === null ? {} : { outcome }),
    ...(from === '' ? {} : { from: start(from) }),
    ...(until === '' ? {} : { before: new Date(start(until).getTime() + DAY_MS) }),
  };
}
