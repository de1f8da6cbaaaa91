import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ConnectionOptions } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { BoundedHandshakes } from '../../src/session/tls-hello.ts';
import { Turns } from '../../src/session/turns.ts';
import { nodeHello } from '../support/tls-answers.ts';
import { record } from '../support/tls-hellos.ts';
import { heldClock, openDoor, until, type Door } from './door.ts';
import { ADA, SSL_REQUEST } from './packets.ts';
import { rawClient, tlsClient, type RawClient } from './raw-client.ts';

const ALPN = { ALPNProtocols: ['postgresql'] };
/** The server takes no key of a finite field, and asks for another hello. */
const RETRIED: ConnectionOptions = { ...ALPN, ecdhCurve: 'ffdhe2048:X25519' };
/** Here the client's key is sent when the server's is known. */
const TLS12: ConnectionOptions = { ...ALPN, maxVersion: 'TLSv1.2' };
const RECORD_HEAD = 5;
const AT_ONCE = 4;

/** Turns that are given when the test says so. */
class HeldTurns extends Turns {
  taken = 0;
  #release = (): void => undefined;
  readonly #released = new Promise<void>((resolve) => {
    this.#release = resolve;
  });

  readonly #free: number;

  constructor(free: number) {
    super(systemClock);
    this.#free = free;
  }

  override take(): Promise<void> {
    this.taken += 1;
    return this.taken <= this.#free ? Promise.resolve() : this.#released;
  }

  release(): void {
    this.#release();
  }
}

/** Direct, and asked for. */
async function openings(door: Door): Promise<RawClient[]> {
  const [direct, requested] = [await rawClient(door), await rawClient(door)];
  await requested.send(SSL_REQUEST);
  await requested.read(1);
  return [direct, requested];
}

async function read(door: Door, at: number, bytes: number): Promise<void> {
  await until(() => (door.sockets[at]?.bytesRead ?? 0) >= bytes);
  // what was read is dealt with in ticks and microtasks
  await nextTurn();
}

describe('a hello', () => {
  test('is not worked on before it is whole and its turn has come', async () => {
    // each connection's first byte takes one
    const turns = new HeldTurns(2);
    const door = await openDoor({ turns });
    const hello = await nodeHello(ALPN);
    const clients = await openings(door);
    for (const client of clients) await client.send(hello.subarray(0, -1));
    await read(door, 0, hello.length - 1);
    await read(door, 1, SSL_REQUEST.length + hello.length - 1);
    expect(turns.taken).toBe(2);
    for (const client of clients) await client.send(hello.subarray(-1));
    await until(() => turns.taken === 4);
    await nextTurn();
    expect(door.sockets.map((socket) => socket.bytesWritten)).toEqual([0, 1]);
    turns.release();
    for (const client of clients) expect((await client.read(1))[0]).toBe(22);
  });

  test('with what no client of a database sends is closed without a word, and the log says why', async () => {
    const door = await openDoor();
    const hello = (await nodeHello(ALPN)).subarray(RECORD_HEAD);
    const head = [record(hello.subarray(0, 2)), record(Buffer.alloc(0), 20)];
    for (const client of await openings(door)) {
      await client.send(...head, record(hello.subarray(2)));
      expect(await client.rest()).toEqual(Buffer.alloc(0));
      expect(await door.next()).toBe(null);
    }
    const reasons = door.refusals.map(({ error }) => [error.code, error.message]);
    expect(reasons).toEqual([
      ['wire.malformed', 'empty ChangeCipherSpec'],
      ['wire.malformed', 'empty ChangeCipherSpec'],
    ]);
  });

  test('that comes byte by byte is not kept as so many pieces', async () => {
    const door = await openDoor();
    const client = await rawClient(door);
    const hello = await nodeHello(ALPN);
    for (let at = 0; at < hello.length - 1; at += 1) {
      await client.send(hello.subarray(at, at + 1));
      await read(door, 0, at + 1);
    }
    expect(door.sockets[0]?.readableLength).toBe(0);
    await client.send(hello.subarray(-1));
    expect((await client.read(1))[0]).toBe(22);
  });

  test('that is none gets the alert of TLS', async () => {
    const door = await openDoor();
    const [client] = await openings(door);
    await client?.send(record(Buffer.of(24, 0, 0, 0)));
    expect((await client?.rest())?.[0]).toBe(21);
  });
});

describe.each([
  ['where the server asks for a second hello', RETRIED],
  ['where the client’s key comes behind its hello', TLS12],
])('%s', (_name, options) => {
  test('a client that sends it is served', async () => {
    const door = await openDoor();
    const client = await tlsClient(door, null, options);
    await client.send(ADA);
    expect((await door.session()).startup.user).toBe('ada');
  });

  /** They are asked, and do not answer. */
  const silent = async (door: Door, count: number): Promise<RawClient[]> => {
    const hello = await nodeHello(options);
    const clients = await Promise.all(Array.from({ length: count }, () => rawClient(door)));
    for (const client of clients) await client.send(hello);
    for (const client of clients) expect((await client.read(1))[0]).toBe(22);
    return clients;
  };

  /** Nobody's moment is over before the clock is fired. */
  const heldDoor = async () => {
    const time = { ms: 0 };
    const held = heldClock();
    const clock = { ...held, monotonicMs: () => time.ms };
    const door = await openDoor({ boundedHandshakes: new BoundedHandshakes(clock, AT_ONCE) });
    return { door, time, held };
  };

  test('few are listened to at once, and those who are done with their hello do not wait for them', async () => {
    const { door, held } = await heldDoor();
    await silent(door, AT_ONCE);
    const next = tlsClient(door, null, options);
    await until(() => (door.sockets[AT_ONCE]?.bytesWritten ?? 0) > 0);
    const helloBytes = door.sockets[AT_ONCE]?.bytesRead;
    await (await tlsClient(door, null, ALPN)).send(ADA);
    expect((await door.session()).startup.user).toBe('ada');
    for (let round = 0; round < 20; round += 1) await nextTurn();
    expect(door.sockets[AT_ONCE]?.bytesRead).toBe(helloBytes);
    held.fire();
    await (await next).send(ADA);
    expect((await door.session()).startup.user).toBe('ada');
  });

  test('those who are silent for long are closed, and nobody who could not be heard', async () => {
    const { door, time, held } = await heldDoor();
    const clients = await silent(door, AT_ONCE);
    const next = tlsClient(door, null, options);
    await until(() => (door.sockets[AT_ONCE]?.bytesWritten ?? 0) > 0);
    time.ms = 2999;
    held.fire();
    await (await next).send(ADA);
    expect((await door.session()).startup.user).toBe('ada');
    time.ms = 3000;
    const late = tlsClient(door, null, options);
    await until(() => (door.sockets[AT_ONCE + 1]?.bytesWritten ?? 0) > 0);
    time.ms = 6000;
    held.fire();
    for (const client of clients) {
      await client.rest();
      expect(await door.next()).toBe(null);
    }
    await (await late).send(ADA);
    expect((await door.session()).startup.user).toBe('ada');
    expect(held.pending).toBe(0);
  });

  test('a crowd that keeps silent is no reason to wait for it', async () => {
    const door = await openDoor({ boundedHandshakes: new BoundedHandshakes(systemClock, AT_ONCE) });
    const crowd = await silent(door, 25 * AT_ONCE);
    await (await tlsClient(door, null, options)).send(ADA);
    expect((await door.session()).startup.user).toBe('ada');
    expect(crowd.filter(({ socket }) => socket.readableEnded || socket.destroyed)).toEqual([]);
    expect(door.refusals).toEqual([]);
  });
});
