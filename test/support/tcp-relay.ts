import { once } from 'node:events';
import {
  connect,
  createServer,
  type AddressInfo,
  type NetConnectOpts,
  type Server,
  type Socket,
} from 'node:net';

/** Bytes on their way back; `cut` resets the connection instead of passing them on. */
export type Watcher = (chunk: Buffer) => 'pass' | 'cut';

/** A stretch of network between a client and a server that can fail in every way that real ones do. */
export interface TcpRelay {
  readonly port: number;
  /** Connections that are open. */
  readonly open: number;
  /** The URL of the server, by way of this relay. */
  through(url: string): string;
  /** New connections go there. */
  retarget(target: NetConnectOpts): void;
  /** Carries nothing any more, neither on connections that are open nor on new ones; nobody is told. */
  silence(): void;
  /** Carries again, first what was held back. */
  speak(): void;
  /** Connections that are open stay so and are silent for ever, as after a failover of the address; new ones work. */
  strand(): void;
  /** Resets all connections. */
  cut(): void;
  /** Resets all connections and takes no more. */
  refuse(): Promise<void>;
  /** After refuse: takes connections on the same port again. */
  accept(): Promise<void>;
  /** Holds each chunk back for so long, both ways. */
  delay(ms: number): void;
  /** Shows what servers send on connections made from now on; null: nobody looks. */
  watch(watcher: Watcher | null): void;
  close(): Promise<void>;
}

export async function startTcpRelay(target: NetConnectOpts): Promise<TcpRelay> {
  const relay = new Relay(target);
  await relay.accept();
  return relay;
}

class Relay implements TcpRelay {
  port = 0;
  #target: NetConnectOpts;
  #server: Server | null = null;
  #silent = false;
  #delayMs = 0;
  #watcher: Watcher | null = null;
  #links = new Set<Link>();

  constructor(target: NetConnectOpts) {
    this.#target = target;
  }

  get open(): number {
    return this.#links.size;
  }

  through(url: string): string {
    const other = new URL(url);
    other.hostname = '127.0.0.1';
    other.port = String(this.port);
    return other.href;
  }

  retarget(target: NetConnectOpts): void {
    this.#target = target;
  }

  silence(): void {
    this.#silent = true;
    for (const link of this.#links) link.pause();
  }

  speak(): void {
    this.#silent = false;
    for (const link of this.#links) link.resume();
  }

  strand(): void {
    for (const link of this.#links) link.strand();
  }

  cut(): void {
    for (const link of this.#links) link.reset();
  }

  async refuse(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    server?.close();
    this.cut();
    if (server?.listening === true) await once(server, 'close');
  }

  async accept(): Promise<void> {
    if (this.#server !== null) return;
    const server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => this.#carry(socket));
    this.#server = server;
    server.listen(this.port, '127.0.0.1');
    await once(server, 'listening');
    this.port = (server.address() as AddressInfo).port;
  }

  delay(ms: number): void {
    this.#delayMs = ms;
  }

  watch(watcher: Watcher | null): void {
    this.#watcher = watcher;
  }

  async close(): Promise<void> {
    await this.refuse();
  }

  #carry(client: Socket): void {
    const server = connect({ ...this.#target, noDelay: true } as NetConnectOpts);
    const link = new Link(client, server, { delayMs: () => this.#delayMs, watcher: this.#watcher });
    this.#links.add(link);
    void link.gone.then(() => this.#links.delete(link));
    if (this.#silent) link.pause();
    else link.resume();
  }
}

interface LinkOptions {
  readonly delayMs: () => number;
  readonly watcher: Watcher | null;
}

/** Two connections, and what is read from one is written to the other. */
class Link {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #options: LinkOptions;
  #stranded = false;
  /** Resolves when both connections are closed. */
  readonly gone: Promise<unknown>;

  constructor(client: Socket, server: Socket, options: LinkOptions) {
    this.#client = client;
    this.#server = server;
    this.#options = options;
    this.gone = Promise.all([client, server].map((socket) => closed(socket)));
    this.#join(client, server, null);
    this.#join(server, client, options.watcher);
  }

  pause(): void {
    this.#client.pause();
    this.#server.pause();
  }

  resume(): void {
    if (this.#stranded) return;
    this.#client.resume();
    this.#server.resume();
  }

  strand(): void {
    this.#stranded = true;
    this.pause();
  }

  reset(): void {
    resetOne(this.#client);
    resetOne(this.#server);
  }

  #join(from: Socket, to: Socket, watcher: Watcher | null): void {
    from.on('data', (chunk: Buffer) => {
      if (watcher?.(chunk) === 'cut') this.reset();
      else this.#later(() => to.write(chunk));
    });
    from.on('end', () => this.#later(() => to.end()));
    from.on('error', () => resetOne(to));
    from.on('close', () => (this.#stranded ? to.destroy() : to.destroySoon()));
  }

  #later(run: () => void): void {
    const delayMs = this.#options.delayMs();
    if (delayMs === 0) run();
    else setTimeout(run, delayMs);
  }
}

/** A reset of a connection that is shutting down fails and leaves its handle behind, so it is only closed. */
function resetOne(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}
