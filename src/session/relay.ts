import type { Clock } from '../core/clock.ts';
import type { TransactionStatus } from '../wire/backend.ts';
import type { Transport } from '../wire/transport.ts';
import { RelayRun } from './relay-run.ts';

/** One side of a session: its connection, and the bytes that were read from it during the login and not used. */
export interface RelaySide {
  readonly transport: Transport;
  readonly leftover: Buffer;
}

export interface RelayOptions {
  readonly clock: Clock;
  /** How long an engine may be silent in the middle of a message while a `closeWith` waits for its end. */
  readonly boundaryTimeoutMs?: number;
  /** How long a client may take no byte of what is queued for it after the session has ended. */
  readonly closeTimeoutMs?: number;
  /**
   * How long the engine may be silent after a busy client sent Terminate or a FIN. Who only said that nothing more will come
   * still gets its answer while the engine sends; who closed, or was killed, looks the same, and its query must not run for
   * hours.
   */
  readonly afterLeavingTimeoutMs?: number;
  /** The last message for a client whose engine went away without one; left out: none. */
  readonly engineGone?: () => Buffer;
}

export const RELAY_CAUSES = [
  /** Terminate. If the engine is still at work then, it went on for nobody: it should be cancelled. */
  'terminate',
  /** A FIN while nothing was in flight. */
  'client closed',
  /** The connection broke, or was closed while the engine was at work: what runs there should be cancelled. */
  'client lost',
  /** The engine ended the session. */
  'engine closed',
  'engine lost',
  /** The engine sent what is no message. */
  'engine malformed',
  /** The client sent what is no message. */
  'client malformed',
  /** `closeWith`. */
  'closed by the gateway',
] as const;

export type RelayCause = (typeof RELAY_CAUSES)[number];

/** How a session ended. The client's connection is closed or closing; the engine's is paused, without a sink, and the caller's. */
export interface RelayEnd {
  readonly closedBy: 'client' | 'engine' | 'gateway';
  readonly cause: RelayCause;
  /**
   * The engine's connection is open and between messages both ways, outside a transaction, with nothing in flight, and
   * nothing was sent whose effect on the session is unknown.
   */
  readonly engineReusable: boolean;
  /** The engine sent ParameterStatus during the session. */
  readonly parametersChanged: boolean;
  /** Not a byte was passed on, in either direction. */
  readonly untouched: boolean;
  readonly bytesFromClient: number;
  readonly bytesFromEngine: number;
}

/** A running session. */
export interface Relay {
  /** Settles, never rejects: at once when the client left or the gateway ends it, else when the client has got what was left to send. */
  readonly ended: Promise<RelayEnd>;
  /**
   * Busy while anything that the client sent waits for an answer or for its own end, or where nobody can tell; `unsynced` while
   * an extended query has been answered as far as it goes, and waits for more of it or for its Sync.
   */
  readonly state: 'idle' | 'unsynced' | 'busy';
  /** Behind what the engine is at work on, more has been sent that it will go on with, or nobody can tell. */
  readonly pipelined: boolean;
  /** As the last ReadyForQuery said. */
  readonly transactionStatus: TransactionStatus;
  /**
   * When a byte last came from either side, on the clock's monotonic scale. Whoever wants to know must ask from time to time:
   * the first answer after a byte is the time of asking.
   */
  readonly lastActivityMs: number;
  readonly bytesFromClient: number;
  readonly bytesFromEngine: number;
  /**
   * Ends the session: nothing more of the client is passed on, and at the engine's next message boundary (now, if it is at
   * one) `frame` goes to the client as the last message.
   */
  closeWith(frame: Buffer): void;
  /** Puts whole messages between two of the engine's, at the next boundary. */
  inject(frame: Buffer): void;
  /**
   * Passes on of the client, from its next message on, only what belongs to what runs: COPY data, Flush, Sync, Terminate. Whatever would
   * begin something is dropped, and all behind it; the session then counts as idle as soon as nothing runs. Not
   * while `whenIdle` waits for the end of a transaction, whose statements may still begin: to be called again then.
   */
  seal(): void;
  /**
   * Calls `run` as soon as nothing is in flight, at once if that is so now. A later call takes the place of an earlier one.
   * @param outsideTransaction and no transaction is open
   */
  whenIdle(run: () => void, outsideTransaction?: boolean): void;
  /** Passes nothing more of the client on. The engine's answers still reach it. */
  freezeClient(): void;
}

/**
 * Carries a session's bytes both ways until one side ends it. Messages are followed by their headers only.
 *
 * Terminate ends the session and is not passed on; if the engine is at work, its answers are delivered first, as
 * PostgreSQL does, unless it stays silent.
 */
export function relay(client: RelaySide, engine: RelaySide, options: RelayOptions): Relay {
  const run = new RelayRun(client.transport, engine.transport, options);
  run.start(client.leftover, engine.leftover);
  return run;
}
