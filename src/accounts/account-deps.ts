import type { Clock } from '../core/clock.ts';
import type { Audit } from '../store/audit.ts';
import type { EventBus } from '../store/bus.ts';
import type { Store } from '../store/store.ts';
import type { Hasher } from './hasher.ts';

export interface AccountDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly audit: Audit;
  readonly bus: EventBus;
  readonly hasher: Hasher;
  /** How passwords are stored: what the login method needs, and nothing weaker beside it. */
  readonly passwords: 'scram' | 'argon2id';
  /** Names that no user can have. */
  readonly reservedNames: readonly string[];
}
