import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { systemActor } from '../../../src/accounts/actor.ts';
import type { AuditEntry } from '../../../src/store/audit.ts';
import { asAdmin, createRole, dropRole, urlAs } from '../../support/database.ts';
import { eventually } from '../../support/eventually.ts';
import { promised } from '../../support/faults-page.ts';
import {
  prepareGround,
  startGateway,
  type TestGateway,
  type TestToken,
  type TestUser,
} from '../../support/gateway.ts';
import { openSession, ping } from '../../support/session.ts';
import { startTcpRelay, type TcpRelay } from '../../support/tcp-relay.ts';

const ADMIN = systemActor('fault test');
const TIMEOUT_MS = 400;

/** What a gateway does while its store, and only the store, is in trouble. */
describe('when the store', () => {
  let network: TcpRelay;
  let gateway: TestGateway;
  let ada: TestUser;
  let laptop: TestToken;
  let api: TestToken;
  let startedAt: Date;
  let users = 0;

  beforeAll(async () => {
    network = await startTcpRelay({ host: '127.0.0.1', port: inject('cluster').port });
    const timeouts = {
      'store.connect_timeout': `${TIMEOUT_MS}ms`,
      'store.query_timeout': `${TIMEOUT_MS}ms`,
    };
    const ground = await prepareGround(timeouts, { store: (url) => network.through(url) });
    gateway = await startGateway({}, ground);
  });
  beforeEach(async () => {
    users += 1;
    ada = await gateway.addUser(`ada${users}`);
    laptop = await gateway.issueToken(ada, { label: 'laptop' });
    api = await gateway.issueToken(ada, { label: 'api', scopes: ['tokens'] });
    startedAt = new Date();
  });
  afterEach(async () => {
    network.speak();
    network.delay(0);
    await network.accept();
  });
  afterAll(async () => {
    await gateway.stop();
    await network.close();
  });

  const open = (user: string, secret: string) => openSession(gateway.clientConfig(user, secret));
  const login = async (user: string, secret: string): Promise<void> => {
    const { client } = await open(user, secret);
    await ping(client);
    await client.end();
  };
  const http = async (method: string, path: string, body?: object) => {
    const response = await fetch(`${gateway.info.http?.url ?? ''}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${api.token}`,
        'content-type': 'application/json',
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const createToken = () => http('POST', '/api/v1/tokens', { label: 'new' });
  const sql = (text: string) => asAdmin(text, gateway.store.url);
  const logins = async (outcome: AuditEntry['outcome']): Promise<string[]> => {
    const rows = await gateway.services.audit.list({ action: 'login', outcome, from: startedAt });
    return rows.map(({ actor, reason }) => `${actor.name}${reason === null ? '' : ` ${reason}`}`).sort();
  };
  const audited = (outcome: AuditEntry['outcome'], expected: readonly string[]) =>
    eventually(async () => {
      expect(await logins(outcome)).toEqual([...expected].sort());
    });

  const faults: readonly [
    how: string,
    begin: (network: TcpRelay) => Promise<void> | void,
    end: (network: TcpRelay) => Promise<void> | void,
    told: object,
  ][] = [
    [
      'refuses',
      (network) => network.refuse(),
      (network) => network.accept(),
      promised('refuses, unknown host, wrong password', '57P03'),
    ],
    [
      'is silent',
      (network) => network.silence(),
      (network) => network.speak(),
      promised('silent, or its network is', '57P03'),
    ],
  ];
  it.each(faults)(
    '%s: sessions go on, logins are told why, and all is well afterwards',
    async (_how, begin, end, told) => {
      const running = await open(ada.name, ada.password);
      await begin(network);
      const names = [ada.name, '$token', 'nobody'];
      for (const user of names) await expect(open(user, laptop.token)).rejects.toMatchObject(told);
      expect(await createToken()).toMatchObject({ status: 503, body: { code: 'store.unreachable' } });
      expect(await ping(running.client)).toBe(1);
      await end(network);
      expect(await ping(running.client)).toBe(1);
      await running.client.end();
      await eventually(() => login('$token', laptop.token));
      await eventually(async () => {
        expect(await logins('refused')).toEqual(
          expect.arrayContaining(names.map((name) => `${name} store.unreachable`)),
        );
      });
      expect(await gateway.services.audit.verify()).toMatchObject({ ok: true });
    },
  );

  it('comes back: what was revoked meanwhile at another gateway is revoked here, too', async () => {
    const running = await open('$token', laptop.token);
    const own = await open(ada.name, ada.password);
    await network.refuse();
    await gateway.services.tokens.revoke(ADMIN, laptop.tid, 'stolen');
    expect(await ping(running.client)).toBe(1);
    await network.accept();
    expect((await running.ended).message).toContain('token "laptop" was revoked (stolen)');
    expect(await ping(own.client)).toBe(1);
    await own.client.end();
  });

  it('leaves connections dead, as when its address moves: one wait, then the new one is found', async () => {
    await Promise.all([1, 2, 3, 4].map(() => login(ada.name, ada.password)));
    const running = await open('$token', laptop.token);
    network.strand();
    await eventually(() => login(ada.name, ada.password));
    const before = performance.now();
    for (let n = 0; n < 8; n += 1) await login(ada.name, ada.password);
    expect(performance.now() - before).toBeLessThan(4 * TIMEOUT_MS);
    await gateway.services.tokens.revoke(ADMIN, laptop.tid);
    expect((await running.ended).code).toBe('57P01');
  });

  it('takes no changes: logins work, changes are refused, and the audit is complete in the end', async () => {
    const database = gateway.store.name;
    await asAdmin(`alter database "${database}" set default_transaction_read_only = on`);
    network.cut();
    await eventually(() => login(ada.name, ada.password));
    expect(await createToken()).toMatchObject({ status: 503, body: { code: 'store.read_only' } });
    await asAdmin(`alter database "${database}" reset default_transaction_read_only`);
    await eventually(async () => expect((await createToken()).status).toBe(201));
    await audited('ok', [ada.name]);
    const running = await open('$token', laptop.token);
    await gateway.services.tokens.revoke(ADMIN, laptop.tid);
    expect((await running.ended).code).toBe('57P01');
  });

  it('is full: logins work, changes are refused, and the audit is complete in the end', async () => {
    // The SQLSTATE that a full disk gives, without filling one that others use.
    await sql(`create function patgate.disk_full() returns trigger language plpgsql as
      $$ begin raise 'could not extend file: No space left on device' using errcode = '53100'; end $$`);
    await sql('create trigger disk_full before insert on patgate.audit execute function patgate.disk_full()');
    await login(ada.name, ada.password);
    expect(await createToken()).toMatchObject({ status: 503, body: { code: 'store.failed' } });
    await sql('drop trigger disk_full on patgate.audit');
    expect((await createToken()).status).toBe(201);
    await audited('ok', [ada.name]);
  });

  it('is full, and cannot even be read: logins are told so', async () => {
    await sql('alter table patgate.policy rename to policy_of_before');
    await sql(`create function patgate.unreadable() returns boolean language plpgsql as
      $$ begin raise 'could not read file: Input/output error' using errcode = '58030'; end $$`);
    await sql(
      'create view patgate.policy as select * from patgate.policy_of_before where patgate.unreadable()',
    );
    for (const user of [ada.name, '$token']) {
      await expect(open(user, laptop.token)).rejects.toMatchObject(
        promised('full disk, no memory, I/O errors', '57P03'),
      );
    }
    await sql('drop view patgate.policy');
    await sql('alter table patgate.policy_of_before rename to policy');
    await login('$token', laptop.token);
  });

  it('has lost its tables: logins are told so', async () => {
    const running = await open(ada.name, ada.password);
    await sql('alter schema patgate rename to patgate_of_before');
    for (const user of [ada.name, '$token']) {
      await expect(open(user, laptop.token)).rejects.toMatchObject(promised('tables are missing', '57P03'));
    }
    expect(await createToken()).toMatchObject({ status: 503, body: { code: 'store.not_migrated' } });
    expect(await ping(running.client)).toBe(1);
    await sql('alter schema patgate_of_before rename to patgate');
    await running.client.end();
    await eventually(() => login('$token', laptop.token));
  });

  it('is slow: logins take as long, sessions do not', async () => {
    const running = await open(ada.name, ada.password);
    network.delay(50);
    await login('$token', laptop.token);
    const before = performance.now();
    for (let n = 0; n < 5; n += 1) await ping(running.client);
    expect(performance.now() - before).toBeLessThan(5 * 50);
    await running.client.end();
  });

  it('breaks again and again under logins: each one ends, by a session or by the reason', async () => {
    const attempts = Array.from({ length: 60 }, async (_, n) => {
      await delay(n * 10);
      if (n % 10 === 5) network.cut();
      const done = n % 2 === 0 ? login(ada.name, ada.password) : login('$token', laptop.token);
      return done.then(
        () => 'ok',
        (error: unknown) => (error as { code?: string }).code,
      );
    });
    const outcomes = await Promise.all(attempts);
    expect(outcomes.filter((outcome) => outcome !== 'ok' && outcome !== '57P03')).toEqual([]);
    expect(outcomes).toContain('ok');
    await audited(
      'ok',
      outcomes.filter((outcome) => outcome === 'ok').map(() => ada.name),
    );
    expect(await gateway.services.audit.verify()).toMatchObject({ ok: true });
  });

  it('is silent: /readyz says so, /healthz does not', async () => {
    network.silence();
    await delay(1000); // what /readyz remembers
    expect(await http('GET', '/readyz')).toMatchObject({ status: 503, body: { checks: { store: false } } });
    expect(await http('GET', '/healthz')).toMatchObject({ status: 200 });
    network.speak();
    await eventually(async () => expect((await http('GET', '/readyz')).status).toBe(200));
  });
});

describe('a gateway whose password the store does not take any more', () => {
  it('says so to logins, and lets them in once it does', async () => {
    const role = await createRole('gateway', 'SUPERUSER');
    const ground = await prepareGround({}, { store: (url) => urlAs(url, role) });
    const gateway = await startGateway({}, ground);
    try {
      const { name, password } = await gateway.addUser('ada');
      const login = () => openSession(gateway.clientConfig(name, password));
      await asAdmin(`alter role ${role.name} password 'another'`);
      await asAdmin(`select pg_terminate_backend(pid) from pg_stat_activity where usename = '${role.name}'`);
      await expect(login()).rejects.toMatchObject(promised('refuses, unknown host, wrong password', '57P03'));
      await asAdmin(`alter role ${role.name} password '${role.password}'`);
      const { client } = await login();
      expect(await ping(client)).toBe(1);
      await client.end();
    } finally {
      await gateway.stop();
      await dropRole(role);
    }
  });
});

describe('a gateway whose store is silent', () => {
  it('can be stopped', async () => {
    const network = await startTcpRelay({ host: '127.0.0.1', port: inject('cluster').port });
    const timeouts = { 'store.connect_timeout': '300ms', 'store.query_timeout': '300ms' };
    const ground = await prepareGround(timeouts, { store: (url) => network.through(url) });
    const gateway = await startGateway({}, ground);
    const ada = await gateway.addUser('ada');
    const { client, ended } = await openSession(gateway.clientConfig('ada', ada.password));
    network.silence();
    await ping(client);
    const before = performance.now();
    await gateway.stop();
    expect(performance.now() - before).toBeLessThan(5000);
    expect((await ended).code).toBe('57P01');
    await network.close();
  });
});
