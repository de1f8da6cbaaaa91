import type { Socket } from 'node:net';

import { afterEach, expect } from 'vitest';

import type { Clock } from '../../../src/core/clock.ts';
import { relay, type Relay, type RelayOptions } from '../../../src/session/relay.ts';
import { createTransports } from '../../../src/session/transports.ts';
import type { Transport } from '../../../src/wire/transport.ts';
import {
  accepted,
  connected,
  Inbox,
  leaveNothingBehind,
  settle,
  type TransportPair,
} from './transport-harness.ts';

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

/** A relay between two peers that the test plays. */
export interface TestSession {
  readonly client: Socket;
  readonly engine: Socket;
  readonly toClient: Inbox;
  readonly toEngine: Inbox;
  readonly engineTransport: Transport;
  readonly clientTransport: Transport;
  readonly clock: ManualClock;
  readonly relay: Relay;
  /** Breaks the client's connection. */
  resetClient(): void;
  resetEngine(): void;
}

export interface TestSessionOptions extends Partial<RelayOptions> {
  readonly client?: TransportPair;
  readonly engine?: TransportPair;
  readonly clientLeftover?: Buffer;
  readonly engineLeftover?: Buffer;
}

const sessions = new Set<TestSession>();

/** As for transports; connections that a test left open are closed for it, and then no timer may wait. */
export function leaveNoSessionBehind(): void {
  leaveNothingBehind();
  // hooks run last in, first out
  afterEach(async () => {
    const ended = [...sessions];
    sessions.clear();
    for (const { clientTransport, engineTransport } of ended) {
      clientTransport.destroy();
      engineTransport.destroy();
    }
    await settle(() => ended.every(({ clock }) => clock.waiting === 0));
    expect(ended.map(({ clock }) => clock.waiting).filter(Boolean), 'timers left').toEqual([]);
  });
}

export async function startSession(options: TestSessionOptions = {}): Promise<TestSession> {
  const transports = createTransports();
  const client = options.client ?? (await accepted(transports));
  const engine = options.engine ?? (await connected(transports));
  const clock = new ManualClock();
  const session: TestSession = {
    client: client.peer,
    engine: engine.peer,
    toClient: new Inbox(client.peer),
    toEngine: new Inbox(engine.peer),
    clientTransport: client.transport,
    engineTransport: engine.transport,
    clock,
    relay: relay(
      { transport: client.transport, leftover: options.clientLeftover ?? Buffer.alloc(0) },
      { transport: engine.transport, leftover: options.engineLeftover ?? Buffer.alloc(0) },
      { clock, ...options },
    ),
    resetClient: () => client.reset(),
    resetEngine: () => engine.reset(),
  };
  sessions.add(session);
  return session;
}

/** One message, as it goes over the wire. */
export function message(type: string, body: string | Buffer = ''): Buffer {
  const content = Buffer.from(body as string, 'latin1');
  const header = Buffer.alloc(5, type, 'latin1');
  header.writeInt32BE(content.length + 4, 1);
  return Buffer.concat([header, content]);
}

export const QUERY = message('Q', 'select 1\0');
export const ROWS = Buffer.concat([message('T', 'columns'), message('D', 'row')]);
export const ANSWER = Buffer.concat([ROWS, message('C', 'SELECT 1\0'), message('Z', 'I')]);
export const TERMINATE = message('X');
