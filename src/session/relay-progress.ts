import type { TransactionStatus } from '../wire/backend.ts';
import { FrameFollower, VERDICT, type Verdict } from '../wire/frame-follower.ts';

const code = (letter: string): number => letter.charCodeAt(0);

const READY_FOR_QUERY = code('Z');
const COPY_IN_RESPONSE = code('G');
const COPY_BOTH_RESPONSE = code('W');
const ERROR_RESPONSE = code('E');
const PARAMETER_STATUS = code('S');
const SYNC = code('S');
const TERMINATE = code('X');

/** What a frontend message means for the question whether the engine still has something to answer. */
const MEANING = {
  /** Not a message of protocol 3 after login. */
  unknown: 0,
  /** The engine will answer with ReadyForQuery. */
  asksForReady: 1,
  /** Part of an extended query, which a Sync has to end. */
  extended: 2,
  /** COPY data: belongs to a query that was counted, or is skipped by an engine that has given the COPY up. */
  copyData: 3,
  copyEnd: 4,
  terminate: 5,
} as const;

/** By type byte. Chapter "Message Formats", those marked (F). */
const FRONTEND_MEANING = meaningTable({
  asksForReady: 'QFS',
  extended: 'PBEDCH',
  copyData: 'd',
  copyEnd: 'cf',
  terminate: 'X',
});

function meaningTable(
  letters: Readonly<Record<Exclude<keyof typeof MEANING, 'unknown'>, string>>,
): Uint8Array {
  const table = new Uint8Array(256);
  for (const name of ['asksForReady', 'extended', 'copyData', 'copyEnd', 'terminate'] as const) {
    for (const letter of letters[name]) table[code(letter)] = MEANING[name];
  }
  return table;
}

/**
 * Where a session stands between client and engine, told from message headers of both directions.
 *
 * `pending` counts the messages that ask for ReadyForQuery against the ReadyForQuery that came. One thing spoils the count: an
 * engine in COPY IN ignores Sync (src/backend/commands/copyfromparse.c, CopyGetData), and libpq sends one with the COPY
 * itself. The usual case, one Sync behind the statement, is put right; where that can not be told, the count is given up:
 * each ReadyForQuery is then taken for the last, and the session is never clean again.
 */
export class RelayProgress {
  transactionStatus: TransactionStatus = 'I';
  /** The engine told of a changed setting. */
  parametersChanged = false;
  #pending = 0;
  #unsynced = false;
  #copyIn = false;
  #uncertain = false;
  #unknownSent = false;
  #lastAsked = 0;
  #copyAhead = false;
  #complained = false;

  /** Nothing that the client sent waits for an answer or for a Sync. */
  get settled(): boolean {
    return this.#pending === 0 && !this.#unsynced;
  }

  /** The count was given up: the engine may be at work or not. */
  get uncertain(): boolean {
    return this.#uncertain;
  }

  /** ReadyForQuery is due for something that was sent. */
  get awaitsReady(): boolean {
    return this.#pending > 0;
  }

  /** The client has said all that the engine needs for its next answer. */
  get awaitsEngine(): boolean {
    return this.#pending > 0 && !this.#unsynced && !this.#copyIn;
  }

  /** More was sent than an error in what runs would end, or nobody can tell: without a Sync in between an error ends all. */
  get pipelined(): boolean {
    return this.#uncertain || this.#pending > 1 || (this.#pending === 1 && this.#unsynced);
  }

  /** Settled, outside a transaction, and nothing was sent whose effect on the session is not known. */
  get clean(): boolean {
    return this.settled && this.transactionStatus === 'I' && !this.#uncertain && !this.#unknownSent;
  }

  /** The engine sent an ErrorResponse and no ReadyForQuery after it: these may be its last words. */
  get engineComplained(): boolean {
    return this.#complained;
  }

  clientSent(type: number): void {
    switch (FRONTEND_MEANING[type]) {
      case MEANING.asksForReady:
        if (type === SYNC && this.#copyIn) return;
        this.#pending++;
        this.#lastAsked = type;
        this.#unsynced = false;
        return;
      case MEANING.extended:
        this.#unsynced = true;
        return;
      case MEANING.copyData:
        return;
      case MEANING.copyEnd:
        this.#copyAhead = !this.#copyIn;
        this.#copyIn = false;
        return;
      default:
        this.#unknownSent = true;
        this.#unsynced = true;
    }
  }

  engineReady(status: TransactionStatus): void {
    this.transactionStatus = status;
    this.#complained = false;
    this.#copyIn = false;
    this.#copyAhead = false;
    if (this.#pending === 0) this.#uncertain = true;
    if (this.#uncertain) {
      this.#pending = 0;
      this.#unsynced = false;
    } else this.#pending--;
  }

  /** Whatever the engine was doing, it is not in COPY IN any more. */
  engineFailed(): void {
    this.#complained = true;
    this.#copyIn = false;
  }

  engineWantsCopy(): void {
    this.#copyIn = true;
    if (this.#pending > 1 || this.#copyAhead) this.#uncertain = true;
    else if (this.#pending === 1 && this.#lastAsked === SYNC) {
      this.#pending = 0;
      this.#unsynced = true;
    }
  }

  engineWantsCopyBoth(): void {
    this.#uncertain = true;
  }
}

/** Follows what the client sends, up to Terminate or the first message that can not be one. */
export class ClientFollower extends FrameFollower {
  /** The client said Terminate; else a stop means that it sent a malformed message. */
  terminated = false;
  readonly #progress: RelayProgress;

  constructor(progress: RelayProgress) {
    super();
    this.#progress = progress;
  }

  protected override header(type: number, length: number): Verdict {
    if (this.stopsAt(type) || length < 4) return VERDICT.stop;
    this.#progress.clientSent(type);
    return VERDICT.pass;
  }

  /** Terminate is known by its type alone, before anything of it is passed on. */
  protected override stopsAt(type: number): boolean {
    this.terminated = type === TERMINATE;
    return this.terminated;
  }

  protected override bodyStart(): void {
    throw new Error('no body of the client is asked for');
  }
}

/** Follows what the engine sends, up to the first message that can not be one. */
export class EngineFollower extends FrameFollower {
  readonly #progress: RelayProgress;

  constructor(progress: RelayProgress) {
    super();
    this.#progress = progress;
  }

  protected override header(type: number, length: number): Verdict {
    if (length < 4) return VERDICT.stop;
    switch (type) {
      case READY_FOR_QUERY:
        return VERDICT.showBody;
      case COPY_IN_RESPONSE:
        this.#progress.engineWantsCopy();
        return VERDICT.pass;
      case COPY_BOTH_RESPONSE:
        this.#progress.engineWantsCopyBoth();
        return VERDICT.pass;
      case ERROR_RESPONSE:
        this.#progress.engineFailed();
        return VERDICT.pass;
      case PARAMETER_STATUS:
        this.#progress.parametersChanged = true;
        return VERDICT.pass;
      default:
        return VERDICT.pass;
    }
  }

  protected override stopsAt(): boolean {
    return false;
  }

  /** The transaction status of ReadyForQuery. */
  protected override bodyStart(byte: number): void {
    this.#progress.engineReady(byte === code('T') ? 'T' : byte === code('E') ? 'E' : 'I');
  }
}
