/**
 * - `malformed`: a message does not follow the grammar of RFC 5802, section 7, or its nonce is not the one agreed on
 * - `unsupported`: well-formed, but asks for something that is not spoken here (authzid, extensions)
 * - `channel_binding`: demanded, downgraded, of another type, or not matching the TLS connection
 * - `server_error`: the server ended the exchange with `e=`
 * - `server_signature`: the server could not prove that it knows the ServerKey
 * - `too_many_iterations`: the server asks for more work than a client is willing to do
 * - `spent`: a step was tried a second time; a defect of the caller
 */
export type ScramFailure =
  | 'malformed'
  | 'unsupported'
  | 'channel_binding'
  | 'server_error'
  | 'server_signature'
  | 'too_many_iterations'
  | 'spent';

/** A SCRAM exchange that can not go on. The message names what was wrong and never holds a key, nonce or proof. */
export class ScramError extends Error {
  readonly failure: ScramFailure;

  constructor(failure: ScramFailure, message: string) {
    super(message);
    this.name = 'ScramError';
    this.failure = failure;
  }
}
