import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Insertable, RawBuilder } from 'kysely';
import { sql } from 'kysely';
import type { Clock, Timer } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { isUuid } from '../core/uuid.ts';
import { answering } from './errors.ts';
import type {
  ListedSession,
  LiveSession,
  LiveSessions,
  SessionCountQuery,
  SessionQuery,
} from './live-sessions.ts';
import type { LiveSessionsTable } from './schema.ts';
import type { Store } from './store.ts';

export interface LiveSessionsOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
}

const WRITE_EVERY_MS = 500;
const HEARTBEAT_EVERY_MS = 5000;
/** A process that was silent for so long is not listed, and a little later swept out by the others. */
const SILENT = '20 seconds';
const GONE = '2 minutes';
/** A statement whose answer was lost may have been carried out, or be so yet: for so long after a failure it is looked. */
const UNSURE_MS = 60_000;
const BATCH = 1000;
const DEFAULT_LIMIT = 1000;
const MOST_ROWS = 10_000;

export function createLiveSessions(options: LiveSessionsOptions): LiveSessions {
  const directory = new StoreLiveSessions(options);
  directory.start();
  return directory;
}

class StoreLiveSessions implements LiveSessions {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #process = randomUUID();
  readonly #running = new Map<string, LiveSession>();
  readonly #toAdd = new Set<string>();
  readonly #toDrop = new Set<string>();
  #timer: Timer | null = null;
  /** When the timer is. */
  #dueMs = 0;
  #heartbeatDueMs = 0;
  /** Until then the store may list sessions as running that are not. */
  #unsureUntilMs = -Infinity;
  #writing: Promise<void> | null = null;
  #closed = false;

  constructor({ store, clock, log }: LiveSessionsOptions) {
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
  }

  start(): void {
    this.#writeIn(WRITE_EVERY_MS);
  }

  opened(session: LiveSession): void {
    this.#running.set(session.sid, session);
    this.#toAdd.add(session.sid);
    this.#writeSoon();
  }

  closed(sid: string): void {
    this.#running.delete(sid);
    // One that was never written needs no removal.
    if (!this.#toAdd.delete(sid)) this.#toDrop.add(sid);
    this.#writeSoon();
  }

  #writeSoon(): void {
    if (!this.#closed && this.#dueMs > this.#clock.monotonicMs() + WRITE_EVERY_MS) {
      this.#writeIn(WRITE_EVERY_MS);
    }
  }

  #writeIn(delayMs: number): void {
    this.#timer?.cancel();
    this.#dueMs = this.#clock.monotonicMs() + delayMs;
    this.#timer = this.#clock.after(delayMs, () => {
      void this.flush().finally(() => {
        if (!this.#closed) this.#writeIn(this.#untilNextMs());
      });
    });
  }

  /** With nothing to write, until the next heartbeat. */
  #untilNextMs(): number {
    if (this.#toAdd.size + this.#toDrop.size > 0) return WRITE_EVERY_MS;
    return Math.max(WRITE_EVERY_MS, this.#heartbeatDueMs - this.#clock.monotonicMs());
  }

  async list(query: SessionQuery = {}): Promise<readonly ListedSession[]> {
    let rows = this.#listed()
      .selectAll('s')
      .select(['p.host', 'p.process_id'])
      .orderBy('s.started_at', 'desc')
      .orderBy('s.sid', 'desc');
    if (query.uid !== undefined) rows = rows.where('s.uid', '=', query.uid);
    if (query.tid !== undefined) rows = rows.where('s.tid', '=', query.tid);
    if (query.sids !== undefined) rows = rows.where('s.sid', '=', anyOf(query.sids.filter(isUuid)));
    if (query.search !== undefined) rows = rows.where(matches(query.search));
    if (query.before !== undefined) {
      const { startedAt, sid } = query.before;
      rows = rows.where(sql<boolean>`(s.started_at, s.sid) < (${startedAt}, ${sid}::uuid)`);
    }
    const limit = Math.min(Math.max(query.limit ?? DEFAULT_LIMIT, 1), MOST_ROWS);
    return (await answering(() => rows.limit(limit).execute())).map((row) => ({
      ...sessionOf(row),
      host: row.host,
      processId: row.process_id,
    }));
  }

  async count({ uid, search, byToken = false }: SessionCountQuery): Promise<number> {
    const { n } = await this.#listed()
      .select((eb) => eb.fn.countAll<number>().as('n'))
      .$if(uid !== undefined, (rows) => rows.where('s.uid', '=', uid ?? ''))
      .$if(search !== undefined, (rows) => rows.where(matches(search ?? '')))
      .$if(byToken, (rows) => rows.where('s.tid', 'is not', null))
      .executeTakeFirstOrThrow();
    return n;
  }

  async countByToken(tids: readonly string[], uid?: string): Promise<ReadonlyMap<string, number>> {
    if (tids.length === 0) return new Map();
    const rows = await this.#listed()
      .select((eb) => ['s.tid', eb.fn.countAll<number>().as('n')])
      .where('s.tid', '=', anyOf(tids))
      .$if(uid !== undefined, (some) => some.where('s.uid', '=', uid ?? ''))
      .groupBy('s.tid')
      .execute();
    return new Map(rows.map(({ tid, n }) => [tid ?? '', n]));
  }

  /** Those of processes that were heard of lately. */
  #listed() {
    return this.#store.db
      .selectFrom('live_sessions as s')
      .innerJoin('processes as p', 'p.process', 's.process')
      .where('p.seen_at', '>', sql<Date>`clock_timestamp() - ${sql.lit(SILENT)}::interval`);
  }

  /** Never rejects: what could not be written is tried again with the next turn. */
  async flush(): Promise<void> {
    while (this.#writing !== null) await this.#writing;
    this.#writing = this.#write().catch((error: unknown) => {
      this.#unsureUntilMs = this.#clock.monotonicMs() + UNSURE_MS;
      this.#log.warn({ error: describeError(error) }, 'live sessions not written yet');
    });
    await this.#writing;
    this.#writing = null;
  }

  /** Should it hit a live process of a namesake of this host, that one's next heartbeat writes all again. */
  async buried(processId: number): Promise<void> {
    const { db } = this.#store;
    const own = db.deleteFrom('processes').where('host', '=', hostname());
    await this.#takeOut(own.where('process_id', '=', processId));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    while (this.#writing !== null) await this.#writing;
    await this.#takeOut(this.#store.db.deleteFrom('processes').where('process', '=', this.#process));
  }

  async #takeOut(processes: { execute(): Promise<unknown> }): Promise<void> {
    await processes.execute().catch((error: unknown) => {
      this.#log.warn({ error: describeError(error) }, 'live sessions not taken out');
    });
  }

  async #write(): Promise<void> {
    const heartbeat = this.#clock.monotonicMs() >= this.#heartbeatDueMs;
    if (heartbeat) await this.#heartbeat();
    const dropped = [...this.#toDrop];
    const added = [...this.#toAdd];
    for (let from = 0; from < dropped.length; from += BATCH) {
      const sids = dropped.slice(from, from + BATCH);
      await this.#store.db.deleteFrom('live_sessions').where('sid', 'in', sids).execute();
      for (const sid of sids) this.#toDrop.delete(sid);
    }
    for (let from = 0; from < added.length; from += BATCH) await this.#add(added.slice(from, from + BATCH));
    if (heartbeat && this.#clock.monotonicMs() < this.#unsureUntilMs) await this.#takeOutWhoIsGone();
  }

  /** A session whose row was written by a statement that seemed to have failed, and that closed before the next try. */
  async #takeOutWhoIsGone(): Promise<void> {
    const own = this.#store.db.deleteFrom('live_sessions').where('process', '=', this.#process);
    const running = sql<string>`all(${[...this.#running.keys()]}::uuid[])`;
    await own.where('sid', '<>', running).execute();
  }

  async #add(sids: readonly string[]): Promise<void> {
    const sessions = sids.flatMap((sid) => this.#running.get(sid) ?? []);
    if (sessions.length > 0) {
      await this.#store.db
        .insertInto('live_sessions')
        .values(sessions.map((session) => rowOf(session, this.#process)))
        .onConflict((conflict) => conflict.column('sid').doNothing())
        .execute();
    }
    for (const sid of sids) {
      // Closed while it was being written: it must be taken out after all.
      if (!this.#toAdd.delete(sid) && !this.#running.has(sid)) this.#toDrop.add(sid);
    }
  }

  /** Says that this process lives, and sweeps out those that do not. Whoever was swept out itself writes all again. */
  async #heartbeat(): Promise<void> {
    const { rows } = await sql<{ made: boolean }>`
      insert into patgate.processes (process, host, process_id, seen_at)
      values (${this.#process}, ${hostname()}, ${process.pid}, clock_timestamp())
      on conflict (process) do update set seen_at = excluded.seen_at
      returning (select count(*) from patgate.processes p where p.process = ${this.#process}) = 0 as made
    `.execute(this.#store.db);
    if (rows[0]?.made === true) for (const sid of this.#running.keys()) this.#toAdd.add(sid);
    await sql`delete from patgate.processes where seen_at < clock_timestamp() - ${sql.lit(GONE)}::interval`.execute(
      this.#store.db,
    );
    this.#heartbeatDueMs = this.#clock.monotonicMs() + HEARTBEAT_EVERY_MS;
  }
}

const anyOf = (ids: readonly string[]) => sql<string>`any(${[...ids]}::uuid[])`;

function matches(search: string): RawBuilder<boolean> {
  const escaped = search.replaceAll('\0', '').replace(/[\\%_]/g, '\\$&');
  const anywhere = `%${escaped}%`;
  return sql<boolean>`concat_ws(E'\n', s.user_name, s.application, s.address, s.database, s.role, s.label) ilike ${anywhere}`;
}

function rowOf(session: LiveSession, process: string): Insertable<LiveSessionsTable> {
  return {
    sid: session.sid,
    process,
    uid: session.uid,
    user_name: session.user,
    tid: session.tid,
    label: session.label,
    mechanism: session.mechanism,
    engine: session.engine,
    database: session.database,
    role: session.role,
    engine_process_id: session.engineProcessId,
    address: session.address,
    application: session.application?.replaceAll('\0', '') ?? null,
    tls: session.tls,
    started_at: session.startedAt,
  };
}

function sessionOf(row: LiveSessionsTable): LiveSession {
  return {
    sid: row.sid,
    uid: row.uid,
    user: row.user_name,
    tid: row.tid,
    label: row.label,
    mechanism: row.mechanism,
    engine: row.engine,
    database: row.database,
    role: row.role,
    engineProcessId: row.engine_process_id,
    address: row.address,
    application: row.application,
    tls: row.tls,
    startedAt: row.started_at,
  };
}
