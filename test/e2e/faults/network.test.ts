import type pg from 'pg';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { variableOf } from '../../../src/config/names.ts';
import { runScript, type Child } from '../../support/child.ts';
import { describeWith } from '../../support/clients.ts';
import { eventually } from '../../support/eventually.ts';
import { promised } from '../../support/faults-page.ts';
import { startGatewayProcess, type GatewayProcess } from '../../support/gateway-process.ts';
import { prepareGround, type GatewayGround, type TestUser } from '../../support/gateway.ts';
import { queryOne } from '../../support/query.ts';
import { makeTwoHosts, type Host, type TwoHosts } from '../../support/two-hosts.ts';

/** What a process on one of the hosts says of the sessions that it opened. */
interface Happened {
  readonly id: string;
  readonly event: 'open' | 'done' | 'failed';
  readonly code: string | null;
  readonly message: string | null;
  readonly ms: number;
}

const KEEPALIVE = '1s';
/** The kernel asks ten times, a second apart. */
const GONE_AFTER_MS = 11_000;
const QUERY_TIMEOUT_MS = 1500;

/** Real loss between two hosts: no reset, no refusal, no word from anybody. */
describeWith('netns', 'a network that loses everything', () => {
  let hosts: TwoHosts;
  let ground: GatewayGround;
  let gateway: GatewayProcess;
  let ada: TestUser;
  let far: People;
  let near: People;
  const helpers: Child[] = [];

  /** The shared PostgreSQL, as seen at an address of the far host. */
  const relayed = async (url: string): Promise<string> => {
    const { socketDirectory, port } = inject('cluster');
    const socket = `${socketDirectory ?? ''}/.s.PGSQL.${port}`;
    const relay = runScript('test/support/relay-host.ts', [hosts.far.address, socket], {
      wrap: hosts.far.wrap,
    });
    helpers.push(relay);
    const other = new URL(url);
    other.hostname = hosts.far.address;
    other.port = await relay.line();
    return other.href;
  };

  beforeAll(async () => {
    hosts = await makeTwoHosts();
    const prepared = await prepareGround({
      'listen.postgres': `${hosts.near.address}:0`,
      'listen.keepalive': KEEPALIVE,
      'store.connect_timeout': `${QUERY_TIMEOUT_MS}ms`,
      'store.query_timeout': `${QUERY_TIMEOUT_MS}ms`,
    });
    ground = {
      ...prepared,
      environment: {
        ...prepared.environment,
        [variableOf('store.url')]: await relayed(prepared.store.url),
        [variableOf('databases')]: `*=main, far=far/${prepared.engine.name}`,
        PATGATE_ENGINES_FAR_URL: `${await relayed(prepared.engine.url)}?sslmode=disable`,
        PATGATE_ENGINES_FAR_KEEPALIVE: KEEPALIVE,
      },
    };
    gateway = await startGatewayProcess({}, ground, hosts.near.wrap);
    ada = await gateway.addUser('ada');
    [far, near] = [new People(hosts.far), new People(hosts.near)];
  });
  afterAll(async () => {
    await hosts.mend();
    await gateway.stop();
    await Promise.all([...helpers, far.process, near.process].map((child) => child.end()));
    await ground.drop();
    await hosts.remove();
  });

  const config = (database?: string): pg.ClientConfig => {
    const { ssl, ...rest } = gateway.clientConfig('ada', ada.password, database);
    const { ca, servername } = ssl as { ca: Buffer; servername: string };
    return { ...rest, ssl: { ca: ca.toString('utf8'), servername } };
  };
  const runs = (statement: string) =>
    queryOne(
      inject('cluster').adminUrl,
      `select count(*)::int from pg_stat_activity where query = '${statement}' and state = 'active'`,
    );

  it('ends what hangs on it in bounded time, says why to those it can reach, and all is well afterwards', async () => {
    const [vanishing, orphaned] = ['select pg_sleep(301)', 'select pg_sleep(302)'];
    far.open('vanishing', config(), vanishing);
    near.open('orphaned', config('far'), orphaned);
    for (const statement of [vanishing, orphaned]) {
      await eventually(async () => expect(await runs(statement)).toBe(1));
    }
    const before = performance.now();
    await hosts.cut();
    const patienceMs = GONE_AFTER_MS + 9000;

    // The store: found silent once, and its address once more.
    near.open('during', config(), 'select 1');
    expect(await near.outcome('during')).toMatchObject(promised('silent, or its network is', '57P03'));
    expect((await near.outcome('during')).ms).toBeLessThan(4 * QUERY_TIMEOUT_MS);
    // The client: its statement is not left to run for nobody.
    await eventually(async () => expect(await runs(vanishing)).toBe(0), patienceMs);
    // The engine: whoever waits for its answer is told that there will be none.
    expect(await near.outcome('orphaned')).toMatchObject(promised('silent in mid-session', '57P02', 'far'));
    expect(performance.now() - before).toBeLessThan(patienceMs);

    await hosts.mend();
    await eventually(async () => {
      const id = `after ${performance.now()}`;
      near.open(id, config('far'), 'select 1');
      expect((await near.outcome(id)).event).toBe('done');
    });
    await eventually(async () => {
      const rows = await gateway.services.audit.list({ action: 'session.close' });
      expect(rows.map(({ reason }) => reason)).toEqual(
        expect.arrayContaining(['engine.lost', 'client lost']),
      );
    });
    expect(await gateway.services.audit.verify()).toMatchObject({ ok: true });
  });
});

/** Whoever opens sessions on one of the hosts. */
class People {
  readonly process: Child;
  readonly #happened: Happened[] = [];

  constructor(host: Host) {
    this.process = runScript('test/support/session-host.ts', [], { wrap: host.wrap });
    void this.#listen();
  }

  open(id: string, config: pg.ClientConfig, statement: string): void {
    this.process.process.stdin?.write(`${JSON.stringify({ id, config, statement })}\n`);
  }

  /** How it ended. */
  outcome(id: string): Promise<Happened> {
    return eventually(() => {
      const last = this.#happened.find((one) => one.id === id && one.event !== 'open');
      if (last === undefined) throw new Error(`nothing has become of ${id} yet`);
      return last;
    });
  }

  async #listen(): Promise<void> {
    for (;;) {
      const line = await this.process.line().catch(() => null);
      if (line === null) return;
      this.#happened.push(JSON.parse(line) as Happened);
    }
  }
}
