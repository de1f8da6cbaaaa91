import type { Clock } from '../core/clock.ts';
import type { Audit } from '../store/audit.ts';
import type { EventBus } from '../store/bus.ts';
import type { Store } from '../store/store.ts';

export interface TokenServiceDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly audit: Audit;
  readonly bus: EventBus;
}
