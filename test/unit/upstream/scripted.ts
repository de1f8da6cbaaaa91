import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** One connection to a scripted engine. */
export class Peer {
  readonly socket: Socket;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => undefined);
  }

  /** Exactly that many bytes. @throws when the gateway closes before */
  async read(count: number): Promise<Buffer> {
    if (count === 0) return Buffer.alloc(0);
    for (;;) {
      const bytes = this.socket.read(count) as Buffer | null;
      if (bytes !== null) {
        if (bytes.length === count) return bytes;
        throw new Error('the gateway closed in the middle');
      }
      if (this.socket.readableEnded || this.socket.destroyed) throw new Error('the gateway closed');
      await new Promise<void>((resolve) => {
        this.socket.once('readable', () => resolve()).once('close', () => resolve());
      });
    }
  }

  /** A packet without a type byte, without its length word. */
  async packet(): Promise<Buffer> {
    const length = (await this.read(4)).readInt32BE();
    return this.read(length - 4);
  }

  async message(): Promise<{ type: string; body: Buffer }> {
    const type = (await this.read(1)).toString('latin1');
    return { type, body: await this.packet() };
  }

  write(...parts: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(parts));
  }

  /** Until the gateway has closed its side. */
  closed(): Promise<void> {
    this.socket.resume();
    return new Promise((resolve) => {
      if (this.socket.destroyed) resolve();
      else this.socket.on('close', () => resolve());
    });
  }
}

export interface ScriptedEngine {
  readonly port: number;
  /** How many connections there were. */
  readonly connections: number;
  close(): Promise<void>;
}

/** A server that says what the script says, on a connection each. A script's own failure ends its connection. */
export async function scriptedEngine(
  script: (peer: Peer) => Promise<unknown>,
  options: { allowHalfOpen?: boolean } = {},
): Promise<ScriptedEngine> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server: Server = createServer(options, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    connections += 1;
    script(new Peer(socket)).catch(() => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A message with a type byte. */
export function message(type: string, ...body: readonly (Buffer | string)[]): Buffer {
  const bytes = Buffer.concat(
    body.map((part) => (typeof part === 'string' ? Buffer.from(`${part}\0`) : part)),
  );
  const head = Buffer.alloc(5);
  head.write(type, 'latin1');
  head.writeInt32BE(bytes.length + 4, 1);
  return Buffer.concat([head, bytes]);
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

export const AUTHENTICATION_OK = message('R', int32(0));
export const BACKEND_KEY_DATA = message('K', int32(4711), int32(815));
export const READY = message('Z', Buffer.from('I'));
/** Everything that a session needs after its start-up packet. */
export const WELCOME = Buffer.concat([
  AUTHENTICATION_OK,
  message('S', 'server_version', '18.0'),
  BACKEND_KEY_DATA,
  READY,
]);

export function errorResponse(sqlState: string, text: string): Buffer {
  return message('E', 'SFATAL', 'VFATAL', `C${sqlState}`, `M${text}`, Buffer.of(0));
}
