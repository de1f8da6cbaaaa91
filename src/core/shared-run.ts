import { RequestError } from './errors.ts';

interface Run<T> {
  readonly answer: Promise<T>;
  readonly stop: AbortController;
  waiting: number;
}

/** Long work that all who ask for it while it runs share, of which there is one at a time, and that ends when nobody waits any more. */
export class SharedRun<T> {
  readonly #work: (signal: AbortSignal) => Promise<T>;
  #current: Run<T> | null = null;
  #settled: Promise<unknown> = Promise.resolve();

  /** @param work ends soon once its signal says so */
  constructor(work: (signal: AbortSignal) => Promise<T>) {
    this.#work = work;
  }

  /**
   * @param signal says that the caller waits no longer; null: waits to the end
   * @throws RequestError request.invalid when the caller is gone; else as the work does
   */
  async join(signal: AbortSignal | null): Promise<T> {
    if (signal?.aborted === true) throw gone();
    const run = (this.#current ??= this.#begin());
    run.waiting += 1;
    let leave = (): void => undefined;
    const left = new Promise<never>((_, reject) => (leave = () => reject(gone())));
    signal?.addEventListener('abort', leave, { once: true });
    try {
      return await Promise.race([run.answer, left]);
    } finally {
      signal?.removeEventListener('abort', leave);
      run.waiting -= 1;
      if (run.waiting === 0) this.#end(run);
    }
  }

  #begin(): Run<T> {
    const stop = new AbortController();
    const answer = this.#settled.then(() => this.#work(stop.signal));
    this.#settled = answer.catch(() => undefined);
    return { answer, stop, waiting: 0 };
  }

  #end(run: Run<T>): void {
    run.stop.abort();
    if (this.#current === run) this.#current = null;
  }
}

function gone(): RequestError {
  return new RequestError('request.invalid', 'Nobody waits for the answer any more.');
}
