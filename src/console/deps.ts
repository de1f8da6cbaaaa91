import type { Actor } from '../accounts/actor.ts';
import type { Oversight } from '../accounts/oversight.ts';
import type { Principal } from '../accounts/principal.ts';
import type { AccountService } from '../accounts/service.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { TokenService } from '../tokens/service.ts';
import type { Standings } from '../tokens/standings.ts';

/** A question of EXPLAIN LOGIN. */
export interface LoginQuestion {
  readonly user: string;
  /** Null: none named. */
  readonly database: string | null;
  /** Null: rules about it are left out. */
  readonly address: string | null;
  /** Null: the password, and each token that works. */
  readonly tid: string | null;
}

/** One rule that a login would meet. */
export interface LoginRule {
  /** `password`, a tid, or null for what holds whatever the secret. */
  readonly by: string | null;
  readonly rule: string;
  readonly passes: boolean;
  readonly detail: string;
}

/** Engine sessions of one engine in this process. */
export interface PoolReport {
  readonly engine: string;
  readonly lent: number;
  readonly idle: number;
  readonly resetting: number;
  readonly opened: number;
  readonly reused: number;
  readonly failed: number;
  readonly cancels: number;
}

/** One figure of this process. */
export interface Statistic {
  readonly name: string;
  /** `method=cleartext,outcome=ok`, or empty. */
  readonly labels: string;
  readonly value: number;
}

/** One setting of this process; nothing in it is secret. */
export interface ConfigLine {
  readonly name: string;
  /** Null: not set. */
  readonly value: string | null;
  /** What it is when nobody sets it. */
  readonly initial: string | null;
}

/** What the console is made of. The rules of who may do what are the services'. */
export interface ConsoleDeps {
  readonly accounts: Pick<AccountService, 'getUser' | 'listUsers'>;
  readonly tokens: Pick<TokenService, 'issue' | 'list' | 'revokeMany' | 'revokeAll' | 'rotate'>;
  readonly standings: Standings;
  readonly oversight: Pick<Oversight, 'sessions' | 'killSessions'>;
  readonly explainLogin: (actor: Actor, question: LoginQuestion) => Promise<readonly LoginRule[]>;
  readonly pools: () => readonly PoolReport[];
  readonly statistics: () => Promise<readonly Statistic[]>;
  readonly config: () => readonly ConfigLine[];
  /** Of patgate. */
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** Who is connected to the console, and how. */
export interface Visitor {
  readonly principal: Principal;
  /** Null when it is not known. */
  readonly address: string | null;
  readonly application: string | null;
  /** The console's own name as a database. */
  readonly database: string;
  /** The process id that the client was told. */
  readonly processId: number;
}
