import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { BIG_QUERY, BULK, CREATE_BIG, bigDigest, bigTableDigest } from '../support/big-table.ts';
import { startClientGround, type ClientGround, type LoginMethod } from '../support/client-ground.ts';
import type { Digest } from '../support/copy.ts';
import { untilAsleep } from '../support/engine-sessions.ts';
import { EXEC_STATUS, Libpq, type LibpqConnection } from '../support/libpq.ts';
import { describeLogins, type LogIn } from '../support/login-suite.ts';
import { withClient } from '../support/query.ts';

let libpq: Libpq;
let ground: ClientGround;

type Parameters = Readonly<Record<string, string | number>>;

/** Verified in full, as ada, unless the parameters say otherwise. */
async function withLibpq<T>(
  more: Parameters,
  use: (connection: LibpqConnection) => T | Promise<T>,
): Promise<T> {
  const { gateway, people } = ground;
  const connection = await libpq.connect({
    ...{ host: 'localhost', port: gateway.port, dbname: gateway.engine.name },
    ...{ sslmode: 'verify-full', sslrootcert: gateway.caFile },
    ...{ user: 'ada', password: people.ada.password },
    ...more,
  });
  try {
    return await use(connection);
  } finally {
    connection.finish();
  }
}

const logIn: LogIn = async ({ user, secret, tls }) => {
  try {
    const parameters = { user, password: secret, ...(tls ? {} : { sslmode: 'disable' }) };
    return await withLibpq(parameters, (connection) => ({
      role: connection.one('SELECT current_user') ?? '',
    }));
  } catch (error) {
    const message = /^connection to server at .* failed: FATAL: {2}(.*)\n$/.exec(
      (error as Error).message,
    )?.[1];
    if (message === undefined) throw error;
    return { code: null, message };
  }
};

function startGround(method: LoginMethod): void {
  beforeAll(async () => {
    libpq = await Libpq.load();
    ground = await startClientGround(method);
  });
  afterAll(() => ground.stop());
}

describe('libpq 18, login.method = cleartext', () => {
  startGround('cleartext');
  describeLogins(logIn, () => ground);
});

describe('libpq 18, login.method = scram-sha-256', () => {
  startGround('scram-sha-256');
  describeLogins(logIn, () => ground);

  describe('ways to connect', () => {
    test.each(['postgres', 'direct'])('sslnegotiation=%s', async (sslnegotiation) => {
      await withLibpq({ sslnegotiation }, (connection) => {
        expect(connection.sslAttribute('protocol')).toBe('TLSv1.3');
        expect(connection.sslAttribute('alpn')).toBe('postgresql');
        expect(connection.one('SELECT 1')).toBe('1');
      });
    });

    test.each([
      [{}, 30000],
      [{ max_protocol_version: '3.2' }, 30002],
      [{ max_protocol_version: 'latest' }, 30002],
      [{ min_protocol_version: '3.2', max_protocol_version: 'latest' }, 30002],
      [{ max_protocol_version: '3.0' }, 30000],
    ])('protocol version, %j', async (parameters, version) => {
      await withLibpq(parameters, (connection) => expect(connection.protocolVersion).toBe(version));
    });

    test.each([
      { channel_binding: 'require' },
      { channel_binding: 'disable' },
      { require_auth: 'scram-sha-256' },
      { require_auth: 'scram-sha-256', channel_binding: 'require', sslnegotiation: 'direct' },
      { require_auth: '!password' },
      { sslmode: 'disable', require_auth: 'scram-sha-256' },
    ])('%j', async (parameters) => {
      const { ada } = ground.people.tokens;
      await withLibpq({ ...parameters, password: ada.token }, (connection) =>
        expect(connection.one('SELECT current_user')).toBe(ground.roles.ada),
      );
      await withLibpq({ ...parameters, user: `$token.${ada.tid}`, password: ada.token }, (connection) =>
        expect(connection.one('SELECT current_user')).toBe(ground.roles.ada),
      );
    });

    test('$token is refused by a client that insists on SCRAM: the token stays at home', async () => {
      const parameters = { user: '$token', password: ground.people.tokens.ada.token };
      await expect(withLibpq({ ...parameters, require_auth: 'scram-sha-256' }, () => null)).rejects.toThrow(
        'authentication method requirement "scram-sha-256" failed: server requested a cleartext password',
      );
      await expect(withLibpq({ ...parameters, channel_binding: 'require' }, () => null)).rejects.toThrow(
        'channel binding required but not supported by server',
      );
    });

    test('OAUTHBEARER with a token of the identity provider, found by its discovery document', async () => {
      // The provider of tests has no TLS; libpq's documentation, "Debugging and Developer Settings".
      vi.stubEnv('PGOAUTHDEBUG', 'UNSAFE');
      const takeBack = libpq.offerToken(ground.people.oauthToken);
      try {
        const who = { user: '$oauth', require_auth: 'oauth', password: '' };
        const oauth = { ...who, oauth_issuer: ground.issuer, oauth_client_id: 'tests' };
        await withLibpq(oauth, (connection) =>
          expect(connection.one('SELECT current_user')).toBe(ground.roles.ada),
        );
      } finally {
        takeBack();
        vi.unstubAllEnvs();
      }
    });

    test('a database that does not exist', async () => {
      await expect(withLibpq({ dbname: 'nowhere' }, () => null)).rejects.toThrow(
        /FATAL: {2}database "nowhere" does not exist\n$/,
      );
    });
  });

  test('settings reach the engine, and its reports reach the client', async () => {
    const settings = {
      client_encoding: 'LATIN1',
      application_name: 'monthly report',
      options: '-c DateStyle=German -c TimeZone=Asia/Tokyo -c search_path=odd,public -c extra_float_digits=2',
    };
    await withLibpq(settings, (connection) => {
      const shown = ['search_path', 'extra_float_digits'].map((name) => connection.one(`SHOW ${name}`));
      expect(shown).toEqual(['odd,public', '2']);
      const reported = [
        'client_encoding',
        'application_name',
        'DateStyle',
        'TimeZone',
        'server_version',
        'is_superuser',
      ];
      expect(reported.map((name) => connection.parameterStatus(name))).toEqual([
        ...['LATIN1', 'monthly report', 'German, DMY', 'Asia/Tokyo'],
        ...[expect.stringMatching(/^18\./) as string, 'off'],
      ]);
      connection.exec(`SET TimeZone = 'Europe/Paris'`);
      expect(connection.parameterStatus('TimeZone')).toBe('Europe/Paris');
      expect(connection.backendPid).toBe(Number(connection.one('SELECT pg_backend_pid()')));
    });
  });

  test('a named statement, executed many times, in binary', async () => {
    await withLibpq({}, (connection) => {
      connection.prepare('twice', 'SELECT $1::integer * 2');
      for (let number = 0; number < 5000; number++) {
        expect(connection.execPrepared('twice', [int4(number)]).rows[0]?.[0]?.readInt32BE()).toBe(number * 2);
      }
    });
  });

  test('a binary parameter of 17 MB, there and back', async () => {
    const bytes = randomBytes(17_000_000);
    await withLibpq({}, (connection) => {
      const { rows } = connection.execBinary('SELECT $1::bytea', [bytes]);
      expect(rows[0]?.[0]?.equals(bytes)).toBe(true);
    });
  });

  test('errors inside a transaction', async () => {
    await withLibpq({}, (connection) => {
      connection.exec('BEGIN');
      expect(connection.exec('SELECT 1/0')).toMatchObject({ sqlState: '22012', message: 'division by zero' });
      expect(connection.exec('SELECT 1')).toMatchObject({ sqlState: '25P02' });
      connection.exec('ROLLBACK');
      expect(connection.one('SELECT 1')).toBe('1');
    });
  });

  test('a pipeline goes on behind an error', async () => {
    await withLibpq({}, (connection) => {
      connection.enterPipeline();
      for (const sql of ['SELECT 1', 'SELECT 1/0', 'SELECT 2']) connection.sendParams(sql);
      connection.pipelineSync();
      connection.sendParams('SELECT 3');
      connection.pipelineSync();
      const statuses: (number | null)[] = [];
      for (let nulls = 0; nulls < 4;) {
        const result = connection.nextResult();
        if (result === null) nulls += 1;
        else statuses.push(result.status);
      }
      const { tuplesOk, fatalError, pipelineAborted, pipelineSync } = EXEC_STATUS;
      expect(statuses).toEqual([tuplesOk, fatalError, pipelineAborted, pipelineSync, tuplesOk]);
      expect(connection.nextResult()?.status).toBe(pipelineSync);
      connection.exitPipeline();
    });
  });

  test('LISTEN and NOTIFY', async () => {
    await withLibpq({}, async (listener) => {
      listener.exec('LISTEN news');
      await withClient(ground.gateway.engine.url, (speaker) => speaker.query(`NOTIFY news, 'ünïcode'`));
      listener.exec('SELECT 1');
      expect(listener.notification()).toMatchObject({ channel: 'news', payload: 'ünïcode' });
    });
  });

  describe.each([
    { sslmode: 'disable' },
    {},
    { max_protocol_version: '3.2' },
    { sslnegotiation: 'direct', max_protocol_version: 'latest' },
  ])('cancelling, %j', (parameters) => {
    test.each(['cancelLikeSession', 'cancelInPlaintext'] as const)('by %s', async (how) => {
      await withLibpq(parameters, async (connection) => {
        connection.send('SELECT pg_sleep(60)');
        await untilAsleep(ground.gateway.engine);
        connection[how]();
        expect(connection.nextResult()).toMatchObject({ sqlState: '57014' });
        expect(connection.nextResult()).toBe(null);
        expect(connection.one('SELECT 1')).toBe('1');
      });
    });
  });

  test('COPY of more than 100 MB both ways, to the byte', BULK, async () => {
    const wanted = await bigDigest(ground.gateway);
    await withLibpq({}, (connection) => {
      connection.exec(CREATE_BIG);
      const chunks: Buffer[] = [];
      expect(connection.exec(`COPY (${BIG_QUERY}) TO STDOUT`).status).toBe(EXEC_STATUS.copyOut);
      for (let row = connection.copyData(); row !== null; row = connection.copyData()) chunks.push(row);
      expect(connection.nextResult()).toMatchObject({ status: EXEC_STATUS.commandOk });
      const bytes = Buffer.concat(chunks);
      expect(digestOf(bytes)).toEqual(wanted);
      expect(connection.exec('COPY big FROM STDIN').status).toBe(EXEC_STATUS.copyIn);
      for (let at = 0; at < bytes.length; at += 100_000)
        connection.putCopyData(bytes.subarray(at, at + 100_000));
      connection.putCopyEnd();
      expect(connection.nextResult()).toMatchObject({ status: EXEC_STATUS.commandOk, message: '' });
    });
    expect(await bigTableDigest(ground.gateway)).toEqual(wanted);
  });

  test('a million rows, in chunks', BULK, async () => {
    await withLibpq({}, (connection) => {
      connection.send('SELECT i FROM generate_series(1, 1000000) AS i');
      connection.setChunkedRows(50_000);
      let [count, sum] = [0, 0];
      for (let result = connection.nextResult(); result !== null; result = connection.nextResult()) {
        count += result.rows.length;
        for (const [cell] of result.rows) sum += Number(cell?.toString());
      }
      expect([count, sum]).toEqual([1_000_000, 500_000_500_000]);
    });
  });
});

function int4(number: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(number);
  return bytes;
}

function digestOf(bytes: Buffer): Digest {
  return { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}
