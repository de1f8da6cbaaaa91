import { pino, type DestinationStream } from 'pino';

/** How it goes with writing a log. */
export interface LogState {
  /** Whether the last attempt to write failed. */
  readonly failing: boolean;
  /** Lines that will never be written. */
  readonly lost: number;
}

export interface LogTrouble {
  readonly lost: number;
  /** Why the first line could not be written. */
  readonly reason: string;
}

/** What is kept while nothing can be written, for when it can. */
const KEPT_BYTES = 1 << 20;
const OWNER_ONLY = 0o600;

/**
 * A file or descriptor that lines are written to at once. Where that fails, be the disk full or the reader gone, who logs does not
 * hear of it: a log is no reason to end sessions. Each further line tries again.
 */
export class LogDestination implements DestinationStream, LogState {
  readonly #stream: ReturnType<typeof pino.destination>;
  readonly #recovered: (trouble: LogTrouble) => void;
  #reason: string | null = null;
  #lost = 0;
  #told = 0;

  /**
   * @param where a file's name, or a descriptor
   * @param recovered called when lines are written again after some could not be
   * @throws when the file cannot be opened
   */
  constructor(where: string | number, recovered: (trouble: LogTrouble) => void = () => undefined) {
    this.#recovered = recovered;
    this.#stream = pino.destination({
      dest: where,
      append: true,
      mkdir: true,
      mode: OWNER_ONLY,
      sync: true,
      maxLength: KEPT_BYTES,
    });
    // Pino's own listener gives up for good at the first EPIPE; a named pipe can find another reader.
    this.#stream.removeAllListeners('error');
    this.#stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.syscall === 'write') this.#reason ??= error.message;
    });
    this.#stream.on('drop', () => (this.#lost += 1));
    this.#stream.on('write', () => this.#wrote());
  }

  get failing(): boolean {
    return this.#reason !== null;
  }

  get lost(): number {
    return this.#lost;
  }

  write(line: string): void {
    this.#stream.write(line);
  }

  /** Lets go of a file that was moved away, and begins a new one of its name. @throws when it cannot; all is as before then */
  reopen(): void {
    try {
      this.#stream.reopen();
    } catch (error) {
      // Left by the attempt, it would have the next one close the same descriptor twice, and by then it may be a client's.
      this.#stream.removeAllListeners('ready');
      throw error;
    }
  }

  #wrote(): void {
    if (this.#reason === null) return;
    const reason = this.#reason;
    this.#reason = null;
    // Once what was kept is written: there may be no room for all of it.
    process.nextTick(() => {
      if (this.failing) return;
      const lost = this.#lost - this.#told;
      this.#told = this.#lost;
      this.#recovered({ lost, reason });
    });
  }
}
