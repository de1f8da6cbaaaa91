import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { createTransports } from '../../../src/session/transports.ts';
import { runScript, type Child } from '../../support/child.ts';
import { leaveNoSessionBehind, message, startSession, type TestSession } from './relay-harness.ts';
import { accepted, connected, pairOf, type TransportPair } from './transport-harness.ts';

leaveNoSessionBehind();

type Kinds = readonly [
  name: string,
  client: () => Promise<TransportPair>,
  engine: () => Promise<TransportPair>,
];

const kinds: readonly Kinds[] = [
  ['TCP on both sides', () => accepted(), () => connected()],
  ['TLS to the client', () => pairOf('accepted over TLS'), () => connected()],
  ['TLS on both sides', () => pairOf('accepted over TLS'), () => pairOf('accepted over TLS')],
  ['a Unix socket to the engine', () => accepted(), () => pairOf('connected over a Unix socket')],
  ['stream events', () => accepted(createTransports(null)), () => accepted(createTransports(null))],
];

/** Messages of random types and sizes, some large; none ends the session. */
const stream = fc
  .array(
    fc.tuple(fc.constantFrom('D', 'd', 'C', 'N', 'S'), fc.oneof(fc.nat(60), fc.nat(9000), fc.nat(200_000))),
    {
      minLength: 1,
      maxLength: 30,
    },
  )
  .map((list) => Buffer.concat(list.map(([type, size]) => message(type, randomBytes(size)))));

/** Where to cut it into writes. */
const cuts = fc.array(fc.oneof(fc.integer({ min: 1, max: 3 }), fc.nat(100_000)), { maxLength: 60 });

/** Writes `bytes` in pieces of these sizes, the rest in one, and lets the loop turn in between. */
async function writeInPieces(socket: Socket, bytes: Buffer, sizes: readonly number[]): Promise<void> {
  let at = 0;
  for (const size of sizes) {
    if (at >= bytes.length) break;
    const piece = bytes.subarray(at, at + size);
    at += size;
    if (!socket.write(piece)) await once(socket, 'drain');
    else await new Promise((resolve) => setImmediate(resolve));
  }
  if (at < bytes.length) socket.write(bytes.subarray(at));
}

const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

describe.each(kinds)('over %s', (_name, client, engine) => {
  test('every byte arrives, both ways at once, however the streams are cut', async () => {
    const session = await startSession({ client: await client(), engine: await engine() });
    let sentToEngine = Buffer.alloc(0);
    let sentToClient = Buffer.alloc(0);
    const run = async (up: Buffer, down: Buffer, upCuts: number[], downCuts: number[]): Promise<void> => {
      sentToEngine = Buffer.concat([sentToEngine, up]);
      sentToClient = Buffer.concat([sentToClient, down]);
      await Promise.all([
        writeInPieces(session.client, up, upCuts),
        writeInPieces(session.engine, down, downCuts),
        session.toEngine.until(sentToEngine.length),
        session.toClient.until(sentToClient.length),
      ]);
      expect(digest(session.toEngine.bytes)).toBe(digest(sentToEngine));
      expect(digest(session.toClient.bytes)).toBe(digest(sentToClient));
    };
    await fc.assert(fc.asyncProperty(stream, stream, cuts, cuts, run), { numRuns: 8, endOnFailure: true });
  });

  test('every byte arrives when it comes alone', async () => {
    const session = await startSession({ client: await client(), engine: await engine() });
    const bytes = Buffer.concat([message('D', 'row'), message('N', ''), message('Z', 'I')]);
    for (const [from, to] of [
      [session.client, session.toEngine],
      [session.engine, session.toClient],
    ] as const) {
      for (let at = 0; at < bytes.length; at++) {
        from.write(bytes.subarray(at, at + 1));
        await to.until(at + 1);
      }
      expect(to.bytes).toEqual(bytes);
    }
  });

  test('a reader that stops and goes on gets every byte', async () => {
    const session = await startSession({ client: await client(), engine: await engine() });
    await Promise.all([haltingly(session, 'engine'), haltingly(session, 'client')]);
  });
});

/** 6 MB from one side, read in bursts by the other. */
async function haltingly(session: TestSession, from: 'client' | 'engine'): Promise<void> {
  const [writer, reader, inbox] =
    from === 'client'
      ? [session.client, session.engine, session.toEngine]
      : [session.engine, session.client, session.toClient];
  const bytes = message('d', randomBytes(6_000_000));
  writer.write(bytes);
  while (inbox.length < bytes.length) {
    reader.pause();
    await new Promise((resolve) => setImmediate(resolve));
    reader.resume();
    await inbox.untilLength(Math.min(bytes.length, inbox.length + 1));
  }
  expect(digest(inbox.bytes)).toBe(digest(bytes));
}

describe('memory', () => {
  const MEGABYTE = 1_000_000;
  const SESSIONS = 4;

  test('slow readers of 100 MB cost under 1 MB each, either way', async () => {
    const engines: Socket[] = [];
    const engine = createServer((socket) => {
      engines.push(socket);
      socket.on('error', () => undefined);
      socket.once('data', () => socket.write(Buffer.concat([message('R', '\0\0\0\0'), message('Z', 'I')])));
    }).listen(0, '127.0.0.1');
    await once(engine, 'listening');
    const child = runScript('test/support/relay-process.ts', [
      '127.0.0.1',
      String((engine.address() as AddressInfo).port),
    ]);
    const port = Number(await child.line());
    const clients = await Promise.all(Array.from({ length: SESSIONS }, () => loggedIn(port)));
    try {
      const before = await mostInUse(child);
      await Promise.all(clients.map((client, n) => swallow(engines[n], client, 100 * MEGABYTE)));
      const afterOut = await mostInUse(child);
      await Promise.all(clients.map((client, n) => swallow(client, engines[n], 100 * MEGABYTE)));
      const afterIn = await mostInUse(child);
      expect((afterOut - before) / SESSIONS).toBeLessThan(MEGABYTE);
      expect((afterIn - before) / SESSIONS).toBeLessThan(MEGABYTE);
    } finally {
      for (const socket of [...clients, ...engines]) socket.destroy();
      engine.close();
      await child.kill();
    }
  }, 120_000);

  async function loggedIn(port: number): Promise<Socket> {
    const client = connect(port, '127.0.0.1');
    client.on('error', () => undefined);
    client.write(Buffer.from('\0\0\0\x14\0\x03\0\0user\0me\0\0\0\0\0', 'latin1'));
    let length = 0;
    while (length < 15) {
      const [chunk] = (await once(client, 'data')) as [Buffer];
      length += chunk.length;
    }
    return client;
  }

  /** Writes as fast as it is taken; the reader takes a breath after each megabyte. */
  async function swallow(from: Socket | undefined, to: Socket | undefined, bytes: number): Promise<void> {
    if (from === undefined || to === undefined) throw new Error('no such peer');
    const chunk = message('d', Buffer.alloc(99_995));
    let received = 0;
    let sinceBreath = 0;
    const reading = new Promise<void>((resolve) => {
      const onData = (part: Buffer): void => {
        received += part.length;
        sinceBreath += part.length;
        if (received >= bytes) {
          to.off('data', onData);
          resolve();
        } else if (sinceBreath > MEGABYTE) {
          sinceBreath = 0;
          to.pause();
          setImmediate(() => to.resume());
        }
      };
      to.on('data', onData);
    });
    for (let sent = 0; sent < bytes; sent += chunk.length) {
      if (!from.write(chunk)) await once(from, 'drain');
    }
    await reading;
  }

  async function mostInUse(child: Child): Promise<number> {
    child.process.stdin?.write('\n');
    return Number(await child.line());
  }
});
