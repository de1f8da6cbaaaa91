import { randomBytes } from 'node:crypto';
import { createAccountService } from '../../src/accounts/account-service.ts';
import { systemActor, type Actor } from '../../src/accounts/actor.ts';
import type { AccountService, NewUser } from '../../src/accounts/service.ts';
import type { UserView } from '../../src/accounts/views.ts';
import type { Clock } from '../../src/core/clock.ts';
import { systemClock } from '../../src/core/clock.ts';
import { Secret } from '../../src/core/secret.ts';
import { createHasher } from '../../src/login/hasher.ts';
import type { Audit } from '../../src/store/audit.ts';
import { createAudit } from '../../src/store/audit-log.ts';
import type { EventBus, GatewayEvent } from '../../src/store/bus.ts';
import { FoldedRefusals } from '../../src/store/folded-refusals.ts';
import { createEventBus } from '../../src/store/event-bus.ts';
import { createAuthenticator } from '../../src/tokens/authentication.ts';
import type { Authenticator, ProvedCaller } from '../../src/tokens/authenticator.ts';
import { createCredentials, type Credentials } from '../../src/tokens/credentials.ts';
import type { PolicyService } from '../../src/tokens/policy-service.ts';
import type { Issued, IssueRequest, Origin, TokenService } from '../../src/tokens/service.ts';
import { createPolicyService } from '../../src/tokens/store-policy.ts';
import { createTokenService } from '../../src/tokens/token-service.ts';
import { createStore, silentLog, type TestStore } from './store.ts';

/** The system's clock, moved by hand. */
export class MovedClock implements Clock {
  #byMs = 0;
  #setByMs = 0;

  /** Time passes. */
  move(ms: number): void {
    this.#byMs += ms;
  }

  /** Somebody sets the clock; no time passes. */
  set(byMs: number): void {
    this.#setByMs += byMs;
  }

  reset(): void {
    this.#byMs = 0;
    this.#setByMs = 0;
  }

  now(): Date {
    return new Date(systemClock.now().getTime() + this.#byMs + this.#setByMs);
  }

  monotonicMs(): number {
    return systemClock.monotonicMs() + this.#byMs;
  }

  after(delayMs: number, run: () => void): ReturnType<Clock['after']> {
    return systemClock.after(delayMs, run);
  }
}

/** Everything that stands on the store, on one of its own. */
export interface TestServices {
  readonly test: TestStore;
  readonly clock: MovedClock;
  readonly audit: Audit;
  readonly refusals: FoldedRefusals;
  readonly bus: EventBus;
  readonly credentials: Credentials;
  readonly accounts: AccountService;
  readonly tokens: TokenService;
  readonly policy: PolicyService;
  readonly authenticator: Authenticator;
  /** All that the bus told since the start. */
  readonly events: readonly GatewayEvent[];
  drop(): Promise<void>;
}

export const TOKEN_USERS = ['$token', 'token'];
export const ORIGIN: Origin = { address: '192.0.2.7', application: 'vitest' };
export const ROOT = systemActor('root');

export async function createServices(
  prefix: string,
  { passwords = 'scram' }: { passwords?: 'scram' | 'argon2id' } = {},
): Promise<TestServices> {
  const test = await createStore(prefix);
  const clock = new MovedClock();
  const base = { store: test.store, clock, log: silentLog };
  const audit = createAudit(base);
  const refusals = new FoldedRefusals({ audit, clock });
  const bus = createEventBus(base);
  const events: GatewayEvent[] = [];
  bus.subscribe((event) => events.push(event));
  const hasher = createHasher();
  const credentials = createCredentials(base);
  const common = { ...base, audit, bus, hasher };
  return {
    test,
    clock,
    audit,
    refusals,
    bus,
    credentials,
    accounts: createAccountService({ ...common, passwords, reservedNames: TOKEN_USERS }),
    tokens: createTokenService(common),
    policy: createPolicyService(common),
    authenticator: createAuthenticator({ ...common, refusals, credentials, tokenUsers: TOKEN_USERS }),
    events,
    async drop() {
      refusals.close();
      await Promise.all([audit.close(), bus.close()]);
      await test.drop();
    },
  };
}

let made = 0;

/** A user with a name of its own. */
export function addUser(services: TestServices, user: Partial<NewUser> = {}): Promise<UserView> {
  made += 1;
  return services.accounts.addUser(ROOT, { name: `user${made}`, ...user });
}

export const PASSWORD = new Secret(`pw-${randomBytes(6).toString('hex')}`);

/** Somebody who has logged in by password. */
export function actorOf(user: UserView, more: Partial<Actor> = {}): Actor & { readonly uid: string } {
  const { uid, name } = user;
  return {
    name,
    privileges: new Set(user.privileges),
    via: 'password',
    tid: null,
    scopes: [],
    ...ORIGIN,
    ...more,
    uid,
  };
}

/** As whoever proved to be that by something else than a password. */
export function proved(actor: Actor & { readonly uid: string }): ProvedCaller {
  return { actor, passwordMark: null };
}

export type Fresh = Issued & { readonly token: Secret };

export async function issueTo(
  services: TestServices,
  user: UserView,
  request: Partial<IssueRequest> = {},
): Promise<Fresh> {
  const issued = await services.tokens.issue(ROOT, { owner: user.uid, label: 'test', ...request });
  if (issued.token === null) throw new Error('no token was made');
  return { ...issued, token: issued.token };
}

/** The code of what a promise fails with; 'ok' when it does not. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'ok';
  } catch (error) {
    if (error instanceof Error && 'code' in error) return String(error.code);
    throw error;
  }
}
