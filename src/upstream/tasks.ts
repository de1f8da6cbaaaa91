/** Work that nobody waits for but the end of the process. */
export class Tasks {
  readonly #running = new Set<Promise<void>>();

  /** @param task must not reject @returns the same promise */
  add(task: Promise<void>): Promise<void> {
    this.#running.add(task);
    void task.finally(() => this.#running.delete(task));
    return task;
  }

  /** Settles when there is no work left, be it work that was added meanwhile. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }
}
