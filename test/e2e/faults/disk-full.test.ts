import { rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemActor } from '../../../src/accounts/actor.ts';
import { findPostmaster } from '../../../src/embedded/postmaster.ts';
import { describeWith } from '../../support/clients.ts';
import { asAdmin } from '../../support/database.ts';
import { eventually } from '../../support/eventually.ts';
import { inWords, promised, type Promised } from '../../support/faults-page.ts';
import { runPatgate, startGatewayProcess, type GatewayProcess } from '../../support/gateway-process.ts';
import { embeddedGround, type GatewayGround, type TestUser } from '../../support/gateway.ts';
import { openSession, ping } from '../../support/session.ts';
import { mountSmallDisk, type SmallDisk } from '../../support/small-disk.ts';

const ROOT = systemActor('fault test');
const MEGABYTES = 220;
const FULL = expect.stringMatching(/there is no space left on the disk$/) as string;

/** Needs a new file of it sooner or later, and no table. @returns once PostgreSQL has said that there is none */
async function fillWriteAheadLog(url: string): Promise<void> {
  const sql =
    "select count(pg_logical_emit_message(true, 'x', repeat('x', 1000000))) from generate_series(1, 20)";
  await expect(
    (async () => {
      for (let n = 0; n < 20; n += 1) await asAdmin(sql, url);
    })(),
  ).rejects.toThrow();
}

/** The embedded PostgreSQL keeps the store; the engine is elsewhere, so that sessions have a place of their own. */
describeWith('mount', 'a disk that fills up under the embedded store', () => {
  let disk: SmallDisk;
  let ground: GatewayGround;
  let gateway: GatewayProcess;
  let ada: TestUser;
  let api = '';

  beforeAll(async () => {
    disk = await mountSmallDisk(MEGABYTES);
    ground = await embeddedGround(path.join(disk.directory, 'data'));
    gateway = await startGatewayProcess({}, ground);
    ada = await gateway.addUser('ada');
    api = (await gateway.issueToken(ada, { label: 'api', scopes: ['tokens'] })).token;
  });
  afterAll(async () => {
    await gateway.stop();
    await ground.drop();
    await disk.unmount();
  });

  /** @returns `ok`, or SQLSTATE and text of the refusal */
  const logIn = (secret: string, user = '$token'): Promise<string> =>
    openSession(gateway.clientConfig(user, secret))
      .then(({ client }) => client.end())
      .then(
        () => 'ok',
        (error: unknown) => inWords(error as Promised),
      );
  const create = async () => {
    const response = await fetch(`${gateway.info.http?.url ?? ''}/api/v1/tokens`, {
      method: 'POST',
      headers: { authorization: `Bearer ${api}`, 'content-type': 'application/json' },
      body: JSON.stringify({ label: `token ${performance.now()} ${'x'.repeat(150)}` }),
    });
    const body = (await response.json()) as { token: string; code: string };
    return { status: response.status, ...body };
  };

  it('refuses what cannot be written, goes on with what can be read, and recovers by itself', async () => {
    const running = await openSession(gateway.clientConfig('ada', ada.password));
    const made: string[] = [];
    const makeUntilRefused = async (): Promise<string> => {
      for (;;) {
        const answer = await create();
        if (answer.status !== 201) return `${answer.status} ${answer.code}`;
        made.push(answer.token);
      }
    };
    await gateway.services.policy.set(ROOT, { maxLiveTokensPerUser: 128 });
    await disk.fill();
    // First the tables can not grow any more, then the write-ahead log can not, and PostgreSQL has to stop.
    expect(await makeUntilRefused()).toMatch(/^503 store\.(failed|unreachable)$/);
    expect(await ping(running.client)).toBe(1);
    expect(await logIn(ada.password, 'ada')).toMatch(/^(ok$|57P03 )/);
    await fillWriteAheadLog(gateway.info.storeUrl);
    const stopped = inWords(promised('full disk, the embedded store', '57P03'));
    await eventually(async () => expect(await logIn(api)).toBe(stopped));
    expect(await create()).toMatchObject({ status: 503, code: 'store.unreachable' });
    expect(await ping(running.client)).toBe(1);
    expect((await fetch(`${gateway.info.http?.url ?? ''}/healthz`)).status).toBe(200);
    await eventually(() => expect(gateway.logged().map(({ reason }) => reason)).toContainEqual(FULL));

    await disk.free();
    await eventually(async () => expect(await logIn(api)).toBe('ok'));
    await eventually(async () => expect((await create()).status).toBe(201));
    expect(await ping(running.client)).toBe(1);
    await running.client.end();
    for (const token of made) expect(await logIn(token)).toBe('ok');
    const issued = await gateway.services.audit.list({ action: 'token.issue', limit: 1000 });
    expect(issued.length).toBeGreaterThanOrEqual(made.length);
    await eventually(async () => expect(await gateway.services.audit.verify()).toMatchObject({ ok: true }));
  });

  it('stops in order on a full disk, and says in one line why it cannot start there', async () => {
    await disk.fill();
    const data = path.join(ground.dataDir, 'embedded', 'data');
    expect(await findPostmaster(data)).not.toBeNull();
    expect(await gateway.end('SIGTERM')).toBe(0);
    expect(await findPostmaster(data)).toBeNull();
    for (const dataDir of [ground.dataDir, path.join(disk.directory, 'new')]) {
      const { code, stderr } = await runPatgate(['serve'], {
        ...ground.environment,
        PATGATE_DATA_DIR: dataDir,
      });
      expect(stderr.trimEnd().split('\n')).toEqual([FULL]);
      expect(stderr).toContain(dataDir);
      expect(code).toBe(5);
      await rm(path.join(disk.directory, 'new'), { recursive: true, force: true });
    }
    await disk.free();
    gateway = await startGatewayProcess({}, ground);
    expect(await logIn(api)).toBe('ok');
  });
});
