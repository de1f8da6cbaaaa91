import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BIG_QUERY, BULK, bigDigest } from '../support/big-table.ts';
import { startClientGround, type ClientGround, type LoginMethod } from '../support/client-ground.ts';
import { describeWith } from '../support/clients.ts';
import { untilAsleep } from '../support/engine-sessions.ts';
import { describeLogins, type LogIn } from '../support/login-suite.ts';
import { Odbc, OdbcError, type OdbcConnection } from '../support/odbc.ts';

// ODBC has no interface for COPY, LISTEN and NOTIFY.
describeWith('odbc', 'psqlodbc', (installed) => {
  let odbc: Odbc;
  let ground: ClientGround;

  interface Target {
    readonly user?: string;
    readonly secret?: string;
    readonly database?: string;
    readonly tls?: boolean;
    /** Further keywords. */
    readonly more?: string;
    /** Further parameters of libpq, below the driver. */
    readonly libpq?: string;
  }

  /** As ada, with TLS verified, unless the target says otherwise. */
  async function withOdbc<T>(
    target: Target,
    use: (connection: OdbcConnection) => T | Promise<T>,
  ): Promise<T> {
    const { gateway, people } = ground;
    const { user = 'ada', secret = people.ada.password, database = gateway.engine.name, tls = true } = target;
    const where = `Driver=${installed.driver};Server=localhost;Port=${gateway.port};Database=${database}`;
    const how = `SSLmode=${tls ? 'verify-full' : 'disable'};pqopt={sslrootcert=${gateway.caFile} ${target.libpq ?? ''}}`;
    const connection = await odbc.connect(`${where};UID=${user};PWD=${secret};${how};${target.more ?? ''}`);
    try {
      return await use(connection);
    } finally {
      connection.close();
    }
  }

  /** The driver has one SQLSTATE for every connection that fails, 08001; the server's own words follow. */
  function refusal(error: unknown): { code: null; message: string } {
    if (!(error instanceof OdbcError) || error.sqlState !== '08001') throw error;
    const message = / failed: FATAL: {2}(.*)\n/.exec(error.message)?.[1];
    if (message === undefined) throw error;
    return { code: null, message };
  }

  const logIn: LogIn = ({ user, secret, tls }) =>
    withOdbc({ user, secret, tls }, (connection) => ({
      role: connection.one('SELECT current_user') ?? '',
    })).catch(refusal);

  function startGround(method: LoginMethod): void {
    beforeAll(async () => {
      ground = await startClientGround(method);
    });
    afterAll(() => ground.stop());
  }

  beforeAll(() => {
    odbc = new Odbc(installed);
  });
  afterAll(() => odbc.close());

  describe('login.method = cleartext', () => {
    startGround('cleartext');
    describeLogins(logIn, () => ground);
  });

  describe('login.method = scram-sha-256', () => {
    startGround('scram-sha-256');
    describeLogins(logIn, () => ground);

    test('a database that does not exist', async () => {
      const answer = await withOdbc({ database: 'nowhere' }, () => null).catch(refusal);
      expect(answer).toEqual({ code: null, message: 'database "nowhere" does not exist' });
    });

    test('settings reach the engine', async () => {
      const libpq = `application_name='monthly report' options='-c search_path=odd,public -c extra_float_digits=1'`;
      await withOdbc({ libpq, more: `ConnSettings={SET TimeZone='Asia/Tokyo'}` }, (connection) => {
        const names = ['application_name', 'search_path', 'TimeZone', 'client_encoding'];
        expect(names.map((name) => connection.one(`SHOW ${name}`))).toEqual([
          'monthly report',
          'odd,public',
          'Asia/Tokyo',
          'UTF8',
        ]);
      });
    });

    test('a statement that the server has prepared, many times', async () => {
      await withOdbc({ more: 'UseServerSidePrepare=1' }, (connection) => {
        connection.withStatement((statement) => {
          statement.prepare('SELECT 2 * ?::integer');
          const parameter = statement.bindInteger(1);
          for (let number = 1; number <= 2000; number++) {
            parameter[0] = number;
            statement.executePrepared();
            expect(statement.fetch() && statement.text(1)).toBe(String(2 * number));
            statement.closeCursor();
          }
          expect(connection.one('SELECT count(*) > 0 FROM pg_prepared_statements')).toBe('1');
        });
      });
    });

    test('a binary parameter of 17 MB, there and back', async () => {
      const bytes = randomBytes(17_000_000);
      await withOdbc({ more: 'ByteaAsLongVarBinary=1' }, (connection) => {
        connection.withStatement((statement) => {
          statement.prepare('SELECT ?::bytea');
          statement.bindBinary(1, bytes);
          statement.executePrepared();
          expect(statement.fetch()).toBe(true);
          expect(statement.binary(1, 2 * bytes.length)?.equals(bytes)).toBe(true);
        });
      });
    });

    test('errors inside a transaction', async () => {
      await withOdbc({ more: 'Protocol=7.4-0' }, (connection) => {
        connection.setAutocommit(false);
        connection.one('SELECT 1');
        expect(() => connection.one('SELECT 1/0')).toThrow(/division by zero/);
        expect(() => connection.one('SELECT 1')).toThrow(/current transaction is aborted/);
        connection.rollback();
        expect(connection.one('SELECT 1')).toBe('1');
      });
    });

    test.each(['TLS', 'plain'])('a query of a %s session is cancelled', async (way) => {
      await withOdbc({ tls: way === 'TLS' }, async (connection) => {
        const statement = connection.statement();
        const refused = expect(statement.executeAsync('SELECT pg_sleep(60)')).rejects.toMatchObject({
          sqlState: '57014',
          message: expect.stringContaining('canceling statement due to user request') as string,
        });
        await untilAsleep(ground.gateway.engine);
        statement.cancel();
        await refused;
        statement.free();
        expect(connection.one('SELECT 1')).toBe('1');
      });
    });

    test('more than 100 MB of rows, to the byte', BULK, async () => {
      const wanted = await bigDigest(ground.gateway);
      await withOdbc({}, (connection) => {
        connection.withStatement((statement) => {
          statement.execute(BIG_QUERY);
          const read = statement.bindTextColumns(1000, [10, 256, 32, 250]);
          const hash = createHash('sha256');
          while (statement.fetch()) {
            hash.update(
              read()
                .map((row) => `${row.join('\t')}\n`)
                .join(''),
            );
          }
          expect(hash.digest('hex')).toBe(wanted.sha256);
        });
      });
    });

    test.each(['', 'UseDeclareFetch=1;Fetch=10000'])('a million rows %s', BULK, async (more) => {
      await withOdbc({ more }, (connection) => {
        connection.withStatement((statement) => {
          statement.execute('SELECT i FROM generate_series(1, 1000000) AS i');
          const read = statement.bindTextColumns(10_000, [7]);
          let [count, sum] = [0, 0];
          while (statement.fetch()) {
            for (const [cell] of read()) {
              count += 1;
              sum += Number(cell);
            }
          }
          expect([count, sum]).toEqual([1_000_000, 500_000_500_000]);
        });
      });
    });
  });
});
