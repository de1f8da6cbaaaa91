import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemActor } from '../../src/accounts/actor.ts';
import { startCluster, type TestCluster } from '../support/cluster.ts';
import { prepareGround, type GatewayGround, type TestUser } from '../support/gateway.ts';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';

const ADMIN = systemActor('mass revocation test');
/** On each of two gateways. */
const EACH = 500;
const OTHERS = 20;
const AT_ONCE = 25;

let engine: TestCluster;
let ground: GatewayGround;
let gateways: readonly GatewayProcess[];
let ada: TestUser;
beforeAll(async () => {
  engine = await startCluster({ settings: { max_connections: '1200' } });
  ground = await prepareGround({
    'engine.url': engine.socketUrl({ database: 'postgres' }),
    // Without TLS, which is not what is tried here; by SCRAM, so that no secret is sent.
    'tls.mode': 'prefer',
    'login.max_pending_per_address': '200',
    'pool.reuse': 'off',
    'log.level': 'warn',
  });
  gateways = await Promise.all([startGatewayProcess({}, ground), startGatewayProcess({}, ground)]);
  ada = await first().addUser('ada');
});
afterAll(async () => {
  await Promise.all(gateways.map((gateway) => gateway.stop()));
  await ground.drop();
  await engine.drop();
});

function first(): GatewayProcess {
  const [gateway] = gateways;
  if (gateway === undefined) throw new Error('no gateway');
  return gateway;
}

interface Told {
  readonly code: string;
  readonly message: string;
}

interface Session {
  readonly client: pg.Client;
  readonly ended: Promise<Told>;
}

const REVOKED: Told = {
  code: '57P01',
  message: 'terminating connection: token "doomed" was revoked (leaked)',
};

const told = ({ code = '', message }: Error & { code?: string }): Told => ({ code, message });
const finished = (): Told => ({ code: '', message: 'finished' });

async function open({ host, port }: GatewayProcess, user: string, password: string): Promise<Session> {
  const client = new pg.Client({ host, port, user, password, database: 'postgres' });
  const ended = new Promise<Told>((resolve) => {
    client.on('error', (error: Error) => resolve(told(error)));
  });
  await client.connect();
  return { client, ended };
}

/** So many sessions, a few logins at a time. */
async function openMany(count: number, gateway: GatewayProcess, secret: string): Promise<Session[]> {
  const sessions: Session[] = [];
  let left = count;
  const openSome = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      sessions.push(await open(gateway, 'ada', secret));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, openSome));
  return sessions;
}

/** How many ends of sessions `patgate_revoke_to_close_seconds` of a gateway counted. */
async function countedCloses({ info }: GatewayProcess): Promise<number> {
  const text = await (await fetch(`${info.metrics?.url ?? ''}/metrics`)).text();
  return Number(/patgate_revoke_to_close_seconds_count (\d+)/.exec(text)?.[1] ?? NaN);
}

it('closes a thousand sessions of one token on two gateways, and disturbs no other', async () => {
  const doomed = await first().issueToken(ada, { label: 'doomed' });
  const other = await first().issueToken(ada, { label: 'other' });
  const sessions = await Promise.all(gateways.map((one) => openMany(EACH, one, doomed.token)));
  const others = await Promise.all(gateways.map((one) => openMany(OTHERS / 2, one, other.token)));
  // Some are at work, both kinds: those must be told between two messages, these must get their answer.
  const working = others
    .flat()
    .map(({ client }) => client.query<{ n: number }>('select 7 as n, pg_sleep(2)'));
  const busy = sessions.flat().slice(0, 20);
  const interrupted = busy.map(({ client }) => client.query('select pg_sleep(60)').then(finished, told));

  await first().services.tokens.revoke(ADMIN, doomed.tid, 'leaked');

  const endings = await Promise.all(sessions.flat().map(({ ended }) => ended));
  expect(endings).toHaveLength(2 * EACH);
  for (const ending of endings.slice(busy.length)) expect(ending).toEqual(REVOKED);
  // Cancelled, and told why afterwards; where the engine is too busy to cancel in time, told in place of the answer.
  for (const [index, answer] of (await Promise.all(interrupted)).entries()) {
    if (answer.code === '57014') expect(endings[index]).toEqual(REVOKED);
    else expect(answer).toEqual(REVOKED);
  }
  for (const answer of await Promise.all(working)) expect(answer.rows[0]?.n).toBe(7);
  for (const { client } of others.flat()) {
    expect((await client.query<{ one: number }>('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await client.end();
  }
  for (const gateway of gateways) await expect.poll(() => countedCloses(gateway)).toBe(EACH);
  await expect(open(first(), 'ada', doomed.token)).rejects.toMatchObject({ code: '28P01' });
});
