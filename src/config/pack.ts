import { Secret } from '../core/secret.ts';
import type { Config } from './config.ts';

/** A secret on its way between two processes of one gateway. */
interface PackedSecret {
  readonly $secret: string;
}

/**
 * A copy of plain values only, which can be cloned to another process and compared. It holds secrets in the clear: it is never
 * logged or written anywhere.
 */
export function pack(value: unknown): unknown {
  if (value instanceof Secret) return { $secret: value.reveal() } satisfies PackedSecret;
  if (value instanceof Map) return new Map([...value].map(([key, member]) => [key, pack(member)]));
  if (Array.isArray(value)) return value.map(pack);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, pack(member)]));
}

/** @param packed what `pack` made of a configuration */
export function unpackConfig(packed: unknown): Config {
  return unpack(packed) as Config;
}

function unpack(value: unknown): unknown {
  if (value instanceof Map) return new Map([...value].map(([key, member]) => [key, unpack(member)]));
  if (Array.isArray(value)) return Object.freeze(value.map(unpack));
  if (typeof value !== 'object' || value === null) return value;
  if (isPackedSecret(value)) return new Secret(value.$secret);
  return Object.freeze(
    Object.fromEntries(Object.entries(value).map(([key, member]) => [key, unpack(member)])),
  );
}

function isPackedSecret(value: object): value is PackedSecret {
  return '$secret' in value;
}
