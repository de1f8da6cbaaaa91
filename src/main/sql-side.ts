import type { Registry } from 'prom-client';
import type { Config } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { listen, type Listener, type ListenerOptions } from '../session/listener.ts';
import type { CertificateFiles, Ground } from './ground.ts';
import type { Group } from './group.ts';
import type { Capacity } from './life/capacity.ts';
import type { LiveSettings } from './live-settings.ts';
import { inNetworks } from './in-networks.ts';
import { createRelaySide } from './relay-side.ts';
import type { Services } from './services.ts';

export interface SqlSideOptions {
  readonly settings: LiveSettings;
  readonly ground: Ground;
  readonly services: Services;
  readonly group: Group;
  readonly capacity: Capacity;
  readonly registry: Registry;
  /** A listening socket for SQL clients that the service manager opened. */
  readonly inherited?: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** The listener for SQL clients and those who serve them: this process, or workers. */
export interface SqlSide {
  readonly host: string;
  readonly port: number;
  /** Whether clients are taken and somebody is there for them. */
  readonly serving: boolean;
  /** Metrics in Prometheus' text format, of all processes together. */
  metrics(): Promise<string>;
  /**
   * Gets ready for another configuration, everywhere. Nothing changes before the answer is called, and nothing when this fails.
   * @throws GatewayError or RequestError config.invalid
   */
  prepare(next: Config, certificates: CertificateFiles | null): Promise<() => void>;
  /** The log's file was moved away. */
  reopenLog(): void;
  /** Takes no more clients; ends idle sessions now and busy ones when they are done, or after `graceMs`. */
  drain(graceMs: number): Promise<void>;
  /** Ends at once what is left. */
  close(): Promise<void>;
}

const BACKLOG = 4096;

/** Everything in this process. @throws GatewayError or RequestError config.invalid; the listen error */
export async function serveHere(options: SqlSideOptions): Promise<SqlSide> {
  const { registry } = options;
  const relay = await createRelaySide(options);
  const listener = await openListener(options, (socket, place) => relay.accept(socket, place)).catch(
    async (error: unknown) => {
      await relay.close();
      throw error;
    },
  );
  return {
    host: listener.host,
    port: listener.port,
    get serving() {
      return listener.accepting;
    },
    metrics: () => registry.metrics(),
    prepare: (next, certificates) => relay.prepare(next, certificates),
    // The one log of this process is its owner's.
    reopenLog: () => undefined,
    drain(graceMs) {
      listener.stopAccepting();
      return relay.drain(graceMs);
    },
    close() {
      listener.stopAccepting();
      return relay.close();
    },
  };
}

/** @throws the listen error */
export function openListener(
  {
    settings,
    inherited,
    capacity,
    clock,
    log,
  }: Pick<SqlSideOptions, 'settings' | 'inherited' | 'capacity' | 'clock' | 'log'>,
  run: ListenerOptions['run'],
): Promise<Listener> {
  const { postgres, keepalive } = settings.current.listen;
  return listen({
    host: postgres.host,
    port: postgres.port,
    keepAliveMs: keepalive,
    ...(inherited !== undefined && { fd: inherited }),
    isProxy: inNetworks(() => settings.current.listen.proxyProtocolFrom),
    hasRoom: (socket) => capacity.room(socket) !== 'none',
    refused: (reason) => capacity.refused('postgres', reason),
    backlog: BACKLOG,
    limits() {
      const { maxPendingPerAddress } = settings.current.login;
      return { max: capacity.maxPending(), maxPerAddress: maxPendingPerAddress };
    },
    run,
    clock,
    log,
  });
}
