import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { gather } from '../support/crowd.ts';
import { eventually } from '../support/eventually.ts';
import { startGateway, type TestGateway, type TestUser } from '../support/gateway.ts';
import { openSession, ping } from '../support/session.ts';

const SIZE = 400;
const LOGINS = 15;

let gateway: TestGateway;
let ada: TestUser;

beforeAll(async () => {
  gateway = await startGateway({
    'tls.mode': 'prefer',
    'login.max_pending': '100',
    'login.max_pending_per_address': '60',
    'log.level': 'error',
  });
  ada = await gateway.addUser('ada');
});
afterAll(() => gateway.stop());

it('lets people in and their sessions work while a crowd from other addresses holds and takes every place', async () => {
  const { token } = await gateway.issueToken(ada);
  const { client: before } = await openSession(gateway.clientConfig('ada', ada.password));
  const crowd = gather({
    port: gateway.port,
    size: SIZE,
    addresses: ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5'],
    user: 'ada',
    pauseMs: 20,
  });
  onTestFinished(() => crowd.leave());
  // All have come, and many were put out and came again.
  await eventually(() => expect(crowd.made).toBeGreaterThan(3 * SIZE));
  for (let n = 0; n < LOGINS; n += 1) {
    for (const [user, secret] of [
      ['ada', ada.password],
      ['$token', token],
    ] as const) {
      const { client } = await openSession(gateway.clientConfig(user, secret));
      expect(await ping(client)).toBe(1);
      await client.end();
    }
    expect(await ping(before)).toBe(1);
  }
  expect(crowd.standing).toBeGreaterThan(0);
  await before.end();
  expect(gateway.logged()).toEqual([]);
});
