import type { Socket } from 'node:net';
import { Registry } from 'prom-client';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { fatal, GatewayError } from '../../../src/core/errors.ts';
import { createLog } from '../../../src/core/log.ts';
import { createSessionMetrics } from '../../../src/observe/session-metrics.ts';
import { admit, type Admitted } from '../../../src/session/admit.ts';
import { Deadlines } from '../../../src/session/deadline.ts';
import { createJournal } from '../../../src/session/journal.ts';
import { listen } from '../../../src/session/listener.ts';
import { runSession, type SessionDeps } from '../../../src/session/run.ts';
import { BoundedHandshakes } from '../../../src/session/tls-hello.ts';
import { createTransports } from '../../../src/session/transports.ts';
import { Turns } from '../../../src/session/turns.ts';
import { developmentTls } from '../../../src/tls/development.ts';
import { loadServerTls, type ServerTls } from '../../../src/tls/server-tls.ts';
import { heldClock, until } from '../../protocol/door.ts';
import { ADA, cancelRequest, SSL_REQUEST, startup } from '../../protocol/packets.ts';
import { rawClient, tlsClient } from '../../protocol/raw-client.ts';
import { makeDirectory } from '../../support/temporary.ts';

/** Of one address. */
const CAP = 3;
const wrong = (): GatewayError =>
  new GatewayError('login.wrong_secret', 'wrong', fatal('28P01', 'password authentication failed'));

let tls: ServerTls;

beforeAll(async () => {
  const files = await developmentTls(await makeDirectory(), { names: ['localhost'], now: new Date() });
  tls = await loadServerTls(files);
});

interface Entrance {
  readonly port: number;
  /** The gateway's ends of all connections that came, in order. */
  readonly sockets: readonly Socket[];
  /** How many of them it still has. */
  open(): number;
  /** How many were closed unheard. */
  readonly refused: readonly string[];
  /** Time passes, but no timer runs off. */
  pass(ms: number): void;
  /** All that waits for a time runs off. */
  fire(): void;
}

type Login = (admitted: Admitted, deadline: AbortSignal) => Promise<never>;

/** The way of a connection up to its login, where time stands still: nobody is cut off for lingering. */
async function openEntrance(login: Login): Promise<Entrance> {
  const [sockets, refused, clock]: [Socket[], string[], ReturnType<typeof heldClock>] = [[], [], heldClock()];
  const log = createLog('silent');
  const deadlines = new Deadlines(() => 60_000, clock);
  let nowMs = 0;
  let current: AbortSignal;
  const nothing = (): undefined => undefined;
  const deps = {
    admit: (socket, { signal }, onClient) => {
      current = signal;
      return admit(socket, {
        ...{ tls, tlsMode: 'prefer', isProxy: () => false, firstByteTimeoutMs: 60_000, deadline: signal },
        ...{ makeTransport: createTransports(), turns: new Turns(systemClock), clock, log, onClient },
        boundedHandshakes: new BoundedHandshakes(clock),
      });
    },
    cancel: () => Promise.resolve(),
    login: (admitted) => login(admitted, current),
    journal: createJournal({
      audit: { note: nothing },
      refusals: { note: nothing },
      lastUsed: { note: nothing },
      directory: { opened: nothing, closed: nothing },
      metrics: createSessionMetrics(new Registry(), () => 0),
      ...{ clock, log },
    }),
    supervisor: { epoch: 0 },
    newDeadline: () => deadlines.start(),
    ...{ clock, log },
  } as Partial<Omit<SessionDeps, 'supervisor'>> as SessionDeps;
  const listener = await listen({
    ...{ host: '127.0.0.1', port: 0, backlog: 16, log },
    isProxy: () => false,
    hasRoom: () => true,
    refused: (reason) => refused.push(reason),
    limits: () => ({ max: 100, maxPerAddress: CAP }),
    run(socket, place) {
      sockets.push(socket);
      return runSession(socket, place, deps);
    },
    clock: { ...systemClock, monotonicMs: () => nowMs },
  });
  onTestFinished(() => {
    listener.stopAccepting();
    for (const socket of sockets) socket.destroy();
  });
  return {
    ...{ port: listener.port, sockets, refused },
    open: () => sockets.filter((socket) => !socket.destroyed).length,
    pass(ms) {
      nowMs += ms;
    },
    fire: () => clock.fire(),
  };
}

const wrongSecret: Login = () => Promise.reject(wrong());

/** Says something, and closes nothing. @returns what it hears up to the end */
type Client = (entrance: Entrance) => Promise<{ readonly heard: Promise<Buffer> }>;

const says =
  (packet: Buffer): Client =>
  async (entrance) => {
    const client = await rawClient(entrance);
    client.socket.write(packet);
    return { heard: client.rest() };
  };

const saysOverTls: Client = async (entrance) => {
  const plain = await rawClient(entrance);
  plain.socket.write(SSL_REQUEST);
  // Not for who is closed unheard.
  if ((await plain.read(1)).length === 0) return { heard: plain.rest() };
  const client = await tlsClient(entrance, plain.socket, {});
  client.socket.write(ADA);
  return { heard: client.rest() };
};

test.each<[string, Client, Login]>([
  ['at the door', says(startup(0x2_0000, { user: 'ada' })), wrongSecret],
  ['at the login', says(ADA), wrongSecret],
  ['at the login over TLS', saysOverTls, wrongSecret],
  ['by being told that a cancel request was heard', says(cancelRequest(1, Buffer.alloc(4))), wrongSecret],
])('who is sent away %s and does not close keeps the place', async (_where, client, login) => {
  const entrance = await openEntrance(login);
  for (let n = 0; n < CAP; n++) await (await client(entrance)).heard;
  expect([entrance.open(), entrance.refused.length]).toEqual([CAP, 0]);
  for (let n = 0; n < 2 * CAP; n++) await (await client(entrance)).heard;
  expect([entrance.open(), entrance.refused.length]).toEqual([CAP, 2 * CAP]);

  // The oldest makes room, and is really closed.
  entrance.pass(1000);
  for (let n = 0; n < CAP; n++) {
    await (
      await client(entrance)
    ).heard;
    expect(entrance.sockets[n]?.destroyed).toBe(true);
    await until(() => entrance.open() === CAP);
  }
  expect(entrance.refused.length).toBe(2 * CAP);

  // Who has not closed in time is cut off, and the place is free.
  entrance.fire();
  await until(() => entrance.open() === 0);
  await (
    await client(entrance)
  ).heard;
  expect([entrance.open(), entrance.refused.length]).toEqual([1, 2 * CAP]);
});

test('who is sent away because time is up and does not close keeps the place', async () => {
  let logins = 0;
  // Fails, too, because of what it was sent away for.
  const entrance = await openEntrance((_admitted, deadline) => {
    logins += 1;
    return new Promise((_resolve, reject) => {
      deadline.addEventListener('abort', () => reject(wrong()));
    });
  });
  const clients = await Promise.all(Array.from({ length: CAP }, () => says(ADA)(entrance)));
  await until(() => logins === CAP);
  entrance.fire();
  for (const { heard } of clients) await heard;
  await (
    await says(ADA)(entrance)
  ).heard;
  expect([entrance.open(), entrance.refused.length]).toEqual([CAP, 1]);
});
