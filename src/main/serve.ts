import { join } from 'node:path';
import { Registry, collectDefaultMetrics } from 'prom-client';
import type { Config } from '../config/config.ts';
import { systemClock, type Clock } from '../core/clock.ts';
import { RequestError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Secret } from '../core/secret.ts';
import { ensureEmbedded, type Embedded } from '../embedded/embedded.ts';
import { createSessionMetrics } from '../observe/session-metrics.ts';
import { openStore } from '../store/store.ts';
import { connectSocket } from '../session/transport-connect.ts';
import { createTransports } from '../session/transports.ts';
import { startJobs } from '../tokens/jobs.ts';
import { mailChannel } from '../tokens/mail-channel.ts';
import type { NoticeChannel } from '../tokens/notices.ts';
import { webhookChannel } from '../tokens/webhook-channel.ts';
import { developmentNames, developmentTls } from '../tls/development.ts';
import { loadServerTls, type ServerTls } from '../tls/server-tls.ts';
import { createUpstream } from '../upstream/upstream.ts';
import { ensureDemo } from './demo.ts';
import { engineOptions } from './engine-options.ts';
import { startPostgresSide } from './postgres-side.ts';
import { removeReadyFile, writeReadyFile, type ReadyInfo } from './ready-file.ts';
import { openServices, type Services } from './services.ts';
import { Teardown } from './teardown.ts';

export interface ServeOptions {
  readonly readyFile: string | null;
  readonly log: Log;
}

/** A gateway that serves. */
export interface Serving {
  readonly info: ReadyInfo;
  /** Reads certificates and engine credentials again; sessions that run keep what they have. */
  reload(): Promise<void>;
  /** Stops accepting, ends idle sessions, gives busy ones the grace, then closes everything. May be called twice. */
  stop(): Promise<void>;
}

/**
 * Puts the gateway together and starts it. What was started is taken down again, in the opposite order, when a later part
 * fails.
 * @throws GatewayError or RequestError config.invalid, embedded.failed, store.unreachable; the listen error
 */
export async function serve(config: Config, options: ServeOptions): Promise<Serving> {
  const { log } = options;
  if (config.workers !== 1) {
    throw new RequestError(
      'config.invalid',
      'workers: this version relays in one process; leave it out or set it to 1',
    );
  }
  const teardown = new Teardown(log);
  try {
    return await start(config, options, teardown);
  } catch (error) {
    await teardown.run();
    throw error;
  }
}

async function start(config: Config, options: ServeOptions, teardown: Teardown): Promise<Serving> {
  const { log } = options;
  const clock = systemClock;
  // A third of all code: read while the embedded PostgreSQL starts.
  const httpSide = import('./http-side.ts');
  const embedded = await embeddedFor(config, log);
  if (embedded !== null) teardown.add('embedded PostgreSQL', () => embedded.close());
  const storeUrl = storeUrlOf(config, embedded);
  const store = openStore({ url: storeUrl.reveal(), log, poolSize: config.store.poolSize });
  teardown.add('store', () => store.close());
  await store.migrate();
  const services = openServices({
    store,
    method: config.login.method,
    tokenUsers: config.login.tokenUsers,
    clock,
    log,
  });
  teardown.add('services', () => services.close());
  await bootstrap(config, services);

  const tls = await serverTls(config, clock.now());
  const transports = createTransports();
  const upstream = await createUpstream(
    {
      engines: engineOptions(config, embedded),
      databases: config.databases,
      tokenUsers: config.login.tokenUsers,
      allowReplication: config.sessions.allowReplication,
      pool: {
        reuse: config.pool.reuse,
        maxIdlePerKey: config.pool.maxIdlePerKey,
        maxIdle: config.pool.maxIdle,
        idleTimeoutMs: config.pool.idleTimeout,
      },
    },
    {
      dial: {
        socket: connectSocket,
        plain: (socket) => transports.plain(socket),
        tls: (socket) => transports.tls(socket),
      },
      clock,
      log,
    },
  );
  teardown.add('engine sessions', () => upstream.close());

  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const postgres = await startPostgresSide({
    config,
    services,
    tls: tls?.server ?? null,
    upstream,
    transports,
    metrics: (live) => createSessionMetrics(registry, live),
    clock,
    log,
  });
  teardown.add('sessions', async () => {
    await postgres.drain(config.shutdown.grace);
    postgres.close();
  });
  const jobs = startJobs({ ...services, channels: noticeChannels(config, clock), clock, log });
  teardown.add('jobs', () => jobs.close());
  const { startHttpSide } = await httpSide;
  const http = await startHttpSide({ config, services, registry, tls, clock, log });
  teardown.add('HTTP', () => http.close());

  const demo =
    embedded !== null && config.demo ? await ensureDemo(config.dataDir, services, clock.now()) : null;
  const info: ReadyInfo = {
    pid: process.pid,
    postgres: { host: postgres.host, port: postgres.port },
    http: http.url === null ? null : { url: http.url },
    metrics: http.metricsUrl === null ? null : { url: http.metricsUrl },
    caFile: tls?.caFile ?? null,
    storeUrl: storeUrl.reveal(),
    ...(demo !== null && { demo }),
  };
  const { readyFile } = options;
  if (readyFile !== null) {
    writeReadyFile(readyFile, info);
    teardown.add('ready file', () => {
      removeReadyFile(readyFile);
      return Promise.resolve();
    });
  }
  return {
    info,
    async reload() {
      await tls?.server.reload();
      await upstream.reload();
      await http.reload();
      log.info('certificates and engine credentials read again');
    },
    stop: () => teardown.run(),
  };
}

async function embeddedFor(config: Config, log: Log): Promise<Embedded | null> {
  if (config.store.url !== null && config.engines.size > 0) return null;
  return ensureEmbedded({ dataDir: config.dataDir, log });
}

function storeUrlOf(config: Config, embedded: Embedded | null): Secret {
  if (config.store.url !== null) return config.store.url;
  if (embedded === null) throw new Error('no store is configured and none is embedded');
  return embedded.storeUrl;
}

/** How owners are told that a token is about to expire. */
function noticeChannels(config: Config, clock: Clock): NoticeChannel[] {
  const { webhook, smtp, http } = config;
  const channels: NoticeChannel[] = [];
  if (webhook.url !== null && webhook.secret !== null) {
    channels.push(webhookChannel({ url: webhook.url, secret: webhook.secret, clock }));
  }
  if (smtp.url !== null && smtp.from !== null) {
    channels.push(mailChannel({ url: smtp.url, from: smtp.from, pageUrl: http.publicUrl }));
  }
  return channels;
}

async function bootstrap(config: Config, services: Services): Promise<void> {
  const { adminUser, adminPassword } = config.bootstrap;
  if (adminPassword !== null) await services.accounts.bootstrapAdmin(adminUser, adminPassword);
}

export interface OwnTls {
  readonly server: ServerTls;
  readonly certFile: string;
  readonly keyFile: string;
  /** What clients should trust; null when the operator did not say. */
  readonly caFile: string | null;
}

/** The operator's certificate, or one of our own making. */
async function serverTls(config: Config, now: Date): Promise<OwnTls | null> {
  if (config.tls.mode === 'off') return null;
  const { certFile, keyFile, caFile } = config.tls;
  if (certFile !== null && keyFile !== null) {
    return { server: await loadServerTls({ certFile, keyFile }), certFile, keyFile, caFile };
  }
  const made = await developmentTls(join(config.dataDir, 'tls'), { names: developmentNames(), now });
  return { server: await loadServerTls(made), ...made };
}
