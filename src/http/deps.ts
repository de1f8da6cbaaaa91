import type { Registry } from 'prom-client';
import type { GuessGuard } from '../accounts/guess-guard.ts';
import type { Oversight } from '../accounts/oversight.ts';
import type { AccountService } from '../accounts/service.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { NetworkList } from '../core/networks.ts';
import type { Audit } from '../store/audit.ts';
import type { Authenticator } from '../tokens/authenticator.ts';
import type { LastUsed } from '../tokens/last-used.ts';
import type { PolicyService } from '../tokens/policy-service.ts';
import type { TokenService } from '../tokens/service.ts';
import type { Readiness } from './health.ts';
import type { SignInProvider } from './web/sign-in-provider.ts';

/** What the HTTP side works with; the composition root makes it. */
export interface HttpDeps {
  readonly tokens: TokenService;
  readonly policy: PolicyService;
  readonly accounts: AccountService;
  readonly oversight: Oversight;
  readonly authenticator: Authenticator;
  /** The same as for SQL clients: who guesses here is slowed down there, too. */
  readonly guard: GuessGuard;
  readonly audit: Pick<Audit, 'note'>;
  readonly lastUsed: Pick<LastUsed, 'note'>;
  /** What this process needs in order to serve. */
  readonly readiness: () => Promise<Readiness>;
  /** The same, as far as it is known without asking anybody. */
  readonly freeChecks?: () => Readiness['checks'];
  readonly registry: Registry;
  readonly log: Log;
  readonly clock: Clock;
  /** Reserved user names that mean "the password is a token". */
  readonly tokenUsers: readonly string[];
  /** Peers whose X-Forwarded-For is believed; null: nobody's. */
  readonly trustedProxies: NetworkList | null;
  readonly product: Product;
  readonly gateway: GatewayDoor;
  /** Address of the web page as people see it; null: the listener's own. */
  readonly publicUrl: string | null;
  /** Where people can sign in besides; null: nowhere. */
  readonly provider: SignInProvider | null;
}

/** How SQL clients reach the gateway, for connection recipes. */
export interface GatewayDoor {
  readonly address: { readonly host: string; readonly port: number };
  /** Whether it speaks TLS. */
  readonly tls: boolean;
  /** Certificate authority that clients should trust now; null: the operator named none. */
  readonly caFile: () => string | null;
  /** A database to name in recipes for those who have none of their own. */
  readonly exampleDatabase: string | null;
}

/** What interfaces tell of the installation. */
export interface Product {
  readonly version: string;
  /** The same for all replicas. */
  readonly clusterId: string;
  readonly clusterCreatedAt: Date;
}
