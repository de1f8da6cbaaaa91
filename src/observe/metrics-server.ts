import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import type { Registry } from 'prom-client';
import { listenOn, urlHost, type ListenAddress } from '../core/listen-on.ts';

export interface MetricsListener {
  /** Without a path. */
  readonly url: string;
  readonly port: number;
  readonly close: () => Promise<void>;
}

/** Where the text comes from: a registry, or several put together. */
export type MetricsSource = Pick<Registry, 'contentType' | 'metrics'>;

export interface MetricsListenOptions {
  readonly listen: ListenAddress;
  /** Time limits and sizes. */
  readonly limits?: ServerOptions & {
    /** How long an answer may be read by nobody, in milliseconds. */
    readonly silenceTimeout?: number;
  };
  /** Keeps connections within limits. */
  readonly guard?: (server: Server) => void;
}

/**
 * Serves `GET /metrics` in Prometheus' text format on a listener of its own, so that it can be bound where only the
 * scraper reaches it. Nothing secret is in there, and nothing else is served.
 */
export async function startMetrics(
  source: MetricsSource,
  { listen, limits = {}, guard }: MetricsListenOptions,
): Promise<MetricsListener> {
  const server = createServer(limits, (incoming, outgoing) => answer(source, incoming, outgoing));
  server.setTimeout(limits.silenceTimeout);
  guard?.(server);
  const { host, port } = await listenOn(server, listen);
  return {
    url: `http://${urlHost(host)}:${port}`,
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(source: MetricsSource, incoming: IncomingMessage, outgoing: ServerResponse): void {
  const { url, method, headers } = incoming;
  if (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0) {
    // Nothing here takes a body, so none is read.
    outgoing.writeHead(413, { connection: 'close' }).end();
    return;
  }
  if (url !== '/metrics' || (method !== 'GET' && method !== 'HEAD')) {
    outgoing.writeHead(404).end();
    return;
  }
  source.metrics().then(
    (text) => outgoing.writeHead(200, { 'content-type': source.contentType }).end(text),
    () => outgoing.writeHead(500).end(),
  );
}
