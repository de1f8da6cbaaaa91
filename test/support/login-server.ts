import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock } from '../../src/core/clock.ts';
import { GatewayError } from '../../src/core/errors.ts';
import { createHasher } from '../../src/login/hasher.ts';
import { login } from '../../src/login/login.ts';
import { DEFAULT_THROTTLE, Throttle } from '../../src/login/throttle.ts';
import type { LoginDeps, LoginOutcome } from '../../src/login/types.ts';
import { admit, type AdmitOptions, type Admitted } from '../../src/session/admit.ts';
import { BoundedHandshakes } from '../../src/session/tls-hello.ts';
import { Turns } from '../../src/session/turns.ts';
import { createTransports } from '../../src/session/transports.ts';
import { developmentTls } from '../../src/tls/development.ts';
import { loadServerTls, type ServerTls } from '../../src/tls/server-tls.ts';
import { encodeBackend } from '../../src/wire/backend.ts';
import { FRONTEND } from '../../src/wire/constants.ts';
import { silentLog } from './store.ts';

/** How one login ended, as the gateway sees it. */
export type Ending = LoginOutcome | { readonly kind: 'refused'; readonly error: GatewayError };

export interface LoginServer {
  readonly port: number;
  readonly caFile: string;
  readonly endPointHash: Buffer;
  /** What the next login uses. */
  deps: LoginDeps;
  /** The next connection's. */
  deadline: AbortSignal;
  /** The next ending that nobody has asked for yet, in the order in which logins end. */
  ending(): Promise<Ending>;
  close(): Promise<void>;
}

/** A listener that admits and logs in, and then answers every query with nothing: all of a session but the engine. */
export async function startLoginServer(
  deps: Pick<LoginDeps, 'credentials'> & Partial<LoginDeps>,
): Promise<LoginServer> {
  const directory = await mkdtemp(path.join(tmpdir(), 'login-'));
  const files = await developmentTls(directory, { names: ['localhost', '127.0.0.1'], now: new Date() });
  const tls = await loadServerTls(files);
  const endings = new Endings();
  const sockets = new Set<Socket>();
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    void serve(socket, admitOptions(tls, running.deadline), () => running.deps, endings);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const running: LoginServer = {
    port: (server.address() as AddressInfo).port,
    caFile: files.caFile,
    endPointHash: tls.current().endPointHash ?? Buffer.alloc(0),
    deps: {
      hasher: createHasher(),
      method: 'scram-sha-256',
      tokenUsers: ['$token', 'token'],
      throttle: new Throttle(systemClock, NO_THROTTLE),
      clock: systemClock,
      ...deps,
    },
    deadline: new AbortController().signal,
    ending: () => endings.next(),
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
      await rm(directory, { recursive: true });
    },
  };
  return running;
}

/** Most tests fail on purpose, and often. */
const NO_THROTTLE = { ...DEFAULT_THROTTLE, free: 1e9, freeUnguessable: 1e9 };

function admitOptions(tls: ServerTls, deadline: AbortSignal): AdmitOptions {
  return {
    tls,
    tlsMode: 'prefer',
    isProxy: () => false,
    firstByteTimeoutMs: 30_000,
    deadline,
    makeTransport: createTransports(),
    turns: new Turns(systemClock),
    boundedHandshakes: new BoundedHandshakes(systemClock),
    clock: systemClock,
    log: silentLog,
  };
}

async function serve(
  socket: Socket,
  options: AdmitOptions,
  deps: () => LoginDeps,
  endings: Endings,
): Promise<void> {
  const admitted = await admit(socket, options);
  if (admitted?.kind !== 'session') return;
  admitted.transport.write(admitted.preface);
  try {
    const outcome = await login(admitted, deps());
    if (outcome.kind === 'proved') greet(admitted, outcome.preface);
    else admitted.transport.destroy();
    endings.push(outcome);
    if (outcome.kind === 'proved') await answerQueries(admitted);
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    admitted.transport.write(encodeBackend({ kind: 'errorResponse', fault: error.client }));
    admitted.transport.end();
    endings.push({ kind: 'refused', error: error });
  }
}

function greet({ transport }: Admitted, preface: Buffer): void {
  transport.write(
    Buffer.concat([
      preface,
      encodeBackend({ kind: 'authenticationOk' }),
      ...Object.entries({ server_version: '18.0', client_encoding: 'UTF8' }).map(([name, value]) =>
        encodeBackend({ kind: 'parameterStatus', name, value }),
      ),
      encodeBackend({ kind: 'backendKeyData', processId: 1, key: Buffer.alloc(4, 1) }),
      encodeBackend({ kind: 'readyForQuery', status: 'I' }),
    ]),
  );
}

const EMPTY_QUERY_RESPONSE = Buffer.from([0x49, 0, 0, 0, 4]);

async function answerQueries({ transport, reader }: Admitted): Promise<void> {
  for (;;) {
    const message = await reader.next();
    if (message?.type !== FRONTEND.query) break;
    transport.write(EMPTY_QUERY_RESPONSE);
    transport.write(encodeBackend({ kind: 'readyForQuery', status: 'I' }));
  }
  transport.end();
}

class Endings {
  readonly #ended: Ending[] = [];
  readonly #waiting: ((ending: Ending) => void)[] = [];

  push(ending: Ending): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#ended.push(ending);
    else waiting(ending);
  }

  next(): Promise<Ending> {
    const ended = this.#ended.shift();
    if (ended !== undefined) return Promise.resolve(ended);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
