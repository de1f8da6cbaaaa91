import { GatewayError } from '../core/errors.ts';
import { encodeBackend } from '../wire/backend.ts';
import { FRONTEND } from '../wire/constants.ts';
import { decodePassword } from '../wire/frontend.ts';
import { clientMalformed } from '../wire/malformed.ts';
import { authenticationFailed, tlsRequired } from './refusal.ts';
import type { LoginClient } from './types.ts';

/** Largest body of a PasswordMessage: tokens of identity providers are long. */
export const MAX_PASSWORD_BYTES = 65_535;
const LENGTH_WORD = 4;

/**
 * Body of the next message, which must be of type `p`.
 * @returns null when the client closed instead
 * @throws GatewayError `wire.malformed`
 */
export async function nextPasswordMessage(client: LoginClient, maxBytes: number): Promise<Buffer | null> {
  const message = await client.reader.next({ maxLength: LENGTH_WORD + maxBytes });
  if (message === null) return null;
  if (message.type !== FRONTEND.password) {
    throw clientMalformed(`expected a password response, got message type ${message.type}`);
  }
  return message.body;
}

/**
 * Asks for a secret in cleartext, over TLS only.
 * @returns its bytes, never empty; null when the client closed instead
 * @throws GatewayError `login.tls_required` (before asking), `wire.malformed`, `login.empty_password`
 */
export async function askPassword(client: LoginClient): Promise<Buffer | null> {
  if (client.tls === null) throw tlsRequired(client);
  client.transport.write(encodeBackend({ kind: 'authenticationCleartextPassword' }));
  const body = await nextPasswordMessage(client, MAX_PASSWORD_BYTES);
  if (body === null) return null;
  const password = decodePassword(body);
  if (password.length === 0) throw emptyPassword(client.startup.user);
  return password;
}

function emptyPassword(user: string): GatewayError {
  return new GatewayError('login.empty_password', `user "${user}"`, authenticationFailed(user));
}
