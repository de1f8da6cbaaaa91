import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemActor } from '../../../src/accounts/actor.ts';
import { variableOf } from '../../../src/config/names.ts';
import { eventually } from '../../support/eventually.ts';
import { inWords, promised, type Promised } from '../../support/faults-page.ts';
import { prepareGround, startGateway, type GatewayGround, type TestGateway } from '../../support/gateway.ts';
import { openSession, ping } from '../../support/session.ts';
import { startServerPair, type ServerPair } from '../../support/standby.ts';
import { startTcpRelay, type TcpRelay } from '../../support/tcp-relay.ts';

const ADMIN = systemActor('fault test');
const ENOUGH = 20;
const NOT_PROMOTED = promised('read-only: a primary that was demoted, a standby not yet promoted', '57P03');
const GONE = promised('its primary is gone for good', '57P03');

/** Two gateways that know both servers of the store, and one that knows an address which moves to the second. */
let servers: ServerPair;
let address: TcpRelay;
let first: TestGateway;
let second: TestGateway;
let moved: TestGateway;

beforeAll(async () => {
  servers = await startServerPair();
  address = await startTcpRelay({ host: '127.0.0.1', port: servers.primary.port });
  const url = new URL(servers.primary.url());
  const both = `postgres://${url.username}:${url.password}@127.0.0.1:${servers.primary.port},127.0.0.1:${servers.standby.port}/postgres`;
  const ground = await prepareGround({ 'store.connect_timeout': '1s', 'store.query_timeout': '2s' });
  const on = (storeUrl: string, drop: () => Promise<void>): GatewayGround => ({
    ...ground,
    store: { ...ground.store, url: both },
    environment: { ...ground.environment, [variableOf('store.url')]: storeUrl },
    drop,
  });
  const nothing = () => Promise.resolve();
  first = await startGateway(
    {},
    on(`${both}?target_session_attrs=read-write`, () => ground.drop()),
  );
  second = await startGateway({}, on(both, nothing));
  moved = await startGateway({}, on(address.through(servers.primary.url()), nothing));
});
afterAll(async () => {
  for (const gateway of [moved, second, first]) await gateway.stop();
  await address.close();
  await servers.drop();
});

const open = (gateway: TestGateway, secret: string, user = '$token') =>
  openSession(gateway.clientConfig(user, secret, first.engine.name));

async function logIn(gateway: TestGateway, secret: string): Promise<string> {
  try {
    const { client } = await open(gateway, secret);
    await client.end();
    return 'ok';
  } catch (error) {
    return inWords(error as Promised);
  }
}

/** Makes tokens by HTTP until that does not work any more. @returns those that were handed out */
async function makeTokens(gateway: TestGateway, api: string, made: string[]): Promise<void> {
  for (let n = 0; ; n += 1) {
    const response = await fetch(`${gateway.info.http?.url ?? ''}/api/v1/tokens`, {
      method: 'POST',
      headers: { authorization: `Bearer ${api}`, 'content-type': 'application/json' },
      body: JSON.stringify({ label: `${gateway.port} ${n}` }),
    });
    const body = (await response.json()) as { token: string; code: string };
    if (response.status !== 201) {
      expect([response.status, body.code]).toEqual([503, expect.stringMatching(/^store\./) as string]);
      return;
    }
    made.push(body.token);
  }
}

it('loses its primary for good: the second server takes over, and nothing that was acknowledged is lost', async () => {
  await first.services.policy.set(ADMIN, { maxLiveTokensPerUser: 128 });
  const ada = await first.addUser('ada');
  const api = await first.issueToken(ada, { label: 'api', scopes: ['tokens'] });
  const laptop = await first.issueToken(ada, { label: 'laptop' });
  const gateways = [first, second, moved];
  const running = await Promise.all(gateways.map((gateway) => open(gateway, laptop.token)));

  const made: string[] = [];
  const work = Promise.all(gateways.map((gateway) => makeTokens(gateway, api.token, made)));
  await eventually(() => expect(made.length).toBeGreaterThan(ENOUGH));
  await servers.primary.halt('kill');
  await work;
  for (const { client } of running) expect(await ping(client)).toBe(1);

  // Nobody has promoted the standby yet.
  for (const gateway of [first, second]) {
    await eventually(async () => {
      expect(await logIn(gateway, laptop.token)).toBe(inWords(NOT_PROMOTED));
    });
  }
  expect(await logIn(moved, laptop.token)).toBe(inWords(GONE));

  await servers.promote();
  address.retarget({ host: '127.0.0.1', port: servers.standby.port });
  for (const gateway of gateways) {
    await eventually(async () => expect(await logIn(gateway, laptop.token)).toBe('ok'));
  }
  expect(await Promise.all(made.map((token) => logIn(second, token)))).toEqual(made.map(() => 'ok'));

  for (const { client } of running) expect(await ping(client)).toBe(1);
  await eventually(() => first.services.tokens.revoke(ADMIN, laptop.tid, 'stolen'));
  const before = performance.now();
  for (const { ended } of running) {
    expect(await ended).toMatchObject({
      code: '57P01',
      message: expect.stringContaining('stolen') as string,
    });
  }
  expect(performance.now() - before).toBeLessThan(2500);
  for (const gateway of gateways) expect(await logIn(gateway, laptop.token)).toMatch(/^28P01/);

  await eventually(async () => {
    const rows = await second.services.audit.list({ action: 'login', outcome: 'ok', limit: 1000 });
    expect(rows.length).toBe(3 + 3 + made.length);
  });
  expect(await second.services.audit.verify()).toMatchObject({ ok: true });
  const issued = await second.services.audit.list({ action: 'token.issue', limit: 1000 });
  expect(issued.length).toBeGreaterThanOrEqual(made.length);
});
