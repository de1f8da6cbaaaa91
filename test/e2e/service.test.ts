import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { describeWith } from '../support/clients.ts';
import { prepareGround } from '../support/gateway.ts';
import { startGatewayProcess } from '../support/gateway-process.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/** Takes datagrams for as long as it runs, and appends each to a file as one line. */
const RECEIVER = `
  use Socket; use IO::Handle;
  socket(my $s, PF_UNIX, SOCK_DGRAM, 0) or die; bind($s, sockaddr_un($ARGV[0])) or die;
  open(my $out, '>>', $ARGV[1]) or die; $out->autoflush(1);
  while (defined(recv($s, my $m, 4096, 0))) { $m =~ s/\\n/ /g; print $out "$m\\n"; }`;

/** A service manager's ear: a socket for systemd-notify to send to. A stand-in for that program would take whatever it is told. */
async function serviceManager(perl: string): Promise<{ socket: string; heard: () => string[] }> {
  const directory = await temporaryDirectory();
  const [socket, file] = ['notify', 'heard'].map((name) => path.join(directory, name)) as [string, string];
  writeFileSync(file, '');
  const heard = (): string[] =>
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '' && line !== 'BARRIER=1');
  const receiver = spawn(perl, ['-e', RECEIVER, socket, file], { stdio: 'ignore' });
  onTestFinished(async () => {
    receiver.kill();
    await once(receiver, 'exit');
  });
  await soon(() => existsSync(socket)).toBe(true);
  return { socket, heard };
}

const soon = <T>(read: () => T) => expect.poll(read, { timeout: 20_000, interval: 20 });

describeWith('systemd-notify', 'a service manager', ({ perl }) => {
  test('hears of start, reload, watchdog and stop', async () => {
    const manager = await serviceManager(perl);
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
