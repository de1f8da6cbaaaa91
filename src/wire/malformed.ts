import { fatal, GatewayError } from '../core/errors.ts';

/** Makes the error for bytes that break the protocol. @param detail names what was malformed; holds no secret */
export type Malformed = (detail: string, cause?: unknown) => GatewayError;

/** The client broke the protocol: 08P01 with the detail. */
export const clientMalformed: Malformed = (detail, cause) =>
  new GatewayError('wire.malformed', detail, fatal('08P01', detail), { cause });

/** The engine broke the protocol. The client is told that much; the detail is for the log. */
export const engineMalformed: Malformed = (detail, cause) =>
  new GatewayError('engine.protocol', detail, fatal('08P01', 'the engine broke the protocol'), { cause });

/** `login.timeout` ran out. SQLSTATE and text are PostgreSQL's: src/backend/tcop/postgres.c, ProcessInterrupts. */
export const loginTimedOut = (): GatewayError =>
  new GatewayError(
    'wire.timeout',
    'the client did not finish logging in in time',
    fatal('57014', 'canceling authentication due to timeout'),
  );
