import type pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemActor } from '../../../src/accounts/actor.ts';
import { startGatewayProcess, type GatewayProcess } from '../../support/gateway-process.ts';
import { prepareGround, type GatewayGround, type TestUser } from '../../support/gateway.ts';
import { eventually } from '../../support/eventually.ts';
import { queryOne, withClient } from '../../support/query.ts';
import { openSession } from '../../support/session.ts';

/** Answers that a client had before the gateway was killed. */
interface Acknowledged {
  readonly created: Map<string, string>;
  /** New token, by its id. */
  readonly rotated: Map<string, string>;
  /** Successor's id by that of the token it was made from. */
  readonly successors: Map<string, string>;
  readonly revoked: Set<string>;
  /** Those whose revocation was not answered: it may have happened. */
  readonly unsure: Set<string>;
}

/** A request whose answer never came. */
interface Unanswered {
  readonly path: string;
  readonly body: object;
  readonly key: string;
}

interface Issued {
  readonly token: string | null;
  readonly info: { readonly tid: string };
}

const KILLS = 5;
const CHANGES = 12;
const WORKERS = [1, 2, 3, 4];

/** SIGKILL in the middle of work, and a new start on the same store. */
let ground: GatewayGround;
let gateway: GatewayProcess;
let ada: TestUser;
let api = '';
const done: Acknowledged = {
  created: new Map(),
  rotated: new Map(),
  successors: new Map(),
  revoked: new Set(),
  unsure: new Set(),
};
/** Ids of what was asked for again after a start, by its Idempotency-Key. */
const repeated = new Map<string, string>();

beforeAll(async () => {
  ground = await prepareGround();
  gateway = await startGatewayProcess({}, ground);
  await gateway.services.policy.set(systemActor('kill test'), { maxLiveTokensPerUser: 128 });
  ada = await gateway.addUser('ada');
  api = (await gateway.issueToken(ada, { label: 'api', scopes: ['tokens'] })).token;
  for (let kill = 1; kill <= KILLS; kill += 1) {
    const [, ...left] = await Promise.all([killWhenBusy(), ...WORKERS.map((worker) => work(kill, worker))]);
    await startAgain();
    for (const request of left) if (request !== null) await repeat(request);
  }
}, 60_000);
afterAll(async () => {
  await gateway.stop();
  await ground.drop();
});

/** On the same ground; what looked at the store for the one that was killed is closed. */
async function startAgain(): Promise<void> {
  const before = gateway;
  gateway = await startGatewayProcess({}, ground);
  await before.stop();
}

async function killWhenBusy(): Promise<void> {
  const changes = (): number => done.created.size + done.rotated.size;
  const before = changes();
  await eventually(() => expect(changes()).toBeGreaterThan(before + CHANGES));
  await gateway.end('SIGKILL');
}

/** Creates, rotates and revokes until nobody answers any more. @returns what it does not know the outcome of, if it has a key */
async function work(kill: number, worker: number): Promise<Unanswered | null> {
  for (let n = kill; ; n += 1) {
    const name = `k${kill}-w${worker}-n${n}`;
    const create = { path: '/api/v1/tokens', body: { label: name }, key: `create-${name}` };
    const made = await ask(create);
    if (made === null) return create;
    const { tid } = made.info;
    done.created.set(tid, made.token ?? '');
    if (n % 3 === 1) {
      const rotate = { path: `/api/v1/tokens/${tid}/rotate`, body: {}, key: `rotate-${name}` };
      const next = await ask(rotate);
      if (next === null) return rotate;
      done.rotated.set(next.info.tid, next.token ?? '');
      done.successors.set(tid, next.info.tid);
    }
    if (n % 3 === 2) {
      if ((await call('DELETE', `/api/v1/tokens/${tid}`)) === null) {
        done.unsure.add(tid);
        return null;
      }
      done.revoked.add(tid);
    }
  }
}

async function repeat(request: Unanswered): Promise<void> {
  const first = await ask(request);
  const second = await ask(request);
  expect(second).toMatchObject({ token: null, info: { tid: first?.info.tid } });
  repeated.set(request.key, first?.info.tid ?? '');
}

function ask({ path, body, key }: Unanswered): Promise<Issued | null> {
  return call('POST', path, body, { 'idempotency-key': key });
}

/** @returns null when no answer came */
async function call(
  method: string,
  path: string,
  body?: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<Issued | null> {
  const answer = await fetch(`${gateway.info.http?.url ?? ''}${path}`, {
    method,
    headers: { authorization: `Bearer ${api}`, 'content-type': 'application/json', ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
    .then(async (response) => ({ response, text: await response.text() }))
    .catch((error: unknown) => {
      if (error instanceof TypeError) return null;
      throw error;
    });
  if (answer === null) return null;
  const { response, text } = answer;
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
    if (done.unsure.has(tid)) continue;
    expect([tid, await logIn(token)]).toEqual([tid, done.revoked.has(tid) ? '28P01' : 'ok']);
  }
});

it('keeps one row for every change in an audit that is whole', async () => {
  expect(await gateway.services.audit.verify()).toMatchObject({ ok: true });
  const targets = async (action: 'token.issue' | 'token.revoke') => {
    const rows = await gateway.services.audit.list({ action, limit: 1000 });
    return rows.map(({ target }) => target?.id);
  };
  const issued = await targets('token.issue');
  expect(issued).toEqual(expect.arrayContaining([...done.created.keys()]));
  expect(new Set(issued).size).toBe(issued.length);
  expect(await targets('token.revoke')).toEqual(expect.arrayContaining([...done.revoked]));
  const rotations = await gateway.services.audit.list({ action: 'token.rotate', limit: 1000 });
  const successors = rotations.map(({ target, detail }) => [
    target?.id,
    (detail as { successor: string }).successor,
  ]);
  expect(successors).toEqual(expect.arrayContaining([...done.successors]));
  expect(new Set(successors.map(([from]) => from)).size).toBe(rotations.length);
});

it('has made nothing twice that was asked for again', async () => {
  expect(repeated.size).toBeGreaterThan(0);
  await withClient(ground.store.url, async (client) => {
    // every token there is, and every one that an audit row says was made
    const tokens = await ids(client, `select tid::text as id from patgate.tokens where label <> 'api'`);
    const audited = await ids(
      client,
      `select target_id as id from patgate.audit where action = 'token.issue' and target_name <> 'api'
       union all select detail::json ->> 'successor' from patgate.audit where action = 'token.rotate'`,
    );
    expect(audited).toEqual(tokens);
    expect(tokens).toEqual(expect.arrayContaining([...repeated.values()]));
    const labels = `select count(*)::int - count(distinct label)::int as twice from patgate.tokens where rotated_from is null`;
    expect((await client.query<{ twice: number }>(labels)).rows).toEqual([{ twice: 0 }]);
  });
});

async function ids(client: pg.Client, sql: string): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>(sql);
  return rows.map(({ id }) => id).toSorted();
}

it('leaves neither token nor audit row of a creation that was under way', async () => {
  const request = { path: '/api/v1/tokens', body: { label: 'under way' }, key: 'under-way' };
  const tokens = `select count(*)::int from patgate.tokens where label = 'under way'`;
  const audited = `select count(*)::int from patgate.audit where target_name = 'under way'`;
  await withClient(ground.store.url, async (holder) => {
    await holder.query('begin');
    await holder.query('select 1 from patgate.audit_head for update');
    const answer = ask(request);
    // the token is in its transaction, which waits to write the audit
    const standing = `select count(*)::int from pg_locks l join pg_stat_activity a using (pid)
      where l.relation = 'patgate.tokens'::regclass and l.mode = 'RowExclusiveLock' and l.granted
        and a.wait_event_type = 'Lock'`;
    await eventually(async () => expect(await queryOne(ground.store.url, standing)).toBe(1));
    await gateway.end('SIGKILL');
    expect(await answer).toBeNull();
    await holder.query('rollback');
    await eventually(async () => expect(await queryOne(ground.store.url, standing)).toBe(0));
  });
  await startAgain();
  expect([await queryOne(ground.store.url, tokens), await queryOne(ground.store.url, audited)]).toEqual([
    0, 0,
  ]);
  const made = await ask(request);
  expect(await logIn(made?.token ?? '')).toBe('ok');
  expect(await ask(request)).toMatchObject({ token: null, info: { tid: made?.info.tid } });
  expect([await queryOne(ground.store.url, tokens), await queryOne(ground.store.url, audited)]).toEqual([
    1, 1,
  ]);
  expect(await gateway.services.audit.verify()).toMatchObject({ ok: true });
});
