import { connect, type Socket } from 'node:net';
import { encodeFrontend } from '../../src/wire/frontend.ts';

/** Clients that only take up room, each in its own way, and come again when they are sent away. */
export interface Crowd {
  /** Connections that stand now. */
  readonly standing: number;
  /** Connections that were made so far. */
  readonly made: number;
  leave(): void;
}

export interface CrowdOptions {
  readonly port: number;
  readonly size: number;
  /** On the loopback network; connections take turns. */
  readonly addresses: readonly string[];
  /** Whom those who get as far try to be. */
  readonly user: string;
  /** From the end of a connection to the next try. */
  readonly pauseMs: number;
}

const SLOWLY_MS = 1000;
/** Connections begin one after the other, not in one moment. */
const BEGIN_PER_TICK = 20;
const TICK_MS = 20;
/** ClientHello of TLS 1.2, cut off in the middle. */
const HALF_A_HELLO = Buffer.from(`160301020001fc0303${'5a'.repeat(32)}20${'a5'.repeat(16)}`, 'hex');
const SSL_REQUEST = encodeFrontend({ kind: 'sslRequest' });
const GARBAGE = Buffer.from(Array.from({ length: 200 }, (_, n) => (n * 167 + 13) % 256));
/** A proof of 32 zero bytes. */
const WRONG_PROOF = `p=${Buffer.alloc(32).toString('base64')}`;

type Manner = (socket: Socket, user: string) => void;

const MANNERS: Readonly<Record<string, Manner>> = {
  silent: () => undefined,
  'one byte a second'(socket, user) {
    const bytes = startup(user);
    let sent = 0;
    const timer = setInterval(() => {
      socket.write(bytes.subarray(sent, sent + 1));
      sent += 1;
      if (sent === bytes.length) clearInterval(timer);
    }, SLOWLY_MS);
    socket.once('close', () => clearInterval(timer));
  },
  garbage: (socket) => void socket.write(GARBAGE),
  'half a TLS hello'(socket) {
    socket.write(SSL_REQUEST);
    socket.once('data', () => socket.write(HALF_A_HELLO));
  },
  'a wrong password'(socket, user) {
    beginScram(socket, user);
    socket.on('data', (chunk: Buffer) => {
      const nonce = /r=[^,]+/.exec(chunk.toString('latin1'))?.[0];
      if (nonce === undefined) return;
      const data = Buffer.from(`c=biws,${nonce},${WRONG_PROOF}`);
      socket.write(encodeFrontend({ kind: 'saslResponse', data }));
    });
  },
  'half a SCRAM exchange': beginScram,
};

/** Begins at once; those who were closed come again after a pause, for as long as the crowd is there. */
export function gather({ port, size, addresses, user, pauseMs }: CrowdOptions): Crowd {
  const manners = Object.values(MANNERS);
  const sockets = new Set<Socket>();
  const timers = new Set<NodeJS.Timeout>();
  let [begun, made, standing, gone] = [0, 0, 0, false];
  const later = (run: () => void, ms: number): void => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      run();
    }, ms);
    timers.add(timer);
  };
  const come = (number: number): void => {
    const socket = connect({ port, host: '127.0.0.1', localAddress: addresses[number % addresses.length] });
    sockets.add(socket);
    let stood = false;
    socket.once('connect', () => {
      [stood, made, standing] = [true, made + 1, standing + 1];
      manners[number % manners.length]?.(socket, user);
    });
    socket.resume();
    socket.on('error', () => undefined);
    socket.once('close', () => {
      sockets.delete(socket);
      if (stood) standing -= 1;
      if (!gone) later(() => come(number), pauseMs);
    });
  };
  const begin = (): void => {
    for (let n = 0; n < BEGIN_PER_TICK && begun < size; n += 1) come(begun++);
    if (begun < size) later(begin, TICK_MS);
  };
  begin();
  return {
    get standing() {
      return standing;
    },
    get made() {
      return made;
    },
    leave() {
      gone = true;
      for (const timer of timers) clearTimeout(timer);
      for (const socket of sockets) socket.destroy();
    },
  };
}

function startup(user: string): Buffer {
  return encodeFrontend({ kind: 'startup', minor: 0, user, database: 'postgres', parameters: [] });
}

function beginScram(socket: Socket, user: string): void {
  const data = Buffer.from('n,,n=,r=aaaaaaaaaaaaaaaaaaaaaaaa');
  const initial = encodeFrontend({ kind: 'saslInitialResponse', mechanism: 'SCRAM-SHA-256', data });
  socket.write(Buffer.concat([startup(user), initial]));
}
