import type { Door } from '../targets/target.ts';
import { LoadClient, query } from './client.ts';

const QUESTION = query('SELECT abalance FROM accounts WHERE aid = 12345');

/** A session that asks, waits for the answer, pauses, and asks again. */
export class Worker {
  /** How long each answer took. */
  tookMs: number[] = [];
  readonly #client: LoadClient;
  readonly #pauseMs: number;
  #stopped = false;

  private constructor(client: LoadClient, pauseMs: number) {
    this.#client = client;
    this.#pauseMs = pauseMs;
  }

  static async start(door: Door, pauseMs: number): Promise<Worker> {
    const worker = new Worker(await LoadClient.open(door), pauseMs);
    const ready = worker.#client.untilReady();
    worker.#client.socket.write(QUESTION);
    worker.#ask(await ready);
    return worker;
  }

  stop(): void {
    this.#stopped = true;
    this.#client.close();
  }

  #ask(length: number): void {
    const startMs = performance.now();
    this.#client.ask(QUESTION, length, () => {
      this.tookMs.push(performance.now() - startMs);
      setTimeout(() => {
        if (!this.#stopped) this.#ask(length);
      }, this.#pauseMs);
    });
  }
}
