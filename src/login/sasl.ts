import { fatal, GatewayError } from '../core/errors.ts';
import { ScramError } from '../scram/errors.ts';
import type { ScramParameters, ServerKeys } from '../scram/keys.ts';
import { acceptClientFirst, challenge, type ScramMechanism } from '../scram/server-exchange.ts';
import { encodeBackend } from '../wire/backend.ts';
import { MAX_SASL_LENGTH } from '../wire/constants.ts';
import { decodeSaslInitial, decodeSaslResponse } from '../wire/frontend.ts';
import { clientMalformed } from '../wire/malformed.ts';
import { nextPasswordMessage } from './password-message.ts';
import type { LoginClient } from './types.ts';

/** Room for a mechanism's name and the data's length in front of a SASL message. */
const MAX_INITIAL_BYTES = MAX_SASL_LENGTH + 64;
const NOTHING = Buffer.alloc(0);

export interface ScramChallenge<Found> extends ScramParameters {
  /** Comes back in the result. */
  readonly found: Found;
  /** All derived with that salt and count. */
  readonly candidates: readonly ServerKeys[];
}

export interface ScramResult<Found> {
  readonly found: Found;
  readonly mechanism: 'scram-sha-256' | 'scram-sha-256-plus';
  /** Index of the candidate that the proof fits. */
  readonly matched: number | null;
  /** AuthenticationSASLFinal, signed with the matched ServerKey; empty when none matched. */
  readonly preface: Buffer;
}

/**
 * Runs the server's side of SCRAM over the wire.
 * @param lookUp called once the client has said something well-formed
 * @returns null when the client closed instead of answering
 * @throws GatewayError `wire.malformed`, `login.scram_violation`, `login.channel_binding`, and what `lookUp` throws
 */
export async function proveByScram<Found>(
  client: LoginClient,
  lookUp: () => Promise<ScramChallenge<Found>>,
): Promise<ScramResult<Found> | null> {
  const endPointHash = client.tls?.endPointHash ?? null;
  const offered = mechanismsFor(endPointHash);
  client.transport.write(encodeBackend({ kind: 'authenticationSASL', mechanisms: offered }));
  const chosen = await readInitial(client, offered);
  if (chosen === null) return null;
  const { mechanism, data } = chosen;
  const initial = scramStep(() => acceptClientFirst(data, { mechanism, endPointHash }));
  const { candidates, found, ...parameters } = await lookUp();
  const awaiting = challenge(initial, parameters);
  sendContinue(client, awaiting.reply);
  const response = await readResponse(client);
  if (response === null) return null;
  const done = scramStep(() => awaiting.finish(response, candidates));
  const name = mechanism === 'SCRAM-SHA-256-PLUS' ? 'scram-sha-256-plus' : 'scram-sha-256';
  if (done.matched === null) return { found, mechanism: name, matched: null, preface: NOTHING };
  const preface = encodeBackend({ kind: 'authenticationSASLFinal', data: done.reply });
  return { found, mechanism: name, matched: done.matched, preface };
}

/** Strongest first. Never -PLUS without TLS: libpq and Npgsql would abort. */
function mechanismsFor(endPointHash: Buffer | null): readonly ScramMechanism[] {
  return endPointHash === null ? ['SCRAM-SHA-256'] : ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256'];
}

/** A client that sends no initial response gets an empty challenge and sends it then (RFC 4422, section 5.1). */
async function readInitial(
  client: LoginClient,
  offered: readonly ScramMechanism[],
): Promise<{ mechanism: ScramMechanism; data: Buffer } | null> {
  const body = await nextPasswordMessage(client, MAX_INITIAL_BYTES);
  if (body === null) return null;
  const initial = decodeSaslInitial(body);
  const mechanism = offered.find((name) => name === initial.mechanism);
  if (mechanism === undefined)
    throw clientMalformed('client selected an invalid SASL authentication mechanism');
  if (initial.data !== null) return { mechanism, data: initial.data };
  sendContinue(client, NOTHING);
  const data = await readResponse(client);
  return data === null ? null : { mechanism, data };
}

async function readResponse(client: LoginClient): Promise<Buffer | null> {
  const body = await nextPasswordMessage(client, MAX_SASL_LENGTH);
  return body === null ? null : decodeSaslResponse(body);
}

function sendContinue(client: LoginClient, data: Buffer): void {
  client.transport.write(encodeBackend({ kind: 'authenticationSASLContinue', data }));
}

/** SQLSTATEs are those of src/backend/libpq/auth-scram.c. */
const SQL_STATES = { malformed: '08P01', unsupported: '0A000', channel_binding: '28000' } as const;

function scramStep<T>(step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof ScramError)) throw error;
    const { failure, message } = error;
    if (failure !== 'malformed' && failure !== 'unsupported' && failure !== 'channel_binding') throw error;
    const code = failure === 'channel_binding' ? 'login.channel_binding' : 'login.scram_violation';
    throw new GatewayError(code, message, fatal(SQL_STATES[failure], `SCRAM: ${message}`), { cause: error });
  }
}
