import { Lanes } from './lanes.ts';

export interface FairQueueOptions {
  /** Jobs that run at once. */
  readonly running: number;
  /** Jobs that wait, in all. */
  readonly waiting: number;
  /** Jobs that wait in one lane. */
  readonly waitingPerLane: number;
}

/** Who a job is for. Null: the process itself, whose jobs are not put out and do not have to find others to be too many. */
export type Lane = string | null;

interface Waiting {
  readonly start: () => void;
  readonly putOut: () => void;
}

/**
 * Runs so many jobs at once and takes the others from their lanes in turn, so that a lane with a hundred jobs delays the only
 * job of another lane by one job, not by a hundred. When no more can wait, lanes share the places: the longest gives one to a
 * lane that is shorter, so that a few long ones do not keep others out.
 */
export class FairQueue {
  readonly #options: FairQueueOptions;
  readonly #waiting = new Lanes<Lane, Waiting>();
  #running = 0;

  constructor(options: FairQueueOptions) {
    this.#options = options;
  }

  /** Jobs that have not started. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Whether a job of this lane would find no room to wait. */
  isFull(lane: Lane): boolean {
    const { running, waiting, waitingPerLane } = this.#options;
    if (this.#running < running) return false;
    if (this.#waiting.sizeOf(lane) >= waitingPerLane) return true;
    return this.#waiting.size >= waiting && this.#longerThan(lane) === null;
  }

  /**
   * @param refused makes the error for a job that is not run: too many wait already, or it had to make room for another one
   * @returns what the job gives
   */
  run<T>(lane: Lane, job: () => Promise<T>, refused: () => Error): Promise<T> {
    if (this.#running < this.#options.running) return this.#start(job);
    if (this.isFull(lane)) return Promise.reject(refused());
    // The newest has waited for the shortest time.
    if (this.#waiting.size >= this.#options.waiting)
      this.#waiting.takeNewest(this.#longerThan(lane))?.putOut();
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push(lane, {
        start: () => resolve(this.#start(job)),
        putOut: () => reject(refused()),
      });
    });
  }

  async #start<T>(job: () => Promise<T>): Promise<T> {
    this.#running += 1;
    try {
      return await job();
    } finally {
      this.#running -= 1;
      this.#waiting.next()?.start();
    }
  }

  /** @returns the longest of the other lanes, where one job less leaves it no shorter than this one would be with one more */
  #longerThan(lane: Lane): Lane {
    let longest: Lane = null;
    let most = lane === null ? 0 : this.#waiting.sizeOf(lane) + 1;
    for (const [other, size] of this.#waiting.sizes()) {
      if (other === null || size <= most) continue;
      longest = other;
      most = size;
    }
    return longest;
  }
}
