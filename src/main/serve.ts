import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { changesOf } from '../config/changes.ts';
import type { Config } from '../config/config.ts';
import { systemClock, type Clock } from '../core/clock.ts';
import type { LogState } from '../core/log-destination.ts';
import type { Log } from '../core/log.ts';
import type { Embedded } from '../embedded/embedded.ts';
import { newFingerprintKey } from '../login/throttle.ts';
import { collectLogMetrics } from '../observe/log-metrics.ts';
import { collectProcessMetrics } from '../observe/process-metrics.ts';
import { openStore } from '../store/store.ts';
import { startJobs } from '../tokens/jobs.ts';
import type { NoticeChannel } from '../tokens/notices.ts';
import { webhookChannel } from '../tokens/webhook-channel.ts';
import { ensureDemo } from './demo.ts';
import { embeddedFor } from './embedded-for.ts';
import { certificateFiles, prepareGround, type Ground } from './ground.ts';
import { createGroup } from './group.ts';
import type { HttpSide } from './http-side.ts';
import { createCapacity } from './life/capacity.ts';
import type { InheritedSockets } from './life/inherited-sockets.ts';
import { LiveSettings } from './live-settings.ts';
import { removeReadyFile, writeReadyFile, type ReadyInfo } from './ready-file.ts';
import { openServices, type Services } from './services.ts';
import { serveHere, type SqlSide } from './sql-side.ts';
import { Teardown } from './teardown.ts';
import type { CrewOptions } from './workers/crew.ts';

export interface ServeOptions {
  readonly readyFile: string | null;
  /** The embedded PostgreSQL when its start has begun; begun here when left out. */
  readonly embedded?: Promise<Embedded | null>;
  /** Listening sockets that the service manager opened. */
  readonly inherited?: InheritedSockets;
  readonly log: Log;
  /** Of where the log goes, for the metrics. */
  readonly logState?: LogState;
}

/** A gateway that serves. */
export interface Serving {
  readonly info: ReadyInfo;
  /**
   * Takes over what can change live, and reads certificates and engine credentials again. Sessions that run keep what they
   * have. All of it or nothing: what cannot be used is thrown and changes nothing.
   * @param read the configuration as it reads now; that in force when left out
   * @throws GatewayError or RequestError config.invalid
   */
  reload(read?: Config): Promise<void>;
  /** The log's file was moved away. */
  reopenLog(): void;
  /** Whether SQL clients that connect are heard: asked by connecting. */
  healthy(): Promise<boolean>;
  /** Stops accepting, ends idle sessions, gives busy ones the grace, then closes everything. May be called twice. */
  stop(): Promise<void>;
}

const CONNECT_MS = 2_000;

/**
 * Puts the gateway together and starts it. What was started is taken down again, in the opposite order, when a later part
 * fails.
 * @throws GatewayError or RequestError config.invalid, embedded.failed, store.unreachable; the listen error
 */
export async function serve(config: Config, options: ServeOptions): Promise<Serving> {
  const teardown = new Teardown(options.log);
  try {
    return await start(config, options, teardown);
  } catch (error) {
    await teardown.run();
    throw error;
  }
}

async function start(config: Config, options: ServeOptions, teardown: Teardown): Promise<Serving> {
  const { readyFile, log, logState, inherited = {} } = options;
  const clock = systemClock;
  const settings = new LiveSettings(config);
  // A third of all code: read while the embedded PostgreSQL starts.
  const httpSide = import('./http-side.ts');
  const embedded = await (options.embedded ?? embeddedFor(config, log));
  if (embedded !== null) teardown.add('embedded PostgreSQL', () => embedded.close());
  const ground = await prepareGround(config, embedded);
  const services = await startServices(config, ground, teardown, { clock, log });
  const fingerprintKey = newFingerprintKey();
  const group = await createGroup({ settings, services, fingerprintKey, clock, log });
  const registry = new Registry();
  teardown.add('process metrics', collectProcessMetrics(registry, clock));
  if (logState !== undefined) collectLogMetrics(registry, logState);
  const capacity = createCapacity({ settings, registry, clock, log });
  teardown.add('capacity', () => capacity.close());
  const shortage = capacity.shortage(config);
  if (shortage !== null) log.warn({ shortage }, 'file descriptors are scarce');
  const forSql = inherited.postgres === undefined ? {} : { inherited: inherited.postgres };
  const sqlOptions = { settings, ground, services, group, capacity, registry, clock, log, ...forSql };
  const count = config.workers;
  const sql = await (count === 1
    ? serveHere(sqlOptions)
    : byWorkers({ ...sqlOptions, count, fingerprintKey }));
  teardown.add('SQL side', async () => {
    await sql.drain(0);
    await sql.close();
  });
  const channels = await noticeChannels(config, clock);
  const jobs = startJobs({ ...services, channels, clock, log });
  teardown.add('jobs', () => jobs.close());
  let stopping = false;
  const { startHttpSide } = await httpSide;
  const http = await startHttpSide({
    config,
    settings,
    capacity,
    inherited,
    services,
    guard: group.throttle,
    registry,
    metrics: () => sql.metrics(),
    freeChecks: () => ({ listener: sql.serving, staying: !stopping }),
    tls: ground.tls,
    postgres: { host: sql.host, port: sql.port },
    clock,
    log,
  });
  teardown.add('HTTP', () => http.close());
  const demo =
    embedded !== null && config.demo ? await ensureDemo(config.dataDir, services, clock.now()) : undefined;
  const info = readyInfo(sql, http, ground, demo);
  // HTTP stays up meanwhile, and says that this gateway is no longer ready.
  teardown.add('sessions', async () => {
    stopping = true;
    if (readyFile !== null) removeReadyFile(readyFile);
    await delay(settings.current.shutdown.delay ?? 0);
    await sql.drain(settings.current.shutdown.grace);
  });
  if (readyFile !== null) writeReadyFile(readyFile, info);
  return {
    info,
    reload: (read) => reload(read ?? settings.current, { settings, sql, http, log }),
    reopenLog: () => sql.reopenLog(),
    healthy: async () => stopping || (sql.serving && (await canConnect(sql))),
    stop: () => teardown.run(),
  };
}

/** Nobody else needs its code. */
async function byWorkers(options: CrewOptions): Promise<SqlSide> {
  const { serveByWorkers } = await import('./workers/crew.ts');
  return serveByWorkers(options);
}

async function startServices(
  config: Config,
  { storeUrl }: Ground,
  teardown: Teardown,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): Promise<Services> {
  const store = openStore({
    url: storeUrl.reveal(),
    log,
    poolSize: config.store.poolSize,
    connectTimeoutMs: config.store.connectTimeout,
    queryTimeoutMs: config.store.queryTimeout,
  });
  teardown.add('store', () => store.close());
  await store.migrate();
  const { method, tokenUsers } = config.login;
  const services = openServices({ store, method, tokenUsers, clock, log });
  teardown.add('services', () => services.close());
  const { adminUser, adminPassword } = config.bootstrap;
  if (adminPassword !== null) await services.accounts.bootstrapAdmin(adminUser, adminPassword);
  return services;
}

interface Reloaded {
  readonly settings: LiveSettings;
  readonly sql: SqlSide;
  readonly http: HttpSide;
  readonly log: Log;
}

async function reload(read: Config, { settings, sql, http, log }: Reloaded): Promise<void> {
  const { config, taken, waiting } = changesOf(settings.current, read);
  const certificates = await certificateFiles(config);
  const useHttp = http.prepare(certificates);
  const useSql = await sql.prepare(config, certificates);
  settings.replace(config);
  useSql();
  useHttp();
  log.level = config.log.level;
  for (const setting of waiting) log.warn({ setting }, 'changed, but needs a restart: the old value stays');
  log.info({ changed: taken }, 'reloaded: settings, certificates and engine credentials');
}

/** Every address means this machine's own, too. */
function canConnect({ host, port }: SqlSide): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: CONNECT_MS });
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.on('connect', () => settle(true));
    socket.on('timeout', () => settle(false));
    socket.on('error', () => settle(false));
  });
}

function readyInfo(sql: SqlSide, http: HttpSide, ground: Ground, demo: ReadyInfo['demo']): ReadyInfo {
  return {
    pid: process.pid,
    postgres: { host: sql.host, port: sql.port },
    http: http.url === null ? null : { url: http.url },
    metrics: http.metricsUrl === null ? null : { url: http.metricsUrl },
    caFile: ground.tls?.caFile ?? null,
    storeUrl: ground.storeUrl.reveal(),
    ...(demo !== undefined && { demo }),
  };
}

/** How owners are told that a token is about to expire. */
async function noticeChannels(config: Config, clock: Clock): Promise<NoticeChannel[]> {
  const { webhook, smtp, http } = config;
  const channels: NoticeChannel[] = [];
  if (webhook.url !== null && webhook.secret !== null) {
    channels.push(webhookChannel({ url: webhook.url, secret: webhook.secret, clock }));
  }
  if (smtp.url !== null && smtp.from !== null) {
    const { mailChannel } = await import('../tokens/mail-channel.ts');
    channels.push(mailChannel({ url: smtp.url, from: smtp.from, pageUrl: http.publicUrl }));
  }
  return channels;
}
