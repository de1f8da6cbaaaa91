import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { workersOf } from '../support/child.ts';
import { describeWith } from '../support/clients.ts';
import { prepareGround, type GatewaySettings } from '../support/gateway.ts';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { listenAsServiceManager } from '../support/service-manager.ts';

const HUNGRY = 'not healthy: the watchdog is not fed';

const soon = <T>(read: () => T) => expect.poll(read, { timeout: 20_000, interval: 20 });

describeWith('systemd-notify', 'a service manager', ({ perl }) => {
  test('hears of start, reload, watchdog and stop', async () => {
    const manager = await listenAsServiceManager(perl);
    const ground = await prepareGround();
    onTestFinished(() => ground.drop());
    const environment = { ...ground.environment, NOTIFY_SOCKET: manager.socket, WATCHDOG_USEC: '300000' };
    const gateway = await startGatewayProcess({}, { ...ground, environment });
    try {
      await soon(manager.heard).toContain(`READY=1 STATUS=ready on 127.0.0.1:${gateway.port}`);
      await soon(() => manager.heard().filter((line) => line === 'WATCHDOG=1').length).toBeGreaterThan(2);
      const before = process.hrtime.bigint() / 1000n;
      await gateway.reload();
      await soon(() => manager.heard().filter((line) => line.startsWith('READY=1')).length).toBe(2);
      const reloading = manager.heard().find((line) => line.startsWith('RELOADING=1')) ?? '';
      const at = BigInt(/^RELOADING=1 MONOTONIC_USEC=(\d+) STATUS=reloading$/.exec(reloading)?.[1] ?? '0');
      expect(at).toBeGreaterThanOrEqual(before);
      expect(at).toBeLessThanOrEqual(process.hrtime.bigint() / 1000n);
      // A process that hangs feeds nobody.
      process.kill(gateway.pid, 'SIGSTOP');
      const hungry = manager.heard().length;
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(manager.heard().length - hungry).toBeLessThanOrEqual(1);
      process.kill(gateway.pid, 'SIGCONT');
      expect(await gateway.end('SIGTERM')).toBe(0);
      expect(
        manager
          .heard()
          .filter((line) => !line.startsWith('WATCHDOG'))
          .at(-1),
      ).toMatch(/^STOPPING=1 STATUS=/);
    } finally {
      await gateway.stop();
    }
  });
});

describeWith('systemd-notify', 'a watchdog', ({ perl }) => {
  async function startWatched(settings: GatewaySettings): Promise<{
    readonly gateway: GatewayProcess;
    readonly heard: () => string[];
  }> {
    const manager = await listenAsServiceManager(perl);
    const ground = await prepareGround(settings);
    onTestFinished(() => ground.drop());
    const environment = { ...ground.environment, NOTIFY_SOCKET: manager.socket, WATCHDOG_USEC: '300000' };
    const gateway = await startGatewayProcess({}, { ...ground, environment });
    onTestFinished(() => gateway.stop());
    return { gateway, heard: () => manager.heard() };
  }
  const count = (lines: readonly string[]) => lines.filter((line) => line === 'WATCHDOG=1').length;

  test('is fed while statements finish after SIGTERM: that may take longer than it waits', async () => {
    const { gateway, heard } = await startWatched({ 'shutdown.grace': '60s' });
    const ada = await gateway.addUser('ada');
    const busy = new pg.Client(gateway.clientConfig('ada', ada.password));
    busy.on('error', () => undefined);
    await busy.connect();
    await busy.query('BEGIN');
    const exited = gateway.end('SIGTERM');
    await soon(() => heard().findIndex((line) => line.startsWith('STOPPING=1'))).toBeGreaterThan(0);
    const before = count(heard());
    await soon(() => count(heard())).toBeGreaterThan(before + 3);
    await busy.query('COMMIT');
    expect(await exited).toBe(0);
  });

  test('goes hungry while no worker is there to serve, and is fed again once one is', async () => {
    const { gateway, heard } = await startWatched({ workers: '2' });
    const certificate = path.join(gateway.dataDir, 'tls', 'server.crt');
    const kept = readFileSync(certificate);
    // Whoever takes their places cannot serve with that.
    writeFileSync(certificate, 'no certificate');
    for (const pid of workersOf(gateway.pid)) process.kill(pid, 'SIGKILL');
    const hungry = () => gateway.logged().filter(({ msg }) => msg === HUNGRY).length;
    // By then, what was under way has arrived.
    await soon(hungry).toBeGreaterThan(3);
    const before = { hungry: hungry(), fed: count(heard()) };
    await soon(hungry).toBeGreaterThan(before.hungry + 3);
    expect(count(heard())).toBe(before.fed);
    writeFileSync(certificate, kept);
    await soon(() => count(heard())).toBeGreaterThan(before.fed + 1);
    expect((await fetch(`${gateway.info.http?.url ?? ''}/readyz`)).status).toBe(200);
  });
});

describeWith('linux', 'a limit on file descriptors', () => {
  test('is told at the start, and refuses sessions politely', async () => {
    const gateway = await startGatewayProcess({ 'pool.max_idle': '0', 'store.pool_size': '150' }, undefined, [
      'prlimit',
      '--nofile=400:400',
      '--',
    ]);
    try {
      expect(gateway.logged()).toContainEqual(
        expect.objectContaining({
          level: 'warn',
          msg: 'file descriptors are scarce',
          shortage: expect.stringContaining('The limit is 400: enough for 18 sessions') as string,
        }) as object,
      );
      const ada = await gateway.addUser('ada');
      const open = async (): Promise<pg.Client | string> => {
        const client = new pg.Client(gateway.clientConfig('ada', ada.password));
        client.on('error', () => undefined);
        return client.connect().then(
          () => client,
          (error: unknown) => (error as { code: string }).code,
        );
      };
      const outcomes: (pg.Client | string)[] = [];
      for (let batch = 0; batch < 3; batch++) {
        outcomes.push(...(await Promise.all(Array.from({ length: 20 }, open))));
      }
      const opened = outcomes.filter((outcome) => typeof outcome !== 'string');
      expect(opened.length).toBe(18);
      expect(outcomes.filter((outcome) => typeof outcome === 'string')).toEqual(
        Array<string>(42).fill('53300'),
      );
      for (const client of opened) expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
      await opened[0]?.end();
      await soon(async () => {
        const again = await open();
        if (typeof again !== 'string') await again.end();
        return typeof again;
      }).toBe('object');
      for (const client of opened.slice(1)) await client.end();
    } finally {
      await gateway.stop();
    }
  });
});
