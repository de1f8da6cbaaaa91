import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWith } from '../../support/clients.ts';
import { eventually } from '../../support/eventually.ts';
import { startGatewayProcess, type GatewayProcess } from '../../support/gateway-process.ts';
import { prepareGround, type GatewayGround } from '../../support/gateway.ts';
import { openSession, ping } from '../../support/session.ts';

const DAY_S = 86_400;
/** Of 100 a second, see proc(5): utime and stime. */
const TICKS = [13, 14] as const;

/** A gateway whose wall clock is set under it, while its store's is right. */
describeWith('faketime', 'a clock that is set', (library) => {
  let ground: GatewayGround;
  let gateway: GatewayProcess;
  let clockFile = '';

  beforeAll(async () => {
    ground = await prepareGround({ 'sessions.idle_timeout': '1h' });
    clockFile = path.join(ground.dataDir, 'clock');
    await setClock(0);
    const variables = [
      `LD_PRELOAD=${library}`,
      `FAKETIME_TIMESTAMP_FILE=${clockFile}`,
      'FAKETIME_NO_CACHE=1',
      'DONT_FAKE_MONOTONIC=1',
    ];
    gateway = await startGatewayProcess({}, ground, ['env', ...variables]);
  });
  afterAll(async () => {
    await gateway.stop();
    await ground.drop();
  });

  const setClock = (seconds: number) => writeFile(clockFile, `${seconds < 0 ? '' : '+'}${seconds}`);
  const open = (user: string, secret: string) => openSession(gateway.clientConfig(user, secret));
  const codeOf = (work: Promise<unknown>) =>
    work.then(
      () => 'ok',
      (error: unknown) => (error as { code: string }).code,
    );
  const logIn = (user: string, secret: string) =>
    codeOf(open(user, secret).then(({ client }) => client.end()));
  const cpuSeconds = async (): Promise<number> => {
    const stat = await readFile(`/proc/${gateway.pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return TICKS.reduce((sum, field) => sum + Number(fields[field - 2]), 0) / 100;
  };

  it('expires tokens by what it says, and moves no other time limit', async () => {
    const ada = await gateway.addUser('ada');
    const brief = await gateway.issueToken(ada, { label: 'brief', lifetime: { ms: 2 * DAY_S * 1000 } });
    const long = await gateway.issueToken(ada, { label: 'long', lifetime: { ms: 90 * DAY_S * 1000 } });
    const ending = await open('$token', brief.token);
    const staying = [await open('$token', long.token), await open('ada', ada.password)];

    await setClock(10 * DAY_S);
    expect((await ending.ended).message).toContain('token "brief" has expired');
    expect(await logIn('$token', brief.token)).toBe('28000');
    expect(await logIn('$token', long.token)).toBe('ok');
    expect(await logIn('ada', ada.password)).toBe('ok');

    await setClock(-10 * DAY_S);
    const before = await cpuSeconds();
    const startedMs = performance.now();
    for (let n = 0; performance.now() - startedMs < 1500; n += 1) {
      expect(await logIn('ada', ada.password)).toBe('ok');
      await eventually(() => expect(performance.now() - startedMs).toBeGreaterThan(n * 250));
    }
    // No timer of it goes off again and again.
    expect((await cpuSeconds()) - before).toBeLessThan(1);
    for (const { client } of staying) {
      expect(await ping(client)).toBe(1);
      await client.end();
    }
    await setClock(0);
    expect(await logIn('$token', brief.token)).toBe('ok');
    await eventually(async () => {
      const rows = await gateway.services.audit.list({ action: 'session.close', limit: 100 });
      expect(rows.map(({ reason }) => reason)).toContain('session.expired');
    });
    expect(await gateway.services.audit.verify()).toMatchObject({ ok: true });
  });
});
