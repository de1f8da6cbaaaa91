import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import {
  cancelRequest,
  errorFields,
  int32,
  password,
  SSL_REQUEST,
  startup,
  text,
  typed,
} from '../protocol/packets.ts';
import { asAdmin } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { prepareGround, startGateway, type TestGateway, type TestUser } from '../support/gateway.ts';
import { queryOne, withClient } from '../support/query.ts';
import { openSession, ping } from '../support/session.ts';
import { startTcpRelay, type TcpRelay } from '../support/tcp-relay.ts';
import { WireClient } from '../support/wire-client.ts';

/** What other poolers and servers got wrong, tried on the whole gateway. */
let gateway: TestGateway;
let ada: TestUser;
const sockets: Socket[] = [];
/** Between the gateway and its engine, where a test listens to what the engine says. */
let wire: TcpRelay;
const heard: Buffer[] = [];

beforeAll(async () => {
  wire = await startTcpRelay({ host: '127.0.0.1', port: inject('cluster').port });
  const ground = await prepareGround(
    { 'tls.mode': 'prefer', 'login.throttle_free': '1000' },
    { engine: (url) => `${wire.through(url)}?sslmode=disable` },
  );
  gateway = await startGateway({}, ground);
  ada = await gateway.addUser('ada');
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});
afterAll(async () => {
  await gateway.stop();
  await wire.close();
});

/** Sends bytes in the clear, each as a segment, and gives all that comes back until the gateway closes. */
function send(...segments: readonly Buffer[]): Promise<Buffer> {
  return sendTo(gateway.port, segments);
}

async function sendTo(port: number, segments: readonly Buffer[]): Promise<Buffer> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  sockets.push(socket);
  const received: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => received.push(chunk));
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  for (const segment of segments) {
    socket.write(segment);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  if (!socket.closed) {
    socket.end();
    await once(socket, 'close');
  }
  return Buffer.concat(received);
}

/** The last message of what came back, which must be an ErrorResponse. */
function lastError(bytes: Buffer): Record<string, string> {
  let at = 0;
  let last: Buffer = Buffer.alloc(0);
  while (at + 5 <= bytes.length) {
    const end = at + 1 + bytes.readInt32BE(at + 1);
    last = bytes.subarray(at, end);
    at = end;
  }
  return errorFields(last);
}

const asAda = (parameters: Readonly<Record<string, string>> = {}): Buffer =>
  startup(0x3_0000, { user: 'ada', database: gateway.engine.name, ...parameters });

const saslInitial = (data: string): Buffer =>
  typed('p', text('SCRAM-SHA-256'), int32(Buffer.byteLength(data)), Buffer.from(data));

describe('plaintext in front of TLS (CVE-2021-23214, CVE-2021-3935, CVE-2021-43767)', () => {
  it.each([
    ['in one segment', (): Buffer[] => [Buffer.concat([SSL_REQUEST, asAda()])]],
    ['in the next one', (): Buffer[] => [SSL_REQUEST, asAda()]],
  ])('is never taken for the client’s own: %s', async (_how, segments) => {
    const answer = await send(...segments());
    const error = errorFields(answer.subarray(answer.indexOf('E')));
    expect(error).toMatchObject({ C: '08P01', M: 'received unencrypted data after SSL request' });
  });
});

describe('start-up parameters (CVE-2025-12819)', () => {
  const EVIL_PATH = 'evil, pg_catalog, public';
  /** With what anybody's statements can hardly do without; each leaves a row behind when it is called. */
  const functions = [
    'current_setting(text)',
    'set_config(text, text, boolean)',
    'pg_notify(text, text)',
    'version()',
    'now()',
    'lower(text)',
  ];
  const operators = ['text', 'name', 'integer', 'oid', 'boolean', 'char'].flatMap((type) =>
    ['=', '<>', '<'].map((operator) => ({
      type: `pg_catalog."${type}"`.replace('"integer"', 'int4').replace('"boolean"', 'bool'),
      operator,
    })),
  );

  beforeAll(async () => {
    const trap = (what: string): string =>
      `begin insert into evil.called values ('${what}'); return null; end`;
    await asAdmin(
      ['create schema evil; create table evil.called (what pg_catalog.text)']
        .concat(
          functions.map(
            (signature) =>
              `create function evil.${signature} returns pg_catalog.text language plpgsql as $$ ${trap(signature)} $$`,
          ),
          operators.map(
            ({ type, operator }, n) =>
              `create function evil.operator_${n}(${type}, ${type}) returns pg_catalog.bool language plpgsql as $$ ${trap(operator)} $$;
               create operator evil.${operator} (leftarg = ${type}, rightarg = ${type}, function = evil.operator_${n})`,
          ),
        )
        .join(';'),
      gateway.engine.url,
    );
  });

  const called = () => queryOne(gateway.engine.url, 'select count(*)::int from evil.called');

  async function openWith(
    config: pg.ClientConfig,
    parameters: Readonly<Record<string, string>>,
  ): Promise<pg.Client> {
    const client = new pg.Client(config);
    // node `pg` has no setting for it; JDBC has (currentSchema).
    const startup = client as unknown as { getStartupConf(): Record<string, string> };
    const usual = startup.getStartupConf.bind(client);
    startup.getStartupConf = () => ({ ...usual(), ...parameters });
    await client.connect();
    return client;
  }

  it.each<[string, Readonly<Record<string, string>>, boolean]>([
    ['in options', { options: '-c search_path=evil,pg_catalog,public' }, false],
    ['by itself', { search_path: EVIL_PATH }, false],
    ['of the engine’s role', {}, true],
  ])('a search_path %s turns nothing that the gateway runs itself', async (how, parameters, ofRole) => {
    const setting = `in database ${gateway.engine.name}`;
    const role = new URL(gateway.engine.url).username;
    const user = await gateway.addUser(`mallory ${how}`);
    const config = gateway.clientConfig(user.name, user.password);
    if (ofRole)
      await asAdmin(`alter role ${role} ${setting} set search_path = ${EVIL_PATH}`, gateway.engine.url);
    try {
      await asAdmin('truncate evil.called', gateway.engine.url);
      const first = await openWith(config, parameters);
      const pid = await pidOf(first);
      // The trap is set: what is not called by its full name falls into it, a function as well as an operator.
      await first.query("select current_setting('x')");
      await first.query("select 'a'::pg_catalog.text = 'b'::pg_catalog.text");
      expect(await called()).toBe(2);
      // Something for the gateway to bring back, and something that it reports.
      await first.query("set work_mem = '1234kB'");
      await first.query("set datestyle = 'German'");
      await first.end();
      const again = await eventually(async () => {
        const client = await openWith(config, parameters);
        if ((await pidOf(client)) === pid) return client;
        await client.end();
        throw new Error('another engine session');
      });
      const shown = async (name: string) =>
        (await again.query<Record<string, string>>(`show ${name}`)).rows[0];
      expect(await shown('work_mem')).not.toEqual({ work_mem: '1234kB' });
      expect(await shown('datestyle')).toEqual({ DateStyle: 'ISO, MDY' });
      expect((await shown('search_path'))?.['search_path']?.startsWith('evil')).toBe(true);
      await again.end();
      expect(await called()).toBe(2);
      if (ofRole) return;
      const plain = await openWith(config, {});
      expect((await plain.query('show search_path')).rows).toEqual([{ search_path: '"$user", public' }]);
      await plain.end();
    } finally {
      if (ofRole) await asAdmin(`alter role ${role} ${setting} reset search_path`, gateway.engine.url);
    }
  });

  it.each(['role', 'session_authorization', 'ROLE', 'Session_Authorization'])(
    'can not change who the session is: %s',
    async (name) => {
      const client = new pg.Client({
        ...gateway.clientConfig('ada', ada.password),
        options: `-c ${name}=somebody_else`,
      });
      await expect(client.connect()).rejects.toMatchObject({ code: '42501' });
    },
  );
});

describe('a token that may open so many sessions', () => {
  it('opens no more', async () => {
    const { token } = await gateway.issueToken(ada, { maxSessions: 1 });
    const login = () => openSession(gateway.clientConfig('ada', token));
    const { client } = await login();
    await expect(login()).rejects.toMatchObject({ code: '53300' });
    await client.end();
    await (await eventually(login)).client.end();
  });
});

describe('expiry (CVE-2025-2291)', () => {
  it('counts wherever a token is shown', async () => {
    const { tid, token } = await gateway.issueToken(ada);
    await asAdmin(
      `update patgate.tokens set created_at = now() - interval '2 days', expires_at = now() - interval '1 day'
        where tid = '${tid}'`,
      gateway.store.url,
    );
    const code = (user: string) =>
      openSession(gateway.clientConfig(user, token)).then(
        () => 'in',
        (error: unknown) => (error as { code: string }).code,
      );
    expect(await code('$token')).toBe('28000');
    expect(await code(`$token.${tid}`)).toBe('28P01');
    expect(await code('ada')).toBe('28P01');
    const me = await fetch(`${gateway.info.http?.url ?? ''}/api/v1/me`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(me.status).toBe(401);
  });
});

describe('malformed SCRAM', () => {
  it.each([
    ['no header', ''],
    ['a header and nothing', 'n,,'],
    ['no nonce', 'n,,n=ada'],
    ['an empty nonce', 'n,,n=,r='],
    ['a nonce that is not printable', 'n,,n=,r=\u0001'],
    ['NULs', 'n,,n=\0,r=\0'],
    ['a length beyond all memory', null],
  ])('%s: an error with an SQLSTATE, and the gateway lives', async (_what, data) => {
    const initial = data === null ? typed('p', text('SCRAM-SHA-256'), int32(0x7fff_ffff)) : saslInitial(data);
    expect(lastError(await send(asAda(), initial))['C']).toBe('08P01');
    const { client } = await openSession(gateway.clientConfig('ada', ada.password));
    await client.end();
  });

  it('a final message that is none', async () => {
    for (const final of [
      '',
      'c=',
      'c=biws',
      'c=biws,r=x',
      'c=biws,r=x,p=',
      'c=biws,r=x,p=AAAA',
      ',,,,',
      '=',
    ]) {
      const answer = await send(asAda(), saslInitial('n,,n=,r=abcdef'), typed('p', Buffer.from(final)));
      expect(lastError(answer)).toMatchObject({ S: 'FATAL', C: '08P01' });
    }
  });
});

describe('an error', () => {
  const cases: readonly [string, string, () => Promise<Buffer>][] = [
    ['a wrong password', '28P01', wrongPassword],
    ['a SASL message that is none', '08P01', () => send(asAda(), typed('p', text('x')))],
    ['a password where SASL is asked for', '08P01', () => send(asAda(), password('secret'))],
    ['no user', '28000', () => send(startup(0x3_0000, { database: 'x' }))],
    ['a protocol of the future', '0A000', () => send(startup(0x4_0000, { user: 'ada' }))],
    ['a secret without TLS', '28000', () => send(startup(0x3_0000, { user: '$token' }))],
    [
      'a start-up packet without its end',
      '08P01',
      () => send(Buffer.concat([int32(12), int32(0x3_0000), int32(0x61)])),
    ],
    ['a query before the login', '08P01', () => send(asAda(), typed('Q', text('select 1')))],
  ];
  it.each(cases)('has severity, SQLSTATE and text: %s, %s', async (_what, sqlState, provoke) => {
    const error = lastError(await provoke());
    expect(error).toMatchObject({ S: 'FATAL', V: 'FATAL', C: sqlState });
    expect(error['M']).not.toBe('');
  });

  /** A whole SCRAM exchange with another password. */
  async function wrongPassword(): Promise<Buffer> {
    const client = await WireClient.connect({ port: gateway.port });
    try {
      await client.startup('ada', gateway.engine.name).scram('another');
      return Buffer.concat((await client.rest()).map(({ type, body }) => typed(type, body)));
    } finally {
      client.destroy();
    }
  }
});

describe('somebody else’s session', () => {
  it('can not be ended without the privilege, nor even seen', async () => {
    const eve = await gateway.addUser('eve');
    const { token } = await gateway.issueToken(eve, { scopes: ['tokens', 'accounts'] });
    const { client } = await openSession(gateway.clientConfig('ada', ada.password));
    await gateway.services.liveSessions.flush();
    const call = (method: string, path: string) =>
      fetch(`${gateway.info.http?.url ?? ''}${path}`, {
        method,
        headers: { authorization: `Bearer ${token}` },
      });
    const sid = await listed(ada.uid);
    expect([403, 404]).toContain((await call('DELETE', `/api/v1/sessions/${sid}`)).status);
    const own = (await (await call('GET', '/api/v1/sessions')).json()) as { items: unknown[] };
    expect(own.items).toEqual([]);
    await withClient(gateway.clientConfig('eve', eve.password, 'patgate'), async (console) => {
      const kill = console.query(`KILL SESSION '${sid}'`);
      await expect(kill).rejects.toMatchObject({ code: expect.stringMatching(/^42(501|704)$/) as string });
      const { rows } = await console.query<{ user: string }>('SHOW SESSIONS');
      expect(rows.map(({ user }) => user)).not.toContain('ada');
    });
    expect(await ping(client)).toBe(1);
    await client.end();
  });

  it('can not be cancelled by a made-up key, nor by the engine’s own', async () => {
    wire.watch((chunk) => {
      heard.push(chunk);
      return 'pass';
    });
    // nobody's session serves somebody else, so the engine opens one for him
    const bob = await gateway.addUser('bob');
    const { client } = await openSession(gateway.clientConfig('bob', bob.password));
    wire.watch(null);
    const pid = await pidOf(client);
    const engineKey = engineKeyOf(pid);
    const cancelled = (work: Promise<unknown>) =>
      work.then(
        () => 'finished',
        (error: unknown) => (error as { code: string }).code,
      );
    const running = cancelled(client.query('select pg_sleep(1)'));
    const madeUp = [Buffer.alloc(4), Buffer.alloc(4, 0xff), Buffer.alloc(32), Buffer.from('fade', 'latin1')];
    for (const key of [engineKey, ...madeUp]) {
      expect((await send(cancelRequest(pid, key))).length).toBe(0);
    }
    expect(await running).toBe('finished');
    // with the engine itself that very key does it
    const sleeping = cancelled(client.query('select pg_sleep(20)'));
    await eventually(async () => {
      const sql = `select count(*)::int from pg_stat_activity where pid = ${pid} and wait_event = 'PgSleep'`;
      expect(await queryOne(gateway.engine.url, sql)).toBe(1);
    });
    await sendTo(wire.port, [cancelRequest(pid, engineKey)]);
    expect(await sleeping).toBe('57014');
    await client.end();
  });

  /** The secret in BackendKeyData, as the engine said it to the gateway. */
  function engineKeyOf(pid: number): Buffer {
    const bytes = Buffer.concat(heard);
    for (let at = bytes.indexOf('K'); at >= 0; at = bytes.indexOf('K', at + 1)) {
      const length = at + 9 <= bytes.length ? bytes.readInt32BE(at + 1) : 0;
      if (length >= 12 && length <= 264 && bytes.readInt32BE(at + 5) === pid) {
        return bytes.subarray(at + 9, at + 1 + length);
      }
    }
    throw new Error('the engine said no key');
  }

  async function listed(uid: string): Promise<string> {
    for (;;) {
      const [session] = await gateway.services.liveSessions.list({ uid });
      if (session !== undefined) return session.sid;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
});

it('goes on writing the audit after a user name that no index takes', async () => {
  const name = randomBytes(4900).toString('hex');
  const noPassword = typed('Q', text('select 1'));
  const answer = await send(startup(0x3_0000, { user: name }), noPassword);
  expect(lastError(answer)).toMatchObject({ C: '08P01' });
  await eventually(async () => {
    const [row] = await gateway.services.audit.list({ actor: name });
    expect(row).toMatchObject({ outcome: 'refused', reason: 'wire.malformed' });
  });
});

it('leaves no engine session behind that nobody has', async () => {
  await withClient(gateway.engine.url, () => Promise.resolve());
  const waiting = `select count(*)::int from pg_stat_activity
    where datname = '${gateway.engine.name}' and state = 'active' and pid <> pg_backend_pid()`;
  expect(await queryOne(gateway.engine.url, waiting)).toBe(0);
});

async function pidOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return rows[0]?.pid ?? 0;
}
