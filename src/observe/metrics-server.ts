import { createServer } from 'node:http';
import { isIPv6, type AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';

export interface MetricsListener {
  /** Without a path. */
  readonly url: string;
  readonly port: number;
  readonly close: () => Promise<void>;
}

/** Where the text comes from: a registry, or several put together. */
export type MetricsSource = Pick<Registry, 'contentType' | 'metrics'>;

/**
 * Serves `GET /metrics` in Prometheus' text format on a listener of its own, so that it can be bound where only the
 * scraper reaches it. Nothing secret is in there, and nothing else is served.
 */
export async function startMetrics(
  source: MetricsSource,
  listen: { readonly host: string; readonly port: number },
): Promise<MetricsListener> {
  const server = createServer((incoming, outgoing) => {
    incoming.resume();
    if (incoming.url !== '/metrics' || (incoming.method !== 'GET' && incoming.method !== 'HEAD')) {
      outgoing.writeHead(404).end();
      return;
    }
    source.metrics().then(
      (text) => outgoing.writeHead(200, { 'content-type': source.contentType }).end(text),
      () => outgoing.writeHead(500).end(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: listen.host, port: listen.port }, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${isIPv6(listen.host) ? `[${listen.host}]` : listen.host}:${port}`,
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
