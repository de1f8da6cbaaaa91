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

/** The sessions of this process, by id and by cancel key. */
export class SessionRegistry {
  readonly #sessions = new Map<string, LiveSession>();
  readonly #byCancelKey = new Map<string, LiveSession>();
  readonly #waitingForNone: (() => void)[] = [];

  get size(): number {
    return this.#sessions.size;
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
}

function cancelKeyOf(processId: number, secret: Buffer): string {
  return `${processId}:${secret.toString('hex')}`;
}
