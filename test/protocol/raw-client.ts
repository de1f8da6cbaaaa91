import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as tlsConnect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { onTestFinished } from 'vitest';
import type { Door } from './door.ts';

/** A client that says exactly what a test wants said. */
export interface RawClient {
  readonly socket: Socket;
  /** Resolves when the bytes have been taken by the kernel. */
  send(...bytes: readonly Uint8Array[]): Promise<void>;
  /** The next `count` bytes from the server. */
  read(count: number): Promise<Buffer>;
  /** Everything from the server until it closes its side, or resets. */
  rest(): Promise<Buffer>;
}

export async function rawClient(door: Pick<Door, 'port'>): Promise<RawClient> {
  const socket = connect({ port: door.port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  await new Promise((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  return speak(socket);
}

/** The TLS handshake over a connection, or a new one (direct TLS). */
export async function tlsClient(
  door: Pick<Door, 'port'>,
  over: Duplex | null,
  options: ConnectionOptions,
): Promise<RawClient & { readonly socket: TLSSocket }> {
  const target = over === null ? { port: door.port, host: '127.0.0.1' } : { socket: over };
  const socket = tlsConnect({ ...target, rejectUnauthorized: false, ...options });
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve);
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed during the handshake')));
  });
  return { ...speak(socket), socket };
}

function speak(socket: Socket): RawClient {
  let held = Buffer.alloc(0);
  let over = false;
  let wake: (() => void) | null = null;
  const change = (): void => wake?.();
  socket.on('data', (chunk: Buffer) => {
    held = Buffer.concat([held, chunk]);
    change();
  });
  const finish = (): void => {
    over = true;
    change();
  };
  socket.on('end', finish).on('close', finish).on('error', change);
  onTestFinished(() => void socket.destroy());
  const wait = async (enough: () => boolean): Promise<void> => {
    while (!enough() && !over) await new Promise<void>((resolve) => (wake = resolve));
  };
  const take = (count: number): Buffer => {
    const bytes = held.subarray(0, count);
    held = held.subarray(count);
    return bytes;
  };
  return {
    socket,
    send: (...bytes) => new Promise((resolve) => socket.write(Buffer.concat(bytes), () => resolve())),
    async read(count) {
      await wait(() => held.length >= count);
      return take(count);
    },
    async rest() {
      await wait(() => false);
      return take(held.length);
    },
  };
}
