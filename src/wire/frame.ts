/** Joins a message: type byte, length word (which counts itself), body. */
export function frame(type: number, ...body: readonly Uint8Array[]): Buffer {
  const length = 4 + totalLength(body);
  const head = Buffer.allocUnsafe(5);
  head.writeUInt8(type, 0);
  head.writeInt32BE(length, 1);
  return Buffer.concat([head, ...body], 1 + length);
}

/** Joins a packet that has no type byte: length word, body. */
export function untypedFrame(...body: readonly Uint8Array[]): Buffer {
  const length = 4 + totalLength(body);
  return Buffer.concat([int32(length), ...body], length);
}

export function int16(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(2);
  bytes.writeInt16BE(value, 0);
  return bytes;
}

export function int32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeInt32BE(value, 0);
  return bytes;
}

/** A string as the protocol's String: NUL-terminated. Throws when it holds a NUL, which would start another field. */
export function cString(text: string | Uint8Array): Buffer {
  const bytes = typeof text === 'string' ? Buffer.from(text, 'utf8') : text;
  if (bytes.includes(0)) throw new TypeError('a protocol string cannot hold a NUL');
  return Buffer.concat([bytes, NUL]);
}

export const NUL = Buffer.of(0);

function totalLength(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}
