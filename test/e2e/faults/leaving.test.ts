import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { variableOf } from '../../../src/config/names.ts';
import { encodeFrontend } from '../../../src/wire/frontend.ts';
import { eventually } from '../../support/eventually.ts';
import { prepareGround, startGateway, type TestGateway, type TestUser } from '../../support/gateway.ts';
import { queryOne } from '../../support/query.ts';
import { openSession, ping } from '../../support/session.ts';
import { startTcpRelay, type TcpRelay } from '../../support/tcp-relay.ts';
import { WireClient } from '../../support/wire-client.ts';

const TERMINATE = encodeFrontend({ kind: 'terminate' });
const STATEMENT = 'select pg_sleep(600)';
/** Far less than a kernel takes to find out that a client is gone, which is `listen.keepalive` and ten seconds. */
const SOON_MS = 25_000;

/** Ways to leave a session whose statement still runs. */
const WAYS: readonly (readonly [string, (client: WireClient) => void])[] = [
  ['says Terminate and closes, as drivers do', (client) => client.send(TERMINATE).end()],
  ['says Terminate and is not heard of again', (client) => client.send(TERMINATE)],
  ['closes without a word, as a killed process does', (client) => client.end()],
];

describe('a client that leaves in the middle of a statement', () => {
  let network: TcpRelay;
  let gateway: TestGateway;
  let ada: TestUser;

  beforeAll(async () => {
    const prepared = await prepareGround({ 'sessions.max_per_user': '1' });
    const { hostname: host, port } = new URL(prepared.engine.url);
    network = await startTcpRelay({ host, port: Number(port) });
    const silent = `${network.through(prepared.engine.url)}?sslmode=disable&connect_timeout=1`;
    const ground = {
      ...prepared,
      environment: {
        ...prepared.environment,
        [variableOf('databases')]: `*=main, silent=silent/${prepared.engine.name}`,
        PATGATE_ENGINES_SILENT_URL: silent,
      },
    };
    gateway = await startGateway({}, ground);
    ada = await gateway.addUser('ada');
  });
  afterEach(() => network.speak());
  afterAll(async () => {
    await gateway.stop();
    await network.close();
  });

  const running = () =>
    queryOne(
      gateway.engine.url,
      `select count(*)::int from pg_stat_activity where query = '${STATEMENT}' and state = 'active'`,
    );

  /** A session that is at work. */
  async function atWork(database = gateway.engine.name): Promise<WireClient> {
    const client = await eventually(async () => {
      const wire = await WireClient.connect({ port: gateway.port, tls: true });
      wire.startup('ada', database);
      await wire.scram(ada.password);
      expect(await wire.verdict()).toEqual({ ok: true });
      return wire;
    });
    client.send(encodeFrontend({ kind: 'query', sql: STATEMENT }));
    await eventually(async () => expect(await running()).toBe(1));
    return client;
  }

  it.each(WAYS)('%s: the statement is cancelled, and the place is free', async (_how, leave) => {
    const client = await atWork();
    leave(client);
    await eventually(async () => expect(await running()).toBe(0), SOON_MS);
    await inAgain(SOON_MS);
    client.destroy();
  });

  it.each(WAYS)('%s, and the engine is silent: the place is free all the same', async (_how, leave) => {
    const client = await atWork('silent');
    network.silence();
    leave(client);
    // A login then fails at the engine, or gets a session that was kept: both are past the limit on sessions.
    const outcome = () =>
      openSession(gateway.clientConfig('ada', ada.password, 'silent')).then(
        ({ client: other }) => other.end(),
        (error: unknown) => (error as { code: string }).code,
      );
    expect(await outcome()).toBe('53300');
    await eventually(async () => expect(await outcome()).not.toBe('53300'), SOON_MS);
    network.speak();
    await inAgain();
    await eventually(async () => expect(await running()).toBe(0));
    client.destroy();
  });

  async function inAgain(patienceMs?: number): Promise<void> {
    await eventually(async () => {
      const { client } = await openSession(gateway.clientConfig('ada', ada.password));
      expect(await ping(client)).toBe(1);
      await client.end();
    }, patienceMs);
  }
});
