import type { Clock } from '../core/clock.ts';
import { encodeBackend, type TransactionStatus } from '../wire/backend.ts';
import type { Tenure, Transport, TransportSink } from '../wire/transport.ts';
import { CLIENT_PROTOCOL } from './endings.ts';
import { RelayEnding } from './relay-ending.ts';
import { ClientFollower, EngineFollower, RelayProgress } from './relay-progress.ts';
import type { Relay, RelayCause, RelayEnd, RelayOptions } from './relay.ts';

/** The working of `relay()`. */
export class RelayRun implements Relay {
  bytesFromClient = 0;
  bytesFromEngine = 0;
  untouched = true;
  readonly #client: Transport;
  readonly #engine: Transport;
  readonly #clock: Clock;
  readonly #progress = new RelayProgress();
  readonly #fromClient = new ClientFollower(this.#progress);
  readonly #fromEngine = new EngineFollower(this.#progress);
  readonly #ending: RelayEnding;
  /** A byte came since `lastActivityMs` was asked for: reading the clock for each chunk would cost a tenth of a round trip. */
  #active = false;
  #lastActivityMs: number;
  #frozen = false;
  /** Messages of ours that wait for the engine's next boundary. */
  #insertions: Buffer[] = [];
  /** To be called once, at the end of what the engine is at work on. */
  #whenIdle: (() => void) | null = null;
  /** Only then is it time for that. */
  #outsideTransaction = false;

  constructor(client: Transport, engine: Transport, options: RelayOptions) {
    this.#client = client;
    this.#engine = engine;
    this.#clock = options.clock;
    this.#lastActivityMs = options.clock.monotonicMs();
    const [progress, fromClient, fromEngine] = [this.#progress, this.#fromClient, this.#fromEngine];
    this.#ending = new RelayEnding({ client, engine, options, progress, fromClient, fromEngine }, this);
  }

  get ended(): Promise<RelayEnd> {
    return this.#ending.ended;
  }

  start(clientLeftover: Buffer, engineLeftover: Buffer): void {
    this.#client.setSink(new ClientSide(this));
    this.#engine.setSink(new EngineSide(this));
    this.#client.resume();
    this.#engine.resume();
    if (engineLeftover.length > 0) this.engineData(engineLeftover, 'owned');
    if (clientLeftover.length > 0) this.clientData(clientLeftover, 'owned');
  }

  get state(): 'idle' | 'unsynced' | 'busy' {
    const { engineWaits, settled } = this.#progress;
    if (!engineWaits || !this.#fromClient.atBoundary) return 'busy';
    return settled ? 'idle' : 'unsynced';
  }

  get pipelined(): boolean {
    return this.#progress.pipelined;
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
    if (this.#ending.phase === 'over' || this.#ending.phase === 'closing') return;
    if (this.#insertions.length === 0 && this.#fromEngine.atBoundary) this.#client.write(frame);
    else this.#insertions.push(frame);
  }

  whenIdle(run: () => void, outsideTransaction = false): void {
    this.#whenIdle = run;
    this.#outsideTransaction = outsideTransaction;
    this.#nowIdle();
  }

  seal(): void {
    if (this.#outsideTransaction && this.transactionStatus !== 'I') return;
    this.#fromClient.seal();
  }

  freezeClient(): void {
    this.#frozen = true;
    if (!this.#isOver) this.#client.pause();
  }

  /** @returns true to keep the chunk */
  clientData(chunk: Buffer, tenure: Tenure): boolean {
    // behind Terminate, or behind a FATAL of ours
    if (this.#ending.phase !== 'open') return false;
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
    if (this.#isOver) return false;
    this.#active = true;
    this.bytesFromEngine += chunk.length;
    const kept =
      this.#insertions.length > 0
        ? this.#engineDataToBoundary(chunk, tenure)
        : this.#engineDataOn(chunk, tenure);
    if (this.#progress.settled) this.#engine.lull();
    if (this.#whenIdle !== null) this.#nowIdle();
    return kept;
  }

  #nowIdle(): void {
    if (!this.#isDone) return;
    const run = this.#whenIdle;
    this.#whenIdle = null;
    run?.();
  }

  /** Nothing runs that `whenIdle` has to wait for. */
  get #isDone(): boolean {
    // Nothing more will come, so neither does the end of a transaction.
    if (this.#fromClient.keptOut) return this.#progress.engineWaits;
    if (this.state !== 'idle') return false;
    if (!this.#outsideTransaction || this.transactionStatus === 'I') return true;
    // It was on its way when the seal was set.
    this.#fromClient.unseal();
    return false;
  }

  clientEnd(): void {
    this.#ending.clientEnd(this.state === 'idle');
  }

  clientClose(): void {
    this.#ending.clientClose();
  }

  clientDrain(): void {
    if (this.#isOver) return;
    this.#engine.release();
    this.#engine.resume();
  }

  engineEnd(): void {
    this.#ending.engineGone('engine closed');
  }

  engineClose(error: Error | null): void {
    this.#ending.engineGone(error === null ? 'engine closed' : 'engine lost');
  }

  engineDrain(): void {
    if (this.#isOver) return;
    this.#client.release();
    if (!this.#frozen) this.#client.resume();
  }

  /** @returns true to keep the chunk */
  #forward(from: Transport, to: Transport, chunk: Buffer, length: number, tenure: Tenure): boolean {
    this.untouched = false;
    const part = length === chunk.length ? chunk : chunk.subarray(0, length);
    const asItIs = tenure === 'owned' || (tenure === 'lent' && to.writesAtOnce);
    if (asItIs ? to.write(part) : to.writeCopy(part)) return false;
    from.pause();
    return asItIs;
  }

  #engineDataOn(chunk: Buffer, tenure: Tenure): boolean {
    const passed = this.#fromEngine.follow(chunk);
    const kept = passed > 0 && this.#forward(this.#engine, this.#client, chunk, passed, tenure);
    if (this.#fromEngine.stopped) this.#ending.engineMalformed();
    else this.#ending.answered();
    return kept;
  }

  /** Passes the message under way on, then what is to be put in behind it, then the rest. */
  #engineDataToBoundary(chunk: Buffer, tenure: Tenure): boolean {
    const boundary = this.#fromEngine.finishMessage(chunk);
    let kept = boundary > 0 && this.#forward(this.#engine, this.#client, chunk, boundary, tenure);
    if (this.#fromEngine.stopped) this.#ending.engineMalformed();
    else if (this.#fromEngine.atBoundary) {
      this.#insert();
      if (!this.#isOver && boundary < chunk.length) {
        kept = this.#engineDataOn(chunk.subarray(boundary), tenure) || kept;
      }
    }
    return kept;
  }

  get #isOver(): boolean {
    return this.#ending.phase === 'over';
  }

  #insert(): void {
    for (const frame of this.#insertions) this.#client.write(frame);
    this.#insertions = [];
    this.#ending.inserted();
  }

  #clientStopped(): void {
    const { terminated, keptOut } = this.#fromClient;
    if (terminated) this.#ending.terminated();
    else if (keptOut) {
      this.#client.setSink(new KeptOutSide(this));
      this.#nowIdle();
    } else {
      const { fault } = CLIENT_PROTOCOL;
      this.#closeWith(encodeBackend({ kind: 'errorResponse', fault }), 'client malformed');
    }
  }

  #closeWith(frame: Buffer, cause: RelayCause): void {
    if (!this.#ending.beginClosing(cause)) return;
    this.#insertions.push(frame);
    if (this.#fromEngine.atBoundary) {
      this.#insert();
      return;
    }
    this.freezeClient();
    this.#ending.awaitBoundary();
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

/** A client that has nothing more to say here: still read, so that its end is noticed. */
class KeptOutSide extends ClientSide {
  override data(): boolean {
    return false;
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
