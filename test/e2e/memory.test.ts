import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';
import { expect, test } from 'vitest';
import { describeWith } from '../support/clients.ts';
import { eventually } from '../support/eventually.ts';
import { startGatewayProcess } from '../support/gateway-process.ts';
import { openSession, ping } from '../support/session.ts';
import { makeDirectory } from '../support/temporary.ts';

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

const MIB = 2 ** 20;

/** A directory that the gateway sees as the control groups of both versions; their limit is a gigabyte. */
async function makeGroups(): Promise<{ readonly directory: string; use(mib: number): Promise<void> }> {
  const directory = await makeDirectory();
  await mkdir(path.join(directory, 'memory'));
  const write = (name: string, content: string) => writeFile(path.join(directory, name), content);
  await write('memory.max', `${1024 * MIB}\n`);
  await write('memory/memory.limit_in_bytes', `${1024 * MIB}\n`);
  return {
    directory,
    async use(mib) {
      await write('memory.current', `${mib * MIB}\n`);
      await write('memory/memory.usage_in_bytes', `${mib * MIB}\n`);
    },
  };
}

describeWith('mount', 'a container', () => {
  test.each(['1', '2'])(
    'whose memory others have used up gets no more sessions until there is some again, workers = %s',
    async (workers) => {
      const groups = await makeGroups();
      await groups.use(300);
      const wrap = ['unshare', '--mount', 'sh', '-c', 'mount --bind "$0" /sys/fs/cgroup && exec "$@"'];
      const gateway = await startGatewayProcess({ workers }, undefined, [...wrap, groups.directory]);
      try {
        const ada = await gateway.addUser('ada');
        const login = () => openSession(gateway.clientConfig(ada.name, ada.password));
        const running = await login();
        await groups.use(1000);
        await eventually(() => expect(login()).rejects.toMatchObject({ code: '53200' }));
        expect(gateway.logged()).toContainEqual(
          expect.objectContaining({
            code: 'session.out_of_memory',
            reason: "1000 MiB of 1024 MiB memory in use (the container's limit)",
          }),
        );
        expect(await ping(running.client)).toBe(1);
        await groups.use(300);
        const next = await eventually(login);
        for (const { client } of [running, next]) await client.end();
      } finally {
        await gateway.stop();
        await rm(groups.directory, { recursive: true });
      }
    },
  );
});
