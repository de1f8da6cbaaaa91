import type { Timer } from '../core/clock.ts';
import type { Transport } from '../wire/transport.ts';
import { closeGracefully } from './relay-close.ts';
import type { ClientFollower, EngineFollower, RelayProgress } from './relay-progress.ts';
import type { RelayCause, RelayEnd, RelayOptions } from './relay.ts';

const BOUNDARY_TIMEOUT_MS = 2000;
const CLOSE_TIMEOUT_MS = 5000;
const AFTER_LEAVING_TIMEOUT_MS = 2000;

/**
 * `open` → the client leaves the engine to finish (`terminating` after Terminate, `halfClosed` after a FIN) or the gateway
 * waits for a boundary (`closing`) → `over`.
 */
type Phase = 'open' | 'terminating' | 'halfClosed' | 'closing' | 'over';

/** The two connections, and what is known of the bytes between them. */
export interface RelayParts {
  readonly client: Transport;
  readonly engine: Transport;
  readonly options: RelayOptions;
  readonly progress: RelayProgress;
  readonly fromClient: ClientFollower;
  readonly fromEngine: EngineFollower;
}

/** What a relay has carried so far. */
export type Carried = Pick<RelayEnd, 'untouched' | 'bytesFromClient' | 'bytesFromEngine'> & {
  readonly lastActivityMs: number;
};

/** How far a relay is on its way to its end, and what is done on that way. */
export class RelayEnding {
  readonly ended: Promise<RelayEnd>;
  readonly #parts: RelayParts;
  readonly #carried: Carried;
  #phase: Phase = 'open';
  /** Why `closing`. */
  #closingCause: RelayCause = 'closed by the gateway';
  #timer: Timer | null = null;
  #resolveEnded: (end: RelayEnd) => void = () => undefined;

  constructor(parts: RelayParts, carried: Carried) {
    this.#parts = parts;
    this.#carried = carried;
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** The client sent Terminate: whether it closes too, or was cut off behind it, makes no difference. */
  terminated(): void {
    if (!this.#parts.progress.awaitsReady) {
      this.#finish('client', 'terminate');
      return;
    }
    this.#phase = 'terminating';
    this.#watchSilence('terminate');
  }

  /** A part of an answer was passed on: it may have been the last one that a client which has left had asked for. */
  answered(): void {
    if (this.#phase === 'terminating' && !this.#parts.progress.awaitsReady) {
      this.#finish('client', 'terminate');
    }
  }

  clientEnd(idle: boolean): void {
    if (this.#phase !== 'open') return;
    if (idle) {
      this.#finish('client', 'client closed');
      return;
    }
    this.#phase = 'halfClosed';
    this.#parts.engine.end();
    this.#watchSilence('client lost');
  }

  clientClose(): void {
    if (this.#phase === 'over') return;
    if (this.#phase === 'terminating') this.#finish('client', 'terminate');
    else if (this.#phase === 'closing') this.#finish('gateway', this.#closingCause);
    else this.#finish('client', 'client lost');
  }

  engineGone(cause: RelayCause): void {
    if (this.#phase === 'over') return;
    if (this.#phase === 'closing') this.#finish('gateway', this.#closingCause);
    else if (this.#phase === 'open') {
      this.#sayWhy();
      this.#finish('engine', cause);
    } else this.#finish('client', this.#phase === 'terminating' ? 'terminate' : 'client closed');
  }

  engineMalformed(): void {
    this.#finish('engine', 'engine malformed');
  }

  /** @returns false: the end has come, or is being waited for already */
  beginClosing(cause: RelayCause): boolean {
    if (this.#phase === 'over' || this.#phase === 'closing') return false;
    this.#phase = 'closing';
    this.#closingCause = cause;
    return true;
  }

  /** While `closing`, in the middle of a message. */
  awaitBoundary(): void {
    const { client, options } = this.#parts;
    this.#startTimer(options.boundaryTimeoutMs ?? BOUNDARY_TIMEOUT_MS, () => {
      client.destroy();
      this.#finish('gateway', this.#closingCause);
    });
  }

  /** What was to be put in between two messages has been. */
  inserted(): void {
    if (this.#phase === 'closing') this.#finish('gateway', this.#closingCause);
  }

  /** The client has left: what it may still want of the engine is not waited for in vain. */
  #watchSilence(cause: RelayCause): void {
    const { options } = this.#parts;
    const timeoutMs = options.afterLeavingTimeoutMs ?? AFTER_LEAVING_TIMEOUT_MS;
    const silentMs = options.clock.monotonicMs() - this.#carried.lastActivityMs;
    if (silentMs >= timeoutMs) this.#finish('client', cause);
    else this.#startTimer(timeoutMs - silentMs, () => this.#watchSilence(cause));
  }

  /** An engine that was killed, or cut off by the network, says nothing; between two messages it can be said for it. */
  #sayWhy(): void {
    const { client, options, progress, fromEngine } = this.#parts;
    if (options.engineGone === undefined || !fromEngine.atBoundary || progress.engineComplained) return;
    client.write(options.engineGone());
  }

  #startTimer(delayMs: number, run: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#parts.options.clock.after(delayMs, run);
  }

  #finish(closedBy: RelayEnd['closedBy'], cause: RelayCause): void {
    const { client, engine, options, progress } = this.#parts;
    const { untouched, bytesFromClient, bytesFromEngine } = this.#carried;
    const end: RelayEnd = {
      closedBy,
      cause,
      engineReusable: closedBy === 'client' && this.#engineReusable(),
      parametersChanged: progress.parametersChanged,
      untouched,
      bytesFromClient,
      bytesFromEngine,
    };
    this.#phase = 'over';
    this.#timer?.cancel();
    engine.pause();
    engine.setSink(null);
    const closed = closeGracefully(client, options.clock, options.closeTimeoutMs ?? CLOSE_TIMEOUT_MS);
    // What the engine sent last is the client's to read in its own time; what the gateway ends is over for the engine now.
    if (closedBy === 'engine') void closed.then(() => this.#resolveEnded(end));
    else this.#resolveEnded(end);
  }

  #engineReusable(): boolean {
    const { engine, progress, fromClient, fromEngine } = this.#parts;
    return (
      progress.clean &&
      fromClient.atBoundary &&
      fromEngine.atBoundary &&
      this.#phase !== 'halfClosed' &&
      engine.queuedBytes === 0 &&
      !engine.closed
    );
  }
}
