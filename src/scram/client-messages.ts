import {
  expectAttribute,
  expectBase64,
  expectNonce,
  malformed,
  messageText,
  parseAttributes,
} from './attributes.ts';
import { ScramError } from './errors.ts';
import { KEY_LENGTH } from './keys.ts';

/** The only channel binding type that PostgreSQL knows (RFC 5929, section 4). */
export const TLS_SERVER_END_POINT = 'tls-server-end-point';

/**
 * What the client says of channel binding (RFC 5802, section 6): `n` it can not, `y` it can but thinks that the server can
 * not, `p` it does.
 */
export type Gs2Flag = 'n' | 'y' | 'p';

export interface ClientFirst {
  readonly flag: Gs2Flag;
  /** Verbatim, with its last comma: comes back in `c=` of the final message. */
  readonly gs2Header: string;
  /** client-first-message-bare, verbatim: the first part of AuthMessage. */
  readonly bare: string;
  readonly nonce: string;
}

export interface ClientFinal {
  /** gs2 header and binding data, decoded. */
  readonly channelBinding: Buffer;
  readonly nonce: string;
  /** client-final-message-without-proof, verbatim: the last part of AuthMessage. */
  readonly withoutProof: string;
  readonly proof: Buffer;
}

/** @throws ScramError `malformed`, `unsupported` (authzid, `m=`) or `channel_binding` (another type) */
export function parseClientFirst(bytes: Buffer): ClientFirst {
  const text = messageText(bytes);
  const match = /^(n|y|p=([A-Za-z0-9.-]+)),([^,]*),/.exec(text);
  if (match === null) throw malformed('gs2 header expected');
  const [gs2Header, flagText = '', bindingType, authzid] = match;
  if (authzid !== '') throw refusedAuthzid(authzid ?? '');
  if (bindingType !== undefined && bindingType !== TLS_SERVER_END_POINT) {
    throw malformed('unsupported channel binding type');
  }
  const bare = text.slice(gs2Header.length);
  return { flag: flagText.charAt(0) as Gs2Flag, gs2Header, bare, nonce: parseBare(bare) };
}

function refusedAuthzid(authzid: string): ScramError {
  if (!authzid.startsWith('a=')) return malformed('authorization identity expected');
  return new ScramError('unsupported', 'authorization identity is not supported');
}

/** `n=` user name (ignored, the start-up packet's counts), `r=` nonce, then extensions that may be ignored. */
function parseBare(bare: string): string {
  if (bare.startsWith('m=')) throw unsupportedExtension();
  const attributes = parseAttributes(bare);
  expectAttribute(attributes, 0, 'n');
  const nonce = expectNonce(expectAttribute(attributes, 1, 'r'));
  refuseMandatoryExtension(attributes.slice(2).map(({ name }) => name));
  return nonce;
}

/** @throws ScramError `malformed` or `unsupported` (`m=`) */
export function parseClientFinal(bytes: Buffer): ClientFinal {
  const text = messageText(bytes);
  const attributes = parseAttributes(text);
  refuseMandatoryExtension(attributes.map(({ name }) => name));
  const binding = expectAttribute(attributes, 0, 'c');
  const nonce = expectNonce(expectAttribute(attributes, 1, 'r'));
  const last = attributes.length - 1;
  const proof = expectBase64(expectAttribute(attributes, last, 'p'), 'proof');
  if (attributes.filter(({ name }) => name === 'p').length > 1) throw malformed('more than one proof');
  if (proof.length !== KEY_LENGTH) throw malformed('proof is not 32 bytes long');
  return {
    channelBinding: expectBase64(binding, 'channel binding data'),
    nonce,
    withoutProof: text.slice(0, text.lastIndexOf(',')),
    proof,
  };
}

function refuseMandatoryExtension(names: readonly string[]): void {
  if (names.includes('m')) throw unsupportedExtension();
}

function unsupportedExtension(): ScramError {
  return new ScramError('unsupported', 'mandatory extension is not supported');
}

/** client-first-message-bare. The user name stays empty, as PostgreSQL's own clients leave it. */
export function formatClientFirstBare(nonce: string): string {
  return `n=,r=${nonce}`;
}

/** client-final-message-without-proof. */
export function formatClientFinalWithoutProof(channelBinding: Buffer, nonce: string): string {
  return `c=${channelBinding.toString('base64')},r=${nonce}`;
}
