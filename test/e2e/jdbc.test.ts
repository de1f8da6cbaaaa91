import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BIG_QUERY, BULK, CREATE_BIG, bigDigest, bigTableDigest, fileDigest } from '../support/big-table.ts';
import { startClientGround, type ClientGround, type LoginMethod } from '../support/client-ground.ts';
import { describeWith } from '../support/clients.ts';
import { untilAsleep } from '../support/engine-sessions.ts';
import { Jdbc, JdbcError } from '../support/jdbc/jdbc.ts';
import { describeLogins, type LogIn } from '../support/login-suite.ts';
import { withClient } from '../support/query.ts';
import { temporaryDirectory } from '../support/temporary.ts';

describeWith('jdbc', 'pgjdbc', (installed) => {
  let jdbc: Jdbc;
  let ground: ClientGround;

  const url = (query: string, database = ground.gateway.engine.name): string =>
    `jdbc:postgresql://localhost:${ground.gateway.port}/${database}?${query}`;

  const verified = (): string =>
    `sslmode=verify-full&sslrootcert=${encodeURIComponent(ground.gateway.caFile)}`;

  const logIn: LogIn = async ({ user, secret, tls }) => {
    try {
      const target = url(tls ? verified() : 'sslmode=disable');
      return await jdbc.withConnection(target, { user, password: secret }, async () => {
        const [role = ''] = await jdbc.call('query', 'SELECT current_user');
        return { role };
      });
    } catch (error) {
      if (!(error instanceof JdbcError)) throw error;
      return { code: error.sqlState, message: error.message.replace(/^FATAL: /, '') };
    }
  };

  /** As ada, with TLS verified unless the query says otherwise. */
  function asAda<T>(use: () => Promise<T>, query = verified()): Promise<T> {
    return jdbc.withConnection(url(query), { user: 'ada', password: ground.people.ada.password }, use);
  }

  function startGround(method: LoginMethod): void {
    beforeAll(async () => {
      ground = await startClientGround(method);
    });
    afterAll(() => ground.stop());
  }

  beforeAll(() => {
    jdbc = Jdbc.start(installed);
  });
  afterAll(() => jdbc.stop());

  describe('login.method = cleartext', () => {
    startGround('cleartext');
    describeLogins(logIn, () => ground);
  });

  describe('login.method = scram-sha-256', () => {
    startGround('scram-sha-256');
    describeLogins(logIn, () => ground);

    test('everything in the URL, as the recipes have it', async () => {
      const { people, roles } = ground;
      const target = url(`user=$token&password=${people.tokens.ada.token}&${verified()}`);
      await jdbc.withConnection(target, {}, async () => {
        expect(await jdbc.call('query', 'SELECT current_user')).toEqual([roles.ada]);
      });
    });

    test.each(['', 'ssl=true&sslrootcert=CA', 'sslmode=require', 'gssEncMode=prefer'])(
      'with %j',
      async (query) => {
        await asAda(
          async () => expect(await jdbc.call('query', 'SELECT 1')).toEqual(['1']),
          query.replace('CA', encodeURIComponent(ground.gateway.caFile)),
        );
      },
    );

    test('a database that does not exist', async () => {
      const properties = { user: 'ada', password: ground.people.ada.password };
      const attempt = jdbc.withConnection(url(verified(), 'nowhere'), properties, () => Promise.resolve());
      await expect(attempt).rejects.toMatchObject({
        sqlState: '3D000',
        message: 'FATAL: database "nowhere" does not exist',
      });
    });

    test('settings reach the engine', async () => {
      const options = encodeURIComponent('-c search_path=odd,public -c statement_timeout=54321');
      const query = `${verified()}&ApplicationName=monthly%20report&options=${options}`;
      const names = ['search_path', 'statement_timeout', 'application_name', 'TimeZone', 'DateStyle'];
      await asAda(async () => {
        const shown = await jdbc.call(
          'query',
          `SELECT ${names.map((name) => `current_setting('${name}')`).join()}`,
        );
        expect(shown).toEqual(['odd,public', '54321ms', 'monthly report', 'Asia/Tokyo', 'ISO, MDY']);
      }, query);
    });

    test('a replication connection', async () => {
      await asAda(async () => {
        const [, timeline, , database] = await jdbc.call('query', 'IDENTIFY_SYSTEM');
        expect([timeline, database]).toEqual(['1', ground.gateway.engine.name]);
      }, `${verified()}&replication=database&preferQueryMode=simple&assumeMinServerVersion=10`);
    });

    test('a statement that the server has prepared, many times, in binary', async () => {
      await asAda(async () => {
        expect(await jdbc.call('prepared', 'SELECT 2 * ?', 3000)).toEqual([String(3000 * 3001), 'true', '1']);
      });
    });

    test.each(['', '&reWriteBatchedInserts=true'])('a batch of 20,000 inserts%s', async (more) => {
      await asAda(async () => {
        await jdbc.call('query', 'CREATE TEMPORARY TABLE numbers (n integer)');
        expect(await jdbc.call('batch', 'INSERT INTO numbers VALUES (?)', 20_000)).toEqual(['20000']);
        expect(await jdbc.call('query', 'SELECT count(*), sum(n) FROM numbers')).toEqual([
          '20000',
          '199990000',
        ]);
      }, verified() + more);
    });

    test('a parameter of 17 MB, there and back', async () => {
      await asAda(async () => expect(await jdbc.call('bytes', 17_000_000)).toEqual(['true']));
    });

    test('errors inside a transaction', async () => {
      await asAda(async () => {
        await jdbc.call('transaction');
        await expect(jdbc.call('query', 'SELECT 1/0')).rejects.toMatchObject({ sqlState: '22012' });
        await expect(jdbc.call('query', 'SELECT 1')).rejects.toMatchObject({ sqlState: '25P02' });
        await jdbc.call('rollback');
        expect(await jdbc.call('query', 'SELECT 1')).toEqual(['1']);
      });
    });

    test('LISTEN and NOTIFY', async () => {
      await asAda(async () => {
        await jdbc.call('query', 'LISTEN news');
        const heard = jdbc.call('notifications');
        await withClient(ground.gateway.engine.url, (speaker) => speaker.query(`NOTIFY news, 'ünïcode'`));
        expect(await heard).toEqual(['news', 'ünïcode']);
      });
    });

    test.each(['TLS', 'plain'])('a query of a %s session is cancelled', async (way) => {
      await asAda(
        async () => {
          await jdbc.call('start', 'SELECT pg_sleep(60)');
          await untilAsleep(ground.gateway.engine);
          expect(await jdbc.call('cancel')).toEqual(['57014']);
          expect(await jdbc.call('query', 'SELECT 1')).toEqual(['1']);
        },
        way === 'TLS' ? verified() : 'sslmode=disable',
      );
    });

    test('COPY of more than 100 MB both ways, to the byte', BULK, async () => {
      const { gateway } = ground;
      const wanted = await bigDigest(gateway);
      const file = path.join(await temporaryDirectory(), 'big.tsv');
      await asAda(async () => {
        await jdbc.call('copyOut', `COPY (${BIG_QUERY}) TO STDOUT`, file);
        await jdbc.call('query', CREATE_BIG);
        await jdbc.call('copyIn', 'COPY big FROM STDIN', file);
      });
      expect(await fileDigest(file)).toEqual(wanted);
      expect(await bigTableDigest(gateway)).toEqual(wanted);
    });

    test.each([0, 10_000])('a million rows, fetch size %i', BULK, async (fetchSize) => {
      await asAda(async () => {
        const answer = await jdbc.call('rows', 'SELECT i FROM generate_series(1, 1000000) AS i', fetchSize);
        expect(answer).toEqual(['1000000', '500000500000']);
      });
    });
  });
});
