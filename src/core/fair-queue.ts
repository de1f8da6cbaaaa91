export interface FairQueueOptions {
  /** Jobs that run at once. */
  readonly running: number;
  /** Jobs that wait, in all. */
  readonly waiting: number;
  /** Jobs that wait in one lane. */
  readonly waitingPerLane: number;
}

/**
 * Runs so many jobs at once and takes the others from their lanes in turn, so that a lane with a hundred jobs delays the only
 * job of another lane by one job, not by a hundred.
 */
export class FairQueue {
  readonly #options: FairQueueOptions;
  /** The lane at the front is served next; a lane is here only while it holds jobs. */
  readonly #lanes = new Map<string, (() => void)[]>();
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
  isFull(lane: string): boolean {
    const { running, waiting, waitingPerLane } = this.#options;
    if (this.#running < running) return false;
    return this.#waiting >= waiting || (this.#lanes.get(lane)?.length ?? 0) >= waitingPerLane;
  }

  /**
   * @param lane who the job is for
   * @returns what the job gives, or null at once, without running it, when too many wait already
   */
  run<T>(lane: string, job: () => Promise<T>): Promise<T> | null {
    if (this.#running < this.#options.running) return this.#start(job);
    if (this.isFull(lane)) return null;
    const jobs = this.#lanes.get(lane) ?? [];
    return new Promise<T>((resolve) => {
      jobs.push(() => resolve(this.#start(job)));
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
    const start = jobs.shift();
    this.#lanes.delete(lane);
    if (jobs.length > 0) this.#lanes.set(lane, jobs);
    this.#waiting -= 1;
    start?.();
  }
}
