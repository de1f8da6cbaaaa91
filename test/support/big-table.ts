import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { expect } from 'vitest';
import { copyOut, type Digest } from './copy.ts';
import type { TestGateway } from './gateway.ts';
import { withClient } from './query.ts';

/** Rows of more than 500 bytes, more than 100 MB as COPY writes them. */
export const BIG_QUERY = `SELECT i, repeat(md5(i::text), 8) AS a, md5((-i)::text) AS b, repeat('x', 250) AS c FROM generate_series(1, 200000) AS i`;

/** For tests of much data, on machines that have much else to do. */
export const BULK = { timeout: 240_000 };

/** The table for `COPY big FROM STDIN`. */
export const CREATE_BIG = 'CREATE TABLE big (i integer, a text, b text, c text)';

/** What COPY of BIG_QUERY is when no gateway is in between. */
export async function bigDigest(gateway: TestGateway): Promise<Digest> {
  const digest = await digestAtEngine(gateway, BIG_QUERY);
  expect(digest.bytes).toBeGreaterThan(100_000_000);
  return digest;
}

/** What is in the table `big`, as the engine says. */
export function bigTableDigest(gateway: TestGateway): Promise<Digest> {
  return digestAtEngine(gateway, 'SELECT * FROM big ORDER BY i');
}

export async function fileDigest(file: string): Promise<Digest> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    hash.update(chunk);
  }
  return { bytes, sha256: hash.digest('hex') };
}

function digestAtEngine({ engine }: TestGateway, query: string): Promise<Digest> {
  return withClient(engine.url, (client) => copyOut(client, `COPY (${query}) TO STDOUT`));
}
