import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { copyIn, copyOut } from '../support/copy.ts';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import {
  NO_WAYS_IN,
  WAYS_IN,
  addPeople,
  expectNoSecrets,
  loginRow,
  type People,
} from '../support/login-rows.ts';
import { withClient } from '../support/query.ts';

/** 1.1 million rows of 100 bytes. */
const BIG = `SELECT i, md5(i::text), md5((-i)::text), repeat('x', 25) FROM generate_series(1, 1100000) AS i`;

describe.each(['scram-sha-256', 'cleartext'])('node pg, login.method = %s', (method) => {
  let gateway: GatewayProcess;
  let people: People;

  beforeAll(async () => {
    gateway = await startGatewayProcess({ 'login.method': method });
    people = await addPeople(gateway);
  });

  afterAll(async () => {
    await gateway.end('SIGTERM');
    expectNoSecrets(gateway, people);
    await gateway.stop();
  });

  test.each(WAYS_IN)('%s', async (title) => {
    const { user, secret } = loginRow(title, people);
    await withClient(gateway.clientConfig(user, secret), async (client) => {
      const { rows } = await client.query<{ one: number }>('SELECT $1::integer AS one', [1]);
      expect(rows).toEqual([{ one: 1 }]);
    });
  });

  test.each(NO_WAYS_IN)('%s is refused like a wrong password', async (title) => {
    const { user, secret } = loginRow(title, people);
    await expect(
      withClient(gateway.clientConfig(user, secret), () => Promise.resolve()),
    ).rejects.toMatchObject({
      code: '28P01',
      message: `password authentication failed for user "${user}"`,
    });
  });
});

describe('node pg at work', () => {
  let gateway: GatewayProcess;
  let config: pg.ClientConfig;

  beforeAll(async () => {
    gateway = await startGatewayProcess();
    const ada = await gateway.addUser('ada');
    config = gateway.clientConfig('ada', ada.password);
  });

  afterAll(() => gateway.stop());

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

  test('COPY of more than 100 MB both ways, to the byte', async () => {
    const direct = await withClient(gateway.engine.url, (client) =>
      copyOut(client, `COPY (${BIG}) TO STDOUT`),
    );
    expect(direct.bytes).toBeGreaterThan(100_000_000);
    await withClient(config, async (client) => {
      expect(await copyOut(client, `COPY (${BIG}) TO STDOUT`)).toEqual(direct);
      await client.query('CREATE TABLE big (i integer, a text, b text, c text)');
      await copyIn(client, 'COPY big FROM STDIN', bigLines());
    });
    const back = await withClient(gateway.engine.url, (client) =>
      copyOut(client, 'COPY (SELECT * FROM big ORDER BY i) TO STDOUT'),
    );
    expect(back).toEqual(direct);
  });

  test('a million rows', async () => {
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
      await untilAsleep(gateway, client);
      const { processID, secretKey } = client as unknown as { processID: number; secretKey: number };
      await sendCancel(gateway, way === 'TLS', processID, secretKey);
      await refused;
      expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    });
  });
});

/** The text of BIG, as COPY writes it, in chunks that do not end with lines. */
function* bigLines(): Generator<Buffer> {
  const md5 = (text: string) => createHash('md5').update(text).digest('hex');
  let text = '';
  for (let i = 1; i <= 1_100_000; i++) {
    text += `${i}\t${md5(String(i))}\t${md5(String(-i))}\t${'x'.repeat(25)}\n`;
    if (text.length < 70_000) continue;
    yield Buffer.from(text.slice(0, 65_537));
    text = text.slice(65_537);
  }
  yield Buffer.from(text);
}

/** The engine's own word that the client's query runs. */
async function untilAsleep(gateway: GatewayProcess, client: pg.Client): Promise<void> {
  const { processID } = client as unknown as { processID: number };
  await withClient(gateway.engine.url, async (observer) => {
    for (;;) {
      const { rowCount } = await observer.query(
        `SELECT FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'`,
        [processID],
      );
      if (rowCount === 1) return;
    }
  });
}

async function sendCancel(
  { port, caFile }: GatewayProcess,
  overTls: boolean,
  processId: number,
  key: number,
): Promise<void> {
  let socket: Socket = connectTcp(port, '127.0.0.1');
  await once(socket, 'connect');
  if (overTls) {
    socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]));
    await once(socket, 'data');
    const secure = connectTls({ socket, ca: readFileSync(caFile), servername: 'localhost' });
    await once(secure, 'secureConnect');
    socket = secure;
  }
  const request = Buffer.from([0, 0, 0, 16, 4, 210, 22, 46, 0, 0, 0, 0, 0, 0, 0, 0]);
  request.writeInt32BE(processId, 8);
  request.writeInt32BE(key, 12);
  socket.end(request);
  socket.resume();
  await once(socket, 'close');
}
