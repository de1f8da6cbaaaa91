import { createAccountService } from '../accounts/account-service.ts';
import type { Hasher } from '../accounts/hasher.ts';
import { createOversight, type Oversight } from '../accounts/oversight.ts';
import type { AccountService } from '../accounts/service.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { createHasher } from '../login/hasher.ts';
import { logAuditRows } from '../observe/audit-lines.ts';
import type { Audit } from '../store/audit.ts';
import { createAudit } from '../store/audit-log.ts';
import type { EventBus } from '../store/bus.ts';
import { FoldedRefusals } from '../store/folded-refusals.ts';
import { createEventBus } from '../store/event-bus.ts';
import type { Leases } from '../store/leases.ts';
import type { LiveSessions } from '../store/live-sessions.ts';
import { createLiveSessions } from '../store/session-directory.ts';
import type { Store } from '../store/store.ts';
import { createLeases } from '../store/store-leases.ts';
import type { Authenticator } from '../tokens/authenticator.ts';
import { createAuthenticator } from '../tokens/authentication.ts';
import { createCredentials, type Credentials } from '../tokens/credentials.ts';
import type { LastUsed } from '../tokens/last-used.ts';
import { createLastUsed } from '../tokens/last-used-writer.ts';
import type { PolicyService } from '../tokens/policy-service.ts';
import { createPolicyService } from '../tokens/store-policy.ts';
import type { TokenService } from '../tokens/service.ts';
import type { Standings } from '../tokens/standings.ts';
import { createStandings } from '../tokens/store-standings.ts';
import { createTokenService } from '../tokens/token-service.ts';

export interface ServicesOptions {
  /** Migrated: what runs in the background begins at once. */
  readonly store: Store;
  /** How passwords are stored follows from how named users log in. */
  readonly method: 'scram-sha-256' | 'cleartext';
  /** Reserved user names that mean "the password is a token". */
  readonly tokenUsers: readonly string[];
  readonly clock: Clock;
  readonly log: Log;
}

/** All that stands on the store; serves logins, HTTP, page, console and command line alike. */
export interface Services {
  readonly store: Store;
  readonly hasher: Hasher;
  readonly credentials: Credentials;
  readonly standings: Standings;
  readonly tokens: TokenService;
  readonly accounts: AccountService;
  readonly policy: PolicyService;
  readonly authenticator: Authenticator;
  readonly oversight: Oversight;
  readonly audit: Audit;
  readonly refusals: FoldedRefusals;
  readonly bus: EventBus;
  readonly lastUsed: LastUsed;
  readonly liveSessions: LiveSessions;
  readonly leases: Leases;
  /** Writes what is waiting to be written, and stops what runs in the background. The store stays open. */
  close(): Promise<void>;
}

export function openServices(options: ServicesOptions): Services {
  const { store, clock, log } = options;
  const base = { store, clock, log };
  const hasher = createHasher();
  const audit = createAudit({ ...base, onWritten: (rows) => logAuditRows(log, rows) });
  const refusals = new FoldedRefusals({ audit, clock });
  const bus = createEventBus(base);
  const lastUsed = createLastUsed(base);
  const liveSessions = createLiveSessions(base);
  const credentials = createCredentials(base);
  const common = { ...base, audit, bus, hasher };
  return {
    store,
    hasher,
    credentials,
    standings: createStandings(base),
    tokens: createTokenService(common),
    accounts: createAccountService({
      ...common,
      passwords: options.method === 'cleartext' ? 'argon2id' : 'scram',
      reservedNames: options.tokenUsers,
    }),
    policy: createPolicyService(common),
    authenticator: createAuthenticator({ ...common, refusals, credentials, tokenUsers: options.tokenUsers }),
    oversight: createOversight({ store, sessions: liveSessions, audit, bus }),
    audit,
    refusals,
    bus,
    lastUsed,
    liveSessions,
    leases: createLeases(base),
    async close() {
      refusals.close();
      await Promise.all([lastUsed.close(), liveSessions.close(), audit.close(), bus.close()]);
    },
  };
}
