import { describeError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';

/** What has to be taken down, in the opposite order of how it was put up. */
export class Teardown {
  readonly #log: Log;
  readonly #steps: { readonly name: string; readonly run: () => void | Promise<void> }[] = [];
  #running: Promise<void> | null = null;

  constructor(log: Log) {
    this.#log = log;
  }

  add(name: string, run: () => void | Promise<void>): void {
    this.#steps.push({ name, run });
  }

  /** Goes on when a step fails: the others must not stay behind for it. May be called twice; runs once. */
  run(): Promise<void> {
    return (this.#running ??= this.#runAll());
  }

  async #runAll(): Promise<void> {
    for (const { name, run } of this.#steps.toReversed()) {
      try {
        await run();
      } catch (error) {
        this.#log.error({ part: name, error: describeError(error) }, 'could not be closed cleanly');
      }
    }
  }
}
