import { barringRule } from '../accounts/network-rules.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { GatewayEvent } from '../store/bus.ts';
import { earlier } from '../tokens/standing.ts';
import type { AccountReport, StandingReport, Standings } from '../tokens/standings.ts';
import type { EngineSession } from '../upstream/open.ts';
import { encodeBackend } from '../wire/backend.ts';
import {
  databaseLost,
  exchangeEnded,
  expired,
  IDLE_TOO_LONG,
  killed,
  networkLost,
  ownerDisabled,
  passwordChanged,
  roleLost,
  tokenEnding,
  type Ending,
} from './endings.ts';
import type { LiveSession } from './registry.ts';
import { SessionIndex } from './session-index.ts';

export interface SupervisorOptions {
  readonly standings: Standings;
  /** Never rejects. */
  readonly cancelEngine: (session: EngineSession) => Promise<void>;
  /** How long a statement that runs at the token's expiry may go on. */
  readonly expiryGraceMs: number;
  /** 0: idle sessions stay. */
  readonly idleTimeoutMs: () => number;
  readonly revokedAndClosed: (seconds: number) => void;
  readonly clock: Clock;
  readonly log: Log;
}

interface Pending extends Ending {
  readonly frame: Buffer;
  /** Monotonic milliseconds. */
  readonly cancelAtMs: number;
  cancelled: boolean;
  closeAtMs: number;
}

interface Watched {
  readonly session: LiveSession;
  /** When the token stops working by itself: wall-clock milliseconds. */
  endsAtMs: number | null;
  pending: Pending | null;
}

const SWEEP_MS = 100;
/** A cancelled statement has so long to stop before its session is closed all the same. */
const CANCEL_GRACE_MS = 1500;
/** A client whose statement has been answered has so long to end it with a Sync, when its right to run has ended. */
const SYNC_PATIENCE_MS = 2000;
const RECHECK_RETRY_MS = 500;

/**
 * Ends sessions whose right to run is gone, wherever it was taken away. Events only say where to look; what decides is what
 * the store says then, so a lost, late or repeated event does no harm. While the store cannot be read, sessions go on and the
 * question is asked again.
 */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #watched = new Map<string, Watched>();
  readonly #byTid = new SessionIndex();
  readonly #byUid = new SessionIndex();
  /** While there are sessions: without any, nothing wakes the process. */
  #sweep: Timer | null = null;
  #stopped = false;
  #epoch = 0;

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  /** Grows with each event. A login that began under an older one is checked again as soon as its session is watched. */
  get epoch(): number {
    return this.#epoch;
  }

  /** @param epoch what `epoch` was before the login read its credentials */
  watch(session: LiveSession, epoch: number): void {
    const { principal } = session;
    const watched: Watched = {
      session,
      endsAtMs: principal.token?.expiresAt?.getTime() ?? null,
      pending: null,
    };
    this.#watched.set(session.sid, watched);
    this.#byUid.add(principal.uid, session.sid);
    if (principal.token !== null) this.#byTid.add(principal.token.tid, session.sid);
    if (epoch !== this.#epoch) this.#recheck([watched], null);
    this.#scheduleSweep();
  }

  forget(session: LiveSession): void {
    const watched = this.#watched.get(session.sid);
    if (watched === undefined) return;
    this.#watched.delete(session.sid);
    this.#byUid.delete(session.principal.uid, session.sid);
    if (session.principal.token !== null) this.#byTid.delete(session.principal.token.tid, session.sid);
    const since = watched.pending?.since ?? null;
    if (since !== null) this.#options.revokedAndClosed((this.#options.clock.monotonicMs() - since) / 1000);
  }

  /** Why the session is being ended by us; null when it is not. */
  endingOf(session: LiveSession): Ending | null {
    return this.#watched.get(session.sid)?.pending ?? null;
  }

  /** To be subscribed to the event bus. */
  handle(event: GatewayEvent): void {
    // What is missed from here on is made up for by `resync`.
    if (event.kind === 'deaf') return;
    this.#epoch += 1;
    const since = this.#options.clock.monotonicMs();
    switch (event.kind) {
      case 'tokens':
        this.#recheck(this.#of(event.tids.flatMap((tid) => this.#byTid.get(tid))), since);
        return;
      case 'account':
        this.#recheck(this.#of(this.#byUid.get(event.uid)), since);
        return;
      case 'policy':
      case 'resync':
        this.#recheck([...this.#watched.values()], since);
        return;
      case 'sessions.kill':
        for (const watched of this.#of(event.sids)) this.#end(watched, killed(event.reason, event.by, since));
        return;
      case 'cancel':
        return;
      default:
        event satisfies never;
    }
  }

  /** Ends every session: idle ones now, busy ones after the grace. */
  endAll(ending: Ending): void {
    for (const watched of this.#watched.values()) this.#end(watched, ending);
  }

  stop(): void {
    this.#stopped = true;
    this.#sweep?.cancel();
    this.#sweep = null;
  }

  #of(sids: readonly string[]): Watched[] {
    return sids.flatMap((sid) => this.#watched.get(sid) ?? []);
  }

  #recheck(watched: readonly Watched[], since: number | null): void {
    if (watched.length === 0) return;
    this.#readStandings(watched, since).catch((error: unknown) => {
      this.#options.log.warn(
        { error: describeError(error), sessions: watched.length },
        'standings unread; asking again',
      );
      this.#options.clock.after(RECHECK_RETRY_MS, () => this.#recheck(this.#of(watched.map(sidOf)), since));
    });
  }

  async #readStandings(watched: readonly Watched[], since: number | null): Promise<void> {
    const byToken = watched.filter(({ session }) => session.principal.token !== null);
    const others = watched.filter(({ session }) => session.principal.token === null);
    const exchanged = unique(byToken.flatMap((one) => exchangeOf(one) ?? []));
    const [tokens, accounts, exchanges] = await Promise.all([
      byToken.length > 0 ? this.#options.standings.tokens(unique(byToken.map(tidOf))) : NO_TOKENS,
      others.length > 0 ? this.#options.standings.accounts(unique(others.map(uidOf))) : NO_ACCOUNTS,
      exchanged.length > 0 ? this.#options.standings.exchanges(exchanged) : NO_EXCHANGES,
    ]);
    for (const one of byToken) {
      const report = tokens.get(tidOf(one));
      const exchange = exchangeOf(one);
      const isGone = exchange !== null && !exchanges.has(exchange);
      if (isGone && report?.standing === 'live') this.#endExchanged(one, since);
      else this.#judge(one, report, since);
    }
    for (const one of others) {
      const account = accounts.get(uidOf(one));
      if (account?.standing !== 'live') this.#end(one, ownerDisabled(one.session, since));
      else if (hasOldPassword(one.session, account)) this.#end(one, passwordChanged(one.session, since));
      else this.#judgeLive(one, account, since);
    }
  }

  /** What is gone because it had expired lets what runs finish, as the token itself would. */
  #endExchanged(watched: Watched, since: number | null): void {
    const end = watched.session.principal.token?.expiresAt ?? null;
    if (end !== null && end <= this.#options.clock.now()) this.#expire(watched);
    else this.#end(watched, exchangeEnded(watched.session, since));
  }

  #judge(watched: Watched, report: StandingReport | undefined, since: number | null): void {
    if (report?.standing === 'live') {
      // What was got in exchange for a token ends before it.
      const own = watched.session.principal.token?.expiresAt ?? null;
      watched.endsAtMs = earlier(own, report.endsAt)?.getTime() ?? null;
      this.#judgeLive(watched, report, since);
      return;
    }
    // At its expiry, and only then, what runs may finish.
    if (report?.standing === 'expired') this.#expire(watched);
    else this.#end(watched, tokenEnding(watched.session, report, since));
  }

  /** A secret that still works may not be worth what it was: role or database may have gone, or the address be allowed no more. */
  #judgeLive(
    watched: Watched,
    report: Pick<AccountReport, 'engineRole' | 'databases' | 'networks'> &
      Partial<Pick<StandingReport, 'roleGranted'>>,
    since: number | null,
  ): void {
    const { session } = watched;
    const rule = barringRule(session.peer.address, report.networks);
    if (rule !== null) this.#end(watched, networkLost(session, rule, since));
    else if (report.roleGranted !== true && hasLostRole(session, report)) {
      this.#end(watched, roleLost(session, since));
    } else if (report.databases?.includes(session.database) === false) {
      this.#end(watched, databaseLost(session, since));
    }
  }

  #end(watched: Watched, ending: Ending): void {
    const nowMs = this.#options.clock.monotonicMs();
    const cancelAtMs = nowMs + ending.graceMs;
    if (watched.pending !== null && watched.pending.cancelAtMs <= cancelAtMs) return;
    const frame = encodeBackend({ kind: 'errorResponse', fault: ending.fault });
    watched.pending = { ...ending, frame, cancelAtMs, cancelled: false, closeAtMs: Number.POSITIVE_INFINITY };
    const { relay } = watched.session;
    relay.whenIdle(() => relay.closeWith(frame), ending.sparesTransaction);
    this.#advance(watched, watched.pending, nowMs);
  }

  /** While it goes on: after the grace the statement is cancelled, and a little later the session closed anyway. */
  #advance({ session }: Watched, pending: Pending, nowMs: number): void {
    if (nowMs >= pending.closeAtMs) {
      session.relay.closeWith(pending.frame);
      return;
    }
    if (pending.cancelled) return;
    if (nowMs < pending.cancelAtMs) {
      this.#spare(session, pending, nowMs);
      return;
    }
    // Behind a statement that is cancelled the next one would begin: then all of it is cut off.
    if (session.relay.state !== 'busy' || session.relay.pipelined) {
      session.relay.closeWith(pending.frame);
      return;
    }
    pending.cancelled = true;
    pending.closeAtMs = nowMs + CANCEL_GRACE_MS;
    session.relay.freezeClient();
    session.relay.whenIdle(() => session.relay.closeWith(pending.frame));
    void this.#options.cancelEngine(session.engine);
  }

  /** In the grace: what runs may finish, what waits for more of its client does not run, and nothing begins. */
  #spare({ relay }: LiveSession, { frame, sparesTransaction }: Pending, nowMs: number): void {
    relay.seal();
    if (sparesTransaction === true || relay.state !== 'unsynced') return;
    if (nowMs - relay.lastActivityMs >= SYNC_PATIENCE_MS) relay.closeWith(frame);
  }

  #scheduleSweep(): void {
    if (this.#sweep !== null || this.#stopped || this.#watched.size === 0) return;
    this.#sweep = this.#options.clock.after(SWEEP_MS, () => {
      this.#sweep = null;
      this.#sweepOnce();
      this.#scheduleSweep();
    });
  }

  #sweepOnce(): void {
    const nowMs = this.#options.clock.monotonicMs();
    const wallMs = this.#options.clock.now().getTime();
    const idleTimeoutMs = this.#options.idleTimeoutMs();
    for (const watched of this.#watched.values()) {
      const { session, pending } = watched;
      if (pending !== null) this.#advance(watched, pending, nowMs);
      else if (watched.endsAtMs !== null && watched.endsAtMs <= wallMs) this.#expire(watched);
      else if (
        idleTimeoutMs > 0 &&
        session.relay.state !== 'busy' &&
        nowMs - session.relay.lastActivityMs >= idleTimeoutMs
      ) {
        this.#end(watched, IDLE_TOO_LONG);
      }
    }
  }

  #expire(watched: Watched): void {
    watched.endsAtMs = null;
    this.#end(watched, expired(watched.session, this.#options.expiryGraceMs));
  }
}

const NO_TOKENS: ReadonlyMap<string, StandingReport> = new Map();
const NO_EXCHANGES: ReadonlySet<string> = new Set();
const NO_ACCOUNTS: ReadonlyMap<string, AccountReport> = new Map();

function hasOldPassword({ principal }: LiveSession, account: AccountReport): boolean {
  return principal.passwordVersion !== null && principal.passwordVersion !== account.passwordVersion;
}

/** Whether it runs as the role that was its user's when it began, and is not any more. */
function hasLostRole(
  { principal, engine }: LiveSession,
  { engineRole }: { readonly engineRole: string | null },
): boolean {
  return engine.role === principal.engineRole && engine.role !== engineRole;
}

const sidOf = ({ session }: Watched): string => session.sid;
const uidOf = ({ session }: Watched): string => session.principal.uid;
const tidOf = ({ session }: Watched): string => session.principal.token?.tid ?? '';
const exchangeOf = ({ session }: Watched): string | null => session.principal.token?.exchange ?? null;
const unique = (values: readonly string[]): string[] => [...new Set(values)];
