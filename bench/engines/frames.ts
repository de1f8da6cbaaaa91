/** A message as it goes over the wire. */
export function frame(type: string, body: string | Uint8Array = ''): Buffer {
  const content = typeof body === 'string' ? Buffer.from(body, 'latin1') : body;
  const header = Buffer.alloc(5, type, 'latin1');
  header.writeInt32BE(content.length + 4, 1);
  return Buffer.concat([header, content]);
}

export const READY = frame('Z', 'I');

const settings = {
  server_version: '18.1',
  server_encoding: 'UTF8',
  client_encoding: 'UTF8',
  DateStyle: 'ISO, MDY',
  TimeZone: 'UTC',
  integer_datetimes: 'on',
  standard_conforming_strings: 'on',
};

/** From AuthenticationOk to the first ReadyForQuery. */
export const GREETING = Buffer.concat([
  frame('R', '\0\0\0\0'),
  ...Object.entries(settings).map(([name, value]) => frame('S', `${name}\0${value}\0`)),
  frame('K', '\0\0\x10\0abcd'),
  READY,
]);

/** One row of one column of 24 bytes, as `pgbench -S` gets it. */
export const ANSWER = Buffer.concat([
  frame('T', '\0\x01abalance\0\0\0\x40\0\0\x03\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0'),
  frame('D', '\0\x01\0\0\0\x18aaaaaaaaaaaaaaaaaaaaaaaa'),
  frame('C', 'SELECT 1\0'),
  READY,
]);

/** To Parse and Sync. */
export const PARSED = Buffer.concat([frame('1'), READY]);

/** The same row, to Bind, Execute and Sync. */
export const EXTENDED_ANSWER = Buffer.concat([
  frame('2'),
  frame('D', '\0\x01\0\0\0\x18aaaaaaaaaaaaaaaaaaaaaaaa'),
  frame('C', 'SELECT 1\0'),
  READY,
]);

/** What poolers ask between two sessions. */
export const RESET_ANSWERS: ReadonlyMap<string, Buffer> = new Map([
  ['DISCARD ALL', Buffer.concat([frame('C', 'DISCARD ALL\0'), READY])],
  ['RESET ROLE', Buffer.concat([frame('C', 'RESET\0'), READY])],
]);

export const COPY_OUT_RESPONSE = frame('H', '\0\0\x01\0\0');
export const COPY_IN_RESPONSE = frame('G', '\0\0\x01\0\0');

/** About 64 kB of CopyData messages of 8 kB. */
export const COPY_CHUNK = Buffer.concat(
  Array.from({ length: 8 }, () => frame('d', Buffer.alloc(8187, 'x', 'latin1'))),
);
