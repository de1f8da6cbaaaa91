import { decodeBase64 } from './base64.ts';
import { ScramError } from './errors.ts';

/** Longest SCRAM message that is read (PG_MAX_SASL_MESSAGE_LENGTH in src/backend/libpq/auth-sasl.c). */
export const MAX_MESSAGE_LENGTH = 1024;

/**
 * Text of a SCRAM message, one character a byte: what a peer sent goes into AuthMessage byte for byte, whatever encoding its
 * user name has.
 */
export function messageText(bytes: Buffer): string {
  if (bytes.length > MAX_MESSAGE_LENGTH) throw malformed('message is longer than 1024 bytes');
  if (bytes.includes(0)) throw malformed('message contains a zero byte');
  return bytes.toString('latin1');
}

export function messageBytes(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

/** One `a=value` of a comma-separated message. */
export interface Attribute {
  readonly name: string;
  readonly value: string;
}

/** Splits `a=value,b=value,…`; every part must be an attribute (RFC 5802, section 7: `attr-val`). */
export function parseAttributes(text: string): readonly Attribute[] {
  return text.split(',').map((part) => {
    if (!/^[A-Za-z]=/.test(part)) throw malformed('attribute expected');
    return { name: part.slice(0, 1), value: part.slice(2) };
  });
}

/** The value of the attribute at `index`, which must have that name: their order is fixed. */
export function expectAttribute(attributes: readonly Attribute[], index: number, name: string): string {
  const attribute = attributes[index];
  if (attribute?.name !== name) throw malformed(`attribute "${name}" expected`);
  return attribute.value;
}

/** RFC 5802, section 7: printable, without the comma that ends it. */
export function expectNonce(value: string): string {
  if (!/^[\x21-\x2b\x2d-\x7e]+$/.test(value)) throw malformed('nonce is empty or not printable');
  return value;
}

export function expectBase64(value: string, what: string): Buffer {
  const bytes = decodeBase64(value);
  if (bytes === null) throw malformed(`${what} is not valid base64`);
  return bytes;
}

export function malformed(what: string): ScramError {
  return new ScramError('malformed', what);
}
