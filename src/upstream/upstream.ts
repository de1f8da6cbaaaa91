import type { Principal } from '../accounts/principal.ts';
import type { Clock } from '../core/clock.ts';
import { fatal, GatewayError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { StartupMessage } from '../wire/startup.ts';
import { cancelQuery, type CancelDeps } from './cancel.ts';
import { cutOff } from './cut-off.ts';
import { reasonOf } from './deadline.ts';
import type { Dial } from './dial.ts';
import { EngineCounters } from './engine-counters.ts';
import type { SessionRequest } from './engine-login.ts';
import { TlsSessions } from './engine-tls.ts';
import { Engines, type EnginesOptions } from './engines.ts';
import { Greetings } from './greeting.ts';
import { engineRole } from './identity.ts';
import type { EngineSession, GivenBack, Route, Upstream, UpstreamStats } from './open.ts';
import { openPhysical, type OpenerDeps, type Ownership } from './opener.ts';
import { Openings } from './openings.ts';
import { asksForReplication, refuseReplication, vetParameters } from './parameters.ts';
import { closePhysical, type Physical } from './physical.ts';
import { poolKey } from './pool-key.ts';
import { Pool, type PoolLimits } from './pool.ts';
import { Recycler } from './recycler.ts';
import { Spares } from './spares.ts';
import { Tasks } from './tasks.ts';

export interface UpstreamOptions extends EnginesOptions {
  readonly allowReplication: boolean;
  readonly pool: PoolOptions;
}

export interface PoolOptions extends PoolLimits {
  /** `principal`: a finished session may serve the same principal again. */
  readonly reuse: 'principal' | 'off';
  /** A session older than that is not kept: what ALTER ROLE and ALTER DATABASE set reaches new sessions only. */
  readonly maxAgeMs?: number;
  /** Sessions opened ahead for a principal who logs in again and again; one when left out. */
  readonly warmSpares?: number;
}

export interface UpstreamDeps {
  readonly dial: Dial;
  readonly clock: Clock;
  readonly log: Log;
}

interface Lendable {
  readonly physical: Physical;
  readonly fresh: boolean;
}

/** A cancel request on its way to the engine. */
interface Cancelling {
  readonly done: Promise<void>;
  /** Of those who asked since. */
  next: Promise<void> | null;
}

const DEFAULT_MAX_AGE_MS = 3_600_000;

/**
 * Reads what the engines need (certificates, userlists) and makes the engine side of a gateway. Connects to nobody yet.
 * @throws RequestError config.invalid
 */
export async function createUpstream(options: UpstreamOptions, deps: UpstreamDeps): Promise<Upstream> {
  return new EngineSide(options, deps, await Engines.load(options));
}

class EngineSide implements Upstream {
  readonly #options: UpstreamOptions;
  readonly #engines: Engines;
  readonly #clock: Clock;
  readonly #openerDeps: OpenerDeps;
  readonly #cancelDeps: CancelDeps;
  readonly #lent = new Map<EngineSession, Physical>();
  readonly #cancelling = new Map<EngineSession, Cancelling>();
  /** Resets, spares being opened, sessions being closed. */
  readonly #background = new Tasks();
  /** Aborted by close(). */
  readonly #life = new AbortController();
  readonly #counters = new EngineCounters();
  readonly #pool: Pool;
  readonly #recycler: Recycler;
  readonly #spares: Spares;
  readonly #openings: Openings;

  constructor(options: UpstreamOptions, deps: UpstreamDeps, engines: Engines) {
    const { clock, log } = deps;
    this.#options = options;
    this.#engines = engines;
    this.#clock = clock;
    const connectDeps = { ...deps, tlsSessions: new TlsSessions() };
    this.#cancelDeps = connectDeps;
    this.#openerDeps = {
      ...connectDeps,
      lastGood: new WeakMap(),
      greetings: new Greetings(),
      counters: this.#counters,
      makeRoom: (engine) => this.#makeRoom(engine),
    };
    const discard = (physical: Physical): void => void this.#discard(physical);
    this.#pool = new Pool(options.pool, { clock, onDropped: discard });
    const keep = (key: string, physical: Physical): void => this.#keep(key, physical);
    this.#recycler = new Recycler({
      pool: this.#pool,
      clock,
      log,
      life: this.#life.signal,
      keep,
      discard,
    });
    this.#openings = new Openings(clock);
    this.#spares = new Spares({
      clock,
      spares: options.pool.warmSpares ?? 1,
      ready: (key) => this.#pool.count(key) + this.#recycler.count(key),
    });
  }

  route(requested: string | null, principal: Principal): Route {
    return this.#engines.route(requested, principal);
  }

  async open(
    principal: Principal,
    startup: StartupMessage,
    route: Route,
    signal: AbortSignal,
  ): Promise<EngineSession> {
    this.#life.signal.throwIfAborted();
    const request = this.#request(principal, startup, route);
    const key = this.#poolKey(principal, request);
    const used = key === null ? null : await this.#recycler.take(key);
    this.#checkGoingOn(used, signal);
    const ownership = { uid: principal.uid, poolKey: key };
    const { physical, fresh } =
      used === null ? await this.#open(request, ownership, signal) : { physical: used, fresh: false };
    if (key !== null) this.#spares.noteLogin(key, () => this.#background.add(this.#openSpare(key, physical)));
    return this.#lend(physical, fresh);
  }

  giveBack(session: EngineSession, end: GivenBack): void {
    const physical = this.#lent.get(session);
    if (physical === undefined) return;
    this.#lent.delete(session);
    const { poolKey: key } = physical;
    if (!end.reusable || key === null || this.#outlived(physical)) {
      void this.#discard(physical, end.reusable);
      return;
    }
    void this.#background.add(this.#recycler.recycle(key, physical, end));
  }

  /** One at a time goes to the engine, and one more for all who ask meanwhile: it may run another query by then. */
  cancel(session: EngineSession): Promise<void> {
    const underWay = this.#cancelling.get(session);
    if (underWay === undefined) return this.#beginCancel(session);
    underWay.next ??= underWay.done.then(() => this.#beginCancel(session));
    return underWay.next;
  }

  #beginCancel(session: EngineSession): Promise<void> {
    const underWay: Cancelling = { done: this.#cancelNow(session), next: null };
    this.#cancelling.set(session, underWay);
    return underWay.done.finally(() => {
      if (underWay.next === null) this.#cancelling.delete(session);
    });
  }

  async #cancelNow(session: EngineSession): Promise<void> {
    const physical = this.#lent.get(session);
    if (physical === undefined || physical.opened.cancelKey.length === 0) return;
    this.#counters.add(session.engine, 'cancels');
    physical.cancelled = true;
    const done = cancelQuery(physical, this.#cancelDeps);
    physical.cancels.add(done);
    // A cancel that failed stays in the set: where its signal went nobody knows, so the session is not used again.
    if (await done) physical.cancels.delete(done);
  }

  async abandon(session: EngineSession): Promise<void> {
    const physical = this.#lent.get(session);
    if (physical === undefined) return;
    this.#lent.delete(session);
    this.#counters.add(session.engine, 'cancels');
    await this.#background.add(cutOff(physical, this.#cancelDeps));
  }

  forget(uid: string): void {
    void this.#evict((physical) => physical.uid === uid);
  }

  stats(): readonly UpstreamStats[] {
    const lent = [...this.#lent.values()];
    const { idle } = this.#pool;
    const { resetting } = this.#recycler;
    return this.#engines.names.map((name) => {
      const here = (all: readonly Physical[]): number =>
        all.filter(({ request }) => request.engine.name === name).length;
      return this.#counters.stats(name, { lent: here(lent), idle: here(idle), resetting: here(resetting) });
    });
  }

  async prepare(options?: EnginesOptions): Promise<() => void> {
    const commit = await this.#engines.prepare(options);
    return () => {
      commit();
      void this.#evict((physical) => this.#outlived(physical));
    };
  }

  async reload(): Promise<void> {
    (await this.prepare())();
  }

  async close(): Promise<void> {
    this.#life.abort(shuttingDown());
    await this.#evict(() => true);
    await this.#background.settled();
  }

  /** Opens a session, or gets one that is given back before it is this login's turn. */
  async #open(request: SessionRequest, ownership: Ownership, signal: AbortSignal): Promise<Lendable> {
    const { poolKey: key } = ownership;
    const handedOn = key === null ? null : await this.#openings.take(key, signal);
    try {
      this.#checkGoingOn(handedOn, signal);
      if (handedOn !== null) return { physical: handedOn, fresh: false };
      return { physical: await openPhysical(request, ownership, this.#openerDeps, signal), fresh: true };
    } finally {
      if (key !== null && handedOn === null) this.#openings.done(key);
    }
  }

  /** @param used kept for somebody else when the login, or the gateway, has ended while it was waited for */
  #checkGoingOn(used: Physical | null, signal: AbortSignal): void {
    if (!signal.aborted && !this.#life.signal.aborted) return;
    if (used !== null && used.poolKey !== null) this.#keep(used.poolKey, used);
    throw reasonOf(signal.aborted ? signal : this.#life.signal);
  }

  #request(principal: Principal, { parameters }: StartupMessage, route: Route): SessionRequest {
    const engine = this.#engines.get(route.engine);
    const role = engineRole(engine, principal);
    vetParameters(parameters, role);
    if (!this.#options.allowReplication) refuseReplication(parameters);
    return { engine, role, database: route.database, parameters };
  }

  #poolKey(principal: Principal, request: SessionRequest): string | null {
    if (this.#options.pool.reuse === 'off' || asksForReplication(request.parameters)) return null;
    return poolKey(principal.uid, request);
  }

  #lend(physical: Physical, fresh: boolean): EngineSession {
    const { request, opened, transport, greeting } = physical;
    const session: EngineSession = {
      transport,
      leftover: fresh ? opened.leftover : NOTHING,
      greeting: greeting.bytes,
      processId: opened.processId,
      cancelKey: opened.cancelKey,
      role: request.role,
      engine: request.engine.name,
      fresh,
    };
    this.#lent.set(session, physical);
    if (!fresh) this.#counters.add(session.engine, 'reused');
    return session;
  }

  /** Whether a session is no longer what a new one would be. */
  #outlived({ request, openedAtMs }: Physical): boolean {
    const maxAgeMs = this.#options.pool.maxAgeMs ?? DEFAULT_MAX_AGE_MS;
    return (
      this.#life.signal.aborted ||
      !this.#engines.isCurrent(request.engine) ||
      this.#clock.monotonicMs() - openedAtMs > maxAgeMs
    );
  }

  #keep(key: string, physical: Physical): void {
    if (this.#outlived(physical)) void this.#discard(physical);
    else if (physical.transport.closed || !this.#openings.handOn(key, physical))
      this.#pool.put(key, physical);
  }

  async #openSpare(key: string, { request, uid }: Physical): Promise<void> {
    const ownership = { uid, poolKey: key };
    try {
      const spare = await openPhysical(request, ownership, this.#openerDeps, this.#life.signal);
      // What came behind the first ReadyForQuery is for whoever uses a session first, and would be lost here.
      if (spare.opened.leftover.length > 0) void this.#discard(spare);
      else this.#keep(key, spare);
    } catch {
      // Nobody waits for it: whoever comes next opens a session and sees what is wrong.
    }
  }

  #discard(physical: Physical, atBoundary = true): Promise<void> {
    return this.#background.add(closePhysical(physical, this.#clock, { atBoundary }));
  }

  async #makeRoom(engine: string): Promise<boolean> {
    return (await this.#evict(({ request }) => request.engine.name === engine, 1)) > 0;
  }

  async #evict(unwanted: (physical: Physical) => boolean, most?: number): Promise<number> {
    const evicted = this.#pool.evict(unwanted, most);
    await Promise.all(evicted.map((physical) => this.#discard(physical)));
    return evicted.length;
  }
}

const NOTHING = Buffer.alloc(0);

function shuttingDown(): GatewayError {
  const message = 'the gateway is shutting down';
  return new GatewayError('session.draining', message, fatal('57P03', message));
}
