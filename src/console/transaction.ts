import type { Notice, TransactionStatus } from '../wire/backend.ts';
import { SqlError } from './sql-error.ts';

/**
 * Where a session stands in its transaction. The console's statements take effect one by one; blocks are there for drivers
 * that open one before each statement, and follow PostgreSQL's rules for what may be said in them.
 */
export class Transaction {
  #status: TransactionStatus = 'I';
  #savepoints: string[] = [];
  #hasChanged = false;

  get status(): TransactionStatus {
    return this.#status;
  }

  /** A statement failed. */
  fail(): void {
    if (this.#status === 'T') this.#status = 'E';
  }

  /** A statement changed something, which no ROLLBACK takes back. */
  changed(): void {
    this.#hasChanged = this.#status !== 'I';
  }

  /** @returns a warning for the client, or null */
  begin(): Notice | null {
    if (this.#status !== 'I') return warning('25001', 'there is already a transaction in progress');
    this.#status = 'T';
    return null;
  }

  /** @returns the command tag, and a warning for the client, or null */
  end(kind: 'commit' | 'rollback'): { readonly tag: string; readonly notice: Notice | null } {
    const [status, hasChanged] = [this.#status, this.#hasChanged];
    this.#reset();
    const tag = kind === 'rollback' || status === 'E' ? 'ROLLBACK' : 'COMMIT';
    if (status === 'I') return { tag, notice: warning('25P01', 'there is no transaction in progress') };
    const isLost = tag === 'ROLLBACK' && hasChanged;
    return {
      tag,
      notice: isLost ? warning('01000', 'what was changed stays: the SQL console can not roll back') : null,
    };
  }

  savepoint(name: string): void {
    this.#demandBlock('SAVEPOINT');
    this.#savepoints.push(name);
  }

  release(name: string): void {
    this.#demandBlock('RELEASE SAVEPOINT');
    this.#savepoints.length = this.#find(name);
  }

  rollbackTo(name: string): void {
    this.#demandBlock('ROLLBACK TO SAVEPOINT');
    this.#savepoints.length = this.#find(name) + 1;
    this.#status = 'T';
  }

  #reset(): void {
    this.#status = 'I';
    this.#savepoints = [];
    this.#hasChanged = false;
  }

  #demandBlock(what: string): void {
    if (this.#status === 'I') throw new SqlError('25P01', `${what} can only be used in transaction blocks`);
    if (this.#savepoints.length >= MOST_SAVEPOINTS) throw new SqlError('54000', 'too many savepoints');
  }

  #find(name: string): number {
    const at = this.#savepoints.lastIndexOf(name);
    if (at < 0) throw new SqlError('3B001', `savepoint "${name}" does not exist`);
    return at;
  }
}

const MOST_SAVEPOINTS = 10_000;

function warning(sqlState: string, message: string): Notice {
  return { severity: 'WARNING', sqlState, message };
}
