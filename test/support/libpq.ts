import koffi from 'koffi';
import {
  AuthDataHook,
  BearerRequest,
  Notify,
  OAUTH_BEARER_TOKEN,
  loadLibpq,
  type LibpqLibrary,
} from './libpq-library.ts';

/** A `PGconn *`, `PGresult *` or `PGcancelConn *`. */
type Pointer = bigint | null;

/** libpq-fe.h, ExecStatusType. */
export const EXEC_STATUS = {
  commandOk: 1,
  tuplesOk: 2,
  copyOut: 3,
  copyIn: 4,
  fatalError: 7,
  singleTuple: 9,
  pipelineSync: 10,
  pipelineAborted: 11,
  tuplesChunk: 12,
} as const;

const TEXT = 0;
const BINARY = 1;

export interface LibpqResult {
  /** One of EXEC_STATUS. */
  readonly status: number;
  /** Empty when nothing went wrong. */
  readonly sqlState: string;
  readonly message: string;
  /** Bytes as they came, null for NULL. */
  readonly rows: readonly (readonly (Buffer | null)[])[];
}

/** libpq 18, as the embedded PostgreSQL brings it, inside this process. */
export class Libpq {
  readonly #pq: LibpqLibrary;

  private constructor(pq: LibpqLibrary) {
    this.#pq = pq;
  }

  static async load(): Promise<Libpq> {
    return new Libpq(await loadLibpq());
  }

  /** 180004 is 18.4. */
  get version(): number {
    return this.#pq.libVersion() as number;
  }

  /** @throws with libpq's own words. Does not block: a server of this very process may be asked on the way */
  async connect(parameters: Readonly<Record<string, string | number>>): Promise<LibpqConnection> {
    const conninfo = Object.entries(parameters).map(([name, value]) => `${name}='${quoted(String(value))}'`);
    const pq = this.#pq;
    const conn = await new Promise<Pointer>((resolve, reject) => {
      pq.connectdb.async(conninfo.join(' '), (error: Error | null, pointer: Pointer) => {
        if (error === null) resolve(pointer);
        else reject(error);
      });
    });
    const connection = new LibpqConnection(pq, conn);
    if (pq.status(conn) === 0) return connection;
    const message = connection.errorMessage;
    connection.finish();
    throw new Error(message);
  }

  /**
   * Answers libpq's wish for an OAuth token, until the returned function is called.
   * @see libpq's documentation, PQsetAuthDataHook
   */
  offerToken(token: string): () => void {
    const { bytes, text } = { bytes: Buffer.from(`${token}\0`), text: koffi.type('uint8_t *') };
    const hook = koffi.register((kind: number, _conn: unknown, request: unknown): number => {
      if (kind !== OAUTH_BEARER_TOKEN) return 0;
      koffi.encode(request, koffi.offsetof(BearerRequest, 'token'), text, bytes);
      return 1;
    }, koffi.pointer(AuthDataHook));
    this.#pq.setAuthDataHook(hook);
    return () => {
      this.#pq.setAuthDataHook(null);
      koffi.unregister(hook);
    };
  }
}

export class LibpqConnection {
  readonly #pq: LibpqLibrary;
  readonly #conn: Pointer;

  constructor(pq: LibpqLibrary, conn: Pointer) {
    this.#pq = pq;
    this.#conn = conn;
  }

  get errorMessage(): string {
    return this.#pq.errorMessage(this.#conn) as string;
  }

  /** 30002 is 3.2. */
  get protocolVersion(): number {
    return this.#pq.fullProtocolVersion(this.#conn) as number;
  }

  get backendPid(): number {
    return this.#pq.backendPid(this.#conn) as number;
  }

  /** `protocol`, `alpn` …; null without TLS. */
  sslAttribute(name: string): string | null {
    return this.#pq.sslAttribute(this.#conn, name) as string | null;
  }

  /** What the server has reported. */
  parameterStatus(name: string): string | null {
    return this.#pq.parameterStatus(this.#conn, name) as string | null;
  }

  exec(sql: string): LibpqResult {
    return this.#take(this.#pq.exec(this.#conn, sql) as Pointer);
  }

  /** First column of the first row, as text. */
  one(sql: string): string | undefined {
    return this.exec(sql).rows[0]?.[0]?.toString();
  }

  /** The unnamed statement; parameters and results in binary. */
  execBinary(sql: string, values: readonly Buffer[]): LibpqResult {
    const { count, lengths, formats } = binaryParameters(values);
    const result = this.#pq.execParams(
      this.#conn,
      sql,
      count,
      null,
      values,
      lengths,
      formats,
      BINARY,
    ) as Pointer;
    return this.#take(result);
  }

  prepare(name: string, sql: string): LibpqResult {
    return this.#take(this.#pq.prepare(this.#conn, name, sql, 0, null) as Pointer);
  }

  execPrepared(name: string, values: readonly Buffer[]): LibpqResult {
    const { count, lengths, formats } = binaryParameters(values);
    return this.#take(
      this.#pq.execPrepared(this.#conn, name, count, values, lengths, formats, BINARY) as Pointer,
    );
  }

  /** Asks, and does not wait. */
  send(sql: string): void {
    this.#expect(this.#pq.sendQuery(this.#conn, sql) === 1);
  }

  /** In pipeline mode, too. */
  sendParams(sql: string): void {
    this.#expect(this.#pq.sendQueryParams(this.#conn, sql, 0, null, null, null, null, TEXT) === 1);
  }

  /** Null: that was all. */
  nextResult(): LibpqResult | null {
    const result = this.#pq.getResult(this.#conn) as Pointer;
    return result === null ? null : this.#take(result);
  }

  /** The results of the query that was sent come in chunks of rows. */
  setChunkedRows(rows: number): void {
    this.#expect(this.#pq.setChunkedRowsMode(this.#conn, rows) === 1);
  }

  enterPipeline(): void {
    this.#expect(this.#pq.enterPipelineMode(this.#conn) === 1);
  }

  exitPipeline(): void {
    this.#expect(this.#pq.exitPipelineMode(this.#conn) === 1);
  }

  pipelineSync(): void {
    this.#expect(this.#pq.pipelineSync(this.#conn) === 1);
  }

  /** After a query with status copyOut: one row; null at the end. */
  copyData(): Buffer | null {
    const out: [Pointer] = [null];
    const length = this.#pq.getCopyData(this.#conn, out, 0) as number;
    if (length === -1) return null;
    this.#expect(length > 0);
    const bytes = Buffer.from(koffi.decode(out[0], 'uint8_t', length) as Uint8Array);
    this.#pq.freemem(out[0]);
    return bytes;
  }

  putCopyData(chunk: Buffer): void {
    this.#expect(this.#pq.putCopyData(this.#conn, chunk, chunk.length) === 1);
  }

  putCopyEnd(): void {
    this.#expect(this.#pq.putCopyEnd(this.#conn, null) === 1);
  }

  /** A notification that has arrived. */
  notification(): { readonly channel: string; readonly payload: string; readonly pid: number } | null {
    this.#expect(this.#pq.consumeInput(this.#conn) === 1);
    const pointer = this.#pq.notifies(this.#conn) as Pointer;
    if (pointer === null) return null;
    const { relname, extra, be_pid } = koffi.decode(pointer, Notify) as NotifyFields;
    this.#pq.freemem(pointer);
    return { channel: relname, payload: extra, pid: be_pid };
  }

  /** PQcancel: always unencrypted. */
  cancelInPlaintext(): void {
    const cancel = this.#pq.getCancel(this.#conn) as Pointer;
    const message = Buffer.alloc(256);
    const done = this.#pq.cancel(cancel, message, message.length) as number;
    this.#pq.freeCancel(cancel);
    if (done !== 1) throw new Error(message.toString());
  }

  /** PQcancelBlocking: encrypted and verified as the session is. */
  cancelLikeSession(): void {
    const cancel = this.#pq.cancelCreate(this.#conn) as Pointer;
    const done = this.#pq.cancelBlocking(cancel) as number;
    const message = this.#pq.cancelErrorMessage(cancel) as string;
    this.#pq.cancelFinish(cancel);
    if (done !== 1) throw new Error(message);
  }

  finish(): void {
    this.#pq.finish(this.#conn);
  }

  #expect(done: boolean): void {
    if (!done) throw new Error(this.errorMessage);
  }

  #take(result: Pointer): LibpqResult {
    const pq = this.#pq;
    const [height, width] = [pq.ntuples(result) as number, pq.nfields(result) as number];
    const cell = (row: number, column: number): Buffer | null => {
      if (pq.getisnull(result, row, column) === 1) return null;
      const bytes: unknown = koffi.decode(
        pq.getvalue(result, row, column),
        'uint8_t',
        pq.getlength(result, row, column) as number,
      );
      return Buffer.from(bytes as Uint8Array);
    };
    const taken: LibpqResult = {
      status: pq.resultStatus(result) as number,
      sqlState: (pq.resultErrorField(result, DIAG_SQLSTATE) as string | null) ?? '',
      message: (pq.resultErrorField(result, DIAG_MESSAGE) as string | null) ?? '',
      rows: Array.from({ length: height }, (_r, row) =>
        Array.from({ length: width }, (_c, column) => cell(row, column)),
      ),
    };
    pq.clear(result);
    return taken;
  }
}

/** postgres_ext.h, PG_DIAG_… */
const DIAG_SQLSTATE = 'C'.charCodeAt(0);
const DIAG_MESSAGE = 'M'.charCodeAt(0);

interface NotifyFields {
  readonly relname: string;
  readonly extra: string;
  readonly be_pid: number;
}

function binaryParameters(values: readonly Buffer[]) {
  const lengths = Int32Array.from(values, (value) => value.length);
  return { count: values.length, lengths, formats: Int32Array.from(values, () => BINARY) };
}

/** libpq's quoting inside single quotes. */
function quoted(text: string): string {
  return text.replace(/[\\']/g, String.raw`\$&`);
}
