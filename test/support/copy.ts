import { createHash } from 'node:crypto';
import type pg from 'pg';

/** What `pg` calls on a query object; see its Submittable. Written out because its types leave COPY out. */
interface Connection {
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
  readonly stream: {
    write(chunk: Buffer): boolean;
    once(event: 'drain', listener: () => void): void;
    readonly writableNeedDrain: boolean;
  };
}

abstract class CopyQuery {
  readonly #text: string;
  readonly #resolve: () => void;
  readonly #reject: (error: Error) => void;
  failed = false;

  constructor(text: string, resolve: () => void, reject: (error: Error) => void) {
    this.#text = text;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  submit(connection: Connection): void {
    connection.query(this.#text);
  }

  handleError(error: Error): void {
    this.failed = true;
    this.#reject(error);
  }

  handleCommandComplete(): void {
    // ReadyForQuery ends it.
  }

  handleReadyForQuery(): void {
    if (!this.failed) this.#resolve();
  }
}

class CopyOut extends CopyQuery {
  onChunk: (chunk: Buffer) => void = () => undefined;

  handleCopyData({ chunk }: { chunk: Buffer }): void {
    this.onChunk(chunk);
  }
}

class CopyIn extends CopyQuery {
  chunks: Iterable<Buffer> = [];

  handleCopyInResponse(connection: Connection): void {
    void this.#send(connection);
  }

  async #send(connection: Connection): Promise<void> {
    for (const chunk of this.chunks) {
      if (this.failed) return;
      connection.sendCopyFromChunk(chunk);
      if (connection.stream.writableNeedDrain) {
        await new Promise<void>((resolve) => connection.stream.once('drain', resolve));
      }
    }
    connection.endCopyFrom();
  }
}

export interface Digest {
  readonly bytes: number;
  readonly sha256: string;
}

/** Runs `COPY … TO STDOUT`. */
export async function copyOut(client: pg.Client, sql: string): Promise<Digest> {
  const hash = createHash('sha256');
  let bytes = 0;
  await new Promise<void>((resolve, reject) => {
    const query = new CopyOut(sql, resolve, reject);
    query.onChunk = (chunk) => {
      bytes += chunk.length;
      hash.update(chunk);
    };
    client.query(query as unknown as pg.Submittable);
  });
  return { bytes, sha256: hash.digest('hex') };
}

/** Runs `COPY … FROM STDIN`. */
export async function copyIn(client: pg.Client, sql: string, chunks: Iterable<Buffer>): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const query = new CopyIn(sql, resolve, reject);
    query.chunks = chunks;
    client.query(query as unknown as pg.Submittable);
  });
}
