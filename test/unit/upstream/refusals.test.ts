import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import type { EngineSession, Upstream } from '../../../src/upstream/open.ts';
import { startCluster, type TestCluster } from '../../support/cluster.ts';
import {
  createDatabase,
  createRole,
  dropRole,
  urlAs,
  type TestDatabase,
  type TestRole,
} from '../../support/database.ts';
import { errorResponse, scriptedEngine, WELCOME } from './scripted.ts';
import { ask, failure, NO_POOL, open, principal, send, upstreamOf } from './support.ts';

describe('a real engine’s refusals', () => {
  let database: TestDatabase;
  let role: TestRole;
  let upstream: Upstream;
  beforeAll(async () => {
    database = await createDatabase('refusals');
    role = await createRole('limited', 'CONNECTION LIMIT 2');
    upstream = await upstreamOf({ url: urlAs(database.url, role) }, { pool: NO_POOL });
  });
  afterAll(async () => {
    await upstream.close();
    await database.drop();
    await dropRole(role);
  });

  it('name the database that is not there', async () => {
    const error = await failure(open(upstream, { database: 'no_such_database' }));
    expect(error).toMatchObject({
      code: 'engine.refused',
      client: { sqlState: '3D000', message: 'database "no_such_database" does not exist' },
    });
  });

  it('name a parameter that is not known, or a value that will not do', async () => {
    expect(await failure(open(upstream, { parameters: { colour: 'red' } }))).toMatchObject({
      client: { sqlState: '42704' },
    });
    expect(await failure(open(upstream, { parameters: { DateStyle: 'never' } }))).toMatchObject({
      client: { sqlState: '22023' },
    });
  });

  it('tell of too many connections, and the next one is let in when there is room', async () => {
    const sessions = [await open(upstream), await open(upstream)];
    const error = await failure(open(upstream));
    expect(error.client).toMatchObject({
      sqlState: '53300',
      message: `too many connections for role "${role.name}"`,
    });
    for (const session of sessions) upstream.giveBack(session, { reusable: true });
    await expect
      .poll(() => open(upstream).then((session) => upstream.giveBack(session, { reusable: true }), failed))
      .toBe(undefined);
  });

  it('replication goes through when it is allowed, and is refused here when it is not', async () => {
    const replication = { replication: 'database' };
    expect(await failure(open(upstream, { parameters: replication }))).toMatchObject({
      code: 'engine.refused',
      client: { sqlState: '42501' },
    });
    const strict = await upstreamOf({ url: database.url }, { allowReplication: false });
    expect(await failure(open(strict, { parameters: replication }))).toMatchObject({
      code: 'login.replication_not_allowed',
      client: { sqlState: '42501' },
    });
    await strict.close();
    const free = await upstreamOf({ url: database.url });
    const session = await open(free, { parameters: replication });
    expect((await ask(session, 'IDENTIFY_SYSTEM'))[0]).toContain(database.name);
    free.giveBack(session, { reusable: true });
    await free.close();
  });

  it('the client’s parameters arrive in its order, as the bytes that came', async () => {
    const parameters = {
      options: '-c geqo=off -c statement_timeout=1\\ min',
      client_encoding: "'utf-8'",
      datestyle: 'German',
      TimeZone: 'Pacific/Chatham',
      'my.note': 'h\u00e9 \u2713',
      extra_float_digits: '2',
      geqo: 'on',
    };
    const session = await open(upstream, { parameters });
    const [row] = await ask(
      session,
      `SELECT current_setting('client_encoding'), current_setting('DateStyle'), current_setting('TimeZone'),
              current_setting('my.note'), current_setting('extra_float_digits'), current_setting('geqo'),
              current_setting('statement_timeout')`,
    );
    expect(row).toEqual(['UTF8', 'German, DMY', 'Pacific/Chatham', 'h\u00e9 \u2713', '2', 'on', '1min']);
    upstream.giveBack(session, { reusable: true });
  });
});

function failed(error: unknown): string {
  return String(error);
}

/** Shutting down means writing a checkpoint. */
const PATIENT = { timeout: 20_000 };

describe('an engine that stops', () => {
  let cluster: TestCluster;
  let upstream: Upstream;
  beforeEach(async () => {
    cluster = await startCluster({ settings: { max_connections: '5', superuser_reserved_connections: '0' } });
    upstream = await upstreamOf({ url: cluster.url() }, { pool: { reuse: 'principal' } });
  });
  afterEach(async () => {
    await upstream.close();
    await cluster.drop();
  });

  /** Settles when the engine has ended the session. */
  function ended(session: EngineSession): Promise<Buffer> {
    const chunks: Buffer[] = [];
    return new Promise((resolve) => {
      session.transport.setSink({
        data(chunk) {
          chunks.push(Buffer.from(chunk));
          return false;
        },
        end: () => resolve(Buffer.concat(chunks)),
        drain: () => undefined,
        close: () => resolve(Buffer.concat(chunks)),
      });
      session.transport.resume();
    });
  }

  it('says so while it waits for its sessions, and is missed when it is gone', async () => {
    const session = await open(upstream);
    const pidFile = join(cluster.directory, 'postmaster.pid');
    const [pid = ''] = readFileSync(pidFile, 'utf8').split('\n');
    process.kill(Number(pid), 'SIGTERM');
    await expect
      .poll(() => failure(open(upstream)).then(({ client }) => client))
      .toEqual({
        severity: 'FATAL',
        sqlState: '57P03',
        message: 'the database system is shutting down',
      });
    upstream.giveBack(session, { reusable: true });
    await upstream.reload();
    // Asking it all the time would keep it from stopping.
    await expect.poll(() => existsSync(pidFile), PATIENT).toBe(false);
    expect((await failure(open(upstream))).code).toBe('engine.unreachable');
    await cluster.start();
    upstream.giveBack(await open(upstream), { reusable: true });
  });

  it('drops its sessions in a crash, also idle ones that wait for re-use', async () => {
    const lent = await open(upstream, { who: principal({ uid: 'lent' }) });
    upstream.giveBack(await open(upstream), { reusable: true });
    await expect.poll(() => upstream.stats()[0]).toMatchObject({ idle: 1, lent: 1 });
    send(lent, 'SELECT pg_sleep(100)');
    const end = ended(lent);
    await cluster.halt('immediate');
    await end;
    upstream.giveBack(lent, { reusable: false });
    await expect.poll(() => upstream.stats()[0]).toMatchObject({ idle: 0, lent: 0 });
    await cluster.start();
    const session = await open(upstream);
    expect(session.fresh).toBe(true);
    upstream.giveBack(session, { reusable: true });
  });

  it('and comes back as a standby is taken for what it is', async () => {
    await cluster.halt('fast');
    await writeFile(join(cluster.directory, 'standby.signal'), '');
    await cluster.start();
    const codes: Record<string, string> = {};
    for (const attributes of ['any', 'standby', 'read-only', 'primary', 'read-write']) {
      const picky = await upstreamOf({ url: `${cluster.url()}?target_session_attrs=${attributes}` });
      const opening = open(picky);
      codes[attributes] = await opening.then(
        () => 'opened',
        () => failure(opening).then(({ code }) => code),
      );
      const session = await opening.catch(() => null);
      if (session !== null) picky.giveBack(session, { reusable: true });
      await picky.close();
    }
    const missed = 'engine.unreachable';
    expect(codes).toEqual({
      any: 'opened',
      standby: 'opened',
      'read-only': 'opened',
      primary: missed,
      'read-write': missed,
    });
  });

  it('idle sessions give way when it has no room for a new one', async () => {
    const others = Array.from({ length: 5 }, (_, i) => principal({ uid: `user ${i}` }));
    const sessions = await Promise.all(others.map((who) => open(upstream, { who })));
    expect((await failure(open(upstream))).client.sqlState).toBe('53300');
    for (const session of sessions) upstream.giveBack(session, { reusable: true });
    await expect.poll(() => upstream.stats()[0]?.idle).toBe(5);
    const session = await open(upstream);
    expect(session.fresh).toBe(true);
    expect(upstream.stats()[0]?.idle).toBe(4);
    upstream.giveBack(session, { reusable: true });
  });
});

describe('an engine of several servers', () => {
  it('is reached at the first that will have the session, and there again', async () => {
    const down = await scriptedEngine((peer) => Promise.resolve(peer.socket.destroy()));
    const starting = await scriptedEngine(async (peer) => {
      await peer.packet();
      peer.socket.end(errorResponse('57P03', 'the database system is starting up'));
    });
    const up = await scriptedEngine(async (peer) => {
      await peer.packet();
      peer.write(WELCOME);
    });
    const url = `postgres://r@127.0.0.1:${down.port},127.0.0.1:${starting.port},127.0.0.1:${up.port}/db?sslmode=disable`;
    const upstream = await upstreamOf({ url }, { pool: NO_POOL });
    for (let i = 0; i < 3; i += 1) upstream.giveBack(await open(upstream), { reusable: false });
    expect([down.connections, starting.connections, up.connections]).toEqual([1, 1, 3]);
    await up.close();
    expect(await failure(open(upstream))).toMatchObject({
      code: 'engine.refused',
      client: { sqlState: '57P03' },
    });
    await upstream.close();
    await down.close();
    await starting.close();
  });
});
