import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, createSecureContext } from 'node:tls';

import { afterEach, beforeEach, expect } from 'vitest';

import { acceptTls } from '../../../src/tls/accept.ts';
import { developmentTls } from '../../../src/tls/development.ts';
import { loadServerTls } from '../../../src/tls/server-tls.ts';
import { createTransports, type Transports } from '../../../src/session/transports.ts';
import type { Tenure, Transport, TransportSink } from '../../../src/wire/transport.ts';

/** The ends that tests play: they are closed for them. */
const peers = new Set<Socket>();

/** Fails a test that leaves a transport, a server or a timer behind. Call once in a file, at its top. */
export function leaveNothingBehind(): void {
  let before = new Map<string, number>();
  beforeEach(() => {
    before = resources();
  });
  afterEach(async () => {
    for (const peer of peers) peer.destroy();
    peers.clear();
    await settle(() => newOnes(before).length === 0);
    expect(newOnes(before), 'left behind by the test').toEqual([]);
  });
}

/** Waits until `done`, at most three seconds. */
export async function settle(done: () => boolean): Promise<void> {
  const deadline = performance.now() + 3000;
  while (!done() && performance.now() < deadline) await new Promise((resolve) => setImmediate(resolve));
}

function resources(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of process.getActiveResourcesInfo()) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

function newOnes(before: ReadonlyMap<string, number>): string[] {
  const kinds = /^(TCP|Pipe|TLS|Timeout)/;
  return [...resources()]
    .filter(([name, count]) => kinds.test(name) && count > (before.get(name) ?? 0))
    .map(([name]) => name);
}

/** A transport and the socket at its other end, which the test plays. */
export interface TransportPair {
  readonly transport: Transport;
  readonly peer: Socket;
  /** Breaks the connection with a reset, which only TCP has. */
  reset(): void;
}

/** Every way in which a transport comes to be. */
export const TRANSPORT_KINDS = {
  'accepted over TCP': accepted,
  'connected over TCP': connected,
  'connected over a Unix socket': connectedByPath,
  'accepted over TCP, by stream events': () => accepted(createTransports(null)),
  'accepted over TLS': acceptedOverTls,
  'accepted over TLS, by stream events': () => acceptedOverTls(createTransports(null)),
} as const;

export type TransportKind = keyof typeof TRANSPORT_KINDS;

export const transportKinds = Object.keys(TRANSPORT_KINDS) as TransportKind[];

export function pairOf(kind: TransportKind): Promise<TransportPair> {
  return TRANSPORT_KINDS[kind]();
}

/** An accepted connection, not yet read from, and its peer. */
export async function acceptedSocket(): Promise<{ peer: Socket; socket: Socket }> {
  const server = await listening(createServer({ allowHalfOpen: true, pauseOnConnect: true }), 0);
  const incoming = once(server, 'connection');
  const peer = connect({ port: portOf(server), host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  play(peer);
  const [[socket]] = (await Promise.all([incoming, once(peer, 'connect')])) as [[Socket], unknown];
  server.close();
  return { peer, socket };
}

export async function accepted(transports: Transports = createTransports()): Promise<TransportPair> {
  const { peer, socket } = await acceptedSocket();
  return { peer, transport: transports.plain(socket), reset: () => peer.resetAndDestroy() };
}

export async function connected(transports: Transports = createTransports()): Promise<TransportPair> {
  const server = await listening(createServer({ allowHalfOpen: true, noDelay: true }), 0);
  return connectedTo(server, { host: '127.0.0.1', port: portOf(server) }, transports);
}

async function connectedByPath(): Promise<TransportPair> {
  const folder = await mkdtemp(join(tmpdir(), 'patgate-transport-'));
  const path = join(folder, 'socket');
  const server = await listening(createServer({ allowHalfOpen: true }), path);
  const pair = await connectedTo(server, { path }, createTransports());
  await rm(folder, { recursive: true });
  return pair;
}

async function connectedTo(
  server: Server,
  target: Parameters<Transports['connect']>[0],
  transports: Transports,
): Promise<TransportPair> {
  const incoming = once(server, 'connection');
  const transport = await transports.connect(target, { timeoutMs: 5000 });
  const [peer] = (await incoming) as [Socket];
  play(peer);
  server.close();
  return { peer, transport, reset: () => peer.resetAndDestroy() };
}

export async function acceptedOverTls(transports: Transports = createTransports()): Promise<TransportPair> {
  const folder = await mkdtemp(join(tmpdir(), 'patgate-transport-'));
  const files = await developmentTls(folder, { names: ['127.0.0.1'], now: new Date() });
  const identity = (await loadServerTls(files)).current();
  await rm(folder, { recursive: true });
  const { peer: raw, socket } = await acceptedSocket();
  const accepting = acceptTls(socket, identity).done;
  const peer = connectTls({ socket: raw, secureContext: createSecureContext(), rejectUnauthorized: false });
  peer.allowHalfOpen = true;
  play(peer);
  const [inside] = await Promise.all([accepting, once(peer, 'secureConnect')]);
  return { peer, transport: transports.tls(inside), reset: () => raw.resetAndDestroy() };
}

async function listening(server: Server, where: number | string): Promise<Server> {
  if (typeof where === 'string') server.listen(where);
  else server.listen(where, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

function play(peer: Socket): void {
  peers.add(peer);
  // what a test breaks on purpose is looked at from the other end
  peer.on('error', () => undefined);
}

/** A sink that writes down what it gets. */
export class Notes implements TransportSink {
  readonly events: string[] = [];
  bytes = Buffer.alloc(0);
  readonly tenures = new Set<Tenure>();
  readonly #waiting = new Set<() => void>();

  data(chunk: Buffer, tenure: Tenure): boolean {
    this.bytes = Buffer.concat([this.bytes, chunk]);
    this.tenures.add(tenure);
    this.#changed();
    return false;
  }

  end(): void {
    this.#note('end');
  }

  drain(): void {
    this.#note('drain');
  }

  close(error: Error | null): void {
    this.#note(error === null ? 'close' : 'close by error');
  }

  /** Settles once `condition` holds after some event. */
  until(condition: (notes: this) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (!condition(this)) return;
        this.#waiting.delete(check);
        resolve();
      };
      this.#waiting.add(check);
      check();
    });
  }

  untilEvent(name: string): Promise<void> {
    return this.until(({ events }) => events.includes(name));
  }

  #note(event: string): void {
    this.events.push(event);
    this.#changed();
  }

  #changed(): void {
    for (const check of [...this.#waiting]) check();
  }
}

/** What a peer has received; `until…` waits for more. */
export class Inbox {
  readonly #socket: Socket;
  #chunks: Buffer<ArrayBuffer>[] = [];
  #length = 0;
  #over = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer<ArrayBuffer>) => {
      this.#chunks.push(chunk);
      this.#length += chunk.length;
    });
    socket.on('end', () => (this.#over = true));
    socket.on('close', () => (this.#over = true));
  }

  get bytes(): Buffer<ArrayBuffer> {
    const [first, ...more] = this.#chunks;
    if (first === undefined) return Buffer.alloc(0);
    if (more.length === 0) return first;
    const all = Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }

  get length(): number {
    return this.#length;
  }

  /** Settles when `length` bytes are here. @throws when the connection ends before */
  async until(length: number): Promise<Buffer<ArrayBuffer>> {
    await this.untilLength(length);
    return this.bytes;
  }

  /** As `until`, without putting the bytes together. */
  async untilLength(length: number): Promise<void> {
    while (this.#length < length) {
      if (this.#over) throw new Error(`the connection ended after ${this.#length} of ${length} bytes`);
      await this.#next();
    }
  }

  async untilEnd(): Promise<Buffer<ArrayBuffer>> {
    while (!this.#over) await this.#next();
    return this.bytes;
  }

  /** Settles with the next 'data', 'end' or 'close', whichever comes first; leaves no listener behind. */
  #next(): Promise<void> {
    const names = ['data', 'end', 'close'] as const;
    return new Promise((resolve) => {
      const onAny = (): void => {
        for (const name of names) this.#socket.off(name, onAny);
        resolve();
      };
      for (const name of names) this.#socket.on(name, onAny);
    });
  }
}
