import type { Principal } from '../accounts/principal.ts';
import type { ErrorCode } from '../core/errors.ts';
import type { LoginSubject } from '../login/refusal.ts';
import type { AuditEntry } from '../store/audit.ts';
import type { LiveSessions } from '../store/live-sessions.ts';
import type { Admitted } from './admit.ts';
import { CLIENT_PROTOCOL } from './endings.ts';
import type { LiveSession } from './registry.ts';
import type { RelayEnd } from './relay.ts';

/** A code where the gateway ended the session, else what ended it. */
export function reasonOfEnd(
  { closedBy, cause }: RelayEnd,
  code: ErrorCode | null,
): ErrorCode | RelayEnd['cause'] {
  if (cause === 'client malformed') return CLIENT_PROTOCOL.code;
  if (cause === 'engine lost') return 'engine.lost';
  return closedBy === 'gateway' && code !== null ? code : cause;
}

/** Who was proved; else whose secret it was or whose account was aimed at; else the name that the client gave. */
export function actorOf(
  principal: Principal | null,
  subject: LoginSubject | null,
  admitted: Admitted,
): AuditEntry['actor'] {
  return {
    uid: principal?.uid ?? subject?.account?.uid ?? null,
    name: principal?.name ?? subject?.account?.name ?? admitted.startup.user,
    via: principal?.provedBy ?? 'unproved',
    tid: principal?.token?.tid ?? subject?.token?.tid ?? null,
  };
}

export function closingEntry(
  session: LiveSession,
  reason: string,
  { at, seconds, end }: { readonly at: Date; readonly seconds: number; readonly end: RelayEnd },
): AuditEntry {
  const { principal } = session;
  return {
    action: 'session.close',
    outcome: 'ok',
    actor: {
      uid: principal.uid,
      name: principal.name,
      via: principal.provedBy,
      tid: principal.token?.tid ?? null,
    },
    target: targetOf(session),
    address: session.peer.address,
    application: session.application,
    reason,
    detail: {
      seconds: Math.round(seconds),
      fromClient: end.bytesFromClient,
      fromEngine: end.bytesFromEngine,
    },
    at,
  };
}

function targetOf({ sid, engine, database }: LiveSession): NonNullable<AuditEntry['target']> {
  return { kind: 'session', id: sid, name: `${engine.role}@${engine.engine}/${database}` };
}

export function directoryEntry(session: LiveSession): Parameters<LiveSessions['opened']>[0] {
  const { principal, engine } = session;
  return {
    sid: session.sid,
    uid: principal.uid,
    user: principal.name,
    tid: principal.token?.tid ?? null,
    label: principal.token?.label ?? null,
    mechanism: principal.mechanism,
    engine: engine.engine,
    database: session.database,
    role: engine.role,
    engineProcessId: engine.processId,
    address: session.peer.address,
    application: session.application,
    tls: session.tls,
    startedAt: session.startedAt,
  };
}
