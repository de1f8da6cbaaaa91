import { fatal, GatewayError } from '../core/errors.ts';
import { GSSENC_REQUEST_CODE, SSL_REQUEST_CODE } from '../wire/constants.ts';
import { clientMalformed } from '../wire/malformed.ts';
import { unsupportedProtocol } from '../wire/startup.ts';
import { SilentClose } from './opening-socket.ts';

/** For failures that there is no way or no use to tell the client of. */
export function silently(error: unknown): never {
  throw error instanceof GatewayError ? new SilentClose(error) : error;
}

export function badLength(length: number): SilentClose {
  return new SilentClose(clientMalformed(`start-up packet with a length of ${length}`));
}

/** PostgreSQL takes the second request for the number of a protocol version that it does not speak: 1234.5679. */
export function askedAgain(kind: 'ssl' | 'gssenc'): GatewayError {
  const code = kind === 'ssl' ? SSL_REQUEST_CODE : GSSENC_REQUEST_CODE;
  return unsupportedProtocol(code >>> 16, code & 0xffff);
}

/** Somebody between the client and us may have put those bytes there, to have them taken for the client's own. */
export function unencryptedData(kind: 'ssl' | 'gssenc'): GatewayError {
  const request = kind === 'ssl' ? 'SSL' : 'GSSAPI encryption';
  const text = `received unencrypted data after ${request} request`;
  const detail =
    'This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.';
  return new GatewayError('wire.plaintext_behind_ssl_request', text, fatal('08P01', text, { detail }));
}

export function tlsRequired(): GatewayError {
  return new GatewayError(
    'login.tls_required',
    'start-up message without TLS',
    fatal(
      '28000',
      'this server accepts connections over TLS only: set sslmode=require (libpq, psql, ODBC, JDBC) or turn on SSL/TLS in the connection settings',
    ),
  );
}
