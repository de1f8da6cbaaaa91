import type { Hasher } from '../accounts/hasher.ts';
import { passwordMark } from '../accounts/password.ts';
import { findUserRow } from '../accounts/user-rows.ts';
import { addressBlock } from '../core/address.ts';
import type { Clock } from '../core/clock.ts';
import { RequestError, type ErrorCode } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';
import type { Audit, AuditEntry } from '../store/audit.ts';
import type { EventBus } from '../store/bus.ts';
import type { FoldedRefusals } from '../store/folded-refusals.ts';
import type { Store } from '../store/store.ts';
import type { Authentication, Authenticator, OpenedSession } from './authenticator.ts';
import { checkPassword } from './check-password.ts';
import type { AccountCredentials, Credentials, TokenWithAccount } from './credentials.ts';
import { effectiveActor } from './effective-actor.ts';
import { endSessionOf } from './end-session.ts';
import { isWellFormed, kindOfToken, tokenDigest } from './format.ts';
import { openSession } from './open-session.ts';
import { networksOf, ofNamed, refused, refusedThere } from './refused.ts';
import type { Origin } from './service.ts';
import { endOf, tokenStanding, type TokenStanding } from './standing.ts';

export interface AuthenticatorDeps {
  readonly store: Store;
  readonly credentials: Credentials;
  readonly hasher: Hasher;
  readonly audit: Pick<Audit, 'note' | 'append'>;
  readonly refusals: Pick<FoldedRefusals, 'note'>;
  readonly bus: Pick<EventBus, 'publish'>;
  readonly clock: Clock;
  /** Reserved user names that mean "the password is a token". */
  readonly tokenUsers: readonly string[];
}

const CODES = {
  revoked: 'login.token_revoked',
  expired: 'login.token_expired',
  owner_disabled: 'login.owner_disabled',
  no_privilege: 'login.no_token_privilege',
  tokens_off: 'login.tokens_off',
} as const satisfies Record<Exclude<TokenStanding, 'live'>, ErrorCode>;

/** Of whoever proved nothing: anybody can be refused like that, as often as they like. */
const UNPROVED: ReadonlySet<string> = new Set<ErrorCode>([
  'login.not_a_token',
  'login.unknown_token',
  'login.unknown_user',
  'login.wrong_secret',
  'login.empty_password',
]);

const NOWHERE: Origin = { address: null, application: null };

export function createAuthenticator(deps: AuthenticatorDeps): Authenticator {
  return new StoreAuthenticator(deps);
}

class StoreAuthenticator implements Authenticator {
  readonly #deps: AuthenticatorDeps;

  constructor(deps: AuthenticatorDeps) {
    this.#deps = deps;
  }

  async password(nameOrEmail: string, secret: Secret, origin: Origin): Promise<Authentication> {
    const answer = await this.#password(nameOrEmail, secret, origin);
    this.#note('http.login', nameOrEmail, answer, origin);
    return answer;
  }

  async vouched(nameOrEmail: string, origin: Origin): Promise<Authentication> {
    const found = nameOrEmail.includes('\0') ? null : await this.#deps.credentials.byName(nameOrEmail);
    const answer = vouchedAs(found?.account ?? null, origin);
    this.#note('http.login', nameOrEmail, answer, origin);
    return answer;
  }

  async bearer(secret: Secret, origin: Origin): Promise<Authentication> {
    const answer = await this.#bearer(secret, origin);
    if (!answer.ok) this.#note('http.bearer', 'bearer', answer, origin);
    return answer;
  }

  async #bearer(secret: Secret, origin: Origin): Promise<Authentication> {
    const text = secret.reveal();
    const kind = kindOfToken(text);
    if (kind === null) return refused('login.not_a_token');
    const digest = tokenDigest(text);
    if (kind === 'pat') return this.#byToken(await this.#deps.credentials.byToken(digest), 'token', origin);
    return this.#bySession(digest, origin);
  }

  async openSession(...of: Parameters<Authenticator['openSession']>): Promise<OpenedSession> {
    try {
      return await openSession(this.#deps, ...of);
    } catch (error) {
      const [{ actor }] = of;
      if (error instanceof RequestError) {
        this.#note('http.login', actor.name, refused(error.code, actor), actor);
      }
      throw error;
    }
  }

  async endSession(secret: Secret, origin: Origin = NOWHERE): Promise<void> {
    const { store, bus, audit } = this.#deps;
    await store.transaction(async (trx) => {
      const ended = await endSessionOf(trx, bus, tokenDigest(secret.reveal()));
      if (ended === null) return;
      const { uid, name, tid } = ended;
      const actor = { uid, name, tid, via: 'session' };
      await audit.append({ action: 'http.logout', outcome: 'ok', actor, ...origin }, trx);
    });
  }

  async #password(nameOrEmail: string, secret: Secret, origin: Origin): Promise<Authentication> {
    const { credentials, hasher, tokenUsers } = this.#deps;
    const text = secret.reveal();
    // A session that could begin another one would never end, and would pass for a password just given.
    if (kindOfToken(text) === 'session') return refused('login.not_a_token');
    if (tokenUsers.includes(nameOrEmail)) return this.#bearer(secret, origin);
    if (secret.isEmpty) return refused('login.empty_password');
    const found = nameOrEmail.includes('\0') ? null : await credentials.byName(nameOrEmail);
    if (isWellFormed(text)) {
      const answer = await this.#bearer(secret, origin);
      return ofNamed(answer, found?.account.uid ?? null);
    }
    const lane = addressBlock(origin.address ?? '');
    const right = await checkPassword(found?.account ?? null, Buffer.from(text, 'utf8'), hasher, lane);
    if (found === null) return refused('login.unknown_user');
    const subject = { uid: found.account.uid, name: found.account.name, tid: null };
    if (!right) return refused('login.wrong_secret', subject);
    if (found.account.disabled) return refused('login.owner_disabled', subject);
    const there = refusedThere(origin, networksOf(found.account), subject);
    if (there !== null) return there;
    const { password } = found.account;
    return {
      ok: true,
      actor: effectiveActor(found.account, { via: 'password', token: null, origin }),
      passwordMark: password === null ? null : passwordMark(password),
      expiresAt: null,
      openedAt: null,
      sessionKind: null,
    };
  }

  /** @param name what the caller said, where nobody is known */
  #note(action: 'http.login' | 'http.bearer', name: string, answer: Authentication, origin: Origin): void {
    const who = answer.ok ? answer.actor : answer.subject;
    const { audit, refusals } = this.#deps;
    const entry: AuditEntry = {
      action,
      outcome: answer.ok ? 'ok' : 'refused',
      actor: {
        uid: who?.uid ?? null,
        name: who?.name ?? name,
        via: answer.ok ? answer.actor.via : 'unproved',
        tid: who?.tid ?? null,
      },
      address: origin.address,
      application: origin.application,
      reason: answer.ok ? null : answer.reason,
    };
    if (answer.ok || origin.address === null || !UNPROVED.has(answer.reason)) audit.note(entry);
    else refusals.note({ ...entry, address: origin.address, reason: answer.reason });
  }

  #byToken(found: TokenWithAccount | null, via: 'token' | 'session', origin: Origin): Authentication {
    if (found === null) return refused('login.unknown_token');
    const { account, token } = found;
    const subject = { uid: account.uid, name: account.name, tid: token.tid };
    const standing = tokenStanding(found, this.#deps.clock.now());
    if (standing !== 'live') return refused(CODES[standing], subject);
    const there = refusedThere(origin, { ...networksOf(account), token: token.networks }, subject);
    if (there !== null) return there;
    const actor = effectiveActor(account, { via, token, origin });
    return {
      ok: true,
      actor,
      passwordMark: null,
      expiresAt: endOf(token),
      openedAt: null,
      sessionKind: null,
    };
  }

  async #bySession(digest: Buffer, origin: Origin): Promise<Authentication> {
    const { store, credentials, clock } = this.#deps;
    const session = await store.db
      .selectFrom('http_sessions')
      .select((eb) => [
        'uid',
        'tid',
        'kind',
        'created_at',
        'expires_at',
        eb.selectFrom('policy').select('networks').as('policy_networks'),
      ])
      .where('digest', '=', digest)
      .executeTakeFirst();
    if (session === undefined) return refused('login.unknown_token');
    const expired = session.expires_at <= clock.now();
    const about = {
      expiresAt: session.expires_at,
      openedAt: session.created_at,
      sessionKind: session.kind,
    };
    if (session.tid !== null && !expired) {
      const answer = this.#byToken(await credentials.byTid(session.tid), 'session', origin);
      return answer.ok ? { ...answer, ...about } : answer;
    }
    const user = await findUserRow(store.db, { uid: session.uid });
    const subject = { uid: session.uid, name: user?.name ?? '', tid: session.tid };
    if (expired) return refused('login.token_expired', subject);
    if (user?.state !== 'active') return refused('login.owner_disabled', subject);
    const lists = { policy: session.policy_networks, user: user.networks };
    const there = refusedThere(origin, lists, subject);
    if (there !== null) return there;
    const account = { uid: user.uid, name: user.name, privileges: new Set(user.privileges) };
    const actor = effectiveActor(account, { via: 'session', token: null, origin });
    return { ok: true, actor, passwordMark: null, ...about };
  }
}

function vouchedAs(account: AccountCredentials | null, origin: Origin): Authentication {
  if (account === null) return refused('login.unknown_user');
  if (account.disabled) return refused('login.owner_disabled');
  const subject = { uid: account.uid, name: account.name, tid: null };
  const there = refusedThere(origin, networksOf(account), subject);
  if (there !== null) return there;
  const actor = effectiveActor(account, { via: 'oauth', token: null, origin });
  return { ok: true, actor, passwordMark: null, expiresAt: null, openedAt: null, sessionKind: null };
}
