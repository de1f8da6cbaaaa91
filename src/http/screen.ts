import type { IncomingMessage } from 'node:http';
import type { Callers } from './auth/callers.ts';
import { parseAuthorization } from './auth/header.ts';
import type { HttpDeps } from './deps.ts';
import { facadeOf, renderFailure, type ErrorAnswer, type Facade } from './facade.ts';
import { failureOf } from './failure.ts';
import type { HttpMetrics } from './metrics.ts';
import { addressOf } from './origin.ts';
import { requestIdOf } from './request-id.ts';
import { HSTS, SECURITY_HEADERS } from './security-headers.ts';

/** Says for a request whose headers are there whether it is refused without further ado, and with what answer. */
export type Screen = (incoming: IncomingMessage) => ErrorAnswer | null;

export interface ScreenOptions {
  readonly facades: readonly Facade[];
  readonly callers: Callers;
  readonly metrics: HttpMetrics;
  readonly deps: Pick<HttpDeps, 'trustedProxies'>;
}

/**
 * Answers requests whose credential is plainly bad (missing, of the wrong shape, refused a moment ago, from an address over
 * its limit) before any Request or Response object is made: that is most of what a request costs. What passes is looked at
 * again, in full, by the application.
 */
export function createScreen({ facades, callers, metrics, deps }: ScreenOptions): Screen {
  return (incoming) => {
    const [path = ''] = (incoming.url ?? '').split('?', 1);
    const facade = facadeOf(facades, path);
    if (facade === null || facade.openPaths === 'all' || facade.openPaths.includes(path)) return null;
    const presented = parseAuthorization(incoming.headers.authorization);
    const refusal = callers.screen(presented, addressOf(incoming, deps.trustedProxies));
    if (refusal === null) return null;
    const given = incoming.headers['x-request-id'];
    const requestId = requestIdOf(typeof given === 'string' ? given : undefined);
    const answer = renderFailure(facade, failureOf(refusal), requestId);
    metrics.answered(facade.name, answer.status, 0);
    const hsts = 'encrypted' in incoming.socket ? HSTS : {};
    return {
      ...answer,
      headers: { ...SECURITY_HEADERS, ...hsts, 'x-request-id': requestId, ...answer.headers },
    };
  };
}
