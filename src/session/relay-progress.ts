import type { TransactionStatus } from '../wire/backend.ts';
import { FrameFollower, VERDICT, type Verdict } from '../wire/frame-follower.ts';

const code = (letter: string): number => letter.charCodeAt(0);

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
  /** The same, and a statement that runs until it is answered. */
  execute: 6,
  /** COPY data: belongs to a query that was counted, or is skipped by an engine that has given the COPY up. */
  copyData: 3,
  copyEnd: 4,
  terminate: 5,
} as const;

/** What a backend message means for that. */
const BACKEND = {
  /** Nothing. */
  other: 0,
  ready: 1,
  copyIn: 2,
  copyBoth: 3,
  error: 4,
  parameterStatus: 5,
  /** CommandComplete, PortalSuspended or EmptyQueryResponse: an Execute was answered, or a part of a simple query. */
  executed: 6,
} as const;

/** By type byte. Chapter "Message Formats", those marked (F). */
const FRONTEND_MEANING = byLetter([
  ['QFS', MEANING.asksForReady],
  ['PBDCH', MEANING.extended],
  ['E', MEANING.execute],
  ['d', MEANING.copyData],
  ['cf', MEANING.copyEnd],
  ['X', MEANING.terminate],
]);

/** The same, those marked (B). */
const BACKEND_MEANING = byLetter([
  ['Z', BACKEND.ready],
  ['G', BACKEND.copyIn],
  ['W', BACKEND.copyBoth],
  ['E', BACKEND.error],
  ['S', BACKEND.parameterStatus],
  ['CsI', BACKEND.executed],
]);

/** Where a client's bytes end: before Terminate, always. */
const ENDS_OPEN = byLetter([['X', 1]]);
/** Once sealed, before all that would have the engine begin something. */
const ENDS_SEALED = byLetter([['dcfHS', 0]], 1);

function byLetter(entries: readonly (readonly [letters: string, value: number])[], others = 0): Uint8Array {
  const table = new Uint8Array(256).fill(others);
  for (const [letters, value] of entries) for (const letter of letters) table[code(letter)] = value;
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
  /** Executes behind the last message that asks for ReadyForQuery, and not answered; known once that has come. */
  #executing = 0;
  /** An error came in an extended query: the engine takes nothing more of it before a Sync. */
  #skipping = false;
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

  /** Nothing runs: the engine waits for the client to go on with an extended query, or to end it with a Sync. */
  get engineWaits(): boolean {
    return this.#pending === 0 && this.#executing === 0 && !this.#copyIn && !this.#uncertain;
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
        this.#executing = 0;
        this.#skipping = false;
        return;
      case MEANING.execute:
        this.#unsynced = true;
        if (!this.#skipping) this.#executing++;
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
      this.#executing = 0;
    } else this.#pending--;
  }

  /** Whatever the engine was doing, it is not in COPY IN any more. */
  engineFailed(): void {
    this.#complained = true;
    this.#copyIn = false;
    if (this.#pending > 0) return;
    this.#executing = 0;
    this.#skipping = this.#unsynced;
  }

  engineExecuted(): void {
    if (this.#pending === 0 && this.#executing > 0) this.#executing--;
  }

  engineWantsCopy(): void {
    this.#copyIn = true;
    if (this.#pending > 1 || this.#copyAhead) this.#uncertain = true;
    else if (this.#pending === 1 && this.#lastAsked === SYNC) {
      this.#pending = 0;
      this.#unsynced = true;
      this.#executing = 1;
    }
  }

  engineWantsCopyBoth(): void {
    this.#uncertain = true;
  }
}

/** Follows what the client sends, up to Terminate, the first message that can not be one, or what a seal keeps out. */
export class ClientFollower extends FrameFollower {
  /** The client said Terminate. */
  terminated = false;
  /** The client sent what a seal keeps out; else, without Terminate, a stop means that it sent a malformed message. */
  keptOut = false;
  readonly #progress: RelayProgress;
  #ends = ENDS_OPEN;

  constructor(progress: RelayProgress) {
    super();
    this.#progress = progress;
  }

  /** From the next message on, only what belongs to what runs is passed. */
  seal(): void {
    this.#ends = ENDS_SEALED;
  }

  unseal(): void {
    this.#ends = ENDS_OPEN;
  }

  protected override header(type: number, length: number): Verdict {
    if (this.stopsAt(type) || length < 4) return VERDICT.stop;
    this.#progress.clientSent(type);
    return VERDICT.pass;
  }

  /** What ends it is known by its type alone, before anything of it is passed on. */
  protected override stopsAt(type: number): boolean {
    if (this.#ends[type] === 0) return false;
    this.terminated = type === TERMINATE;
    this.keptOut = !this.terminated;
    return true;
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
    switch (BACKEND_MEANING[type]) {
      case BACKEND.ready:
        return VERDICT.showBody;
      case BACKEND.copyIn:
        this.#progress.engineWantsCopy();
        break;
      case BACKEND.copyBoth:
        this.#progress.engineWantsCopyBoth();
        break;
      case BACKEND.error:
        this.#progress.engineFailed();
        break;
      case BACKEND.parameterStatus:
        this.#progress.parametersChanged = true;
        break;
      case BACKEND.executed:
        this.#progress.engineExecuted();
        break;
      default:
    }
    return VERDICT.pass;
  }

  protected override stopsAt(): boolean {
    return false;
  }

  /** The transaction status of ReadyForQuery. */
  protected override bodyStart(byte: number): void {
    this.#progress.engineReady(byte === code('T') ? 'T' : byte === code('E') ? 'E' : 'I');
  }
}
