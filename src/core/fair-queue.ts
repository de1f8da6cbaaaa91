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
  /** The lane at the front is served next; a lane is here only while it holds jobs. */
  readonly #lanes = new Map<Lane, Waiting[]>();
  #waiting = 0;
  #running = 0;

  constructor(options: FairQueueOptions) {
    this.#options = options;
  }

  /** Jobs that have not started. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Whether a job of this lane would find no room to wait. */
  isFull(lane: Lane): boolean {
    const { running, waiting, waitingPerLane } = this.#options;
    if (this.#running < running) return false;
    if ((this.#lanes.get(lane)?.length ?? 0) >= waitingPerLane) return true;
    return this.#waiting >= waiting && this.#longerThan(lane) === null;
  }

  /**
   * @param refused makes the error for a job that is not run: too many wait already, or it had to make room for another one
   * @returns what the job gives
   */
  run<T>(lane: Lane, job: () => Promise<T>, refused: () => Error): Promise<T> {
    if (this.#running < this.#options.running) return this.#start(job);
    if (this.isFull(lane)) return Promise.reject(refused());
    if (this.#waiting >= this.#options.waiting) this.#putOutOf(this.#longerThan(lane));
    const jobs = this.#lanes.get(lane) ?? [];
    return new Promise<T>((resolve, reject) => {
      jobs.push({ start: () => resolve(this.#start(job)), putOut: () => reject(refused()) });
      this.#lanes.set(lane, jobs);
      this.#waiting += 1;
    });
  }

  async #start<T>(job: () => Promise<T>): Promise<T> {
    this.#running += 1;
    try {
      return await job();
    } finally {
      this.#running -= 1;
      this.#startNext();
    }
  }

  #startNext(): void {
    const [front] = this.#lanes;
    if (front === undefined) return;
    const [lane, jobs] = front;
    const next = jobs.shift();
    this.#lanes.delete(lane);
    if (jobs.length > 0) this.#lanes.set(lane, jobs);
    this.#waiting -= 1;
    next?.start();
  }

  /** @returns the longest of the other lanes, where one job less leaves it no shorter than this one would be with one more */
  #longerThan(lane: Lane): Lane {
    let longest: Lane = null;
    let most = lane === null ? 0 : (this.#lanes.get(lane)?.length ?? 0) + 1;
    for (const [other, { length }] of this.#lanes) {
      if (other === null || length <= most) continue;
      longest = other;
      most = length;
    }
    return longest;
  }

  /** Its newest job: the others have waited for longer. */
  #putOutOf(lane: Lane): void {
    const jobs = this.#lanes.get(lane);
    const newest = jobs?.pop();
    if (newest === undefined) return;
    if (jobs?.length === 0) this.#lanes.delete(lane);
    this.#waiting -= 1;
    newest.putOut();
  }
}
