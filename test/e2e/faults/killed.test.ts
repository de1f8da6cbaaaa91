import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemActor } from '../../../src/accounts/actor.ts';
import { startGatewayProcess, type GatewayProcess } from '../../support/gateway-process.ts';
import { prepareGround, type GatewayGround, type TestUser } from '../../support/gateway.ts';
import { eventually } from '../../support/eventually.ts';
import { openSession } from '../../support/session.ts';

/** Answers that a client had before the gateway was killed. */
interface Acknowledged {
  readonly created: Map<string, string>;
  readonly rotated: Map<string, string>;
  readonly revoked: Set<string>;
}

interface Issued {
  readonly token: string;
  readonly info: { readonly tid: string };
}

const CHANGES = 40;

/** SIGKILL in the middle of work, and a new start on the same store. */
let ground: GatewayGround;
let gateway: GatewayProcess;
let ada: TestUser;
let api = '';
const done: Acknowledged = { created: new Map(), rotated: new Map(), revoked: new Set() };

beforeAll(async () => {
  ground = await prepareGround();
  gateway = await startGatewayProcess({}, ground);
  await gateway.services.policy.set(systemActor('kill test'), { maxLiveTokensPerUser: 128 });
  ada = await gateway.addUser('ada');
  api = (await gateway.issueToken(ada, { label: 'api', scopes: ['tokens'] })).token;
  await Promise.all([1, 2, 3, 4].map((worker) => work(worker)).concat(killWhenBusy()));
  gateway = await startGatewayProcess({}, ground);
});
afterAll(async () => {
  await gateway.stop();
  await ground.drop();
});

async function killWhenBusy(): Promise<void> {
  await eventually(() => expect(done.created.size + done.rotated.size).toBeGreaterThan(CHANGES));
  await gateway.end('SIGKILL');
}

/** Creates, rotates and revokes until nobody answers any more. */
async function work(worker: number): Promise<void> {
  for (let n = 0; ; n += 1) {
    try {
      const { token, info } = await call('POST', '/api/v1/tokens', { label: `w${worker} n${n}` });
      const { tid } = info;
      done.created.set(tid, token);
      if (n % 3 === 1) {
        const next = await call('POST', `/api/v1/tokens/${tid}/rotate`, {});
        done.rotated.set(next.info.tid, next.token);
      }
      if (n % 3 === 2) {
        await call('DELETE', `/api/v1/tokens/${tid}`);
        done.revoked.add(tid);
      }
    } catch (error) {
      if (error instanceof TypeError) return;
      throw error;
    }
  }
}

async function call(method: string, path: string, body?: object): Promise<Issued> {
  const response = await fetch(`${gateway.info.http?.url ?? ''}${path}`, {
    method,
    headers: { authorization: `Bearer ${api}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return (text === '' ? {} : JSON.parse(text)) as Issued;
}

async function logIn(token: string): Promise<string> {
  try {
    const { client } = await openSession(gateway.clientConfig('$token', token));
    await client.end();
    return 'ok';
  } catch (error) {
    return (error as { code: string }).code;
  }
}

it('keeps every token that was handed out, and every revocation', async () => {
  expect(done.revoked.size).toBeGreaterThan(3);
  expect(done.rotated.size).toBeGreaterThan(3);
  for (const [tid, token] of [...done.created, ...done.rotated]) {
    expect([tid, await logIn(token)]).toEqual([tid, done.revoked.has(tid) ? '28P01' : 'ok']);
  }
});

it('keeps the row of every change in an audit that is whole', async () => {
  expect(await gateway.services.audit.verify()).toMatchObject({ ok: true });
  const targets = async (action: 'token.issue' | 'token.rotate' | 'token.revoke') => {
    const rows = await gateway.services.audit.list({ action, limit: 1000 });
    return rows.map(({ target }) => target?.id);
  };
  expect(await targets('token.issue')).toEqual(expect.arrayContaining([...done.created.keys()]));
  expect(await targets('token.revoke')).toEqual(expect.arrayContaining([...done.revoked]));
  expect((await targets('token.rotate')).length).toBeGreaterThanOrEqual(done.rotated.size);
});
