import type { Clock, Timer } from '../../core/clock.ts';
import { describeError } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import { Worker, type WorkerDeps } from './worker.ts';

export interface SlotDeps extends WorkerDeps {
  /** Makes a fresh worker serve. */
  readonly bringUp: (worker: Worker, number: number) => Promise<void>;
  readonly onUp: (worker: Worker) => void;
  /** A worker is gone without having been told to. */
  readonly onGone: (worker: Worker) => void;
  readonly clock: Clock;
  readonly log: Log;
}

const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 30_000;
/** Who ran for so long did not die of what its start brought. */
const STEADY_MS = 60_000;
const PING_EVERY_MS = 5_000;
/** A worker that does not answer for so long does not relay either. */
const SILENCE_MS = 30_000;

/** The place of one worker: whoever dies there is replaced. */
export class Slot {
  readonly number: number;
  readonly #deps: SlotDeps;
  #worker: Worker | null = null;
  #isUp = false;
  #retry: Timer | null = null;
  #failures = 0;
  #closing = false;

  constructor(number: number, deps: SlotDeps) {
    this.number = number;
    this.#deps = deps;
  }

  /** The worker, when it serves. */
  get worker(): Worker | null {
    return this.#isUp ? this.#worker : null;
  }

  /** @throws what keeps the first worker from serving */
  async open(): Promise<void> {
    const worker = this.#fork();
    try {
      await this.#bringUp(worker);
    } catch (error) {
      this.#closing = true;
      worker.kill();
      await worker.exited;
      throw error;
    }
    void this.#watch(worker);
  }

  /** No worker that dies from now on is replaced. */
  retire(): void {
    this.#closing = true;
    this.#retry?.cancel();
  }

  /** @param patienceMs for closing what is open; then it is killed */
  async close(patienceMs: number): Promise<void> {
    this.retire();
    await this.#worker?.end(patienceMs);
  }

  #fork(): Worker {
    this.#worker = new Worker(this.#deps);
    return this.#worker;
  }

  async #bringUp(worker: Worker): Promise<void> {
    await this.#deps.bringUp(worker, this.number);
    this.#isUp = true;
    this.#deps.onUp(worker);
  }

  /** Until it is gone, and then sees to another one. */
  async #watch(worker: Worker): Promise<void> {
    const { clock, log } = this.#deps;
    const since = clock.monotonicMs();
    const pings = this.#ping(worker);
    const how = await worker.exited;
    pings.cancel();
    this.#isUp = false;
    this.#worker = null;
    if (this.#closing) return;
    this.#deps.onGone(worker);
    if (clock.monotonicMs() - since > STEADY_MS) this.#failures = 0;
    const delayMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#failures);
    this.#failures += 1;
    log.error(
      { worker: this.number, pid: worker.pid, how, retryInMs: delayMs },
      'a worker is gone, with its sessions',
    );
    this.#retry = clock.after(delayMs, () => this.#replace());
  }

  #replace(): void {
    const { log } = this.#deps;
    const worker = this.#fork();
    void this.#watch(worker);
    this.#bringUp(worker).then(
      () => log.info({ worker: this.number, pid: worker.pid }, 'a new worker serves'),
      (error: unknown) => {
        log.error({ worker: this.number, error: describeError(error) }, 'a new worker cannot serve');
        worker.kill();
      },
    );
  }

  #ping(worker: Worker): Timer {
    const { clock, log } = this.#deps;
    let answeredAtMs = clock.monotonicMs();
    let timer: Timer;
    const next = (): void => {
      timer = clock.after(PING_EVERY_MS, () => {
        void worker.channel.ask('ping', null).then(
          () => {
            answeredAtMs = clock.monotonicMs();
          },
          () => null,
        );
        if (clock.monotonicMs() - answeredAtMs > SILENCE_MS) {
          log.error(
            { worker: this.number, pid: worker.pid },
            'a worker does not answer any more; it is killed',
          );
          worker.kill();
        }
        next();
      });
    };
    next();
    return { cancel: () => timer.cancel() };
  }
}
