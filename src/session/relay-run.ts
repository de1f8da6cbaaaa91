import type { Clock, Timer } from '../core/clock.ts';
import { encodeBackend, type TransactionStatus } from '../wire/backend.ts';
import type { Tenure, Transport, TransportSink } from '../wire/transport.ts';
import { CLIENT_PROTOCOL } from './endings.ts';
import { closeGracefully } from './relay-close.ts';
import { ClientFollower, EngineFollower, RelayProgress } from './relay-progress.ts';
import type { Relay, RelayCause, RelayEnd, RelayOptions } from './relay.ts';

const BOUNDARY_TIMEOUT_MS = 2000;
const CLOSE_TIMEOUT_MS = 5000;
const HALF_CLOSED_TIMEOUT_MS = 2000;

/**
 * `open` → the client leaves the engine to finish (`terminating` after Terminate, `halfClosed` after a FIN) or the gateway
 * waits for a boundary (`closing`) → `over`.
 */
type Phase = 'open' | 'terminating' | 'halfClosed' | 'closing' | 'over';

/** The working of `relay()`. */
export class RelayRun implements Relay {
  readonly ended: Promise<RelayEnd>;
  bytesFromClient = 0;
  bytesFromEngine = 0;
  readonly #client: Transport;
  readonly #engine: Transport;
  readonly #options: RelayOptions;
  readonly #clock: Clock;
  readonly #progress = new RelayProgress();
  readonly #fromClient = new ClientFollower(this.#progress);
  readonly #fromEngine = new EngineFollower(this.#progress);
  /** A byte came since `lastActivityMs` was asked for: reading the clock for each chunk would cost a tenth of a round trip. */
  #active = false;
  #lastActivityMs: number;
  #phase: Phase = 'open';
  #frozen = false;
  #untouched = true;
  /** Messages of ours that wait for the engine's next boundary. */
  #insertions: Buffer[] = [];
  /** To be called once, at the end of what the engine is at work on. */
  #whenIdle: (() => void) | null = null;
  /** Only then is it time for that. */
  #outsideTransaction = false;
  /** Why `closing`. */
  #closingCause: RelayCause = 'closed by the gateway';
  #timer: Timer | null = null;
  #resolveEnded: (end: RelayEnd) => void = () => undefined;

  constructor(client: Transport, engine: Transport, options: RelayOptions) {
    this.#client = client;
    this.#engine = engine;
    this.#options = options;
    this.#clock = options.clock;
    this.#lastActivityMs = options.clock.monotonicMs();
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
  }

  start(clientLeftover: Buffer, engineLeftover: Buffer): void {
    this.#client.setSink(new ClientSide(this));
    this.#engine.setSink(new EngineSide(this));
    this.#client.resume();
    this.#engine.resume();
    if (engineLeftover.length > 0) this.engineData(engineLeftover, 'owned');
    if (clientLeftover.length > 0) this.clientData(clientLeftover, 'owned');
  }

  get state(): 'idle' | 'busy' {
    return this.#progress.settled && this.#fromClient.atBoundary ? 'idle' : 'busy';
  }

  get lastActivityMs(): number {
    if (this.#active) {
      this.#active = false;
      this.#lastActivityMs = this.#clock.monotonicMs();
    }
    return this.#lastActivityMs;
  }

  get transactionStatus(): TransactionStatus {
    return this.#progress.transactionStatus;
  }

  closeWith(frame: Buffer): void {
    this.#closeWith(frame, 'closed by the gateway');
  }

  inject(frame: Buffer): void {
    if (this.#phase === 'over' || this.#phase === 'closing') return;
    if (this.#insertions.length === 0 && this.#fromEngine.atBoundary) this.#client.write(frame);
    else this.#insertions.push(frame);
  }

  whenIdle(run: () => void, outsideTransaction = false): void {
    this.#whenIdle = run;
    this.#outsideTransaction = outsideTransaction;
    this.#nowIdle();
  }

  freezeClient(): void {
    this.#frozen = true;
    if (this.#phase !== 'over') this.#client.pause();
  }

  /** @returns true to keep the chunk */
  clientData(chunk: Buffer, tenure: Tenure): boolean {
    // behind Terminate, or behind a FATAL of ours
    if (this.#phase !== 'open') return false;
    this.#active = true;
    this.bytesFromClient += chunk.length;
    const passed = this.#fromClient.follow(chunk);
    const kept = passed > 0 && this.#forward(this.#client, this.#engine, chunk, passed, tenure);
    if (this.#fromClient.atBoundary && this.#progress.awaitsEngine) this.#client.lull();
    if (this.#fromClient.stopped) this.#clientStopped();
    return kept;
  }

  /** @returns true to keep the chunk */
  engineData(chunk: Buffer, tenure: Tenure): boolean {
    if (this.#phase === 'over') return false;
    this.#active = true;
    this.bytesFromEngine += chunk.length;
    const kept =
      this.#insertions.length > 0
        ? this.#engineDataToBoundary(chunk, tenure)
        : this.#engineDataOn(chunk, tenure);
    if (this.#progress.settled) {
      this.#engine.lull();
      if (this.#whenIdle !== null) this.#nowIdle();
    }
    return kept;
  }

  #nowIdle(): void {
    if (this.state !== 'idle') return;
    if (this.#outsideTransaction && this.transactionStatus !== 'I') return;
    const run = this.#whenIdle;
    this.#whenIdle = null;
    run?.();
  }

  clientEnd(): void {
    if (this.#phase !== 'open') return;
    if (this.state === 'idle') {
      this.#finish('client', 'client closed');
      return;
    }
    this.#phase = 'halfClosed';
    this.#engine.end();
    this.#watchHalfClosed();
  }

  clientClose(): void {
    if (this.#phase === 'over') return;
    if (this.#phase === 'terminating') this.#finish('client', 'terminate');
    else if (this.#phase === 'closing') this.#finish('gateway', this.#closingCause);
    else this.#finish('client', 'client lost');
  }

  clientDrain(): void {
    if (this.#phase === 'over') return;
    this.#engine.release();
    this.#engine.resume();
  }

  engineEnd(): void {
    this.#engineGone('engine closed');
  }

  engineClose(error: Error | null): void {
    this.#engineGone(error === null ? 'engine closed' : 'engine lost');
  }

  engineDrain(): void {
    if (this.#phase === 'over') return;
    this.#client.release();
    if (!this.#frozen) this.#client.resume();
  }

  /** @returns true to keep the chunk */
  #forward(from: Transport, to: Transport, chunk: Buffer, length: number, tenure: Tenure): boolean {
    this.#untouched = false;
    const part = length === chunk.length ? chunk : chunk.subarray(0, length);
    const asItIs = tenure === 'owned' || (tenure === 'lent' && to.writesAtOnce);
    if (asItIs ? to.write(part) : to.writeCopy(part)) return false;
    from.pause();
    return asItIs;
  }

  #engineDataOn(chunk: Buffer, tenure: Tenure): boolean {
    const passed = this.#fromEngine.follow(chunk);
    const kept = passed > 0 && this.#forward(this.#engine, this.#client, chunk, passed, tenure);
    if (this.#fromEngine.stopped) this.#finish('engine', 'engine malformed');
    else if (this.#phase === 'terminating' && !this.#progress.awaitsReady)
      this.#finish('client', 'terminate');
    return kept;
  }

  /** Passes the message under way on, then what is to be put in behind it, then the rest. */
  #engineDataToBoundary(chunk: Buffer, tenure: Tenure): boolean {
    const boundary = this.#fromEngine.finishMessage(chunk);
    let kept = boundary > 0 && this.#forward(this.#engine, this.#client, chunk, boundary, tenure);
    if (this.#fromEngine.stopped) this.#finish('engine', 'engine malformed');
    else if (this.#fromEngine.atBoundary) {
      this.#insert();
      if (!this.#isOver && boundary < chunk.length) {
        kept = this.#engineDataOn(chunk.subarray(boundary), tenure) || kept;
      }
    }
    return kept;
  }

  get #isOver(): boolean {
    return this.#phase === 'over';
  }

  #insert(): void {
    for (const frame of this.#insertions) this.#client.write(frame);
    this.#insertions = [];
    if (this.#phase === 'closing') this.#finish('gateway', this.#closingCause);
  }

  #clientStopped(): void {
    if (!this.#fromClient.terminated) {
      const { fault } = CLIENT_PROTOCOL;
      this.#closeWith(encodeBackend({ kind: 'errorResponse', fault }), 'client malformed');
    } else if (this.#progress.awaitsReady) this.#phase = 'terminating';
    else this.#finish('client', 'terminate');
  }

  #closeWith(frame: Buffer, cause: RelayCause): void {
    if (this.#phase === 'over' || this.#phase === 'closing') return;
    this.#phase = 'closing';
    this.#closingCause = cause;
    this.#insertions.push(frame);
    if (this.#fromEngine.atBoundary) {
      this.#insert();
      return;
    }
    this.freezeClient();
    this.#startTimer(this.#options.boundaryTimeoutMs ?? BOUNDARY_TIMEOUT_MS, () => {
      this.#client.destroy();
      this.#finish('gateway', cause);
    });
  }

  #watchHalfClosed(): void {
    const timeoutMs = this.#options.halfClosedTimeoutMs ?? HALF_CLOSED_TIMEOUT_MS;
    const silentMs = this.#clock.monotonicMs() - this.lastActivityMs;
    if (silentMs >= timeoutMs) this.#finish('client', 'client lost');
    else this.#startTimer(timeoutMs - silentMs, () => this.#watchHalfClosed());
  }

  #engineGone(cause: RelayCause): void {
    if (this.#phase === 'over') return;
    if (this.#phase === 'closing') this.#finish('gateway', this.#closingCause);
    else if (this.#phase === 'open') {
      this.#sayWhy();
      this.#finish('engine', cause);
    } else this.#finish('client', this.#phase === 'terminating' ? 'terminate' : 'client closed');
  }

  /** An engine that was killed, or cut off by the network, says nothing; between two messages it can be said for it. */
  #sayWhy(): void {
    const { engineGone } = this.#options;
    if (engineGone === undefined || !this.#fromEngine.atBoundary || this.#progress.engineComplained) return;
    this.#client.write(engineGone());
  }

  #startTimer(delayMs: number, run: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.after(delayMs, run);
  }

  #finish(closedBy: RelayEnd['closedBy'], cause: RelayCause): void {
    const end: RelayEnd = {
      closedBy,
      cause,
      engineReusable: closedBy === 'client' && this.#engineReusable(),
      parametersChanged: this.#progress.parametersChanged,
      untouched: this.#untouched,
      bytesFromClient: this.bytesFromClient,
      bytesFromEngine: this.bytesFromEngine,
    };
    this.#phase = 'over';
    this.#timer?.cancel();
    this.#engine.pause();
    this.#engine.setSink(null);
    const closed = closeGracefully(
      this.#client,
      this.#clock,
      this.#options.closeTimeoutMs ?? CLOSE_TIMEOUT_MS,
    );
    // What the engine sent last is the client's to read in its own time; what the gateway ends is over for the engine now.
    if (closedBy === 'engine') void closed.then(() => this.#resolveEnded(end));
    else this.#resolveEnded(end);
  }

  #engineReusable(): boolean {
    return (
      this.#progress.clean &&
      this.#fromClient.atBoundary &&
      this.#fromEngine.atBoundary &&
      this.#phase !== 'halfClosed' &&
      this.#engine.queuedBytes === 0 &&
      !this.#engine.closed
    );
  }
}

class ClientSide implements TransportSink {
  readonly #run: RelayRun;

  constructor(run: RelayRun) {
    this.#run = run;
  }

  data(chunk: Buffer, tenure: Tenure): boolean {
    return this.#run.clientData(chunk, tenure);
  }

  end(): void {
    this.#run.clientEnd();
  }

  drain(): void {
    this.#run.clientDrain();
  }

  close(): void {
    this.#run.clientClose();
  }
}

class EngineSide implements TransportSink {
  readonly #run: RelayRun;

  constructor(run: RelayRun) {
    this.#run = run;
  }

  data(chunk: Buffer, tenure: Tenure): boolean {
    return this.#run.engineData(chunk, tenure);
  }

  end(): void {
    this.#run.engineEnd();
  }

  drain(): void {
    this.#run.engineDrain();
  }

  close(error: Error | null): void {
    this.#run.engineClose(error);
  }
}
