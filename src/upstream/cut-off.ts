import type { Clock } from '../core/clock.ts';
import { CANCEL_TIMEOUT_MS, cancelQuery, type CancelDeps } from './cancel.ts';
import type { Physical } from './physical.ts';

/**
 * When cancel requests are sent. One that comes between two statements stops nothing, and the next one may be in the engine's buffer
 * already: src/backend/tcop/postgres.c, ProcessInterrupts.
 */
const CANCELS_AT_MS = [0, 200, 1000, 3000];

/**
 * Ends an engine session that may be at work. The reset comes first: PostgreSQL starts nothing more once it could not send an
 * answer. Then what runs is cancelled.
 * @returns settles when the engine has dealt with all requests, or time is up
 */
export async function cutOff(physical: Physical, deps: CancelDeps): Promise<void> {
  physical.transport.reset();
  if (physical.opened.cancelKey.length === 0) return;
  await Promise.all(CANCELS_AT_MS.map((atMs) => cancelAt(atMs, physical, deps)));
}

async function cancelAt(atMs: number, physical: Physical, deps: CancelDeps): Promise<void> {
  if (atMs > 0) await pause(atMs, deps.clock);
  await cancelQuery(physical, deps, CANCEL_TIMEOUT_MS - atMs);
}

function pause(ms: number, clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.after(ms, resolve));
}
