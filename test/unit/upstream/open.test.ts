import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Upstream } from '../../../src/upstream/open.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { ask, greeted, NO_POOL, open, upstreamOf } from './support.ts';

let database: TestDatabase;
let upstream: Upstream;
beforeAll(async () => {
  database = await createDatabase('upstream');
  upstream = await upstreamOf({ url: database.url }, { pool: NO_POOL });
});
afterAll(async () => {
  await upstream.close();
  await database.drop();
});

describe('a session on a real engine', () => {
  it('is logged in, idle, and greets with what the engine reported', async () => {
    const session = await open(upstream);
    const greeting = await greeted(session.greeting);
    expect(session).toMatchObject({ engine: 'main', role: new URL(database.url).username, fresh: true });
    expect(greeting.get('server_version')).toMatch(/^18/);
    expect(greeting.get('session_authorization')).toBe(session.role);
    expect(session.leftover).toHaveLength(0);
    const [[pid, name] = []] = await ask(session, 'SELECT pg_backend_pid(), current_database()');
    expect(pid).toBe(String(session.processId));
    expect(name).toBe(database.name);
    upstream.giveBack(session, { reusable: true });
  });
});
