import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { SecureContextOptions } from 'node:tls';
import { getRequestListener } from '@hono/node-server';
import { RequestError } from '../core/errors.ts';
import { isLoopback } from '../core/address.ts';
import { listenOn, urlHost, type ListenAddress } from '../core/listen-on.ts';
import { guardConnections, type ConnectionGuard } from './connections.ts';
import type { ErrorAnswer } from './facade.ts';

/** The part of a Hono application that a listener needs. */
export interface FetchApp {
  fetch(request: Request, env: object): Response | Promise<Response>;
  /** An answer that needs nothing but the headers, for which no Request is made. */
  readonly screen?: (incoming: IncomingMessage) => ErrorAnswer | null;
}

export interface HttpListenOptions {
  /** The host decides about TLS, also where a socket was inherited. */
  readonly listen: ListenAddress;
  /** Who is let in; left out: everybody. */
  readonly guard?: ConnectionGuard;
  /** Certificate and key; may be left out on loopback only. */
  readonly tls?: SecureContextOptions;
  /** Other limits than the usual ones. */
  readonly limits?: Partial<typeof SERVER_LIMITS>;
  /** How long `close` waits for answers that are being written. */
  readonly closeGraceMs?: number;
}

export interface HttpListener {
  /** With the port in use, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  /** New connections use this certificate; running ones stay. */
  readonly setTls: (options: SecureContextOptions) => void;
  /** Takes no new connection, lets answers end, then closes what is left. */
  readonly close: () => Promise<void>;
}

/** Slow senders of headers and bodies, and who reads no answer, are cut off, so that they can not hold sockets for ever. */
export const SERVER_LIMITS = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 15_000,
  connectionsCheckingInterval: 5_000,
  maxHeaderSize: 16 * 1024,
  /** Of TLS. */
  handshakeTimeout: 10_000,
  /** No answer takes longer to begin, or to go on when it is read. */
  silenceTimeout: 60_000,
};

const CLOSE_GRACE_MS = 5_000;

interface Listening {
  readonly server: Server;
  readonly setTls: (options: SecureContextOptions) => void;
}

function makeServer(app: FetchApp, tls: HttpListenOptions['tls'], limits: typeof SERVER_LIMITS): Listening {
  const listener = getRequestListener((request, env) => app.fetch(request, env), {
    overrideGlobalObjects: false,
  });
  const handle = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    const refusal = app.screen?.(incoming) ?? null;
    if (refusal === null) void listener(incoming, outgoing);
    else outgoing.writeHead(refusal.status, refusal.headers).end(refusal.body ?? undefined);
  };
  if (tls === undefined) {
    return { server: createHttpServer(limits, handle), setTls: () => undefined };
  }
  const withTls = { ...limits, minVersion: 'TLSv1.2' } as const;
  const server = createHttpsServer({ ...withTls, ...tls }, handle);
  return { server, setTls: (next) => server.setSecureContext({ minVersion: 'TLSv1.2', ...next }) };
}

function closed(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const deadline = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearTimeout(deadline);
      resolve();
    });
    server.closeIdleConnections();
  });
}

/**
 * Serves `app` on one address, by TLS when a certificate is given.
 * @throws the listen error
 * @throws RequestError `config.invalid` for an address that others can reach without TLS: bearer tokens would cross the
 *   network in the clear (RFC 6750, section 5.3)
 */
export async function startHttp(app: FetchApp, options: HttpListenOptions): Promise<HttpListener> {
  const { listen, tls } = options;
  if (tls === undefined) checkLoopback(listen.host);
  const limits = { ...SERVER_LIMITS, ...options.limits };
  const { server, setTls } = makeServer(app, tls, limits);
  server.setTimeout(limits.silenceTimeout);
  if (options.guard !== undefined) guardConnections(server, tls !== undefined, options.guard);
  const { host, port } = await listenOn(server, listen);
  if (listen.fd !== undefined && tls === undefined) checkInherited(server, host);
  return {
    url: `${tls === undefined ? 'http' : 'https'}://${urlHost(host)}:${port}`,
    port,
    setTls,
    close: () => closed(server, options.closeGraceMs ?? CLOSE_GRACE_MS),
  };
}

function checkLoopback(host: string): void {
  if (isLoopback(host)) return;
  throw new RequestError(
    'config.invalid',
    `HTTP on ${host} needs a certificate: it is not a loopback address.`,
  );
}

/** Where an inherited socket is, is known only when it is in use. */
function checkInherited(server: Server, address: string): void {
  try {
    checkLoopback(address);
  } catch (error) {
    server.close();
    throw error;
  }
}
