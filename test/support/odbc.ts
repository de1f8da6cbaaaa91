import koffi from 'koffi';
import type { Clients } from './clients.ts';
import { SQL, loadOdbc, type OdbcLibrary } from './odbc-library.ts';

type Handle = unknown;

/** A diagnostic record of the driver or its manager. */
export class OdbcError extends Error {
  readonly sqlState: string;

  constructor(sqlState: string, message: string) {
    super(message);
    this.sqlState = sqlState;
  }
}

/** psqlodbc below unixODBC, inside this process. */
export class Odbc {
  readonly #library: OdbcLibrary;
  readonly #env: Handle;

  constructor(installed: NonNullable<Clients['odbc']>) {
    this.#library = loadOdbc(installed);
    this.#env = allocate(this.#library, SQL.handleEnv, null);
    this.#library.setEnvAttr(this.#env, SQL.attrOdbcVersion, SQL.odbcVersion3, 0);
  }

  /** Does not block: a server of this very process may be asked on the way. @throws OdbcError */
  async connect(connectionString: string): Promise<OdbcConnection> {
    const dbc = allocate(this.#library, SQL.handleDbc, this.#env);
    try {
      const args = [dbc, null, connectionString, SQL.nts, null, 0, null, 0];
      await callAsync(this.#library, 'driverConnect', args, SQL.handleDbc, dbc);
      return new OdbcConnection(this.#library, dbc);
    } catch (error) {
      this.#library.freeHandle(SQL.handleDbc, dbc);
      throw error;
    }
  }

  close(): void {
    this.#library.freeHandle(SQL.handleEnv, this.#env);
  }
}

export class OdbcConnection {
  readonly #library: OdbcLibrary;
  readonly #dbc: Handle;

  constructor(library: OdbcLibrary, dbc: Handle) {
    this.#library = library;
    this.#dbc = dbc;
  }

  setAutocommit(on: boolean): void {
    check(
      this.#library,
      this.#library.setConnectAttr(this.#dbc, SQL.attrAutocommit, on ? 1 : 0, 0),
      SQL.handleDbc,
      this.#dbc,
    );
  }

  rollback(): void {
    const done: unknown = this.#library.endTran(SQL.handleDbc, this.#dbc, SQL.rollback);
    check(this.#library, done, SQL.handleDbc, this.#dbc);
  }

  /** First column of the first row, as text; null when there is none. */
  one(sql: string): string | null {
    return this.withStatement((statement) => {
      statement.execute(sql);
      return statement.fetch() ? statement.text(1) : null;
    });
  }

  withStatement<T>(use: (statement: OdbcStatement) => T): T {
    const statement = this.statement();
    try {
      return use(statement);
    } finally {
      statement.free();
    }
  }

  /** To be freed by the caller. */
  statement(): OdbcStatement {
    return new OdbcStatement(this.#library, allocate(this.#library, SQL.handleStmt, this.#dbc));
  }

  close(): void {
    this.#library.disconnect(this.#dbc);
    this.#library.freeHandle(SQL.handleDbc, this.#dbc);
  }
}

/** Room for text of one cell that is fetched by itself. */
const CELL_BYTES = 4096;

export class OdbcStatement {
  readonly #library: OdbcLibrary;
  readonly #stmt: Handle;
  readonly #indicator = new Memory(8);
  readonly #bound: Memory[] = [];

  constructor(library: OdbcLibrary, stmt: Handle) {
    this.#library = library;
    this.#stmt = stmt;
  }

  execute(sql: string): void {
    this.#call(this.#library.execDirect(this.#stmt, sql, SQL.nts));
  }

  /** On another thread, so that it can be cancelled. */
  async executeAsync(sql: string): Promise<void> {
    await callAsync(this.#library, 'execDirect', [this.#stmt, sql, SQL.nts], SQL.handleStmt, this.#stmt);
  }

  cancel(): void {
    this.#call(this.#library.cancel(this.#stmt));
  }

  prepare(sql: string): void {
    this.#call(this.#library.prepare(this.#stmt, sql, SQL.nts));
  }

  /** With what is in the memory of the parameters now. */
  executePrepared(): void {
    this.#call(this.#library.execute(this.#stmt));
  }

  /** @returns its memory, to be changed between executions */
  bindInteger(parameter: number): Int32Array {
    const memory = this.#memory(4);
    this.#bind(parameter, SQL.cSlong, SQL.typeInteger, memory);
    return new Int32Array(memory.bytes.buffer, 0, 1);
  }

  bindBinary(parameter: number, bytes: Buffer): void {
    const memory = this.#memory(bytes.length);
    bytes.copy(memory.bytes);
    this.#bind(parameter, SQL.cBinary, SQL.typeLongVarbinary, memory);
  }

  /** @returns false behind the last row, or rows */
  fetch(): boolean {
    const result = this.#library.fetch(this.#stmt) as number;
    if (result === SQL.noData) return false;
    this.#call(result);
    return true;
  }

  /** A column of the current row, cut at 4 kB. */
  text(column: number): string | null {
    return this.#data(column, SQL.cChar, CELL_BYTES)?.toString() ?? null;
  }

  /** @param most bytes there can be */
  binary(column: number, most: number): Buffer | null {
    return this.#data(column, SQL.cBinary, most);
  }

  /**
   * From now on, `fetch` takes so many rows at once, and these columns are read as text.
   * @param widths bytes of each column, at most
   * @returns reads the rows of the last fetch: texts by row and column
   */
  bindTextColumns(rows: number, widths: readonly number[]): () => string[][] {
    this.#call(this.#library.setStmtAttr(this.#stmt, SQL.attrRowArraySize, rows, 0));
    const fetched = this.#memory(8);
    this.#call(this.#library.setStmtPointer(this.#stmt, SQL.attrRowsFetchedPtr, fetched.address, 0));
    const columns = widths.map((width, index) => {
      const [size, values, lengths] = [width + 1, this.#memory((width + 1) * rows), this.#memory(8 * rows)];
      const args = [index + 1, SQL.cChar, values.address, size, lengths.address];
      this.#call(this.#library.bindCol(this.#stmt, ...args));
      return (row: number): string => {
        const length = Number(lengths.bytes.readBigInt64LE(8 * row));
        return values.bytes.toString('latin1', row * size, row * size + length);
      };
    });
    return () =>
      Array.from({ length: Number(fetched.bytes.readBigInt64LE(0)) }, (_, row) =>
        columns.map((column) => column(row)),
      );
  }

  /** So that it can be executed again. */
  closeCursor(): void {
    this.#call(this.#library.freeStmt(this.#stmt, SQL.closeCursor));
  }

  free(): void {
    this.#library.freeHandle(SQL.handleStmt, this.#stmt);
    for (const memory of [this.#indicator, ...this.#bound]) memory.free();
  }

  #bind(parameter: number, cType: number, sqlType: number, memory: Memory): void {
    const { length } = memory.bytes;
    const indicator = this.#memory(8);
    indicator.bytes.writeBigInt64LE(BigInt(length));
    const types = [parameter, SQL.paramInput, cType, sqlType];
    const value = [length, 0, memory.address, length, indicator.address];
    this.#call(this.#library.bindParameter(this.#stmt, ...types, ...value));
  }

  #data(column: number, type: number, size: number): Buffer | null {
    const memory = new Memory(size);
    try {
      const { address } = this.#indicator;
      this.#call(this.#library.getData(this.#stmt, column, type, memory.address, size, address));
      const length = Number(this.#indicator.bytes.readBigInt64LE());
      return length === SQL.nullData ? null : Buffer.from(memory.bytes.subarray(0, Math.min(length, size)));
    } finally {
      memory.free();
    }
  }

  #memory(size: number): Memory {
    const memory = new Memory(size);
    this.#bound.push(memory);
    return memory;
  }

  #call(result: unknown): void {
    check(this.#library, result, SQL.handleStmt, this.#stmt);
  }
}

/** Memory that stays where it is. */
class Memory {
  readonly address: unknown;
  readonly bytes: Buffer;

  constructor(size: number) {
    this.address = koffi.alloc('uint8_t', size);
    this.bytes = Buffer.from(koffi.view(this.address, size));
  }

  free(): void {
    koffi.free(this.address);
  }
}

function allocate(library: OdbcLibrary, type: number, parent: Handle): Handle {
  const out: [Handle] = [null];
  check(library, library.allocHandle(type, parent, out), type, parent);
  return out[0];
}

async function callAsync(
  library: OdbcLibrary,
  name: 'driverConnect' | 'execDirect',
  args: readonly unknown[],
  type: number,
  handle: Handle,
): Promise<void> {
  const result = await new Promise<unknown>((resolve, reject) => {
    library[name].async(...args, (error: Error | null, value: unknown) => {
      if (error === null) resolve(value);
      else reject(error);
    });
  });
  check(library, result, type, handle);
}

/** @throws OdbcError */
function check(library: OdbcLibrary, result: unknown, type: number, handle: Handle): void {
  if (result === SQL.success || result === SQL.successWithInfo) return;
  const [state, native, text, length] = [
    Buffer.alloc(6),
    Buffer.alloc(4),
    Buffer.alloc(4096),
    Buffer.alloc(2),
  ];
  library.getDiagRec(type, handle, 1, state, native, text, text.length, length);
  throw new OdbcError(
    state.toString('latin1', 0, 5),
    text.toString('utf8', 0, Math.min(length.readInt16LE(), text.length)),
  );
}
