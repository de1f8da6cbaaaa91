import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemActor } from '../../src/accounts/actor.ts';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { REPOSITORY } from '../support/child.ts';
import { startGateway, type TestGateway, type TestUser } from '../support/gateway.ts';
import { startGatewayProcess } from '../support/gateway-process.ts';
import { withClient } from '../support/query.ts';

const CONSOLE = 'patgate';
const ROOT = systemActor('console test');

interface Person extends TestUser {
  /** Rows of one statement at the console; an error's SQLSTATE when it fails. */
  ask(sql: string, values?: readonly unknown[]): Promise<Record<string, unknown>[] | string>;
}

let gateway: TestGateway;
let ada: Person;
let max: Person;
let root: Person;

beforeAll(async () => {
  gateway = await startGateway();
  [ada, max, root] = await Promise.all([person('ada'), person('max'), person('root')]);
  await gateway.services.accounts.grant(ROOT, 'manage_all', { kind: 'user', name: 'max' });
  await gateway.services.accounts.grant(ROOT, 'admin', { kind: 'user', name: 'root' });
});
afterAll(() => gateway.stop());

async function person(name: string): Promise<Person> {
  const user = await gateway.addUser(name);
  return {
    ...user,
    ask: (sql, values = []) =>
      withClient(gateway.clientConfig(name, user.password, CONSOLE), (client) => ask(client, sql, values)),
  };
}

async function ask(
  client: pg.Client,
  sql: string,
  values: readonly unknown[] = [],
): Promise<Record<string, unknown>[] | string> {
  try {
    const result = await client.query<Record<string, unknown>>(sql, [...values]);
    return result.rows;
  } catch (error) {
    if (error instanceof pg.DatabaseError) return error.code ?? '';
    throw error;
  }
}

function rowsOf(answer: Record<string, unknown>[] | string): Record<string, unknown>[] {
  if (typeof answer === 'string') throw new Error(`failed with ${answer}`);
  return answer;
}

/** Of the one row. */
async function tokenOf(
  answer: Promise<Record<string, unknown>[] | string>,
): Promise<{ tid: string; token: string }> {
  const [row] = rowsOf(await answer);
  return { tid: String(row?.['tid']), token: String(row?.['token']) };
}

describe('what each person may do', () => {
  test.each([
    ['SHOW TOKENS', 'ok', 'ok', 'ok'],
    ['SHOW MY TOKENS', 'ok', 'ok', 'ok'],
    ['SHOW ALL TOKENS', '42501', 'ok', 'ok'],
    ['SHOW TOKENS FOR USER max', '42704', 'ok', 'ok'],
    ['SHOW SESSIONS', 'ok', 'ok', 'ok'],
    ['SHOW ALL SESSIONS', '42501', 'ok', 'ok'],
    ['SHOW USERS', '42501', 'ok', 'ok'],
    ['SHOW POOLS', '42501', 'ok', 'ok'],
    ['SHOW STATS', '42501', 'ok', 'ok'],
    ['SHOW CONFIG', '42501', '42501', 'ok'],
    ['SHOW VERSION', 'ok', 'ok', 'ok'],
    ["CREATE TOKEN 'own'", 'ok', 'ok', 'ok'],
    ["CREATE TOKEN 'for max' FOR USER max", '42704', 'ok', 'ok'],
    ["CREATE TOKEN 'as another' ROLE postgres", '42501', '42501', 'ok'],
    ["CREATE TOKEN 'too long' VALID FOR '1000 days'", '42501', '42501', '42501'],
    ["CREATE TOKEN 'for nobody' FOR USER nobody", '42704', '42704', '42704'],
    ["CREATE TOKEN 'odd' VALID FOR 'a while'", '22007', '22007', '22007'],
    ["CREATE TOKEN ''", '22023', '22023', '22023'],
    ["CREATE TOKEN 'odd' NETWORKS ('nowhere')", '22023', '22023', '22023'],
    ["REVOKE TOKEN '00000000-0000-4000-8000-000000000000'", '42704', '42704', '42704'],
    ["KILL SESSION '00000000-0000-4000-8000-000000000000'", '42704', '42704', '42704'],
    ['REVOKE ALL TOKENS FOR USER max', '42704', 'ok', 'ok'],
    ['EXPLAIN LOGIN USER max', 'ok', 'ok', 'ok'],
  ])('%s', async (sql, ...expected) => {
    const answers = await Promise.all([ada, max, root].map((each) => each.ask(sql)));
    expect(answers.map((answer) => (typeof answer === 'string' ? answer : 'ok'))).toEqual(expected);
  });

  test('an ordinary user sees the own tokens, whoever manages all everyone’s', async () => {
    const own = await tokenOf(ada.ask("CREATE TOKEN 'ada’s'"));
    const foreign = await tokenOf(max.ask("CREATE TOKEN 'max’s'"));
    const tids = async (who: Person, sql: string): Promise<unknown[]> =>
      rowsOf(await who.ask(sql)).map(({ tid }) => tid);
    expect(await tids(ada, 'SHOW TOKENS')).toContain(own.tid);
    expect(await tids(ada, 'SHOW TOKENS')).not.toContain(foreign.tid);
    expect(await tids(max, 'SHOW TOKENS')).toEqual(expect.arrayContaining([own.tid, foreign.tid]));
    expect(await tids(max, 'SHOW MY TOKENS')).not.toContain(own.tid);
    expect(await tids(max, 'SHOW TOKENS FOR USER ada')).toContain(own.tid);
    expect(await ada.ask(`REVOKE TOKEN '${foreign.tid}'`)).toBe('42704');
    expect(await ada.ask(`ROTATE TOKEN '${foreign.tid}'`)).toBe('42704');
  });

  test('a privilege counts as soon as it is given or taken, also in a session that is open', async () => {
    const eve = await person('eve');
    await withClient(gateway.clientConfig('eve', eve.password, CONSOLE), async (client) => {
      expect(await ask(client, 'SHOW USERS')).toBe('42501');
      await gateway.services.accounts.grant(ROOT, 'manage_all', { kind: 'user', name: 'eve' });
      expect(rowsOf(await ask(client, 'SHOW USERS')).length).toBeGreaterThan(2);
      await gateway.services.accounts.ungrant(ROOT, 'manage_all', { kind: 'user', name: 'eve' });
      expect(await ask(client, 'SHOW USERS')).toBe('42501');
    });
  });

  test('SHOW CONFIG has every setting and no secret', async () => {
    const lines = rowsOf(await root.ask('SHOW CONFIG'));
    const values: Record<string, unknown> = Object.fromEntries(
      lines.map(({ name, value }) => [String(name), value]),
    );
    expect(values).toMatchObject({
      'login.timeout': '60s',
      'store.url': '[secret]',
      'engines.main.url': '[secret]',
      'engines.main.identity': 'service',
      'engine.connect_timeout': '10s',
      'sessions.idle_timeout': 'off',
      'console.database': 'patgate',
      'listen.postgres': '127.0.0.1:0',
      databases: '*=main',
      'oauth.issuer': null,
    });
    const password = new URL(gateway.store.url).password;
    if (password !== '') expect(JSON.stringify(lines)).not.toContain(password);
  });
});

describe('a token made at the console', () => {
  test('logs in, within its limits', async () => {
    const { token } = await tokenOf(
      ada.ask('CREATE TOKEN $1 VALID FOR $2 DATABASES ($3, patgate) NETWORKS ($4) MAX SESSIONS 2', [
        'laptop',
        '7 days',
        gateway.engine.name,
        '127.0.0.0/8',
      ]),
    );
    await withClient(gateway.clientConfig('$token', token), (client) => client.query('select 1'));
    await withClient(gateway.clientConfig('$token', token, CONSOLE), async (client) => {
      const [row] = rowsOf(await ask(client, 'SHOW TOKENS'));
      expect(row).toMatchObject({
        label: 'laptop',
        databases: [gateway.engine.name, 'patgate'],
        networks: ['127.0.0.0/8'],
        max_sessions: '2',
        state: 'live',
      });
      expect(row?.['expires_at']).toBeInstanceOf(Date);
    });
    const other = await tokenOf(ada.ask(`CREATE TOKEN 'engine only' DATABASES ("${gateway.engine.name}")`));
    const refused = new pg.Client(gateway.clientConfig('$token', other.token, CONSOLE));
    await expect(refused.connect()).rejects.toMatchObject({ code: '28000' });
  });

  test('is not in the log nor in the audit, nor is one that was pasted by mistake', async () => {
    const { tid, token } = await tokenOf(ada.ask("CREATE TOKEN 'quiet'"));
    const next = await tokenOf(ada.ask(`ROTATE TOKEN '${tid}' OVERLAP '1 hour'`));
    expect(await ada.ask(`ROTATE TOKEN '${token}'`)).toBe('22023');
    expect(await ada.ask(`REVOKE TOKEN '${next.token}'`)).toBe('22023');
    expect(await ada.ask(`SHOW ${token}`)).toBe('42704');
    const audit = JSON.stringify(await gateway.services.oversight.audit(ROOT, { limit: 1000 }));
    const written = audit + JSON.stringify(gateway.logged());
    expect(written).toContain(next.tid);
    for (const secret of [token, next.token]) expect(written).not.toContain(secret);
  });

  test('is written to the audit with the one who made it, and from where', async () => {
    const { tid } = await tokenOf(ada.ask("CREATE TOKEN 'audited'"));
    const [row] = await gateway.services.oversight.audit(ROOT, { tid, action: 'token.issue' });
    expect(row).toMatchObject({
      actor: { name: 'ada', via: 'password' },
      address: '127.0.0.1',
      outcome: 'ok',
    });
  });

  test('makes no other tokens unless it has the scope for it', async () => {
    const plain = await tokenOf(ada.ask("CREATE TOKEN 'plain'"));
    const scoped = await tokenOf(ada.ask("CREATE TOKEN 'scoped' SCOPES (tokens)"));
    const make = (token: string) =>
      withClient(gateway.clientConfig('$token', token, CONSOLE), (client) =>
        ask(client, "CREATE TOKEN 'child'"),
      );
    expect(await make(plain.token)).toBe('42501');
    expect(rowsOf(await make(scoped.token))).toHaveLength(1);
  });
});

describe('a session with the console', () => {
  test('is listed, can be ended by its user, and is in the audit', async () => {
    const config = { ...gateway.clientConfig('ada', ada.password, CONSOLE), application_name: 'my console' };
    await withClient(config, async (client) => {
      const ended = new Promise<string>((resolve) =>
        client.on('error', (error) => resolve(error instanceof pg.DatabaseError ? (error.code ?? '') : '')),
      );
      const own = rowsOf(await ask(client, 'SHOW MY SESSIONS')).find(
        (row) => row['application'] === 'my console',
      );
      expect(own).toMatchObject({ user: 'ada', database: 'patgate', engine: 'console', tls: 'TLSv1.3' });
      const pid = rowsOf(await ask(client, 'SELECT pg_backend_pid() AS pid'))[0]?.['pid'];
      expect(own?.['engine_pid']).toBe(String(pid));
      expect(rowsOf(await ada.ask(`KILL SESSION '${String(own?.['sid'])}' REASON 'test'`))).toEqual([]);
      expect(await ended).toBe('57P01');
    });
    const closed = await gateway.services.oversight.audit(ROOT, { action: 'session.close', limit: 100 });
    expect(closed.some(({ target }) => target?.name === 'ada@console/patgate')).toBe(true);
  });

  test('ends a session with an engine', async () => {
    await withClient(gateway.clientConfig('ada', ada.password), async (client) => {
      const ended = new Promise((resolve) => client.on('error', resolve));
      const sessions = rowsOf(await max.ask('SHOW SESSIONS FOR USER ada'));
      const session = sessions.find(({ database }) => database === gateway.engine.name);
      await max.ask(`KILL SESSION '${String(session?.['sid'])}'`);
      expect(await ended).toMatchObject({ code: '57P01' });
    });
  });

  test('ends when its token is revoked, also by itself', async () => {
    const { tid, token } = await tokenOf(ada.ask("CREATE TOKEN 'short'"));
    await withClient(gateway.clientConfig('$token', token, CONSOLE), async (client) => {
      const ended = new Promise((resolve) => client.on('error', resolve));
      await client.query(`REVOKE TOKEN '${tid}' REASON 'done'`);
      expect(await ended).toMatchObject({
        code: '57P01',
        message: expect.stringMatching(/revoked \(done\)/) as string,
      });
    });
  });

  test('answers prepared, binary and empty queries, and errors in between', async () => {
    await withClient(gateway.clientConfig('ada', ada.password, CONSOLE), async (client) => {
      const prepared = { name: 'mine', text: 'SHOW TOKENS FOR USER $1', values: ['ada'] };
      const first = await client.query(prepared);
      expect(first.rows.length).toBeGreaterThan(0);
      expect((await client.query({ ...prepared, binary: true } as pg.QueryConfig)).rows).toHaveLength(
        first.rows.length,
      );
      expect((await client.query('')).rows).toEqual([]);
      await expect(client.query('SHOW TOKENS FOR USER $1', [null])).rejects.toMatchObject({ code: '22004' });
      await expect(client.query('COPY x FROM STDIN')).rejects.toMatchObject({ code: '0A000' });
      expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    });
  });
});

test('every statement of docs/console.md runs', async () => {
  const page = readFileSync(path.join(REPOSITORY, 'docs/console.md'), 'utf8');
  const statements = [...page.matchAll(/^patgate=> (.+);$/gm)].map(([, statement = '']) => statement);
  expect(statements.length).toBeGreaterThan(20);
  const bird = await person('bird');
  await gateway.services.accounts.grant(ROOT, 'admin', { kind: 'user', name: 'bird' });
  const config = gateway.clientConfig('ada', ada.password);
  await withClient(config, async (client) => {
    client.on('error', () => undefined);
    for (const statement of statements) {
      const [token, session] = statement.startsWith('KILL')
        ? ['', rowsOf(await bird.ask('SHOW SESSIONS FOR USER ada'))[0]?.['sid']]
        : [(await tokenOf(bird.ask("CREATE TOKEN 'example'"))).tid, ''];
      const real = statement.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/, String(token === '' ? session : token));
      expect(await bird.ask(real), statement).toBeInstanceOf(Array);
    }
  });
});

describe('the name of the console', () => {
  test('is reached as a default database, and cannot be with replication or another role', async () => {
    const config = gateway.clientConfig('ada', ada.password, CONSOLE);
    const broken = { ...config, options: '-c role=postgres' };
    await expect(new pg.Client(broken).connect()).rejects.toMatchObject({ code: '42501' });
    const replicating = { ...config, replication: 'database' } as pg.ClientConfig;
    await expect(new pg.Client(replicating).connect()).rejects.toMatchObject({ code: '42501' });
    await gateway.services.accounts.setUser(ROOT, max.uid, { defaultDatabase: CONSOLE });
    const { token } = await tokenOf(max.ask("CREATE TOKEN 'home'"));
    await withClient(gateway.clientConfig('$token', token, '$token'), async (client) => {
      expect(rowsOf(await ask(client, 'SELECT current_database() AS name'))).toEqual([{ name: 'patgate' }]);
    });
    const rules = rowsOf(await root.ask(`EXPLAIN LOGIN USER ada DATABASE ${CONSOLE} FROM '127.0.0.1'`));
    expect(rules).toContainEqual(
      expect.objectContaining({
        rule: 'route',
        passes: true,
        detail: '"patgate" is "patgate" on engine console',
      }),
    );
  });

  test.each([
    ['tokens', 'tokens', 'SHOW VERSION', 'ok'],
    ['tokens', 'patgate', 'SHOW VERSION', '3D000'],
    ['off', 'patgate', 'SHOW VERSION', '3D000'],
  ])('with console.database = %s, %s', async (setting, database, sql, expected) => {
    const other = await startGateway({ 'console.database': setting });
    try {
      const bob = await other.addUser('bob');
      const answer = await withClient(other.clientConfig('bob', bob.password, database), (client) =>
        ask(client, sql),
      ).catch((error: unknown) => (error as pg.DatabaseError).code ?? '');
      expect(typeof answer === 'string' ? answer : 'ok').toBe(expected);
    } finally {
      await other.stop();
    }
  });
});

describe('limits', () => {
  test('of sessions count here too, idle ones end, and a stop tells those who are connected', async () => {
    const small = await startGatewayProcess({ 'sessions.max': '1', 'sessions.idle_timeout': '1s' });
    try {
      const bob = await small.addUser('bob');
      const config = small.clientConfig('bob', bob.password, CONSOLE);
      const idle = new pg.Client(config);
      const ended = new Promise((resolve) => idle.on('error', resolve));
      await idle.connect();
      await expect(new pg.Client(config).connect()).rejects.toMatchObject({ code: '53300' });
      expect(await ended).toMatchObject({ code: '57P05' });
      const last = new pg.Client(config);
      const told = new Promise((resolve) => last.on('error', resolve));
      await last.connect();
      const exit = small.end('SIGTERM');
      expect(await told).toMatchObject({ code: '57P01' });
      expect(await exit).toBe(0);
    } finally {
      await small.stop();
    }
  });
});
