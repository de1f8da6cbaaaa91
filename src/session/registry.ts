import { GatewayError, fatal } from '../core/errors.ts';
import type { Principal } from '../accounts/principal.ts';
import type { EngineSession } from '../upstream/open.ts';
import type { Peer } from './admit.ts';
import type { Relay } from './relay.ts';

/** A session that runs: what the supervisor, cancel requests and listings need to know of it. */
export interface LiveSession {
  /** UUID, ours. */
  readonly sid: string;
  readonly principal: Principal;
  readonly peer: Peer;
  /** Protocol version of TLS towards the client; null: none. */
  readonly tls: string | null;
  readonly application: string | null;
  readonly database: string;
  readonly engine: EngineSession;
  /** The secret half of the BackendKeyData that this client was given. */
  readonly cancelSecret: Buffer;
  readonly startedAt: Date;
  readonly relay: Relay;
}

/** 0 means no limit, in each. */
export interface SessionLimits {
  readonly max: number;
  readonly maxPerUser: number;
  readonly maxPerAddress: number;
}

/** Room for one session; given back when it ends. */
export interface Permit {
  release(): void;
}

/**
 * The sessions of this process, by id and by cancel key. Limits are counted from the moment a login is proved, so that many
 * logins at once cannot slip past them together.
 */
export class SessionRegistry {
  readonly #sessions = new Map<string, LiveSession>();
  readonly #byCancelKey = new Map<string, LiveSession>();
  readonly #counts = new Map<string, number>();
  readonly #limits: () => SessionLimits;
  readonly #waitingForNone: (() => void)[] = [];
  #total = 0;

  constructor(limits: () => SessionLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /**
   * Takes a place under every limit that applies, or none.
   * @throws GatewayError session.too_many (53300), naming the limit
   */
  acquire(principal: Principal, peer: Peer): Permit {
    const limits = this.#limits();
    if (limits.max > 0 && this.#total >= limits.max) {
      throw tooMany('sorry, too many clients already', 'sessions.max');
    }
    const places = placesOf(principal, peer, limits);
    for (const { key, limit, refusal } of places) {
      if (limit > 0 && (this.#counts.get(key) ?? 0) >= limit) throw tooMany(refusal, key);
    }
    this.#total += 1;
    for (const { key } of places) this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    return { release: once(() => this.#release(places)) };
  }

  add(session: LiveSession): void {
    this.#sessions.set(session.sid, session);
    this.#byCancelKey.set(cancelKeyOf(session.engine.processId, session.cancelSecret), session);
  }

  remove(session: LiveSession): void {
    this.#sessions.delete(session.sid);
    this.#byCancelKey.delete(cancelKeyOf(session.engine.processId, session.cancelSecret));
    if (this.#sessions.size === 0) for (const resolve of this.#waitingForNone.splice(0)) resolve();
  }

  /** Resolves when no session is left. */
  emptied(): Promise<void> {
    if (this.#sessions.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waitingForNone.push(resolve));
  }

  get(sid: string): LiveSession | undefined {
    return this.#sessions.get(sid);
  }

  all(): IterableIterator<LiveSession> {
    return this.#sessions.values();
  }

  findByCancelKey(processId: number, secret: Buffer): LiveSession | undefined {
    return this.#byCancelKey.get(cancelKeyOf(processId, secret));
  }

  #release(places: readonly Place[]): void {
    this.#total -= 1;
    for (const { key } of places) {
      const left = (this.#counts.get(key) ?? 1) - 1;
      if (left > 0) this.#counts.set(key, left);
      else this.#counts.delete(key);
    }
  }
}

interface Place {
  readonly key: string;
  readonly limit: number;
  readonly refusal: string;
}

function placesOf(principal: Principal, peer: Peer, limits: SessionLimits): Place[] {
  const places = [
    {
      key: `user ${principal.uid}`,
      limit: limits.maxPerUser,
      refusal: `too many connections for user "${principal.name}" (sessions.max_per_user)`,
    },
    {
      key: `address ${peer.address}`,
      limit: limits.maxPerAddress,
      refusal: 'too many connections from this address (sessions.max_per_address)',
    },
  ];
  const { token } = principal;
  if (token !== null) {
    places.push({
      key: `token ${token.tid}`,
      limit: token.maxSessions ?? 0,
      refusal: `too many connections for token "${token.label}"`,
    });
  }
  return places;
}

function cancelKeyOf(processId: number, secret: Buffer): string {
  return `${processId}:${secret.toString('hex')}`;
}

function tooMany(message: string, limit: string): GatewayError {
  return new GatewayError('session.too_many', `limit reached: ${limit}`, fatal('53300', message));
}

function once(run: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    run();
  };
}
