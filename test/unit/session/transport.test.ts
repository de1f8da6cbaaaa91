import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

import { describe, expect, test } from 'vitest';

import { createTransports } from '../../../src/session/transports.ts';
import {
  accepted,
  acceptedSocket,
  connected,
  Inbox,
  leaveNothingBehind,
  Notes,
  pairOf,
  TRANSPORT_KINDS,
  transportKinds,
} from './transport-harness.ts';

leaveNothingBehind();

/** More than the kernel takes on the loopback interface while nobody reads. */
const TOO_MUCH = randomBytes(16_000_000);

describe.each(transportKinds)('a transport %s', (kind) => {
  test('gives what comes, then the end, then the close', async () => {
    const { transport, peer } = await pairOf(kind);
    const notes = new Notes();
    transport.setSink(notes);
    transport.resume();
    peer.write('one,');
    await notes.until(({ bytes }) => bytes.length === 4);
    peer.end('two');
    await notes.untilEvent('end');
    expect(notes.bytes.toString()).toBe('one,two');
    transport.end();
    peer.resume();
    await notes.untilEvent('close');
    expect(notes.events).toEqual(['end', 'close']);
    expect(transport.closed).toBe(true);
  });

  test('is paused in the beginning, and again when told so', async () => {
    const { transport, peer } = await pairOf(kind);
    const notes = new Notes();
    transport.setSink(notes);
    const inbox = new Inbox(peer);
    peer.write('first');
    transport.write(Buffer.from('ping'));
    await inbox.until(4);
    expect(notes.bytes.length).toBe(0);
    transport.resume();
    await notes.until(({ bytes }) => bytes.length === 5);
    transport.pause();
    peer.write('second');
    transport.write(Buffer.from('ping'));
    await inbox.until(8);
    expect(notes.bytes.length).toBe(5);
    transport.resume();
    await notes.until(({ bytes }) => bytes.length === 11);
    transport.destroy();
    await notes.untilEvent('close');
  });

  test('tells each sink that the peer ended and that the connection is gone, also a later one', async () => {
    const { transport, peer } = await pairOf(kind);
    const [first, second, third] = [new Notes(), new Notes(), new Notes()];
    transport.setSink(first);
    transport.resume();
    peer.end('last words');
    await first.untilEvent('end');
    transport.pause();
    transport.setSink(second);
    await second.untilEvent('end');
    expect(second.bytes.length).toBe(0);
    transport.destroy();
    await second.untilEvent('close');
    transport.setSink(third);
    await third.untilEvent('close');
    expect(third.events).toEqual(['end', 'close']);
    expect(first.events).toEqual(['end']);
  });

  test('gives its sink nothing behind the chunk at which it was paused', async () => {
    const { transport, peer } = await pairOf(kind);
    const sent = randomBytes(500_000);
    const got: Buffer[] = [];
    let pausedBefore = false;
    let early = 0;
    const ended = new Promise<void>((resolve) => {
      transport.setSink({
        data(chunk) {
          if (pausedBefore) early++;
          got.push(Buffer.from(chunk));
          transport.pause();
          pausedBefore = true;
          setImmediate(() => {
            pausedBefore = false;
            transport.resume();
          });
          return false;
        },
        end: resolve,
        drain: () => undefined,
        close: () => undefined,
      });
    });
    transport.resume();
    peer.end(sent);
    await ended;
    expect(early).toBe(0);
    expect(Buffer.concat(got).equals(sent)).toBe(true);
    transport.destroy();
  });

  test('keeps what happens while it has no sink', async () => {
    const { transport, peer } = await pairOf(kind);
    transport.resume();
    const inbox = new Inbox(peer);
    peer.end('early');
    transport.write(Buffer.from('answer'));
    transport.end();
    await inbox.untilEnd();
    const notes = new Notes();
    transport.setSink(notes);
    await notes.untilEvent('close');
    expect(notes.bytes.toString()).toBe('early');
    expect(notes.events).toEqual(['end', 'close']);
  });

  test('passes from one sink to the next without losing or doubling a byte', async () => {
    const { transport, peer } = await pairOf(kind);
    const sent = randomBytes(300_000);
    peer.end(sent);
    const parts: Buffer[] = [];
    let last = new Notes();
    let size = 0;
    while (size < sent.length) {
      const notes = new Notes();
      last = notes;
      transport.setSink(notes);
      transport.resume();
      await notes.until(({ bytes }) => bytes.length > 0);
      transport.pause();
      transport.setSink(null);
      parts.push(notes.bytes);
      size += notes.bytes.length;
    }
    expect(Buffer.concat(parts).equals(sent)).toBe(true);
    transport.setSink(last);
    transport.resume();
    await notes(last, 'end');
    transport.destroy();
    await notes(last, 'close');
  });

  test('answers false when the peer does not read, and tells when it has', async () => {
    const { transport, peer } = await pairOf(kind);
    const notes = new Notes();
    transport.setSink(notes);
    transport.resume();
    peer.pause();
    expect(transport.write(TOO_MUCH)).toBe(false);
    expect(transport.queuedBytes).toBeGreaterThan(0);
    const inbox = new Inbox(peer);
    peer.resume();
    await notes.untilEvent('drain');
    expect(transport.queuedBytes).toBe(0);
    expect((await inbox.until(TOO_MUCH.length)).equals(TOO_MUCH)).toBe(true);
    expect(transport.write(Buffer.from('more'))).toBe(true);
    await inbox.until(TOO_MUCH.length + 4);
    transport.destroy();
    await notes.untilEvent('close');
  });

  test('sends copies of chunks that change behind its back, in order with others', async () => {
    const { transport, peer } = await pairOf(kind);
    transport.setSink(new Notes());
    transport.resume();
    peer.pause();
    const chunk = Buffer.alloc(4000);
    const expected: Buffer[] = [];
    for (let n = 0; n < 4000; n++) {
      chunk.fill(n);
      expected.push(Buffer.from(chunk.subarray(0, 1 + (n % 4000))));
      transport.writeCopy(chunk.subarray(0, 1 + (n % 4000)));
      if (n % 100 === 0) {
        const own = Buffer.from(`message ${n}`);
        expected.push(own);
        transport.write(own);
      }
      chunk.fill('?');
    }
    expect(transport.queuedBytes).toBeGreaterThan(0);
    const whole = Buffer.concat(expected);
    const inbox = new Inbox(peer);
    peer.resume();
    expect((await inbox.until(whole.length)).equals(whole)).toBe(true);
    transport.destroy();
  });

  test('sends all that is queued before its end, and still reads then', async () => {
    const { transport, peer } = await pairOf(kind);
    const notes = new Notes();
    transport.setSink(notes);
    transport.resume();
    peer.pause();
    transport.write(TOO_MUCH);
    transport.write(Buffer.from('last'));
    transport.end();
    const inbox = new Inbox(peer);
    peer.resume();
    expect((await inbox.untilEnd()).length).toBe(TOO_MUCH.length + 4);
    peer.end('answer');
    await notes.untilEvent('close');
    expect(notes.bytes.toString()).toBe('answer');
    expect(notes.events.filter((event) => event !== 'drain')).toEqual(['end', 'close']);
  });

  // A Unix socket knows no reset.
  if (kind !== 'connected over a Unix socket')
    test('tells once that the peer broke the connection, and takes writes silently afterwards', async () => {
      const pair = await pairOf(kind);
      const { transport, peer } = pair;
      const notes = new Notes();
      transport.setSink(notes);
      transport.resume();
      // whatever TLS has to say after the handshake is said
      const inbox = new Inbox(peer);
      transport.write(Buffer.from('ping'));
      await inbox.until(4);
      peer.write('pong');
      await notes.until(({ bytes }) => bytes.length === 4);
      pair.reset();
      await notes.untilEvent('close by error');
      expect(notes.events).toEqual(['close by error']);
      expect(transport.closed).toBe(true);
      expect(transport.write(Buffer.from('too late'))).toBe(true);
      expect(transport.writeCopy(Buffer.from('too late'))).toBe(true);
      expect(transport.queuedBytes).toBe(0);
      transport.end();
      transport.destroy();
    });

  test('can be destroyed with a queue, while it reads', async () => {
    const { transport, peer } = await pairOf(kind);
    const notes = new Notes();
    transport.setSink(notes);
    transport.resume();
    peer.pause();
    transport.write(TOO_MUCH);
    transport.destroy();
    expect(transport.closed).toBe(true);
    await notes.untilEvent('close');
    expect(notes.events).toEqual(['close']);
  });
});

const bulkKinds = ['connected over TCP', 'accepted over TLS'] as const;

describe('connections by their handles', () => {
  test.each([
    ['natively', createTransports()],
    ['by stream events', createTransports(null)],
  ])('begin with what the caller had read, %s', async (_how, transports) => {
    const { socket, peer } = await acceptedSocket();
    peer.end('head,middle,');
    const chunk: unknown = await new Promise((resolve) => {
      socket.on('readable', () => {
        const read: unknown = socket.read(5);
        if (read !== null) resolve(read);
      });
    });
    socket.removeAllListeners('readable');
    const notes = new Notes();
    const transport = transports.plain(socket, Buffer.from(`(${String(chunk)})`));
    transport.setSink(notes);
    transport.resume();
    await notes.untilEvent('end');
    expect(notes.bytes.toString()).toBe('(head,)middle,');
    transport.end();
    peer.resume();
    await notes.untilEvent('close');
  });

  test('share memory for small reads and mix nothing up', async () => {
    const transports = createTransports();
    const pairs = await Promise.all(Array.from({ length: 20 }, () => accepted(transports)));
    const all = pairs.map(({ transport, peer }, index) => {
      const notes = new Notes();
      transport.setSink(notes);
      transport.resume();
      const sent = Buffer.alloc(2000, index);
      for (let at = 0; at < sent.length; at += 100) peer.write(sent.subarray(at, at + 100));
      return { notes, sent, transport };
    });
    for (const { notes, sent, transport } of all) {
      await notes.until(({ bytes }) => bytes.length === sent.length);
      expect(notes.bytes.equals(sent)).toBe(true);
      expect([...notes.tenures]).toEqual(['fleeting']);
      transport.destroy();
    }
  });

  test.each(bulkKinds)(
    'lend buffers in bulk, which stay as they are while they are kept, %s',
    async (kind) => {
      const { transport, peer } = await pairOf(kind);
      const sent = randomBytes(3_000_000);
      const kept: { chunk: Buffer; copy: Buffer }[] = [];
      let received = 0;
      const done = new Promise<void>((resolve) => {
        transport.setSink({
          data(chunk, tenure) {
            received += chunk.length;
            if (received === sent.length) resolve();
            if (tenure !== 'lent') return false;
            kept.push({ chunk, copy: Buffer.from(chunk) });
            return true;
          },
          end: () => undefined,
          drain: () => undefined,
          close: () => undefined,
        });
      });
      transport.resume();
      peer.write(sent);
      await done;
      expect(kept.length).toBeGreaterThan(10);
      for (const { chunk, copy } of kept) expect(chunk.equals(copy)).toBe(true);
      transport.destroy();
    },
  );

  test.each(bulkKinds)('go back to shared memory after the bulk, %s', async (kind) => {
    const { transport, peer } = await pairOf(kind);
    const notes = new Notes();
    transport.setSink(notes);
    transport.resume();
    const bulk = randomBytes(1_000_000);
    peer.write(bulk);
    await notes.until(({ bytes }) => bytes.length === bulk.length);
    expect([...notes.tenures]).toContain('lent');
    for (let n = 1; n <= 20; n++) {
      notes.tenures.clear();
      peer.write('x');
      await notes.until(({ bytes }) => bytes.length === bulk.length + n);
    }
    expect([...notes.tenures]).toEqual(['fleeting']);
    transport.destroy();
  });

  test('go back to shared memory at once when told of a lull', async () => {
    const { transport, peer } = await connected();
    const notes = new Notes();
    transport.setSink(notes);
    transport.resume();
    const bulk = randomBytes(1_000_000);
    peer.write(bulk);
    const take = notes.data.bind(notes);
    notes.data = (chunk, tenure) => {
      take(chunk, tenure);
      if (notes.bytes.length === bulk.length) transport.lull();
      return false;
    };
    await notes.until(({ bytes }) => bytes.length === bulk.length);
    notes.tenures.clear();
    peer.write('x');
    await notes.until(({ bytes }) => bytes.length === bulk.length + 1);
    expect([...notes.tenures]).toEqual(['fleeting']);
    transport.destroy();
  });

  test('still give the last words of a peer that is gone when a write fails', async () => {
    const { transport, peer } = await connected();
    const notes = new Notes();
    // unread bytes make the kernel answer the peer's close with a reset
    transport.write(Buffer.from('never read'));
    await once(peer, 'readable');
    peer.write('FATAL: why');
    await new Promise((resolve) => setImmediate(resolve));
    peer.destroy();
    await once(peer, 'close');
    transport.setSink(notes);
    transport.resume();
    for (let n = 0; n < 3; n++) transport.write(Buffer.from('into the void'));
    await notes.until(({ events }) => events.some((event) => event.startsWith('close')));
    expect(notes.bytes.toString()).toBe('FATAL: why');
  });
});

describe('connecting', () => {
  const transports = createTransports();

  test('fails with the kernel’s error when nobody listens', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    await expect(transports.connect({ host: '127.0.0.1', port }, { timeoutMs: 5000 })).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    });
    const path = '/nonexistent/.s.PGSQL.5432';
    await expect(transports.connect({ path }, { timeoutMs: 5000 })).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('is given up after the time that it was given', async () => {
    // TEST-NET-1, RFC 5737: routed nowhere; where it is refused at once, that is an answer too
    const attempt = transports.connect({ host: '192.0.2.1', port: 5432 }, { timeoutMs: 50 });
    await expect(attempt).rejects.toThrow();
  });

  test('is given up with the signal’s reason', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const target = { host: '127.0.0.1', port };
    const reason = new Error('the client left');
    const aborted = transports.connect(target, { timeoutMs: 5000, signal: AbortSignal.abort(reason) });
    await expect(aborted).rejects.toBe(reason);
    const controller = new AbortController();
    const pending = transports.connect(target, { timeoutMs: 5000, signal: controller.signal });
    controller.abort(reason);
    await expect(pending).rejects.toBe(reason);
    server.close();
  });
});

test('every kind of transport is tried', () => {
  expect(transportKinds).toEqual(Object.keys(TRANSPORT_KINDS));
});

function notes(sink: Notes, event: string): Promise<void> {
  return sink.untilEvent(event);
}
