import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { startGatewayProcess } from '../support/gateway-process.ts';
import { queryOne, withClient } from '../support/query.ts';

describe('a gateway in this process', () => {
  let gateway: TestGateway;

  beforeAll(async () => {
    gateway = await startGateway();
  });

  afterAll(() => gateway.stop());

  test('carries a session of a user with a password, and of one with a token', async () => {
    const ada = await gateway.addUser('ada');
    const { token } = await gateway.issueToken(ada);
    for (const [user, secret] of [
      ['ada', ada.password],
      ['ada', token],
      ['$token', token],
    ] as const) {
      const database = await withClient(gateway.clientConfig(user, secret), async (client) => {
        const { rows } = await client.query<{ name: string }>('SELECT current_database() AS name');
        return rows[0]?.name;
      });
      expect(database).toBe(gateway.engine.name);
    }
  });

  test('writes a log in which no secret is', async () => {
    const eve = await gateway.addUser('eve');
    const { token } = await gateway.issueToken(eve);
    await withClient(gateway.clientConfig('eve', eve.password), () => Promise.resolve());
    await withClient(gateway.clientConfig('$token', token), () => Promise.resolve());
    const client = new pg.Client(gateway.clientConfig('eve', 'not her password'));
    await expect(client.connect()).rejects.toMatchObject({ code: '28P01' });
    const text = JSON.stringify(gateway.logged());
    expect(text).toContain('eve');
    for (const secret of [eve.password, token, 'not her password']) expect(text).not.toContain(secret);
  });
});

test('two gateway processes on one store and engine serve the same users', async () => {
  const first = await startGatewayProcess();
  try {
    const second = await startGatewayProcess({}, first);
    try {
      const ada = await first.addUser('ada');
      for (const gateway of [first, second]) {
        const url = gateway.clientConfig('ada', ada.password);
        await withClient(url, (client) => client.query('SELECT 1'));
      }
    } finally {
      await second.stop();
    }
  } finally {
    await first.stop();
  }
});

test.each(['1', '2'])(
  'a gateway that is told to stop leaves nothing behind, workers = %s',
  async (workers) => {
    const gateway = await startGatewayProcess({ workers });
    try {
      const ada = await gateway.addUser('ada');
      await withClient(gateway.clientConfig('ada', ada.password), (client) => client.query('SELECT 1'));
      expect(await gateway.end('SIGTERM')).toBe(0);
      const sessions = `SELECT count(*)::integer FROM pg_stat_activity WHERE datname = '${gateway.engine.name}' AND pid <> pg_backend_pid()`;
      expect(await queryOne(gateway.engine.url, sessions)).toBe(0);
    } finally {
      await gateway.stop();
    }
  },
);
