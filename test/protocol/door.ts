import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { systemClock, type Clock } from '../../src/core/clock.ts';
import { createLog } from '../../src/core/log.ts';
import { addressIn } from '../../src/core/networks.ts';
import {
  admit,
  type Admitted,
  type AdmitOptions,
  type CancelAsked,
  type Refusal,
} from '../../src/session/admit.ts';
import { BoundedHandshakes } from '../../src/session/tls-hello.ts';
import { Turns } from '../../src/session/turns.ts';
import { createTransports } from '../../src/session/transports.ts';
import { developmentTls, type DevelopmentTls } from '../../src/tls/development.ts';
import { loadServerTls, type ServerTls } from '../../src/tls/server-tls.ts';

export type Outcome = Admitted | CancelAsked | null;

/** A listener that admits, and nothing more: what comes in is taken out one by one. */
export interface Door {
  readonly port: number;
  readonly files: DevelopmentTls;
  readonly tls: ServerTls;
  readonly refusals: Refusal[];
  /** Lines of the log at debug, as objects. */
  readonly lines: Record<string, unknown>[];
  /** What became of the next connection. */
  readonly next: () => Promise<Outcome>;
  /** The next connection's, which must want a session. */
  readonly session: () => Promise<Admitted>;
  /** The server's end of each connection, in order. */
  readonly sockets: Socket[];
}

export type DoorOptions = Partial<Omit<AdmitOptions, 'isProxy'>> & {
  readonly trusted?: readonly string[];
  readonly pauseOnConnect?: boolean;
};

/** Opens a door on a free port; closed, with all that came through it, when the test ends. */
export async function openDoor(overrides: DoorOptions = {}): Promise<Door> {
  const directory = mkdtempSync(join(tmpdir(), 'patgate-door-'));
  const files = await developmentTls(directory, { names: ['localhost', '127.0.0.1'], now: new Date() });
  const tls = await loadServerTls(files);
  const [sockets, refusals, lines]: [Socket[], Refusal[], Record<string, unknown>[]] = [[], [], []];
  const outcomes = queue<Outcome>();
  const admitted: Exclude<Outcome, null>[] = [];
  const log = createLog('debug', {
    write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>),
  });
  const options = {
    ...{ tls, tlsMode: 'require', firstByteTimeoutMs: 60_000, deadline: new AbortController().signal, log },
    ...{
      clock: systemClock,
      makeTransport: createTransports(),
      isProxy: (address: string) => addressIn(address, overrides.trusted ?? []),
    },
    turns: new Turns(systemClock),
    boundedHandshakes: new BoundedHandshakes(overrides.clock ?? systemClock),
    onRefused: (refusal: Refusal) => void refusals.push(refusal),
    ...overrides,
  } satisfies AdmitOptions;
  const server = createServer({ pauseOnConnect: overrides.pauseOnConnect ?? false }, (socket) => {
    sockets.push(socket);
    void admit(socket, options).then((outcome) => {
      if (outcome !== null) admitted.push(outcome);
      outcomes.put(outcome);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    for (const outcome of admitted) {
      if (outcome.kind === 'session') outcome.transport.destroy();
      else outcome.close();
    }
    await new Promise((resolve) => server.close(resolve));
    rmSync(directory, { recursive: true, force: true });
  });
  const session = async (): Promise<Admitted> => {
    const outcome = await outcomes.take();
    if (outcome?.kind !== 'session') throw new Error(`not a session: ${JSON.stringify(outcome)}`);
    return outcome;
  };
  const { port } = server.address() as AddressInfo;
  return { port, files, tls, refusals, lines, sockets, next: outcomes.take, session };
}

/** Time that stands still until it is told to pass. */
export function heldClock(): Clock & { fire(): void; readonly pending: number } {
  const calls = new Map<object, () => void>();
  return {
    ...systemClock,
    after(_delayMs, run) {
      const timer = { cancel: () => void calls.delete(timer) };
      calls.set(timer, run);
      return timer;
    },
    fire() {
      const due = [...calls.values()];
      calls.clear();
      for (const run of due) run();
    },
    get pending() {
      return calls.size;
    },
  };
}

/** Turns the event loop until something is so. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

interface Queue<T> {
  readonly put: (item: T) => void;
  readonly take: () => Promise<T>;
}

function queue<T>(): Queue<T> {
  const items: T[] = [];
  const takers: ((item: T) => void)[] = [];
  return {
    put(item) {
      const taker = takers.shift();
      if (taker === undefined) items.push(item);
      else taker(item);
    },
    take: () =>
      new Promise((resolve) => {
        const [item] = items;
        if (items.length === 0) takers.push(resolve);
        else resolve((items.shift(), item as T));
      }),
  };
}
