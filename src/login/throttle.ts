import { createHmac, createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { TooManyGuesses, type Admission, type Attempt, type GuessGuard } from '../accounts/guess-guard.ts';
import { addressBlock, normalAddress } from '../core/address.ts';
import { asciiLower } from '../core/ascii.ts';
import type { Clock } from '../core/clock.ts';

export interface ThrottleOptions {
  /** Different wrong secrets that cost nothing, per block of addresses and account. */
  readonly free: number;
  /** The same where a secret can not be guessed, and the account is shared by all who use tokens. */
  readonly freeUnguessable: number;
  /** Wait after the first one that is not free; doubles with each further one. */
  readonly firstWaitMs: number;
  readonly longestWaitMs: number;
  /** One failure is forgotten each time this has passed. */
  readonly forgiveEveryMs: number;
  /** Pairs of block and account that are remembered; the one that was quiet longest is forgotten first. */
  readonly maxEntries: number;
}

export const DEFAULT_THROTTLE: ThrottleOptions = {
  free: 10,
  freeUnguessable: 200,
  firstWaitMs: 1000,
  longestWaitMs: 30_000,
  forgiveEveryMs: 60_000,
  maxEntries: 50_000,
};

interface Entry {
  readonly free: number;
  failures: number;
  /** Failures are as of then. */
  asOfMs: number;
  blockedUntilMs: number;
  forgivenAtMs: number;
  /** Fingerprints of the last wrong secrets, newest last. */
  readonly seen: string[];
  /** A failure after which the same client may come again without TLS, or with it. */
  pair: { readonly encrypted: boolean; readonly untilMs: number } | null;
}

/** The tests under way for one block and account. */
interface Gate {
  testing: number;
  readonly waiting: (() => void)[];
}

/** Longer than any name or e-mail address that there is; what is longer is kept by its hash. */
const LONGEST_KEPT = 400;

const NOTHING_TAKEN = (): void => undefined;
/** A stuck pool repeats one secret, a rollout two or three. Where more failures are free, as many are remembered. */
const REMEMBERED_SECRETS = 8;
const MOST_REMEMBERED_SECRETS = 256;
/** libpq and Npgsql try again at once when `sslmode` is `prefer` or `allow`. */
const PAIR_WINDOW_MS = 2000;
/** Failures above the free ones that count: more would only make forgiving take longer. */
const MAX_EXTRA_FAILURES = 30;

/**
 * Slows down guessing, per block of addresses and account, and leaves everybody else alone. The verdict falls before the
 * client is asked for anything and does not depend on whether the account exists. Kept in memory, for one gateway.
 */
export class Throttle implements GuessGuard {
  readonly #options: ThrottleOptions;
  readonly #clock: Clock;
  readonly #entries: LRUCache<string, Entry>;
  readonly #fingerprintKey: KeyObject;
  readonly #gates = new Map<string, Gate>();

  /** @param fingerprintKey 32 bytes that die with the gateway; made when left out */
  constructor(
    clock: Clock,
    options: ThrottleOptions = DEFAULT_THROTTLE,
    fingerprintKey: Buffer = newFingerprintKey(),
  ) {
    this.#clock = clock;
    this.#options = options;
    this.#fingerprintKey = createSecretKey(fingerprintKey);
    this.#entries = new LRUCache({
      max: options.maxEntries,
      // Few remember many secrets: what all of them do together is bounded as if each remembered a few.
      maxSize: options.maxEntries * sizeOf(REMEMBERED_SECRETS) + sizeOf(MOST_REMEMBERED_SECRETS),
      sizeCalculation: ({ seen }) => sizeOf(seen.length),
    });
  }

  /** @throws GatewayError `login.throttled` */
  admit(attempt: Attempt): Admission {
    const key = `${laneOf(attempt.address)} ${this.#accountKey(attempt.account)}`;
    const turn = this.#takeTurn(key, attempt.account);
    const giveBack = turn ?? NOTHING_TAKEN;
    let leave = NOTHING_TAKEN;
    return {
      mayTest: async () => {
        if (turn === null) leave = await this.#enter(key, attempt.account);
      },
      failed: (fingerprint) => {
        this.#failed(key, attempt, fingerprint, giveBack);
        leave();
      },
      succeeded: () => {
        this.#succeeded(key, giveBack);
        leave();
      },
      dropped: () => {
        giveBack();
        leave();
      },
    };
  }

  /**
   * Takes the next turn at once, so that a hundred connections opened together are not a hundred guesses.
   * @returns gives the turn back; null when nobody has to take turns
   */
  #takeTurn(key: string, account: string): (() => void) | null {
    const entry = this.#current(key);
    if (entry === undefined || !isSlowed(entry)) return null;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs < entry.blockedUntilMs) throw new TooManyGuesses(account, entry.blockedUntilMs - nowMs);
    entry.blockedUntilMs = nowMs + this.#waitMs(entry);
    return () => {
      entry.blockedUntilMs = nowMs;
    };
  }

  /**
   * Lets no more secrets be tested at once than there may be failures before guessing is slowed down; others wait for an
   * outcome, which is a matter of milliseconds.
   * @returns to be called when the outcome is known
   */
  async #enter(key: string, account: string): Promise<() => void> {
    const gate: Gate = this.#gates.get(key) ?? { testing: 0, waiting: [] };
    this.#gates.set(key, gate);
    const next = (): void => {
      if (gate.testing === 0 && gate.waiting.length === 0) this.#gates.delete(key);
      gate.waiting.shift()?.();
    };
    for (;;) {
      const entry = this.#current(key);
      if (entry !== undefined && isSlowed(entry)) {
        next();
        throw new TooManyGuesses(account, entry.blockedUntilMs - this.#clock.monotonicMs());
      }
      const room = entry === undefined ? this.#options.free + 1 : entry.free + 1 - entry.failures;
      if (gate.testing < room) break;
      await new Promise<void>((resolve) => gate.waiting.push(resolve));
    }
    gate.testing += 1;
    next();
    return () => {
      gate.testing -= 1;
      next();
    };
  }

  lane(address: string): string {
    return laneOf(address);
  }

  fingerprint(account: string, secret: Buffer): string {
    return fingerprintOf(this.#fingerprintKey, account, secret);
  }

  /** A name that nobody has may be as long as a request, and fifty thousand of them are kept. */
  #accountKey(account: string): string {
    if (account.length <= LONGEST_KEPT) return asciiLower(account);
    return `#${createHmac('sha256', this.#fingerprintKey).update(account).digest('base64')}`;
  }

  #failed(
    key: string,
    { encrypted, guessable }: Attempt,
    fingerprint: string | null,
    giveBack: () => void,
  ): void {
    const nowMs = this.#clock.monotonicMs();
    const { free, freeUnguessable } = this.#options;
    const entry = this.#current(key) ?? newEntry(guessable ? free : freeUnguessable, nowMs);
    if (isRepeated(entry, fingerprint) || isOtherHalf(entry, encrypted, nowMs)) {
      entry.pair = null;
      giveBack();
      return;
    }
    entry.failures = Math.min(entry.failures + 1, entry.free + MAX_EXTRA_FAILURES);
    entry.pair = { encrypted, untilMs: nowMs + PAIR_WINDOW_MS };
    if (fingerprint !== null) entry.seen.push(fingerprint);
    if (entry.seen.length > mostSeen(entry)) entry.seen.shift();
    if (isSlowed(entry)) entry.blockedUntilMs = nowMs + this.#waitMs(entry);
    // Its size is measured when it is put in.
    this.#entries.delete(key);
    this.#entries.set(key, entry);
  }

  /** Forgives, but not so often that a guesser who shares an address with the account's owner is never slowed down. */
  #succeeded(key: string, giveBack: () => void): void {
    giveBack();
    const entry = this.#current(key);
    if (entry === undefined) return;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - entry.forgivenAtMs >= this.#options.forgiveEveryMs) {
      entry.failures = 0;
      entry.forgivenAtMs = nowMs;
    }
  }

  /** The entry with what time has forgiven. */
  #current(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    const forgiven = Math.floor((this.#clock.monotonicMs() - entry.asOfMs) / this.#options.forgiveEveryMs);
    entry.failures = Math.max(0, entry.failures - forgiven);
    entry.asOfMs += forgiven * this.#options.forgiveEveryMs;
    return entry;
  }

  #waitMs({ failures, free }: Entry): number {
    const { firstWaitMs, longestWaitMs } = this.#options;
    return Math.min(longestWaitMs, firstWaitMs * 2 ** (failures - free - 1));
  }
}

/** See GuessGuard. */
export function laneOf(address: string): string {
  return addressBlock(normalAddress(address) ?? address);
}

/** See GuessGuard. */
export function fingerprintOf(key: KeyObject, account: string, secret: Buffer): string {
  return createHmac('sha256', key).update(`${account}\0`).update(secret).digest('base64').slice(0, 22);
}

export function newFingerprintKey(): Buffer {
  return randomBytes(32);
}

function sizeOf(secrets: number): number {
  return 1 + secrets;
}

/**
 * Whoever has no more different wrong secrets than are free is never slowed down, in whatever order they come: pools behind one
 * address that keep dead tokens, each its own.
 */
function mostSeen({ free }: Entry): number {
  return Math.max(REMEMBERED_SECRETS, Math.min(free, MOST_REMEMBERED_SECRETS));
}

function isSlowed({ failures, free }: Entry): boolean {
  return failures > free;
}

function newEntry(free: number, nowMs: number): Entry {
  return {
    free,
    failures: 0,
    asOfMs: nowMs,
    blockedUntilMs: nowMs,
    forgivenAtMs: -Infinity,
    seen: [],
    pair: null,
  };
}

function isRepeated({ seen }: Entry, fingerprint: string | null): boolean {
  return fingerprint !== null && seen.includes(fingerprint);
}

/** The second try of one client, over TLS and then without or the other way round. */
function isOtherHalf({ pair }: Entry, encrypted: boolean, nowMs: number): boolean {
  return pair !== null && pair.encrypted !== encrypted && nowMs < pair.untilMs;
}
