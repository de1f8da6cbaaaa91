import { randomBytes } from 'node:crypto';
import { messageBytes } from './attributes.ts';
import {
  formatClientFinalWithoutProof,
  formatClientFirstBare,
  TLS_SERVER_END_POINT,
} from './client-messages.ts';
import { ScramError } from './errors.ts';
import { constantTimeEqual, hmac, sha256, xor, type ClientKeys, type ScramParameters } from './keys.ts';
import type { ScramMechanism } from './server-exchange.ts';
import { parseServerFinal, parseServerFirst, type ServerFirst } from './server-messages.ts';

/** A server that asks for more is refused: it could keep a thread busy for minutes. */
export const MAX_ITERATIONS = 1_000_000;

const NONCE_BYTES = 18;

/** Mechanism and gs2 header that go together. */
export interface ClientMechanism {
  readonly mechanism: ScramMechanism;
  readonly gs2Header: string;
  /** gs2 header and, with -PLUS, the binding data. */
  readonly channelBinding: Buffer;
}

/**
 * Gives the keys for the salt and count that the server named: from a password (`deriveKeys`), from a cache, or fixed ones
 * where only ClientKey and ServerKey are known.
 */
export type KeySource = (parameters: ScramParameters) => ClientKeys | Promise<ClientKeys>;

/**
 * Picks the strongest mechanism both sides know (RFC 5802, section 6).
 * @param offered mechanism names of AuthenticationSASL
 * @param endPointHash tls-server-end-point hash of the server's certificate; null without TLS or where none is defined
 * @returns null when the server offers no SCRAM-SHA-256 at all
 */
export function chooseMechanism(
  offered: readonly string[],
  endPointHash: Buffer | null,
): ClientMechanism | null {
  if (endPointHash !== null && offered.includes('SCRAM-SHA-256-PLUS')) {
    return clientMechanism('SCRAM-SHA-256-PLUS', `p=${TLS_SERVER_END_POINT},,`, endPointHash);
  }
  if (!offered.includes('SCRAM-SHA-256')) return null;
  // `y` lets a server that did offer -PLUS notice that somebody took it off the list.
  return clientMechanism('SCRAM-SHA-256', endPointHash === null ? 'n,,' : 'y,,', Buffer.alloc(0));
}

function clientMechanism(mechanism: ScramMechanism, gs2Header: string, data: Buffer): ClientMechanism {
  return { mechanism, gs2Header, channelBinding: Buffer.concat([messageBytes(gs2Header), data]) };
}

/**
 * The client's side of RFC 5802.
 * @param clientNonce for test vectors only
 */
export function startClientExchange(
  mechanism: ClientMechanism,
  clientNonce: string = randomBytes(NONCE_BYTES).toString('base64'),
): AwaitingServerFirst {
  return new AwaitingServerFirst(mechanism, clientNonce);
}

/** client-first-message is to be sent; one server-first-message may come. */
export class AwaitingServerFirst {
  /** For SASLInitialResponse. */
  readonly message: Buffer;
  readonly #mechanism: ClientMechanism;
  readonly #nonce: string;
  readonly #bare: string;
  #spent = false;

  constructor(mechanism: ClientMechanism, nonce: string) {
    this.#mechanism = mechanism;
    this.#nonce = nonce;
    this.#bare = formatClientFirstBare(nonce);
    this.message = messageBytes(mechanism.gs2Header + this.#bare);
  }

  /** @throws ScramError; then the exchange is over. What `keys` throws is passed on. */
  async answer(serverFirst: Buffer, keys: KeySource): Promise<AwaitingServerFinal> {
    if (this.#spent) throw new ScramError('spent', 'the exchange has gone on before');
    this.#spent = true;
    const first = parseServerFirst(serverFirst);
    this.#check(first);
    const { clientKey, serverKey } = await keys({ salt: first.salt, iterations: first.iterations });
    const withoutProof = formatClientFinalWithoutProof(this.#mechanism.channelBinding, first.nonce);
    const authMessage = messageBytes(`${this.#bare},${serverFirst.toString('latin1')},${withoutProof}`);
    const proof = xor(clientKey, hmac(sha256(clientKey), authMessage));
    const message = messageBytes(`${withoutProof},p=${proof.toString('base64')}`);
    return new AwaitingServerFinal(message, hmac(serverKey, authMessage));
  }

  #check({ nonce, iterations }: ServerFirst): void {
    if (!nonce.startsWith(this.#nonce) || nonce.length === this.#nonce.length) {
      throw new ScramError('malformed', 'nonce does not continue the one that was sent');
    }
    if (iterations > MAX_ITERATIONS) {
      throw new ScramError('too_many_iterations', `server asks for ${iterations} iterations`);
    }
  }
}

/** client-final-message is to be sent; the server must prove that it knows the secret too. */
export class AwaitingServerFinal {
  /** For SASLResponse. */
  readonly message: Buffer;
  readonly #expected: Buffer;
  #spent = false;

  constructor(message: Buffer, expected: Buffer) {
    this.message = message;
    this.#expected = expected;
  }

  /**
   * Checks server-final-message. Only after this is the server to be believed.
   * @throws ScramError
   */
  finish(serverFinal: Buffer): void {
    if (this.#spent) throw new ScramError('spent', 'the exchange has been finished before');
    this.#spent = true;
    if (!constantTimeEqual(parseServerFinal(serverFinal), this.#expected)) {
      throw new ScramError('server_signature', 'server signature does not match');
    }
  }
}
