import { HOUR_MS } from '../core/duration.ts';
import { RequestError } from '../core/errors.ts';
import type { Audit, AuditQuery, AuditRow, AuditVerdict, LoginCount } from '../store/audit.ts';
import type { EventBus } from '../store/bus.ts';
import type { ListedSession, LiveSessions, SessionCountQuery, SessionQuery } from '../store/live-sessions.ts';
import type { Store } from '../store/store.ts';
import { checkText } from './account-rules.ts';
import type { Actor } from './actor.ts';
import { auditEntry, demandPrivilege } from './permission.ts';

/**
 * What administrators watch and stop. Everyone sees and ends their own sessions; *manage all* everyone's, and reads the audit.
 * @throws RequestError request.forbidden, request.not_found
 */
export interface Oversight {
  /** Newest first; one's own unless the actor has *manage all*. */
  sessions(actor: Actor, query?: SessionQuery): Promise<readonly ListedSession[]>;
  /** How many sessions run; one's own unless the actor has *manage all*. */
  countSessions(actor: Actor, query?: SessionCountQuery): Promise<number>;
  /** How many of these run by each of the tokens; tokens without any are left out. */
  countByToken(actor: Actor, tids: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /**
   * Ends sessions wherever they run. All or none: an id that is unknown, or not the actor's to end, fails the call.
   * @param reason shown to the client in the error that ends its session
   */
  killSessions(actor: Actor, sids: readonly string[], reason?: string): Promise<void>;
  /** Newest first. */
  audit(actor: Actor, query?: AuditQuery): Promise<readonly AuditRow[]>;
  /** Logins over the wire of the last `hours`, the one that runs now included. */
  loginsPerHour(actor: Actor, hours: number, now: Date): Promise<readonly LoginCount[]>;
  /** @param signal says that nobody waits for it any more */
  verifyAudit(actor: Actor, signal?: AbortSignal): Promise<AuditVerdict>;
}

export interface OversightDeps {
  readonly store: Store;
  readonly sessions: LiveSessions;
  readonly audit: Audit;
  readonly bus: EventBus;
}

const MAX_SESSIONS = 10_000;
const DEFAULT_REASON = 'terminated by an administrator';

export function createOversight({ store, sessions, audit, bus }: OversightDeps): Oversight {
  const list = (actor: Actor, query?: SessionQuery): Promise<readonly ListedSession[]> =>
    sessions.list(visible(actor, query));

  return {
    sessions: async (actor, query) => list(actor, query),
    countSessions: async (actor, query) => sessions.count(visible(actor, query)),
    countByToken: async (actor, tids) => sessions.countByToken(tids, visible(actor).uid),
    async killSessions(actor, sids, asked) {
      const reason = checkText(asked ?? null, 'A reason') ?? DEFAULT_REASON;
      const running = new Map(
        (await list(actor, { sids, limit: MAX_SESSIONS })).map((item) => [item.sid, item]),
      );
      const targets = [...new Set(sids)].map((sid) => {
        const session = running.get(sid);
        if (session === undefined)
          throw new RequestError('request.not_found', `No session ${sid} is running.`);
        return session;
      });
      if (targets.length === 0) return;
      const entries = targets.map(({ sid, user }) =>
        auditEntry(actor, 'session.kill', { kind: 'session', id: sid, name: user }, { reason }),
      );
      const ended = targets.map(({ sid }) => sid);
      await store.transaction(async (trx) => {
        await bus.publish({ kind: 'sessions.kill', sids: ended, reason, by: actor.name }, trx);
        await audit.append(entries, trx);
      });
    },
    async audit(actor, query) {
      demandPrivilege(actor, 'manage_all');
      return audit.list(query);
    },
    async loginsPerHour(actor, hours, now) {
      demandPrivilege(actor, 'manage_all');
      const thisHourMs = Math.floor(now.getTime() / HOUR_MS) * HOUR_MS;
      const from = new Date(thisHourMs - (hours - 1) * HOUR_MS);
      return audit.loginsPerHour(from, new Date(thisHourMs + HOUR_MS));
    },
    async verifyAudit(actor, signal) {
      demandPrivilege(actor, 'manage_all');
      return audit.verify(signal);
    },
  };
}

/** The same query, or the part of it that the actor may see. */
function visible<Q extends { readonly uid?: string }>(
  actor: Actor,
  query?: Q,
): Q | (Q & { readonly uid: string }) {
  const asked = query ?? ({} as Q);
  if (actor.privileges.has('manage_all')) return asked;
  const own = ownUid(actor);
  if (asked.uid !== undefined && asked.uid !== own) demandPrivilege(actor, 'manage_all');
  return { ...asked, uid: own };
}

function ownUid(actor: Actor): string {
  if (actor.uid === null) throw new RequestError('request.forbidden', 'This needs a user.');
  return actor.uid;
}
