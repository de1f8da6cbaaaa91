/** Makes what a TLS client sends, as a test wants it. */

/** Records of a type and version; what does not fit into one goes into more. */
export function record(content: Uint8Array, type = 22, version = 0x0301): Buffer {
  const head = Buffer.of(type, version >> 8, version & 0xff, content.length >> 8, content.length & 0xff);
  return Buffer.concat([head, content]);
}

/** The handshake message of a hello that came in one record. */
export const messageOf = (hello: Buffer): Buffer => hello.subarray(5);

export interface HelloParts {
  /** From the message's head to the compression methods. */
  readonly head: Buffer;
  readonly extensions: readonly (readonly [type: number, data: Buffer])[];
}

export function partsOf(message: Buffer): HelloParts {
  let at = 4 + 2 + 32;
  at += 1 + message.readUInt8(at);
  at += 2 + message.readUInt16BE(at);
  at += 1 + message.readUInt8(at);
  const extensions: (readonly [number, Buffer])[] = [];
  for (let from = at + 2; from < message.length;) {
    const end = from + 4 + message.readUInt16BE(from + 2);
    extensions.push([message.readUInt16BE(from), message.subarray(from + 4, end)]);
    from = end;
  }
  return { head: message.subarray(0, at), extensions };
}

export function messageFrom({ head, extensions }: HelloParts): Buffer {
  const all = extensions.map(([type, data]) => Buffer.concat([uint16(type), vector(data)]));
  const message = Buffer.concat([head, vector(Buffer.concat(all))]);
  message.writeUIntBE(message.length - 4, 1, 3);
  return message;
}

/** The message with extensions in place of its own of these types; null leaves one out. */
export function withExtensions(message: Buffer, others: Readonly<Record<number, Buffer | null>>): Buffer {
  const { head, extensions } = partsOf(message);
  const added = Object.entries(others).flatMap(([type, data]) =>
    data === null ? [] : [[Number(type), data] as const],
  );
  return messageFrom({ head, extensions: [...extensions.filter(([type]) => !(type in others)), ...added] });
}

export function uint16(...numbers: readonly number[]): Buffer {
  return Buffer.concat(numbers.map((number) => Buffer.of(number >> 8, number & 0xff)));
}

/** Bytes after their length of 16 bits. */
export const vector = (bytes: Uint8Array): Buffer => Buffer.concat([uint16(bytes.length), bytes]);

/** The extension supported_groups. */
export const supportedGroups = (...groups: readonly number[]): Buffer => vector(uint16(...groups));

/** The extension key_share. */
export const keyShare = (...shares: readonly (readonly [group: number, key: Buffer])[]): Buffer =>
  vector(Buffer.concat(shares.map(([group, key]) => Buffer.concat([uint16(group), vector(key)]))));

/** RFC 5246, appendix E.2. */
export function version2Hello(version: number, ciphers: readonly number[], challenge = 16): Buffer {
  const specs = Buffer.concat(ciphers.map((cipher) => Buffer.concat([Buffer.of(0), uint16(cipher)])));
  const lengths = uint16(specs.length, 0, challenge);
  const hello = Buffer.concat([Buffer.of(1), uint16(version), lengths, specs, Buffer.alloc(challenge, 7)]);
  return Buffer.concat([uint16(0x8000 | hello.length), hello]);
}
