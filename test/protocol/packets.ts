/** Packets as a client writes them, spelled out by hand so that they do not depend on the code under test. */

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value | 0);
  return bytes;
}

export const text = (value: string): Buffer => Buffer.from(`${value}\0`, 'utf8');

/** A packet without a type byte. */
export function untyped(...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([int32(body.length + 4), body]);
}

/** A message with a type byte. */
export function typed(type: string, ...parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat([Buffer.from(type), untyped(...parts)]);
}

export const SSL_REQUEST = untyped(int32(80877103));
export const GSSENC_REQUEST = untyped(int32(80877104));
export const cancelRequest = (processId: number, key: Uint8Array): Buffer =>
  untyped(int32(80877102), int32(processId), key);

/** @param version 0x30000 is 3.0 */
export const startup = (version: number, parameters: Readonly<Record<string, string>>): Buffer =>
  untyped(
    int32(version),
    ...Object.entries(parameters).flatMap(([name, value]) => [text(name), text(value)]),
    Buffer.of(0),
  );

export const ADA = startup(0x3_0000, { user: 'ada', database: 'sales' });
export const password = (value: string): Buffer => typed('p', text(value));

/** An ErrorResponse's fields by letter. */
export function errorFields(bytes: Buffer): Record<string, string> {
  if (
    bytes.length < 6 ||
    bytes[0] !== 0x45 ||
    bytes.readInt32BE(1) !== bytes.length - 1 ||
    bytes.at(-1) !== 0
  ) {
    throw new Error(`not one ErrorResponse: ${bytes.toString('latin1')}`);
  }
  const fields = bytes
    .toString('utf8', 5, bytes.length - 1)
    .split('\0')
    .slice(0, -1);
  return Object.fromEntries(fields.map((field) => [field.slice(0, 1), field.slice(1)]));
}
