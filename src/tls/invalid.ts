import { fatal, GatewayError } from '../core/errors.ts';

/** A certificate or key that cannot be used: the operator's to put right. */
export function invalidTls(message: string, cause?: unknown): GatewayError {
  return new GatewayError(
    'config.invalid',
    message,
    fatal('F0000', 'the gateway is not configured properly'),
    {
      cause,
    },
  );
}
