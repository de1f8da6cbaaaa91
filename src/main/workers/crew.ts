import type { Socket } from 'node:net';
import { Counter, Gauge } from 'prom-client';
import { pack } from '../../config/pack.ts';
import type { PendingPlace } from '../../session/pending.ts';
import type { Config } from '../../config/config.ts';
import type { CancelKey } from '../../session/cancel.ts';
import type { CertificateFiles } from '../ground.ts';
import { openListener, type SqlSide, type SqlSideOptions } from '../sql-side.ts';
import { MergedMetrics } from './merged-metrics.ts';
import { embeddedOf, type NewSettings, type StartOrder } from './protocol.ts';
import { Slot } from './slot.ts';
import type { Worker } from './worker.ts';

export interface CrewOptions extends SqlSideOptions {
  readonly count: number;
  readonly fingerprintKey: Buffer;
}

/** Connections wait for so long when every worker is gone. */
const NOBODY_MS = 10_000;
const METRICS_MS = 1_000;
const CLOSE_MS = 10_000;
/** Beyond the grace, for statements that have to be cancelled. */
const DRAIN_MARGIN_MS = 10_000;

/**
 * Listens here and lets workers carry the sessions. Each connection goes to the worker that has the fewest, of those with room.
 * @throws GatewayError or RequestError config.invalid; the listen error
 */
export async function serveByWorkers(options: CrewOptions): Promise<SqlSide> {
  const crew = new Crew(options);
  const listener = await openListener(options, (socket, place) => crew.run(socket, place));
  try {
    await crew.open();
  } catch (error) {
    listener.stopAccepting();
    await crew.close();
    throw error;
  }
  return {
    host: listener.host,
    port: listener.port,
    get serving() {
      return listener.accepting && crew.size > 0;
    },
    metrics: () => crew.metrics(),
    prepare: (next, certificates) => crew.prepare(next, certificates),
    reopenLog: () => crew.reopenLog(),
    drain(graceMs) {
      listener.stopAccepting();
      return crew.drain(graceMs);
    },
    close() {
      listener.stopAccepting();
      return crew.close();
    },
  };
}

class Crew {
  readonly #options: CrewOptions;
  readonly #slots: readonly Slot[];
  readonly #metrics = new MergedMetrics();
  readonly #waiting = new Set<(worker: Worker | null) => void>();
  #certificates: CertificateFiles | null;
  /** Grows with each reload. */
  #generation = 0;
  #turn = 0;

  constructor(options: CrewOptions) {
    const { clock, log, group, registry } = options;
    this.#options = options;
    this.#certificates = options.ground.tls;
    const restarts = workerMetrics(registry, () => this.size);
    const deps = {
      group,
      clock,
      log,
      cancelElsewhere: (asked: CancelKey, not: Worker) => this.#cancelElsewhere(asked, not),
      bringUp: (worker: Worker, number: number) => this.#bringUp(worker, number),
      onUp: () => this.#wake(),
      onGone: (worker: Worker) => {
        restarts();
        void this.#metrics.gone(worker);
        void options.services.liveSessions.buried(worker.pid);
      },
    };
    this.#slots = Array.from({ length: options.count }, (_, index) => new Slot(index + 1, deps));
  }

  /** How many workers serve. */
  get size(): number {
    return this.#workers.length;
  }

  get #workers(): readonly Worker[] {
    return this.#slots.flatMap(({ worker }) => worker ?? []);
  }

  /** @throws what keeps one of them from serving */
  async open(): Promise<void> {
    await Promise.all(this.#slots.map((slot) => slot.open()));
  }

  /** One connection, to its end. */
  async run(socket: Socket, place: PendingPlace): Promise<void> {
    const worker = this.#leastLoaded() ?? (await this.#next());
    if (worker === null || socket.destroyed) socket.destroy();
    else await worker.serve(socket, place);
  }

  async prepare(next: Config, certificates: CertificateFiles | null): Promise<() => void> {
    const settings: NewSettings = { config: pack(next), certificates };
    const workers = this.#workers;
    await Promise.all(workers.map(({ channel }) => channel.ask('prepare', settings)));
    return () => {
      this.#generation += 1;
      this.#certificates = certificates;
      for (const { channel } of workers) channel.tell('commit', null);
    };
  }

  reopenLog(): void {
    for (const { channel } of this.#workers) channel.tell('reopenLog', null);
  }

  async metrics(): Promise<string> {
    await Promise.all(
      this.#workers.map(async (worker) => {
        const answer = worker.channel.ask('metrics', null).catch(() => null);
        const metrics = await within(METRICS_MS, answer);
        if (metrics !== null) this.#metrics.take(worker, metrics);
      }),
    );
    return this.#metrics.text(this.#options.registry);
  }

  async drain(graceMs: number): Promise<void> {
    for (const slot of this.#slots) slot.retire();
    this.#giveUp();
    const drained = this.#workers.map(({ channel }) => channel.ask('drain', graceMs).catch(() => null));
    await within(graceMs + DRAIN_MARGIN_MS, Promise.all(drained));
  }

  async close(): Promise<void> {
    this.#giveUp();
    await Promise.all(this.#slots.map((slot) => slot.close(CLOSE_MS)));
  }

  async #bringUp(worker: Worker, number: number): Promise<void> {
    const generation = this.#generation;
    await worker.start(this.#order(number));
    if (generation === this.#generation) return;
    // The settings changed while it started.
    const settings = { config: pack(this.#options.settings.current), certificates: this.#certificates };
    await worker.channel.ask('prepare', settings);
    worker.channel.tell('commit', null);
  }

  #order(worker: number): StartOrder {
    const { settings, ground, fingerprintKey, count } = this.#options;
    const { poolSize } = settings.current.store;
    return {
      worker,
      config: pack(settings.current),
      certificates: this.#certificates,
      storeUrl: ground.storeUrl.reveal(),
      storePoolSize: Math.max(SMALLEST_POOL, Math.ceil(poolSize / count)),
      embedded: embeddedOf(ground.embedded),
      fingerprintKey,
    };
  }

  /** Those with equal loads take turns; who is short of file descriptors has one only where all are. */
  #leastLoaded(): Worker | null {
    const workers = this.#workers;
    this.#turn += 1;
    let best: Worker | null = null;
    for (let index = 0; index < workers.length; index++) {
      const worker = workers[(this.#turn + index) % workers.length];
      if (worker !== undefined && (best === null || worker.isBefore(best))) best = worker;
    }
    return best;
  }

  /** The next worker that comes up; null when there is none in time. */
  async #next(): Promise<Worker | null> {
    const came = new Promise<Worker | null>((resolve) => this.#waiting.add(resolve));
    return within(NOBODY_MS, came);
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve(this.#leastLoaded());
    this.#waiting.clear();
  }

  #giveUp(): void {
    for (const resolve of this.#waiting) resolve(null);
    this.#waiting.clear();
  }

  async #cancelElsewhere(asked: CancelKey, not: Worker): Promise<void> {
    const others = this.#workers.filter((worker) => worker !== not);
    await this.#options.group.passOnCancel(asked, async () => {
      const answers = others.map(({ channel }) => channel.ask('cancel', asked).catch(() => false));
      return (await Promise.all(answers)).includes(true);
    });
  }
}

const SMALLEST_POOL = 3;

/** @returns to be called for each worker that is gone */
function workerMetrics(registry: SqlSideOptions['registry'], running: () => number): () => void {
  new Gauge({
    name: 'patgate_workers',
    help: 'Worker processes that serve now.',
    registers: [registry],
    collect() {
      this.set(running());
    },
  });
  const gone = new Counter({
    name: 'patgate_workers_gone_total',
    help: 'Worker processes that ended without being told to.',
    registers: [registry],
  });
  return () => gone.inc();
}

/** @returns null when it takes longer */
function within<T>(ms: number, answer: Promise<T>): Promise<T | null> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(null), ms);
    answer.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
