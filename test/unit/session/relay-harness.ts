import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

import { afterEach, expect } from 'vitest';

import type { Clock } from '../../../src/core/clock.ts';
import type { Transport } from '../../../src/wire/transport.ts';
import { relay, type Relay, type RelayOptions } from '../../../src/session/relay.ts';
import { createTransports, type Transports } from '../../../src/session/transports.ts';

/** A clock that stands still until it is moved, and knows what still waits for it. */
export class ManualClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Set<{ readonly dueMs: number; readonly run: () => void }>();

  now(): Date {
    return new Date(this.#nowMs);
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): { cancel(): void } {
    const timer = { dueMs: this.#nowMs + delayMs, run };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  /** Runs whatever falls due, also what that starts. */
  advance(ms: number): void {
    this.#nowMs += ms;
    for (;;) {
      const due = [...this.#timers].find((timer) => timer.dueMs <= this.#nowMs);
      if (due === undefined) return;
      this.#timers.delete(due);
      due.run();
    }
  }

  get waiting(): number {
    return this.#timers.size;
  }
}

/** Fails a test that leaves a socket, server or timer behind. Call once in a file, at its top. */
export function leaveNothingBehind(): void {
  afterEach(async () => {
    const deadline = performance.now() + 2000;
    let left = leftovers();
    while (left.length > 0 && performance.now() < deadline) {
      await new Promise((resolve) => setImmediate(resolve));
      left = leftovers();
    }
    expect(left, 'left behind by the test').toEqual([]);
  });
}

function leftovers(): string[] {
  const ours = /^(TCP|Pipe|TLS|Timeout)/;
  // vitest talks to its parent over a pipe and keeps timers of its own from before the test
  return process
    .getActiveResourcesInfo()
    .filter((name) => ours.test(name) && name !== 'PipeWrap' && name !== 'Timeout');
}

/** Both ends of a real TCP connection on the loopback interface. */
export interface SocketPair {
  /** The end that the test plays. */
  readonly peer: Socket;
  /** The end that was accepted, or that connected. */
  readonly socket: Socket;
}

/** An accepted connection, not yet read from, and its peer. */
export async function socketPair(): Promise<SocketPair> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  const peer = connect({
    port: portOf(server.address()),
    host: '127.0.0.1',
    allowHalfOpen: true,
    noDelay: true,
  });
  peer.on('error', () => undefined);
  const [socket] = (await accepted) as [Socket];
  server.close();
  return { peer, socket };
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string') throw new Error('not a TCP server');
  return address.port;
}

export type TransportKind = 'accepted' | 'connected';

export interface TransportPair {
  readonly transport: Transport;
  readonly peer: Socket;
}

/** A transport of the kind and the socket at its other end. */
export async function transportPair(kind: TransportKind, transports: Transports): Promise<TransportPair> {
  switch (kind) {
    case 'accepted': {
      const { peer, socket } = await socketPair();
      return { peer, transport: transports.plain(socket) };
    }
    case 'connected': {
      const server = createServer({ allowHalfOpen: true, noDelay: true }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const accepted = once(server, 'connection');
      const target = { host: '127.0.0.1', port: portOf(server.address()) };
      const transport = await transports.connect(target, { timeoutMs: 5000 });
      const [peer] = (await accepted) as [Socket];
      peer.on('error', () => undefined);
      server.close();
      return { peer, transport };
    }
  }
}

/** What a peer has received; `until` waits for more. */
export class Inbox {
  readonly #socket: Socket;
  #bytes = Buffer.alloc(0);
  ended = false;
  closed = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
    });
    socket.on('end', () => (this.ended = true));
    socket.on('close', () => (this.closed = true));
  }

  get bytes(): Buffer {
    return this.#bytes;
  }

  get text(): string {
    return this.#bytes.toString('latin1');
  }

  /** Settles when `length` bytes are here. */
  async until(length: number): Promise<Buffer> {
    while (this.#bytes.length < length) {
      if (this.ended || this.closed)
        throw new Error(`the connection ended after ${this.#bytes.length} bytes`);
      await Promise.race([
        once(this.#socket, 'data'),
        once(this.#socket, 'end'),
        once(this.#socket, 'close'),
      ]);
    }
    return this.#bytes;
  }

  async untilEnd(): Promise<Buffer> {
    while (!this.ended && !this.closed) {
      await Promise.race([once(this.#socket, 'end'), once(this.#socket, 'close')]);
    }
    return this.#bytes;
  }
}

/** A relay between two peers that the test plays. */
export interface TestSession {
  readonly client: Socket;
  readonly engine: Socket;
  readonly toClient: Inbox;
  readonly toEngine: Inbox;
  readonly engineTransport: Transport;
  readonly clock: ManualClock;
  readonly relay: Relay;
}

export interface TestSessionOptions extends Partial<RelayOptions> {
  readonly transports?: Transports;
  readonly clientLeftover?: Buffer;
  readonly engineLeftover?: Buffer;
}

export async function startSession(options: TestSessionOptions = {}): Promise<TestSession> {
  const transports = options.transports ?? createTransports();
  const client = await transportPair('accepted', transports);
  const engine = await transportPair('connected', transports);
  const clock = new ManualClock();
  const run = relay(
    { transport: client.transport, leftover: options.clientLeftover ?? Buffer.alloc(0) },
    { transport: engine.transport, leftover: options.engineLeftover ?? Buffer.alloc(0) },
    { clock, ...options },
  );
  return {
    client: client.peer,
    engine: engine.peer,
    toClient: new Inbox(client.peer),
    toEngine: new Inbox(engine.peer),
    engineTransport: engine.transport,
    clock,
    relay: run,
  };
}

/** One message, as it goes over the wire. */
export function message(type: string, body: string | Buffer = ''): Buffer {
  const content = Buffer.from(body as string, 'latin1');
  const header = Buffer.alloc(5, type, 'latin1');
  header.writeInt32BE(content.length + 4, 1);
  return Buffer.concat([header, content]);
}

export const READY = message('Z', 'I');
export const READY_IN_TRANSACTION = message('Z', 'T');
export const TERMINATE = message('X');
