import pg from 'pg';

export interface OpenSession {
  readonly client: pg.Client;
  /** SQLSTATE and text with which the session ended by itself; the code of a network error if it had no last words. */
  readonly ended: Promise<{ readonly code: string; readonly message: string }>;
}

/** A session by node `pg` whose end can be awaited. @throws the login's error */
export async function openSession(config: pg.ClientConfig): Promise<OpenSession> {
  const client = new pg.Client(config);
  const ended = new Promise<{ code: string; message: string }>((resolve) => {
    client.on('error', (error: Error & { code?: string }) =>
      resolve({ code: error.code ?? '', message: error.message }),
    );
  });
  await client.connect();
  return { client, ended };
}

/** One round trip. @returns 1 */
export async function ping(client: pg.Client): Promise<unknown> {
  const { rows } = await client.query<{ one: number }>('select 1 as one');
  return rows[0]?.one;
}
