/**
 * Opens a session with the node-postgres configuration that each line of standard input holds, and runs its `statement`. Prints one
 * line of JSON for each thing that happens: {id, event: open | done | failed, code, message, ms}.
 */
import { createInterface } from 'node:readline';
import pg from 'pg';

interface Order {
  readonly id: string;
  readonly config: pg.ClientConfig;
  readonly statement: string;
}

for await (const line of createInterface({ input: process.stdin })) void carryOut(JSON.parse(line) as Order);
process.exit();

async function carryOut({ id, config, statement }: Order): Promise<void> {
  const startedMs = performance.now();
  const tell = (event: string, error?: unknown): void => {
    const { code = null, message = null } = (error ?? {}) as { code?: string; message?: string };
    const ms = Math.round(performance.now() - startedMs);
    process.stdout.write(`${JSON.stringify({ id, event, code, message, ms })}\n`);
  };
  const client = new pg.Client(config);
  client.on('error', () => undefined);
  try {
    await client.connect();
    tell('open');
    await client.query(statement);
    tell('done');
    await client.end();
  } catch (error) {
    tell('failed', error);
  }
}
