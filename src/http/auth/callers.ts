import type { MiddlewareHandler } from 'hono';
import { LRUCache } from 'lru-cache';
import { RequestError, type ErrorCode } from '../../core/errors.ts';
import { FairQueue } from '../../core/fair-queue.ts';
import type { Secret } from '../../core/secret.ts';
import type { Authentication, Authenticator } from '../../tokens/authenticator.ts';
import { isWellFormed, tokenDigest } from '../../tokens/format.ts';
import type { Origin } from '../../tokens/service.ts';
import { addressBlock } from '../../core/address.ts';
import { asciiLower } from '../../core/ascii.ts';
import type { HttpDeps } from '../deps.ts';
import type { Caller, HttpContext, HttpEnv } from '../env.ts';
import { RateLimited, SuspendedCredential, type Suspension } from '../failure.ts';
import type { HttpMetrics } from '../metrics.ts';
import { originOf } from '../origin.ts';
import { barredFrom, isBarred } from './barred.ts';
import { parseAuthorization, type Presented } from './header.ts';
import { FailureLimiter } from './limiter.ts';

export type Proved = Extract<Authentication, { ok: true }>;

const NOT_VALID = 'No valid credential.';
/** Look-ups at once, few enough to leave the store to logins; addresses that have more take turns. */
const LOOKUPS = { running: 6, waiting: 1000, waitingPerLane: 100 } as const;
/** What a look-up costs is little, so that those who share an address with a flood get a chance now and then. */
const FAILURES = { burst: 50, perSecond: 10 } as const;
/** Told to those of a full lane: by then it is empty or over its limit. */
const LANE_WAIT_MS = 1_000;
const REMEMBERED = 20_000;
/** A secret of 256 random bits that is unknown now will not be issued within the minute. */
const UNKNOWN_MS = 60_000;
/** What is dead for another reason may come back to life: tokens switched on again, a user enabled. */
const DEAD_MS = 1_000;
/** Long enough for what comes once a day; it only spares from the limit, each use is looked up all the same. */
const KNOWN_MS = 26 * 3_600_000;
/** What whoever has the whole secret may be told, where the facade tells it. */
const SUSPENSIONS: Partial<Record<ErrorCode, Suspension>> = {
  'login.tokens_off': 'policy.tokens_off',
  'login.no_token_privilege': 'policy.no_privilege',
};

/**
 * Finds out who calls. A flood of bad credentials is turned away at growing cost: by shape and checksum; by memory of those
 * that were refused before; by a limit of failures for each address; and only then by a look-up, of which few run at once and
 * few wait for each address.
 */
export class Callers {
  readonly #deps: HttpDeps;
  readonly #metrics: HttpMetrics;
  readonly #lookups = new FairQueue(LOOKUPS);
  readonly #failures: FailureLimiter;
  /** Digests of credentials that were refused, with the reason; with an address, where they were refused for that alone. */
  readonly #bad: LRUCache<string, ErrorCode>;
  /** Digests of credentials that were good lately; the limit does not stand in their way. */
  readonly #good: LRUCache<string, true>;

  constructor(deps: HttpDeps, metrics: HttpMetrics) {
    this.#deps = deps;
    this.#metrics = metrics;
    this.#failures = new FailureLimiter({ ...FAILURES, maxKeys: REMEMBERED, clock: deps.clock });
    const perf = { now: () => deps.clock.monotonicMs() };
    this.#bad = new LRUCache({ max: REMEMBERED, ttl: UNKNOWN_MS, perf });
    this.#good = new LRUCache({ max: REMEMBERED, ttl: KNOWN_MS, perf });
  }

  /** Lets a request pass with its caller, or throws what `identify` throws. */
  required(): MiddlewareHandler<HttpEnv> {
    return async (c, next) => {
      c.set('caller', await this.identify(c));
      await next();
    };
  }

  /** @throws RequestError request.unauthenticated, login.overloaded, one of NETWORK_CODES; RateLimited */
  async identify(c: HttpContext): Promise<Caller> {
    const presented = parseAuthorization(c.req.header('authorization'));
    const origin = originOf(c, this.#deps.trustedProxies);
    if (presented.kind !== 'bearer' && presented.kind !== 'basic') throw this.#refuse('shape');
    const { actor, sessionKind } = await this.prove(presented.secret, origin);
    // The page asks for the password again before it makes a secret; its cookie must not get by that here.
    if (sessionKind === 'web') throw this.#refuse('looked_up');
    if (presented.kind === 'bearer') return actor;
    if (await this.#isNamed(actor, presented.user)) return actor;
    this.#spend(origin);
    throw this.#refuse('looked_up');
  }

  /** What can be told from memory alone: an error when the credential is bad or may not be looked up now, else null. */
  screen(presented: Presented, address: string | null): RequestError | null {
    if (presented.kind === 'none' || presented.kind === 'malformed') return this.#refuse('shape');
    const text = presented.secret.reveal();
    if (!isWellFormed(text)) return this.#refuse('shape');
    return this.#screenDigest(digestKey(text), address);
  }

  /** Who holds this personal access or session token. @throws as `identify` */
  async prove(secret: Secret, origin: Origin): Promise<Proved> {
    if (!isWellFormed(secret.reveal())) throw this.#refuse('shape');
    const key = digestKey(secret.reveal());
    const refusal = this.#screenDigest(key, origin.address);
    if (refusal !== null) throw refusal;
    const lane = this.#laneOf(key, origin.address);
    return this.#lookups.run(lane, () => this.#lookUp(key, secret, origin), tooMany);
  }

  /** A session for a caller who has just proved who they are, at an address that others may be flooding from. */
  async openSession(
    ...of: Parameters<Authenticator['openSession']>
  ): ReturnType<Authenticator['openSession']> {
    const session = await this.#deps.authenticator.openSession(...of);
    this.#good.set(digestKey(session.token.reveal()), true);
    return session;
  }

  async #lookUp(key: string, secret: Secret, origin: Origin): Promise<Proved> {
    // Others of the same flood may have been refused while this one waited.
    const refusal = this.#screenDigest(key, origin.address);
    if (refusal !== null) throw refusal;
    const answer = await this.#deps.authenticator.bearer(secret, origin);
    if (answer.ok) {
      this.#good.set(key, true);
      this.#noteUse(answer.actor);
      return answer;
    }
    this.#remember(key, answer.reason, origin);
    this.#spend(origin);
    throw this.#refuse('looked_up', answer.reason, origin.address);
  }

  /** What is good elsewhere stays so: who stole a token must not keep its owner out by trying it from here. */
  #remember(key: string, reason: ErrorCode, { address }: Origin): void {
    if (isBarred(reason)) {
      this.#bad.set(keyThere(key, address), reason, { ttl: DEAD_MS });
      return;
    }
    this.#good.delete(key);
    this.#bad.set(key, reason, { ttl: reason === 'login.unknown_token' ? UNKNOWN_MS : DEAD_MS });
  }

  #screenDigest(key: string, address: string | null): RequestError | null {
    const reason = this.#bad.get(key) ?? this.#bad.get(keyThere(key, address));
    if (reason !== undefined) return this.#refuse('remembered', reason, address);
    if (this.#good.has(key)) return null;
    const waitMs = this.#failures.waitMs(addressBlock(address ?? ''));
    const isFull = waitMs === 0 && this.#lookups.isFull(this.#laneOf(key, address));
    if (waitMs === 0 && !isFull) return null;
    this.#metrics.refused('limited');
    return new RateLimited(isFull ? LANE_WAIT_MS : waitMs);
  }

  /** Known credentials do not stand in line behind the unknown ones of their address. */
  #laneOf(key: string, address: string | null): string {
    return `${addressBlock(address ?? '')} ${this.#good.has(key) ? 'known' : 'unknown'}`;
  }

  /** @param address with a reason: where the caller is */
  #refuse(
    how: Parameters<HttpMetrics['refused']>[0],
    reason?: ErrorCode,
    address: string | null = null,
  ): RequestError {
    this.#metrics.refused(how);
    const barred = reason === undefined ? null : barredFrom(address, reason);
    if (barred !== null) return barred;
    const suspendedBy = reason === undefined ? undefined : SUSPENSIONS[reason];
    if (suspendedBy !== undefined) return new SuspendedCredential(NOT_VALID, suspendedBy);
    return new RequestError('request.unauthenticated', NOT_VALID);
  }

  #noteUse({ tid, address, application }: Caller): void {
    const { lastUsed, clock } = this.#deps;
    if (tid !== null) lastUsed.note(tid, { at: clock.now(), address, application });
  }

  #spend({ address }: Origin): void {
    this.#failures.spend(addressBlock(address ?? ''));
  }

  /** Basic's user name: a reserved one, or the token's owner by name or e-mail. */
  async #isNamed(actor: Caller, user: string): Promise<boolean> {
    if (this.#deps.tokenUsers.includes(user) || user === actor.name) return true;
    if (!user.includes('@')) return false;
    const { email } = await this.#deps.accounts.getUser(actor, { uid: actor.uid });
    return email !== null && asciiLower(email) === asciiLower(user);
  }
}

function tooMany(): RequestError {
  return new RequestError('login.overloaded', 'Too many requests are waiting. Try again later.');
}

function keyThere(key: string, address: string | null): string {
  return `${key} ${address ?? ''}`;
}

/** Under which a credential is remembered: not the credential itself. */
function digestKey(text: string): string {
  return tokenDigest(text).toString('base64');
}
