import { sql, type Selectable } from 'kysely';
import type { Clock } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import { inSlices } from '../core/in-slices.ts';
import type { Log } from '../core/log.ts';
import { SharedRun } from '../core/shared-run.ts';
import type { Audit, AuditEntry, AuditQuery, AuditRow, AuditVerdict, LoginCount } from './audit.ts';
import { chain, rowOf } from './audit-chain.ts';
import { listAudit, loginsPerHour } from './audit-list.ts';
import { pruneSlice, verifyAudit } from './audit-upkeep.ts';
import { isAboutTheRows } from './errors.ts';
import type { AuditTable } from './schema.ts';
import type { Store, StoreTransaction } from './store.ts';

export interface AuditOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** Told of rows as soon as they are in the store for good. */
  readonly onWritten?: (rows: readonly AuditRow[]) => void;
}

const BATCH = 500;
/** Between two batches: a login storm writes twenty transactions a second, not one for every login or two. */
const LINGER_MS = 50;
/** Entries kept while the store is away; about 100 MB. */
const MOST_WAITING = 200_000;
const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5000;

/** Rows of the audit that are removed in one transaction. */
const PRUNED_AT_ONCE = 5000;

const PRUNED: AuditEntry = {
  action: 'audit.prune',
  outcome: 'ok',
  actor: { uid: null, name: 'retention', via: 'system', tid: null },
};

export function createAudit(options: AuditOptions): Audit {
  return new AuditLog(options);
}

/**
 * One chain for all processes: whoever appends holds the row of `audit_head`, so appends are in line, and those of logins
 * share one turn. A batch is written when the last one was a little while ago, so under no load a login is on record at once.
 */
class AuditLog implements Audit {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #onWritten: (rows: readonly AuditRow[]) => void;
  #waiting: AuditEntry[] = [];
  #writing: Promise<void> | null = null;
  #retryMs = FIRST_RETRY_MS;
  /** Monotonic. */
  #writtenAtMs = -Infinity;
  /** Those who wait for everything to be written. */
  #flushes = 0;
  /** Ends the wait for the next batch. */
  #hurry: () => void = () => undefined;
  #lost = 0;
  #closed = false;
  readonly #verification: SharedRun<AuditVerdict>;
  /** The last row of the batch that was tried and may have been written, although no answer came. */
  #unsure: Written | null = null;

  constructor({ store, clock, log, onWritten = () => undefined }: AuditOptions) {
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
    this.#onWritten = onWritten;
    this.#verification = new SharedRun((signal) => verifyAudit(store, signal));
  }

  note(entry: AuditEntry): void {
    if (this.#waiting.length >= MOST_WAITING) {
      this.#lost += 1;
      this.#log.error({ audit: entry }, 'audit entry could not be kept: the store is away for too long');
      return;
    }
    this.#waiting.push(entry.at === undefined ? { ...entry, at: this.#clock.now() } : entry);
    this.#writing ??= this.#writeAll();
  }

  async append(entries: AuditEntry | readonly AuditEntry[], trx: StoreTransaction): Promise<void> {
    const all = isOne(entries) ? [entries] : entries;
    for (let start = 0; start < all.length; start += BATCH) {
      await this.#insert(all.slice(start, start + BATCH), await lockHead(trx), trx);
    }
  }

  list(query: AuditQuery = {}): Promise<readonly AuditRow[]> {
    return listAudit(this.#store, query);
  }

  loginsPerHour(from: Date, before: Date): Promise<readonly LoginCount[]> {
    return loginsPerHour(this.#store, from, before);
  }

  verify(signal: AbortSignal | null = null): ReturnType<Audit['verify']> {
    return this.#verification.join(signal);
  }

  async prune(before: Date, signal: AbortSignal): Promise<number> {
    let rows = 0;
    try {
      await inSlices(signal, PRUNED_AT_ONCE, async () => {
        const slice = { before, rows: PRUNED_AT_ONCE };
        const gone = await this.#store.transaction((trx) => pruneSlice(trx, slice));
        rows += gone;
        return gone;
      });
    } finally {
      // Whatever ended it: what is gone is told.
      if (rows > 0) this.note({ ...PRUNED, detail: { before, rows } });
    }
    return rows;
  }

  async flush(): Promise<void> {
    this.#flushes += 1;
    this.#hurry();
    while (this.#writing !== null) await this.#writing;
    this.#flushes -= 1;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.flush();
    if (this.#lost > 0) this.#log.error({ lost: this.#lost }, 'audit entries were lost');
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      if (this.#waiting.length < BATCH) await this.#linger();
      try {
        await this.#writeWhatCanBe(this.#waiting.slice(0, this.#unsure?.rows.length ?? BATCH));
        this.#retryMs = FIRST_RETRY_MS;
        this.#writtenAtMs = this.#clock.monotonicMs();
      } catch (error) {
        this.#log.warn(
          { error: describeError(error), waiting: this.#waiting.length },
          'audit not written yet',
        );
        if (this.#closed) {
          for (const entry of this.#waiting.splice(0)) this.#giveUp(entry);
          break;
        }
        await this.#pause();
      }
    }
    this.#writing = null;
  }

  /** Waits until the last batch was a little while ago. */
  #linger(): Promise<void> {
    const waitMs = this.#writtenAtMs + LINGER_MS - this.#clock.monotonicMs();
    if (waitMs <= 0 || this.#flushes > 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#clock.after(waitMs, resolve);
      this.#hurry = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  /** An entry that the store will never take must not hold up all others. Found by halves, given up alone. */
  async #writeWhatCanBe(batch: readonly AuditEntry[]): Promise<void> {
    try {
      await this.#writeBatch(batch);
    } catch (error) {
      if (!isAboutTheRows(error)) throw error;
      // There was an answer: nothing of it was written.
      this.#unsure = null;
      const [entry, ...others] = batch;
      if (entry !== undefined && others.length === 0) {
        this.#waiting = this.#waiting.slice(1);
        this.#giveUp(entry, error);
        return;
      }
      const half = Math.ceil(batch.length / 2);
      await this.#writeWhatCanBe(batch.slice(0, half));
      await this.#writeWhatCanBe(batch.slice(half));
    }
  }

  #giveUp(entry: AuditEntry, why?: unknown): void {
    const error = why === undefined ? {} : { error: describeError(why) };
    this.#log.error({ audit: entry, ...error }, 'audit entry not written');
  }

  /** When the answer to COMMIT is lost, only the store knows whether the batch is in it: whoever tries again looks first. */
  async #writeBatch(batch: readonly AuditEntry[]): Promise<void> {
    await this.#store.transaction(async (trx) => {
      const head = await lockHead(trx);
      if (this.#unsure !== null && (await isThere(this.#unsure, trx))) this.#tell(this.#unsure.rows, trx);
      else this.#unsure = await this.#insert(batch, head, trx);
    });
    this.#unsure = null;
    this.#waiting = this.#waiting.slice(batch.length);
  }

  #pause(): Promise<void> {
    const delayMs = this.#retryMs;
    this.#retryMs = Math.min(2 * this.#retryMs, LONGEST_RETRY_MS);
    return new Promise((resolve) => void this.#clock.after(delayMs, resolve));
  }

  async #insert(entries: readonly AuditEntry[], head: Head, trx: StoreTransaction): Promise<Written | null> {
    const rows = chain(entries, head, this.#clock.now());
    const last = rows.at(-1);
    if (last === undefined) return null;
    await insertRows(rows, trx);
    await trx.updateTable('audit_head').set({ seq: last.seq, hash: last.hash }).where('id', '=', 1).execute();
    this.#tell(rows, trx);
    return { seq: last.seq, hash: last.hash, rows };
  }

  #tell(rows: readonly Selectable<AuditTable>[], trx: StoreTransaction): void {
    this.#store.afterCommit(trx, () => this.#onWritten(rows.map(rowOf)));
  }
}

/** All as one JSON value: sixteen parameters for each of hundreds of rows would take a while, on the thread that relays. */
async function insertRows(rows: readonly Selectable<AuditTable>[], trx: StoreTransaction): Promise<void> {
  const json = JSON.stringify(rows.map((row) => ({ ...row, hash: row.hash.toString('hex') })));
  await sql`
    insert into patgate.audit (
      seq, at, action, outcome, actor_uid, actor_name, actor_via, actor_tid, target_kind, target_id, target_name,
      address, application, reason, detail, hash
    )
    select seq, at, action, outcome, actor_uid, actor_name, actor_via, actor_tid, target_kind, target_id, target_name,
      address, application, reason, detail, decode(hash, 'hex')
    from json_to_recordset(${json}::json) as r (
      seq bigint, at timestamptz, action text, outcome text, actor_uid uuid, actor_name text, actor_via text,
      actor_tid uuid, target_kind text, target_id text, target_name text, address text, application text, reason text,
      detail text, hash text
    )`.execute(trx);
}

interface Head {
  readonly seq: number;
  readonly hash: Buffer;
}

interface Written extends Head {
  /** All of the batch. */
  readonly rows: readonly Selectable<AuditTable>[];
}

/** Puts whoever appends in line, behind a transaction whose fate is not known yet. */
function lockHead(trx: StoreTransaction): Promise<Head> {
  const head = trx.selectFrom('audit_head').select(['seq', 'hash']).where('id', '=', 1);
  return head.forUpdate().executeTakeFirstOrThrow();
}

async function isThere({ seq, hash }: Head, trx: StoreTransaction): Promise<boolean> {
  const row = await trx.selectFrom('audit').select('hash').where('seq', '=', seq).executeTakeFirst();
  return row?.hash.equals(hash) === true;
}

function isOne(entries: AuditEntry | readonly AuditEntry[]): entries is AuditEntry {
  return !Array.isArray(entries);
}
