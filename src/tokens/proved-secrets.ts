import { createHmac, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Principal } from '../accounts/principal.ts';
import type { Clock } from '../core/clock.ts';
import type { GatewayEvent } from '../store/bus.ts';
import type { AccountWithTokens, TokenCredential } from './credentials.ts';
import { endOf } from './standing.ts';

/** What a login asked the store: by which words, when, and what the answer was. */
export interface Answered {
  /** Holds the digest of a token, where it was asked by one. */
  readonly question: string;
  readonly answer: AccountWithTokens;
  readonly at: Moment;
  /** What `epoch` was then. */
  readonly epoch: number;
}

/** On both clocks: a machine that slept tells by the wall, one whose clock was set back by the other. */
export interface Moment {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

/** A secret that was found right. A null token stands for the account's password. */
interface Kept {
  readonly token: TokenCredential | null;
  readonly password: AccountWithTokens['account']['password'];
  readonly at: Moment;
}

interface Entry {
  /** Without a password. */
  readonly account: AccountWithTokens['account'];
  readonly tokensEnabled: boolean;
  readonly secrets: readonly Kept[];
}

const MOST_QUESTIONS = 10_000;
const MOST_SECRETS_OF_ONE = 16;
const NO_KEY = Buffer.alloc(0);

/**
 * Answers of the store of a short while ago, of each only the secret that was then proved. Under keyed hashes of what was asked,
 * so a token that was sent in cleartext is in here as such a hash alone. Whatever the bus tells of is dropped.
 */
export class ProvedSecrets {
  readonly #graceMs: () => number;
  readonly #clock: Clock;
  readonly #key = randomBytes(32);
  readonly #entries = new LRUCache<string, Entry>({ max: MOST_QUESTIONS });
  #epoch = 0;

  /** @param graceMs how old an answer may be; asked each time */
  constructor(graceMs: () => number, clock: Clock) {
    this.#graceMs = graceMs;
    this.#clock = clock;
  }

  /** Grows with each event: an answer that was asked for before one is not worth remembering. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Questions whose answers are kept. */
  get size(): number {
    return this.#entries.size;
  }

  now(): Moment {
    return { monotonicMs: this.#clock.monotonicMs(), wallMs: this.#clock.now().getTime() };
  }

  /** @returns the account with those of its secrets that were proved less than the grace ago; null: none was */
  recall(question: string): AccountWithTokens | null {
    const entry = this.#entries.get(this.#hash(question));
    const secrets = this.#fresh(entry);
    if (entry === undefined || secrets.length === 0) return null;
    return {
      account: { ...entry.account, password: secrets.find(({ token }) => token === null)?.password ?? null },
      tokens: secrets.flatMap(({ token }) => token ?? []),
      tokensEnabled: entry.tokensEnabled,
    };
  }

  /** Takes over, of the answer, the secret by which the principal was proved. */
  remember({ question, answer, at, epoch }: Answered, principal: Principal): void {
    if (epoch !== this.#epoch || answer.account.uid !== principal.uid) return;
    const kept = provedPart(answer, principal, at);
    if (kept === null) return;
    const hash = this.#hash(question);
    const others = this.#fresh(this.#entries.get(hash)).filter(({ token }) => token?.tid !== kept.token?.tid);
    this.#entries.set(hash, {
      account: { ...answer.account, password: null },
      tokensEnabled: answer.tokensEnabled,
      secrets: [kept, ...others].slice(0, MOST_SECRETS_OF_ONE),
    });
  }

  handle(event: GatewayEvent): void {
    switch (event.kind) {
      case 'tokens':
        this.#epoch += 1;
        this.#drop(({ token }) => token !== null && event.tids.includes(token.tid));
        return;
      case 'account':
        this.#epoch += 1;
        this.#drop((_kept, { account }) => account.uid === event.uid);
        return;
      // Whoever may be concerned by the one, or was by what nobody told of before the other, is read anew.
      case 'policy':
      case 'resync':
        this.clear();
        return;
      case 'sessions.kill':
      case 'cancel':
        return;
      default:
        event satisfies never;
    }
  }

  clear(): void {
    this.#epoch += 1;
    this.#entries.clear();
  }

  #drop(isConcerned: (kept: Kept, entry: Entry) => boolean): void {
    for (const [hash, entry] of [...this.#entries.entries()]) {
      const secrets = entry.secrets.filter((kept) => !isConcerned(kept, entry));
      if (secrets.length === 0) this.#entries.delete(hash);
      else if (secrets.length < entry.secrets.length) this.#entries.set(hash, { ...entry, secrets });
    }
  }

  #fresh(entry: Entry | undefined): readonly Kept[] {
    const { monotonicMs, wallMs } = this.now();
    const ageMs = ({ at }: Kept): number => Math.max(monotonicMs - at.monotonicMs, wallMs - at.wallMs);
    return entry?.secrets.filter((kept) => ageMs(kept) < this.#graceMs()) ?? [];
  }

  #hash(question: string): string {
    return createHmac('sha256', this.#key).update(question).digest('base64');
  }
}

/** @returns null where it cannot be told which secret of the answer it was, or that one is not for this */
function provedPart(
  { account, tokens }: AccountWithTokens,
  { provedBy, mechanism, token }: Principal,
  at: Moment,
): Kept | null {
  if (provedBy === 'password') return { token: null, password: account.password, at };
  const end = token?.expiresAt?.getTime();
  // A token and what was got for it have one id.
  const [found, ...more] = tokens.filter((one) => one.tid === token?.tid && endOf(one)?.getTime() === end);
  if (found === undefined || more.length > 0) return null;
  // What came in cleartext is found by its hash, and needs no key to be proved by.
  const bare = mechanism === 'cleartext' ? { ...found, storedKey: NO_KEY, serverKey: NO_KEY } : found;
  return { token: bare, password: null, at };
}
