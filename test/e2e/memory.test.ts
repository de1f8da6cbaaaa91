import pg from 'pg';
import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startGatewayProcess } from '../support/gateway-process.ts';

/** Near the most that the console takes of one statement. */
const LONG = 'x'.repeat(30_000);
/** Of this length, about as many as the console keeps for one session. */
const STATEMENTS = 120;
/** Twice as many as there is room for. */
const MOST_SESSIONS = 30;

test('a gateway that runs out of memory refuses logins, keeps its sessions, and lets others in when some have left', async () => {
  const wrap = ['env', 'NODE_OPTIONS=--max-old-space-size=64'];
  const gateway = await startGatewayProcess({ 'log.level': 'info' }, undefined, wrap);
  try {
    const ada = await gateway.addUser('ada');
    const login = async (database?: string): Promise<pg.Client> => {
      const client = new pg.Client(gateway.clientConfig(ada.name, ada.password, database));
      client.on('error', () => undefined);
      await client.connect();
      return client;
    };
    const running = await login();
    // What they prepare there, the gateway itself has to remember.
    const greedy: pg.Client[] = [];
    let refusal: unknown;
    while (refusal === undefined && greedy.length < MOST_SESSIONS) {
      const client = await login('patgate').catch((error: unknown) => {
        refusal = error;
        return null;
      });
      if (client === null) break;
      greedy.push(client);
      for (let n = 0; n < STATEMENTS; n++) {
        await client.query({ name: `statement ${n}`, text: `SELECT '${LONG}${n}' AS text` });
      }
    }
    expect(refusal).toMatchObject({
      code: '53200',
      message: 'out of memory: the gateway takes no more sessions at the moment',
    });
    expect((await running.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    expect((await greedy[0]?.query('SHOW VERSION'))?.rows.length).toBe(1);
    const metrics = await (await fetch(`${gateway.info.metrics?.url ?? ''}/metrics`)).text();
    expect(metrics).toMatch(/^patgate_logins_total\{[^}]*code="session\.out_of_memory"[^}]*\} \d+$/m);

    for (const client of greedy) await client.end();
    await (await eventually(() => login())).end();
    expect((await running.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await running.end();
  } finally {
    await gateway.stop();
  }
});
