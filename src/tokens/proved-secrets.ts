import { createHmac, randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { LRUCache } from 'lru-cache';
import type { Principal } from '../accounts/principal.ts';
import type { Clock } from '../core/clock.ts';
import type { GatewayEvent } from '../store/bus.ts';
import type { AccountWithTokens, TokenCredential } from './credentials.ts';
import { endOf } from './standing.ts';

/** When the store was asked something. */
export interface Asked {
  readonly at: Moment;
  /** What `epoch` was then. */
  readonly epoch: number;
  /** Whether nothing was heard from the bus then. */
  readonly deaf: boolean;
}

/** What a login asked the store: by which words, when, and what the answer was. */
export interface Answered extends Pick<Asked, 'at' | 'epoch'> {
  /** Holds the digest of a token, where it was asked by one. */
  readonly question: string;
  readonly answer: AccountWithTokens;
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
const MOST_REVOKED = 50_000;
const NO_KEY = Buffer.alloc(0);

/**
 * Answers of the store of a short while ago, of each only the secret that was then proved. Under keyed hashes of what was asked,
 * so a token that was sent in cleartext is in here as such a hash alone. Whatever the bus tells of is dropped, as is what a
 * later answer contradicts. Since the bus may not be heard while the store still answers, one answer then ends it all.
 */
export class ProvedSecrets {
  readonly #graceMs: () => number;
  readonly #clock: Clock;
  readonly #key = randomBytes(32);
  readonly #entries = new LRUCache<string, Entry>({
    max: MOST_QUESTIONS,
    dispose: ({ account }, hash) => this.#unlist(account.uid, hash),
  });
  /** Keys of entries. */
  readonly #ofUser = new Map<string, Set<string>>();
  /** That an answer showed. An older answer may still be waiting for its proof. */
  readonly #revoked = new LRUCache<string, true>({ max: MOST_REVOKED });
  #epoch = 0;
  #deaf = false;

  /** @param graceMs how old an answer may be; asked each time */
  constructor(graceMs: () => number, clock: Clock) {
    this.#graceMs = graceMs;
    this.#clock = clock;
  }

  /** Grows with each event, and when something is dropped: an answer that was asked for before is not worth remembering. */
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

  /** To be called before the store is asked. */
  asks(): Asked {
    return { at: this.now(), epoch: this.#epoch, deaf: this.#deaf };
  }

  /**
   * Drops what is not so any more, by what the store answers.
   * @returns what may be remembered once a secret is proved by it; null: nothing
   */
  answered(question: string, answer: AccountWithTokens | null, { at, epoch, deaf }: Asked): Answered | null {
    if (deaf) {
      this.answeredUnheard();
      return null;
    }
    const isCurrent = epoch === this.#epoch;
    if (!this.#agrees(question, answer)) this.#epoch += 1;
    return answer === null || !isCurrent ? null : { question, answer, at, epoch: this.#epoch };
  }

  /** The store gave an answer that it was asked for while nothing was heard from the bus: any event may have been missed. */
  answeredUnheard(): void {
    if (this.#deaf) this.clear();
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
    if (kept === null || (kept.token !== null && this.#revoked.has(kept.token.tid))) return;
    const hash = this.#hash(question);
    const others = this.#fresh(this.#entries.get(hash)).filter(({ token }) => token?.tid !== kept.token?.tid);
    this.#keep(hash, {
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
        this.clear();
        return;
      case 'resync':
        this.#deaf = false;
        this.clear();
        return;
      case 'deaf':
        this.#deaf = true;
        this.#epoch += 1;
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

  /** @returns false when something was remembered that the answer has otherwise, or no more; then it is dropped */
  #agrees(question: string, answer: AccountWithTokens | null): boolean {
    const own = this.#hash(question);
    const before = this.#entries.peek(own);
    if (answer === null) return !this.#entries.delete(own);
    const { account, tokens } = answer;
    for (const { tid, revokedAt } of tokens) if (revokedAt !== null) this.#revoked.set(tid, true);
    let agrees = before === undefined || before.account.uid === account.uid;
    if (!agrees) this.#entries.delete(own);
    const bare = { ...account, password: null };
    for (const hash of [...(this.#ofUser.get(account.uid) ?? [])]) {
      const entry = this.#entries.peek(hash);
      if (entry === undefined) continue;
      if (!isSamePolicy(entry, answer)) {
        this.#entries.clear();
        return false;
      }
      const isSame = isDeepStrictEqual(entry.account, bare);
      const stays = (kept: Kept): boolean => isSame && isStillSo(kept, answer, hash === own);
      if (!this.#retain(hash, entry, stays)) agrees = false;
    }
    return agrees;
  }

  #drop(isConcerned: (kept: Kept, entry: Entry) => boolean): void {
    for (const [hash, entry] of [...this.#entries.entries()]) {
      this.#retain(hash, entry, (kept) => !isConcerned(kept, entry));
    }
  }

  /** @returns whether all of the secrets stay */
  #retain(hash: string, entry: Entry, stays: (kept: Kept) => boolean): boolean {
    const secrets = entry.secrets.filter(stays);
    if (secrets.length === entry.secrets.length) return true;
    if (secrets.length === 0) this.#entries.delete(hash);
    else this.#keep(hash, { ...entry, secrets });
    return false;
  }

  #keep(hash: string, entry: Entry): void {
    this.#entries.set(hash, entry);
    const { uid } = entry.account;
    const hashes = this.#ofUser.get(uid) ?? new Set();
    this.#ofUser.set(uid, hashes.add(hash));
  }

  #unlist(uid: string, hash: string): void {
    const hashes = this.#ofUser.get(uid);
    hashes?.delete(hash);
    if (hashes?.size === 0) this.#ofUser.delete(uid);
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

/** As a policy tells of itself in each answer. */
function isSamePolicy(entry: Entry, { account, tokensEnabled }: AccountWithTokens): boolean {
  if (entry.tokensEnabled !== tokensEnabled) return false;
  return isDeepStrictEqual(entry.account.policyNetworks, account.policyNetworks);
}

/** @param isWhole whether the answer has all that was remembered from the question; else it is about others of the user's secrets, too */
function isStillSo({ token, password }: Kept, answer: AccountWithTokens, isWhole: boolean): boolean {
  if (token === null) return isDeepStrictEqual(password, answer.account.password);
  const found = answer.tokens.filter(({ tid }) => tid === token.tid);
  const end = endOf(token)?.getTime();
  if (isWhole && !found.some((one) => endOf(one)?.getTime() === end)) return false;
  const retires = token.retiresAt?.getTime();
  return found.every((one) => one.revokedAt === null && one.retiresAt?.getTime() === retires);
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
