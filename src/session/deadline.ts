import type { Clock } from '../core/clock.ts';
import type { GatewayError } from '../core/errors.ts';
import { loginTimedOut } from '../wire/malformed.ts';

/** The one time limit from accept to ready for query. */
export interface Deadline {
  /** Aborted with the error that the client is to get. */
  readonly signal: AbortSignal;
  /** The login is done: the limit no longer applies. */
  clear(): void;
}

/** The limits of all logins that are on their way. */
export class Deadlines {
  readonly #timeoutMs: () => number;
  readonly #clock: Clock;
  readonly #running = new Set<AbortController>();
  #refusal: (() => GatewayError) | null = null;

  constructor(timeoutMs: () => number, clock: Clock) {
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
  }

  start(): Deadline {
    const controller = new AbortController();
    const timer = this.#clock.after(this.#timeoutMs(), () => controller.abort(loginTimedOut()));
    this.#running.add(controller);
    if (this.#refusal !== null) controller.abort(this.#refusal());
    return {
      signal: controller.signal,
      clear: () => {
        timer.cancel();
        this.#running.delete(controller);
      },
    };
  }

  /** Ends the logins that are on their way, and each that begins from now on. */
  refuseAll(refusal: () => GatewayError): void {
    this.#refusal = refusal;
    for (const controller of this.#running) controller.abort(refusal());
  }
}
