import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fatal, GatewayError } from '../../../src/core/errors.ts';
import { engineMalformed } from '../../../src/wire/malformed.ts';
import { MessageReader, type Message } from '../../../src/wire/message-reader.ts';
import { MemoryTransport } from './memory-transport.ts';

function message(type: string, body: string | Uint8Array): Buffer {
  const bytes = Buffer.from(body);
  const length = Buffer.alloc(4);
  length.writeInt32BE(bytes.length + 4);
  return Buffer.concat([Buffer.from(type), length, bytes]);
}

const p = message('p', 'secret\0');

function setUp(options: { maxLength?: number; deadline?: AbortSignal } = {}): {
  transport: MemoryTransport;
  reader: MessageReader;
} {
  const transport = new MemoryTransport();
  return { transport, reader: new MessageReader(transport, { maxLength: 1000, ...options }) };
}

const plain = (read: Message | null): unknown =>
  read === null ? null : { type: String.fromCharCode(read.type), body: read.body.toString('latin1') };

describe('MessageReader', () => {
  test('splits at every byte make no difference', async () => {
    const bytes = Buffer.concat([p, message('Q', ''), p]);
    for (let at = 0; at <= bytes.length; at += 1) {
      const { transport, reader } = setUp();
      transport.feed(bytes.subarray(0, at));
      transport.feed(bytes.subarray(at));
      transport.feedEnd();
      const read = [await reader.next(), await reader.next(), await reader.next(), await reader.next()];
      expect(read.map(plain)).toEqual([
        { type: 'p', body: 'secret\0' },
        { type: 'Q', body: '' },
        { type: 'p', body: 'secret\0' },
        null,
      ]);
    }
  });

  test('any messages in any segments come out whole', async () => {
    const messages = fc.array(fc.tuple(fc.nat({ max: 255 }), fc.uint8Array({ maxLength: 200 })), {
      maxLength: 8,
    });
    const cuts = fc.array(fc.nat({ max: 1600 }), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(messages, cuts, async (sent, places) => {
        const frames = sent.map(([type, body]) => message(String.fromCharCode(0), body).fill(type, 0, 1));
        const bytes = Buffer.concat(frames);
        const { transport, reader } = setUp();
        const edges = [...places.filter((at) => at < bytes.length).sort((a, b) => a - b), bytes.length];
        let from = 0;
        for (const to of edges) {
          transport.feed(bytes.subarray(from, to));
          from = to;
        }
        transport.feedEnd();
        for (const [type, body] of sent)
          expect(await reader.next()).toEqual({ type, body: Buffer.from(body) });
        expect(await reader.next()).toBeNull();
      }),
    );
  });

  test('a message is the caller’s own: later traffic does not change it', async () => {
    const { transport, reader } = setUp();
    transport.feed(p);
    const first = await reader.next();
    transport.feed(message('p', 'zzzzzz\0'));
    await reader.next();
    expect(plain(first)).toEqual({ type: 'p', body: 'secret\0' });
  });

  test('the peer is read from only while a message is awaited', async () => {
    const { transport, reader } = setUp();
    expect(transport.paused).toBe(true);
    const first = reader.next();
    expect(transport.paused).toBe(false);
    transport.feed(p);
    expect(transport.paused).toBe(true);
    transport.feed(p);
    expect(transport.waiting).toBe(1);
    await first;
    await reader.next();
    expect(transport.waiting).toBe(0);
  });

  test('of many messages in one chunk the second is there without reading', async () => {
    const { transport, reader } = setUp();
    transport.feed(Buffer.concat([p, p, p.subarray(0, 7)]));
    await reader.next();
    expect(reader.buffered).toBe(p.length + 7);
    await reader.next();
    expect(transport.paused).toBe(true);
  });

  test.each([
    ['a length of 3', Buffer.from('7000000003', 'hex'), 'invalid message length 3'],
    ['a length of -1', Buffer.from('70ffffffff', 'hex'), 'invalid message length -1'],
    [
      'a length of 1 GB',
      Buffer.from('7040000000', 'hex'),
      'message of 1073741824 bytes is longer than the 1000 allowed here',
    ],
    [
      'a length one over',
      Buffer.from('70000003e9', 'hex'),
      'message of 1001 bytes is longer than the 1000 allowed here',
    ],
  ])('%s fails at once, before any of the body came', async (_name, header, text) => {
    const { transport, reader } = setUp();
    transport.feed(header);
    const failure = reader.next();
    await expect(failure).rejects.toThrow(text);
    await expect(failure).rejects.toMatchObject({ code: 'wire.malformed', client: { sqlState: '08P01' } });
    expect(transport.paused).toBe(true);
    await expect(reader.next()).rejects.toThrow(text);
  });

  test('the longest message allowed is allowed, by the reader or by the call', async () => {
    const { transport, reader } = setUp();
    transport.feed(message('p', Buffer.alloc(996)));
    expect((await reader.next())?.body).toHaveLength(996);
    transport.feed(message('p', Buffer.alloc(996)));
    await expect(reader.next({ maxLength: 999 })).rejects.toThrow('longer than the 999 allowed');
    expect((await reader.next({ maxLength: 2000 }))?.body).toHaveLength(996);
  });

  test('packets without a type byte', async () => {
    const { transport, reader } = setUp();
    transport.feed(Buffer.from('0000000804d2162f', 'hex'));
    transport.feed(p);
    expect((await reader.nextUntyped())?.toString('hex')).toBe('04d2162f');
    expect(plain(await reader.next())).toEqual({ type: 'p', body: 'secret\0' });
    transport.feed(Buffer.from('00000003', 'hex'));
    await expect(reader.nextUntyped()).rejects.toThrow('invalid message length 3');
  });

  test('the end between messages is null, for end and for close, now and later', async () => {
    for (const how of ['end', 'close'] as const) {
      const { transport, reader } = setUp();
      const pending = reader.next();
      if (how === 'end') transport.feedEnd();
      else transport.feedClose(new Error('ECONNRESET'));
      expect(await pending).toBeNull();
      expect(await reader.next()).toBeNull();
      expect(reader.ended).toBe(true);
    }
  });

  test('the end inside a message is malformed, wherever it is cut', async () => {
    for (let at = 1; at < p.length; at += 1) {
      const { transport, reader } = setUp();
      transport.feed(p.subarray(0, at));
      transport.feedEnd();
      await expect(reader.next()).rejects.toThrow('the connection ended inside a message');
    }
  });

  test('what the engine does wrong is the engine’s', async () => {
    const transport = new MemoryTransport();
    const reader = new MessageReader(transport, { maxLength: 10, malformed: engineMalformed });
    transport.feed(Buffer.from('5200000001', 'hex'));
    await expect(reader.next()).rejects.toMatchObject({ code: 'engine.protocol' });
  });

  test('release gives back every byte that was not read, and stops reading', async () => {
    const { transport, reader } = setUp();
    transport.feed(Buffer.concat([p, Buffer.from('rest')]));
    await reader.next();
    expect(reader.release().toString()).toBe('rest');
    expect(transport.sink).toBeNull();
    expect(transport.paused).toBe(true);
    await expect(reader.next()).rejects.toThrow('none after release()');
  });

  test('release while a message is awaited, and two calls at once, are mistakes', async () => {
    const { transport, reader } = setUp();
    const first = reader.next();
    expect(() => reader.release()).toThrow('while a message is awaited');
    await expect(reader.next()).rejects.toThrow('one message at a time');
    transport.feed(p);
    expect(plain(await first)).toEqual({ type: 'p', body: 'secret\0' });
  });
});

describe('the deadline', () => {
  const timeout = { code: 'wire.timeout', client: { sqlState: '57014' } };

  test('ends the wait, and every later one', async () => {
    const controller = new AbortController();
    const { transport, reader } = setUp({ deadline: controller.signal });
    const pending = reader.next();
    transport.feed(p.subarray(0, 3));
    controller.abort();
    await expect(pending).rejects.toMatchObject(timeout);
    expect(transport.paused).toBe(true);
    await expect(reader.next()).rejects.toMatchObject(timeout);
    expect(reader.release()).toEqual(p.subarray(0, 3));
  });

  test('brings its own reason if that is an error of ours', async () => {
    const controller = new AbortController();
    const { reader } = setUp({ deadline: controller.signal });
    const pending = reader.next();
    controller.abort(new GatewayError('session.draining', 'x', fatal('57P01', 'y')));
    await expect(pending).rejects.toMatchObject({ code: 'session.draining' });
  });

  test('that does not come leaves nothing behind', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const listening = (): number => getEventListeners(signal, 'abort').length;
    const { transport, reader } = setUp({ deadline: signal });
    for (let count = 0; count < 3; count += 1) {
      const pending = reader.next();
      expect(listening()).toBe(1);
      transport.feed(p);
      await pending;
      expect(listening()).toBe(0);
    }
  });
});
