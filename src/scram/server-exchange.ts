import { randomBytes } from 'node:crypto';
import { messageBytes } from './attributes.ts';
import { parseClientFinal, parseClientFirst, type ClientFinal, type ClientFirst } from './client-messages.ts';
import { ScramError } from './errors.ts';
import { constantTimeEqual, hmac, sha256, xor, type ScramParameters, type ServerKeys } from './keys.ts';
import { formatServerFinal, formatServerFirst } from './server-messages.ts';

export type ScramMechanism = 'SCRAM-SHA-256' | 'SCRAM-SHA-256-PLUS';

/** Raw bytes in the server's part of the nonce, as PostgreSQL has them (SCRAM_RAW_NONCE_LEN). */
const NONCE_BYTES = 18;

export interface ServerBinding {
  /** The one that the client chose. */
  readonly mechanism: ScramMechanism;
  /** tls-server-end-point hash when SCRAM-SHA-256-PLUS was offered, else null. */
  readonly endPointHash: Buffer | null;
}

/** A client-first-message that may be answered. */
export interface Initial {
  readonly first: ClientFirst;
  readonly endPointHash: Buffer | null;
}

/** The proof was tested: which of the candidates it fits, or none. */
export type Done =
  { readonly matched: number; /** for SASLFinal */ readonly reply: Buffer } | { readonly matched: null };

/**
 * Reads and checks client-first-message, so that only what is well-formed costs a look-up.
 * @param clientFirst data of SASLInitialResponse, or of the SASLResponse that came in its place
 * @throws ScramError; then the exchange is over
 */
export function acceptClientFirst(clientFirst: Buffer, binding: ServerBinding): Initial {
  const first = parseClientFirst(clientFirst);
  checkFlag(first, binding);
  return { first, endPointHash: binding.endPointHash };
}

/**
 * Answers with server-first-message.
 * @param serverNonce for test vectors only
 */
export function challenge(
  initial: Initial,
  parameters: ScramParameters,
  serverNonce: string = randomBytes(NONCE_BYTES).toString('base64'),
): AwaitingFinal {
  return new AwaitingFinal(initial, parameters, initial.first.nonce + serverNonce);
}

/** RFC 5802, section 6, and PostgreSQL's own rules (`read_client_first_message` in src/backend/libpq/auth-scram.c). */
function checkFlag({ flag }: ClientFirst, { mechanism, endPointHash }: ServerBinding): void {
  const plus = mechanism === 'SCRAM-SHA-256-PLUS';
  if (plus && endPointHash === null)
    throw new ScramError('channel_binding', 'channel binding is not offered');
  if (plus !== (flag === 'p')) {
    throw new ScramError('malformed', 'mechanism and channel binding flag contradict each other');
  }
  if (flag === 'y' && endPointHash !== null) {
    // The client can bind and was told by someone in between that we can not.
    throw new ScramError('channel_binding', 'client supports channel binding but thinks the server does not');
  }
}

/** server-first-message is out; one client-final-message may come. */
export class AwaitingFinal {
  /** For SASLContinue. */
  readonly reply: Buffer;
  readonly #first: ClientFirst;
  readonly #nonce: string;
  readonly #serverFirst: string;
  readonly #endPointHash: Buffer | null;
  #spent = false;

  constructor({ first, endPointHash }: Initial, { salt, iterations }: ScramParameters, nonce: string) {
    this.#first = first;
    this.#nonce = nonce;
    this.#serverFirst = formatServerFirst({ nonce, salt, iterations });
    this.#endPointHash = endPointHash;
    this.reply = messageBytes(this.#serverFirst);
  }

  /**
   * Tests the client's proof against every candidate, in time that does not depend on which one fits.
   * @param candidates all derived with the salt and iterations of server-first-message
   * @throws ScramError `malformed`, `unsupported`, `channel_binding`; `spent` at a second call, whatever the first one gave
   */
  finish(clientFinal: Buffer, candidates: readonly ServerKeys[]): Done {
    if (this.#spent) throw new ScramError('spent', 'the exchange has been finished before');
    this.#spent = true;
    const final = parseClientFinal(clientFinal);
    this.#checkBinding(final);
    if (!constantTimeEqual(messageBytes(final.nonce), messageBytes(this.#nonce))) {
      throw new ScramError('malformed', 'nonce does not match');
    }
    const authMessage = messageBytes(`${this.#first.bare},${this.#serverFirst},${final.withoutProof}`);
    const matched = findMatch(final.proof, authMessage, candidates);
    const keys = matched === null ? undefined : candidates[matched];
    if (matched === null || keys === undefined) return { matched: null };
    return { matched, reply: messageBytes(formatServerFinal(hmac(keys.serverKey, authMessage))) };
  }

  #checkBinding({ channelBinding }: ClientFinal): void {
    const { flag, gs2Header } = this.#first;
    const data = flag === 'p' && this.#endPointHash !== null ? this.#endPointHash : Buffer.alloc(0);
    const expected = Buffer.concat([messageBytes(gs2Header), data]);
    if (constantTimeEqual(channelBinding, expected)) return;
    if (flag === 'p') throw new ScramError('channel_binding', 'channel binding check failed');
    throw new ScramError('malformed', 'channel binding data differs from the first message');
  }
}

/** RFC 5802, section 3: H(ClientProof XOR HMAC(StoredKey, AuthMessage)) is StoredKey. */
function findMatch(proof: Buffer, authMessage: Buffer, candidates: readonly ServerKeys[]): number | null {
  let matched: number | null = null;
  for (const [index, { storedKey }] of candidates.entries()) {
    const clientKey = xor(proof, hmac(storedKey, authMessage));
    if (constantTimeEqual(sha256(clientKey), storedKey)) matched = index;
  }
  return matched;
}
