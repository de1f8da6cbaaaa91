import { fatal, GatewayError } from '../core/errors.ts';
import type { ReportFields } from '../wire/backend-decode.ts';

/** The engine ended the hand-shake with an error of its own, which is the client's to see. */
export class EngineRefused extends GatewayError<'engine.refused'> {
  /** The whole ErrorResponse as the engine sent it. */
  readonly frame: Buffer;

  constructor(engine: string, fields: ReportFields, frame: Buffer) {
    const sqlState = fields.get('C') ?? 'XX000';
    const message = fields.get('M') ?? '';
    super('engine.refused', `engine "${engine}" answered ${sqlState}: ${message}`, fatal(sqlState, message));
    this.name = 'EngineRefused';
    this.frame = frame;
  }

  get sqlState(): string {
    return this.client.sqlState;
  }
}

/**
 * Nobody there, gone in the middle, or silent. libpq goes on to its next host at 57P03, Npgsql tries again.
 * @param why for the log; may name addresses
 */
export function unreachable(engine: string, why: string, cause?: unknown): GatewayError {
  return new GatewayError(
    'engine.unreachable',
    `engine "${engine}": ${why}`,
    fatal('57P03', `the engine "${engine}" is not available at the moment`),
    { cause },
  );
}

/** TLS could not be agreed on, or the certificate is not the engine's. */
export function tlsFailed(engine: string, why: string, cause?: unknown): GatewayError {
  return new GatewayError(
    'engine.tls',
    `engine "${engine}": ${why}`,
    fatal('08004', `the gateway could not open a secure connection to the engine "${engine}"`),
    { cause },
  );
}

/** Bytes that are no message, or a message out of turn. @param detail for the log */
export function protocolBroken(engine: string, detail: string): GatewayError {
  return new GatewayError(
    'engine.protocol',
    `engine "${engine}": ${detail}`,
    fatal('08P01', `the engine "${engine}" broke the protocol`),
  );
}

/** The codes of a login that failed for the gateway's own reasons: its credential, or what it takes from the engine. */
export type LoginFailure =
  'engine.credential_rejected' | 'engine.unsupported_authentication' | 'engine.server_signature';

/**
 * Never 28P01: it is not the client's password that is wrong, and the client must not be asked for another.
 * @param why for the log
 */
export function loginFailed(
  code: LoginFailure,
  { engine, role }: { readonly engine: string; readonly role: string },
  why: string,
  cause?: unknown,
): GatewayError {
  return new GatewayError(
    code,
    `engine "${engine}", role "${role}": ${why}`,
    fatal('08004', `the gateway could not log in to engine "${engine}" as "${role}"`),
    { cause },
  );
}
