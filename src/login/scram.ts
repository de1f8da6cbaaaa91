import { fatal, GatewayError } from '../core/errors.ts';
import { ScramError } from '../scram/errors.ts';
import type { ScramParameters, ServerKeys } from '../scram/keys.ts';
import { acceptClientFirst, challenge, type ScramMechanism } from '../scram/server-exchange.ts';
import { encodeBackend } from '../wire/backend.ts';
import { exchangeSasl, type Chosen } from './sasl.ts';
import type { LoginClient, TriedClient } from './types.ts';

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

/** Strongest first. Never -PLUS without TLS: libpq and Npgsql would abort. */
export function scramMechanisms({ tls }: LoginClient): readonly ScramMechanism[] {
  const hasBinding = tls !== null && tls.endPointHash !== null;
  return hasBinding ? ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256'] : ['SCRAM-SHA-256'];
}

/**
 * Runs the server's side of SCRAM over the wire.
 * @param chosen one of `scramMechanisms`
 * @param lookUp called once the client has said something well-formed
 * @returns null when the client closed instead of answering
 * @throws GatewayError `wire.malformed`, `login.throttled`, `login.scram_violation`, `login.channel_binding`, and what `lookUp` throws
 */
export async function proveByScram<Found>(
  client: TriedClient,
  { mechanism, data }: Chosen<ScramMechanism>,
  lookUp: () => Promise<ScramChallenge<Found>>,
): Promise<ScramResult<Found> | null> {
  const endPointHash = client.tls?.endPointHash ?? null;
  const initial = scramStep(() => acceptClientFirst(data, { mechanism, endPointHash }));
  const { candidates, found, ...parameters } = await lookUp();
  const awaiting = challenge(initial, parameters);
  const response = await exchangeSasl(client, awaiting.reply);
  if (response === null) return null;
  await client.mayTest();
  const done = scramStep(() => awaiting.finish(response, candidates));
  const name = mechanism === 'SCRAM-SHA-256-PLUS' ? 'scram-sha-256-plus' : 'scram-sha-256';
  if (done.matched === null) return { found, mechanism: name, matched: null, preface: NOTHING };
  const preface = encodeBackend({ kind: 'authenticationSASLFinal', data: done.reply });
  return { found, mechanism: name, matched: done.matched, preface };
}

/** SQLSTATEs are those of src/backend/libpq/auth-scram.c. */
function scramStep<T>(step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof ScramError)) throw error;
    const { failure, message } = error;
    const [text, options] = [`SCRAM: ${message}`, { cause: error }] as const;
    switch (failure) {
      case 'malformed':
        throw new GatewayError('login.scram_violation', message, fatal('08P01', text), options);
      case 'unsupported':
        throw new GatewayError('login.scram_violation', message, fatal('0A000', text), options);
      case 'channel_binding':
        throw new GatewayError('login.channel_binding', message, fatal('28000', text), options);
      default:
        throw error;
    }
  }
}
