import type { Clock, Timer } from '../core/clock.ts';
import { GatewayError } from '../core/errors.ts';

export interface BatchedReadOptions<Answer> {
  /**
   * Answers as many questions as it is given, each of them different.
   * @returns what each question has for an answer, in their order; null for nothing
   */
  readonly read: (questions: readonly string[]) => Promise<readonly (Answer | null)[]>;
  /** While a read runs, questions gather; a read that takes longer than this has another one run beside it. */
  readonly patienceMs: number;
  /** Reads that run at the same time, at most. */
  readonly atOnce: number;
  /** Questions of one read. */
  readonly most: number;
  readonly clock: Clock;
}

interface Asked<Answer> {
  readonly answer: Promise<Answer | null>;
  readonly resolve: (answer: Answer | null) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Asks the store together what is asked for at about the same time. A read always begins after the question, so nobody is
 * answered with what was true before. Whoever asks the same gets the same object.
 */
export class BatchedRead<Answer> {
  readonly #options: BatchedReadOptions<Answer>;
  #waiting = new Map<string, Asked<Answer>>();
  #running = 0;
  #scheduled = false;
  /** Runs out when the youngest of the running reads has taken too long. */
  #patience: Timer | null = null;

  constructor(options: BatchedReadOptions<Answer>) {
    this.#options = options;
  }

  /** @throws what the read throws */
  ask(question: string): Promise<Answer | null> {
    const asked = this.#waiting.get(question) ?? newQuestion<Answer>();
    this.#waiting.set(question, asked);
    if (this.#running === 0) this.#schedule();
    else this.#beImpatient();
    return asked.answer;
  }

  /** At the end of this round of the event loop, when all who came in it have asked. */
  #schedule(): void {
    if (this.#scheduled || this.#waiting.size === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#start();
    });
  }

  #start(): void {
    const batch = this.#take();
    this.#running += 1;
    this.#patience?.cancel();
    this.#patience = null;
    void this.#answer(batch).finally(() => {
      this.#running -= 1;
      this.#schedule();
    });
    if (this.#waiting.size > 0) this.#beImpatient();
  }

  #beImpatient(): void {
    if (this.#running >= this.#options.atOnce) return;
    this.#patience ??= this.#options.clock.after(this.#options.patienceMs, () => {
      this.#patience = null;
      this.#schedule();
    });
  }

  #take(): ReadonlyMap<string, Asked<Answer>> {
    const all = this.#waiting;
    if (all.size <= this.#options.most) {
      this.#waiting = new Map();
      return all;
    }
    const batch = new Map([...all].slice(0, this.#options.most));
    for (const question of batch.keys()) all.delete(question);
    return batch;
  }

  async #answer(batch: ReadonlyMap<string, Asked<Answer>>): Promise<void> {
    try {
      const answers = await this.#options.read([...batch.keys()]);
      let index = 0;
      for (const asked of batch.values()) asked.resolve(answers[index++] ?? null);
    } catch (error) {
      // What the store could not make sense of must not fail others, who only happened to ask along with it.
      if (batch.size > 1 && isAboutTheQuestion(error)) await this.#oneByOne(batch);
      else for (const asked of batch.values()) asked.reject(error);
    }
  }

  async #oneByOne(batch: ReadonlyMap<string, Asked<Answer>>): Promise<void> {
    for (const one of batch) await this.#answer(new Map([one]));
  }
}

function isAboutTheQuestion(error: unknown): boolean {
  return !(error instanceof GatewayError) || error.code === 'store.failed';
}

function newQuestion<Answer>(): Asked<Answer> {
  let resolve: Asked<Answer>['resolve'] = () => undefined;
  let reject: Asked<Answer>['reject'] = () => undefined;
  const answer = new Promise<Answer | null>((onAnswer, onError) => {
    resolve = onAnswer;
    reject = onError;
  });
  return { answer, resolve, reject };
}
