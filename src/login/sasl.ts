import { encodeBackend } from '../wire/backend.ts';
import { MAX_SASL_LENGTH } from '../wire/constants.ts';
import { decodeSaslInitial } from '../wire/frontend.ts';
import { clientMalformed } from '../wire/malformed.ts';
import { MAX_PASSWORD_BYTES, nextPasswordMessage } from './password-message.ts';
import type { LoginClient } from './types.ts';

export type SaslMechanism = 'SCRAM-SHA-256-PLUS' | 'SCRAM-SHA-256' | 'OAUTHBEARER';

/** A client's choice and its initial response. */
export interface Chosen<Mechanism extends SaslMechanism> {
  readonly mechanism: Mechanism;
  readonly data: Buffer;
}

/** Room for a mechanism's name and the data's length in front of a SASL message. */
const EXTRA_BYTES = 64;
const NOTHING = Buffer.alloc(0);

/**
 * Offers mechanisms and reads the client's choice. A client that sends no initial response gets an empty challenge and sends
 * it then (RFC 4422, section 5.1).
 * @returns null when the client closed instead of answering
 * @throws GatewayError `wire.malformed`
 */
export async function offerSasl<Mechanism extends SaslMechanism>(
  client: LoginClient,
  offered: readonly Mechanism[],
): Promise<Chosen<Mechanism> | null> {
  client.transport.write(encodeBackend({ kind: 'authenticationSASL', mechanisms: offered }));
  const body = await nextPasswordMessage(client, Math.max(...offered.map(maxBytes)) + EXTRA_BYTES);
  if (body === null) return null;
  const initial = decodeSaslInitial(body);
  const mechanism = offered.find((name) => name === initial.mechanism);
  if (mechanism === undefined) {
    throw clientMalformed('client selected an invalid SASL authentication mechanism');
  }
  if (initial.data !== null) return { mechanism, data: initial.data };
  const data = await exchangeSasl(client, NOTHING, maxBytes(mechanism));
  return data === null ? null : { mechanism, data };
}

/**
 * Sends a challenge and reads the response.
 * @returns null when the client closed instead of answering
 * @throws GatewayError `wire.malformed`
 */
export function exchangeSasl(
  client: LoginClient,
  challenge: Buffer,
  maxResponseBytes: number = MAX_SASL_LENGTH,
): Promise<Buffer | null> {
  client.transport.write(encodeBackend({ kind: 'authenticationSASLContinue', data: challenge }));
  return nextPasswordMessage(client, maxResponseBytes);
}

/** OAUTHBEARER carries a whole access token. */
function maxBytes(mechanism: SaslMechanism): number {
  return mechanism === 'OAUTHBEARER' ? MAX_PASSWORD_BYTES : MAX_SASL_LENGTH;
}
