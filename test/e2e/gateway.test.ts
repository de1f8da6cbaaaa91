import { once } from 'node:events';
import { connect } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
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

  test('does not keep a session for a client that closed with its last message of the login', async () => {
    const ida = await gateway.addUser('ida');
    const { token } = await gateway.issueToken(ida);
    const before = gateway.logged().length;
    for (let i = 0; i < 20; i += 1) await leaveAfterToken(gateway, token);
    await vi.waitFor(() => {
      const said = gateway.logged().slice(before);
      const count = (text: string): number => said.filter(({ msg }) => msg === text).length;
      expect(count('session ended') + count('client left')).toBe(count('login'));
      expect(count('login')).toBe(20);
    }, 10_000);
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

/** Logs in with a token over TLS, and sends close_notify and FIN right behind it. */
async function leaveAfterToken(gateway: TestGateway, token: string): Promise<void> {
  const { host, port } = gateway.info.postgres;
  const socket = connect({ host, port });
  socket.write(Buffer.from('0000000804d2162f', 'hex'));
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(answer.toString()).toBe('S');
  const encrypted = tlsConnect({ socket, rejectUnauthorized: false });
  const startup = Buffer.from('....\0\x03\0\0user\0$token\0\0', 'latin1');
  startup.writeInt32BE(startup.length);
  encrypted.write(startup);
  await once(encrypted, 'data');
  const password = Buffer.from(`p....${token}\0`, 'latin1');
  password.writeInt32BE(password.length - 1, 1);
  encrypted.resume();
  encrypted.end(password);
  await once(encrypted, 'close');
}
