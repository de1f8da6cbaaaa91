import {
  describeError,
  GatewayError,
  RequestError,
  type ClientFault,
  type ErrorCode,
} from '../../core/errors.ts';

/** An error on its way to another process. */
export type PackedFailure =
  | {
      readonly kind: 'gateway';
      readonly code: ErrorCode;
      readonly message: string;
      readonly client: ClientFault;
    }
  | { readonly kind: 'request'; readonly code: ErrorCode; readonly message: string }
  | { readonly kind: 'other'; readonly message: string };

export function packFailure(error: unknown): PackedFailure {
  if (error instanceof GatewayError) {
    return { kind: 'gateway', code: error.code, message: error.message, client: error.client };
  }
  if (error instanceof RequestError) return { kind: 'request', code: error.code, message: error.message };
  return { kind: 'other', message: describeError(error) };
}

export function unpackFailure(failure: PackedFailure): Error {
  switch (failure.kind) {
    case 'gateway':
      // That the state goes with the code was seen to where the error was made.
      return new GatewayError(failure.code, failure.message, failure.client as ClientFault<never>);
    case 'request':
      return new RequestError(failure.code, failure.message);
    case 'other':
      return new Error(failure.message);
    default:
      return failure satisfies never;
  }
}
