import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { systemActor } from '../../../src/accounts/actor.ts';
import { eventually } from '../../support/eventually.ts';
import { promised } from '../../support/faults-page.ts';
import { prepareGround, startGateway, type TestGateway } from '../../support/gateway.ts';
import { openSession, ping } from '../../support/session.ts';
import { startTcpRelay, type TcpRelay } from '../../support/tcp-relay.ts';

const ADMIN = systemActor('fault test');
const AWAY = promised('Logins by grace.', '57P03');
const REVOKED = promised('Logins by grace.', '57P01');

let network: TcpRelay;
let gateway: TestGateway;

beforeAll(async () => {
  network = await startTcpRelay({ host: '127.0.0.1', port: inject('cluster').port });
  const ground = await prepareGround(
    { 'login.store_grace': '10m', 'store.connect_timeout': '400ms', 'store.query_timeout': '400ms' },
    { store: (url) => network.through(url) },
  );
  gateway = await startGateway({}, ground);
});
afterAll(async () => {
  await gateway.stop();
  await network.close();
});

const metric = async (name: string) => {
  const text = await (await fetch(`${gateway.info.metrics?.url ?? ''}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
};

it('lets in, while the store is away, what it verified lately, and ends it when that was revoked meanwhile', async () => {
  const ada = await gateway.addUser('ada');
  const [laptop, lost, fresh] = [
    await gateway.issueToken(ada, { label: 'laptop' }),
    await gateway.issueToken(ada, { label: 'lost' }),
    await gateway.issueToken(ada, { label: 'fresh' }),
  ];
  const open = (user: string, secret: string) => openSession(gateway.clientConfig(user, secret));
  for (const { token } of [laptop, lost]) {
    for (const user of ['$token', 'ada']) await (await open(user, token)).client.end();
  }
  await network.refuse();
  await expect(open('$token', fresh.token)).rejects.toMatchObject(AWAY);
  await expect(open('ada', fresh.token)).rejects.toMatchObject(AWAY);
  const kept = await open('ada', laptop.token);
  const ending = await open('$token', lost.token);
  expect(await ping(ending.client)).toBe(1);
  expect(await metric('patgate_logins_by_grace_total')).toBe(2);
  expect(await metric('patgate_store_grace_active')).toBe(1);

  await gateway.services.tokens.revoke(ADMIN, lost.tid, 'found in a train');
  await network.accept();
  expect(await ending.ended).toMatchObject({
    ...REVOKED,
    message: expect.stringContaining('token "lost" was revoked (found in a train)') as string,
  });
  expect(await ping(kept.client)).toBe(1);
  await kept.client.end();
  await eventually(async () => expect(await metric('patgate_store_grace_active')).toBe(0));
  await eventually(async () => {
    const rows = await gateway.services.audit.list({ action: 'login', outcome: 'ok' });
    const byGrace = rows.filter(({ reason }) => reason === 'store grace').map(({ actor }) => actor.tid);
    expect(byGrace.sort()).toEqual([laptop.tid, lost.tid].sort());
  });
  expect(await gateway.services.audit.verify()).toMatchObject({ ok: true });
});

it('lets in nothing, while the store is away, that was revoked or forbidden before', async () => {
  const [bob, eve] = [await gateway.addUser('bob'), await gateway.addUser('eve')];
  const revoked = await gateway.issueToken(bob, { label: 'revoked' });
  const good = await gateway.issueToken(bob, { label: 'good' });
  const open = (user: string, secret: string) => openSession(gateway.clientConfig(user, secret));
  for (const [user, secret] of [
    ['$token', revoked.token],
    ['$token', good.token],
    ['eve', eve.password],
  ] as const) {
    await (await open(user, secret)).client.end();
  }
  await eventually(async () => expect(await metric('patgate_store_grace_remembered')).toBe(3));
  await gateway.services.tokens.revoke(ADMIN, revoked.tid);
  await eventually(async () => expect(await metric('patgate_store_grace_remembered')).toBe(2));
  await gateway.services.accounts.setUser(ADMIN, eve.uid, { networks: ['192.0.2.0/24'] });
  await eventually(async () => expect(await metric('patgate_store_grace_remembered')).toBe(1));
  await network.refuse();
  await expect(open('$token', revoked.token)).rejects.toMatchObject(AWAY);
  await expect(open('eve', eve.password)).rejects.toMatchObject(AWAY);
  const kept = await open('$token', good.token);
  expect(await ping(kept.client)).toBe(1);

  await gateway.services.accounts.setUser(ADMIN, bob.uid, { networks: ['192.0.2.0/24'] });
  await network.accept();
  expect(await kept.ended).toMatchObject({
    code: '57P01',
    message: expect.stringContaining("one of that user's networks") as string,
  });
});
