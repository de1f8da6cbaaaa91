import { bareNode } from './bare-node.ts';
import { direct } from './direct.ts';
import { haproxy } from './haproxy.ts';
import { patgate, type PatgateOptions } from './patgate.ts';
import { pgbouncer } from './pgbouncer.ts';
import type { Target } from './target.ts';

/** All that scenarios choose from. */
export interface Targets {
  readonly direct: Target;
  readonly bareNode: Target;
  readonly pgbouncer: Target;
  readonly haproxy: Target;
  readonly patgate: Target;
  /** Opens an engine session for each login. */
  readonly patgateFresh: Target;
  /** With the limits on those who have not logged in that it has by default. */
  readonly patgateGuarded: Target;
  /** Carries sessions in two processes. */
  readonly patgateWorkers: Target;
}

export function allTargets(options: Omit<PatgateOptions, 'name' | 'settings'>): Targets {
  return {
    direct,
    bareNode,
    pgbouncer,
    haproxy,
    patgate: patgate({ ...options, name: 'patgate' }),
    patgateFresh: patgate({
      ...options,
      name: 'patgate without re-use',
      settings: { PATGATE_POOL_REUSE: 'off' },
    }),
    patgateGuarded: patgate({
      ...options,
      name: 'patgate, limits by default',
      settings: { PATGATE_LOGIN_MAX_PENDING_PER_ADDRESS: '250', PATGATE_LOGIN_THROTTLE_FREE: '10' },
    }),
    patgateWorkers: patgate({
      ...options,
      name: 'patgate, 2 workers',
      settings: { PATGATE_WORKERS: '2' },
    }),
  };
}
