import type { Admission, Attempt } from '../../accounts/guess-guard.ts';
import type { Permit, Place } from '../../session/places.ts';
import type { Group } from '../group.ts';
import type { GuessOutcome } from './protocol.ts';

/** What one worker holds of that which all workers share. Nothing of it is lost when the worker dies. */
export class Tickets {
  readonly #group: Group;
  readonly #admissions = new Map<number, Admission>();
  readonly #permits = new Map<number, Permit>();
  #last = 0;

  constructor(group: Group) {
    this.#group = group;
  }

  /** @throws GatewayError login.throttled */
  async admit(attempt: Attempt): Promise<number> {
    const admission = await this.#group.throttle.admit(attempt);
    this.#admissions.set(++this.#last, admission);
    return this.#last;
  }

  /** @throws GatewayError login.throttled */
  async mayTest(ticket: number): Promise<void> {
    await this.#admissions.get(ticket)?.mayTest();
  }

  guessed(ticket: number, outcome: GuessOutcome): void {
    const admission = this.#admissions.get(ticket);
    this.#admissions.delete(ticket);
    if (outcome.kind === 'failed') admission?.failed(outcome.fingerprint);
    else if (outcome.kind === 'succeeded') admission?.succeeded();
    else admission?.dropped();
  }

  /** @throws GatewayError session.too_many */
  async take(places: readonly Place[]): Promise<number> {
    const permit = await this.#group.places.take(places);
    this.#permits.set(++this.#last, permit);
    return this.#last;
  }

  release(ticket: number): void {
    this.#permits.get(ticket)?.release();
    this.#permits.delete(ticket);
  }

  /** Gives everything back. */
  returnAll(): void {
    for (const admission of this.#admissions.values()) admission.dropped();
    for (const permit of this.#permits.values()) permit.release();
    this.#admissions.clear();
    this.#permits.clear();
  }
}
