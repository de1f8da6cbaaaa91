import {
  expectAttribute,
  expectBase64,
  expectNonce,
  malformed,
  messageText,
  parseAttributes,
} from './attributes.ts';
import { ScramError } from './errors.ts';
import { KEY_LENGTH, type ScramParameters } from './keys.ts';

export interface ServerFirst extends ScramParameters {
  /** The client's nonce followed by the server's. */
  readonly nonce: string;
}

/** Exactly `r=…,s=…,i=…`: Npgsql rebuilds the text from these three. */
export function formatServerFirst({ nonce, salt, iterations }: ServerFirst): string {
  return `r=${nonce},s=${salt.toString('base64')},i=${iterations}`;
}

/** @throws ScramError `malformed`, or `unsupported` for an extension that must be understood */
export function parseServerFirst(bytes: Buffer): ServerFirst {
  const text = messageText(bytes);
  if (text.startsWith('m=')) throw new ScramError('unsupported', 'mandatory extension is not supported');
  const attributes = parseAttributes(text);
  const nonce = expectNonce(expectAttribute(attributes, 0, 'r'));
  const salt = expectBase64(expectAttribute(attributes, 1, 's'), 'salt');
  const count = expectAttribute(attributes, 2, 'i');
  if (salt.length === 0) throw malformed('salt is empty');
  if (!/^[1-9]\d{0,9}$/.test(count)) throw malformed('iteration count is not a positive number');
  return { nonce, salt, iterations: Number(count) };
}

export function formatServerFinal(serverSignature: Buffer): string {
  return `v=${serverSignature.toString('base64')}`;
}

/**
 * @returns the server's signature
 * @throws ScramError `server_error` for `e=`, `malformed` for anything else that is no signature
 */
export function parseServerFinal(bytes: Buffer): Buffer {
  const attributes = parseAttributes(messageText(bytes));
  const first = attributes[0];
  // RFC 5802 defines these words; anything else is not repeated, as it may hold whatever the server likes.
  if (first?.name === 'e') {
    const reason = /^[a-z-]{1,40}$/.test(first.value) ? first.value : 'other-error';
    throw new ScramError('server_error', `server ended the exchange: ${reason}`);
  }
  const signature = expectBase64(expectAttribute(attributes, 0, 'v'), 'server signature');
  if (signature.length !== KEY_LENGTH) throw malformed('server signature is not 32 bytes long');
  return signature;
}
