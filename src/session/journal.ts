import type { Audit, AuditEntry } from '../store/audit.ts';
import type { FoldedRefusals } from '../store/folded-refusals.ts';
import type { LiveSessions } from '../store/live-sessions.ts';
import type { LastUsed } from '../tokens/last-used.ts';
import type { Principal } from '../accounts/principal.ts';
import { LoginRefused, type LoginSubject } from '../login/refusal.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { describeError, GatewayError, type ErrorCode } from '../core/errors.ts';
import type { Admitted, Refusal } from './admit.ts';
import type { SessionMetrics } from '../observe/session-metrics.ts';
import { actorOf, closingEntry, directoryEntry, reasonOfEnd } from './journal-entries.ts';
import { applicationName } from './application-name.ts';
import type { LiveSession } from './registry.ts';
import type { RelayEnd } from './relay.ts';

/** One login on its way; exactly one of `succeeded`, `left` and `failed` is recorded. */
export interface Attempt {
  /** @param byGrace without the store, which could not be reached */
  proved(principal: Principal, byGrace: boolean): void;
  succeeded(session: LiveSession): void;
  /** The client went away when it was asked for a secret: psql asks its user, then comes back. No failed login. */
  left(): void;
  /** @returns whether this is the first outcome, so that the client is to be told */
  failed(error: unknown): boolean;
}

/** Writes down what happens to logins and sessions: audit, log, metrics, last use, and the directory of live sessions. */
export interface Journal {
  begin(admitted: Admitted): Attempt;
  /** Sent away before a login began. */
  refusedAtTheDoor(refusal: Refusal): void;
  opened(session: LiveSession): void;
  /** @param code why the gateway ended it; null: it did not */
  ended(session: LiveSession, end: RelayEnd, code: ErrorCode | null): void;
}

export interface JournalDeps {
  readonly audit: Pick<Audit, 'note'>;
  readonly refusals: Pick<FoldedRefusals, 'note'>;
  readonly lastUsed: Pick<LastUsed, 'note'>;
  readonly directory: Pick<LiveSessions, 'opened' | 'closed'>;
  readonly metrics: SessionMetrics;
  readonly clock: Clock;
  readonly log: Log;
}

/** In the audit, of logins that were let in while the store was away. */
const BY_GRACE = 'store grace';

export function createJournal(deps: JournalDeps): Journal {
  const { refusals } = deps;
  return {
    begin: (admitted) => beginAttempt(admitted, deps),
    refusedAtTheDoor({ error, peer, user }) {
      deps.metrics.login('none', 'refused', error.code, 0);
      deps.log.warn(
        { address: peer.address, user, code: error.code, reason: error.message },
        'connection refused',
      );
      if (user === null) return;
      refusals.note({
        action: 'login',
        outcome: 'refused',
        actor: { uid: null, name: user, via: 'unproved', tid: null },
        address: peer.address,
        reason: error.code,
      });
    },
    opened(session) {
      deps.directory.opened(directoryEntry(session));
    },
    ended(session, end, code) {
      const reason = reasonOfEnd(end, code);
      deps.directory.closed(session.sid);
      const now = deps.clock.now();
      const seconds = (now.getTime() - session.startedAt.getTime()) / 1000;
      deps.metrics.ended(end.closedBy, seconds, end.bytesFromClient, end.bytesFromEngine);
      deps.audit.note(closingEntry(session, reason, { at: now, seconds, end }));
      deps.log.debug(
        { sid: session.sid, user: session.principal.name, closedBy: end.closedBy, cause: end.cause, reason },
        'session ended',
      );
    },
  };
}

function beginAttempt(admitted: Admitted, deps: JournalDeps): Attempt {
  const startedMs = deps.clock.monotonicMs();
  const application = applicationName(admitted.startup);
  const address = admitted.peer.address;
  let principal: Principal | null = null;
  let subject: LoginSubject | null = null;
  let graced = false;
  let settled = false;
  const settle = (
    outcome: 'ok' | 'refused' | 'failed',
    code: string,
    more: Required<Pick<AuditEntry, 'reason' | 'detail'>>,
  ): boolean => {
    if (settled) return false;
    settled = true;
    const method = principal?.mechanism ?? 'none';
    deps.metrics.login(method, outcome, code, (deps.clock.monotonicMs() - startedMs) / 1000);
    const entry: AuditEntry = {
      action: 'login',
      outcome,
      actor: actorOf(principal, subject, admitted),
      address,
      application,
      reason: more.reason,
      detail: more.detail,
      at: deps.clock.now(),
    };
    if (principal === null) deps.refusals.note({ ...entry, address, reason: code });
    else deps.audit.note(entry);
    return true;
  };
  return {
    proved(proved, byGrace) {
      principal = proved;
      graced = byGrace;
    },
    left() {
      settled = true;
      deps.log.debug({ address }, 'client left when asked for a secret');
    },
    succeeded(session) {
      const { sid, database, tls, principal: proved } = session;
      const detail = { sid, database, method: proved.mechanism, tls };
      if (!settle('ok', '', { reason: graced ? BY_GRACE : null, detail })) return;
      const tid = proved.token?.tid ?? null;
      if (tid !== null) deps.lastUsed.note(tid, { at: deps.clock.now(), address, application });
      deps.log.debug({ user: proved.name, tid, address, ...detail }, 'login');
    },
    failed(error) {
      const { code, message } = reasonOf(error);
      if (error instanceof LoginRefused) subject = error.subject;
      const first = settle(code === 'internal' ? 'failed' : 'refused', code, { reason: code, detail: null });
      if (first) logRefusal(deps.log, code, { user: admitted.startup.user, address, code, reason: message });
      return first;
    },
  };
}

function logRefusal(log: Log, code: string, fields: Readonly<Record<string, unknown>>): void {
  if (code === 'internal') log.error(fields, 'login failed by a defect');
  else log.warn(fields, 'login refused');
}

/** Code and text of anything thrown. */
function reasonOf(error: unknown): { code: string; message: string } {
  return error instanceof GatewayError
    ? { code: error.code, message: error.message }
    : {
        code: 'internal',
        message: error instanceof Error ? (error.stack ?? error.message) : describeError(error),
      };
}
