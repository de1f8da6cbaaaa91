import { Registry } from 'prom-client';
import { unpackConfig } from '../../config/pack.ts';
import { systemClock } from '../../core/clock.ts';
import { describeError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import { collectLogMetrics } from '../../observe/log-metrics.ts';
import { collectProcessMetrics } from '../../observe/process-metrics.ts';
import { openStore } from '../../store/store.ts';
import { createCapacity, type Capacity } from '../life/capacity.ts';
import type { Room } from '../life/descriptor-watch.ts';
import { limitHeapGrowth } from '../life/heap-growth.ts';
import { LiveSettings } from '../live-settings.ts';
import { openLog, type OpenLog } from '../open-log.ts';
import { createRelaySide, type RelaySide } from '../relay-side.ts';
import { openServices } from '../services.ts';
import { Teardown } from '../teardown.ts';
import { Channel } from './channel.ts';
import type { NewSettings, ParentSide, StartOrder, WorkerSide } from './protocol.ts';
import { remoteGroup } from './remote-group.ts';

/** A worker: a process that carries SQL sessions for the parent that forked it. */
function main(): void {
  // Signals are for the parent, which says what is to be done; a terminal sends them to the whole group.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
  // Without its parent it would run on unseen.
  process.on('disconnect', () => process.exit(0));
  const worker = new Worker();
  const channel: Channel<WorkerSide, ParentSide> = new Channel<WorkerSide, ParentSide>(process, {
    asks: {
      start: (order) => worker.start(order, channel),
      ping: () => null,
      cancel: (key) => worker.running.relay.cancel(key),
      metrics: () => worker.running.registry.getMetricsAsJSON(),
      prepare: (settings) => worker.prepare(settings),
      async drain(graceMs) {
        await worker.running.relay.drain(graceMs);
        return null;
      },
      close: () => worker.close(),
    },
    news: {
      commit: () => worker.commit(),
      evict: (number) => worker.evict(number),
      reopenLog: () => worker.running.opened.reopen(),
      connection(number, socket) {
        // Nothing was read from it; the first thing that happens to it is that somebody listens for its errors.
        if (socket === null) channel.tell('closed', number);
        else void worker.accept(number, socket, channel);
      },
    },
  });
}

interface Running {
  readonly settings: LiveSettings;
  readonly relay: RelaySide;
  readonly registry: Registry;
  readonly opened: OpenLog;
  readonly capacity: Capacity;
  readonly teardown: Teardown;
}

class Worker {
  #running: Running | null = null;
  /** One for all, as where there are no workers. */
  readonly #onBroken = (error: Error): void => {
    this.#running?.opened.log.debug({ error: describeError(error) }, 'client connection broke');
  };
  #prepared: (() => void) | null = null;
  readonly #pending = new Map<number, { destroy(): void }>();

  get running(): Running {
    if (this.#running === null) throw new Error('the worker has not been started');
    return this.#running;
  }

  async start(order: StartOrder, channel: Channel<WorkerSide, ParentSide>): Promise<null> {
    process.title = `patgate worker ${order.worker}`;
    const settings = new LiveSettings(unpackConfig(order.config));
    const opened = openLog(settings.current, order.worker);
    const { log } = opened;
    const clock = systemClock;
    const teardown = new Teardown(log);
    const { connectTimeout, queryTimeout } = settings.current.store;
    const store = openStore({
      url: order.storeUrl,
      log,
      poolSize: order.storePoolSize,
      connectTimeoutMs: connectTimeout,
      queryTimeoutMs: queryTimeout,
    });
    teardown.add('store', () => store.close());
    const services = openServices({ store, ...settings.current.login, clock, log });
    teardown.add('services', () => services.close());
    const registry = new Registry();
    teardown.add('process metrics', collectProcessMetrics(registry, clock));
    collectLogMetrics(registry, opened.state);
    const roomChanged = (room: Room): void => channel.tell('room', room);
    const capacity = createCapacity({ settings, registry, clock, log, roomChanged });
    teardown.add('capacity', () => capacity.close());
    const embedded =
      order.embedded === null ? null : { ...order.embedded, engineUrl: new Secret(order.embedded.engineUrl) };
    const relay = await createRelaySide({
      settings,
      ground: { embedded, tls: order.certificates },
      services,
      group: remoteGroup(channel, order.fingerprintKey),
      capacity,
      registry,
      clock,
      log,
    });
    teardown.add('sessions', () => relay.close());
    this.#running = { settings, relay, registry, opened, capacity, teardown };
    limitHeapGrowth();
    return null;
  }

  async accept(
    number: number,
    socket: Parameters<RelaySide['accept']>[0],
    channel: Channel<WorkerSide, ParentSide>,
  ): Promise<void> {
    const { relay, opened, capacity } = this.running;
    socket.on('error', this.#onBroken);
    let over: Promise<void> | undefined;
    try {
      if (capacity.room(socket) === 'none') {
        capacity.refused('postgres', 'descriptors');
        socket.destroy();
        return;
      }
      this.#pending.set(number, socket);
      const running = await relay.accept(socket, {
        settled: () => {
          this.#pending.delete(number);
          channel.tell('settled', number);
        },
        comesFrom: (address) => channel.tell('client', { number, address }),
      });
      over = running?.over;
    } catch (error) {
      opened.log.error({ err: error }, 'a session ended by a defect');
      socket.destroy();
    } finally {
      this.#pending.delete(number);
      const closed = (): void => channel.tell('closed', number);
      if (over === undefined) closed();
      else void over.then(closed);
    }
  }

  evict(number: number): void {
    this.#pending.get(number)?.destroy();
  }

  async prepare({ config, certificates }: NewSettings): Promise<null> {
    const { relay, settings, opened } = this.running;
    this.#prepared = null;
    const next = unpackConfig(config);
    const use = await relay.prepare(next, certificates);
    this.#prepared = () => {
      settings.replace(next);
      use();
      opened.log.level = next.log.level;
    };
    return null;
  }

  commit(): void {
    this.#prepared?.();
    this.#prepared = null;
  }

  async close(): Promise<null> {
    await this.running.teardown.run();
    return null;
  }
}

main();
