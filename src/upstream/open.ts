import type { Principal } from '../accounts/principal.ts';
import type { StartupMessage } from '../wire/startup.ts';
import type { Transport } from '../wire/transport.ts';
import type { EnginesOptions } from './engines.ts';

/** Where a session goes. */
export interface Route {
  /** Name of the engine, as configured. */
  readonly engine: string;
  /** Database on that engine. */
  readonly database: string;
  /** The name that the client knows the database by: what a token's list of databases is compared with. */
  readonly name: string;
}

/** One engine session, logged in and idle, lent to one client session. */
export interface EngineSession {
  /** Paused and without a sink. */
  readonly transport: Transport;
  /** Bytes that the engine sent behind the first ReadyForQuery. */
  readonly leftover: Buffer;
  /** ParameterStatus and NoticeResponse frames exactly as the engine sent them, in its order. */
  readonly greeting: Buffer;
  readonly processId: number;
  /** The engine's own secret: 4 to 256 bytes. */
  readonly cancelKey: Buffer;
  /** The role that the session was opened as. */
  readonly role: string;
  /** Name of the engine. */
  readonly engine: string;
  /** False when the session served the same principal before. */
  readonly fresh: boolean;
}

/** In what state an engine session comes back. */
export interface GivenBack {
  /** The engine's last message was ReadyForQuery `I`, nothing is in flight and nothing unknown was sent. */
  readonly reusable: boolean;
  /** The client sent nothing, and the engine said nothing: there is nothing to reset. False when left out. */
  readonly untouched?: boolean;
  /**
   * Whether the engine sent ParameterStatus during the session. Left out means that it may have: the values are then asked
   * for again before the session is lent once more.
   */
  readonly parametersChanged?: boolean;
}

/** Counters and gauges, for metrics and the console. */
export interface UpstreamStats {
  readonly engine: string;
  /** Lent to a client session at the moment. */
  readonly lent: number;
  /** Waiting to be re-used. */
  readonly idle: number;
  /** Being reset for re-use. */
  readonly resetting: number;
  /** Engine logins since the start. */
  readonly opened: number;
  readonly reused: number;
  readonly failed: number;
  readonly cancels: number;
}

/** The engine side of the gateway. */
export interface Upstream {
  /**
   * Where a requested database name leads.
   * @param requested null when the client named none
   * @throws GatewayError engine.no_such_database (3D000)
   */
  route(requested: string | null, principal: Principal): Route;
  /**
   * A session on the route's engine, as the role that the principal has there, opened with the client's own start-up
   * parameters.
   * @param signal gives up; what it was aborted with is thrown
   * @param address of the client, for the audit of what is done in the session itself
   * @throws GatewayError; EngineRefused when the engine's own ErrorResponse is to reach the client
   */
  open(
    principal: Principal,
    startup: StartupMessage,
    route: Route,
    signal: AbortSignal,
    address?: string,
  ): Promise<EngineSession>;
  /** Ends the loan. The transport belongs to upstream again, which re-uses or closes it. */
  giveBack(session: EngineSession, end: GivenBack): void;
  /**
   * Ends the loan of a session that may be at work: nothing that was sent and has not begun is to begin, and what runs is cancelled.
   * Settles, never rejects, when the engine has dealt with that or time is up; until then the session may still be one of the engine's.
   */
  abandon(session: EngineSession): Promise<void>;
  /** Asks the engine to cancel what the session runs. Settles, never rejects, when the engine has acted or time is up. */
  cancel(session: EngineSession): Promise<void>;
  /** Closes the idle sessions of a principal who may not come back. */
  forget(uid: string): void;
  stats(): readonly UpstreamStats[];
  /**
   * Reads certificates and userlists again, or those of other engines. Nothing changes before the answer is called, and nothing
   * when this fails. Sessions that run keep what they have.
   * @throws RequestError config.invalid
   */
  prepare(options?: EnginesOptions): Promise<() => void>;
  /** The same in one step. */
  reload(): Promise<void>;
  /** Closes idle sessions; lent ones end when they are given back. */
  close(): Promise<void>;
}
