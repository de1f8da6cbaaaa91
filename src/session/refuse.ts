import { fatal, GatewayError } from '../core/errors.ts';
import type { Clock } from '../core/clock.ts';
import { encodeBackend } from '../wire/backend.ts';
import type { Admitted } from './admit.ts';
import { farewell } from './farewell.ts';
import type { Attempt } from './journal.ts';

/**
 * Ends a login that did not succeed: the journal gets the true reason, the client what it may know. Only the first refusal of
 * an attempt counts; what fails because of it later is not said again.
 */
export function refuse(admitted: Admitted, error: unknown, attempt: Attempt, clock: Clock): void {
  if (!attempt.failed(error)) return;
  if (admitted.transport.closed) return;
  farewell(admitted.transport, lastWords(error), { clock });
}

function lastWords(error: unknown): Buffer {
  if (error instanceof GatewayError) return encodeBackend({ kind: 'errorResponse', fault: error.client });
  return encodeBackend({ kind: 'errorResponse', fault: fatal('XX000', 'internal error in the gateway') });
}
