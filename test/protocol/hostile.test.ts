import { Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { heldClock, openDoor, until, type DoorOptions } from './door.ts';
import { ADA, cancelRequest, errorFields, password, SSL_REQUEST, text } from './packets.ts';
import { rawClient, tlsClient, type RawClient } from './raw-client.ts';

const ALPN = { ALPNProtocols: ['postgresql'] };
const CLEAR = { tlsMode: 'off', tls: null } satisfies DoorOptions;

/** Sends the bytes in two segments, the second only once the server has read the first. */
async function sendSplit(
  client: RawClient,
  bytes: Buffer,
  at: number,
  bytesRead: () => number,
): Promise<void> {
  const before = bytesRead();
  if (at > 0) await client.send(bytes.subarray(0, at));
  await until(() => bytesRead() >= before + at);
  await client.send(bytes.subarray(at));
}

describe('segments', () => {
  test('a start-up with the password behind it, split at every byte, loses none', async () => {
    const door = await openDoor(CLEAR);
    const bytes = Buffer.concat([ADA, password('secret'), Buffer.from('X\0\0\0\x04')]);
    for (let at = 0; at <= bytes.length; at += 1) {
      const client = await rawClient(door);
      await until(() => door.sockets.length === at + 1);
      const socket = door.sockets[at];
      // once it is admitted the socket is not the door's any more, and looks closed
      await sendSplit(client, bytes, at, () => (socket?.destroyed === false ? socket.bytesRead : Infinity));
      const session = await door.session();
      expect(session.startup).toMatchObject({ user: 'ada', database: 'sales' });
      expect((await session.reader.next())?.body).toEqual(text('secret'));
      expect(await session.reader.next()).toMatchObject({ type: 0x58 });
      client.socket.destroy();
    }
  });

  test('a hello split at every byte of its head still becomes TLS', async () => {
    for (const how of ['direct', 'requested'] as const) {
      const door = await openDoor();
      for (let at = 1; at <= 8; at += 1) {
        const raw = await rawClient(door);
        if (how === 'requested') {
          await raw.send(SSL_REQUEST);
          await raw.read(1);
        }
        await until(() => door.sockets.length === at);
        const socket = door.sockets[at - 1];
        const chopped = splittingFirst(raw, at, () => socket?.bytesRead ?? 0);
        const client = await tlsClient(door, chopped, ALPN);
        await client.send(ADA);
        expect((await door.session()).startup.user).toBe('ada');
        client.socket.destroy();
      }
    }
  });

  test('SSLRequest split at every byte', async () => {
    const door = await openDoor();
    for (let at = 1; at < SSL_REQUEST.length; at += 1) {
      const raw = await rawClient(door);
      await until(() => door.sockets.length === at);
      await sendSplit(raw, SSL_REQUEST, at, () => door.sockets[at - 1]?.bytesRead ?? 0);
      expect(await raw.read(1)).toEqual(Buffer.from('S'));
      raw.socket.destroy();
      expect(await door.next()).toBeNull();
    }
  });

  test('start-up and password in one TLS record', async () => {
    const door = await openDoor();
    const client = await tlsClient(door, null, ALPN);
    await client.send(ADA, password('secret'));
    const session = await door.session();
    expect((await session.reader.next())?.body).toEqual(text('secret'));
  });
});

describe('clients that leave', () => {
  test.each([
    ['before the first byte', Buffer.alloc(0)],
    ['inside the length word', ADA.subarray(0, 3)],
    ['inside the packet', ADA.subarray(0, 20)],
    ['inside SSLRequest', SSL_REQUEST.subarray(0, 7)],
    ['after SSLRequest', SSL_REQUEST],
  ])('%s, by FIN or RST: logged at debug only, and counted as nobody', async (_name, bytes) => {
    for (const how of ['fin', 'rst'] as const) {
      const door = await openDoor();
      const client = await rawClient(door);
      if (bytes.length > 0) await client.send(bytes);
      if (how === 'fin') client.socket.end();
      else client.socket.resetAndDestroy();
      expect(await door.next()).toBeNull();
      expect(door.refusals).toEqual([]);
      expect(door.lines).toMatchObject([{ level: 'debug' }]);
      await until(() => door.sockets[0]?.closed === true);
    }
  });

  test('inside the TLS handshake', async () => {
    for (const how of ['fin', 'rst'] as const) {
      const door = await openDoor();
      const client = await rawClient(door);
      await client.send(Buffer.from('16030100800100', 'hex'));
      if (how === 'fin') client.socket.end();
      else client.socket.resetAndDestroy();
      expect(await door.next()).toBeNull();
      await until(() => door.sockets[0]?.closed === true);
    }
  });

  test('between handshake and start-up, and inside the start-up', async () => {
    for (const bytes of [Buffer.alloc(0), ADA.subarray(0, 9)]) {
      const door = await openDoor();
      const client = await tlsClient(door, null, ALPN);
      await client.send(bytes);
      client.socket.end();
      expect(await door.next()).toBeNull();
      await until(() => door.sockets[0]?.closed === true);
    }
  });

  test('after the start-up, with everything sent: the password is read, then the end is seen', async () => {
    for (const over of ['clear', 'tls'] as const) {
      const door = await openDoor(over === 'clear' ? CLEAR : {});
      const client = over === 'clear' ? await rawClient(door) : await tlsClient(door, null, ALPN);
      client.socket.end(Buffer.concat([ADA, password('secret')]));
      const session = await door.session();
      expect((await session.reader.next())?.body).toEqual(text('secret'));
      expect(await session.reader.next()).toBeNull();
      // half-closed: we can still talk
      session.transport.write(Buffer.from('bye'));
      session.transport.end();
      expect((await client.rest()).toString()).toBe('bye');
    }
  });

  test('by RST after the start-up', async () => {
    const door = await openDoor(CLEAR);
    const client = await rawClient(door);
    await client.send(ADA);
    const session = await door.session();
    const pending = session.reader.next();
    client.socket.resetAndDestroy();
    expect(await pending).toBeNull();
    await until(() => session.transport.closed);
  });
});

describe('clients that are silent', () => {
  test('before the first byte: closed when its time is over, at debug', async () => {
    const clock = heldClock();
    const door = await openDoor({ clock });
    const client = await rawClient(door);
    await until(() => clock.pending === 1);
    clock.fire();
    expect(await door.next()).toBeNull();
    expect(await client.rest()).toEqual(Buffer.alloc(0));
    expect(door.refusals).toEqual([]);
    expect(door.lines).toMatchObject([{ level: 'debug' }]);
  });

  test('after the first byte only the deadline of the whole login counts', async () => {
    const [clock, deadline] = [heldClock(), new AbortController()];
    const door = await openDoor({ clock, deadline: deadline.signal });
    const client = await rawClient(door);
    await client.send(SSL_REQUEST);
    await client.read(1);
    expect(clock.pending).toBe(0);
    deadline.abort();
    expect(await door.next()).toBeNull();
    expect(await client.rest()).toEqual(Buffer.alloc(0));
    expect(door.refusals).toMatchObject([{ error: { code: 'wire.timeout' } }]);
  });

  test.each([
    ['before anything', Buffer.alloc(0)],
    ['inside a packet', ADA.subarray(0, 10)],
    ['inside the TLS hello', Buffer.from('16030100800100', 'hex')],
  ])('%s when the deadline falls: closed without a word', async (_name, bytes) => {
    const deadline = new AbortController();
    const door = await openDoor({ deadline: deadline.signal });
    const client = await rawClient(door);
    await client.send(bytes);
    await until(() => door.sockets[0]?.bytesRead === bytes.length);
    deadline.abort();
    expect(await door.next()).toBeNull();
    expect(await client.rest()).toEqual(Buffer.alloc(0));
  });

  test('inside TLS when the deadline falls', async () => {
    const deadline = new AbortController();
    const door = await openDoor({ deadline: deadline.signal });
    const client = await tlsClient(door, null, ALPN);
    await client.send(ADA.subarray(0, 5));
    deadline.abort();
    expect(await door.next()).toBeNull();
    expect(await client.rest()).toEqual(Buffer.alloc(0));
  });

  test('a connection that comes after the deadline is closed', async () => {
    const door = await openDoor({ deadline: AbortSignal.abort() });
    const client = await rawClient(door);
    expect(await door.next()).toBeNull();
    expect(await client.rest()).toEqual(Buffer.alloc(0));
  });

  test('once admitted the deadline reaches the reader, which says 57014', async () => {
    for (const over of ['clear', 'tls'] as const) {
      const deadline = new AbortController();
      const door = await openDoor({ ...(over === 'clear' ? CLEAR : {}), deadline: deadline.signal });
      const client = over === 'clear' ? await rawClient(door) : await tlsClient(door, null, ALPN);
      await client.send(ADA);
      const session = await door.session();
      const pending = session.reader.next();
      deadline.abort();
      await expect(pending).rejects.toMatchObject({ client: { sqlState: '57014' } });
      expect(session.transport.closed).toBe(false);
    }
  });
});

describe('clients that send too much', () => {
  test('are read no further than the packet and what came along with it', async () => {
    for (const over of ['clear', 'tls'] as const) {
      const door = await openDoor(over === 'clear' ? CLEAR : {});
      const client = over === 'clear' ? await rawClient(door) : await tlsClient(door, null, ALPN);
      await client.send(ADA);
      const session = await door.session();
      const flood = Buffer.alloc(64 * 1024 * 1024, 0x70);
      client.socket.write(Buffer.concat([password('secret'), flood]));
      await session.reader.next();
      await until(() => client.socket.writableLength > 0);
      for (let turn = 0; turn < 200; turn += 1) await nextTurn();
      expect(session.reader.buffered).toBeLessThan(256 * 1024);
      expect(client.socket.writableLength).toBeGreaterThan(48 * 1024 * 1024);
      client.socket.destroy();
    }
  });

  test('a refusal reaches a client that goes on sending', async () => {
    const door = await openDoor();
    const client = await rawClient(door);
    client.socket.write(Buffer.concat([ADA, Buffer.alloc(300_000, 0x70)]));
    expect(errorFields(await client.rest())).toMatchObject({ C: '28000' });
  });

  test('and one that never stops is cut off', async () => {
    const door = await openDoor();
    const client = await rawClient(door);
    client.socket.write(ADA);
    const pump = (): void => {
      while (!client.socket.destroyed && client.socket.write(Buffer.alloc(65_536, 0x70)));
    };
    client.socket.on('drain', pump);
    pump();
    expect(await door.next()).toBeNull();
    await until(() => client.socket.destroyed);
  });

  test('one that never reads or closes after its refusal is closed after a while', async () => {
    const clock = heldClock();
    const door = await openDoor({ clock });
    const client = await rawClient(door);
    await client.send(ADA);
    expect(errorFields(await client.rest())).toMatchObject({ C: '28000' });
    const closed = new Promise((resolve) => client.socket.once('close', resolve));
    await until(() => clock.pending === 1);
    clock.fire();
    client.socket.end(Buffer.alloc(10));
    await closed;
  });
});

describe('PROXY headers', () => {
  const V1 = Buffer.from('PROXY TCP4 192.0.2.7 192.0.2.1 5000 5432\r\n');
  const V2 = Buffer.from(`0d0a0d0a000d0a515549540a2111000cc0000207c000020113881538`, 'hex');
  const behind = { trusted: ['127.0.0.0/8'] };
  const proxied = { address: '192.0.2.7', port: 5000, proxied: true };

  test.each([
    ['v1', V1],
    ['v2', V2],
  ])('%s names the client, with all in one segment and split at every byte', async (_name, header) => {
    const door = await openDoor({ ...CLEAR, ...behind });
    const bytes = Buffer.concat([header, ADA, password('secret')]);
    for (let at = 0; at <= header.length + 1; at += 1) {
      const client = await rawClient(door);
      await until(() => door.sockets.length === at + 1);
      const socket = door.sockets[at];
      await sendSplit(client, bytes, at, () => (socket?.destroyed === false ? socket.bytesRead : Infinity));
      const session = await door.session();
      expect(session.peer).toEqual(proxied);
      expect((await session.reader.next())?.body).toEqual(text('secret'));
      client.socket.destroy();
    }
  });

  test('before TLS, asked for and direct', async () => {
    const door = await openDoor(behind);
    for (const ask of [true, false]) {
      const raw = await rawClient(door);
      await raw.send(V2);
      if (ask) {
        await raw.send(SSL_REQUEST);
        await raw.read(1);
      }
      const client = await tlsClient(door, raw.socket, ALPN);
      await client.send(ADA);
      expect((await door.session()).peer).toEqual(proxied);
    }
  });

  test('before a cancel request', async () => {
    const door = await openDoor(behind);
    const client = await rawClient(door);
    await client.send(V1, cancelRequest(1, Buffer.alloc(4)));
    expect(await door.next()).toMatchObject({ kind: 'cancel', peer: proxied });
  });

  test('a proxy that speaks for itself is the peer', async () => {
    const door = await openDoor({ ...CLEAR, ...behind });
    const client = await rawClient(door);
    await client.send(Buffer.from('PROXY UNKNOWN\r\n'), ADA);
    expect((await door.session()).peer).toMatchObject({ address: '127.0.0.1', proxied: false });
  });

  test.each([
    ['none', ADA],
    ['none, but TLS', Buffer.from('16030100800100', 'hex')],
    ['a malformed one', Buffer.from('PROXY TCP9 x\r\n')],
    ['two', Buffer.concat([V1, V1])],
  ])('%s from a trusted network is closed without a word', async (_name, bytes) => {
    const door = await openDoor({ ...CLEAR, ...behind });
    const client = await rawClient(door);
    await client.send(bytes);
    expect(await client.rest()).toEqual(Buffer.alloc(0));
    expect(await door.next()).toBeNull();
    expect(door.refusals).toMatchObject([{ error: { code: 'wire.proxy_header' } }]);
  });

  test.each([
    ['v1', V1],
    ['v2', V2],
  ])('%s from anyone else is not believed, and the log says why', async (_name, header) => {
    const door = await openDoor({ ...CLEAR, trusted: ['10.0.0.0/8', '2001:db8::/32'] });
    const client = await rawClient(door);
    await client.send(header, ADA);
    expect(await client.rest()).toEqual(Buffer.alloc(0));
    expect(await door.next()).toBeNull();
    expect(door.refusals).toMatchObject([{ error: { code: 'wire.proxy_header' }, peer: { proxied: false } }]);
  });
});

/** The raw connection as a stream whose first write, TLS's hello, goes out in two segments. */
function splittingFirst(raw: RawClient, at: number, bytesRead: () => number): Duplex {
  let first = true;
  const stream = new Duplex({
    read: () => undefined,
    write(chunk: Buffer, _encoding, done) {
      const sent = first ? sendSplit(raw, chunk, at, bytesRead) : raw.send(chunk);
      first = false;
      void sent.then(() => done());
    },
    final: (done) => void raw.socket.end(done),
  });
  raw.socket.on('data', (chunk) => stream.push(chunk));
  return stream;
}
