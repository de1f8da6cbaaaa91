import { createHash } from 'node:crypto';
import { isUuid } from '../core/uuid.ts';

/**
 * Other names of a token for interfaces that want another shape than a UUID: 32 bytes, the tid and a checksum over it, in
 * hexadecimal (Databricks) or base64 (DataHub). So an alias leads back to its tid without a look-up, and a made-up one does not.
 */
const HEX = /^[0-9a-f]{64}$/i;
const BASE64 = /^[A-Za-z0-9+/_-]{43}=?$/;
const TID_BYTES = 16;

export function databricksId(tid: string): string {
  return aliasBytes(tid).toString('hex');
}

export function datahubId(tid: string): string {
  return aliasBytes(tid).toString('base64');
}

/** @returns the tid, in lower case, of a tid or one of its aliases; null when the text is neither */
export function parseTokenId(text: string): string | null {
  if (isUuid(text)) return text.toLowerCase();
  if (HEX.test(text)) return tidOf(Buffer.from(text, 'hex'));
  return BASE64.test(text) ? tidOf(Buffer.from(text, 'base64')) : null;
}

function aliasBytes(tid: string): Buffer {
  const bytes = Buffer.from(tid.replaceAll('-', ''), 'hex');
  return Buffer.concat([bytes, checksum(bytes)]);
}

function tidOf(alias: Buffer): string | null {
  const bytes = alias.subarray(0, TID_BYTES);
  if (!alias.subarray(TID_BYTES).equals(checksum(bytes))) return null;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function checksum(tid: Buffer): Buffer {
  return createHash('sha256').update('patgate token id').update(tid).digest().subarray(0, TID_BYTES);
}
