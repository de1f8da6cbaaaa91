import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Registry } from 'prom-client';
import type { GuessGuard } from '../accounts/guess-guard.ts';
import type { Config } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { ListenAddress } from '../core/listen-on.ts';
import { NetworkList } from '../core/networks.ts';
import { createHttpApp } from '../http/app.ts';
import type { Readiness } from '../http/health.ts';
import { guardConnections, type ConnectionGuard } from '../http/connections.ts';
import { SERVER_LIMITS, startHttp } from '../http/listen.ts';
import type { SignInProvider } from '../http/web/sign-in-provider.ts';
import { isLoopback } from '../core/address.ts';
import { startMetrics } from '../observe/metrics-server.ts';
import type { CertificateFiles } from './ground.ts';
import type { Capacity } from './life/capacity.ts';
import type { InheritedSockets } from './life/inherited-sockets.ts';
import type { LiveSettings } from './live-settings.ts';
import { inNetworks } from './in-networks.ts';
import { packageVersion } from '../core/package-version.ts';
import type { Services } from './services.ts';

export interface HttpSideOptions {
  readonly config: Config;
  readonly settings: LiveSettings;
  readonly capacity: Capacity;
  /** Listening sockets that the service manager opened. */
  readonly inherited: Pick<InheritedSockets, 'http' | 'metrics'>;
  readonly services: Services;
  readonly guard: GuessGuard;
  readonly registry: Registry;
  /** Text for the metrics listener. */
  readonly metrics: () => Promise<string>;
  /** Whether SQL clients are served, for `/readyz`. */
  readonly freeChecks: () => Readiness['checks'];
  readonly tls: CertificateFiles | null;
  /** Where the PostgreSQL listener is. */
  readonly postgres: { readonly host: string; readonly port: number };
  readonly clock: Clock;
  readonly log: Log;
}

/** The listeners for page and APIs, and for metrics; each may be off. */
export interface HttpSide {
  readonly url: string | null;
  readonly metricsUrl: string | null;
  /** Reads a certificate. Nothing changes before the answer is called. @throws GatewayError config.invalid */
  prepare(certificates: CertificateFiles | null): () => void;
  close(): Promise<void>;
}

export async function startHttpSide(options: HttpSideOptions): Promise<HttpSide> {
  const { config, registry, metrics: text, inherited } = options;
  const trusted = { caFile: options.tls?.caFile ?? null };
  const at = withSocket(config.listen.http, inherited.http);
  const http = at === null ? null : await listenHttp(options, at, trusted);
  const metricsAt = withSocket(config.listen.metrics, inherited.metrics);
  const source = { contentType: registry.contentType, metrics: text };
  const metrics =
    metricsAt === null
      ? null
      : await startMetrics(source, {
          listen: metricsAt,
          limits: SERVER_LIMITS,
          guard: (server) => guardConnections(server, false, connectionGuard(options, 'metrics')),
        });
  return {
    url: http?.url ?? null,
    metricsUrl: metrics?.url ?? null,
    prepare(certificates) {
      if (http === null || certificates === null) return () => undefined;
      const pair = readPair(certificates);
      return () => {
        http.setTls(pair);
        trusted.caFile = certificates.caFile;
      };
    },
    async close() {
      await Promise.all([http?.close(), metrics?.close()]);
    },
  };
}

async function listenHttp(
  options: HttpSideOptions,
  listen: ListenAddress,
  trusted: { readonly caFile: string | null },
): ReturnType<typeof startHttp> {
  const { config, services, guard, registry, freeChecks, tls, postgres, clock, log } = options;
  const installation = await services.store.db
    .selectFrom('users')
    .select(({ fn }) => fn.min('created_at').as('first'))
    .executeTakeFirst();
  const app = createHttpApp({
    ...services,
    guard,
    readiness: () => readiness(services),
    freeChecks,
    registry,
    log,
    clock,
    tokenUsers: config.login.tokenUsers,
    trustedProxies:
      config.http.trustedProxies.length === 0 ? null : new NetworkList(config.http.trustedProxies),
    product: {
      version: packageVersion(),
      clusterId: await clusterId(services),
      clusterCreatedAt: installation?.first ?? clock.now(),
    },
    gateway: {
      address: config.listen.publicAddress ?? postgres,
      tls: tls !== null,
      caFile: () => trusted.caFile,
      exampleDatabase: exampleDatabase(config),
    },
    publicUrl: config.http.publicUrl,
    provider: await providerOf(config),
  });
  const wanted = !isLoopback(listen.host);
  return startHttp(app, {
    listen,
    guard: connectionGuard(options, 'http'),
    ...(wanted && tls !== null && { tls: readPair(tls) }),
  });
}

const ANYWHERE_HERE = { host: '127.0.0.1', port: 0 };

/** An inherited socket counts, whatever the setting says of the address. */
function withSocket(address: ListenAddress | null, fd: number | undefined): ListenAddress | null {
  return fd === undefined ? address : { ...(address ?? ANYWHERE_HERE), fd };
}

function connectionGuard(
  { settings, capacity, clock }: HttpSideOptions,
  listener: 'http' | 'metrics',
): ConnectionGuard {
  return {
    limits: () => ({
      max: capacity.maxHttpConnections(),
      maxPerAddress: settings.current.http.maxConnectionsPerAddress,
    }),
    isProxy: inNetworks(() => settings.current.http.trustedProxies),
    hasRoom: (socket) => capacity.room(socket) !== 'none',
    refused: (reason) => capacity.refused(listener, reason),
    clock,
  };
}

async function providerOf({ oauth }: Config): Promise<SignInProvider | null> {
  const { issuer, clientId, clientSecret, scopes, userClaim } = oauth;
  if (issuer === null || clientId === null) return null;
  // Read by those alone who have a provider: it is much code.
  const { createOpenidProvider } = await import('../http/web/openid-provider.ts');
  return createOpenidProvider({ issuer, clientId, clientSecret, scopes, userClaim });
}

/** The first that is listed by name; the embedded engine has one of its own. */
function exampleDatabase({ databases, engines }: Config): string | null {
  const listed = [...databases.keys()].find((name) => name !== '*');
  return listed ?? (engines.size === 0 ? 'demo' : null);
}

async function readiness({ store }: Services): Promise<Readiness> {
  const up = await store.ping().then(
    () => true,
    () => false,
  );
  return { ready: up, checks: { store: up } };
}

/** A UUID made of the store's secret, one way: the same on all replicas, and telling nothing of it. */
async function clusterId({ credentials }: Services): Promise<string> {
  const hex = createHmac('sha256', await credentials.storeSecret())
    .update('cluster id')
    .digest('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}

function readPair({ certFile, keyFile }: CertificateFiles): { cert: string; key: string } {
  return { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
}
