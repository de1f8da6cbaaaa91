import { createHash } from 'node:crypto';
import { once } from 'node:events';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BIG_QUERY, BULK, CREATE_BIG, bigDigest, bigTableDigest } from '../support/big-table.ts';
import { startClientGround, type ClientGround } from '../support/client-ground.ts';
import { sendCancel } from '../support/cancel.ts';
import { copyIn, copyOut } from '../support/copy.ts';
import { untilAsleep } from '../support/engine-sessions.ts';
import type { GatewayProcess } from '../support/gateway-process.ts';
import { describeLogins, type LogIn } from '../support/login-suite.ts';
import { withClient } from '../support/query.ts';

const logIn: LogIn = async ({ gateway, user, secret, tls }) => {
  const verified = gateway.clientConfig(user, secret);
  try {
    return await withClient(tls ? verified : { ...verified, ssl: false }, async (client) => {
      const { rows } = await client.query<{ role: string }>('SELECT current_user AS role');
      return { role: rows[0]?.role ?? '' };
    });
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    return { code: error.code ?? '', message: error.message };
  }
};

describe('node pg, login.method = cleartext, by two workers', () => {
  let ground: ClientGround;

  beforeAll(async () => {
    ground = await startClientGround('cleartext', { workers: '2' });
  });
  afterAll(() => ground.stop());

  describeLogins(logIn, () => ground);
});

describe('node pg, login.method = scram-sha-256', () => {
  let ground: ClientGround;
  let gateway: GatewayProcess;
  let config: pg.ClientConfig;

  beforeAll(async () => {
    ground = await startClientGround('scram-sha-256');
    gateway = ground.gateway;
    config = gateway.clientConfig('ada', ground.people.ada.password);
  });
  afterAll(() => ground.stop());

  describeLogins(logIn, () => ground);

  test('named prepared statements and binary results', async () => {
    await withClient(config, async (client) => {
      for (const number of [1, 2, 3]) {
        const { rows } = await client.query({
          name: 'twice',
          text: 'SELECT $1::integer * 2 AS n, $2::bytea AS b',
          values: [number, Buffer.from([0, 255, number])],
        });
        expect(rows).toEqual([{ n: number * 2, b: Buffer.from([0, 255, number]) }]);
      }
      const binary = { text: `SELECT 7::integer AS n, '\\xdeadbeef'::bytea AS b`, values: [], binary: true };
      const { rows } = await client.query(binary);
      expect(rows).toEqual([{ n: 7, b: Buffer.from('deadbeef', 'hex') }]);
    });
  });

  test('COPY of more than 100 MB both ways, to the byte', BULK, async () => {
    const wanted = await bigDigest(gateway);
    await withClient(config, async (client) => {
      expect(await copyOut(client, `COPY (${BIG_QUERY}) TO STDOUT`)).toEqual(wanted);
      await client.query(CREATE_BIG);
      await copyIn(client, 'COPY big FROM STDIN', bigLines());
    });
    expect(await bigTableDigest(gateway)).toEqual(wanted);
  });

  test('a million rows', BULK, async () => {
    await withClient(config, async (client) => {
      const { rows } = await client.query<[number]>({
        text: 'SELECT i FROM generate_series(1, 1000000) AS i',
        rowMode: 'array',
      });
      expect(rows.length).toBe(1_000_000);
      expect(rows.every(([i], index) => i === index + 1)).toBe(true);
    });
  });

  test('LISTEN and NOTIFY', async () => {
    await withClient(config, async (listener) => {
      await listener.query('LISTEN news');
      const heard = once(listener, 'notification') as Promise<[pg.Notification]>;
      await withClient(config, (speaker) => speaker.query(`NOTIFY news, 'ünïcode'`));
      const [notification] = await heard;
      expect(notification).toMatchObject({ channel: 'news', payload: 'ünïcode' });
    });
  });

  test.each(['plain', 'TLS'])('a query is cancelled by a request over a %s connection', async (way) => {
    await withClient(config, async (client) => {
      const refused = expect(client.query('SELECT pg_sleep(60)')).rejects.toMatchObject({ code: '57014' });
      await untilAsleep(gateway.engine);
      const { processID, secretKey } = client as unknown as { processID: number; secretKey: number };
      await sendCancel(gateway, way === 'TLS', processID, secretKey);
      await refused;
      expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    });
  });
});

/** The text of BIG_QUERY, as COPY writes it, in chunks that do not end with lines. */
function* bigLines(): Generator<Buffer> {
  const md5 = (text: string) => createHash('md5').update(text).digest('hex');
  let text = '';
  for (let i = 1; i <= 200_000; i++) {
    text += `${i}\t${md5(String(i)).repeat(8)}\t${md5(String(-i))}\t${'x'.repeat(250)}\n`;
    if (text.length < 70_000) continue;
    yield Buffer.from(text.slice(0, 65_537));
    text = text.slice(65_537);
  }
  yield Buffer.from(text);
}
