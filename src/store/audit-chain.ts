import { createHash } from 'node:crypto';
import type { Selectable } from 'kysely';
import type { AuditEntry, AuditRow } from './audit.ts';
import type { AuditTable } from './schema.ts';

export type AuditRecord = Omit<Selectable<AuditTable>, 'hash'>;

/** An entry as the row that stands for it, at its place in the chain. */
export function recordOf(entry: AuditEntry, seq: number, now: Date): AuditRecord {
  const { actor, target } = entry;
  return {
    seq,
    at: entry.at ?? now,
    action: entry.action,
    outcome: entry.outcome,
    actor_uid: actor.uid,
    actor_name: storedName(actor.name),
    actor_via: actor.via,
    actor_tid: actor.tid,
    target_kind: target?.kind ?? null,
    target_id: target?.id === undefined || target.id === null ? null : storedName(target.id),
    target_name: target?.name === undefined || target.name === null ? null : storedName(target.name),
    address: storableOrNull(entry.address),
    application: storableOrNull(entry.application),
    reason: storableOrNull(entry.reason),
    detail:
      entry.detail === undefined || entry.detail === null ? null : storable(JSON.stringify(entry.detail)),
  };
}

/**
 * SHA-256 over the hash of the row before and all fields of this one. Fields are told apart by JSON's own quoting, so that
 * no text can be moved from one to the next unnoticed.
 */
export function linkHash(previous: Buffer, record: AuditRecord): Buffer {
  const fields = [
    record.seq,
    record.at.toISOString(),
    record.action,
    record.outcome,
    record.actor_uid,
    record.actor_name,
    record.actor_via,
    record.actor_tid,
    record.target_kind,
    record.target_id,
    record.target_name,
    record.address,
    record.application,
    record.reason,
    record.detail,
  ];
  return createHash('sha256').update(previous).update(JSON.stringify(fields)).digest();
}

export function chain(
  entries: readonly AuditEntry[],
  head: { readonly seq: number; readonly hash: Buffer },
  now: Date,
): Selectable<AuditTable>[] {
  let { seq, hash } = head;
  return entries.map((entry) => {
    seq += 1;
    const record = recordOf(entry, seq, now);
    hash = linkHash(hash, record);
    return Object.assign(record, { hash });
  });
}

export function rowOf({ hash, ...record }: Selectable<AuditTable>): AuditRow {
  return {
    seq: record.seq,
    at: record.at,
    action: record.action as AuditRow['action'],
    outcome: record.outcome as AuditRow['outcome'],
    actor: {
      uid: record.actor_uid,
      name: record.actor_name,
      via: record.actor_via,
      tid: record.actor_tid,
    },
    target:
      record.target_kind === null
        ? null
        : { kind: record.target_kind, id: record.target_id, name: record.target_name },
    address: record.address,
    application: record.application,
    reason: record.reason,
    detail: record.detail === null ? null : (JSON.parse(record.detail) as Record<string, unknown>),
    hash: hash.toString('hex'),
  };
}

/** Longer than any name that there is, and in UTF-8 within the 2,704 bytes that PostgreSQL's indexes take. */
const LONGEST_NAME = 800;

/** A name as it is stored, and has to be looked for: a stranger's may be as long as a start-up packet. */
export function storedName(name: string): string {
  return storable(name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name);
}

/** A user name comes from strangers: PostgreSQL's text takes no NUL, and no lone surrogate gets there and back. */
function storable(text: string): string {
  return text.replaceAll('\0', '\uFFFD').toWellFormed();
}

function storableOrNull(text: string | null | undefined): string | null {
  return text === undefined || text === null ? null : storable(text);
}
